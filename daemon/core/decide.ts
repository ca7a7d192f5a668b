// From what is seen and known to what must be stored: where everybody is, which rules fire, what began, changed and ended;
// every firing becomes an alert, those of a group one together. A pure function of the configuration, of what it is given, and
// of the times it is given: the same again gives the same again (backtest, replay). Ids are passed in. Main thread.
import type { DecisionScene } from './decision-scene.ts';
import { EventBook } from './events.ts';
import { alertOf, type Firing } from './firing.ts';
import { type Grouped, Groups } from './groups.ts';
import type { Location } from './rule-types.ts';
import { RuleEngine, type RuleEngineSettings } from './rules.ts';
import { localTime } from './schedule.ts';
import type { TrackTrace } from './trace-types.ts';
import type { Alert, EventChange, Fact, Moment, Observation, Snapshot } from './types.ts';
import { type Sighting, Whereabouts } from './whereabouts.ts';

export interface Decision {
  readonly events: readonly EventChange[];
  readonly alerts: readonly Alert[];
  /** Tracks that ended, or made a rule fire, or have been there for another minute. */
  readonly traces: readonly TrackTrace[];
}

/** What an observation leads to. */
export interface Judgement extends Decision {
  /** Where its tracks are, in its order. Valid until the next observation. */
  readonly sightings: readonly Sighting[];
}

export interface DeciderOptions extends DecisionScene, RuleEngineSettings {
  readonly newId: () => string;
}

const NONE: readonly never[] = [];
const NOTHING: Decision = { events: NONE, alerts: NONE, traces: NONE };

export class Decider {
  readonly #whereabouts: Whereabouts;
  readonly #engine: RuleEngine;
  readonly #groups = new Groups();
  readonly #book: EventBook;
  readonly #newId: () => string;
  #location: Location;

  constructor(options: DeciderOptions) {
    this.#whereabouts = new Whereabouts(options.places);
    this.#engine = new RuleEngine(options, options);
    this.#newId = options.newId;
    this.#location = options.location;
    this.#book = new EventBook(options);
  }

  /** Goes on with other rules, zones and lines; open events stay open, open groups are told as they are. */
  reconfigure(scene: DecisionScene): Decision {
    const decision = this.finish();
    this.#whereabouts.rearrange(scene.places);
    this.#engine.reconfigure(scene);
    this.#location = scene.location;
    return decision;
  }

  /** Takes the observations of all cameras in the order they were made; what it decides is usually nothing. */
  observe(observation: Observation): Judgement {
    const { camera, stamp } = observation;
    // Of whoever is there until this look.
    const due = this.#engine.elapse(camera, stamp);
    const early = due.length === 0 ? NONE : this.#alerts(due);
    const sightings = this.#whereabouts.observe(observation);
    const firings = this.#engine.observe(observation, sightings);
    const events = this.#book.observe(observation, sightings);
    const alerts = this.#alertsAt(camera, firings, observation);
    const traces = this.#engine.traces(observation, (track) => this.#book.eventIdOf(camera, track));
    return { events, alerts: early.length === 0 ? alerts : [...early, ...alerts], traces, sightings };
  }

  /** Most looks make nothing, and then nothing is made. */
  #alertsAt(camera: string, firings: readonly Firing[], observation: Observation): readonly Alert[] {
    if (firings.length === 0 && this.#groups.isEmpty) return NONE;
    return [...this.#alerts(firings, observation), ...this.#closeGroups(camera, observation.stamp)];
  }

  /** Something has become so. A camera is armed until a fact says otherwise; its status is unknown. */
  learn(fact: Fact, moment: Moment): Decision {
    return this.#decision(this.#engine.learn(fact, moment));
  }

  /** Time passes while nothing is seen: call it several times a second. */
  advance(moment: Moment): Decision {
    const decision = this.#decision(this.#engine.advance(moment));
    const events = this.#book.advance(moment);
    return events.length === 0 ? decision : { ...decision, events };
  }

  /** No more is waited for: groups that are open are told as they are. */
  finish(): Decision {
    const alerts = this.#groups.flush().map((group) => this.#alertOfGroup(group));
    return alerts.length === 0 ? NOTHING : { ...NOTHING, alerts };
  }

  /** The picture with the event of its track, which the observation that named it has begun. */
  eventOf(snapshot: Snapshot): Snapshot {
    const eventId = this.#book.eventIdOf(snapshot.camera, snapshot.track);
    return eventId === undefined ? snapshot : { ...snapshot, eventId };
  }

  #decision(firings: readonly Firing[]): Decision {
    const alerts = this.#alerts(firings);
    if (!this.#groups.isEmpty) {
      for (const camera of this.#engine.cameras)
        alerts.push(...this.#closeGroups(camera, this.#engine.timeOf(camera)));
    }
    return alerts.length === 0 ? NOTHING : { ...NOTHING, alerts };
  }

  /** Alerts of what fired; of a group whose time is over before that, first. */
  #alerts(firings: readonly Firing[], observation?: Observation): Alert[] {
    const alerts: Alert[] = [];
    for (const firing of firings) {
      if (firing.camera !== undefined) alerts.push(...this.#closeGroups(firing.camera, firing));
      const eventIds = this.#eventIdsOf(firing);
      if (firing.rule.groupS > 0 && firing.tracks.length > 0) this.#groups.add(firing, eventIds);
      else alerts.push(this.#alertOf(firing, eventIds, observation));
    }
    return alerts;
  }

  #closeGroups(camera: string, now: Moment): Alert[] {
    return this.#groups.due(camera, now).map((group) => this.#alertOfGroup(group));
  }

  #eventIdsOf({ camera, tracks }: Firing): string[] {
    if (camera === undefined) return [];
    return tracks.flatMap(({ id }) => this.#book.eventIdOf(camera, id) ?? []);
  }

  #alertOf(firing: Firing, eventIds: readonly string[], observation?: Observation): Alert {
    const alert = alertOf(firing, {
      id: this.#newId(),
      eventIds,
      time: localTime(firing.atMs, this.#location),
      stages: firing.byFrame ? observation?.stages : undefined,
    });
    const note = firing.notes?.at(-1);
    if (note !== undefined) note.alertId = alert.id;
    return alert;
  }

  #alertOfGroup({ firing, eventIds, notes }: Grouped): Alert {
    const alert = this.#alertOf(firing, eventIds);
    for (const list of notes) {
      const note = list.at(-1);
      if (note !== undefined) note.alertId = alert.id;
    }
    return alert;
  }
}

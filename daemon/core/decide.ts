// From what is seen and known to what must be stored: where everybody is, which rules fire, what began, changed and ended;
// every firing becomes an alert. A pure function of the configuration, of what it is given, and of the times it is given:
// the same again gives the same again (backtest, replay). Ids are passed in. Main thread.
import { EventBook } from './events.ts';
import type { Location, Places, Rule } from './rule-types.ts';
import { type Firing, RuleEngine } from './rules.ts';
import type { TrackTrace } from './trace-types.ts';
import type { Alert, EventChange, Fact, Moment, Observation, Snapshot } from './types.ts';
import { type Sighting, Whereabouts } from './whereabouts.ts';

/** The configuration as far as it decides anything. */
export interface DecisionScene {
  readonly rules: readonly Rule[];
  /** By camera name. */
  readonly places: ReadonlyMap<string, Places>;
  readonly location: Location;
}

export interface Decision {
  readonly events: readonly EventChange[];
  readonly alerts: readonly Alert[];
  /** Tracks that ended, or made a rule fire. */
  readonly traces: readonly TrackTrace[];
}

/** What an observation leads to. */
export interface Judgement extends Decision {
  /** Where its tracks are, in its order. Valid until the next observation. */
  readonly sightings: readonly Sighting[];
}

const NOTHING: Decision = { events: [], alerts: [], traces: [] };

export class Decider {
  readonly #whereabouts: Whereabouts;
  readonly #engine: RuleEngine;
  readonly #book: EventBook;
  readonly #newId: () => string;

  constructor(options: DecisionScene & { readonly newId: () => string }) {
    this.#whereabouts = new Whereabouts(options.places);
    this.#engine = new RuleEngine(options);
    this.#newId = options.newId;
    this.#book = new EventBook(options);
  }

  /** Goes on with other rules, zones and lines; open events stay open. */
  reconfigure(scene: DecisionScene): void {
    this.#whereabouts.rearrange(scene.places);
    this.#engine.reconfigure(scene);
  }

  /** Takes the observations of all cameras in the order they were made; what it decides is usually nothing. */
  observe(observation: Observation): Judgement {
    const sightings = this.#whereabouts.observe(observation);
    const firings = this.#engine.observe(observation, sightings);
    const events = this.#book.observe(observation, sightings);
    const alerts = firings.map((firing) => this.#alertOf(firing, observation));
    return { events, alerts, traces: [], sightings };
  }

  /** Something has become so. A camera is armed, and online, until the first fact says otherwise. */
  learn(fact: Fact, _moment: Moment): Decision {
    this.#engine.learn(fact);
    return NOTHING;
  }

  /** Time passes while nothing is seen: call it several times a second. */
  advance(moment: Moment): Decision {
    const events = this.#book.advance(moment);
    return events.length === 0 ? NOTHING : { ...NOTHING, events };
  }

  /** The picture with the event of its track, which the observation that named it has begun. */
  eventOf(snapshot: Snapshot): Snapshot {
    const eventId = this.#book.eventIdOf(snapshot.camera, snapshot.track);
    return eventId === undefined ? snapshot : { ...snapshot, eventId };
  }

  #alertOf({ rule, track, zone }: Firing, { camera, stamp, stages }: Observation): Alert {
    const eventId = this.#book.eventIdOf(camera, track.id);
    // A rule fires on confirmed live tracks only, and the book has just opened an event for each of those.
    if (eventId === undefined)
      throw new Error(`rule '${rule.name}' fired on track ${track.id} without an event`);
    return {
      id: this.#newId(),
      eventId,
      count: 1,
      rule: rule.name,
      trigger: rule.trigger.type,
      severity: rule.severity,
      camera,
      label: track.label,
      zone,
      score: track.scoreMedian,
      message: fillMessage(rule.message ?? '{label} entered {zone} at {camera}', {
        label: track.label,
        zone,
        camera,
        score: track.scoreMedian.toFixed(2),
        rule: rule.name,
      }),
      atMs: stamp.atMs,
      monoMs: stamp.monoMs,
      stages,
      ...(track.snapshot === undefined || !rule.snapshot ? {} : { snapshot: track.snapshot }),
      ...(rule.topic === undefined ? {} : { topic: rule.topic }),
      because: [],
    };
  }
}

/** Replaces {name} by its value; an unknown name stays as it is. */
function fillMessage(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

// From an observation to what must be stored: rules first say what fires, the event book says what began, changed and
// ended, and every firing becomes an alert that points at its event. Pure; ids are passed in. Main thread.
import { EventBook } from './events.ts';
import { type Firing, RuleEngine, type RuleEngineOptions } from './rules.ts';
import type { Alert, EventChange, Observation, Snapshot } from './types.ts';

export interface Decision {
  readonly events: readonly EventChange[];
  readonly alerts: readonly Alert[];
}

export class Decider {
  readonly #engine: RuleEngine;
  readonly #book: EventBook;
  readonly #newId: () => string;

  constructor(options: RuleEngineOptions & { readonly newId: () => string }) {
    this.#engine = new RuleEngine(options);
    this.#newId = options.newId;
    this.#book = new EventBook({
      newId: options.newId,
      zonesOf: (camera, track) => this.#engine.zonesOf(camera, track),
    });
  }

  /** Goes on with other rules and zones; open events stay open. */
  reconfigure(options: RuleEngineOptions): void {
    this.#engine.reconfigure(options);
  }

  /**
   * Takes the observations of all cameras in the order they were made. Both lists are usually empty; there are no alerts
   * while the house or the camera is not `armed`, events go on.
   */
  observe(observation: Observation, armed = true): Decision {
    const firings = this.#engine.observe(observation, armed);
    const events = this.#book.observe(observation);
    return { events, alerts: firings.map((firing) => this.#alertOf(firing, observation)) };
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
      rule: rule.name,
      severity: rule.severity,
      camera,
      label: track.label,
      zone,
      score: track.scoreMedian,
      message: fillMessage(rule.message, {
        label: track.label,
        zone,
        camera,
        score: track.scoreMedian.toFixed(2),
        rule: rule.name,
      }),
      atMs: stamp.atMs,
      monoMs: stamp.monoMs,
      stages,
      ...(track.snapshot === undefined ? {} : { snapshot: track.snapshot }),
    };
  }
}

/** Replaces {name} by its value; an unknown name stays as it is. */
function fillMessage(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

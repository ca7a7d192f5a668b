// The rule engine: which rule fires on which track in which observation. A pure function of (rules and zones, the
// observations so far, their times): no clock, no ids, so that it can be replayed. Main thread.
import type { Rule } from './rule-types.ts';
import type { Fact, Observation, TrackView } from './types.ts';
import type { Sighting } from './whereabouts.ts';

export interface RuleEngineOptions {
  readonly rules: readonly Rule[];
}

/** One rule that fired. */
export interface Firing {
  readonly rule: Rule;
  readonly track: TrackView;
  readonly zone: string;
}

/** What the engine remembers of one track: the rules that have had their say on its present visit to their zone. */
type Visits = Set<string>;

export class RuleEngine {
  #options: RuleEngineOptions;
  /** Keyed by camera and track. */
  readonly #visits = new Map<string, Visits>();
  /** When a rule last fired, keyed by rule and camera. */
  readonly #firedMonoMs = new Map<string, number>();
  readonly #disarmed = new Set<string>();

  constructor(options: RuleEngineOptions) {
    this.#options = options;
  }

  /**
   * Goes on with other rules and zones. Cooldowns run on. Who stands in a rule's zone has been seen there, unless the rule
   * looks at another zone now.
   */
  reconfigure(options: RuleEngineOptions): void {
    const zones = new Map(this.#options.rules.map((rule) => [rule.name, zoneOf(rule)]));
    const other = options.rules.filter((rule) => zones.get(rule.name) !== zoneOf(rule));
    for (const visits of this.#visits.values()) for (const { name } of other) visits.delete(name);
    this.#options = options;
  }

  /** A camera is armed until it is said otherwise. */
  learn(fact: Fact): void {
    if (fact.kind !== 'armed') return;
    if (fact.armed) this.#disarmed.delete(fact.camera);
    else this.#disarmed.add(fact.camera);
  }

  /**
   * Takes the observations of all cameras in the order they were made; returns what fired, in order of the rules. Nothing
   * fires while the camera is not armed, and nothing of it later: who stands in a zone meanwhile has been seen there, whatever the
   * filters of its rules say, and no cooldown begins.
   */
  observe({ camera, ended, stamp }: Observation, sightings: readonly Sighting[]): Firing[] {
    const firings: Firing[] = [];
    for (const { track, zones: inside } of sightings) {
      if (!track.confirmed || track.score === 0) continue;
      const visits = this.#visitsOf(camera, track.id);
      for (const rule of this.#options.rules) {
        if (this.#disarmed.has(camera)) {
          setMember(visits, rule.name, inside.includes(zoneOf(rule)));
        } else if (
          this.#enters(rule, camera, track, inside, visits) &&
          this.#takesTurn(rule, camera, stamp.monoMs)
        ) {
          firings.push({ rule, track, zone: zoneOf(rule) });
        }
      }
    }
    for (const id of ended) this.#visits.delete(trackKey(camera, id));
    return firings;
  }

  #visitsOf(camera: string, id: number): Visits {
    const key = trackKey(camera, id);
    let visits = this.#visits.get(key);
    if (visits === undefined) {
      visits = new Set();
      this.#visits.set(key, visits);
    }
    return visits;
  }

  /**
   * True once per visit to the zone, in the first observation in which all filters hold. A track first confirmed inside
   * the zone enters it by appearing there.
   */
  #enters(rule: Rule, camera: string, track: TrackView, inside: readonly string[], visits: Visits): boolean {
    if (!inside.includes(zoneOf(rule))) {
      visits.delete(rule.name);
      return false;
    }
    if (visits.has(rule.name)) return false;
    if (rule.cameras !== undefined && !rule.cameras.includes(camera)) return false;
    if (rule.labels !== undefined && !rule.labels.includes(track.label)) return false;
    if (track.scoreMedian < rule.scoreMin) return false;
    visits.add(rule.name);
    return true;
  }

  /** False during the cooldown: that visit then stays silent, it does not fire late. */
  #takesTurn(rule: Rule, camera: string, monoMs: number): boolean {
    const key = `${rule.name}/${camera}`;
    const lastMonoMs = this.#firedMonoMs.get(key);
    if (lastMonoMs !== undefined && monoMs - lastMonoMs < rule.cooldownS * 1000) return false;
    this.#firedMonoMs.set(key, monoMs);
    return true;
  }
}

function setMember(visits: Visits, rule: string, inside: boolean): void {
  if (inside) visits.add(rule);
  else visits.delete(rule);
}

function zoneOf({ trigger }: Rule): string {
  return trigger.type === 'enter' ? trigger.zone : '';
}

function trackKey(camera: string, id: number): string {
  return `${camera}/${id}`;
}

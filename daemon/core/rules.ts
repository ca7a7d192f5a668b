// The rule engine: which rule fires on what, and when. A pure function of the configuration, of observations and facts in the
// order they were made, and of their times: no clock, no ids, so that it can be replayed. Each camera has its rules and its own
// time (post.ts); what is broken is watched here. What falls due between two calls fires with the moment at which it did. Main
// thread.
import { isCameraFault, sees } from './camera-status.ts';
import { type DecisionScene, looksAt } from './decision-scene.ts';
import { type Arming, cooldownCondition, Filters } from './filters.ts';
import type { Firing } from './firing.ts';
import { momentAt } from './moments.ts';
import { type ObjectRule, Post, type PostRules } from './post.ts';
import type { FaultKind, Places } from './rule-types.ts';
import { Outage, Tally } from './standing.ts';
import type { TrackTrace } from './trace-types.ts';
import { objectTrigger } from './triggers.ts';
import { Turns } from './turns.ts';
import type { CameraStatus, Fact, Moment, Observation } from './types.ts';
import type { Sighting } from './whereabouts.ts';

export interface RuleEngineSettings {
  /** Traces are kept; looks below this score are no good ones. */
  readonly traces?: { readonly scoreMin: () => number } | undefined;
}

/**
 * A frame is told of when it has been looked at, later than it was taken: time that passes without one is believed so much
 * later, so that nothing fires for which the frame that speaks against it is still on its way.
 */
export const LAG_MS = 2000;

export class RuleEngine {
  readonly #settings: RuleEngineSettings;
  readonly #turns = new Turns();
  readonly #posts = new Map<string, Post>();
  #rules: readonly Filters[] = [];
  #places: ReadonlyMap<string, Places> = new Map();
  #outages: readonly Outage[] = [];
  /** Status of every camera that was told, and what is broken, with the moment. */
  readonly #statuses = new Map<string, { readonly status: CameraStatus; readonly monoMs: number }>();
  readonly #faults = new Map<FaultKind, number>();
  #now: Moment = { atMs: 0, monoMs: Number.NEGATIVE_INFINITY };

  constructor(scene: DecisionScene, settings: RuleEngineSettings = {}) {
    this.#settings = settings;
    this.reconfigure(scene);
  }

  /**
   * Goes on with other rules. Cooldowns run on. A rule of the same name and trigger goes on as it is: whoever stands in its zone
   * has been seen there. Any other begins anew and sees who is there.
   */
  reconfigure({ rules, places, location }: DecisionScene): void {
    this.#rules = rules.map((rule) => new Filters(rule, location));
    this.#places = places;
    // A camera that comes back under this name is another one.
    for (const camera of this.#posts.keys()) if (!places.has(camera)) this.#posts.delete(camera);
    for (const camera of this.#statuses.keys()) if (!places.has(camera)) this.#statuses.delete(camera);
    const cameras = [...places.keys()];
    for (const camera of cameras) this.#postOf(camera);
    for (const post of this.#posts.values()) post.lay(this.#rulesOf(post.camera));
    this.#outages = this.#rules.flatMap((filters) => this.#outagesOf(filters, cameras));
    this.#turns.closeGroups();
  }

  /** What was due on a camera before this moment: to be asked for before whoever is there is looked for again. */
  elapse(camera: string, moment: Moment): readonly Firing[] {
    return this.#postOf(camera).elapse(moment);
  }

  /**
   * Takes the observations of all cameras in the order they were made, each after `elapse`; returns what fires with it. The
   * list is valid until the next call.
   */
  observe(observation: Observation, sightings: readonly Sighting[]): readonly Firing[] {
    return this.#postOf(observation.camera).observe(observation, sightings);
  }

  /** Something has become so; what was due before that fires first. */
  learn(fact: Fact, moment: Moment): readonly Firing[] {
    const due = [...this.#outagesDue(moment)];
    if (fact.kind === 'fault') {
      if (fact.active) this.#faults.set(fact.fault, moment.monoMs);
      else this.#faults.delete(fact.fault);
      for (const outage of this.#outages) {
        if (outage.fault === fact.fault) outage.set(fact.active, moment.monoMs);
      }
      if (fact.fault !== 'detector') return due;
      for (const post of this.#posts.values()) {
        due.push(...post.elapse(moment));
        post.detecting(!fact.active, moment);
      }
      return due;
    }
    const post = this.#postOf(fact.camera);
    due.unshift(...post.elapse(moment));
    if (fact.kind === 'armed') {
      if (post.armed !== fact.armed) post.armedSinceMonoMs = moment.monoMs;
      post.armed = fact.armed;
      return due;
    }
    this.#statuses.set(fact.camera, { status: fact.status, monoMs: moment.monoMs });
    post.seeing(sees(fact.status), moment);
    for (const outage of this.#outages) {
      if (outage.camera === fact.camera) outage.set(fact.status === outage.fault, moment.monoMs);
    }
    return due;
  }

  /** Time passes. */
  advance(moment: Moment): readonly Firing[] {
    const earlier = { atMs: moment.atMs - LAG_MS, monoMs: moment.monoMs - LAG_MS };
    const due: Firing[] = [];
    for (const post of this.#posts.values()) due.push(...post.elapse(earlier));
    due.push(...this.#outagesDue(moment));
    return due;
  }

  /** The latest moment of a camera. */
  timeOf(camera: string): Moment {
    return this.#postOf(camera).now;
  }

  /** The cameras that are known. */
  get cameras(): readonly string[] {
    return [...this.#posts.keys()];
  }

  /** Traces to be written after the observation that was taken last. */
  traces(
    { camera, stamp }: Observation,
    eventIdOf: (track: number) => string | undefined,
  ): readonly TrackTrace[] {
    return this.#postOf(camera).traces(stamp, eventIdOf);
  }

  #postOf(camera: string): Post {
    let post = this.#posts.get(camera);
    if (post === undefined) {
      post = new Post({ camera, turns: this.#turns, traces: this.#settings.traces });
      post.lay(this.#rulesOf(camera));
      post.detecting(!this.#faults.has('detector'), this.#now);
      this.#posts.set(camera, post);
    }
    return post;
  }

  #rulesOf(camera: string): PostRules {
    const here = this.#rules.filter(
      ({ rule: { cameras } }) => cameras === undefined || cameras.includes(camera),
    );
    const objects = here.flatMap((filters): ObjectRule[] => {
      const trigger = objectTrigger(filters.rule);
      return trigger === undefined ? [] : [{ filters, trigger }];
    });
    // Nobody is in a zone that a camera does not have: that is no absence.
    const places = this.#places.get(camera);
    return { objects, tallies: here.filter(({ rule }) => looksAt(rule, camera, places)).flatMap(tallyOf) };
  }

  #outagesOf(filters: Filters, cameras: readonly string[]): Outage[] {
    const { rule } = filters;
    const { trigger } = rule;
    if (trigger.type !== 'fault') return [];
    const watched = cameras.filter((camera) => rule.cameras?.includes(camera) ?? true);
    const before = this.#outages.filter((outage) => outage.isOf(rule));
    return trigger.of.flatMap((fault) => {
      const places = isCameraFault(fault) ? watched : [undefined];
      return places.map((camera) => {
        const outage = new Outage(filters, trigger.forS, { fault, camera });
        const same = before.find((old) => old.fault === fault && old.camera === camera);
        if (same !== undefined) outage.goOnFrom(same);
        else outage.set(...this.#brokenSince(fault, camera));
        return outage;
      });
    });
  }

  /** Whether something is broken, and since when that is known. */
  #brokenSince(fault: FaultKind, camera: string | undefined): [boolean, number] {
    if (camera === undefined) return [this.#faults.has(fault), this.#faults.get(fault) ?? 0];
    const known = this.#statuses.get(camera);
    return [known?.status === fault, known?.monoMs ?? 0];
  }

  #outagesDue(moment: Moment): Firing[] {
    if (moment.monoMs > this.#now.monoMs) this.#now = moment;
    const now = this.#now;
    const due: { readonly outage: Outage; readonly monoMs: number }[] = [];
    for (const outage of this.#outages) {
      const monoMs = outage.dueMonoMs(this.#armingOf(outage.camera), now);
      if (monoMs <= now.monoMs) due.push({ outage, monoMs });
    }
    // In the order of their times: the first one decides whom a cooldown keeps quiet.
    due.sort((a, b) => a.monoMs - b.monoMs);
    return due.flatMap(({ outage, monoMs }) => {
      return this.#outageFires(outage, momentAt(monoMs, now)) ?? [];
    });
  }

  /** The whole daemon is armed as soon as one camera is. */
  #armingOf(camera: string | undefined): Arming {
    if (camera !== undefined) return this.#postOf(camera);
    for (const post of this.#posts.values()) if (post.armed) return post;
    return [...this.#posts.values()][0] ?? { armed: true, armedSinceMonoMs: Number.NEGATIVE_INFINITY };
  }

  #outageFires(outage: Outage, { atMs, monoMs }: Moment): Firing | undefined {
    outage.spend();
    const { filters, camera, fault } = outage;
    const { rule } = filters;
    const turn = { rule, camera, zone: undefined, fault, monoMs };
    const sinceS = this.#turns.secondsSince(turn);
    if (this.#turns.take(turn) === 'quiet') return undefined;
    const conditions = [
      ...outage.conditions(),
      rule.while === 'always' ? undefined : filters.armedCondition(this.#armingOf(camera)),
      filters.scheduleCondition(atMs),
      ...cooldownCondition(filters, sinceS),
    ];
    return {
      ...{ rule, camera, tracks: [], scene: {}, fault, count: 1, seconds: outage.forMs / 1000 },
      because: conditions.filter((condition) => condition !== undefined),
      ...{ atMs, monoMs, byFrame: false },
    };
  }
}

function tallyOf(filters: Filters): Tally[] {
  const { trigger } = filters.rule;
  if (trigger.type !== 'count' && trigger.type !== 'absence') return [];
  return [new Tally(filters, trigger)];
}

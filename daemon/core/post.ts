// The rules of one camera, and everybody they look at: follows tracks from look to look, and says which rules fire on them.
// Knows the camera's own time, which never goes back. Pure. A look at which nothing fires keeps nothing. Main thread.
import {
  type Arming,
  confirmedCondition,
  cooldownCondition,
  type Filters,
  isSameTrigger,
  RANK,
} from './filters.ts';
import type { Firing } from './firing.ts';
import { momentAt } from './moments.ts';
import { Progress } from './progress.ts';
import type { Tally } from './standing.ts';
import type { Condition, RuleTrace, TrackTrace } from './trace-types.ts';
import { isSameTrack } from './track-identity.ts';
import { TrackStory } from './track-story.ts';
import { type ObjectTrigger, secondsOf } from './triggers.ts';
import type { Turns } from './turns.ts';
import type { Moment, Observation, TrackView } from './types.ts';
import type { Sighting } from './whereabouts.ts';

/** A rule that looks at objects one by one. */
export interface ObjectRule {
  readonly filters: Filters;
  readonly trigger: ObjectTrigger;
}

/** What a camera's rules are at one configuration. */
export interface PostRules {
  readonly objects: readonly ObjectRule[];
  readonly tallies: readonly Tally[];
}

export interface PostOptions {
  readonly camera: string;
  readonly turns: Turns;
  /** Traces are kept; looks below this score, which is asked for with each track, are no good ones. */
  readonly traces: { readonly scoreMin: () => number } | undefined;
}

interface Followed {
  view: TrackView;
  label: string;
  /** Median score when it was seen last. */
  seenMedian: number;
  /** By rule; undefined where the rule is not about this label. */
  progress: (Progress | undefined)[];
  readonly story: TrackStory | undefined;
  /** Number of the observation that had it last. */
  look: number;
}

/** Rules told in one trace. */
const TRACED_RULES_MAX = 32;
const NO_TRACES: readonly TrackTrace[] = [];

export class Post implements Arming {
  readonly camera: string;
  armed = true;
  armedSinceMonoMs = Number.NEGATIVE_INFINITY;
  /** The latest moment heard of. */
  now: Moment = { atMs: 0, monoMs: Number.NEGATIVE_INFINITY };
  readonly #options: PostOptions;
  readonly #followed = new Map<number, Followed>();
  /** Of the call that is under way. */
  readonly #firings: Firing[] = [];
  readonly #traced: Followed[] = [];
  readonly #ended: Followed[] = [];
  #rules: PostRules = { objects: [], tallies: [] };
  #seeing = false;
  #detecting = true;
  /** Frames are looked at: not before the first, nor after tracks ended for want of them. */
  #looking = false;
  #looks = 0;
  #sightings: readonly Sighting[] = [];

  constructor(options: PostOptions) {
    this.#options = options;
    this.camera = options.camera;
  }

  /** Goes on with other rules; what these know of the tracks is taken over from the rules of the same name and trigger. */
  lay(rules: PostRules): void {
    const before = this.#rules.objects;
    const kept = rules.objects.map(({ filters }) =>
      before.findIndex((old) => isSameTrigger(old.filters.rule, filters.rule)),
    );
    for (const followed of this.#followed.values()) {
      const { progress, label } = followed;
      followed.progress = rules.objects.map(({ filters }, index) =>
        filters.hasLabel(label) ? (progress[kept[index]!] ?? new Progress()) : undefined,
      );
    }
    for (const tally of rules.tallies) {
      const same = this.#rules.tallies.find((old) => old.isOf(tally.filters.rule) && old.countsAs(tally));
      if (same !== undefined) tally.goOnFrom(same);
    }
    this.#rules = rules;
    if (this.#sees) this.#countFrom(this.now.monoMs);
  }

  seeing(seeing: boolean, { monoMs }: Moment): void {
    this.#seeing = seeing;
    this.#countAnew(monoMs);
  }

  /** The detector of all cameras runs, or does not: then nobody sees who is there. */
  detecting(detecting: boolean, { monoMs }: Moment): void {
    this.#detecting = detecting;
    this.#countAnew(monoMs);
  }

  /** What has fallen due until now. */
  elapse(now: Moment): readonly Firing[] {
    this.#firings.length = 0;
    if (now.monoMs < this.now.monoMs) return this.#firings;
    this.now = now;
    for (let tally = this.#firstDue(now); tally !== undefined; tally = this.#firstDue(now)) {
      this.#tallyFires(tally, momentAt(tally.dueMonoMs(this, now), now), false);
    }
    return this.#firings;
  }

  /** Takes an observation of this camera; what fires with it. Call `elapse` before. */
  observe({ stamp, frameless, ended }: Observation, sightings: readonly Sighting[]): readonly Firing[] {
    this.#firings.length = 0;
    this.#traced.length = 0;
    this.#ended.length = 0;
    this.#looks += 1;
    this.#looking = frameless !== true;
    for (const sighting of sightings) this.#look(sighting, stamp);
    if (this.#followed.size > sightings.length) this.#leave(stamp, frameless === true ? [] : ended);
    this.#sightings = sightings;
    for (const tally of this.#rules.tallies) {
      if (frameless === true) tally.forget();
      else this.#tally(tally, sightings, stamp);
    }
    return this.#firings;
  }

  /** Traces that are to be written after this observation; `eventIdOf` knows the event of a track. */
  traces(moment: Moment, eventIdOf: (track: number) => string | undefined): readonly TrackTrace[] {
    if (this.#traced.length + this.#ended.length === 0) return NO_TRACES;
    const tell = (followed: Followed, ended: boolean): TrackTrace[] => {
      const { view, story } = followed;
      if (story === undefined) return [];
      const teller = {
        camera: this.camera,
        view,
        eventId: eventIdOf(view.id),
        rules: this.#ruleTraces(followed),
      };
      return [story.tell(teller, moment, ended)];
    };
    return [
      ...this.#traced.filter((one) => !this.#ended.includes(one)).flatMap((one) => tell(one, false)),
      ...this.#ended.flatMap((one) => tell(one, true)),
    ];
  }

  /** The one that is due first: it decides whom a cooldown keeps quiet. */
  #firstDue(now: Moment): Tally | undefined {
    let first: Tally | undefined;
    let firstMonoMs = Number.POSITIVE_INFINITY;
    for (const tally of this.#rules.tallies) {
      const monoMs = tally.dueMonoMs(this, now);
      if (monoMs > now.monoMs || monoMs >= firstMonoMs) continue;
      first = tally;
      firstMonoMs = monoMs;
    }
    return first;
  }

  get #sees(): boolean {
    return this.#seeing && this.#detecting && this.#looking;
  }

  #countAnew(monoMs: number): void {
    if (this.#sees) this.#countFrom(monoMs);
    else for (const tally of this.#rules.tallies) tally.forget();
  }

  #countFrom(monoMs: number): void {
    for (const tally of this.#rules.tallies) tally.look(this.#sightings, monoMs);
  }

  #look(sighting: Sighting, stamp: Moment): void {
    const { track } = sighting;
    let followed = this.#followed.get(track.id);
    if (followed === undefined || !isSameTrack(followed.view, track)) followed = this.#begin(track, stamp);
    else if (followed.label !== track.label) this.#relabel(followed, track.label);
    followed.view = track;
    followed.look = this.#looks;
    followed.story?.look(sighting, stamp);
    // Not seen, or there is no frame: nothing about it has changed, and a rule fires on what is seen.
    if (track.score > 0 && this.#looking) {
      followed.seenMedian = track.scoreMedian;
      const look = { followed, sighting, stamp };
      for (let i = 0; i < this.#rules.objects.length; i += 1) {
        const progress = followed.progress[i];
        if (progress !== undefined) this.#judge(this.#rules.objects[i]!, progress, look);
      }
    }
    if (followed.story?.isDue(stamp.monoMs) === true) this.#trace(followed);
  }

  #begin(view: TrackView, { monoMs }: Moment): Followed {
    const { traces } = this.#options;
    const progress = this.#rules.objects.map(({ filters }) =>
      filters.hasLabel(view.label) ? new Progress() : undefined,
    );
    const story = traces === undefined ? undefined : new TrackStory(traces.scoreMin(), monoMs);
    const followed = { view, label: view.label, seenMedian: view.scoreMedian, progress, story, look: 0 };
    this.#followed.set(view.id, followed);
    return followed;
  }

  /** The tracker has thought better of what it is. */
  #relabel(followed: Followed, label: string): void {
    followed.label = label;
    const { progress } = followed;
    followed.progress = this.#rules.objects.map(({ filters }, index) =>
      filters.hasLabel(label) ? (progress[index] ?? new Progress()) : undefined,
    );
  }

  /** Asks one rule about one look at one object. */
  #judge({ filters, trigger }: ObjectRule, progress: Progress, { followed, sighting, stamp }: Look): void {
    const { track } = sighting;
    const holds = trigger.look(progress.memory, sighting, stamp.monoMs);
    if (!track.confirmed) {
      progress.failed(RANK.confirmed, 0, { track, atMs: stamp.atMs, armed: this.armed });
      return;
    }
    if (!holds) {
      progress.spent = false;
      const reached = trigger.reached(progress.memory, stamp.monoMs);
      progress.failed(RANK.trigger, reached, { track, atMs: stamp.atMs, armed: this.armed });
    } else if (!progress.spent || trigger.isMomentary === true) {
      this.#holds({ filters, trigger }, progress, { followed, track, stamp });
    }
  }

  /** The trigger holds, and the rule has not had its say. */
  #holds(
    { filters, trigger }: ObjectRule,
    progress: Progress,
    { followed, track, stamp }: { followed: Followed; track: TrackView; stamp: Moment },
  ): void {
    const seen = { track, atMs: stamp.atMs, armed: this.armed };
    const rank = filters.firstFailed(track, this, stamp.atMs);
    // Whoever is there while the rule is not in force has been seen there, whatever the other filters say.
    if (filters.held(this, stamp.atMs) !== RANK.none) progress.spent = true;
    const reached = trigger.reached(progress.memory, stamp.monoMs);
    if (rank !== RANK.none) {
      progress.failed(rank, reached, seen);
      return;
    }
    progress.spent = true;
    const { rule } = filters;
    const turn = { rule, camera: this.camera, zone: trigger.zone, monoMs: stamp.monoMs, own: progress };
    const sinceS = this.#options.turns.secondsSince(turn);
    const outcome = this.#options.turns.take(turn);
    if (outcome === 'quiet') {
      progress.failed(RANK.cooldown, reached, { ...seen, sinceS });
      return;
    }
    progress.fires({ atMs: stamp.atMs });
    this.#firings.push({
      rule,
      camera: this.camera,
      tracks: [track],
      scene: trigger.scene(progress.memory),
      count: 1,
      ...secondsOf(trigger, progress.memory, stamp.monoMs),
      because: this.#because({ filters, trigger }, progress, { track, stamp, sinceS }),
      ...{ atMs: stamp.atMs, monoMs: stamp.monoMs },
      byFrame: true,
      notes: progress.notes,
    });
    this.#trace(followed);
  }

  #because(
    { filters, trigger }: ObjectRule,
    { memory }: Progress,
    { track, stamp, sinceS }: { track: TrackView; stamp: Moment; sinceS: number | undefined },
  ): Condition[] {
    const reached = trigger.reached(memory, stamp.monoMs);
    return [
      filters.labelCondition(track.label),
      confirmedCondition(track.scoreMedian, track.threshold, true),
      trigger.condition(true, reached, memory),
      ...this.#behind(filters, stamp, track),
      ...cooldownCondition(filters, sinceS),
    ];
  }

  /** Conditions behind the trigger that the owner has asked for. */
  #behind(filters: Filters, { atMs }: Moment, track?: TrackView): Condition[] {
    const { scoreMin, while: state } = filters.rule;
    const conditions = [
      track === undefined || scoreMin === 0 ? undefined : filters.scoreCondition(track.scoreMedian),
      track === undefined ? undefined : filters.sizeCondition(track.box),
      state === 'always' ? undefined : filters.armedCondition(this),
      filters.scheduleCondition(atMs),
    ];
    return conditions.filter((condition) => condition !== undefined);
  }

  /** Tracks that were not observed: those in `ended` are gone, of the others nothing is known. */
  #leave(stamp: Moment, ended: readonly number[]): void {
    for (const [id, followed] of this.#followed) {
      if (followed.look === this.#looks) continue;
      this.#followed.delete(id);
      this.#ended.push(followed);
      if (followed.view.confirmed && ended.includes(id)) this.#gone(followed, stamp);
    }
  }

  #gone(followed: Followed, stamp: Moment): void {
    const { view, seenMedian, progress } = followed;
    // Its score has run down since it was seen last: that says nothing about what it was.
    const track = { ...view, scoreMedian: seenMedian };
    for (const [index, rule] of this.#rules.objects.entries()) {
      const one = progress[index];
      if (one === undefined || !rule.trigger.gone(one.memory)) continue;
      this.#holds(rule, one, { followed, track, stamp });
    }
  }

  #trace(followed: Followed): void {
    if (followed.story !== undefined && !this.#traced.includes(followed)) this.#traced.push(followed);
  }

  #ruleTraces({ progress, view }: Followed): RuleTrace[] {
    return this.#rules.objects.slice(0, TRACED_RULES_MAX).map(({ filters, trigger }, index) => {
      const one = progress[index];
      if (one !== undefined) return one.trace(filters, trigger, view);
      const { name, trigger: configured } = filters.rule;
      const conditions = [filters.labelCondition(view.label)];
      return {
        rule: name,
        trigger: configured.type,
        fired: 0,
        firings: [],
        nearest: { atMs: view.startedAtMs, conditions },
      };
    });
  }

  #tally(tally: Tally, sightings: readonly Sighting[], stamp: Moment): void {
    if (tally.isOfAbsence && !this.#sees) {
      tally.forget();
      return;
    }
    tally.look(sightings, stamp.monoMs);
    if (tally.dueMonoMs(this, stamp) <= stamp.monoMs) this.#tallyFires(tally, stamp, true);
  }

  #tallyFires(tally: Tally, { atMs, monoMs }: Moment, byFrame: boolean): void {
    tally.spend();
    const { filters, zone, forMs } = tally;
    const { rule } = filters;
    const turn = { rule, camera: this.camera, zone, monoMs };
    const sinceS = this.#options.turns.secondsSince(turn);
    if (this.#options.turns.take(turn) === 'quiet') return;
    const tracks = tally.isOfAbsence
      ? []
      : this.#sightings.flatMap((one) => (tally.counts(one) ? [one.track] : []));
    const condition: Condition = {
      what: 'label',
      held: true,
      value: tracks[0]?.label ?? 'none',
      limit: rule.labels?.join(', ') ?? 'any',
    };
    this.#firings.push({
      rule,
      camera: this.camera,
      tracks,
      scene: zone === undefined ? {} : { zone },
      count: tally.count,
      ...(forMs === 0 ? {} : { seconds: forMs / 1000 }),
      because: [
        condition,
        ...tally.conditions(),
        ...this.#behind(filters, { atMs, monoMs }),
        ...cooldownCondition(filters, sinceS),
      ],
      ...{ atMs, monoMs, byFrame },
    });
  }
}

interface Look {
  readonly followed: Followed;
  readonly sighting: Sighting;
  readonly stamp: Moment;
}

// What a rule without an object of its own waits for: so many objects somewhere, nobody, something that is broken; each for
// so long. Knows since when it is so, and when it will have been so for long enough: to the millisecond, however rarely it is
// asked. Pure. Looks allocate nothing.
import { type Arming, type Filters, isSameTrigger } from './filters.ts';
import type { FaultKind, Rule } from './rule-types.ts';
import type { Schedule } from './schedule.ts';
import type { Condition } from './trace-types.ts';
import type { Moment } from './types.ts';
import type { Sighting } from './whereabouts.ts';

const DAY_MS = 86_400_000;
/** A wall clock that is set by more than this makes windows begin at another moment. */
const CLOCK_STEP_MS = 1000;
/** Windows looked at for one that is long enough. */
const WINDOWS_MAX = 16;

/** Something that is so or not. While its rule is not in force it counts as not so. */
abstract class Standing {
  readonly filters: Filters;
  readonly forMs: number;
  /** Since when it is so; NaN while it is not, or that is not known. */
  protected since = Number.NaN;
  /** It has fired, and is so still. */
  protected spent = false;
  /** What the schedule said last, and of what it was asked: it is slow to answer. */
  #asked = { start: Number.NaN, offsetMs: 0, dueMonoMs: 0, untilMonoMs: Number.NEGATIVE_INFINITY };

  constructor(filters: Filters, forS: number) {
    this.filters = filters;
    this.forMs = forS * 1000;
  }

  /** It is so, or not, from this moment on. */
  set(isSo: boolean, monoMs: number): void {
    if (!isSo) this.forget();
    else if (Number.isNaN(this.since)) this.since = monoMs;
  }

  /** Nobody can tell: it begins anew. */
  forget(): void {
    this.since = Number.NaN;
    this.spent = false;
  }

  /**
   * When it will have been so for long enough while the rule was in force, as things are at `now`: also a moment that is
   * past. Infinite where it will not.
   */
  dueMonoMs(arming: Arming, now: Moment): number {
    if (this.spent || Number.isNaN(this.since) || !this.filters.isArmed(arming))
      return Number.POSITIVE_INFINITY;
    const { while: state } = this.filters.rule;
    const start = state === 'always' ? this.since : Math.max(this.since, arming.armedSinceMonoMs);
    if (this.filters.schedule === undefined || now.monoMs < start + this.forMs) return start + this.forMs;
    const offsetMs = now.atMs - now.monoMs;
    const isStale =
      now.monoMs > this.#asked.untilMonoMs || Math.abs(offsetMs - this.#asked.offsetMs) > CLOCK_STEP_MS;
    if (isStale || start !== this.#asked.start) {
      const dueMonoMs = firstWindow(this.filters.schedule, start + offsetMs, this.forMs) - offsetMs;
      this.#asked = { start, offsetMs, dueMonoMs, untilMonoMs: now.monoMs + DAY_MS };
    }
    return this.#asked.dueMonoMs;
  }

  /** The same rule, configured anew. */
  goOnFrom({ since, spent }: Standing): void {
    this.since = since;
    this.spent = spent;
  }

  isOf(rule: Rule): boolean {
    return isSameTrigger(this.filters.rule, rule);
  }

  /** It fires, or would: not again before it has been otherwise. */
  spend(): void {
    this.spent = true;
  }
}

/** So many objects in a zone, or in the picture: count and absence. */
export class Tally extends Standing {
  readonly zone: string | undefined;
  readonly #atLeast: number | undefined;
  readonly #atMost: number;
  /** Objects, with the last look. */
  count = 0;

  constructor(
    filters: Filters,
    bounds: { readonly zone?: string | undefined; readonly forS: number } & {
      readonly atLeast?: number | undefined;
      readonly atMost?: number | undefined;
    },
  ) {
    super(filters, bounds.forS);
    this.zone = bounds.zone;
    this.#atLeast = bounds.atLeast;
    this.#atMost = bounds.atMost ?? 0;
  }

  /** It is about who is not there: that is known only while the camera sees. */
  get isOfAbsence(): boolean {
    return this.#atLeast === undefined;
  }

  look(sightings: readonly Sighting[], monoMs: number): void {
    let count = 0;
    for (const sighting of sightings) if (this.counts(sighting)) count += 1;
    this.count = count;
    this.set(this.#atLeast === undefined ? count <= this.#atMost : count >= this.#atLeast, monoMs);
  }

  counts({ track, zones }: Sighting): boolean {
    return this.filters.matches(track) && (this.zone === undefined || zones.includes(this.zone));
  }

  /** Both count the same objects: what one knows holds for the other. */
  countsAs({ filters }: Tally): boolean {
    return this.filters.isAboutSame(filters);
  }

  /** As it was when it fired. */
  conditions(): Condition[] {
    const place = this.zone === undefined ? {} : { place: this.zone };
    const limit = this.#atLeast ?? this.#atMost;
    const objects = {
      what: 'trigger',
      held: true,
      value: this.count,
      limit,
      unit: 'objects',
      ...place,
    } as const;
    return this.forMs === 0 ? [objects] : [objects, lasted(this.forMs)];
  }
}

/** Something is broken. */
export class Outage extends Standing {
  readonly fault: FaultKind;
  /** Undefined where the whole daemon is meant. */
  readonly camera: string | undefined;

  constructor(
    filters: Filters,
    forS: number,
    { fault, camera }: { fault: FaultKind; camera?: string | undefined },
  ) {
    super(filters, forS);
    this.fault = fault;
    this.camera = camera;
  }

  conditions(): Condition[] {
    return [
      { what: 'trigger', held: true, value: this.fault, limit: this.fault },
      ...(this.forMs === 0 ? [] : [lasted(this.forMs)]),
    ];
  }
}

function lasted(forMs: number): Condition {
  return { what: 'trigger', held: true, value: forMs / 1000, limit: forMs / 1000, unit: 's' };
}

/** Wall clock at which it has been so for long enough within one window, counted from `startMs`; infinite within a week. */
function firstWindow(schedule: Schedule, startMs: number, forMs: number): number {
  let fromMs = startMs;
  for (let windows = 0; windows < WINDOWS_MAX; windows += 1) {
    const span = schedule.next(fromMs);
    if (span === undefined) return Number.POSITIVE_INFINITY;
    const dueMs = Math.max(startMs, span.beginMs) + forMs;
    if (dueMs < span.endMs) return dueMs;
    fromMs = span.endMs;
  }
  return Number.POSITIVE_INFINITY;
}

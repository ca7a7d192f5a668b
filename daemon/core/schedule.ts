// When a rule is in force: in any of its windows of local time. Finds the next change once and answers from then on with
// two comparisons, because it is asked about every frame. Pure: the times are given; Intl knows the time zones. Main thread.
import { LocalClock, weekdayOf } from './local-time.ts';
import { DAYS, type Location, type ScheduleWindow } from './rule-types.ts';
import { PlacedWindow, type Span } from './schedule-window.ts';

const DAY_MS = 86_400_000;
/**
 * A window is open at most this many days after the day it is named by and at most one day before it: it may end on the
 * next day, offsets from the sun are half a day at most, and the sun of a day may be that much off where the time zone is not
 * that of the place.
 */
const DAYS_AFTER = 4;
const DAYS_BEFORE = 2;
/** A schedule that leaves no gap for longer than a week leaves none. */
const WEEK_MS = 8 * DAY_MS;
/** The years 1 to 9998: what a clock may say without Intl changing the era or the format. */
const AT_MS_MIN = -62_100_000_000_000;
const AT_MS_MAX = 253_300_000_000_000;

export class Schedule {
  readonly #windows: readonly PlacedWindow[];
  readonly #clock: LocalClock;
  /** The answer holds from `fromMs` until before `untilMs`; nothing is known at first. */
  #fromMs = 0;
  #untilMs = 0;
  #covered = false;

  /** Takes windows without a scheduleFault. Throws RangeError for what is no time zone. */
  constructor(windows: readonly ScheduleWindow[], location: Location) {
    this.#clock = new LocalClock(location.timeZone);
    this.#windows = windows.map((window) => new PlacedWindow(window, location, this.#clock));
  }

  /** Whether any window is open at this wall clock. The times may come in any order; what is no time is not covered. */
  covers(atMs: number): boolean {
    if (!(atMs >= this.#fromMs && atMs < this.#untilMs)) this.#look(atMs);
    return this.#covered;
  }

  /**
   * When it is open at this wall clock, or will be next within a week; undefined when it will not. An end that is further away
   * than a week, on either side, is infinite. Not cached.
   */
  next(atMs: number): Span | undefined {
    if (!isTime(atMs)) return undefined;
    const [fromMs, toMs] = [atMs - WEEK_MS, atMs + WEEK_MS];
    const span = this.#spans(fromMs, toMs).find(({ endMs }) => endMs > atMs);
    if (span === undefined || span.beginMs > toMs) return undefined;
    return {
      beginMs: span.beginMs <= fromMs ? Number.NEGATIVE_INFINITY : span.beginMs,
      endMs: span.endMs >= toMs ? Number.POSITIVE_INFINITY : span.endMs,
    };
  }

  /** The moment as the owner's clock shows it: 'Sat 22:14'. */
  words(atMs: number): string {
    if (!isTime(atMs)) return '?';
    const { day, minute } = this.#clock.at(atMs);
    const name = DAYS[weekdayOf(day)]!;
    const [hours, minutes] = [Math.floor(minute / 60), minute % 60];
    return `${name[0]!.toUpperCase()}${name.slice(1)} ${twoDigits(hours)}:${twoDigits(minutes)}`;
  }

  /** Finds the answer, and how long it holds: until the next change, at most a day. */
  #look(atMs: number): void {
    this.#covered = false;
    if (!isTime(atMs)) {
      this.#untilMs = this.#fromMs;
      return;
    }
    this.#fromMs = atMs - DAY_MS;
    this.#untilMs = atMs + DAY_MS;
    for (const { beginMs, endMs } of this.#spans(this.#fromMs, this.#untilMs)) {
      if (endMs <= atMs) this.#fromMs = Math.max(this.#fromMs, endMs);
      else if (beginMs > atMs) this.#untilMs = Math.min(this.#untilMs, beginMs);
      else {
        this.#covered = true;
        this.#fromMs = Math.max(this.#fromMs, beginMs);
        this.#untilMs = Math.min(this.#untilMs, endMs);
      }
    }
  }

  /** Where any window is open, in order and without overlaps; complete between these two times. */
  #spans(fromMs: number, toMs: number): Span[] {
    const first = this.#clock.at(fromMs).day - DAYS_AFTER;
    const last = this.#clock.at(toMs).day + DAYS_BEFORE;
    const spans: Span[] = [];
    for (const window of this.#windows) {
      for (let day = first; day <= last; day += 1) {
        const span = window.spanOf(day);
        if (span !== undefined) spans.push(span);
      }
    }
    return joined(spans);
  }
}

/** The last that was made, for there is one zone: making one takes 60 µs and memory that V8 does not count. */
let format: { readonly timeZone: string; readonly time: Intl.DateTimeFormat } | undefined;

/** Hours and minutes as the owner's clock shows them: '22:14'. Throws RangeError for what is no time or no time zone. */
export function localTime(atMs: number, { timeZone }: Location): string {
  if (format?.timeZone !== timeZone) {
    const options = { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    format = { timeZone, time: new Intl.DateTimeFormat('en-GB', options) };
  }
  return format.time.format(atMs);
}

/** A schedule in one line: 'mon,tue 22:00 to 06:00 or sunset to 24:00'. */
export function scheduleText(windows: readonly ScheduleWindow[]): string {
  return windows
    .map(({ days, from = '00:00', to = '24:00' }) => {
      const on = days === undefined ? '' : `${days.join(',')} `;
      return `${on}${from} to ${to}`;
    })
    .join(' or ');
}

/** Spans that touch or overlap as one. */
function joined(spans: Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.sort((a, b) => a.beginMs - b.beginMs)) {
    const before = result.at(-1);
    if (before === undefined || span.beginMs > before.endMs) result.push(span);
    else if (span.endMs > before.endMs) {
      result[result.length - 1] = { beginMs: before.beginMs, endMs: span.endMs };
    }
  }
  return result;
}

function isTime(atMs: number): boolean {
  return atMs >= AT_MS_MIN && atMs <= AT_MS_MAX;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

// One window of a schedule: what its owner wrote, what may be wrong with it, and when it is open on a day. Pure.
import { type LocalClock, weekdayOf } from './local-time.ts';
import { DAYS, type Location, type ScheduleWindow } from './rule-types.ts';
import { type Coordinates, sunTimes } from './sun.ts';

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_MINUTES = 24 * HOUR_MINUTES;
const CLOCK = /^(\d{1,2}):([0-5]\d)$/;
const SUN = /^(sunrise|sunset)(?:([+-])(\d{1,2}):([0-5]\d))?$/;
/** 1 January 2025, and every fifth day from then: whether one of two edges can be the later one. */
const SAMPLE_DAY_FIRST = 20_089;
const SAMPLE_DAY_LAST = SAMPLE_DAY_FIRST + 364;
const SAMPLE_DAYS_STEP = 5;

/** Farthest from sunrise or sunset, in minutes. */
const OFFSET_MINUTES_MAX = 12 * HOUR_MINUTES;

type Edge =
  | { readonly type: 'clock'; readonly minute: number }
  | { readonly type: 'sunrise' | 'sunset'; readonly offsetMinutes: number };

/** From one instant until before another, in milliseconds since 1970. */
export interface Span {
  readonly beginMs: number;
  readonly endMs: number;
}

/** What is wrong with a window, and at which of its keys. */
export interface WindowFault {
  readonly key: 'from' | 'to';
  readonly message: string;
}

/** The first thing that is wrong with a window at a place; undefined when it can be used there. */
export function scheduleFault(window: ScheduleWindow, location: Location): WindowFault | undefined {
  const { from = '00:00', to = '24:00' } = window;
  for (const [key, text] of Object.entries({ from, to }) as ['from' | 'to', string][]) {
    const edge = edgeOf(text);
    if (edge === undefined) {
      const message = `must be HH:MM, 'sunrise' or 'sunset', these with an offset if need be: sunset-00:30 (got '${text}')`;
      return { key, message };
    }
    if (edge.type === 'clock' && edge.minute > DAY_MINUTES) {
      return { key, message: `must be a time of day, 00:00 to 24:00 (got '${text}')` };
    }
    if (edge.type !== 'clock' && Math.abs(edge.offsetMinutes) > OFFSET_MINUTES_MAX) {
      return { key, message: `an offset must be at most 12:00 (got '${text}')` };
    }
    if (edge.type !== 'clock' && coordinatesOf(location) === undefined) {
      const message = `'${text}' needs to know where the board is: set location.latitude and location.longitude`;
      return { key, message };
    }
  }
  if (from === '24:00') return { key: 'from', message: "no window begins at the end of a day: use '00:00'" };
  if (isSame(edgeOf(from)!, endEdgeOf(to))) {
    return {
      key: 'to',
      message: `begins and ends at ${to}: leave 'from' and 'to' away for the whole day`,
    };
  }
  return undefined;
}

/** A window at a place, ready to be asked. */
export class PlacedWindow {
  readonly #clock: LocalClock;
  readonly #coordinates: Coordinates | undefined;
  readonly #from: Edge;
  readonly #to: Edge;
  /** It ends on the day after the one on which it begins. */
  readonly #overMidnight: boolean;
  /** By weekday, Monday first. */
  readonly #on: readonly boolean[];

  /** Takes a window without a scheduleFault. */
  constructor({ days, from = '00:00', to = '24:00' }: ScheduleWindow, location: Location, clock: LocalClock) {
    this.#clock = clock;
    this.#coordinates = coordinatesOf(location);
    this.#from = edgeOf(from)!;
    this.#to = endEdgeOf(to);
    this.#on = DAYS.map((day) => days === undefined || days.includes(day));
    this.#overMidnight = this.#isOverMidnight();
  }

  /** When it is open having begun on this day; undefined when it does not begin then, or is empty. */
  spanOf(day: number): Span | undefined {
    if (!this.#on[weekdayOf(day)]) return undefined;
    const beginMs = this.#beginMs(day);
    const endMs = this.#endMs(this.#overMidnight ? day + 1 : day);
    return beginMs < endMs ? { beginMs, endMs } : undefined;
  }

  /**
   * Two times of day, or two offsets from the same event of the sun: the earlier end is of the next day. From sunset to
   * sunrise is always overnight. Between a time of day and the sun the season decides which comes first, and the meaning must
   * not change with it: an end that is never later than the beginning, on no day of the year, is of the next day.
   */
  #isOverMidnight(): boolean {
    const [from, to] = [this.#from, this.#to];
    if (from.type === 'clock' && to.type === 'clock') return to.minute < from.minute;
    if (from.type !== 'clock' && to.type !== 'clock') {
      return from.type === to.type ? to.offsetMinutes < from.offsetMinutes : from.type === 'sunset';
    }
    for (let day = SAMPLE_DAY_FIRST; day <= SAMPLE_DAY_LAST; day += SAMPLE_DAYS_STEP) {
      if (this.#beginMs(day) < this.#endMs(day)) return false;
    }
    return true;
  }

  #beginMs(day: number): number {
    const edge = this.#from;
    if (edge.type !== 'clock') return this.#sunMs(day, edge);
    return this.#clock.instantOf({ day, minute: edge.minute }, 'first');
  }

  #endMs(day: number): number {
    const edge = this.#to;
    if (edge.type !== 'clock') return this.#sunMs(day, edge);
    // A day ends where the next one begins, also where its first hour comes twice.
    if (edge.minute === DAY_MINUTES) return this.#clock.instantOf({ day: day + 1, minute: 0 }, 'first');
    return this.#clock.instantOf({ day, minute: edge.minute }, 'last');
  }

  #sunMs(day: number, { type, offsetMinutes }: Exclude<Edge, { type: 'clock' }>): number {
    const noonMs = this.#clock.instantOf({ day, minute: DAY_MINUTES / 2 }, 'first');
    const { riseMs, setMs } = sunTimes(noonMs, this.#coordinates!);
    return (type === 'sunrise' ? riseMs : setMs) + offsetMinutes * MINUTE_MS;
  }
}

function edgeOf(text: string): Edge | undefined {
  const clock = CLOCK.exec(text);
  if (clock !== null) return { type: 'clock', minute: Number(clock[1]) * HOUR_MINUTES + Number(clock[2]) };
  const sun = SUN.exec(text);
  if (sun === null) return undefined;
  const [, type, sign, hours = '0', minutes = '0'] = sun;
  const distance = Number(hours) * HOUR_MINUTES + Number(minutes);
  return { type: type as 'sunrise' | 'sunset', offsetMinutes: sign === '-' ? -distance : distance };
}

/** Midnight as an end is that of the day that ends. */
function endEdgeOf(text: string): Edge {
  const edge = edgeOf(text)!;
  return edge.type === 'clock' && edge.minute === 0 ? { type: 'clock', minute: DAY_MINUTES } : edge;
}

function isSame(one: Edge, other: Edge): boolean {
  if (one.type === 'clock' && other.type === 'clock') return one.minute === other.minute;
  return one.type !== 'clock' && one.type === other.type && one.offsetMinutes === other.offsetMinutes;
}

function coordinatesOf({ latitude, longitude }: Location): Coordinates | undefined {
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
}

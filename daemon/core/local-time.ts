// What the clocks of a time zone show, and when they show it. Days are counted from 1 January 1970 as they are called
// there, so a day may have 23, 24 or 25 hours, or be missing. Pure; Intl knows the zones, and there is no clock here.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** No zone is, or was, further from UTC. */
const OFFSET_MS_MAX = 16 * HOUR_MS;

/** Of a time that clocks show twice: the one or the other. */
export type Which = 'first' | 'last';

export interface LocalTime {
  /** Since 1 January 1970, by the calendar of the place. */
  readonly day: number;
  /** 0 to 1439. */
  readonly minute: number;
}

/** Whether this is a time zone that Intl knows, e.g. Europe/Berlin. */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** Monday is 0. */
export function weekdayOf(day: number): number {
  // 1 January 1970 was a Thursday.
  return (((day + 3) % 7) + 7) % 7;
}

export class LocalClock {
  readonly #format: Intl.DateTimeFormat;

  /** Throws RangeError for what is no time zone. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** What the clocks show at an instant. */
  at(atMs: number): LocalTime {
    const localMs = atMs + this.#offsetMs(atMs);
    const day = Math.floor(localMs / DAY_MS);
    return { day, minute: Math.floor((localMs - day * DAY_MS) / MINUTE_MS) };
  }

  /**
   * When the clocks show a time; the first or the last of two where they are set back over it. A time that they are set
   * forward over is the moment at which that happens.
   */
  instantOf({ day, minute }: LocalTime, which: Which): number {
    const localMs = day * DAY_MS + minute * MINUTE_MS;
    const beforeMs = localMs - this.#offsetMs(localMs - OFFSET_MS_MAX);
    const afterMs = localMs - this.#offsetMs(localMs + OFFSET_MS_MAX);
    const [firstMs, lastMs] = beforeMs < afterMs ? [beforeMs, afterMs] : [afterMs, beforeMs];
    const found = which === 'first' ? [firstMs, lastMs] : [lastMs, firstMs];
    const shown = found.find((atMs) => atMs + this.#offsetMs(atMs) === localMs);
    return shown ?? this.#changeBetween(localMs - OFFSET_MS_MAX, localMs + OFFSET_MS_MAX);
  }

  /** The instant at which the offset becomes another one, to the millisecond. */
  #changeBetween(fromMs: number, toMs: number): number {
    const offsetMs = this.#offsetMs(fromMs);
    let [before, after] = [fromMs, toMs];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.#offsetMs(middle) === offsetMs) before = middle;
      else after = middle;
    }
    return after;
  }

  /** How far the clocks are ahead of UTC. */
  #offsetMs(atMs: number): number {
    const second = Math.floor(atMs / 1000) * 1000;
    const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
    for (const { type, value } of this.#format.formatToParts(second)) {
      if (type in shown) shown[type as keyof typeof shown] = Number(value);
    }
    const { year, month, day, hour, minute, second: seconds } = shown;
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  }
}

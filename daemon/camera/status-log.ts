// The log lines of a camera's changes of state: one for each, unless it comes and goes all day. Then one line at growing
// intervals tells how often it did, until it is quiet again. Main thread.
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

/** As many lines are written in `WINDOW_MS`; further changes are counted. */
export const LINES_MAX = 10;
const WINDOW_MS = 600_000;
/** Without a change for this long every change gets its line again. */
const QUIET_MS = 600_000;
/** Between two lines while it comes and goes: doubled from the least to the most. */
const INTERVAL_MS = { min: 600_000, max: 6 * 3_600_000 };

export interface StatusChange {
  readonly level: 'info' | 'warn';
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class StatusLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** When the lines of the last `WINDOW_MS` were written. */
  #writtenMonoMs: number[] = [];
  #unsteady: { intervalMs: number; sinceMonoMs: number; changes: number } | undefined;
  #last: StatusChange | undefined;
  #lastMonoMs = 0;
  #timer: Timer | undefined;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  change(change: StatusChange): void {
    const nowMs = this.#clock.monoMs();
    this.#last = change;
    this.#lastMonoMs = nowMs;
    this.#writtenMonoMs = this.#writtenMonoMs.filter((atMs) => nowMs - atMs < WINDOW_MS);
    if (this.#unsteady === undefined && this.#writtenMonoMs.length < LINES_MAX) {
      this.#writtenMonoMs.push(nowMs);
      this.#logger[change.level](change.fields, change.text);
      return;
    }
    this.#unsteady ??= { intervalMs: INTERVAL_MS.min, sinceMonoMs: nowMs, changes: 0 };
    this.#unsteady.changes += 1;
    this.#timer ??= this.#wait();
  }

  stop(): void {
    this.#timer?.stop();
  }

  #wait(): Timer {
    const { intervalMs = 0, sinceMonoMs = 0 } = this.#unsteady ?? {};
    const wakeMonoMs = Math.min(this.#lastMonoMs + QUIET_MS, sinceMonoMs + intervalMs);
    return this.#clock.after(Math.max(0, wakeMonoMs - this.#clock.monoMs()), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monoMs();
    const unsteady = this.#unsteady;
    if (unsteady === undefined) return;
    const isQuiet = nowMs - this.#lastMonoMs >= QUIET_MS;
    const isDue = nowMs - unsteady.sinceMonoMs >= unsteady.intervalMs;
    if ((isQuiet || isDue) && unsteady.changes > 0) this.#summarise(unsteady.changes, nowMs);
    if (isQuiet) {
      this.#unsteady = undefined;
      return;
    }
    if (isDue) {
      const intervalMs = Math.min(unsteady.intervalMs * 2, INTERVAL_MS.max);
      this.#unsteady = { intervalMs, sinceMonoMs: nowMs, changes: 0 };
    }
    this.#timer = this.#wait();
  }

  #summarise(changes: number, nowMs: number): void {
    const { sinceMonoMs = nowMs } = this.#unsteady ?? {};
    const { level, text, fields } = this.#last as StatusChange;
    const minutes = Math.max(1, Math.round((nowMs - sinceMonoMs) / 60_000));
    this.#logger[level](
      { ...fields, changes },
      `camera comes and goes: ${changes} changes in ${minutes} min, the last one: ${text}`,
    );
  }
}

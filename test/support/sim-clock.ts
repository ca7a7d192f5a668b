// A clock that stands still until a test advances it. Timers fire in order of their time.
import type { Clock, Timer } from '../../daemon/platform/clock.ts';

interface Entry {
  atMs: number;
  everyMs: number | undefined;
  fn: () => void;
}

export class SimClock implements Clock {
  #monoMs = 1000;
  #wallOffsetMs: number;
  readonly #entries = new Set<Entry>();

  constructor(nowMs = Date.UTC(2026, 5, 1, 12)) {
    this.#wallOffsetMs = nowMs - this.#monoMs;
  }

  nowMs(): number {
    return this.#monoMs + this.#wallOffsetMs;
  }

  monoMs(): number {
    return this.#monoMs;
  }

  /** Moves the wall clock only, as a time synchronisation does. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.after(ms, resolve);
      signal?.addEventListener('abort', () => {
        timer.stop();
        reject(signal.reason);
      });
    });
  }

  after(ms: number, fn: () => void): Timer {
    return this.#add({ atMs: this.#monoMs + ms, everyMs: undefined, fn });
  }

  every(ms: number, fn: () => void): Timer {
    return this.#add({ atMs: this.#monoMs + ms, everyMs: ms, fn });
  }

  /** Fires everything due within `ms`, letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monoMs + ms;
    for (;;) {
      const due = [...this.#entries]
        .filter((entry) => entry.atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#monoMs = Math.max(this.#monoMs, due.atMs);
      if (due.everyMs === undefined) this.#entries.delete(due);
      else due.atMs += due.everyMs;
      due.fn();
      await settle();
    }
    this.#monoMs = endMs;
    await settle();
  }

  #add(entry: Entry): Timer {
    this.#entries.add(entry);
    return { stop: () => void this.#entries.delete(entry) };
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

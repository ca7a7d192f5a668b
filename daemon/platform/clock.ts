// The only door to time and timers. Everything else takes a Clock, so that tests can run in simulated time.
// `monoMs` reads CLOCK_MONOTONIC, which all threads and processes of one boot share; performance.now() would start
// at zero in every worker.
import { setTimeout as delay } from 'node:timers/promises';

/** A running timer; `stop()` may be called any number of times. */
export interface Timer {
  stop(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Monotonic milliseconds since boot, with a fraction. Never jumps. */
  monoMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`. Does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
  /** Calls `fn` every `ms`. Does not keep the process alive. */
  every(ms: number, fn: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monoMs: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {});
  },
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms).unref();
    return { stop: () => clearTimeout(timer) };
  },
  every: (ms, fn) => {
    const timer = setInterval(fn, ms).unref();
    return { stop: () => clearInterval(timer) };
  },
};

/** This moment on both clocks. */
export function momentOf(clock: Clock): { readonly atMs: number; readonly monoMs: number } {
  return { atMs: clock.nowMs(), monoMs: clock.monoMs() };
}

// Whether a camera worker is still there: one that says nothing for too long hangs, and is to be ended. One that loads its
// code has not said anything yet and gets much longer: to end a thread while it loads a native library, or runs one, can
// abort the whole process (node-addon-api throws an error in it that nobody catches). Main thread.
import type { Clock, Timer } from '../platform/clock.ts';

/**
 * A worker tells its counters every second; after so many checks in a row without a word it hangs. Checks and not time: while
 * this thread is busy, messages wait for it, and so do the checks.
 */
const RUNNING = { everyMs: 5000, checksMax: 3 };
/** Told to end: its program's grace and leftovers and a little more. */
const LEAVING = { everyMs: 200, checksMax: 8 };
/** A worker that has not said its first word. */
const LOADING_MS = 30_000;

export class WorkerWatch {
  readonly #clock: Clock;
  readonly #onSilent: (limitS: number) => void;
  #limits = RUNNING;
  #isLoaded = false;
  #silentChecks = 0;
  #timer: Timer;

  /** `onSilent` is told after how many seconds without a word. */
  constructor(clock: Clock, onSilent: (limitS: number) => void) {
    this.#clock = clock;
    this.#onSilent = onSilent;
    this.#timer = this.#start();
  }

  /** Its first word says that it has loaded. */
  heard(): void {
    this.#isLoaded = true;
    this.#silentChecks = 0;
  }

  /** It has been told to end. */
  leaves(): void {
    this.#timer.stop();
    this.#limits = LEAVING;
    this.#silentChecks = 0;
    this.#timer = this.#start();
  }

  stop(): void {
    this.#timer.stop();
  }

  #start(): Timer {
    return this.#clock.every(this.#limits.everyMs, () => this.#check());
  }

  #check(): void {
    const { everyMs, checksMax } = this.#limits;
    const limit = this.#isLoaded ? checksMax : LOADING_MS / everyMs;
    this.#silentChecks += 1;
    if (this.#silentChecks === limit) this.#onSilent((limit * everyMs) / 1000);
  }
}

// Notices when somebody sets the wall clock while the daemon runs (the first synchronisation after a start without a
// battery, a person, a time server that was wrong), and keeps an eye on whether it can be trusted. Decides nothing: tells.
// Main thread.
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Part } from './part.ts';
import { isPlausible, readTime, type TimeFacts } from './time-sync.ts';

/** Whether the wall clock is known to be right; `unknown` where nothing on this machine can say. */
export type ClockState = 'synced' | 'unsynced' | 'unknown';

/** The wall clock was set while the daemon ran. */
export interface ClockCorrection {
  /** What the wall clock would have shown, and what it shows. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** When that was noticed, CLOCK_MONOTONIC. */
  readonly monoMs: number;
}

export interface ClockWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who is told; both come before whatever happens afterwards. */
  readonly journal: {
    setClockState(state: ClockState): void;
    correctClock(correction: ClockCorrection): void;
  };
  /** Asks the machine; a test answers itself. */
  readonly read?: (clock: Clock, signal: AbortSignal) => Promise<TimeFacts>;
}

export interface ClockReport {
  readonly state: ClockState;
  /** How far the wall clock has been set since the daemon's start, all corrections together; positive is forward. */
  readonly offsetMs: number;
  readonly corrections: number;
}

const LOOK_MS = 1000;
/** A smaller difference is none: slewing moves both clocks alike, and rounding less than this. */
const STEP_MS = 1000;
/** Asking costs a program: often only until the answer is good. */
const ASK_MS = { synced: 600_000, unsynced: 30_000, unknown: 600_000 } as const;

export class ClockWatch implements Part {
  readonly name = 'clock watch';
  readonly #options: ClockWatchOptions;
  readonly #stopped = new AbortController();
  #looks: Timer | undefined;
  /** Wall clock less monotonic clock, as of the last correction. */
  #offsetMs = 0;
  #correctedMs = 0;
  #corrections = 0;
  #state: ClockState = 'unknown';
  #asking = false;
  #askAtMonoMs = 0;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock } = this.#options;
    this.#offsetMs = clock.nowMs() - clock.monoMs();
    this.#looks = clock.every(LOOK_MS, () => this.#look());
    this.#look();
  }

  async stop(): Promise<void> {
    this.#looks?.stop();
    this.#stopped.abort();
  }

  report(): ClockReport {
    return { state: this.#state, offsetMs: Math.round(this.#correctedMs), corrections: this.#corrections };
  }

  #look(): void {
    const { clock } = this.#options;
    const monoMs = clock.monoMs();
    const afterMs = clock.nowMs();
    const beforeMs = monoMs + this.#offsetMs;
    if (Math.abs(afterMs - beforeMs) > STEP_MS) this.#correct({ beforeMs, afterMs, monoMs });
    if (monoMs >= this.#askAtMonoMs) void this.#ask();
  }

  #correct(correction: ClockCorrection): void {
    const { journal, logger } = this.#options;
    const { beforeMs, afterMs, monoMs } = correction;
    this.#offsetMs = afterMs - monoMs;
    this.#correctedMs += afterMs - beforeMs;
    this.#corrections += 1;
    // Mostly it was just synchronised.
    this.#askAtMonoMs = 0;
    const seconds = Math.round((afterMs - beforeMs) / 100) / 10;
    logger.warn(
      { event: 'clock-corrected', beforeMs, afterMs },
      `wall clock was set by ${seconds} s: times told before are wrong by as much`,
    );
    journal.correctClock(correction);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    const { clock, journal, logger, read = readTime } = this.#options;
    this.#asking = true;
    const { signal } = this.#stopped;
    const facts = await read(clock, signal).catch(() => undefined);
    this.#asking = false;
    if (signal.aborted) return;
    const state = stateOf(facts?.synchronised, clock.nowMs());
    this.#askAtMonoMs = clock.monoMs() + ASK_MS[state];
    if (state === this.#state) return;
    this.#state = state;
    logger.info({ event: 'clock-state', state }, `wall clock is ${state}`);
    journal.setClockState(state);
  }
}

/** Where nothing can say, a time that cannot be tells. */
function stateOf(synchronised: boolean | undefined, nowMs: number): ClockState {
  if (!isPlausible(nowMs)) return 'unsynced';
  if (synchronised === undefined) return 'unknown';
  return synchronised ? 'synced' : 'unsynced';
}

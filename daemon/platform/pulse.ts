// A part that is nothing but time passing: a call every so often while the daemon runs, and one when it stops. Main thread.
import { type Clock, momentOf, type Timer } from './clock.ts';
import type { Part } from './part.ts';

export interface PulseOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  /** Called with this moment on both clocks. */
  readonly onBeat: (moment: ReturnType<typeof momentOf>) => void;
  /** After the last beat. */
  readonly onStop: () => void;
}

export class Pulse implements Part {
  readonly name: string;
  readonly #options: PulseOptions;
  #timer: Timer | undefined;

  constructor(options: PulseOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { clock, everyMs, onBeat } = this.#options;
    this.#timer = clock.every(everyMs, () => onBeat(momentOf(clock)));
  }

  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    this.#timer.stop();
    this.#timer = undefined;
    this.#options.onStop();
  }
}

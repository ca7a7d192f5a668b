// How long a detector process may take until it is ready, and what it waits for meanwhile: a model is loaded in a second, an
// accelerator that builds an engine takes minutes. Each provider that is opened has its time for itself. Main thread.
import type { DetectorConfig } from '../config/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Provider } from './providers.ts';

/** What a detector that is not ready is doing. */
export interface Starting {
  /** The provider that is being opened; undefined while the process itself starts. */
  readonly provider?: Provider;
  /** Since the process was started (seconds). */
  readonly forS: number;
  /** Time for the present step (milliseconds). */
  readonly limitMs: number;
}

export interface StartWatchOptions {
  readonly config: Pick<DetectorConfig, 'startTimeoutMs' | 'acceleratorTimeoutMs'>;
  readonly clock: Clock;
  /** Called once, when a step takes longer than it may. */
  readonly onLate: (reason: string) => void;
}

export class StartWatch {
  readonly #options: StartWatchOptions;
  readonly #beganMonoMs: number;
  #provider: Provider | undefined;
  #timer: Timer;
  #over = false;

  constructor(options: StartWatchOptions) {
    this.#options = options;
    this.#beganMonoMs = options.clock.monoMs();
    this.#timer = this.#arm();
  }

  /** An accelerator that is being opened; undefined for the CPU. */
  get accelerator(): Provider | undefined {
    return this.#over || this.#provider === 'cpu' ? undefined : this.#provider;
  }

  opening(provider: Provider): void {
    if (this.#over) return;
    this.#timer.stop();
    this.#provider = provider;
    this.#timer = this.#arm();
  }

  /** Ready, or gone. */
  stop(): void {
    this.#over = true;
    this.#timer.stop();
  }

  /** Undefined once it is over. */
  starting(): Starting | undefined {
    if (this.#over) return undefined;
    const forS = Math.floor((this.#options.clock.monoMs() - this.#beganMonoMs) / 1000);
    const provider = this.#provider === undefined ? {} : { provider: this.#provider };
    return { ...provider, forS, limitMs: this.#limitMs };
  }

  get #limitMs(): number {
    const { startTimeoutMs, acceleratorTimeoutMs } = this.#options.config;
    return this.accelerator === undefined ? startTimeoutMs : Math.max(startTimeoutMs, acceleratorTimeoutMs);
  }

  #arm(): Timer {
    const limitMs = this.#limitMs;
    const key = this.accelerator === undefined ? 'startTimeoutMs' : 'acceleratorTimeoutMs';
    const what = this.#provider === undefined ? '' : ` on ${this.#provider}`;
    return this.#options.clock.after(limitMs, () =>
      this.#options.onLate(`not ready${what} after ${limitMs} ms (detector.${key})`),
    );
  }
}

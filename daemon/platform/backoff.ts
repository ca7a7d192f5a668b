// Exponential back-off with full jitter for everything that is retried: broker, camera programs, the detector.
// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Pure but for its random source.

export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** Uniform in 0..1; a test passes its own. */
  readonly random?: () => number;
}

/** Hands out growing, jittered delays until `reset()`. */
export class Backoff {
  #attempts = 0;
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Delays handed out since the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next delay in milliseconds: uniform between `minMs` and min(maxMs, minMs · 2^attempts). */
  nextMs(): number {
    const { minMs, maxMs, random = Math.random } = this.#options;
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return minMs + random() * Math.max(0, ceiling - minMs);
  }

  reset(): void {
    this.#attempts = 0;
  }
}

/** A delay that spreads many who were woken at the same moment: uniform between the two, in milliseconds. */
export function jitterMs(minMs: number, maxMs: number, random: () => number = Math.random): number {
  return minMs + random() * (maxMs - minMs);
}

// How often something may happen: so many times at once, then so many a second. Pure but for the clock it is given.
import type { Clock } from '../platform/clock.ts';

export interface Rate {
  /** At once, after a while of nothing. */
  readonly burst: number;
  /** A second, from then on. */
  readonly perS: number;
}

export class TokenBucket {
  readonly rate: Rate;
  readonly #clock: Pick<Clock, 'monoMs'>;
  #tokens: number;
  #filledMonoMs: number;

  constructor(rate: Rate, clock: Pick<Clock, 'monoMs'>) {
    this.rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledMonoMs = clock.monoMs();
  }

  /** True, and one less is left, where it may happen now. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Until it may happen again (milliseconds); 0 where it may now. */
  get waitMs(): number {
    this.#fill();
    return Math.max(0, Math.ceil(((1 - this.#tokens) / this.rate.perS) * 1000));
  }

  #fill(): void {
    const nowMs = this.#clock.monoMs();
    const { burst, perS } = this.rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMonoMs) / 1000) * perS);
    this.#filledMonoMs = nowMs;
  }
}

// What keeps the store from its work, told once when it comes or changes and once when it is over. Main thread.
import { Backoff } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import type { VedetteError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { StoreProblem } from './messages.ts';

export interface TroubleOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  onChange(): void;
}

const RETRY = { minMs: 100, maxMs: 30_000 };

export class Trouble {
  readonly #options: TroubleOptions;
  readonly #backoff = new Backoff(RETRY);
  #problem: StoreProblem | undefined;
  #sinceMonoMs = 0;
  #lateTold = false;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  get problem(): StoreProblem | undefined {
    return this.#problem;
  }

  /** How long to wait before the next try. */
  nextRetryMs(atMostMs = Infinity): number {
    return Math.min(this.#backoff.nextMs(), atMostMs);
  }

  is(error: VedetteError): void {
    const { logger, clock, onChange } = this.#options;
    const changed = this.#problem?.message !== error.message;
    if (this.#problem === undefined) this.#sinceMonoMs = clock.monoMs();
    this.#problem = { code: error.code, message: error.message };
    if (!changed) return;
    logger.error({ event: 'store-problem', code: error.code, err: error }, error.message);
    onChange();
  }

  /** The daemon stops and cannot wait any longer. */
  gaveUp(lost: { readonly batches: number; readonly alerts: number }): void {
    this.#options.logger.error(
      { event: 'store-gave-up', code: 'STORE_COMMIT', ...lost },
      `stopping with ${lost.batches} batches (${lost.alerts} alerts) not written: ${this.#problem?.message ?? 'the disk does not answer'}`,
    );
  }

  /** Changes came after the end; told once. */
  late(): void {
    if (!this.#lateTold)
      this.#options.logger.error({ event: 'store-late' }, 'changes came after the store was closed: lost');
    this.#lateTold = true;
  }

  /** A change went through, or nothing waits any more. */
  over(): void {
    if (this.#problem === undefined) return;
    this.#backoff.reset();
    const { logger, clock, onChange } = this.#options;
    const durationMs = Math.round(clock.monoMs() - this.#sinceMonoMs);
    this.#problem = undefined;
    logger.info({ event: 'store-recovered', durationMs }, 'database works again');
    onChange();
  }
}

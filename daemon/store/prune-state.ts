// What the main thread knows of pruning, and the log's words for it: a line when the owner loses more than he asked for,
// or when pruning does not work. Main thread.
import type { Logger } from '../platform/logger.ts';
import type { Pruned, StoreState } from './messages.ts';

export class PruneState {
  readonly #logger: Logger;
  #last: StoreState['lastPrune'];
  #problem: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get last(): StoreState['lastPrune'] {
    return this.#last;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  onPruned({ round, problem }: Pruned): void {
    if (round !== undefined) {
      this.#last = round;
      const level = round.forRoom + round.undelivered > 0 ? 'warn' : 'debug';
      this.#logger[level]({ event: 'store-pruned', ...round }, 'pictures deleted');
    }
    if (problem === undefined || problem === (this.#problem ?? '')) return;
    this.#problem = problem === '' ? undefined : problem;
    if (problem === '') this.#logger.info({ event: 'store-prune-recovered' }, 'pictures are pruned again');
    else
      this.#logger.warn(
        { event: 'store-prune-problem' },
        `pictures are not pruned: ${problem}; trying again`,
      );
  }
}

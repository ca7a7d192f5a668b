// The rounds in which a pruner deletes what is too old or too much: begun by the clock and when they are asked for, one at
// a time, each of turns of some milliseconds, so that commits hardly wait for it. Knows nothing of what is deleted. Worker
// thread.
import type { Clock, Timer } from '../platform/clock.ts';

export interface RoundsOptions {
  readonly clock: Clock;
  /** The work of a round: one turn up to every yield. */
  round(): Generator<void>;
  /** A round is over: what stopped it, undefined when it went through. The next comes by the clock either way. */
  onEnd(trouble: unknown): void;
}

/** A round by bytes goes this far below the limit: the next is not due with the next commit. */
export const SLACK = 0.01;
const ROUND_MS = 600_000;
/** Before the first turn and between two the store's commits have the thread and the disk. */
const PAUSE_MS = 20;

export class Rounds {
  readonly #options: RoundsOptions;
  #byClock: Timer | undefined;
  #nextTurn: Timer | undefined;
  /** The round under way. */
  #work: Generator<void> | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#byClock = this.#options.clock.every(ROUND_MS, () => this.begin());
    this.begin();
  }

  /** One that is under way goes on. Nothing begins before the start or after the end. */
  begin(): void {
    if (this.#byClock === undefined || this.#work !== undefined) return;
    const work = this.#options.round();
    this.#work = work;
    this.#soon(work);
  }

  /** For limits that changed: a round by the old ones is broken off. */
  beginAnew(): void {
    this.#breakOff();
    this.begin();
  }

  stop(): void {
    this.#byClock?.stop();
    this.#byClock = undefined;
    this.#breakOff();
  }

  #breakOff(): void {
    this.#nextTurn?.stop();
    this.#work = undefined;
  }

  #soon(work: Generator<void>): void {
    this.#nextTurn = this.#options.clock.after(PAUSE_MS, () => this.#turn(work));
  }

  #turn(work: Generator<void>): void {
    let trouble: unknown;
    try {
      if (work.next().done === false) {
        this.#soon(work);
        return;
      }
    } catch (error) {
      trouble = error;
    }
    this.#work = undefined;
    this.#options.onEnd(trouble);
  }
}

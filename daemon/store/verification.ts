// The words of a verification: what a check may say while it works. Types, and the one bound on how much. Any thread.
import type { Finding } from '../platform/finding.ts';

/** How far a check is. */
export interface Progress {
  readonly done: number;
  /** Undefined where it is not known. */
  readonly of: number | undefined;
}

/** A check works in turns, from yield to yield: some milliseconds, one short read transaction at most. */
export type Check = Generator<Finding | Progress, void>;

/** Findings of one kind that are told one by one; the rest is counted. */
const TOLD_MAX = 20;

/** Faults of one kind, of which there may be as many as rows. */
export class Faults {
  readonly #what: string;
  #count = 0;

  /** What there are more of when there are too many: 'numbers are missing'. */
  constructor(what: string) {
    this.#what = what;
  }

  get none(): boolean {
    return this.#count === 0;
  }

  /** The fault, as long as there are not too many. */
  *add(message: string, advice?: string): Generator<Finding> {
    this.#count += 1;
    if (this.#count > TOLD_MAX) return;
    yield { level: 'fault', message, ...(advice === undefined ? {} : { advice }) };
  }

  /** How many more there were. */
  *rest(): Generator<Finding> {
    if (this.#count <= TOLD_MAX) return;
    yield { level: 'fault', message: `${this.#count - TOLD_MAX} more: ${this.#what}` };
  }
}

/** `5`, or `5 to 7`. */
export function rangeWords(first: number, last: number): string {
  return first === last ? `${first}` : `${first} to ${last}`;
}

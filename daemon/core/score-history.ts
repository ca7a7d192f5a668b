// The last scores of a track and their median: the filter that confirms an object. Pure; allocates nothing per look.

/** Scores that enter the median, at most. */
const LENGTH = 10;
/** The history is padded with zeros to this length, so that one lucky frame confirms nothing. */
const LENGTH_MIN = 3;

const sorted = new Float64Array(LENGTH);

export class ScoreHistory {
  /** Of the scores so far, padded with zeros. */
  median = 0;
  readonly #scores = new Float64Array(LENGTH);
  #count = 0;
  #next = 0;

  add(score: number): void {
    this.#scores[this.#next] = score;
    this.#next = (this.#next + 1) % LENGTH;
    if (this.#count < LENGTH) this.#count += 1;
    // Places beyond the count hold zeros.
    const length = Math.max(this.#count, LENGTH_MIN);
    for (let i = 0; i < length; i += 1) {
      const value = this.#scores[i]!;
      let at = i;
      while (at > 0 && sorted[at - 1]! > value) {
        sorted[at] = sorted[at - 1]!;
        at -= 1;
      }
      sorted[at] = value;
    }
    const middle = length >> 1;
    const upper = sorted[middle]!;
    this.median = length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  }
}

// Chance that can be repeated, for samples of photos and for resampling. Never reads a clock or Math.random. Pure, any thread.

/**
 * splitmix32: the output function of MurmurHash3 (Austin Appleby, public domain) over a Weyl sequence, the 32-bit form of
 * Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Full period; not for secrets.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Next number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 4294967296;
  }

  /** Whole number in [0, count). */
  index(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Another order of the same values (Fisher and Yates); the array itself stays as it is. */
  shuffle<T>(values: readonly T[]): T[] {
    const shuffled = [...values];
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = this.index(at + 1);
      const kept = shuffled[at]!;
      shuffled[at] = shuffled[other]!;
      shuffled[other] = kept;
    }
    return shuffled;
  }
}

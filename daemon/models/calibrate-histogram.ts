// A histogram of the values that one activation takes, in memory of fixed size: when a value lies outside, pairs of bins are
// merged until it fits. Edges are multiples of powers of two, so that what comes out depends neither on the order of the values
// nor on where they were split: merged, stored and read again it is the same. Pure; the loops run over every value of every
// activation of every picture.

/** Bins on both sides of zero together. With widths that double, values up to any greatest fill a quarter of them at least. */
export const BINS = 8192;
const HALF = BINS / 2;
/** Widths are powers of two with exponents from here: what is smaller counts as zero. */
const EXPONENT_MIN = -64;
/** float32 ends at 2^128. */
const EXPONENT_MAX = 128;

const HEADER_BYTES = 4 * 8;

export class Histogram {
  /** How many values fell into each bin: bin i holds (i - 4096) · width to the next edge. */
  counts = new Float64Array(BINS);
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  /** Values counted. */
  count = 0;
  #exponent = EXPONENT_MIN;

  /** Of one bin, a power of two. */
  get width(): number {
    return 2 ** this.#exponent;
  }

  /** Lower edge of a bin. */
  edge(bin: number): number {
    return (bin - HALF) * this.width;
  }

  /** Counts all of them; false, and nothing counted, when one is no finite number. */
  add(values: Float32Array): boolean {
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let areFinite = true;
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      // Infinity - Infinity and NaN - NaN are NaN, which is not equal to anything.
      if (value - value !== 0) areFinite = false;
    }
    if (!areFinite) return false;
    if (values.length === 0) return true;
    this.#fit(min, max);
    const perWidth = 2 ** -this.#exponent;
    const { counts } = this;
    for (let i = 0; i < values.length; i += 1) {
      const bin = Math.floor(values[i]! * perWidth) + HALF;
      counts[bin] = counts[bin]! + 1;
    }
    this.count += values.length;
    return true;
  }

  /** Wider bins until both fit. */
  #fit(min: number, max: number): void {
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    let exponent = this.#exponent;
    while (exponent < EXPONENT_MAX && !(max < HALF * 2 ** exponent && min >= -HALF * 2 ** exponent))
      exponent += 1;
    if (exponent === this.#exponent) return;
    const shift = exponent - this.#exponent;
    const merged = new Float64Array(BINS);
    this.counts.forEach((count, bin) => {
      if (count > 0) merged[mergedBin(bin, shift)]! += count;
    });
    this.counts = merged;
    this.#exponent = exponent;
  }

  /** For a file; `fromBytes` reads it. */
  toBytes(): Uint8Array {
    const numbers = new Float64Array(HEADER_BYTES / 8 + BINS);
    numbers.set([this.min, this.max, this.count, this.#exponent]);
    numbers.set(this.counts, HEADER_BYTES / 8);
    return new Uint8Array(numbers.buffer);
  }

  static readonly bytes = HEADER_BYTES + BINS * 8;

  /** Of `bytes` bytes, as `toBytes` has given them. */
  static fromBytes(bytes: Uint8Array): Histogram {
    const numbers = new Float64Array(new Uint8Array(bytes).buffer);
    const histogram = new Histogram();
    [histogram.min, histogram.max, histogram.count] = [numbers[0]!, numbers[1]!, numbers[2]!];
    histogram.#exponent = numbers[3]!;
    histogram.counts = numbers.slice(HEADER_BYTES / 8);
    return histogram;
  }
}

/** The bin of a histogram with bins 2^shift times as wide. */
function mergedBin(bin: number, shift: number): number {
  // Shifting further than the bins are many leaves the two at zero; JavaScript shifts modulo 32.
  return ((bin - HALF) >> Math.min(shift, 31)) + HALF;
}

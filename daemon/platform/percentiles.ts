// Medians and percentiles: of a list, and of the last N measurements of one thing, for health. Any thread.

/** Half of the values lie below; the mean of the middle two where their number is even. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value at `share` (0..1) of the sorted values, nearest rank. NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Of the last N values; fixed buffers. */
export class Percentiles {
  readonly #values: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;
  #next = 0;

  /** Keeps the last `length` values. */
  constructor(length = 512) {
    this.#values = new Float64Array(length);
    this.#sorted = new Float64Array(length);
  }

  /** How many are kept now. */
  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#values.length;
    this.#count = Math.min(this.#count + 1, this.#values.length);
  }

  /** The value at `share` (0..1) of the sorted values, nearest rank; 0 when there are none. */
  at(share: number): number {
    if (this.#count === 0) return 0;
    const sorted = this.#sorted.subarray(0, this.#count);
    sorted.set(this.#values.subarray(0, this.#count));
    sorted.sort();
    return sorted[Math.min(this.#count - 1, Math.max(0, Math.ceil(share * this.#count) - 1))] ?? 0;
  }
}

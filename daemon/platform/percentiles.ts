// The last N measurements of one thing and their percentiles, for health. Fixed buffers; any thread.

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

// The last few durations of one thing, and their percentiles. Fixed memory; pure. Any thread.

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export class LatencyRing {
  readonly #valuesMs: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.#valuesMs = new Float64Array(size);
  }

  add(durationMs: number): void {
    this.#valuesMs[this.#count % this.#valuesMs.length] = durationMs;
    this.#count += 1;
  }

  /** Nearest-rank percentiles of what the ring holds; undefined while it is empty. */
  percentiles(): Percentiles | undefined {
    const held = Math.min(this.#count, this.#valuesMs.length);
    if (held === 0) return undefined;
    const sorted = this.#valuesMs.slice(0, held).sort();
    const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * held) - 1)] ?? 0;
    return { p50: rank(0.5), p99: rank(0.99) };
  }
}

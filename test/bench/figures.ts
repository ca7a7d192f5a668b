// What a benchmark prints, and the statistics it needs.

export interface BenchLine {
  readonly what: string;
  readonly value: string;
  /** What DESIGN asks for, or empty. */
  readonly target: string;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest rank; NaN for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

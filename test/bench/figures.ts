// What a benchmark prints.

export interface BenchLine {
  readonly what: string;
  readonly value: string;
  /** What DESIGN asks for, or empty. */
  readonly target: string;
}

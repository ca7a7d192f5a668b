// One plane of a frame, or a rectangle of it, made smaller or larger. Tables are made once per plane, part and pair of sizes; `run` allocates
// nothing. Camera worker thread. Figures: test/bench (`npm run bench`).
import type { Size } from '../core/types.ts';
import type { PixelKernels } from './pixel-kernels.ts';

/** What one is made of. `scratch`: see `scratchBytes`. */
export interface PlaneOptions {
  readonly kernels: PixelKernels;
  readonly source: Size;
  readonly target: Size;
  /** Bytes from a row of the source to the next. */
  readonly stride: number;
  readonly scratch: number;
}

/** What `scratch` needs for planes of this width. */
export function scratchBytes(width: number): number {
  return 4 * (width + 16) + 16;
}

export interface PlaneResizer {
  /** From the rectangle that begins at `from` to a plane without gaps at `to`, addresses in the memory of the kernels. */
  run(from: number, to: number): void;
}

/** Makes what a pair of sizes needs: bilinear where it grows in both directions, averaging where it does not. */
export function planeResizer(options: PlaneOptions): PlaneResizer {
  const { source, target } = options;
  // In one direction alone it is a little, and averaging keeps the picture sharper.
  const grows = source.width < target.width && source.height < target.height;
  return grows ? new PlaneInterpolator(options) : new PlaneAverager(options);
}

/** Sums of more rows do not fit into the 16 bits that they have. */
const ROWS_MAX = 256;
/** Tables are read in whole vectors of so many columns. */
const VECTOR = 4;
/** Bytes of a running sum. */
const SUM_BYTES = 4;

/** Averages every source pixel into the target pixel it falls on (box filter); in a direction that grows, source pixels repeat. */
export class PlaneAverager implements PlaneResizer {
  readonly #options: PlaneOptions;
  readonly #rows: number;
  readonly #starts: number;
  readonly #ends: number;
  readonly #parts: number;

  constructor(options: PlaneOptions) {
    const { kernels, source, target } = options;
    const rows = spans(source.height, target.height);
    const columns = spans(source.width, target.width);
    if (source.height > ROWS_MAX * target.height) {
      throw new RangeError(
        `${source.height} rows cannot become ${target.height}: at most ${ROWS_MAX} rows become one`,
      );
    }
    this.#options = options;
    this.#rows = kernels.takeTable(Int32Array.from(rows.flatMap(({ start, end }) => [start, end])));
    this.#starts = kernels.takeTable(wholeVectors(columns.map(({ start }) => SUM_BYTES * start)));
    this.#ends = kernels.takeTable(wholeVectors(columns.map(({ end }) => SUM_BYTES * end)));
    this.#parts = kernels.takeTable(Float32Array.from(columns, ({ start, end }) => 1 / (end - start)));
  }

  run(from: number, to: number): void {
    const { kernels, source, target, stride, scratch } = this.#options;
    kernels.run.shrink(
      from,
      stride,
      source.width,
      this.#rows,
      target.height,
      this.#starts,
      this.#ends,
      this.#parts,
      target.width,
      scratch,
      to,
    );
  }
}

/**
 * Bilinear, as the pictures were resized that the bundled model was trained with: centres of pixels lie at half, beyond the outermost
 * the edge goes on. With pixels repeated the model found far less in crops (docs/regions.md).
 */
export class PlaneInterpolator implements PlaneResizer {
  readonly #options: PlaneOptions;
  readonly #rows: number;
  readonly #starts: number;
  readonly #weights: number;

  constructor(options: PlaneOptions) {
    const { kernels, source, target } = options;
    const columns = pairs(source.width, target.width);
    this.#options = options;
    this.#rows = kernels.takeTable(
      Int32Array.from(pairs(source.height, target.height).flatMap(({ start, weight }) => [start, weight])),
    );
    this.#starts = kernels.takeTable(wholeVectors(columns.map(({ start }) => start)));
    this.#weights = kernels.takeTable(
      Int16Array.from(columns.flatMap(({ weight }) => [WEIGHTS - weight, weight])),
    );
  }

  run(from: number, to: number): void {
    const { kernels, source, target, stride, scratch } = this.#options;
    kernels.run.enlarge(
      from,
      stride,
      source.width,
      this.#rows,
      target.height,
      this.#starts,
      this.#weights,
      target.width,
      scratch,
      to,
    );
  }
}

/** Indices, and nothing behind them that is none. */
function wholeVectors(indices: readonly number[]): Int32Array {
  const table = new Int32Array(VECTOR * Math.ceil(indices.length / VECTOR));
  table.set(indices);
  return table;
}

/** For each target index, the first source index and the one after the last. */
function spans(sourceLength: number, length: number): { start: number; end: number }[] {
  return Array.from({ length }, (_, index) => {
    const start = Math.min(sourceLength - 1, Math.floor((index * sourceLength) / length));
    return { start, end: Math.max(start + 1, Math.floor(((index + 1) * sourceLength) / length)) };
  });
}

/** Both weights of a pair together. */
const WEIGHTS = 256;

/**
 * For each target index, the first of two source indices and the weight of the second. The last pixel is the second of the last two:
 * none is asked for that is not there. `sourceLength` is 2 at least.
 */
function pairs(sourceLength: number, length: number): { start: number; weight: number }[] {
  return Array.from({ length }, (_, index) => {
    const at = Math.min(sourceLength - 1, Math.max(0, ((index + 0.5) * sourceLength) / length - 0.5));
    const start = Math.min(sourceLength - 2, Math.floor(at));
    return { start, weight: Math.round((at - start) * WEIGHTS) };
  });
}

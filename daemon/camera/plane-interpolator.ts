// One plane of a frame, or a rectangle of it, made larger. Plain loops over typed arrays with buffers made once; camera worker thread.
import type { Size } from './halve.ts';

/** Weights of the second of two pixels are 0..1 << BITS. */
const BITS = 8;
const HALF = 1 << (BITS - 1);

/** Where target pixels come from in one direction: between the source pixel `starts` and the one after it. */
interface Axis {
  readonly starts: Int32Array;
  /** Of the one after it. */
  readonly weights: Int32Array;
}

/**
 * Bilinear, as the pictures were resized that the bundled model was trained with: centres of pixels lie at half, beyond the outermost
 * the edge goes on. For planes that are larger afterwards in both directions; with pixels repeated the model found far less in crops
 * (docs/regions.md). Made once per plane, part and pair of sizes; `run` allocates nothing.
 */
export class PlaneInterpolator {
  /** The rectangle that it takes. */
  readonly source: Size;
  readonly #stride: number;
  readonly #across: Axis;
  readonly #down: Axis;
  /** What lies between two rows of the source. */
  readonly #row: Uint8Array;

  constructor(source: Size, { width, height }: Size, stride: number) {
    this.source = source;
    this.#stride = stride;
    this.#across = axisOf(source.width, width);
    this.#down = axisOf(source.height, height);
    this.#row = new Uint8Array(source.width);
  }

  /** The part of a plane that begins at `offset` of `source`. */
  run(source: Uint8Array, offset: number, target: Uint8Array): void {
    const { starts, weights } = this.#down;
    for (let y = 0, to = 0; y < starts.length; y += 1, to += this.#across.starts.length) {
      const upper = offset + starts[y]! * this.#stride;
      interpolateRow(source, upper, upper + this.#stride, weights[y]!, this.#row);
      interpolateColumns(this.#row, this.#across, target, to);
    }
  }
}

/** Between the rows that begin at `upper` and `lower`. */
function interpolateRow(
  source: Uint8Array,
  upper: number,
  lower: number,
  weight: number,
  into: Uint8Array,
): void {
  for (let x = 0; x < into.length; x += 1) {
    const first = source[upper + x]!;
    into[x] = first + (((source[lower + x]! - first) * weight + HALF) >> BITS);
  }
}

function interpolateColumns(
  row: Uint8Array,
  { starts, weights }: Axis,
  target: Uint8Array,
  to: number,
): void {
  for (let x = 0; x < starts.length; x += 1) {
    const start = starts[x]!;
    const first = row[start]!;
    target[to + x] = first + (((row[start + 1]! - first) * weights[x]! + HALF) >> BITS);
  }
}

/** The last pixel is the second of the last two: none is asked for that is not there. `from` is 2 at least. */
function axisOf(from: number, to: number): Axis {
  const starts = new Int32Array(to);
  const weights = new Int32Array(to);
  for (let index = 0; index < to; index += 1) {
    const at = Math.min(from - 1, Math.max(0, ((index + 0.5) * from) / to - 0.5));
    starts[index] = Math.min(from - 2, Math.floor(at));
    weights[index] = Math.round((at - starts[index]!) * (1 << BITS));
  }
  return { starts, weights };
}

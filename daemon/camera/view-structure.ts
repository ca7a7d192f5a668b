// The lasting structure of a picture: where its edges are and which way they run, whatever the light. Two pictures of one view
// agree in it by day and by night; those of two views do not. Buffers made once; camera worker thread.
import type { Size } from '../core/types.ts';

/** Cells that are compared one by one, so that what passes in front of some says nothing of the others. */
const COLUMNS = 10;
const ROWS = 6;
const CELLS = COLUMNS * ROWS;
/** A cell counts when its edges make up this share of the mean of all cells. */
const CELL_MIN = 0.25;
/** A cell is as it was when its edges agree by so much (cosine). */
const ALIKE = 0.4;
/** Below this gradient (codes) noise makes up its own directions. */
const GRADIENT_MIN = 1.5;

export class ViewStructure {
  /** Mean gradient, codes a pixel: how much there is to be seen. */
  strength = 0;
  readonly #width: number;
  readonly #height: number;
  readonly #fullWidth: number;
  readonly #half: Float32Array;
  /**
   * Gradients of this picture with their angle doubled, so that an edge from dark to bright is the same as one from bright to
   * dark (Bigün and Granlund 1987); and the same as it has been.
   */
  readonly #a: Float32Array;
  readonly #b: Float32Array;
  readonly #usualA: Float32Array;
  readonly #usualB: Float32Array;
  readonly #sums = new Float64Array(CELLS * 3);
  /** A part counts from this on (the square of its usual edges). */
  #least = Number.MIN_VALUE;

  /** For luma planes of this size. */
  constructor(plane: Size) {
    this.#fullWidth = plane.width;
    this.#width = plane.width >> 1;
    this.#height = plane.height >> 1;
    const pixels = this.#width * this.#height;
    this.#half = new Float32Array(pixels);
    this.#a = new Float32Array(pixels);
    this.#b = new Float32Array(pixels);
    this.#usualA = new Float32Array(pixels);
    this.#usualB = new Float32Array(pixels);
  }

  /** Takes a luma plane; compare and learn are about the one taken last. */
  look(pixels: Uint8Array): void {
    const [width, height, half, stride] = [this.#width, this.#height, this.#half, this.#fullWidth];
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const at = 2 * row * stride + 2 * column;
        half[row * width + column] =
          (pixels[at]! + pixels[at + 1]! + pixels[at + stride]! + pixels[at + stride + 1]!) / 4;
      }
    }
    let sum = 0;
    for (let row = 1; row < height - 1; row += 1) {
      for (let at = row * width + 1, end = at + width - 2; at < end; at += 1) {
        const gx = half[at + 1]! - half[at - 1]!;
        const gy = half[at + width]! - half[at - width]!;
        const size = Math.sqrt(gx * gx + gy * gy);
        sum += size;
        const isEdge = size >= GRADIENT_MIN;
        this.#a[at] = isEdge ? (gx * gx - gy * gy) / size : 0;
        this.#b[at] = isEdge ? (2 * gx * gy) / size : 0;
      }
    }
    this.strength = sum / (width * height);
  }

  /** This is more and more what the view usually looks like; `share` 1: entirely. */
  learn(share: number): void {
    const [a, b, usualA, usualB] = [this.#a, this.#b, this.#usualA, this.#usualB];
    for (let at = 0; at < a.length; at += 1) {
      usualA[at] = usualA[at]! + share * (a[at]! - usualA[at]!);
      usualB[at] = usualB[at]! + share * (b[at]! - usualB[at]!);
    }
  }

  /** Compares the parts of the picture with what they usually are: before `alike` and `lost`. */
  compare(): void {
    this.#sum(this.#sums);
    const sums = this.#sums;
    let usual = 0;
    for (let cell = 0; cell < CELLS; cell += 1) usual += sums[cell * 3 + 2]!;
    this.#least = Math.max(Number.MIN_VALUE, (CELL_MIN * CELL_MIN * usual) / CELLS);
  }

  /** Share of the parts with lasting edges that have them where and as they were, 0..1; 1 where there never were any. */
  alike(): number {
    const sums = this.#sums;
    let [counted, same] = [0, 0];
    for (let cell = 0; cell < CELLS; cell += 1) {
      const [both, now, before] = [sums[cell * 3]!, sums[cell * 3 + 1]!, sums[cell * 3 + 2]!];
      if (before < this.#least) continue;
      counted += 1;
      if (both > ALIKE * Math.sqrt(now * before)) same += 1;
    }
    return counted === 0 ? 1 : same / counted;
  }

  /** Share of the parts with lasting edges whose edges are weaker than `limit` times as usual, 0..1; 0 where there never were any. */
  lost(limit: number): number {
    const sums = this.#sums;
    let [counted, lost] = [0, 0];
    for (let cell = 0; cell < CELLS; cell += 1) {
      const [now, before] = [sums[cell * 3 + 1]!, sums[cell * 3 + 2]!];
      if (before < this.#least) continue;
      counted += 1;
      if (now < limit * limit * before) lost += 1;
    }
    return counted === 0 ? 0 : lost / counted;
  }

  /** Of each cell: the product of what is and what was, and their squares. */
  #sum(sums: Float64Array): void {
    const [a, b, usualA, usualB] = [this.#a, this.#b, this.#usualA, this.#usualB];
    sums.fill(0);
    for (let row = 1; row < this.#height - 1; row += 1) {
      const cells = Math.floor((row * ROWS) / this.#height) * COLUMNS;
      for (let column = 1; column < this.#width - 1; column += 1) {
        const at = row * this.#width + column;
        const cell = 3 * (cells + Math.floor((column * COLUMNS) / this.#width));
        sums[cell] = sums[cell]! + a[at]! * usualA[at]! + b[at]! * usualB[at]!;
        sums[cell + 1] = sums[cell + 1]! + a[at]! ** 2 + b[at]! ** 2;
        sums[cell + 2] = sums[cell + 2]! + usualA[at]! ** 2 + usualB[at]! ** 2;
      }
    }
  }
}

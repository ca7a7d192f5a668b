// One plane of a frame, or a rectangle of it, averaged to another size. Plain loops over typed arrays with buffers made once;
// camera worker thread. Figures: test/bench (`npm run bench`).
import type { Size } from './halve.ts';

/**
 * Averages every source pixel into the target pixel it falls on (box filter); where the target is larger than the
 * source, source pixels repeat. Made once per plane, part and pair of sizes; `run` allocates nothing.
 *
 * Where 4 or 2 source columns make one target column (1280 or 640 wide to 320, the common cases), four pixels are added
 * at once in the halves of two 32-bit words (SWAR): 1280x720 to 320x320 took 3.6 ms without, see test/bench.
 */
export class PlaneResizer {
  /** The rectangle that it takes. */
  readonly source: Size;
  readonly #stride: number;
  readonly #width: number;
  readonly #height: number;
  readonly #rowStarts: Int32Array;
  readonly #columnStarts: Int32Array;
  readonly #rowEnds: Int32Array;
  readonly #columnEnds: Int32Array;
  readonly #sums: Uint32Array;
  readonly #columnsPerPixel: number;

  constructor(source: Size, { width, height }: Size, stride: number) {
    const { width: sourceWidth, height: sourceHeight } = source;
    this.source = source;
    this.#stride = stride;
    this.#width = width;
    this.#height = height;
    [this.#rowStarts, this.#rowEnds] = spans(sourceHeight, height);
    [this.#columnStarts, this.#columnEnds] = spans(sourceWidth, width);
    this.#sums = new Uint32Array(sourceWidth);
    this.#columnsPerPixel = sourceWidth / width;
  }

  /** The part of a plane that begins at `offset` of `source`; `words` the same bytes as 32-bit words. */
  run(source: Uint8Array, words: Uint32Array, offset: number, target: Uint8Array): void {
    const stride = this.#stride;
    const aligned = stride % 4 === 0 && offset % 4 === 0;
    for (let row = 0; row < this.#height; row += 1) {
      const from = this.#rowStarts[row]!;
      const rowCount = this.#rowEnds[row]! - from;
      const start = offset + from * stride;
      const to = row * this.#width;
      if (aligned && rowCount < 64 && this.#columnsPerPixel === 4) {
        averageFour(words, start >> 2, stride >> 2, rowCount, target, to, this.#width);
      } else if (aligned && rowCount < 64 && this.#columnsPerPixel === 2) {
        averageTwo(words, start >> 2, stride >> 2, rowCount, target, to, this.#width >> 1);
      } else if (rowCount === 1 && this.#columnsPerPixel <= 1) {
        this.#repeat(source, start, target, to);
      } else {
        this.#averageAny(source, start, rowCount, target, to);
      }
    }
  }

  /** One source pixel for each target pixel, or for several of them. */
  #repeat(source: Uint8Array, start: number, target: Uint8Array, to: number): void {
    const width = this.#width;
    for (let column = 0; column < width; column += 1) {
      target[to + column] = source[start + this.#columnStarts[column]!]!;
    }
  }

  #averageAny(source: Uint8Array, start: number, rowCount: number, target: Uint8Array, to: number): void {
    const sums = this.#sums;
    addRows(source, start, this.#stride, rowCount, sums);
    const width = this.#width;
    for (let column = 0; column < width; column += 1) {
      const first = this.#columnStarts[column]!;
      const end = this.#columnEnds[column]!;
      let sum = 0;
      for (let x = first; x < end; x += 1) sum += sums[x]!;
      const count = (end - first) * rowCount;
      target[to + column] = (sum + (count >> 1)) / count;
    }
  }
}

/** Every other byte of a word, so that two sums of up to 257 bytes each fit side by side. */
const EVEN_BYTES = 0x00ff00ff;

/** One target row from `rowCount` source rows of 4 columns a pixel (one word). Little-endian, as all our boards are. */
function averageFour(
  words: Uint32Array,
  start: number,
  stride: number,
  rowCount: number,
  target: Uint8Array,
  to: number,
  wordCount: number,
): void {
  const reciprocal = Math.round(65536 / (4 * rowCount));
  const end = start + rowCount * stride;
  for (let column = 0; column < wordCount; column += 1) {
    const first = words[start + column]!;
    let even = first & EVEN_BYTES;
    let odd = (first >>> 8) & EVEN_BYTES;
    for (let at = start + column + stride; at < end; at += stride) {
      const word = words[at]!;
      even += word & EVEN_BYTES;
      odd += (word >>> 8) & EVEN_BYTES;
    }
    const sum = (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
    target[to + column] = (sum * reciprocal + 32768) >>> 16;
  }
}

/**
 * As averageFour with 2 columns a pixel: one word makes two pixels. A function of its own, because one with a branch per
 * column took 12 % longer for 1280x720 (1.92 against 1.70 ms, medians of four runs in turn).
 */
function averageTwo(
  words: Uint32Array,
  start: number,
  stride: number,
  rowCount: number,
  target: Uint8Array,
  to: number,
  wordCount: number,
): void {
  const reciprocal = Math.round(65536 / (2 * rowCount));
  const end = start + rowCount * stride;
  for (let column = 0; column < wordCount; column += 1) {
    const first = words[start + column]!;
    let even = first & EVEN_BYTES;
    let odd = (first >>> 8) & EVEN_BYTES;
    for (let at = start + column + stride; at < end; at += stride) {
      const word = words[at]!;
      even += word & EVEN_BYTES;
      odd += (word >>> 8) & EVEN_BYTES;
    }
    const pair = to + 2 * column;
    target[pair] = (((even & 0xffff) + (odd & 0xffff)) * reciprocal + 32768) >>> 16;
    target[pair + 1] = (((even >>> 16) + (odd >>> 16)) * reciprocal + 32768) >>> 16;
  }
}

/** Sums `count` rows column by column into `sums`. */
function addRows(source: Uint8Array, start: number, stride: number, count: number, sums: Uint32Array): void {
  const width = sums.length;
  for (let x = 0; x < width; x += 1) sums[x] = source[start + x]!;
  for (let row = 1; row < count; row += 1) {
    const base = start + row * stride;
    for (let x = 0; x < width; x += 1) sums[x] = sums[x]! + source[base + x]!;
  }
}

/** For each target index, the first source index and the one after the last. */
function spans(sourceLength: number, length: number): [Int32Array, Int32Array] {
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  for (let index = 0; index < length; index += 1) {
    const start = Math.min(sourceLength - 1, Math.floor((index * sourceLength) / length));
    starts[index] = start;
    ends[index] = Math.max(start + 1, Math.floor(((index + 1) * sourceLength) / length));
  }
  return [starts, ends];
}

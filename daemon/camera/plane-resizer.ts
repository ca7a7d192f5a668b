// One plane of a frame, or a rectangle of it, averaged to another size. Plain loops over typed arrays with buffers made once;
// camera worker thread. Figures: test/bench (`npm run bench`).
import type { Size } from './halve.ts';

/**
 * Averages every source pixel into the target pixel it falls on (box filter); where the target is larger than the
 * source, source pixels repeat. Made once per plane, part and pair of sizes; `run` allocates nothing.
 *
 * Four pixels are added at once in the halves of two 32-bit words (SWAR), straight into the target where 4 or 2 source columns
 * make one target column (1280 or 640 wide to 320): 1280x720 to 320x320 took 3.6 ms without, to 384x384 4.3 ms.
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
  /** Of the columns before each, over the rows of one target row: what is between two of them is a difference. */
  readonly #sums: Uint32Array;
  /** 1 / n, a hair more so that whole numbers stay whole, for n pixels that become one. */
  readonly #inverses: Float64Array;
  readonly #columnsPerPixel: number;

  constructor(source: Size, { width, height }: Size, stride: number) {
    const { width: sourceWidth, height: sourceHeight } = source;
    this.source = source;
    this.#stride = stride;
    this.#width = width;
    this.#height = height;
    [this.#rowStarts, this.#rowEnds] = spans(sourceHeight, height);
    [this.#columnStarts, this.#columnEnds] = spans(sourceWidth, width);
    this.#sums = new Uint32Array(sourceWidth + 1);
    this.#inverses = Float64Array.from({ length: this.#mostPixels() + 1 }, (_, count) => (1 + 1e-12) / count);
    this.#columnsPerPixel = sourceWidth / width;
  }

  /** How many pixels become one, at most. */
  #mostPixels(): number {
    const { width, height } = this.source;
    return Math.ceil(width / this.#width) * Math.ceil(height / this.#height);
  }

  /** The part of a plane that begins at `offset` of `source`; `words` the same bytes as 32-bit words. */
  run(source: Uint8Array, offset: number, target: Uint8Array, words: Uint32Array): void {
    const stride = this.#stride;
    const aligned = stride % 4 === 0 && offset % 4 === 0;
    const packs = aligned && this.source.width % 4 === 0;
    for (let row = 0; row < this.#height; row += 1) {
      const from = this.#rowStarts[row]!;
      const rowCount = this.#rowEnds[row]! - from;
      const start = offset + from * stride;
      const to = row * this.#width;
      if (aligned && rowCount < ROWS_PACKED && this.#columnsPerPixel === 4) {
        averageFour(words, start >> 2, stride >> 2, rowCount, target, to, this.#width);
      } else if (aligned && rowCount < ROWS_PACKED && this.#columnsPerPixel === 2) {
        averageTwo(words, start >> 2, stride >> 2, rowCount, target, to, this.#width >> 1);
      } else if (rowCount === 1 && this.#columnsPerPixel <= 1) {
        this.#repeat(source, start, target, to);
      } else if (packs && rowCount < ROWS_PACKED) {
        addWordRows(words, start >> 2, stride >> 2, rowCount, this.#sums);
        this.#average(rowCount, target, to);
      } else {
        addRows(source, start, stride, rowCount, this.#sums);
        this.#average(rowCount, target, to);
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

  #average(rowCount: number, target: Uint8Array, to: number): void {
    const sums = this.#sums;
    const starts = this.#columnStarts;
    const ends = this.#columnEnds;
    const inverses = this.#inverses;
    const width = this.#width;
    for (let column = 0; column < width; column += 1) {
      const first = starts[column]!;
      const end = ends[column]!;
      const count = (end - first) * rowCount;
      target[to + column] = (sums[end]! - sums[first]! + (count >> 1)) * inverses[count]!;
    }
  }
}

/** Sums of fewer rows than this fit into the halves of a word. */
const ROWS_PACKED = 64;
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

/** Sums of the columns before each, over `count` rows. */
function addRows(source: Uint8Array, start: number, stride: number, count: number, sums: Uint32Array): void {
  const end = start + count * stride;
  let total = 0;
  for (let x = 0; x < sums.length - 1; x += 1) {
    for (let at = start + x; at < end; at += stride) total += source[at]!;
    sums[x + 1] = total;
  }
}

/** The same, four columns at a time. */
function addWordRows(
  words: Uint32Array,
  start: number,
  stride: number,
  count: number,
  sums: Uint32Array,
): void {
  const wordCount = sums.length >> 2;
  const end = start + count * stride;
  let total = 0;
  for (let column = 0; column < wordCount; column += 1) {
    const first = words[start + column]!;
    let even = first & EVEN_BYTES;
    let odd = (first >>> 8) & EVEN_BYTES;
    for (let at = start + column + stride; at < end; at += stride) {
      const word = words[at]!;
      even += word & EVEN_BYTES;
      odd += (word >>> 8) & EVEN_BYTES;
    }
    const before = 4 * column;
    total += even & 0xffff;
    sums[before + 1] = total;
    total += odd & 0xffff;
    sums[before + 2] = total;
    total += even >>> 16;
    sums[before + 3] = total;
    total += odd >>> 16;
    sums[before + 4] = total;
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

// From an I420 frame to the model's input tensor: area-averaging resize, BT.601 limited-range colour conversion, the
// model's layout and normalisation. Plain loops over typed arrays with buffers made once; camera worker thread.
// Figures: test/bench (`npm run bench`).
import type { Box, ModelInput } from '../core/types.ts';

/** Where in the tensor the frame lies: all of it when stretched, a centred part when letterboxed. Pixels. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The frame's place in the input of a model. */
export function placementOf(input: ModelInput, frameWidth: number, frameHeight: number): Placement {
  if (input.resize === 'stretch') return { left: 0, top: 0, width: input.width, height: input.height };
  const scale = Math.min(input.width / frameWidth, input.height / frameHeight);
  const width = Math.max(1, Math.round(frameWidth * scale));
  const height = Math.max(1, Math.round(frameHeight * scale));
  return {
    left: Math.floor((input.width - width) / 2),
    top: Math.floor((input.height - height) / 2),
    width,
    height,
  };
}

/** A box in 0..1 of the model's input, as corners, to a box in 0..1 of the frame, cut at its edges. */
export function boxInFrame(
  corners: { x1: number; y1: number; x2: number; y2: number },
  input: ModelInput,
  placement: Placement,
): Box {
  const x1 = clamp01((corners.x1 * input.width - placement.left) / placement.width);
  const y1 = clamp01((corners.y1 * input.height - placement.top) / placement.height);
  const x2 = clamp01((corners.x2 * input.width - placement.left) / placement.width);
  const y2 = clamp01((corners.y2 * input.height - placement.top) / placement.height);
  return { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
}

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/**
 * ITU-R BT.601, limited range, in 16.16 fixed point: R = 1.164 (Y−16) + 1.596 (V−128), G = 1.164 (Y−16) − 0.392 (U−128)
 * − 0.813 (V−128), B = 1.164 (Y−16) + 2.017 (U−128), with a half to round.
 */
export const LUMA_GAIN = 76309;
export const RED_OF_V = 104597;
export const GREEN_OF_U = 25675;
export const GREEN_OF_V = 53279;
export const BLUE_OF_U = 132201;
export const HALF = 32768;

/** Grey of letterbox borders, as in the YOLO family. */
const BORDER = 114;

/**
 * Averages every source pixel into the target pixel it falls on (box filter); where the target is larger than the
 * source, source pixels repeat. Made once per plane and pair of sizes; `run` allocates nothing.
 *
 * Where 4 or 2 source columns make one target column (1280 or 640 wide to 320, the common cases), four pixels are added
 * at once in the halves of two 32-bit words (SWAR): 1280x720 to 320x320 took 3.6 ms without, see test/bench.
 */
class PlaneResizer {
  readonly #sourceWidth: number;
  readonly #width: number;
  readonly #height: number;
  readonly #rowStarts: Int32Array;
  readonly #columnStarts: Int32Array;
  readonly #rowEnds: Int32Array;
  readonly #columnEnds: Int32Array;
  readonly #sums: Uint32Array;
  readonly #columnsPerPixel: number;

  constructor(sourceWidth: number, sourceHeight: number, width: number, height: number) {
    this.#sourceWidth = sourceWidth;
    this.#width = width;
    this.#height = height;
    [this.#rowStarts, this.#rowEnds] = spans(sourceHeight, height);
    [this.#columnStarts, this.#columnEnds] = spans(sourceWidth, width);
    this.#sums = new Uint32Array(sourceWidth);
    this.#columnsPerPixel = sourceWidth / width;
  }

  /** `source` is one plane of `sourceWidth` stride starting at `offset`; `words` the same bytes as 32-bit words. */
  run(source: Uint8Array, words: Uint32Array, offset: number, target: Uint8Array): void {
    const stride = this.#sourceWidth;
    const aligned = stride % 4 === 0 && offset % 4 === 0;
    for (let row = 0; row < this.#height; row += 1) {
      const from = this.#rowStarts[row]!;
      const rowCount = this.#rowEnds[row]! - from;
      const start = offset + from * stride;
      const to = row * this.#width;
      if (aligned && rowCount < 64 && this.#columnsPerPixel === 4) {
        averageFour(words, start >> 2, stride >> 2, rowCount, target, to);
      } else if (aligned && rowCount < 64 && this.#columnsPerPixel === 2) {
        averageTwo(words, start >> 2, stride >> 2, rowCount, target, to);
      } else {
        this.#averageAny(source, start, rowCount, target, to);
      }
    }
  }

  #averageAny(source: Uint8Array, start: number, rowCount: number, target: Uint8Array, to: number): void {
    const sums = this.#sums;
    addRows(source, start, this.#sourceWidth, rowCount, sums);
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
): void {
  const reciprocal = Math.round(65536 / (4 * rowCount));
  const end = start + rowCount * stride;
  for (let column = 0; column < stride; column += 1) {
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
): void {
  const reciprocal = Math.round(65536 / (2 * rowCount));
  const end = start + rowCount * stride;
  for (let column = 0; column < stride; column += 1) {
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
  for (let x = 0; x < stride; x += 1) sums[x] = source[start + x]!;
  for (let row = 1; row < count; row += 1) {
    const base = start + row * stride;
    for (let x = 0; x < stride; x += 1) sums[x] = sums[x]! + source[base + x]!;
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

/** Fills one model's input tensor from frames of one size. */
export class Preprocessor {
  /** The tensor's bytes, to be handed on before the next `run`. */
  readonly bytes: Uint8Array;
  readonly placement: Placement;
  readonly #input: ModelInput;
  readonly #frameBytes: number;
  readonly #chromaOffset: number;
  readonly #chromaBytes: number;
  readonly #luma: PlaneResizer;
  readonly #chroma: PlaneResizer;
  readonly #planes: readonly [Uint8Array, Uint8Array, Uint8Array];
  readonly #rgb: Uint8ClampedArray;
  readonly #floats: Float32Array | undefined;
  readonly #words = new WeakMap<Uint8Array, Uint32Array>();

  constructor(input: ModelInput, frameWidth: number, frameHeight: number) {
    this.#input = input;
    this.placement = placementOf(input, frameWidth, frameHeight);
    const { width, height } = this.placement;
    this.#chromaOffset = frameWidth * frameHeight;
    this.#chromaBytes = (frameWidth / 2) * (frameHeight / 2);
    this.#frameBytes = this.#chromaOffset + 2 * this.#chromaBytes;
    this.#luma = new PlaneResizer(frameWidth, frameHeight, width, height);
    this.#chroma = new PlaneResizer(frameWidth / 2, frameHeight / 2, width, height);
    this.#planes = [
      new Uint8Array(width * height),
      new Uint8Array(width * height),
      new Uint8Array(width * height),
    ];
    this.#rgb = new Uint8ClampedArray(input.width * input.height * 3).fill(BORDER);
    if (input.type === 'float32') {
      this.#floats = new Float32Array(input.width * input.height * 3);
      this.bytes = new Uint8Array(this.#floats.buffer);
    } else {
      this.bytes = new Uint8Array(this.#rgb.buffer);
    }
  }

  /** Writes the frame (I420, stride = width, at a multiple of 4 in its buffer) into the tensor. */
  run(frame: Uint8Array): void {
    if (frame.length !== this.#frameBytes) {
      throw new RangeError(`a frame has ${frame.length} bytes, expected ${this.#frameBytes}`);
    }
    const [luma, u, v] = this.#planes;
    const words = this.#wordsOf(frame);
    this.#luma.run(frame, words, 0, luma);
    this.#chroma.run(frame, words, this.#chromaOffset, u);
    this.#chroma.run(frame, words, this.#chromaOffset + this.#chromaBytes, v);
    this.#convert(luma, u, v);
    if (this.#floats) this.#normalise(this.#floats);
  }

  /** The frame as 32-bit words; one view per buffer of the pool is kept. */
  #wordsOf(frame: Uint8Array): Uint32Array {
    let words = this.#words.get(frame);
    if (words === undefined) {
      words = new Uint32Array(frame.buffer, frame.byteOffset, frame.length >> 2);
      this.#words.set(frame, words);
    }
    return words;
  }

  /** To RGB, cut at 0 and 255 by the clamped array; written in the model's layout and colour order. */
  #convert(luma: Uint8Array, u: Uint8Array, v: Uint8Array): void {
    const { left, top, width, height } = this.placement;
    const planar = this.#input.layout === 'nchw';
    const pixelStep = planar ? 1 : 3;
    const channelStep = planar ? this.#input.width * this.#input.height : 1;
    const red = this.#input.colour === 'rgb' ? 0 : 2 * channelStep;
    const blue = this.#input.colour === 'rgb' ? 2 * channelStep : 0;
    const out = this.#rgb;
    for (let row = 0; row < height; row += 1) {
      let to = ((top + row) * this.#input.width + left) * pixelStep;
      const end = (row + 1) * width;
      for (let at = row * width; at < end; at += 1) {
        const y = LUMA_GAIN * (luma[at]! - 16) + HALF;
        const du = u[at]! - 128;
        const dv = v[at]! - 128;
        out[to + red] = (y + RED_OF_V * dv) >> 16;
        out[to + channelStep] = (y - GREEN_OF_U * du - GREEN_OF_V * dv) >> 16;
        out[to + blue] = (y + BLUE_OF_U * du) >> 16;
        to += pixelStep;
      }
    }
  }

  /** (pixel − mean) · scale per channel, in the order of the tensor's channels. */
  #normalise(floats: Float32Array): void {
    const { mean, scale, layout, width, height } = this.#input;
    const planar = layout === 'nchw';
    const step = planar ? 1 : 3;
    for (let channel = 0; channel < 3; channel += 1) {
      const start = planar ? channel * width * height : channel;
      const end = planar ? start + width * height : floats.length;
      const subtract = mean[channel]!;
      const multiply = scale[channel]!;
      for (let at = start; at < end; at += step) floats[at] = (this.#rgb[at]! - subtract) * multiply;
    }
  }
}

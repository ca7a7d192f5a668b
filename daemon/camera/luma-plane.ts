// The brightness of a frame as a small picture: what the motion gate and the watch over blindness look at. Averaging takes the
// noise of the sensor with it. Buffers made once; camera worker thread. Figures: docs/motion.md.

import type { Size } from '../core/types.ts';
import { FrameWords } from './frame-words.ts';

/** About so wide (pixels); a whole number of frame pixels make one. */
const WIDTH = 160;
/** Every other byte of a word, so that two sums of up to 257 bytes each fit side by side. */
const EVEN_BYTES = 0x00ff00ff;

export class LumaPlane {
  readonly width: number;
  readonly height: number;
  /** Mean luma code of each pixel, row by row. */
  readonly pixels: Uint8Array;
  readonly #stride: number;
  /** Pixels of the frame per pixel of the plane, along each side. */
  readonly #factor: number;
  readonly #words = new FrameWords();

  constructor(frame: Size) {
    this.#stride = frame.width;
    this.#factor = factorFor(frame.width);
    this.width = Math.floor(frame.width / this.#factor);
    this.height = Math.max(1, Math.floor(frame.height / this.#factor));
    this.pixels = new Uint8Array(this.width * this.height);
  }

  /** Takes an I420 frame, stride = width; of four and more rows that make one, every other is read. */
  shrink(frame: Uint8Array): void {
    if (this.#factor % 4 === 0) this.#shrinkWords(this.#words.of(frame));
    else this.#shrinkBytes(frame);
  }

  /** Four pixels at a time (SWAR); little-endian or not does not matter to a sum. */
  #shrinkWords(words: Uint32Array): void {
    const stride = this.#stride >> 2;
    const wide = this.#factor >> 2;
    const rows = this.#factor >> 1;
    const { width, height, pixels } = this;
    const reciprocal = Math.round(2 ** 22 / (4 * wide * rows));
    for (let row = 0; row < height; row += 1) {
      const top = row * this.#factor * stride;
      for (let column = 0; column < width; column += 1) {
        let sum = 0;
        let start = top + column * wide;
        for (let line = 0; line < rows; line += 1) {
          let pairs = 0;
          for (let at = start; at < start + wide; at += 1) {
            const word = words[at]!;
            pairs += (word & EVEN_BYTES) + ((word >>> 8) & EVEN_BYTES);
          }
          sum += (pairs & 0xffff) + (pairs >>> 16);
          start += 2 * stride;
        }
        pixels[row * width + column] = (sum * reciprocal + 2 ** 21) / 2 ** 22;
      }
    }
  }

  #shrinkBytes(frame: Uint8Array): void {
    const [stride, factor] = [this.#stride, this.#factor];
    const { width, height, pixels } = this;
    const count = factor * factor;
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const start = row * factor * stride + column * factor;
        let sum = 0;
        for (let line = 0; line < factor; line += 1) {
          for (let at = start + line * stride, end = at + factor; at < end; at += 1) sum += frame[at]!;
        }
        pixels[row * width + column] = (sum + (count >> 1)) / count;
      }
    }
  }
}

/** A multiple of four where the frame is wide enough, so that whole words are read. */
function factorFor(width: number): number {
  if (width >= 3 * WIDTH) return Math.max(4, 4 * Math.round(width / (4 * WIDTH)));
  return Math.max(1, Math.round(width / WIDTH));
}

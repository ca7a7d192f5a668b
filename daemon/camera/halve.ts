// An I420 frame at half its width and height, into a buffer made once. The frame itself is never written to. Camera worker
// thread.
import type { Size } from '../core/types.ts';

/** Each pixel is the mean of four; of a height that four does not divide, the last rows are left out. */
export class Halver {
  readonly size: Size;
  readonly #from: Size;
  readonly #bytes: Buffer;

  /** Frames are I420 with stride = width, a multiple of four, and an even height. */
  constructor(from: Size) {
    this.#from = from;
    this.size = { width: from.width / 2, height: 2 * Math.floor(from.height / 4) };
    this.#bytes = Buffer.allocUnsafeSlow((this.size.width * this.size.height * 3) / 2);
  }

  /** Valid until the next. */
  halve(frame: Uint8Array): Buffer {
    const { width, height } = this.#from;
    const to = this.size;
    const luma = width * height;
    const small = to.width * to.height;
    halvePlane(frame, 0, width, this.#bytes, 0, to);
    const chroma = { width: to.width / 2, height: to.height / 2 };
    halvePlane(frame, luma, width / 2, this.#bytes, small, chroma);
    halvePlane(frame, luma * 1.25, width / 2, this.#bytes, small * 1.25, chroma);
    return this.#bytes;
  }
}

function halvePlane(
  source: Uint8Array,
  start: number,
  stride: number,
  target: Uint8Array,
  targetStart: number,
  { width, height }: Size,
): void {
  let to = targetStart;
  for (let row = 0; row < height; row += 1) {
    let at = start + 2 * row * stride;
    for (let column = 0; column < width; column += 1) {
      const sum = source[at]! + source[at + 1]! + source[at + stride]! + source[at + stride + 1]!;
      target[to] = (sum + 2) >> 2;
      to += 1;
      at += 2;
    }
  }
}

// From an I420 frame to RGB pixels that can be drawn on: all of it or a part, in a buffer made once. The frame itself is
// never written to. Any thread.
import type { Size } from '../core/types.ts';
import { BIAS, BLUE_OF_U, CLAMPED, GREEN_OF_U, GREEN_OF_V, LUMA_GAIN, RED_OF_V } from './bt601.ts';

/** A part of the frame in pixels; all four are even. */
export interface EvenRegion extends Size {
  readonly x: number;
  readonly y: number;
}

/** Pixels to draw on: 0x00BBGGRR, row after row. */
export interface Canvas extends Size {
  readonly pixels: Uint32Array;
}

/** Converts frames of one size. */
export class RgbPicture {
  /** Four bytes a pixel: red, green, blue, nothing. Of the part that was converted last, row after row. */
  readonly bytes: Buffer;
  readonly #width: number;
  readonly #height: number;
  readonly #pixels: Uint32Array;

  /** Frames are I420 with stride = width. */
  constructor({ width, height }: Size) {
    this.#width = width;
    this.#height = height;
    this.bytes = Buffer.allocUnsafeSlow(width * height * 4);
    this.#pixels = new Uint32Array(this.bytes.buffer, 0, width * height);
  }

  /** The whole frame, or `region` of it; valid until the next. */
  of(frame: Uint8Array, region?: EvenRegion): Canvas {
    const part = region ?? { x: 0, y: 0, width: this.#width, height: this.#height };
    this.#convert(frame, part);
    return { pixels: this.#pixels, width: part.width, height: part.height };
  }

  /** The four pixels that share their colour at a time. */
  #convert(frame: Uint8Array, region: EvenRegion): void {
    const stride = this.#width;
    const uStart = stride * this.#height;
    const vStart = uStart + uStart / 4;
    const out = this.#pixels;
    const { width } = region;
    const [gain, redOfV, greenOfU] = [LUMA_GAIN, RED_OF_V, GREEN_OF_U];
    const [greenOfV, blueOfU, bias] = [GREEN_OF_V, BLUE_OF_U, BIAS];
    for (let row = 0; row < region.height; row += 2) {
      let luma = (region.y + row) * stride + region.x;
      let chroma = ((region.y + row) >> 1) * (stride >> 1) + (region.x >> 1);
      const end = (row + 1) * width;
      for (let to = row * width; to < end; to += 2) {
        const du = frame[uStart + chroma]! - 128;
        const dv = frame[vStart + chroma]! - 128;
        const red = bias + redOfV * dv;
        const green = bias - greenOfU * du - greenOfV * dv;
        const blue = bias + blueOfU * du;
        out[to] = pixel(gain * (frame[luma]! - 16), red, green, blue);
        out[to + 1] = pixel(gain * (frame[luma + 1]! - 16), red, green, blue);
        out[to + width] = pixel(gain * (frame[luma + stride]! - 16), red, green, blue);
        out[to + width + 1] = pixel(gain * (frame[luma + stride + 1]! - 16), red, green, blue);
        luma += 2;
        chroma += 1;
      }
    }
  }
}

/** Of 16.16 sums, biased. */
function pixel(y: number, red: number, green: number, blue: number): number {
  return CLAMPED[(y + red) >> 16]! | (CLAMPED[(y + green) >> 16]! << 8) | (CLAMPED[(y + blue) >> 16]! << 16);
}

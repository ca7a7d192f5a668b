// From an I420 frame to JPEG: a part of it as RGB in a buffer made once, something drawn on it if asked, compressed by
// libjpeg-turbo (whose binding takes RGB only). The frame itself is never written to. Camera worker thread.

import jpegTurbo from '@julusian/jpeg-turbo';
import type { Size } from '../core/types.ts';
import { type Canvas, type EvenRegion, RgbPicture } from './rgb.ts';

export interface EncodeOptions {
  readonly region?: EvenRegion;
  readonly draw?: (canvas: Canvas) => void;
  /** Another than the encoder's own, 1 to 100. */
  readonly quality?: number;
}

const SUBSAMPLING = jpegTurbo.SAMP_420;

/** Encodes frames of one size; one of 1280x720 takes 4 to 5 ms on a core of x64, more than half of it conversion. */
export class JpegEncoder {
  readonly #quality: number;
  readonly #picture: RgbPicture;
  readonly #jpeg: Buffer;

  /** Frames are I420 with stride = width; `quality` is 1 to 100. */
  constructor(size: Size, quality: number) {
    this.#quality = quality;
    this.#picture = new RgbPicture(size);
    this.#jpeg = Buffer.allocUnsafeSlow(jpegTurbo.bufferSize({ ...size, subsampling: SUBSAMPLING }));
  }

  /** A JPEG of its own memory, of `region` or the whole frame, with what `draw` draws on it. */
  encode(
    frame: Uint8Array,
    { region, draw, quality = this.#quality }: EncodeOptions = {},
  ): Uint8Array<ArrayBuffer> {
    const canvas = this.#picture.of(frame, region);
    draw?.(canvas);
    const { width, height } = canvas;
    const { FORMAT_RGBX: format } = jpegTurbo;
    const options = { width, height, format, subsampling: SUBSAMPLING, quality };
    return new Uint8Array(jpegTurbo.compressSync(this.#picture.bytes, this.#jpeg, options));
  }
}

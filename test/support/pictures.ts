// Frames made of a formula and JPEGs read back, for tests of pictures.
import jpegTurbo from '@julusian/jpeg-turbo';
import type { Picture } from '../../daemon/models/picture.ts';

export interface Rgb {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of pixel x, y. */
  at(x: number, y: number): readonly [number, number, number];
}

export function decodeJpeg(jpeg: Uint8Array): Rgb {
  const { width, height, data } = jpegTurbo.decompressSync(Buffer.from(jpeg), {
    format: jpegTurbo.FORMAT_RGB,
  });
  return {
    width,
    height,
    at: (x, y) => {
      const at = (y * width + x) * 3;
      return [data[at]!, data[at + 1]!, data[at + 2]!];
    },
  };
}

/** Bytes that begin and end like a JPEG and tell their number; nothing in MQTT looks further into one. */
export function jpegLike(number: number, bytes = 5000): Uint8Array {
  const picture = new Uint8Array(bytes).fill(number);
  picture.set([0xff, 0xd8, 0xff]);
  picture.set([0xff, 0xd9], bytes - 2);
  return picture;
}

/** An I420 frame of one colour. */
export function plainFrame(
  { width, height }: { width: number; height: number },
  [y, u, v]: readonly [number, number, number],
): Uint8Array {
  const frame = new Uint8Array((width * height * 3) / 2);
  const luma = width * height;
  frame.fill(y, 0, luma);
  frame.fill(u, luma, luma * 1.25);
  frame.fill(v, luma * 1.25);
  return frame;
}

/** An I420 frame of RGB pixels: BT.601, limited range; both sides even. */
export function frameOfPicture({ width, height, rgb }: Omit<Picture, 'name'>): Uint8Array {
  const luma = width * height;
  const frame = new Uint8Array((luma * 3) / 2);
  const weighed = (pixel: number, [r, g, b]: readonly [number, number, number]): number =>
    rgb[3 * pixel]! * r + rgb[3 * pixel + 1]! * g + rgb[3 * pixel + 2]! * b;
  for (let pixel = 0; pixel < luma; pixel += 1) frame[pixel] = 16.5 + weighed(pixel, [0.257, 0.504, 0.098]);
  for (let y = 0, to = luma; y < height; y += 2) {
    for (let x = 0; x < width; x += 2, to += 1) {
      // The colour of the first of four pixels.
      frame[to] = 128.5 + weighed(y * width + x, [-0.148, -0.291, 0.439]);
      frame[to + luma / 4] = 128.5 + weighed(y * width + x, [0.439, -0.368, -0.071]);
    }
  }
  return frame;
}

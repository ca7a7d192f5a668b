// Frames made of a formula and JPEGs read back, for tests of pictures.
import jpegTurbo from '@julusian/jpeg-turbo';

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

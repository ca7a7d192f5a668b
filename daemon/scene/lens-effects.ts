// What befalls the camera itself: its lens is covered, out of focus, blinded by its own lamp, or it was pushed to another
// direction. Works in place on the finished planes, before the sensor adds its noise. Buffers made once; any thread, one at a time.
import type { Planes } from './raster.ts';

/** Luma behind a hand: what little light comes through, brighter to one side. */
const COVER_LUMA = 19;
const COVER_LIGHT = 9;
const COVER_REST = 0.03;
/** Radius of the blur, in heights of the picture. */
const BLUR_RADIUS = 0.022;
/** Fog, a web or a wall lit by the camera's own lamp: luma of the veil in its middle, and what is left of the picture. */
const VEIL_LUMA = 222;
const VEIL_FALL = 46;
const VEIL_REST = 0.09;
/** How far the camera is pushed: in widths and heights of the picture, and radians. */
const TURN_X = 0.31;
const TURN_Y = -0.07;
const TURN_ANGLE = 0.06;

export class LensEffects {
  readonly #copy: Uint8Array;
  readonly #sums: Uint32Array;

  constructor(width: number, height: number) {
    this.#copy = new Uint8Array(width * height);
    this.#sums = new Uint32Array(width);
  }

  cover({ width, height, y, u, v }: Planes): void {
    for (let row = 0; row < height; row += 1) {
      const light = COVER_LUMA + COVER_LIGHT * (row / height) ** 2;
      for (let at = row * width, end = at + width, x = 0; at < end; at += 1, x += 1) {
        y[at] = light * (0.8 + (0.2 * x) / width) + (y[at]! - 16) * COVER_REST;
      }
    }
    // Light that has come through skin is red.
    for (let at = 0; at < u.length; at += 1) {
      u[at] = 125;
      v[at] = 133;
    }
  }

  /** Three box blurs are nearly a Gaussian one (Wells 1986, Efficient synthesis of Gaussian filters); two do here. */
  defocus({ width, height, y, u, v }: Planes): void {
    const radius = Math.max(1, Math.round(BLUR_RADIUS * height));
    for (let pass = 0; pass < 2; pass += 1) this.#blur(y, width, height, radius);
    for (const plane of [u, v]) this.#blur(plane, width / 2, height / 2, Math.max(1, radius >> 1));
  }

  washOut({ width, height, y, u, v }: Planes): void {
    for (let row = 0; row < height; row += 1) {
      const down = (2 * row) / height - 1;
      for (let at = row * width, end = at + width, x = 0; at < end; at += 1, x += 1) {
        const across = (2 * x) / width - 1;
        const veil = VEIL_LUMA - VEIL_FALL * (0.5 * across * across + 0.5 * down * down);
        y[at] = veil + (y[at]! - veil) * VEIL_REST;
      }
    }
    for (const plane of [u, v]) {
      for (let at = 0; at < plane.length; at += 1) plane[at] = 128 + (plane[at]! - 128) * VEIL_REST;
    }
  }

  /** The picture in another direction; what the scene does not have there is its mirror image. */
  turn({ width, height, y, u, v }: Planes): void {
    this.#turn(y, width, height);
    for (const plane of [u, v]) this.#turn(plane, width / 2, height / 2);
  }

  #turn(plane: Uint8Array, width: number, height: number): void {
    const copy = this.#copy;
    copy.set(plane);
    const [sin, cos] = [Math.sin(TURN_ANGLE), Math.cos(TURN_ANGLE)];
    for (let row = 0; row < height; row += 1) {
      const down = row - height / 2;
      for (let column = 0; column < width; column += 1) {
        const across = column - width / 2;
        const x = Math.round(across * cos - down * sin + width * (0.5 + TURN_X));
        const from = Math.round(across * sin + down * cos + height * (0.5 + TURN_Y));
        plane[row * width + column] = copy[mirrored(from, height) * width + mirrored(x, width)]!;
      }
    }
  }

  /** Running sums, first along the rows, then down the columns. */
  #blur(plane: Uint8Array, width: number, height: number, radius: number): void {
    const [copy, sums] = [this.#copy, this.#sums];
    const count = 2 * radius + 1;
    for (let row = 0; row < height; row += 1) {
      const start = row * width;
      let sum = 0;
      for (let i = -radius; i <= radius; i += 1) sum += plane[start + clamped(i, width)]!;
      for (let x = 0; x < width; x += 1) {
        copy[start + x] = sum / count;
        sum += plane[start + clamped(x + radius + 1, width)]! - plane[start + clamped(x - radius, width)]!;
      }
    }
    sums.fill(0);
    for (let i = -radius; i <= radius; i += 1) {
      const start = clamped(i, height) * width;
      for (let x = 0; x < width; x += 1) sums[x] = sums[x]! + copy[start + x]!;
    }
    for (let row = 0; row < height; row += 1) {
      const [next, last] = [clamped(row + radius + 1, height) * width, clamped(row - radius, height) * width];
      for (let x = 0; x < width; x += 1) {
        plane[row * width + x] = sums[x]! / count;
        sums[x] = sums[x]! + copy[next + x]! - copy[last + x]!;
      }
    }
  }
}

function clamped(at: number, length: number): number {
  return at < 0 ? 0 : at >= length ? length - 1 : at;
}

function mirrored(at: number, length: number): number {
  const within = at < 0 ? -1 - at : at >= length ? 2 * length - 1 - at : at;
  return clamped(within, length);
}

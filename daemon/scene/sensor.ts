// What the camera adds to the light: noise, an exposure that wavers, rain before the lens. Works in place on the finished
// planes; every frame's chance depends on its number and the seed alone. Any thread, one at a time.
import { gaussianTile, mixSeed, Random } from './random.ts';
import type { Planes } from './raster.ts';

const TILE = 1 << 16;
/** Rain drops seen at once in a frame of 1280x720; more in larger frames. */
const DROPS = 260;

export class Sensor {
  readonly #seed: number;
  readonly #luma: Int8Array;
  readonly #chroma: Int8Array;
  readonly #grey: boolean;
  /** Luma after exposure, for every luma before it. */
  readonly #curve = new Uint8Array(256);

  /** `sigma` is the deviation of the noise in luma codes; `grey` pictures have no noise in colour. */
  constructor(seed: number, sigma: number, grey: boolean) {
    const random = new Random(mixSeed(seed, 77));
    this.#seed = seed;
    // One frame width longer than a tile, so that a row can be read in one go from any offset.
    this.#luma = gaussianTile(TILE + 2048, sigma, random);
    this.#chroma = gaussianTile(TILE + 2048, sigma * 0.55, random);
    this.#grey = grey;
  }

  /** Adds noise to all planes. */
  noise(planes: Planes, frame: number): void {
    const random = new Random(mixSeed(this.#seed ^ 0x51ed, frame));
    addRows(planes.y, planes.width, planes.height, this.#luma, random);
    if (this.#grey) return;
    addRows(planes.u, planes.width >> 1, planes.height >> 1, this.#chroma, random);
    addRows(planes.v, planes.width >> 1, planes.height >> 1, this.#chroma, random);
  }

  /** Multiplies luma by 1 ± 7 %: a slow wave and a jump per frame, as lamps on the mains give. */
  flicker(planes: Planes, frame: number, tS: number): void {
    const random = new Random(mixSeed(this.#seed ^ 0x0f11, frame));
    const gain = 1 + 0.04 * Math.sin(tS * 2.1) + random.range(-0.03, 0.03);
    for (let i = 0; i < 256; i++) this.#curve[i] = Math.max(16, Math.min(235, 16 + (i - 16) * gain + 0.5));
    const { y } = planes;
    const curve = this.#curve;
    for (let i = 0; i < y.length; i++) y[i] = curve[y[i]!]!;
  }

  /** Draws falling drops as bright streaks and lays a thin veil over the picture. */
  rain(planes: Planes, frame: number): void {
    const random = new Random(mixSeed(this.#seed ^ 0x7a1, frame));
    const { width, height, y } = planes;
    for (let i = 0; i < 256; i++) this.#curve[i] = i + (112 - i) * 0.1 + 0.5;
    const curve = this.#curve;
    for (let i = 0; i < y.length; i++) y[i] = curve[y[i]!]!;
    const count = Math.round((DROPS * width) / 1280);
    for (let drop = 0; drop < count; drop++) {
      const near = random.next() ** 2;
      const length = height * (0.02 + 0.07 * near);
      const strength = 0.12 + 0.2 * near;
      let x = random.next() * width;
      const top = Math.floor(random.range(-0.05, 1) * height);
      for (let row = 0; row < length; row++, x += 0.12) {
        const py = top + row;
        if (py < 0 || py >= height || x >= width - 1) continue;
        const at = py * width + (x | 0);
        y[at] = y[at]! + (205 - y[at]!) * strength;
        if (near > 0.5) y[at + 1] = y[at + 1]! + (205 - y[at + 1]!) * strength * 0.5;
      }
    }
  }
}

function addRows(plane: Uint8Array, width: number, height: number, tile: Int8Array, random: Random): void {
  for (let row = 0; row < height; row++) {
    const from = (random.next() * TILE) | 0;
    const to = row * width;
    for (let i = 0; i < width; i++) {
      const value = plane[to + i]! + tile[from + i]!;
      plane[to + i] = Math.max(16, Math.min(240, value));
    }
  }
}

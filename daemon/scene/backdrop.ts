// Paints everything that never moves into the planes of a picture, by one ray per sample from the lens, two samples per
// pixel. Runs once per picture size and time of day; takes some hundred milliseconds at 1280x720. Any thread.
import { recut } from './composite.ts';
import type { Sprite } from './foliage.ts';
import { Ground } from './ground.ts';
import { Houses } from './houses.ts';
import { type Lighting, Shader } from './light.ts';
import type { Random } from './random.ts';
import { Layer, type Planes } from './raster.ts';
import { MOUNT_HEIGHT, type View } from './view.ts';

/** Where the two samples of a pixel lie (rotated grid). */
const SAMPLES: readonly (readonly [number, number])[] = [
  [0.25, 0.3],
  [0.75, 0.7],
];

export class Backdrop {
  readonly #view: View;
  readonly #ground: Ground;
  readonly #houses: Houses;
  readonly #shader: Shader;

  constructor(view: View, light: Lighting, cloud: Float32Array, random: Random) {
    this.#view = view;
    this.#ground = new Ground(light, cloud);
    this.#houses = new Houses(light, cloud, random);
    this.#shader = new Shader(light);
  }

  /**
   * Fills y, u and v of `planes`; `owner` becomes 255 where our own house's wing is seen and 0 elsewhere (the caller
   * makes an occluder of it).
   */
  paint(planes: Planes): void {
    const { width, height, y, u, v, owner } = planes;
    const half = width >> 1;
    const chroma = new Float32Array(half * 2);
    const shader = this.#shader;
    for (let py = 0; py < height; py++) {
      if ((py & 1) === 0) chroma.fill(0);
      for (let px = 0; px < width; px++) {
        let luma = 0;
        let wing = 0;
        for (const [ox, oy] of SAMPLES) {
          wing += this.#sample(px + ox, py + oy) ? 1 : 0;
          luma += shader.y;
          chroma[px & ~1] = chroma[px & ~1]! + shader.u;
          chroma[px | 1] = chroma[px | 1]! + shader.v;
        }
        y[py * width + px] = luma / 2 + 0.5;
        owner[py * width + px] = wing > 0 ? 255 : 0;
      }
      if ((py & 1) === 0) continue;
      for (let cx = 0; cx < half; cx++) {
        u[(py >> 1) * half + cx] = chroma[cx * 2]! / 8 + 0.5;
        v[(py >> 1) * half + cx] = chroma[cx * 2 + 1]! / 8 + 0.5;
      }
    }
  }

  /** Codes of one sample into the shader; true when it is our house. */
  #sample(px: number, py: number): boolean {
    const view = this.#view;
    const right = (px - view.width / 2) / view.focal;
    const up = (view.height / 2 - py) / view.focal;
    const dx = right;
    const dy = up * view.cosPitch - view.sinPitch;
    const dz = view.cosPitch + up * view.sinPitch;
    const ground = dy < -0.0001 ? -MOUNT_HEIGHT / dy : 1e9;
    const houses = this.#houses;
    const shader = this.#shader;
    const surface = houses.hit(dx, dy, dz, ground);
    if (surface !== 'nothing') {
      if (houses.glows) shader.encode(houses.r, houses.g, houses.b);
      else this.#upright(dx, dy, dz);
      return surface === 'wing';
    }
    if (ground < 40) {
      const x = ground * dx;
      const z = ground * dz;
      const g = this.#ground;
      g.colour(x, z);
      shader.irradiance(x, 0, z, 0, 1, 0, g.sunlit);
      const gain = this.#falloff(right, up);
      shader.encode(g.r * shader.r * gain, g.g * shader.g * gain, g.b * shader.b * gain);
      return false;
    }
    houses.sky(dx, dy, dz);
    shader.encode(houses.r, houses.g, houses.b);
    return false;
  }

  #upright(dx: number, dy: number, dz: number): void {
    const { distance, nx, ny, nz, r, g, b } = this.#houses;
    const shader = this.#shader;
    shader.irradiance(distance * dx, MOUNT_HEIGHT + distance * dy, distance * dz, nx, ny, nz, 1);
    shader.encode(r * shader.r, g * shader.g, b * shader.b);
  }

  /** Lenses darken towards the corners; more in infrared. */
  #falloff(right: number, up: number): number {
    return 1 - (this.#shader.light.infrared > 0 ? 0.35 : 0.12) * (right * right * 0.6 + up * up * 0.4);
  }
}

/** The wing of our house cut out of a painted backdrop (owner 255, set back to 0), to hide who walks behind it. */
export function cutWing(planes: Planes, noise: Float32Array): Sprite {
  const { width, height, owner } = planes;
  let left = width - 2;
  for (let i = 0; i < owner.length; i++) if (owner[i] === 255) left = Math.min(left, i % width);
  const x0 = left & ~1;
  const layer = new Layer((width - x0) * height, noise);
  layer.begin(x0, 0, width, height);
  for (let y = 0; y < height; y++) {
    layer.alpha.set(owner.subarray(y * width + x0, (y + 1) * width), y * layer.width);
  }
  recut(layer, planes);
  owner.fill(0);
  return { layer, depth: 0, swayPixels: 0 };
}

// Hedge and tree: leaves as many small round tufts, painted once into layers of their own that are laid over whoever
// walks behind them; the crown may sway. Any thread.
import { HEDGES, STRIP, TREE } from './layout.ts';
import { ActorLight, type Rgb, reflectance, type Shader, seen } from './light.ts';
import type { Random } from './random.ts';
import { drawTube, Layer, Tube } from './raster.ts';
import { profile } from './tubes.ts';
import type { View } from './view.ts';

/** Scenery that can hide an actor: a layer in place and its distance along the optical axis (metres). */
export interface Sprite {
  readonly layer: Layer;
  readonly depth: number;
  /** Pixels a leaf may move sideways; 0 for what stands still. */
  readonly swayPixels: number;
}

const LEAF = reflectance(0x4e6b34);
const LEAF_LIGHT = reflectance(0x7f9a4c);
const BARK = reflectance(0x6a5644);
const ROUND = profile(1, 1);
const TRUNK = profile(1.35, 1.05, 1, 0.95, 0.9);

export class Foliage {
  readonly #view: View;
  readonly #shader: Shader;
  readonly #random: Random;
  readonly #noise: Float32Array;
  readonly #light = new ActorLight();
  readonly #tube = new Tube();

  constructor(view: View, shader: Shader, noise: Float32Array, random: Random) {
    this.#view = view;
    this.#shader = shader;
    this.#noise = noise;
    this.#random = random;
  }

  /** Hedges, trunk and crown; those outside the picture are left out. */
  sprites(sway: boolean): Sprite[] {
    const list: Sprite[] = [];
    for (const hedge of HEDGES) {
      const sprite = this.#hedge(hedge.x0, hedge.x1, hedge.height);
      if (sprite) list.push(sprite);
    }
    list.push(this.#trunk(), this.#crown(sway));
    return list;
  }

  #layer(x0: number, y0: number, x1: number, y1: number): Layer {
    const left = Math.max(0, x0);
    const top = Math.max(0, y0);
    const right = Math.max(left + 2, Math.min(this.#view.width, x1));
    const bottom = Math.max(top + 2, Math.min(this.#view.height, y1));
    const layer = new Layer(Math.ceil(right - left + 4) * Math.ceil(bottom - top + 4), this.#noise);
    layer.begin(left, top, right, bottom);
    return layer;
  }

  #tuft(layer: Layer, x: number, y: number, z: number, radius: number, tone: number): void {
    const view = this.#view;
    view.project(x, y, z);
    const tube = this.#tube;
    const angle = this.#random.range(0, Math.PI);
    const long = radius * view.scale * 0.5;
    tube.ax = view.sx - Math.cos(angle) * long;
    tube.ay = view.sy - Math.sin(angle) * long;
    tube.bx = view.sx + Math.cos(angle) * long;
    tube.by = view.sy + Math.sin(angle) * long;
    tube.scaleA = tube.scaleB = view.scale;
    tube.left = tube.right = ROUND;
    tube.girth = radius;
    tube.metres = radius;
    tube.grain = 30;
    tube.folds = 0.5;
    tube.fill = 0.5;
    tube.offset = this.#random.index(256);
    this.#tint(this.#mix(this.#random.next() ** 2), tone);
    drawTube(layer, tube, this.#light);
  }

  #mix(share: number): Rgb {
    const a = seen(this.#shader.light, LEAF, true);
    const b = seen(this.#shader.light, LEAF_LIGHT, true);
    return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
  }

  #tint(rgb: Rgb, tone: number): void {
    const light = this.#light;
    this.#shader.encode(rgb[0] * light.red * tone, rgb[1] * light.green * tone, rgb[2] * light.blue * tone);
    this.#tube.y = this.#shader.y - 16;
    this.#tube.u = this.#shader.u - 128;
    this.#tube.v = this.#shader.v - 128;
  }

  #hedge(x0: number, x1: number, height: number): Sprite | undefined {
    const view = this.#view;
    view.project(0, height, STRIP.hedgeFar);
    const reach = view.width / 2 / view.scale + 0.5;
    const from = Math.max(x0, -reach);
    const to = Math.min(x1, reach);
    if (to <= from) return undefined;
    const pad = 0.15 * view.scale;
    view.project(from, height, STRIP.hedgeFar);
    const left = view.sx - pad;
    const top = view.sy - pad;
    view.project(to, 0, STRIP.hedgeNear);
    const layer = this.#layer(left, top, view.sx + pad, view.sy + pad);
    const rows = 7;
    const perRow = Math.ceil((to - from) * 16);
    // Far to near over the top, then down the front.
    for (let row = 0; row < rows; row++) {
      const front = Math.max(0, row - 2) / (rows - 3);
      const z = row < 3 ? STRIP.hedgeFar - (row / 3) * 0.25 : STRIP.hedgeNear;
      const base = height * (1 - front * 0.9);
      for (let i = 0; i < perRow; i++) {
        const x = from + ((i + this.#random.next()) / perRow) * (to - from);
        const y = base - 0.05 + this.#random.range(-0.04, 0.03);
        this.#light.set(this.#shader, view, x, y, z);
        const tone = (1 - 0.45 * front) * this.#random.range(0.6, 1.15);
        this.#tuft(layer, x, y, z + this.#random.range(-0.03, 0.03), this.#random.range(0.03, 0.065), tone);
      }
    }
    view.project((from + to) / 2, 0, (STRIP.hedgeNear + STRIP.hedgeFar) / 2);
    return { layer, depth: view.depth, swayPixels: 0 };
  }

  #trunk(): Sprite {
    const view = this.#view;
    view.project(TREE.x, 0, TREE.z);
    const { sx, sy, scale, depth } = view;
    const top = TREE.crownBottom + 0.35;
    view.project(TREE.x + 0.08, top, TREE.z);
    const reach = TREE.trunkRadius * 2 * scale + 2;
    const layer = this.#layer(
      Math.min(sx, view.sx) - reach,
      view.sy,
      Math.max(sx, view.sx) + reach,
      sy + reach,
    );
    const tube = this.#tube;
    tube.ax = sx;
    tube.ay = sy;
    tube.bx = view.sx;
    tube.by = view.sy;
    tube.scaleA = scale;
    tube.scaleB = view.scale;
    tube.left = tube.right = TRUNK;
    tube.girth = TREE.trunkRadius;
    tube.metres = top;
    tube.grain = 5;
    tube.folds = 0.5;
    tube.fill = 0.2;
    this.#light.set(this.#shader, view, TREE.x, 1, TREE.z);
    this.#tint(seen(this.#shader.light, BARK, true), 1);
    drawTube(layer, tube, this.#light);
    return { layer, depth, swayPixels: 0 };
  }

  #crown(sway: boolean): Sprite {
    const view = this.#view;
    view.project(TREE.x, TREE.crownHeight, TREE.z);
    const depth = view.depth;
    const radius = TREE.crownRadius * 1.15 * view.scale;
    const swayPixels = sway ? view.scale * 0.025 : 0;
    const layer = this.#layer(
      view.sx - radius - swayPixels,
      view.sy - radius,
      view.sx + radius + swayPixels,
      view.sy + radius * 0.85,
    );
    this.#light.set(this.#shader, view, TREE.x, TREE.crownHeight, TREE.z);
    const count = 1500;
    for (let i = 0; i < count; i++) {
      // From the back of the ball to the front, denser outside.
      const back = 1 - (2 * (i + 0.5)) / count;
      const angle = this.#random.range(0, 2 * Math.PI);
      const spread = Math.sqrt(1 - back * back) * Math.sqrt(this.#random.next());
      const lump = 1 + 0.12 * Math.sin(angle * 5 + 1) + 0.06 * Math.sin(angle * 11);
      const x = TREE.x + Math.cos(angle) * spread * TREE.crownRadius * lump;
      const y = TREE.crownHeight + Math.sin(angle) * spread * TREE.crownRadius * 0.85 * lump;
      if (y < TREE.crownBottom - this.#random.range(0, 0.15)) continue;
      const height = (y - TREE.crownHeight) / TREE.crownRadius;
      const tone = (0.75 + 0.35 * height - 0.25 * back) * this.#random.range(0.55, 1.25);
      this.#tuft(layer, x, y, TREE.z + back * TREE.crownRadius * 0.6, this.#random.range(0.035, 0.09), tone);
    }
    return { layer, depth, swayPixels };
  }
}

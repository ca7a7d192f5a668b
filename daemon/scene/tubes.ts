// A fixed pool of tubes for one actor: fills them from points in metres, sorts them far to near and paints them. Owns no
// shape of its own. Allocates only in the constructor. Any thread, one at a time.
import type { ActorLight, Rgb, Shader } from './light.ts';
import { drawTube, type Layer, PROFILE_STEPS, Tube } from './raster.ts';
import type { View } from './view.ts';

/** An outline of PROFILE_STEPS + 1 half widths in metres, from a few evenly spaced ones (straight in between). */
export function profile(...halves: readonly number[]): Float32Array {
  const outline = new Float32Array(PROFILE_STEPS + 1);
  const last = halves.length - 1;
  for (let i = 0; i <= PROFILE_STEPS; i++) {
    const at = (i / PROFILE_STEPS) * last;
    const index = Math.min(last - 1, Math.floor(at));
    const low = halves[index] ?? 0;
    outline[i] = low + ((halves[index + 1] ?? low) - low) * (at - index);
  }
  return outline;
}

/** Half widths of an ellipse with the given half width in the middle: closed at both ends. */
export function ellipse(half: number): Float32Array {
  const outline = new Float32Array(PROFILE_STEPS + 1);
  for (let i = 0; i <= PROFILE_STEPS; i++) {
    const t = (i / PROFILE_STEPS) * 2 - 1;
    outline[i] = half * Math.sqrt(1 - t * t);
  }
  return outline;
}

/** Tubes of one actor at a time. */
export class TubePool {
  readonly #tubes: Tube[] = [];
  readonly #order: Int32Array;
  readonly #view: View;
  readonly #shader: Shader;
  readonly light: ActorLight;
  count = 0;
  /** Bounds of what was added, pixels of the frame (may lie outside it). */
  x0 = 0;
  y0 = 0;
  x1 = 0;
  y1 = 0;

  constructor(capacity: number, view: View, shader: Shader, light: ActorLight) {
    for (let i = 0; i < capacity; i++) this.#tubes.push(new Tube());
    this.#order = new Int32Array(capacity);
    this.#view = view;
    this.#shader = shader;
    this.light = light;
  }

  reset(): void {
    this.count = 0;
    this.x0 = this.y0 = Number.POSITIVE_INFINITY;
    this.x1 = this.y1 = Number.NEGATIVE_INFINITY;
  }

  /**
   * Adds a tube from (ax, ay, az) to (bx, by, bz) metres. `nearer` metres are taken off its depth for the order of
   * painting. The returned tube has plain colour and no folds; the caller may change it until the next `add`.
   */
  add(
    ax: number,
    ay: number,
    az: number,
    bx: number,
    by: number,
    bz: number,
    outline: Float32Array,
    girth: number,
    colour: Rgb,
    nearer: number,
  ): Tube {
    const tube = this.#tubes[this.count]!;
    this.#order[this.count] = this.count;
    this.count++;
    const view = this.#view;
    view.project(ax, ay, az);
    tube.ax = view.sx;
    tube.ay = view.sy;
    tube.scaleA = view.scale;
    const depth = view.depth;
    view.project(bx, by, bz);
    tube.bx = view.sx;
    tube.by = view.sy;
    tube.scaleB = view.scale;
    tube.depth = (depth + view.depth) / 2 - nearer;
    tube.metres = Math.hypot(bx - ax, by - ay, bz - az);
    tube.left = tube.right = outline;
    tube.girth = girth;
    tube.pattern = 0;
    tube.grain = 6;
    tube.folds = 0;
    tube.offset = 0;
    tube.fill = 0;
    tube.flatA = tube.flatB = false;
    this.#bound(tube);
    this.tint(tube, colour);
    return tube;
  }

  /** The codes of a colour under the actor's light, into the tube's first colour. */
  tint(tube: Tube, colour: Rgb): void {
    const { light } = this;
    this.#shader.encodeSurface(colour, light.red, light.green, light.blue);
    tube.y = this.#shader.y - 16;
    tube.u = this.#shader.u - 128;
    tube.v = this.#shader.v - 128;
  }

  /** As `tint`, into the second colour; sets the pattern. */
  tintSecond(tube: Tube, colour: Rgb, pattern: number): void {
    const { y, u, v } = tube;
    this.tint(tube, colour);
    tube.y2 = tube.y;
    tube.u2 = tube.u;
    tube.v2 = tube.v;
    tube.y = y;
    tube.u = u;
    tube.v = v;
    tube.pattern = pattern;
  }

  #bound(tube: Tube): void {
    let widest = 0;
    for (let i = 0; i <= PROFILE_STEPS; i += 2) widest = Math.max(widest, tube.left[i]!, tube.right[i]!);
    const reach = widest * 1.15 * tube.girth * Math.max(tube.scaleA, tube.scaleB) + 2;
    this.x0 = Math.min(this.x0, tube.ax - reach, tube.bx - reach);
    this.x1 = Math.max(this.x1, tube.ax + reach, tube.bx + reach);
    this.y0 = Math.min(this.y0, tube.ay - reach, tube.by - reach);
    this.y1 = Math.max(this.y1, tube.ay + reach, tube.by + reach);
  }

  /** Paints all tubes, far to near (insertion sort: two dozen, nearly sorted), into the layer. */
  paint(layer: Layer): void {
    const order = this.#order;
    for (let i = 1; i < this.count; i++) {
      const index = order[i]!;
      const depth = this.#tubes[index]!.depth;
      let j = i - 1;
      for (; j >= 0 && this.#tubes[order[j]!]!.depth < depth; j--) order[j + 1] = order[j]!;
      order[j + 1] = index;
    }
    for (let i = 0; i < this.count; i++) drawTube(layer, this.#tubes[order[i]!]!, this.light);
  }
}

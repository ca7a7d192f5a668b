// Filled polygons with smooth edges for cars and shadows: scanlines, four to the pixel row, with exact horizontal
// coverage. Allocates only in the constructor. Any thread, one at a time.
import type { Layer } from './raster.ts';

const SUBLINES = 4;
const CROSSINGS_MAX = 32;

/** Up to `POINTS_MAX` corners in pixels of the frame; filled by the caller, painted by `fill` or `shade`. */
export const POINTS_MAX = 64;

/** How a polygon looks: luma (above black) and chroma (about 0) under light 1, light at its top and bottom edge. */
export interface PolygonPaint {
  y: number;
  u: number;
  v: number;
  lightTop: number;
  lightBottom: number;
}

export class PolygonPainter {
  readonly xs = new Float64Array(POINTS_MAX);
  readonly ys = new Float64Array(POINTS_MAX);
  count = 0;
  readonly #cover: Float32Array;
  readonly #crossings = new Float64Array(CROSSINGS_MAX);

  /** For layers up to `width` pixels wide. */
  constructor(width: number) {
    this.#cover = new Float32Array(width + 2);
  }

  point(x: number, y: number): void {
    if (this.count >= POINTS_MAX) return;
    this.xs[this.count] = x;
    this.ys[this.count] = y;
    this.count++;
  }

  /** Paints the polygon (even-odd) into the layer and forgets its corners. */
  fill(layer: Layer, paint: PolygonPaint): void {
    const [top, bottom] = this.#rows(layer);
    const first = this.#lowest();
    const span = Math.max(1, this.#highest() - first);
    for (let py = top; py < bottom; py++) {
      const [x0, x1] = this.#row(layer, py);
      const f = Math.max(0, Math.min(1, (py + layer.originY - first) / span));
      const gain = Math.sqrt(Math.max(0, paint.lightTop + (paint.lightBottom - paint.lightTop) * f));
      const luma = 16 + Math.min(219, paint.y * gain);
      const chroma = paint.y * gain > 219 ? 219 / paint.y : gain;
      const u = 128 + paint.u * chroma;
      const v = 128 + paint.v * chroma;
      for (let px = x0; px < x1; px++) {
        const cover = this.#cover[px]! / SUBLINES;
        this.#cover[px] = 0;
        if (cover > 0.004) layer.blend(py * layer.width + px, Math.min(1, cover), luma, u, v);
      }
    }
    this.count = 0;
  }

  /** Adds the polygon to the layer's coverage alone, up to `strength` 0..1 (for shadows); forgets its corners. */
  shade(layer: Layer, strength: number): void {
    const [top, bottom] = this.#rows(layer);
    for (let py = top; py < bottom; py++) {
      const [x0, x1] = this.#row(layer, py);
      for (let px = x0; px < x1; px++) {
        const alpha = Math.min(1, this.#cover[px]! / SUBLINES) * strength * 255;
        this.#cover[px] = 0;
        const at = py * layer.width + px;
        if (alpha > layer.alpha[at]!) layer.alpha[at] = alpha;
      }
    }
    this.count = 0;
  }

  #lowest(): number {
    let low = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.count; i++) low = Math.min(low, this.ys[i]!);
    return low;
  }

  #highest(): number {
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.count; i++) high = Math.max(high, this.ys[i]!);
    return high;
  }

  #rows(layer: Layer): [number, number] {
    const top = Math.max(0, Math.floor(this.#lowest()) - layer.originY);
    const bottom = Math.min(layer.height, Math.ceil(this.#highest()) - layer.originY);
    return [top, bottom];
  }

  /** Coverage of one pixel row into #cover; the touched columns. */
  #row(layer: Layer, py: number): [number, number] {
    let x0 = layer.width;
    let x1 = 0;
    for (let sub = 0; sub < SUBLINES; sub++) {
      const y = py + layer.originY + (sub + 0.5) / SUBLINES;
      const found = this.#cross(y);
      for (let i = 0; i + 1 < found; i += 2) {
        const a = Math.max(0, this.#crossings[i]! - layer.originX);
        const b = Math.min(layer.width, this.#crossings[i + 1]! - layer.originX);
        if (b <= a) continue;
        x0 = Math.min(x0, Math.floor(a));
        x1 = Math.max(x1, Math.min(layer.width, Math.ceil(b)));
        this.#span(a, b);
      }
    }
    return [x0, x1];
  }

  #span(a: number, b: number): void {
    const cover = this.#cover;
    const first = Math.floor(a);
    const last = Math.floor(b);
    if (first === last) {
      cover[first] = cover[first]! + (b - a);
      return;
    }
    cover[first] = cover[first]! + (first + 1 - a);
    for (let x = first + 1; x < last; x++) cover[x] = cover[x]! + 1;
    cover[last] = cover[last]! + (b - last);
  }

  /** Sorted crossings of the outline with the line at `y`; returns their number. */
  #cross(y: number): number {
    const { xs, ys, count } = this;
    const crossings = this.#crossings;
    let found = 0;
    for (let i = 0, j = count - 1; i < count; j = i++) {
      const yi = ys[i]!;
      const yj = ys[j]!;
      if (yi <= y === yj <= y || found >= CROSSINGS_MAX) continue;
      const x = xs[j]! + ((y - yj) / (yi - yj)) * (xs[i]! - xs[j]!);
      let at = found++;
      for (; at > 0 && crossings[at - 1]! > x; at--) crossings[at] = crossings[at - 1]!;
      crossings[at] = x;
    }
    return found;
  }
}

// Lays a painted layer over the planes of a frame, or darkens the frame with it, and counts who is seen. Plain loops,
// no allocation. Any thread, one at a time.
import type { Layer, Planes } from './raster.ts';

/** Coverage from which a pixel counts as drawn (of 255). */
const DRAWN_MIN = 128;

/** What `measure` found out about a layer; pooled. */
export class Extent {
  /** Pixels drawn, also outside the frame. */
  pixels = 0;
  /** Bounds of the drawn pixels inside the frame, x1 and y1 exclusive; x1 ≤ x0 when there are none. */
  x0 = 0;
  y0 = 0;
  x1 = 0;
  y1 = 0;

  clear(): void {
    this.pixels = 0;
    this.x0 = this.y0 = 1 << 20;
    this.x1 = this.y1 = -1;
  }
}

/** A part of the frame in pixels, x1 and y1 exclusive; empty when x1 ≤ x0. Grows by `include`; pooled. */
export class Clip {
  x0 = 0;
  y0 = 0;
  x1 = 0;
  y1 = 0;

  clear(): void {
    this.x0 = this.y0 = 1 << 20;
    this.x1 = this.y1 = -1;
  }

  /** Grows to hold [x0, x1) × [y0, y1), which may lie partly outside the frame. */
  include(x0: number, y0: number, x1: number, y1: number): void {
    this.x0 = Math.min(this.x0, Math.floor(x0));
    this.y0 = Math.min(this.y0, Math.floor(y0));
    this.x1 = Math.max(this.x1, Math.ceil(x1));
    this.y1 = Math.max(this.y1, Math.ceil(y1));
  }
}

/**
 * Lays the layer over the frame, within `clip` when given, and marks its pixels as belonging to `owner` (0: scenery).
 */
export function layOver(layer: Layer, planes: Planes, owner: number, clip?: Clip): void {
  const { width, height } = planes;
  const { originX, originY } = layer;
  const left = clip ? Math.max(0, clip.x0 & ~1) : 0;
  const top = clip ? Math.max(0, clip.y0 & ~1) : 0;
  const right = clip ? Math.min(width, (clip.x1 + 1) & ~1) : width;
  const bottom = clip ? Math.min(height, (clip.y1 + 1) & ~1) : height;
  const x0 = Math.max(0, left - originX);
  const x1 = Math.min(layer.width, right - originX);
  const y0 = Math.max(0, top - originY);
  const y1 = Math.min(layer.height, bottom - originY);
  for (let py = y0; py < y1; py++) {
    const from = py * layer.width;
    const to = (py + originY) * width + originX;
    for (let px = x0; px < x1; px++) {
      const alpha = layer.alpha[from + px]!;
      if (alpha === 0) continue;
      const luma = layer.y[from + px]!;
      if (alpha === 255) {
        planes.y[to + px] = luma;
        planes.owner[to + px] = owner;
        continue;
      }
      const before = planes.y[to + px]!;
      planes.y[to + px] = before + ((luma - before) * alpha + 127) / 255;
      if (alpha >= DRAWN_MIN) planes.owner[to + px] = owner;
    }
  }
  chromaOver(layer, planes, x0, x1, y0, y1);
}

/**
 * Gives the layer the colours the frame shows in its place, so that laying it over again changes nothing where nothing
 * else was drawn.
 */
export function recut(layer: Layer, planes: Planes): void {
  const { width, height } = planes;
  const half = width >> 1;
  for (let py = 0; py < layer.height; py++) {
    const fy = py + layer.originY;
    if (fy < 0 || fy >= height) continue;
    for (let px = 0; px < layer.width; px++) {
      const fx = px + layer.originX;
      if (fx < 0 || fx >= width) continue;
      const at = py * layer.width + px;
      const chroma = (fy >> 1) * half + (fx >> 1);
      layer.y[at] = planes.y[fy * width + fx]!;
      layer.u[at] = planes.u[chroma]!;
      layer.v[at] = planes.v[chroma]!;
    }
  }
}

function chromaOver(layer: Layer, planes: Planes, x0: number, x1: number, y0: number, y1: number): void {
  const half = planes.width >> 1;
  const w = layer.width;
  for (let py = y0; py < y1; py += 2) {
    const to = ((py + layer.originY) >> 1) * half + (layer.originX >> 1);
    for (let px = x0; px < x1; px += 2) {
      const i = py * w + px;
      const a = layer.alpha[i]!;
      const b = layer.alpha[i + 1]!;
      const c = layer.alpha[i + w]!;
      const d = layer.alpha[i + w + 1]!;
      const sum = a + b + c + d;
      if (sum === 0) continue;
      const at = to + (px >> 1);
      if (sum === 1020) {
        planes.u[at] = (layer.u[i]! + layer.u[i + 1]! + layer.u[i + w]! + layer.u[i + w + 1]! + 2) >> 2;
        planes.v[at] = (layer.v[i]! + layer.v[i + 1]! + layer.v[i + w]! + layer.v[i + w + 1]! + 2) >> 2;
        continue;
      }
      const keep = 1020 - sum;
      const u = layer.u[i]! * a + layer.u[i + 1]! * b + layer.u[i + w]! * c + layer.u[i + w + 1]! * d;
      const v = layer.v[i]! * a + layer.v[i + 1]! * b + layer.v[i + w]! * c + layer.v[i + w + 1]! * d;
      planes.u[at] = (planes.u[at]! * keep + u + 510) / 1020;
      planes.v[at] = (planes.v[at]! * keep + v + 510) / 1020;
    }
  }
}

/** Adds the layer's drawn pixels, and their bounds inside the frame, to `extent`. */
export function measure(layer: Layer, planes: Planes, extent: Extent): void {
  for (let py = 0; py < layer.height; py++) {
    const fy = py + layer.originY;
    const inside = fy >= 0 && fy < planes.height;
    const from = py * layer.width;
    for (let px = 0; px < layer.width; px++) {
      if (layer.alpha[from + px]! < DRAWN_MIN) continue;
      extent.pixels++;
      const fx = px + layer.originX;
      if (!inside || fx < 0 || fx >= planes.width) continue;
      if (fx < extent.x0) extent.x0 = fx;
      if (fx >= extent.x1) extent.x1 = fx + 1;
      if (fy < extent.y0) extent.y0 = fy;
      if (fy >= extent.y1) extent.y1 = fy + 1;
    }
  }
}

/**
 * Darkens the frame by the layer's coverage; `strength` 0..1 is the share taken from full coverage. Colour fades with
 * light, so chroma is drawn towards grey by the same share.
 */
export function darken(layer: Layer, planes: Planes, strength: number): void {
  const { width, height } = planes;
  const x0 = Math.max(0, -layer.originX);
  const x1 = Math.min(layer.width, width - layer.originX);
  const y0 = Math.max(0, -layer.originY);
  const y1 = Math.min(layer.height, height - layer.originY);
  const gain = strength / 255;
  const half = width >> 1;
  for (let py = y0; py < y1; py++) {
    const from = py * layer.width;
    const to = (py + layer.originY) * width + layer.originX;
    const chroma = ((py + layer.originY) >> 1) * half + (layer.originX >> 1);
    for (let px = x0; px < x1; px++) {
      const alpha = layer.alpha[from + px]!;
      if (alpha === 0) continue;
      const keep = 1 - gain * alpha;
      planes.y[to + px] = 16.5 + (planes.y[to + px]! - 16) * keep;
      if (((py | px) & 1) === 1) continue;
      const at = chroma + (px >> 1);
      planes.u[at] = 128.5 + (planes.u[at]! - 128) * keep;
      planes.v[at] = 128.5 + (planes.v[at]! - 128) * keep;
    }
  }
}

/** Where `owner` is still seen after everything was drawn, within `extent`: pixels and bounds into `out`. */
export function countSeen(planes: Planes, owner: number, extent: Extent, out: Extent): void {
  out.clear();
  for (let y = extent.y0; y < extent.y1; y++) {
    const row = y * planes.width;
    for (let x = extent.x0; x < extent.x1; x++) {
      if (planes.owner[row + x] !== owner) continue;
      out.pixels++;
      if (x < out.x0) out.x0 = x;
      if (x >= out.x1) out.x1 = x + 1;
      if (y < out.y0) out.y0 = y;
      if (y >= out.y1) out.y1 = y + 1;
    }
  }
}

/**
 * Lays scenery over the frame with every row moved sideways by `shifts` pixels (one per layer row). Does not touch
 * pixels outside the frame. What it covers belongs to nobody.
 */
export function layOverShifted(layer: Layer, planes: Planes, shifts: Int16Array): void {
  const { width, height } = planes;
  const half = width >> 1;
  for (let py = 0; py < layer.height; py++) {
    const fy = py + layer.originY;
    if (fy < 0 || fy >= height) continue;
    const from = py * layer.width;
    const x = layer.originX + shifts[py]!;
    const px0 = Math.max(0, -x);
    const px1 = Math.min(layer.width, width - x);
    const to = fy * width + x;
    for (let px = px0; px < px1; px++) {
      const alpha = layer.alpha[from + px]!;
      if (alpha === 0) continue;
      const before = planes.y[to + px]!;
      planes.y[to + px] = before + ((layer.y[from + px]! - before) * alpha + 127) / 255;
      if (alpha >= DRAWN_MIN) planes.owner[to + px] = 0;
    }
    if ((fy & 1) === 1) continue;
    for (let px = px0; px < px1; px++) {
      const alpha = layer.alpha[from + px]!;
      if (alpha === 0 || ((x + px) & 1) === 1) continue;
      const at = (fy >> 1) * half + ((x + px) >> 1);
      planes.u[at] = planes.u[at]! + ((layer.u[from + px]! - planes.u[at]!) * alpha + 127) / 255;
      planes.v[at] = planes.v[at]! + ((layer.v[from + px]! - planes.v[at]!) * alpha + 127) / 255;
    }
  }
}

// Drawing by plain loops over typed arrays: rounded limbs ("tubes") and polygons with smooth edges, painted into a layer
// of luma, chroma and coverage, and the layer laid over the planes of a frame. Knows nothing of people or streets.
// Allocates only in constructors. Any thread, one at a time.
import { NOISE_MASK, NOISE_SHIFT } from './random.ts';

/** The picture being drawn: I420 planes (chroma halved both ways) and who is seen at each luma pixel (0: nobody). */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
  readonly owner: Uint8Array;
}

/** Steps of a tube's outline from its first end to its second. */
export const PROFILE_STEPS = 16;

/**
 * One rounded limb on the screen. (ax, ay) to (bx, by) is its axis in pixels, `scaleA`, `scaleB` the pixels per metre
 * at the ends; `left` and `right` give the half width in metres, PROFILE_STEPS + 1 values from a to b. Ends are round
 * unless the outline closes there. Mutable and pooled.
 */
export class Tube {
  ax = 0;
  ay = 0;
  bx = 0;
  by = 0;
  scaleA = 1;
  scaleB = 1;
  left: Float32Array = FLAT;
  right: Float32Array = FLAT;
  /** Widens the outline. */
  girth = 1;
  /** Order of painting: far (large) first. */
  depth = 0;
  /** Codes under light of strength 1: luma above black (0..219), chroma about 0 (-112..112). */
  y = 0;
  u = 0;
  v = 0;
  /** Codes of the second colour of a pattern. */
  y2 = 0;
  u2 = 0;
  v2 = 0;
  /** 0 plain, 1 rings, 2 checks, 3 second colour on the middle front. */
  pattern = 0;
  /** Pattern or fold cycles per metre, and metres from a to b. */
  grain = 6;
  metres = 1;
  /** Strength of folds (0..1) and where on the noise tile they are taken. */
  folds = 0;
  offset = 0;
  /** End a or b is cut straight instead of round. */
  flatA = false;
  flatB = false;
  /** Part of the light that does not depend on direction anyway (hair, cloth fuzz). */
  fill = 0;
}

const FLAT = new Float32Array(PROFILE_STEPS + 1).fill(0.05);

/** How an object is lit, in screen axes; see light.ts. */
export interface ScreenLight {
  readonly lx: number;
  readonly ly: number;
  readonly lz: number;
  readonly key: number;
  readonly ambient: number;
}

/** A drawing surface that is laid over a frame when done; its origin may lie outside the frame. */
export class Layer {
  readonly y: Uint8ClampedArray;
  readonly u: Uint8ClampedArray;
  readonly v: Uint8ClampedArray;
  readonly alpha: Uint8Array;
  readonly noise: Float32Array;
  readonly #capacity: number;
  /** Frame pixel of the layer's top left corner, both even. */
  originX = 0;
  originY = 0;
  /** Both even. */
  width = 0;
  height = 0;

  /** Holds up to `capacity` pixels; `noise` is a tile of random.ts. */
  constructor(capacity: number, noise: Float32Array) {
    this.#capacity = capacity;
    this.y = new Uint8ClampedArray(capacity);
    this.u = new Uint8ClampedArray(capacity);
    this.v = new Uint8ClampedArray(capacity);
    this.alpha = new Uint8Array(capacity);
    this.noise = noise;
  }

  /** Clears the layer and makes it cover [x0, x1) × [y0, y1) of the frame; cut at the bottom if it cannot hold that. */
  begin(x0: number, y0: number, x1: number, y1: number): void {
    this.originX = Math.floor(x0 / 2) * 2;
    this.originY = Math.floor(y0 / 2) * 2;
    this.width = Math.max(2, Math.ceil((x1 - this.originX) / 2) * 2);
    const height = Math.max(2, Math.ceil((y1 - this.originY) / 2) * 2);
    this.height = Math.min(height, Math.floor(this.#capacity / this.width / 2) * 2);
    this.alpha.fill(0, 0, this.width * this.height);
  }

  /** Paints one pixel (index into the layer) with coverage 0..1 over what is there. */
  blend(at: number, cover: number, y: number, u: number, v: number): void {
    const before = this.alpha[at]! / 255;
    if (cover >= 0.996 || before === 0) {
      this.y[at] = y;
      this.u[at] = u;
      this.v[at] = v;
      this.alpha[at] = Math.max(this.alpha[at]!, cover * 255 + 0.5);
      return;
    }
    const after = cover + before * (1 - cover);
    const share = cover / after;
    this.y[at] = this.y[at]! + (y - this.y[at]!) * share;
    this.u[at] = this.u[at]! + (u - this.u[at]!) * share;
    this.v[at] = this.v[at]! + (v - this.v[at]!) * share;
    this.alpha[at] = after * 255 + 0.5;
  }
}

/**
 * Paints a tube: coverage from the distance to its outline (half a pixel of softness), shading as of a round body
 * under `light`. Cost: pixels of the tube's bounding box.
 */
export function drawTube(layer: Layer, tube: Tube, light: ScreenLight): void {
  const { left, right, girth, scaleA, scaleB } = tube;
  const ax = tube.ax - layer.originX;
  const ay = tube.ay - layer.originY;
  const dx = tube.bx - tube.ax;
  const dy = tube.by - tube.ay;
  const length = Math.sqrt(dx * dx + dy * dy) || 0.001;
  const ux = dx / length;
  const uy = dy / length;
  let widest = 0;
  for (let i = 0; i <= PROFILE_STEPS; i++) widest = Math.max(widest, left[i]!, right[i]!);
  const reach = widest * girth * Math.max(scaleA, scaleB) + 1;
  const x0 = Math.max(0, Math.floor(Math.min(ax, ax + dx) - reach));
  const x1 = Math.min(layer.width, Math.ceil(Math.max(ax, ax + dx) + reach));
  const y0 = Math.max(0, Math.floor(Math.min(ay, ay + dy) - reach));
  const y1 = Math.min(layer.height, Math.ceil(Math.max(ay, ay + dy) + reach));
  const across = -uy * light.lx + ux * light.ly;
  for (let py = y0; py < y1; py++) {
    const ry = py + 0.5 - ay;
    for (let px = x0; px < x1; px++) {
      const rx = px + 0.5 - ax;
      const along = rx * ux + ry * uy;
      const side = ry * ux - rx * uy;
      const t = along <= 0 ? 0 : along >= length ? 1 : along / length;
      const step = t * PROFILE_STEPS;
      const index = step >= PROFILE_STEPS ? PROFILE_STEPS - 1 : step | 0;
      const outline = side < 0 ? left : right;
      const half = outline[index]! + (outline[index + 1]! - outline[index]!) * (step - index);
      const radius = half * girth * (scaleA + (scaleB - scaleA) * t);
      const beyond = along < 0 ? -along : along > length ? along - length : 0;
      const distance = beyond > 0 ? Math.sqrt(side * side + beyond * beyond) : side < 0 ? -side : side;
      let cover = radius - distance + 0.5;
      if (along < 0 ? tube.flatA : along > length && tube.flatB) {
        cover = Math.min(0.5 - beyond, radius - (side < 0 ? -side : side) + 0.5);
      }
      if (cover <= 0) continue;
      const nx = radius > 0.5 ? Math.max(-1, Math.min(1, side / radius)) : 0;
      paintTube(layer, tube, light, py * layer.width + px, Math.min(1, cover), t, nx, across, ux);
    }
  }
}

function paintTube(
  layer: Layer,
  tube: Tube,
  light: ScreenLight,
  at: number,
  cover: number,
  t: number,
  nx: number,
  across: number,
  ux: number,
): void {
  const nz = Math.sqrt(1 - nx * nx);
  const facing = Math.max(0, across * nx + light.lz * nz);
  const dome = 0.86 - 0.14 * ux * nx;
  // The rim of a round body sees less of the sky: it darkens there.
  const rim = 0.45 + 0.55 * nz;
  let strength =
    light.ambient * dome * rim + light.key * (0.6 + 0.4 * rim) * (facing + (0.6 - facing) * tube.fill);
  const u = t * tube.metres * tube.grain;
  if (tube.folds > 0) {
    const row = (u * 9 + tube.offset) & NOISE_MASK;
    const column = (nx * 14 + tube.offset * 7 + u * 3) & NOISE_MASK;
    strength *= 1 + tube.folds * layer.noise[(row << NOISE_SHIFT) | column]!;
  }
  // Gamma 2, as in light.ts; light above 1 clips at the top of the range.
  const gain = strength > 0 ? Math.sqrt(strength) : 0;
  let second = false;
  if (tube.pattern === 1) second = (u & 1) === 1;
  else if (tube.pattern === 2) second = (u & 1) === ((nx * 2 + 8) & 1);
  else if (tube.pattern === 3) second = nx > -0.22 && nx < 0.22 && t < 0.9;
  const y = (second ? tube.y2 : tube.y) * gain;
  const chroma = y > 219 ? gain * (219 / y) : gain;
  layer.blend(
    at,
    cover,
    16 + Math.min(219, y),
    128 + (second ? tube.u2 : tube.u) * chroma,
    128 + (second ? tube.v2 : tube.v) * chroma,
  );
}

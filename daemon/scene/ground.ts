// Colours of the ground: lawn, garden path, porch, pavement, road and the gardens opposite, as a function of place.
// Writes its answer into fields. Used once per picture size when the backdrop is made. Any thread.
import { HEDGES, PATH, PATH_HALF, PORCH, STRIP, TREE } from './layout.ts';
import { type Lighting, type Rgb, reflectance, seen } from './light.ts';
import { NOISE_MASK, NOISE_SHIFT } from './random.ts';

const GRASS = reflectance(0x6f8a45);
const GRASS_DRY = reflectance(0x93955a);
const ASPHALT = reflectance(0x6d6e70);
const SLAB = reflectance(0xa9a49a);
const KERB = reflectance(0xb4b1aa);
const PAINT = reflectance(0xd6d6d0);
const STONE = reflectance(0xa08f80);
const GRAVEL = reflectance(0xa69a86);
const SOIL = reflectance(0x5a4636);
const MAT = reflectance(0x4a3b30);

/** Reads a noise tile at any place (nearest texel). */
export function noiseAt(tile: Float32Array, x: number, y: number): number {
  return tile[((Math.floor(y) & NOISE_MASK) << NOISE_SHIFT) | (Math.floor(x) & NOISE_MASK)]!;
}

/** Reads a noise tile with bilinear interpolation. */
export function noiseSmooth(tile: Float32Array, x: number, y: number): number {
  const fx = x - Math.floor(x);
  const fy = y - Math.floor(y);
  const a = noiseAt(tile, x, y);
  const b = noiseAt(tile, x + 1, y);
  const c = noiseAt(tile, x, y + 1);
  const d = noiseAt(tile, x + 1, y + 1);
  return (a + (b - a) * fx) * (1 - fy) + (c + (d - c) * fx) * fy;
}

export class Ground {
  readonly #light: Lighting;
  readonly #cloud: Float32Array;
  /** Result of `colour`: reflectance. */
  r = 0;
  g = 0;
  b = 0;
  /** Result of `colour`: share of sunlight that arrives, 0..1. */
  sunlit = 1;

  constructor(light: Lighting, cloud: Float32Array) {
    this.#light = light;
    this.#cloud = cloud;
  }

  /** Reflectance and sunlight at (x, z) metres. */
  colour(x: number, z: number): void {
    this.sunlit = 1;
    if (z < STRIP.pavementNear) this.#garden(x, z);
    else if (z < STRIP.kerb) this.#pavement(x, z, STRIP.pavementFar);
    else if (z < STRIP.roadFar) this.#road(x, z);
    else if (z < STRIP.farPavement) this.#pavement(x, z, 99);
    else this.#farGarden(x, z);
    this.#shadows(x, z);
  }

  #set(rgb: Rgb, gain: number, plant = false): void {
    const c = seen(this.#light, rgb, plant);
    this.r = c[0] * gain;
    this.g = c[1] * gain;
    this.b = c[2] * gain;
  }

  #garden(x: number, z: number): void {
    const noise = this.#cloud;
    if (x > PORCH.x0 && z < PORCH.z1) {
      const joint = grout(x, 0.6, 0.025) || grout(z + 0.15, 0.6, 0.025);
      const mat = x > 1.35 && x < 1.95 && z > 3.45 && z < 4.1;
      const tone = 1 + 0.16 * noiseSmooth(noise, x * 40, z * 40) + 0.1 * hashTone(x, z, 0.6);
      if (mat) this.#set(MAT, 1 + 0.3 * noiseAt(noise, x * 300, z * 300));
      else this.#set(STONE, joint ? 0.55 : tone);
      return;
    }
    const off = pathDistance(x, z) + 0.05 * noiseSmooth(noise, x * 30, z * 30);
    if (off < PATH_HALF) {
      this.#set(
        GRAVEL,
        1 + 0.2 * noiseSmooth(noise, x * 60, z * 60) + 0.16 * noiseAt(noise, x * 210, z * 210),
      );
      return;
    }
    if (off < PATH_HALF + 0.06) {
      this.#set(SOIL, 1 + 0.3 * noiseAt(noise, x * 200, z * 200));
      return;
    }
    if (z > STRIP.hedgeNear - 0.15 + 0.1 * noiseSmooth(noise, x * 20, 7)) {
      this.#set(SOIL, 1 + 0.4 * noiseAt(noise, x * 150, z * 150));
      return;
    }
    this.#lawn(x, z);
  }

  #lawn(x: number, z: number): void {
    const noise = this.#cloud;
    const patch = noiseSmooth(noise, x * 9 + 50, z * 9) * 0.5 + 0.5;
    const blade = noiseAt(noise, x * 260, z * 120) * 0.22 + noiseSmooth(noise, x * 60, z * 35) * 0.18;
    const mown = Math.sin(x * 3.1) > 0 ? 0.04 : -0.04;
    const dry = Math.max(0, patch - 0.45) * 0.9;
    const grass = seen(this.#light, GRASS, true);
    const straw = seen(this.#light, GRASS_DRY, true);
    const gain = 0.95 + blade + mown;
    this.r = (grass[0] + (straw[0] - grass[0]) * dry) * gain;
    this.g = (grass[1] + (straw[1] - grass[1]) * dry) * gain;
    this.b = (grass[2] + (straw[2] - grass[2]) * dry) * gain;
  }

  #pavement(x: number, z: number, kerbFrom: number): void {
    const noise = this.#cloud;
    const dirt = 1 + 0.12 * noiseSmooth(noise, x * 12, z * 12) + 0.08 * noiseAt(noise, x * 160, z * 160);
    if (z > kerbFrom) {
      this.#set(KERB, grout(x, 0.9, 0.02) ? 0.6 : dirt);
      return;
    }
    const joint = grout(x + (Math.floor(z / 0.65) & 1) * 0.45, 0.9, 0.018) || grout(z, 0.65, 0.02);
    this.#set(SLAB, joint ? 0.68 : dirt + 0.07 * hashTone(x, z, 0.65));
  }

  #road(x: number, z: number): void {
    const noise = this.#cloud;
    const dash = Math.abs(z - STRIP.roadMiddle) < 0.06 && (x + 200) % 4 < 2;
    const wear = noiseSmooth(noise, x * 5, z * 18);
    if (dash && wear > -0.5) {
      this.#set(PAINT, 0.85);
      return;
    }
    const track = Math.cos((z - 8.5) * 3.6) * 0.03;
    const gutter = z < STRIP.kerb + 0.25 || z > STRIP.roadFar - 0.25 ? -0.15 : 0;
    const drain = z < STRIP.kerb + 0.35 && (x + 203) % 11 < 0.5 ? -0.5 : 0;
    const patch = noiseSmooth(noise, x * 2.2 + 9, z * 2.2) > 0.42 ? -0.14 : 0;
    this.#set(
      ASPHALT,
      1 + 0.1 * wear + 0.1 * noiseAt(noise, x * 120, z * 120) + track + gutter + drain + patch,
    );
  }

  #farGarden(x: number, z: number): void {
    const drive = (x + 203.5) % 10.4;
    if (drive < 2.8) {
      this.#set(SLAB, 0.85 + 0.1 * noiseSmooth(this.#cloud, x * 20, z * 20));
      return;
    }
    this.#lawn(x * 0.6, z * 0.6);
  }

  #shadows(x: number, z: number): void {
    const [sx, sy, sz] = this.#light.toSun;
    if (this.#light.time !== 'day') return;
    const rise = TREE.crownHeight / sy;
    const dx = x + sx * rise - TREE.x;
    const dz = z + sz * rise - TREE.z;
    const edge = Math.hypot(dx, dz * 0.9) / TREE.crownRadius;
    if (edge < 1.25) {
      const leaf = noiseSmooth(this.#cloud, x * 26, z * 26);
      this.sunlit = Math.min(this.sunlit, Math.max(0.12, Math.min(1, (edge - 0.95) * 3 + leaf * 1.3)));
    }
    for (const hedge of HEDGES) {
      const reach = (-sz / sy) * hedge.height;
      if (z > STRIP.hedgeFar - 0.1 && z < STRIP.hedgeFar + reach && x > hedge.x0 && x < hedge.x1 + 0.3) {
        this.sunlit = Math.min(this.sunlit, 0.25);
      }
    }
    if (z > STRIP.farWall + 0.2 && z < STRIP.farWall + 0.7) this.sunlit = Math.min(this.sunlit, 0.3);
    const trunk = Math.abs((x - TREE.x) * sz - (z - TREE.z) * sx);
    const along = -((x - TREE.x) * sx + (z - TREE.z) * sz);
    if (trunk < TREE.trunkRadius * 0.7 && along > 0 && along < 2.2) this.sunlit = 0.2;
  }
}

function grout(at: number, every: number, width: number): boolean {
  const f = at / every;
  return (f - Math.floor(f)) * every < width;
}

/** A fixed tone per slab, -1..1. */
function hashTone(x: number, z: number, size: number): number {
  const h = Math.imul(Math.floor(x / size) * 374761393 + Math.floor(z / size) * 668265263, 1274126177);
  return ((h ^ (h >>> 13)) & 255) / 128 - 1;
}

function pathDistance(x: number, z: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 1; i < PATH.length; i++) {
    const [ax, az] = PATH[i - 1]!;
    const [bx, bz] = PATH[i]!;
    const dx = bx - ax;
    const dz = bz - az;
    const t = Math.max(0, Math.min(1, ((x - ax) * dx + (z - az) * dz) / (dx * dx + dz * dz)));
    best = Math.min(best, Math.hypot(x - ax - dx * t, z - az - dz * t));
  }
  return best;
}

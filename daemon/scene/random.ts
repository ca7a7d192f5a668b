// The scene's only source of chance: a small seeded generator and tiles of periodic noise made from it. Never reads a
// clock or Math.random, so that the same seed gives the same picture. Pure, any thread.

/**
 * mulberry32 by Tommy Ettinger (public domain, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c):
 * 32 bits of state, full period, good enough for pictures, not for secrets.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Next number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  }

  /** Next number in [low, high). */
  range(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Whole number in [0, count). */
  index(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.index(values.length)] as T;
  }

  /** True with the given chance (0..1). */
  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

/** Mixes whole numbers into one 32-bit seed (murmur3's finaliser, Austin Appleby, public domain). */
export function mixSeed(a: number, b: number): number {
  let h = (Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35)) >>> 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Side of every noise tile, in texels; a power of two, so that `& NOISE_MASK` wraps. */
export const NOISE_SIZE = 256;
export const NOISE_MASK = NOISE_SIZE - 1;
/** Shift of a row: texel (x, y) lies at `(y << NOISE_SHIFT) | x`. */
export const NOISE_SHIFT = 8;

/**
 * A periodic tile [NOISE_SIZE × NOISE_SIZE] of value noise summed over octaves (cells of 32, 16, 8, 4, 2 texels),
 * values -1..1.
 */
export function cloudTile(random: Random): Float32Array {
  const tile = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  let amplitude = 1;
  let total = 0;
  for (let cell = 32; cell >= 2; cell >>= 1) {
    addOctave(tile, cell, amplitude, random);
    total += amplitude;
    amplitude *= 0.62;
  }
  const gain = 1.6 / total;
  for (let i = 0; i < tile.length; i++) tile[i] = Math.max(-1, Math.min(1, tile[i]! * gain));
  return tile;
}

function addOctave(tile: Float32Array, cell: number, amplitude: number, random: Random): void {
  const side = NOISE_SIZE / cell;
  const lattice = new Float32Array(side * side);
  for (let i = 0; i < lattice.length; i++) lattice[i] = random.range(-1, 1);
  for (let y = 0; y < NOISE_SIZE; y++) {
    const gy = Math.floor(y / cell);
    const fy = smooth((y % cell) / cell);
    const row0 = gy * side;
    const row1 = ((gy + 1) % side) * side;
    for (let x = 0; x < NOISE_SIZE; x++) {
      const gx = Math.floor(x / cell);
      const fx = smooth((x % cell) / cell);
      const gx1 = (gx + 1) % side;
      const top = lattice[row0 + gx]! * (1 - fx) + lattice[row0 + gx1]! * fx;
      const bottom = lattice[row1 + gx]! * (1 - fx) + lattice[row1 + gx1]! * fx;
      const at = (y << NOISE_SHIFT) | x;
      tile[at] = tile[at]! + amplitude * (top * (1 - fy) + bottom * fy);
    }
  }
}

function smooth(f: number): number {
  return f * f * (3 - 2 * f);
}

/** `count` samples of Gaussian noise with the given deviation, rounded to whole code values (Box and Muller, 1958). */
export function gaussianTile(count: number, sigma: number, random: Random): Int8Array {
  const tile = new Int8Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = sigma * Math.sqrt(-2 * Math.log(1 - random.next()));
    const angle = 2 * Math.PI * random.next();
    tile[i] = Math.max(-127, Math.min(127, Math.round(radius * Math.cos(angle))));
    if (i + 1 < count) tile[i + 1] = Math.max(-127, Math.min(127, Math.round(radius * Math.sin(angle))));
  }
  return tile;
}

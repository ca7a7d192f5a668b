// What stands upright and never moves: the wing of our house with the door, the garden wall and houses opposite, trees
// behind them and the sky. Answers rays; used once per picture size when the backdrop is made. Any thread.
import { noiseAt, noiseSmooth } from './ground.ts';
import { STRIP, WING } from './layout.ts';
import { type Lighting, type Rgb, reflectance, seen } from './light.ts';
import type { Random } from './random.ts';
import { MOUNT_HEIGHT } from './view.ts';

interface House {
  readonly x0: number;
  readonly x1: number;
  readonly eaves: number;
  readonly wall: Rgb;
  readonly roof: Rgb;
  readonly door: Rgb;
  readonly brick: boolean;
  /** One bit per window: light behind it. */
  readonly lit: number;
  readonly doorAt: number;
}

const WALLS = [0xa5654c, 0xcfc4ae, 0x97583f, 0xb9b0a2, 0xd8cdb8, 0x8f6a55].map(reflectance);
const ROOFS = [0x5d4a43, 0x6b4136, 0x54565a].map(reflectance);
const DOORS = [0x2f4a3a, 0x7a2a26, 0x27405e, 0x4a3a2c].map(reflectance);
const FRAME = reflectance(0xdedcd6);
const GLASS = reflectance(0x3b444c);
const LAMPLIGHT: Rgb = [0.95, 0.72, 0.38];
const OUR_WALL = reflectance(0xcbbfa8);
const OUR_DOOR = reflectance(0x2c4a4f);
const GARDEN_WALL = reflectance(0x9a6a55);
const LEAVES = reflectance(0x4d6136);

/** What a ray met. */
export type Surface = 'nothing' | 'wing' | 'street';

export class Houses {
  readonly #light: Lighting;
  readonly #cloud: Float32Array;
  readonly #houses: House[] = [];
  /** Results of `hit` and `sky`: reflectance, or light itself when `glows`. */
  r = 0;
  g = 0;
  b = 0;
  glows = false;
  nx = 0;
  ny = 0;
  nz = 0;
  distance = 0;

  constructor(light: Lighting, cloud: Float32Array, random: Random) {
    this.#light = light;
    this.#cloud = cloud;
    for (let x = -33 + random.range(0, 2); x < 32; ) {
      const width = random.range(7.5, 9.8);
      let lit = 0;
      for (let i = 0; i < 8; i++) if (random.chance(light.litWindows)) lit |= 1 << i;
      this.#houses.push({
        x0: x,
        x1: x + width,
        eaves: random.range(4.9, 5.4),
        wall: random.pick(WALLS),
        roof: random.pick(ROOFS),
        door: random.pick(DOORS),
        brick: random.chance(0.6),
        lit,
        doorAt: random.chance(0.5) ? 0.2 : 0.72,
      });
      x += width + (random.chance(0.5) ? random.range(1.2, 2.4) : 0.05);
    }
  }

  /** Follows a ray from the lens along (dx, dy, dz); nothing beyond `limit` (in lengths of the ray). */
  hit(dx: number, dy: number, dz: number, limit: number): Surface {
    this.glows = false;
    if (dx > 0.001) {
      const t = WING.x / dx;
      const z = t * dz;
      if (t < limit && z < WING.zEnd) {
        this.distance = t;
        this.#wing(MOUNT_HEIGHT + t * dy, z);
        return 'wing';
      }
    }
    if (dz <= 0.001) return 'nothing';
    const wall = STRIP.farWall / dz;
    const wallX = wall * dx;
    const wallY = MOUNT_HEIGHT + wall * dy;
    const gate = (wallX + 203.5) % 10.4 < 2.8;
    if (wall < limit && wallY > 0 && wallY < 0.75 && !gate) {
      this.#gardenWall(wallX, wallY);
      this.distance = wall;
      return 'street';
    }
    const front = STRIP.houses / dz;
    if (front < limit && this.#facades(front * dx, MOUNT_HEIGHT + front * dy, dx, dy, dz)) {
      return 'street';
    }
    return 'nothing';
  }

  #set(rgb: Rgb, gain: number): void {
    const c = seen(this.#light, rgb);
    this.r = c[0] * gain;
    this.g = c[1] * gain;
    this.b = c[2] * gain;
  }

  #normal(nx: number, ny: number, nz: number): void {
    this.nx = nx;
    this.ny = ny;
    this.nz = nz;
  }

  #wing(y: number, z: number): void {
    this.#normal(-1, 0, 0);
    const grain =
      1 + 0.06 * noiseSmooth(this.#cloud, z * 60, y * 60) + 0.05 * noiseAt(this.#cloud, z * 200, y * 200);
    const inZ = z > WING.doorNear && z < WING.doorFar;
    if (inZ && y > 0.12 && y < WING.doorHeight) {
      const edge = Math.min(z - WING.doorNear, WING.doorFar - z, WING.doorHeight - y);
      if (edge < 0.07) return this.#set(FRAME, 0.95);
      const u = (z - WING.doorNear) / (WING.doorFar - WING.doorNear);
      if (y > 1.45 && y < 1.95 && u > 0.25 && u < 0.75) return this.#set(GLASS, 1.2);
      const panel = y < 1.3 && y > 0.3 && ((u > 0.18 && u < 0.22) || (u > 0.78 && u < 0.82));
      if (u > 0.12 && u < 0.19 && Math.abs(y - 1.08) < 0.05) return this.#set(FRAME, 0.8);
      return this.#set(OUR_DOOR, panel ? 0.6 : grain);
    }
    if (y < 0.3) return this.#set(OUR_WALL, 0.5 * grain);
    if (y > 2.15 && y < 2.4 && z > 4.24 && z < 4.34) {
      const on = this.#light.lamps.length > 0;
      this.glows = on;
      return on ? this.#glow(1, 0.9, 0.7) : this.#set(FRAME, 0.5);
    }
    this.#set(OUR_WALL, grain);
  }

  #glow(r: number, g: number, b: number): void {
    this.glows = true;
    const grey = this.#light.infrared > 0 ? (r + g + b) / 3 : 0;
    this.r = grey || r;
    this.g = grey || g;
    this.b = grey || b;
  }

  #gardenWall(x: number, y: number): void {
    this.#normal(0, 0, -1);
    const tone = bricks(x, y) ? 0.62 : 1 + 0.2 * noiseAt(this.#cloud, x * 8, y * 26);
    this.#set(y > 0.66 ? FRAME : GARDEN_WALL, y > 0.66 ? 0.6 : tone);
  }

  #facades(x: number, y: number, dx: number, dy: number, dz: number): boolean {
    for (let i = 0; i < this.#houses.length; i++) {
      const house = this.#houses[i]!;
      if (x >= house.x0 && x < house.x1 && y >= 0 && y < house.eaves) {
        this.distance = STRIP.houses / dz;
        this.#facade(house, x, y);
        return true;
      }
      // Roof: a plane leaning back from the eaves, one metre up per metre back.
      const reach = dz - dy;
      if (reach <= 0.001) continue;
      const t = (MOUNT_HEIGHT - house.eaves + STRIP.houses - 0.3) / reach;
      const rx = t * dx;
      const ry = MOUNT_HEIGHT + t * dy;
      if (t > 0 && rx > house.x0 - 0.2 && rx < house.x1 + 0.2 && ry > house.eaves && ry < house.eaves + 3) {
        this.distance = t;
        this.#normal(0, 0.7, -0.7);
        const tile = (ry * 7) % 1 < 0.15 ? 0.7 : 1 + 0.2 * noiseAt(this.#cloud, rx * 6, ry * 12);
        this.#set(house.roof, ry < house.eaves + 0.18 ? 1.6 : tile);
        return true;
      }
    }
    return false;
  }

  #facade(house: House, x: number, y: number): void {
    this.#normal(0, 0, -1);
    const width = house.x1 - house.x0;
    const u = (x - house.x0) / width;
    const doorX = Math.abs(u - house.doorAt) * width;
    if (doorX < 0.6 && y < 2.3) {
      return this.#set(
        doorX > 0.5 || y > 2.15 ? FRAME : house.door,
        doorX < 0.25 && y > 1.6 && y < 1.9 ? 0.4 : 1,
      );
    }
    const floor = y > 2.7 ? 1 : 0;
    const column = u < 0.36 ? 0 : u < 0.64 ? 1 : 2;
    const centre = column === 0 ? 0.2 : column === 1 ? 0.5 : 0.8;
    const wide = floor === 0 && column === 2 ? 1.05 : 0.68;
    const ox = Math.abs(u - centre) * width;
    const oy = y - (floor === 0 ? 1.0 : 3.25);
    const isDoor = floor === 0 && Math.abs(house.doorAt - centre) < 0.15;
    if (!isDoor && ox < wide && oy > 0 && oy < 1.25) {
      this.#window(house, floor * 3 + column, ox, oy, wide, x);
      return;
    }
    const stain = 1 + 0.08 * noiseSmooth(this.#cloud, x * 8, y * 8);
    const shade = y > house.eaves - 0.35 ? 0.6 : 1;
    this.#set(house.wall, shade * (house.brick && bricks(x, y) ? stain * 0.85 : stain));
  }

  #window(house: House, index: number, ox: number, oy: number, wide: number, x: number): void {
    if (ox > wide - 0.09 || oy < 0.09 || oy > 1.16 || ox < 0.04) return this.#set(FRAME, 0.95);
    if ((house.lit >> index) & 1) {
      const curtain = 0.8 + 0.15 * Math.sin(x * 30);
      return this.#glow(LAMPLIGHT[0] * curtain, LAMPLIGHT[1] * curtain, LAMPLIGHT[2] * curtain);
    }
    this.#set(GLASS, 0.8 + 0.7 * oy + 0.25 * noiseSmooth(this.#cloud, x * 14, oy * 14));
  }

  /** Light from the sky or the trees behind the houses along a ray, into r, g, b. */
  sky(dx: number, dy: number, dz: number): void {
    const rise = dy / dz;
    const across = dx / dz;
    const noise = this.#cloud;
    const line =
      0.115 + 0.045 * noiseSmooth(noise, across * 60 + 90, 3) + 0.015 * noiseAt(noise, across * 420, 9);
    const { sky, time } = this.#light;
    if (rise < line) {
      const tone = 0.7 + 0.5 * noiseAt(noise, across * 300, rise * 300);
      const leaves = seen(this.#light, LEAVES, true);
      const gain = tone * (time === 'day' ? 1.5 : 0.8);
      this.r = leaves[0] * sky[0] * gain;
      this.g = leaves[1] * sky[1] * gain;
      this.b = leaves[2] * sky[2] * gain;
      return;
    }
    const cloud = noiseSmooth(noise, across * 50, rise * 130) * 0.5 + 0.5;
    if (time === 'day') {
      this.r = 0.55 + 0.35 * cloud;
      this.g = 0.66 + 0.25 * cloud;
      this.b = 0.82 + 0.12 * cloud;
    } else if (time === 'dusk') {
      this.r = 0.28 + 0.14 * cloud - rise;
      this.g = 0.26 + 0.06 * cloud - rise * 0.5;
      this.b = 0.34 + 0.04 * cloud;
    } else {
      this.r = this.g = this.b = 0.012 + 0.008 * cloud;
    }
  }
}

function bricks(x: number, y: number): boolean {
  const row = Math.floor(y / 0.18);
  const fy = y / 0.18 - row;
  const fx = (x + (row & 1) * 0.25) / 0.5;
  return fy < 0.14 || fx - Math.floor(fx) < 0.06;
}

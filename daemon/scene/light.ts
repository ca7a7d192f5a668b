// Light of the scene: sun or afterglow, sky, lamps and the camera's own infrared lamp, and the way from linear light to
// BT.601 codes. Owns no pixel. Pure, any thread.
import type { SceneTime } from './options.ts';
import { MOUNT_HEIGHT, type View } from './view.ts';

/** Linear light or reflectance, red, green, blue. */
export type Rgb = readonly [number, number, number];

/** A lamp at (x, y, z) metres; `rgb` is the light it throws on a surface one metre away, facing it. */
export interface Lamp {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly rgb: Rgb;
}

export interface Lighting {
  readonly time: SceneTime;
  /** Unit vector towards the sun (day) or the brightest part of the sky. */
  readonly toSun: Rgb;
  readonly sun: Rgb;
  /** From all of the sky; surfaces facing down get half of it. */
  readonly sky: Rgb;
  readonly lamps: readonly Lamp[];
  /** Strength of the camera's infrared lamp at one metre; above 0 the picture is grey. */
  readonly infrared: number;
  /** Darkness of cast shadows, 0..1, and of the contact shadow under feet and wheels. */
  readonly castShadow: number;
  readonly contactShadow: number;
  /** Deviation of the sensor's noise in luma codes. */
  readonly noiseSigma: number;
  /** Share of windows with light behind them. */
  readonly litWindows: number;
}

const PORCH_LAMP = { x: 1.85, y: 2.3, z: 4.3 };
const STREET_LAMP = { x: -3.4, y: 4.8, z: 7 };

const LIGHTINGS: Readonly<Record<SceneTime, Lighting>> = {
  day: {
    time: 'day',
    toSun: [-0.55, 0.72, -0.423],
    sun: [0.86, 0.82, 0.74],
    sky: [0.4, 0.43, 0.48],
    lamps: [],
    infrared: 0,
    castShadow: 0.5,
    contactShadow: 0.6,
    noiseSigma: 1.6,
    litWindows: 0,
  },
  dusk: {
    time: 'dusk',
    toSun: [0.6, 0.55, -0.58],
    sun: [0.1, 0.1, 0.12],
    sky: [0.19, 0.22, 0.29],
    lamps: [
      { ...PORCH_LAMP, rgb: [2.6, 1.9, 1.1] },
      { ...STREET_LAMP, rgb: [7.5, 5.6, 3.4] },
    ],
    infrared: 0,
    castShadow: 0.16,
    contactShadow: 0.5,
    noiseSigma: 2.4,
    litWindows: 0.4,
  },
  night: {
    time: 'night',
    toSun: [0.2, 0.9, -0.39],
    sun: [0, 0, 0],
    sky: [0.03, 0.03, 0.03],
    lamps: [
      { ...PORCH_LAMP, rgb: [0.9, 0.9, 0.9] },
      { ...STREET_LAMP, rgb: [1, 1, 1] },
    ],
    infrared: 46,
    castShadow: 0.1,
    contactShadow: 0.35,
    noiseSigma: 2.6,
    litWindows: 0.25,
  },
};

export function lightingOf(time: SceneTime): Lighting {
  return LIGHTINGS[time];
}

/** Reflectance (0..1, linear) of a colour given as 8-bit sRGB `0xrrggbb`; gamma taken as 2. */
export function reflectance(hex: number): Rgb {
  const square = (v: number): number => (v / 255) ** 2;
  return [square((hex >> 16) & 255), square((hex >> 8) & 255), square(hex & 255)];
}

/** What reflects infrared: stone and paint as they look, plants more, dyed cloth and skin much more. */
type Matter = 'stone' | 'plant' | 'cloth';

/** Reflectance of scenery as the sensor sees it: in infrared dyes fade and plants shine. */
export function seen(light: Lighting, rgb: Rgb, plant = false): Rgb {
  if (light.infrared === 0) return rgb;
  const grey = infraredGrey(rgb, plant ? 'plant' : 'stone');
  return [grey, grey, grey];
}

function infraredGrey(rgb: Rgb, matter: Matter): number {
  const luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
  if (matter === 'plant') return 0.08 + luma;
  return matter === 'cloth' ? 0.24 + 0.76 * luma : 0.08 + 0.75 * luma;
}

/** Light on a surface and its codes; results are left in the fields, so that no object is made per sample. */
export class Shader {
  readonly light: Lighting;
  r = 0;
  g = 0;
  b = 0;
  /** BT.601 limited range codes with a fraction: luma 16..235, chroma 16..240. */
  y = 16;
  u = 128;
  v = 128;

  constructor(light: Lighting) {
    this.light = light;
  }

  /**
   * Light falling on a point (metres) of a surface with unit normal n, into r, g, b: Lambert's cosine law, inverse
   * squares for lamps. `sunlit` is 0..1.
   */
  irradiance(x: number, y: number, z: number, nx: number, ny: number, nz: number, sunlit: number): void {
    const { toSun, sun, sky, lamps, infrared } = this.light;
    const facing = Math.max(0, nx * toSun[0] + ny * toSun[1] + nz * toSun[2]) * sunlit;
    const dome = 0.75 + 0.25 * ny;
    let r = sun[0] * facing + sky[0] * dome;
    let g = sun[1] * facing + sky[1] * dome;
    let b = sun[2] * facing + sky[2] * dome;
    for (const lamp of lamps) {
      const gain = falloff(lamp.x - x, lamp.y - y, lamp.z - z, nx, ny, nz, 0.25);
      r += lamp.rgb[0] * gain;
      g += lamp.rgb[1] * gain;
      b += lamp.rgb[2] * gain;
    }
    if (infrared > 0) {
      const gain = infrared * this.beam(x, y, z) * falloff(-x, MOUNT_HEIGHT - y, -z, nx, ny, nz, 0.06);
      r += gain;
      g += gain;
      b += gain;
    }
    this.r = r;
    this.g = g;
    this.b = b;
  }

  /** The infrared lamp's cone: full ahead, weaker to the sides. */
  beam(x: number, _y: number, z: number): number {
    const side = (x * x) / (x * x + z * z + 0.01);
    return Math.max(0.25, 1 - 1.3 * side);
  }

  /**
   * Codes of an actor's surface of reflectance `colour` under light 1 of the given tint, into y, u, v.
   */
  encodeSurface(colour: Rgb, red: number, green: number, blue: number): void {
    if (this.light.infrared === 0) {
      this.encode(colour[0] * red, colour[1] * green, colour[2] * blue);
      return;
    }
    const grey = infraredGrey(colour, 'cloth');
    this.encode(grey, grey, grey);
  }

  /** Linear light in r, g, b to codes in y, u, v (BT.601 limited range; gamma taken as 2, clipped at white). */
  encode(r: number, g: number, b: number): void {
    const red = Math.sqrt(Math.min(1, Math.max(0, r)));
    const green = Math.sqrt(Math.min(1, Math.max(0, g)));
    const blue = Math.sqrt(Math.min(1, Math.max(0, b)));
    this.y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue;
    this.u = 128 - 37.797 * red - 74.203 * green + 112 * blue;
    this.v = 128 + 112 * red - 93.786 * green - 18.214 * blue;
  }
}

/** Share of a lamp's light: inverse square and cosine; `spill` is what reaches a surface edge-on. */
function falloff(
  dx: number,
  dy: number,
  dz: number,
  nx: number,
  ny: number,
  nz: number,
  spill: number,
): number {
  const square = dx * dx + dy * dy + dz * dz + 0.2;
  const cosine = (dx * nx + dy * ny + dz * nz) / Math.sqrt(square);
  return (spill + (1 - spill) * Math.max(0, cosine)) / square;
}

/**
 * Light on an actor, in screen axes (x right, y down, z towards the camera): one key light from (lx, ly, lz), ambient
 * light, and the colour of their sum. Brightness of a surface = ambient·dome + key·max(0, n·l).
 */
export class ActorLight {
  lx = 0;
  ly = -1;
  lz = 0;
  key = 0;
  ambient = 0;
  red = 1;
  green = 1;
  blue = 1;

  /** Sets the light for an actor whose middle is at (x, y, z) metres. */
  set(shader: Shader, view: View, x: number, y: number, z: number): void {
    const { light } = shader;
    const horizontal = Math.hypot(x, z) || 1;
    if (light.infrared > 0) {
      // Lit from the lens: the surface towards the camera takes it all.
      shader.irradiance(x, y, z, -x / horizontal, 0, -z / horizontal, 1);
      this.#direct(view, 0, MOUNT_HEIGHT - y, -z);
      const sum = shader.g;
      this.key = sum * 0.95;
      this.ambient = sum * 0.15;
      this.red = this.green = this.blue = 1;
      return;
    }
    shader.irradiance(x, y, z, light.toSun[0], light.toSun[1], light.toSun[2], 0);
    const ambient = (shader.r + shader.g + shader.b) / 3;
    shader.irradiance(x, y, z, light.toSun[0], light.toSun[1], light.toSun[2], 1);
    const sum = (shader.r + shader.g + shader.b) / 3;
    this.#direct(view, light.toSun[0], light.toSun[1], light.toSun[2]);
    this.ambient = ambient;
    this.key = sum - ambient;
    this.red = shader.r / sum;
    this.green = shader.g / sum;
    this.blue = shader.b / sum;
    this.#addLamps(shader, view, x, y, z);
  }

  #addLamps(shader: Shader, view: View, x: number, y: number, z: number): void {
    let best = 0;
    for (const lamp of shader.light.lamps) {
      const dx = lamp.x - x;
      const dy = lamp.y - y;
      const dz = lamp.z - z;
      const gain = lamp.rgb[1] / (dx * dx + dy * dy + dz * dz + 0.2);
      if (gain <= best || gain < this.key) continue;
      best = gain;
      this.#direct(view, dx, dy, dz);
    }
    if (best === 0) return;
    const moved = Math.min(best, this.ambient * 0.6);
    this.key = Math.max(this.key, moved);
    this.ambient -= moved * 0.6;
  }

  #direct(view: View, wx: number, wy: number, wz: number): void {
    const length = Math.hypot(wx, wy, wz) || 1;
    this.lx = wx / length;
    this.ly = -(wy * view.cosPitch + wz * view.sinPitch) / length;
    this.lz = -(wz * view.cosPitch - wy * view.sinPitch) / length;
  }
}

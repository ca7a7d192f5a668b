// What befalls the light of the scene: a lamp is switched, the sun rises, a car's headlights sweep over it, the camera goes over to
// its infrared picture. Works in place on the finished planes, before the sensor adds its noise. Any thread, one at a time.
import type { Planes } from './raster.ts';

/** A lamp at the porch: how much brighter it makes everything, and what is near it. */
const LAMP_ALL = 0.3;
const LAMP_NEAR = 1.1;
const LAMP_AT = { x: 0.66, y: 0.45, reach: 0.3 };
/** Before the sun rises: light as a share of that of the day, and how red it is (codes of V). */
const DAWN_LIGHT = 0.4;
const DAWN_RED = 7;
/** A car that turns: seconds between two, seconds that its lights take from one side to the other, their light. */
const BEAM_EVERY_S = 7;
const BEAM_S = 2.4;
const BEAM_GAIN = 1.5;
const BEAM_GLARE = 46;
const BEAM_Y = 0.52;
/** The infrared filter moves: seconds of darkness, then of a picture that is far too bright. */
const FILTER_DARK_S = 0.3;
const FILTER_BRIGHT_S = 0.8;

export class LightEffects {
  /** Of a column and of a row, in 0..1: their product is a round patch of light. */
  readonly #across: Float32Array;
  readonly #down: Float32Array;
  readonly #curve = new Uint8Array(256);

  constructor(width: number, height: number) {
    this.#across = new Float32Array(width);
    this.#down = new Float32Array(height);
  }

  lamp(planes: Planes): void {
    this.#patch(LAMP_AT.x, LAMP_AT.y, LAMP_AT.reach, 1.4 * LAMP_AT.reach);
    this.#shine(planes, 1 + LAMP_ALL, LAMP_NEAR, 0);
  }

  /** `risen` from 0, before the sun, to 1, day. */
  sunrise(planes: Planes, risen: number): void {
    const light = DAWN_LIGHT + (1 - DAWN_LIGHT) * risen;
    for (let code = 0; code < 256; code += 1)
      this.#curve[code] = 16 + (Math.max(16, code) - 16) * light + 0.5;
    this.#apply(planes.y);
    // Reddest when it is just above the roofs.
    const red = Math.round(4 * DAWN_RED * risen * (1 - risen));
    const { u, v } = planes;
    for (let at = 0; at < u.length; at += 1) {
      u[at] = 128 + (u[at]! - 128) * light - red / 2;
      v[at] = 128 + (v[at]! - 128) * light + red;
    }
  }

  /** `sinceS` seconds after the first car came. */
  headlights(planes: Planes, sinceS: number): void {
    const along = (sinceS % BEAM_EVERY_S) / BEAM_S;
    if (along > 1) return;
    const fromRight = Math.floor(sinceS / BEAM_EVERY_S) % 2 === 1;
    this.#patch(fromRight ? 1.2 - 1.4 * along : 1.4 * along - 0.2, BEAM_Y, 0.16, 0.14);
    this.#shine(planes, 1, BEAM_GAIN, BEAM_GLARE);
  }

  /** `sinceS` seconds after the filter began to move; `back` to colour. */
  infrared(planes: Planes, sinceS: number, back: boolean): void {
    if (!back) this.#grey(planes);
    const light = sinceS < FILTER_DARK_S ? 0.05 : sinceS < FILTER_BRIGHT_S ? 2.1 : 1;
    if (light === 1) return;
    for (let code = 0; code < 256; code += 1) {
      this.#curve[code] = Math.min(235, 16 + (Math.max(16, code) - 16) * light + 0.5);
    }
    this.#apply(planes.y);
    // In the dark there is no colour.
    if (light < 1) for (const plane of [planes.u, planes.v]) fade(plane, light);
  }

  /** Seconds after which `infrared` has nothing more to do on the way back. */
  static readonly filterS = FILTER_BRIGHT_S;

  /** Grey, dark where the camera's lamp does not reach, flat where it does; dyes fade. */
  #grey(planes: Planes): void {
    const { y, u, v, width, height } = planes;
    this.#patch(0.5, 0.7, 0.45, 0.5);
    for (let row = 0; row < height; row += 1) {
      const down = this.#down[row]!;
      for (let at = row * width, end = at + width, x = 0; at < end; at += 1, x += 1) {
        y[at] = 16 + (y[at]! - 16) * (0.35 + 0.6 * down * this.#across[x]!) + 6;
      }
    }
    u.fill(128);
    v.fill(128);
  }

  #patch(x: number, y: number, reachX: number, reachY: number): void {
    bell(this.#across, x, reachX);
    bell(this.#down, y, reachY);
  }

  /** Multiplies luma by `all` and by 1 + `near` within the patch, and adds `glare` there; limits are those of BT.601. */
  #shine({ y, width, height }: Planes, all: number, near: number, glare: number): void {
    for (let row = 0; row < height; row += 1) {
      const down = this.#down[row]!;
      for (let at = row * width, end = at + width, x = 0; at < end; at += 1, x += 1) {
        const light = down * this.#across[x]!;
        y[at] = Math.min(235, 16 + (y[at]! - 16) * (all + near * light) + glare * light);
      }
    }
  }

  #apply(plane: Uint8Array): void {
    for (let at = 0; at < plane.length; at += 1) plane[at] = this.#curve[plane[at]!]!;
  }
}

/** Colour that is left of it. */
function fade(plane: Uint8Array, share: number): void {
  for (let at = 0; at < plane.length; at += 1) plane[at] = 128 + (plane[at]! - 128) * share;
}

/** A bell curve over a line, its middle and its reach in fractions of it. */
function bell(line: Float32Array, middle: number, reach: number): void {
  for (let i = 0; i < line.length; i += 1)
    line[i] = Math.exp(-0.5 * ((i / line.length - middle) / reach) ** 2);
}

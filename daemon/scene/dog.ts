// A dog at a walk, as tubes: trunk, neck, head with ears and snout, four jointed legs, tail, and the lead. Pure. Any
// thread, one at a time.
import { type Rgb, reflectance } from './light.ts';
import { ellipse, profile, type TubePool } from './tubes.ts';

export interface DogPose {
  /** Metres on the ground; yaw as Pose.yaw. */
  readonly x: number;
  readonly z: number;
  readonly yaw: number;
  /** Metres walked. */
  readonly walked: number;
  /** Shade of the coat, 0..1. */
  readonly coat: number;
}

const COATS = [0x3b2c22, 0x8a6238, 0xc9a877, 0x2a2726, 0xd8d0c2].map(reflectance);
const NOSE = reflectance(0x1c1817);
const TRUNK = profile(0.12, 0.145, 0.14, 0.125, 0.115, 0.12, 0.1);
const NECK = profile(0.085, 0.075, 0.07);
const HEAD = ellipse(0.085);
const SNOUT = profile(0.05, 0.042, 0.035);
const EAR = profile(0.02, 0.032, 0.026, 0.012);
const UPPER = profile(0.07, 0.05, 0.035);
const LOWER = profile(0.033, 0.026, 0.024);
const PAW = profile(0.028, 0.03);
const TAIL = profile(0.032, 0.03, 0.022, 0.014);
const TIP = profile(0.018, 0.018);

const BACK = 0.52;

/** Adds a dog (about 0.6 m at the withers, 24 tubes) to the pool. */
export function addDog(pool: TubePool, pose: DogPose): void {
  const sin = Math.sin(pose.yaw);
  const cos = Math.cos(pose.yaw);
  const coat = COATS[Math.min(COATS.length - 1, Math.floor(pose.coat * COATS.length))]!;
  const part = (
    f0: number,
    u0: number,
    r0: number,
    f1: number,
    u1: number,
    r1: number,
    outline: Float32Array,
    colour: Rgb,
    nearer: number,
  ): void => {
    const tube = pool.add(
      pose.x + f0 * sin + r0 * cos,
      u0,
      pose.z + f0 * cos - r0 * sin,
      pose.x + f1 * sin + r1 * cos,
      u1,
      pose.z + f1 * cos - r1 * sin,
      outline,
      1,
      colour,
      nearer,
    );
    tube.folds = 0.15;
    tube.fill = 0.25;
    tube.offset = Math.floor(f0 * 90) & 255;
  };
  const bob = 0.008 * Math.sin(pose.walked * 14);
  part(0.3, BACK + bob, 0, -0.3, BACK + 0.01 + bob, 0, TRUNK, coat, 0.05);
  part(0.3, BACK + 0.05, 0, 0.46, BACK + 0.2, 0, NECK, coat, 0.06);
  part(0.4, BACK + 0.25, 0, 0.6, BACK + 0.2, 0, HEAD, coat, 0.07);
  part(0.56, BACK + 0.2, 0, 0.69, BACK + 0.16, 0, SNOUT, coat, 0.08);
  part(0.7, BACK + 0.175, 0, 0.705, BACK + 0.175, 0, TIP, NOSE, 0.09);
  for (const side of [-1, 1]) {
    part(0.44, BACK + 0.3, side * 0.05, 0.42, BACK + 0.2, side * 0.09, EAR, coat, 0.08);
    part(0.57, BACK + 0.245, side * 0.045, 0.575, BACK + 0.245, side * 0.045, profileDot, NOSE, 0.1);
  }
  const wag = 0.06 * Math.sin(pose.walked * 9);
  part(-0.3, BACK + 0.06, 0, -0.52, BACK + 0.2, wag, TAIL, coat, 0.03);
  // Walk: hind left, fore left, hind right, fore right, a quarter of the cycle apart.
  const cycle = pose.walked / 0.75;
  for (let leg = 0; leg < 4; leg++) {
    const fore = leg & 1;
    const side = leg < 2 ? -1 : 1;
    const phase = cycle - leg * 0.25;
    const swing = 0.42 * Math.cos(2 * Math.PI * phase);
    const lift = Math.max(0, Math.sin(2 * Math.PI * phase)) * 0.5;
    const f = fore ? 0.24 : -0.25;
    const r = side * 0.075;
    const kneeF = f + Math.sin(swing * 0.7) * 0.24 + (fore ? -0.02 : 0.05);
    const kneeU = BACK - 0.03 - Math.cos(swing * 0.7) * 0.24;
    const pawF = kneeF + Math.sin(swing - lift) * 0.23 - (fore ? 0 : 0.04);
    const pawU = Math.max(0.03, kneeU - Math.cos(swing - lift) * 0.23);
    part(f, BACK - 0.03, r, kneeF, kneeU, r, UPPER, coat, 0.02);
    part(kneeF, kneeU, r, pawF, pawU, r, LOWER, coat, 0.02);
    part(pawF, pawU, r, pawF + 0.06, pawU - 0.005, r, PAW, coat, 0.025);
  }
}

const profileDot = profile(0.012, 0.012);

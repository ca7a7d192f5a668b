// A clothed person: puts flesh, cloth and things carried on the joints of skeleton.ts, as tubes to be painted. Pure but
// for the reused skeleton and outlines. Any thread, one at a time.
import { type Rgb, reflectance } from './light.ts';
import { PROFILE_STEPS } from './raster.ts';
import { JOINT, type Pose, Skeleton } from './skeleton.ts';
import { ellipse, profile, type TubePool } from './tubes.ts';
import type { Look } from './wardrobe.ts';

/** Body height the outlines below are drawn for. */
const HEIGHT_DRAWN = 1.75;

// Half widths in metres, from the first joint to the second; after anthropometric tables (circumference / 2π, with cloth).
const THIGH = profile(0.098, 0.096, 0.089, 0.08, 0.072);
const SHANK_TROUSERS = profile(0.07, 0.073, 0.07, 0.066, 0.068);
const SHANK_BARE = profile(0.052, 0.06, 0.054, 0.041, 0.036);
const THIGH_BARE = profile(0.086, 0.082, 0.072, 0.062, 0.054);
const SHORTS = profile(0.098, 0.1, 0.098, 0.1);
const SHOE = profile(0.042, 0.047, 0.044, 0.047, 0.036);
const UPPER_SLEEVE = profile(0.056, 0.06, 0.058, 0.054, 0.051);
const UPPER_BARE = profile(0.05, 0.05, 0.046, 0.043, 0.04);
const FORE_SLEEVE = profile(0.05, 0.048, 0.044, 0.041, 0.04);
const FORE_BARE = profile(0.041, 0.043, 0.038, 0.031, 0.027);
const HAND = profile(0.026, 0.038, 0.04, 0.032, 0.018);
const NECK = profile(0.064, 0.06, 0.06, 0.066);
const TORSO_FRONT = profile(
  0.06,
  0.115,
  0.178,
  0.186,
  0.185,
  0.178,
  0.172,
  0.168,
  0.165,
  0.165,
  0.168,
  0.173,
  0.177,
  0.18,
);
const TORSO_CHEST = profile(
  0.05,
  0.075,
  0.1,
  0.115,
  0.124,
  0.126,
  0.122,
  0.118,
  0.116,
  0.116,
  0.118,
  0.118,
  0.118,
);
const TORSO_BACK = profile(
  0.055,
  0.085,
  0.11,
  0.12,
  0.12,
  0.114,
  0.106,
  0.1,
  0.098,
  0.102,
  0.11,
  0.116,
  0.12,
);
const HIPS_FRONT = profile(0.165, 0.172, 0.178, 0.17, 0.13);
const HIPS_SIDE = profile(0.11, 0.118, 0.128, 0.12, 0.09);
const SKIRT = profile(0.15, 0.18, 0.2, 0.215, 0.23);
const SKIRT_SIDE = profile(0.115, 0.135, 0.155, 0.17, 0.185);
const COAT = profile(0.178, 0.184, 0.19, 0.196, 0.2);
const COAT_SIDE = profile(0.122, 0.13, 0.138, 0.146, 0.152);
const HEAD = ellipse(0.082);
const HEAD_SIDE = ellipse(0.1);
const HAIR = ellipse(0.094);
const HAIR_LONG = profile(0.075, 0.092, 0.096, 0.095, 0.085, 0.06);
const FACE = ellipse(0.068);
const HOOD = ellipse(0.115);
const DOT = profile(0.011, 0.011);
const BRIM = profile(0.07, 0.072, 0.06);
const NOSE = profile(0.008, 0.016, 0.013);
const BACKPACK = profile(0.1, 0.14, 0.15, 0.15, 0.13);
const SHOULDER_BAG = profile(0.09, 0.12, 0.13, 0.12);
const STRAP = profile(0.018, 0.018);
const PARCEL = profile(0.13, 0.135, 0.13);

const EYE = reflectance(0x231c18);
const LIPS = reflectance(0x8a4a40);

/** Draws people into a tube pool; holds the skeleton and the outlines that depend on the viewing angle. */
export class FigurePainter {
  readonly #skeleton = new Skeleton();
  readonly #left = new Float32Array(PROFILE_STEPS + 1);
  readonly #right = new Float32Array(PROFILE_STEPS + 1);
  readonly #torsoLeft = new Float32Array(PROFILE_STEPS + 1);
  readonly #torsoRight = new Float32Array(PROFILE_STEPS + 1);
  readonly #hips = new Float32Array(PROFILE_STEPS + 1);
  readonly #skirt = new Float32Array(PROFILE_STEPS + 1);
  #pool!: TubePool;
  #look!: Look;
  #pose!: Pose;
  #size = 1;
  /** Cosine between facing direction and the way to the camera (1 frontal), and its sine to the right of the frame. */
  #frontal = 0;
  #sideways = 0;

  /** Adds all parts of a person to the pool (up to 40 tubes). The skeleton keeps the pose for `shadow`. */
  add(pool: TubePool, look: Look, pose: Pose): void {
    this.#pool = pool;
    this.#look = look;
    this.#pose = pose;
    this.#size = look.height / HEIGHT_DRAWN;
    const distance = Math.hypot(pose.x, pose.z) || 1;
    const cx = -pose.x / distance;
    const cz = -pose.z / distance;
    this.#frontal = Math.sin(pose.yaw) * cx + Math.cos(pose.yaw) * cz;
    this.#sideways = Math.sin(pose.yaw) * -cz + Math.cos(pose.yaw) * cx;
    this.#skeleton.set(look.height, pose);
    for (let side = 0; side < 2; side++) this.#leg(side);
    this.#trunk();
    for (let side = 0; side < 2; side++) this.#arm(side);
    this.#headParts();
    this.#luggage();
  }

  /** Joints of the person added last, x, y, z metres each (see JOINT). */
  get joints(): Float64Array {
    return this.#skeleton.joints;
  }

  #limb(from: number, to: number, outline: Float32Array, girth: number, colour: Rgb, nearer: number) {
    const j = this.#skeleton.joints;
    const a = from * 3;
    const b = to * 3;
    const width = girth * this.#size;
    const tube = this.#pool.add(
      j[a]!,
      j[a + 1]!,
      j[a + 2]!,
      j[b]!,
      j[b + 1]!,
      j[b + 2]!,
      outline,
      width,
      colour,
      nearer,
    );
    tube.offset = (this.#look.offset + from * 31) & 255;
    return tube;
  }

  /** A tube between two points given in the person's axes from a joint: forward, up, right metres. */
  #piece(
    joint: number,
    forward: number,
    up: number,
    right: number,
    forward2: number,
    up2: number,
    right2: number,
    outline: Float32Array,
    colour: Rgb,
    nearer: number,
  ) {
    const j = this.#skeleton.joints;
    const sin = Math.sin(this.#pose.yaw);
    const cos = Math.cos(this.#pose.yaw);
    const s = this.#size;
    const x = j[joint * 3]!;
    const y = j[joint * 3 + 1]!;
    const z = j[joint * 3 + 2]!;
    return this.#pool.add(
      x + (forward * sin + right * cos) * s,
      y + up * s,
      z + (forward * cos - right * sin) * s,
      x + (forward2 * sin + right2 * cos) * s,
      y + up2 * s,
      z + (forward2 * cos - right2 * sin) * s,
      outline,
      s,
      colour,
      nearer,
    );
  }

  #leg(side: number): void {
    const look = this.#look;
    const girth = 0.5 + 0.5 * look.girth;
    const bare = look.legWear !== 'trousers';
    const shank = this.#limb(
      JOINT.knee + side,
      JOINT.ankle + side,
      bare ? SHANK_BARE : SHANK_TROUSERS,
      girth,
      bare ? look.skin : look.legs,
      0,
    );
    shank.folds = bare ? 0.05 : 0.22;
    const thigh = this.#limb(
      JOINT.hip + side,
      JOINT.knee + side,
      bare ? THIGH_BARE : THIGH,
      girth,
      bare ? look.skin : look.legs,
      0.01,
    );
    thigh.folds = bare ? 0.05 : 0.18;
    if (look.legWear === 'shorts') {
      const j = this.#skeleton.joints;
      const a = (JOINT.hip + side) * 3;
      const b = (JOINT.knee + side) * 3;
      const part = 0.75;
      const tube = this.#pool.add(
        j[a]!,
        j[a + 1]!,
        j[a + 2]!,
        j[a]! + (j[b]! - j[a]!) * part,
        j[a + 1]! + (j[b + 1]! - j[a + 1]!) * part,
        j[a + 2]! + (j[b + 2]! - j[a + 2]!) * part,
        SHORTS,
        girth * this.#size,
        look.legs,
        0.03,
      );
      tube.flatB = true;
      tube.folds = 0.15;
    }
    const shoe = this.#limb(JOINT.heel + side, JOINT.toe + side, SHOE, 1, look.shoes, 0.005);
    shoe.folds = 0.08;
  }

  /** Widths of the body as seen: an ellipse of half width `front` and half depth `side`, turned. */
  #turned(out: Float32Array, front: Float32Array, side: Float32Array): void {
    const f = this.#frontal ** 2;
    const s = this.#sideways ** 2;
    for (let i = 0; i <= PROFILE_STEPS; i++) out[i] = Math.sqrt(f * front[i]! ** 2 + s * side[i]! ** 2);
  }

  #trunk(): void {
    const look = this.#look;
    const skirt = look.legWear === 'skirt';
    // Facing right of the frame the chest is on the right; a tube painted downwards has its left on the frame's right.
    const chestRight = this.#sideways >= 0;
    this.#turned(this.#torsoLeft, TORSO_FRONT, chestRight ? TORSO_CHEST : TORSO_BACK);
    this.#turned(this.#torsoRight, TORSO_FRONT, chestRight ? TORSO_BACK : TORSO_CHEST);
    this.#turned(this.#hips, HIPS_FRONT, HIPS_SIDE);
    const hips = this.#piece(JOINT.pelvis, 0, 0.1, 0, 0, -0.1, 0, this.#hips, look.legs, 0.04);
    hips.girth *= look.girth;
    hips.folds = 0.12;
    if (skirt || look.coat) {
      this.#turned(this.#skirt, skirt ? SKIRT : COAT, skirt ? SKIRT_SIDE : COAT_SIDE);
      const spread = 0.92 + 0.12 * Math.abs(this.#sideways) * this.#pose.stride;
      const length = skirt ? -0.36 : -0.3;
      const colour = skirt ? look.legs : look.top;
      const tube = this.#piece(JOINT.pelvis, 0, 0.08, 0, -0.01, length, 0, this.#skirt, colour, 0.09);
      tube.girth *= look.girth * spread;
      tube.flatB = true;
      tube.folds = 0.2;
    }
    const torso = this.#limb(JOINT.neck, JOINT.pelvis, this.#torsoLeft, look.girth, look.top, 0.1);
    torso.right = this.#torsoRight;
    torso.bx += (torso.bx - torso.ax) * 0.06;
    torso.by += (torso.by - torso.ay) * 0.06;
    torso.flatB = true;
    torso.folds = 0.2;
    torso.grain = look.topPattern === 1 ? 12 : 7;
    const frontal = this.#frontal > 0.5;
    if (look.topPattern === 3) {
      if (frontal) this.#pool.tintSecond(torso, look.topSecond, 3);
    } else if (look.topPattern > 0) this.#pool.tintSecond(torso, look.topSecond, look.topPattern);
    this.#limb(JOINT.head, JOINT.neck, NECK, 0.95, look.skin, this.#frontal > 0 ? 0.08 : 0.02);
  }

  #arm(side: number): void {
    const look = this.#look;
    const girth = 0.5 + 0.5 * look.girth;
    const long = look.sleeves === 'long';
    const nearer = 0.09;
    const fore = this.#limb(
      JOINT.elbow + side,
      JOINT.wrist + side,
      long ? FORE_SLEEVE : FORE_BARE,
      girth,
      long ? look.top : look.skin,
      nearer,
    );
    fore.folds = long ? 0.2 : 0.05;
    const upper = this.#limb(
      JOINT.shoulder + side,
      JOINT.elbow + side,
      UPPER_SLEEVE,
      girth,
      look.top,
      nearer,
    );
    upper.folds = 0.18;
    if (!long) {
      const bare = this.#limb(
        JOINT.shoulder + side,
        JOINT.elbow + side,
        UPPER_BARE,
        girth,
        look.skin,
        nearer - 0.02,
      );
      bare.folds = 0.04;
      upper.flatB = true;
      upper.bx += (upper.ax - upper.bx) * 0.4;
      upper.by += (upper.ay - upper.by) * 0.4;
    }
    this.#limb(JOINT.wrist + side, JOINT.finger + side, HAND, 1, look.skin, nearer + 0.01);
  }

  #headParts(): void {
    const look = this.#look;
    const { hairStyle, skin, hair } = look;
    const side = Math.abs(this.#sideways);
    this.#turned(this.#left, HEAD, HEAD_SIDE);
    this.#piece(JOINT.head, 0.012, 0.12, 0, 0.02, -0.115, 0, this.#left, skin, 0.06);
    if (hairStyle === 'hood') {
      const hood = this.#piece(JOINT.head, -0.03, 0.145, 0, -0.03, -0.13, 0, HOOD, look.top, 0.06);
      hood.folds = 0.15;
    } else if (hairStyle !== 'bald') {
      const colour = hairStyle === 'cap' ? look.topSecond : hair;
      const crown = this.#piece(JOINT.head, -0.018, 0.137, 0, -0.03, -0.05, 0, HAIR, colour, 0.07);
      crown.folds = 0.25;
      crown.fill = 0.3;
    }
    if (hairStyle === 'long') {
      const length = this.#piece(JOINT.head, -0.045, 0.1, 0, -0.06, -0.2, 0, HAIR_LONG, hair, 0.06);
      length.folds = 0.3;
      length.fill = 0.3;
    }
    // The face lies in front of the hair when seen from the front, behind it from the back: depth decides.
    this.#turned(this.#right, FACE, FACE);
    this.#piece(JOINT.head, 0.05, 0.068, 0, 0.055, -0.12, 0, this.#right, skin, 0.09);
    if (hairStyle === 'cap') {
      this.#piece(JOINT.head, 0.05, 0.075, -0.03, 0.11, 0.06, 0.03, BRIM, look.topSecond, 0.1);
    }
    if (this.#frontal < 0.1 && side < 0.95) return;
    this.#features();
  }

  #features(): void {
    const look = this.#look;
    for (let sign = -1; sign <= 1; sign += 2) {
      this.#piece(JOINT.head, 0.112, 0.014, sign * 0.026, 0.108, 0.014, sign * 0.04, DOT, EYE, 0.14);
      this.#piece(JOINT.head, 0.112, 0.036, sign * 0.018, 0.105, 0.036, sign * 0.046, DOT, look.hair, 0.13);
    }
    this.#piece(JOINT.head, 0.118, 0.01, 0, 0.125, -0.03, 0, NOSE, look.skin, 0.14);
    this.#piece(JOINT.head, 0.108, -0.064, -0.018, 0.108, -0.064, 0.018, DOT, LIPS, 0.14);
  }

  #luggage(): void {
    const look = this.#look;
    if (look.carries === 'parcel' && this.#pose.holding) {
      const box = this.#piece(JOINT.neck, 0.3, -0.3, -0.15, 0.3, -0.3, 0.15, PARCEL, look.bag, 0.14);
      box.flatA = box.flatB = true;
      box.folds = 0.05;
    } else if (look.carries === 'backpack') {
      const pack = this.#piece(JOINT.neck, -0.17, -0.06, 0, -0.18, -0.42, 0, BACKPACK, look.bag, 0.02);
      pack.folds = 0.2;
      for (let sign = -1; sign <= 1; sign += 2) {
        if (this.#frontal < 0.2) continue;
        this.#piece(JOINT.neck, 0.11, -0.02, sign * 0.1, 0.1, -0.26, sign * 0.12, STRAP, look.bag, 0.12);
      }
    } else if (look.carries === 'bag') {
      const bag = this.#piece(JOINT.pelvis, -0.03, 0.12, 0.24, 0, -0.14, 0.25, SHOULDER_BAG, look.bag, 0.02);
      bag.folds = 0.15;
      if (this.#frontal > 0) {
        this.#piece(JOINT.neck, 0.1, -0.02, -0.08, 0.04, -0.4, 0.2, STRAP, look.bag, 0.12);
      }
    }
  }
}

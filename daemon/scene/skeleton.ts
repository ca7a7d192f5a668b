// Joints of a walking or standing person in metres: pose as a pure function of gait phase, stride and direction. Knows
// nothing of clothes or pixels. One instance is reused for everybody. Any thread.

/** Indices of joints in `Skeleton.joints` (three numbers each); left and right are the person's own. */
export const JOINT = {
  pelvis: 0,
  neck: 1,
  head: 2,
  hip: 3,
  knee: 5,
  ankle: 7,
  toe: 9,
  heel: 11,
  shoulder: 13,
  elbow: 15,
  wrist: 17,
  finger: 19,
  count: 21,
} as const;

// Lengths as fractions of body height: Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1.
const FOOT_HEIGHT = 0.039;
const SHANK = 0.246;
const THIGH = 0.245;
const TRUNK = 0.288;
const UPPER_ARM = 0.186;
const FOREARM = 0.146;
const HAND = 0.1;
const SHOULDER_HALF = 0.101;
const HIP_HALF = 0.052;
const FOOT_FRONT = 0.108;
const FOOT_BACK = 0.03;

export interface Pose {
  /** Metres on the ground. */
  readonly x: number;
  readonly z: number;
  /** Direction of walking, radians; 0 looks away from the camera, π/2 to the right. */
  readonly yaw: number;
  /** Steps of the gait cycle, 0..1 from heel strike to heel strike of the right leg. */
  readonly phase: number;
  /** 0 standing, 1 walking. */
  readonly stride: number;
  /** 0 arms swing, 1 right hand raised to a bell. */
  readonly reach: number;
  /** Both forearms held in front (a parcel). */
  readonly holding: boolean;
}

export class Skeleton {
  /** x, y, z of every joint, metres. */
  readonly joints = new Float64Array(JOINT.count * 3);
  #forwardX = 0;
  #forwardZ = 1;

  /** Puts a person of `height` metres into `pose`, the lower foot on the ground. */
  set(height: number, pose: Pose): void {
    this.#forwardX = Math.sin(pose.yaw);
    this.#forwardZ = Math.cos(pose.yaw);
    const swing = Math.cos(2 * Math.PI * pose.phase) * pose.stride;
    this.#put(JOINT.pelvis, pose.x, (FOOT_HEIGHT + SHANK + THIGH) * height, pose.z);
    this.#leg(0, height, pose, (pose.phase + 0.5) % 1, -swing);
    this.#leg(1, height, pose, pose.phase, swing);
    this.#settle();
    const lean = 0.035 * pose.stride + (pose.holding ? -0.03 : 0);
    const pelvis = JOINT.pelvis * 3;
    const trunk = TRUNK * height;
    this.#offset(JOINT.neck, pelvis, Math.sin(lean) * trunk, Math.cos(lean) * trunk, 0);
    this.#offset(JOINT.head, JOINT.neck * 3, 0.016 * height, 0.095 * height, 0);
    this.#arm(0, height, pose, swing);
    this.#arm(1, height, pose, -swing);
  }

  #leg(side: number, height: number, pose: Pose, phase: number, swing: number): void {
    const sign = side === 0 ? -1 : 1;
    this.#offset(JOINT.hip + side, 0, swing * 0.02 * height, 0, sign * HIP_HALF * height);
    const thigh = (hipFlexion(phase) * pose.stride * Math.PI) / 180;
    const knee = ((kneeFlexion(phase) * pose.stride + 3 * (1 - pose.stride)) * Math.PI) / 180;
    const shank = thigh - knee;
    const hip = (JOINT.hip + side) * 3;
    this.#offset(
      JOINT.knee + side,
      hip,
      Math.sin(thigh) * THIGH * height,
      -Math.cos(thigh) * THIGH * height,
      0,
    );
    this.#offset(
      JOINT.ankle + side,
      (JOINT.knee + side) * 3,
      Math.sin(shank) * SHANK * height,
      -Math.cos(shank) * SHANK * height,
      sign * 0.008 * height,
    );
    const pitch = ((footPitch(phase) * pose.stride) / 180) * Math.PI;
    const ankle = (JOINT.ankle + side) * 3;
    const sole = -FOOT_HEIGHT * 0.62 * height;
    const cos = Math.cos(pitch);
    const sin = Math.sin(pitch);
    const front = FOOT_FRONT * height;
    const back = FOOT_BACK * height;
    this.#offset(
      JOINT.toe + side,
      ankle,
      front * cos + sole * -sin,
      front * sin + sole * cos,
      sign * 0.02 * height,
    );
    this.#offset(JOINT.heel + side, ankle, -back * cos + sole * -sin, -back * sin + sole * cos, 0);
  }

  /** Lowers or lifts everything so that the lowest sole touches the ground. */
  #settle(): void {
    let lowest = Number.POSITIVE_INFINITY;
    for (let j = JOINT.toe; j < JOINT.heel + 2; j++) lowest = Math.min(lowest, this.joints[j * 3 + 1]!);
    const drop = lowest - 0.03;
    for (let j = 0; j < JOINT.shoulder; j++) {
      const at = j * 3 + 1;
      this.joints[at] = this.joints[at]! - drop;
    }
  }

  #arm(side: number, height: number, pose: Pose, swing: number): void {
    const sign = side === 0 ? -1 : 1;
    const neck = JOINT.neck * 3;
    this.#offset(
      JOINT.shoulder + side,
      neck,
      swing * 0.018 * height,
      -0.022 * height,
      sign * SHOULDER_HALF * height,
    );
    let upper = 0.05 + 0.36 * swing;
    let bend = 0.22 + 0.2 * Math.max(0, swing) + 0.08 * pose.stride;
    let spread = sign * 0.1;
    if (pose.holding) {
      upper = 0.28;
      bend = 1.25;
      spread = sign * 0.02;
    }
    if (side === 1 && pose.reach > 0) {
      upper += (0.85 - upper) * pose.reach;
      bend += (0.75 - bend) * pose.reach;
    }
    const lower = upper + bend;
    const shoulder = (JOINT.shoulder + side) * 3;
    const u = UPPER_ARM * height;
    this.#offset(JOINT.elbow + side, shoulder, Math.sin(upper) * u, -Math.cos(upper) * u, spread * u);
    const f = FOREARM * height;
    const inward = pose.holding ? -sign * 0.1 * f : -sign * 0.04 * f;
    const elbow = (JOINT.elbow + side) * 3;
    this.#offset(JOINT.wrist + side, elbow, Math.sin(lower) * f, -Math.cos(lower) * f, inward);
    const h = HAND * height;
    const hand = lower + 0.15;
    this.#offset(
      JOINT.finger + side,
      (JOINT.wrist + side) * 3,
      Math.sin(hand) * h,
      -Math.cos(hand) * h,
      inward * 0.3,
    );
  }

  #put(joint: number, x: number, y: number, z: number): void {
    this.joints[joint * 3] = x;
    this.joints[joint * 3 + 1] = y;
    this.joints[joint * 3 + 2] = z;
  }

  /** Joint = point at array offset `from` + forward, up, right metres in the person's axes. */
  #offset(joint: number, from: number, forward: number, up: number, right: number): void {
    const j = this.joints;
    this.#put(
      joint,
      j[from]! + forward * this.#forwardX + right * this.#forwardZ,
      j[from + 1]! + up,
      j[from + 2]! + forward * this.#forwardZ - right * this.#forwardX,
    );
  }
}

// Joint angles over the gait cycle in degrees, fitted by eye to Winter 1991 (normal walking, natural cadence).

function hipFlexion(phase: number): number {
  return 9 + 21 * Math.cos(2 * Math.PI * (phase - 0.92)) + 2 * Math.cos(4 * Math.PI * (phase - 0.1));
}

function kneeFlexion(phase: number): number {
  return 5 + 13 * bump(phase, 0.14, 0.1) + 58 * bump(phase, 0.73, 0.145);
}

/** Toes up at heel strike, heel lifted before toe off. */
function footPitch(phase: number): number {
  return 16 * bump(phase, 0.0, 0.08) - 42 * bump(phase, 0.63, 0.13) + 4 * bump(phase, 0.88, 0.1);
}

function bump(phase: number, centre: number, width: number): number {
  let d = phase - centre;
  d -= Math.round(d);
  return Math.exp(-(d * d) / (width * width));
}

// The way of one actor: a line of points with speeds and waits, answered as place, direction and distance walked at any
// time. Corners, starts and stops are smoothed by averaging over a short window. Pure, any thread.

/** Seconds to each side over which place and direction are averaged. */
const WINDOW_S = 0.35;
const TAPS = 7;

interface Leg {
  readonly startS: number;
  readonly endS: number;
  readonly x0: number;
  readonly z0: number;
  readonly x1: number;
  readonly z1: number;
  readonly yaw: number;
  /** Distance walked before this leg, metres. */
  readonly before: number;
  readonly length: number;
  readonly reach: number;
}

/** Built by `to` and `wait`, then only read. Times are seconds since the actor's start; metres; yaw as Pose.yaw. */
export class Route {
  readonly #legs: Leg[] = [];
  #x: number;
  #z: number;
  #walked = 0;
  /** Length of the whole way in seconds. */
  durationS = 0;
  /** Results of `at`. */
  x = 0;
  z = 0;
  yaw = 0;
  speed = 0;
  walked = 0;
  /** 0..1, how far a hand is raised (see Pose.reach). */
  reach = 0;

  constructor(x: number, z: number) {
    this.#x = x;
    this.#z = z;
  }

  /** Goes straight to (x, z) at `speed` metres per second. */
  to(x: number, z: number, speed: number): this {
    const length = Math.hypot(x - this.#x, z - this.#z);
    const yaw = Math.atan2(x - this.#x, z - this.#z);
    this.#add(length / speed, x, z, yaw, length, 0);
    return this;
  }

  /** Stands for `seconds` looking along `yaw`, with a hand raised when `reach` is 1. */
  wait(seconds: number, yaw: number, reach = 0): this {
    this.#add(seconds, this.#x, this.#z, yaw, 0, reach);
    return this;
  }

  #add(seconds: number, x: number, z: number, yaw: number, length: number, reach: number): void {
    this.#legs.push({
      startS: this.durationS,
      endS: this.durationS + seconds,
      x0: this.#x,
      z0: this.#z,
      x1: x,
      z1: z,
      yaw,
      before: this.#walked,
      length,
      reach,
    });
    this.durationS += seconds;
    this.#walked += length;
    this.#x = x;
    this.#z = z;
  }

  /** Place, direction, speed and distance at `s` seconds, into the fields. */
  at(s: number): void {
    let x = 0;
    let z = 0;
    let sin = 0;
    let cos = 0;
    let walked = 0;
    let reach = 0;
    let first = 0;
    let last = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const at = s + WINDOW_S * ((2 * tap) / (TAPS - 1) - 1);
      const leg = this.#legAt(at);
      const share = Math.max(0, Math.min(1, (at - leg.startS) / (leg.endS - leg.startS || 1)));
      x += leg.x0 + (leg.x1 - leg.x0) * share;
      z += leg.z0 + (leg.z1 - leg.z0) * share;
      // Slightly uneven weights, so that a half turn has a direction at its middle too.
      const weight = 1 + tap * 0.02;
      sin += Math.sin(leg.yaw) * weight;
      cos += Math.cos(leg.yaw) * weight;
      const distance = leg.before + leg.length * share;
      walked += distance;
      reach += leg.reach;
      if (tap === 0) first = distance;
      last = distance;
    }
    this.x = x / TAPS;
    this.z = z / TAPS;
    this.yaw = Math.atan2(sin, cos);
    this.walked = walked / TAPS;
    this.reach = reach / TAPS;
    this.speed = (last - first) / (2 * WINDOW_S);
  }

  #legAt(s: number): Leg {
    const legs = this.#legs;
    for (let i = 0; i < legs.length - 1; i++) if (s < legs[i]!.endS) return legs[i]!;
    return legs[legs.length - 1]!;
  }
}

// Where a box will be: a Kalman filter of constant velocity over its centre, and slow means of its width and height. Lengths
// are in heights of the frame, so that a step to the right is as long as one downwards. Pure; allocates nothing per look.
import type { Box } from './types.ts';

/**
 * How unsteady an object's speed is: variance that its velocity gains in a second, in squared sizes of the object. A person
 * (size about a metre) who may turn back within a second changes it by some 0.7 m/s.
 */
const UNSTEADY = 0.5;
/** Deviation of a detected centre from the true one, in sizes of the object; the same of its velocity when it is first seen. */
const CENTRE_NOISE = 0.06;
const SPEED_AT_FIRST = 1.5;
/** A box with a low score is this many times less certain (cf. StrongSORT, Du et al. 2023: noise by confidence). */
const LOW_SCORE_NOISE = 2;
/** Share of a new width or height that is taken over, after a second without a look entirely. */
const SIDE_GAIN = 0.4;
/** A box this near to the side of the frame is cut off by it (fraction of the frame). */
const AT_SIDE = 0.005;
/** Who is first seen at the side of the picture is coming in: this fast (sizes of the object a second). */
const COMING_IN = 1;
/** A prediction grows no more uncertain than after so many seconds. */
const AHEAD_S_MAX = 5;

/**
 * Place and velocity along one axis: the Kalman filter for continuous white-noise acceleration (Bar-Shalom, Li and
 * Kirubarajan 2001, 6.2.2), in which the interval between two looks may be any. Axes of SORT's filter (Bewley et al. 2016) do
 * not depend on each other, so that one filter of eight numbers is several of two.
 */
class Axis {
  at = 0;
  speed = 0;
  /** Results of `predict`. */
  ahead = 0;
  aheadVariance = 0;
  #atVariance = 0;
  #cross = 0;
  #speedVariance = 0;

  start(at: number, size: number): void {
    this.at = at;
    this.#atVariance = (CENTRE_NOISE * size) ** 2;
    this.#speedVariance = (SPEED_AT_FIRST * size) ** 2;
  }

  predict(s: number, size: number): void {
    this.ahead = this.at + this.speed * s;
    this.aheadVariance =
      this.#atVariance +
      2 * s * this.#cross +
      s * s * this.#speedVariance +
      (UNSTEADY * size * size * s ** 3) / 3;
  }

  /** After `predict` for the same `s`. */
  correct(measured: number, s: number, size: number, noise: number): void {
    const cross = this.#cross + s * this.#speedVariance + (UNSTEADY * size * size * s * s) / 2;
    const speedVariance = this.#speedVariance + UNSTEADY * size * size * s;
    const total = this.aheadVariance + noise * noise;
    const surprise = measured - this.ahead;
    const gain = this.aheadVariance / total;
    this.at = this.ahead + gain * surprise;
    this.speed += (cross / total) * surprise;
    this.#atVariance = (1 - gain) * this.aheadVariance;
    this.#cross = (1 - gain) * cross;
    this.#speedVariance = speedVariance - (cross * cross) / total;
  }
}

/**
 * The motion of one box. It is only moved on by boxes that were found, over however long a gap: what was guessed meanwhile
 * leaves no trace, which is what OC-SORT (Cao et al. 2023) reaches by its observation-centric re-update.
 */
export class BoxMotion {
  /** Results of `predict`: middle, width and height of the box, and how uncertain the middle is (a variance). */
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  variance = 0;
  /**
   * Geometric mean of width and height, but half of the longer side at least, of which a box cut off by the border may show
   * little: the measure of all that depends on how large an object is seen.
   */
  size = 0;
  readonly #aspect: number;
  readonly #across = new Axis();
  readonly #down = new Axis();

  /** `aspect`: width of the frame over its height. */
  constructor(box: Box, aspect: number) {
    this.#aspect = aspect;
    this.#resize(box.width * aspect, box.height);
    this.#across.start((box.x + box.width / 2) * aspect, this.size);
    this.#down.start(box.y + box.height / 2, this.size);
    const isAtLeft = box.x <= AT_SIDE;
    if (isAtLeft !== box.x + box.width >= 1 - AT_SIDE)
      this.#across.speed = isAtLeft ? COMING_IN * this.size : -COMING_IN * this.size;
    this.predict(0);
  }

  /** Velocity of the centre in fractions of the frame per second. */
  get speedX(): number {
    return this.#across.speed / this.#aspect;
  }

  get speedY(): number {
    return this.#down.speed;
  }

  /** Whether it should be outside the picture by now. */
  get isOutside(): boolean {
    return this.x < 0 || this.x > this.#aspect || this.y < 0 || this.y > 1;
  }

  /** Where it will be `seconds` after it was last found. */
  predict(seconds: number): void {
    const s = Math.min(seconds, AHEAD_S_MAX);
    this.#across.predict(s, this.size);
    this.#down.predict(s, this.size);
    this.x = this.#across.ahead;
    this.y = this.#down.ahead;
    const noise = CENTRE_NOISE * this.size;
    this.variance = (this.#across.aheadVariance + this.#down.aheadVariance) / 2 + noise * noise;
  }

  /** It was found here, `seconds` after the last time. */
  correct(box: Box, seconds: number, certain: boolean): void {
    const s = Math.min(seconds, AHEAD_S_MAX);
    this.predict(s);
    const noise = CENTRE_NOISE * this.size * (certain ? 1 : LOW_SCORE_NOISE);
    this.#across.correct((box.x + box.width / 2) * this.#aspect, s, this.size, noise);
    this.#down.correct(box.y + box.height / 2, s, this.size, noise);
    const gain = certain ? Math.min(1, SIDE_GAIN + s) : SIDE_GAIN / LOW_SCORE_NOISE;
    this.#resize(
      this.width + gain * (box.width * this.#aspect - this.width),
      this.height + gain * (box.height - this.height),
    );
    this.x = this.#across.at;
    this.y = this.#down.at;
  }

  #resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.size = Math.max(Math.sqrt(width * height), Math.max(width, height) / 2);
  }
}

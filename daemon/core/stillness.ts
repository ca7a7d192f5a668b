// Whether an object has come to rest. A box trembles while its object stands, and half of it is hidden for a moment when
// somebody passes: what is judged is a smoothed box, leaving takes longer strides than resting, and a while. Pure.

/** Seconds over which place and size are smoothed. */
const SMOOTH_S = 0.7;
/** A smoothed centre this far from where it came to rest (in sizes of the object) has moved; to leave a rest, this far. */
const STRAY = 0.25;
const STRAY_AT_REST = 0.4;
/** The same for its size, as a factor: who walks towards the camera grows. */
const GROWTH = Math.log(1.25);
const GROWTH_AT_REST = Math.log(1.5);
/**
 * Until it rests, its place follows it, as slowly as it takes to come to rest and by no more than this share a look: who
 * stops a little beyond is soon well within, and no trembling makes the wait begin anew. Its size does not: who walks slowly
 * towards the camera would never outgrow it.
 */
const FOLLOW_MAX = 0.1;
/** It must have been away for this long to have left (milliseconds), so that who passes before it does not move it; or this far. */
const LEAVE_MS = 1000;
const GONE = 0.8;

/** Of one track. Lengths are in heights of the frame. */
export class Stillness {
  /** It has not moved for `restMs`. */
  resting = false;
  #x: number;
  #y: number;
  #size: number;
  #restX = 0;
  #restY = 0;
  #restSize = 0;
  #sinceMonoMs = 0;
  #seenMonoMs: number;
  /** When it was last at its place. */
  #thereMonoMs = 0;
  /** It was not there in the look before. */
  #wasAway = false;

  constructor(x: number, y: number, size: number, monoMs: number) {
    this.#x = x;
    this.#y = y;
    this.#size = size;
    this.#seenMonoMs = monoMs;
    this.#settle(monoMs);
  }

  /** It was seen here. */
  look(x: number, y: number, size: number, monoMs: number, restMs: number): void {
    const seconds = Math.max(0, monoMs - this.#seenMonoMs) / 1000;
    this.#seenMonoMs = monoMs;
    const gain = 1 - Math.exp(-seconds / SMOOTH_S);
    this.#x += gain * (x - this.#x);
    this.#y += gain * (y - this.#y);
    this.#size += gain * (size - this.#size);
    if (!this.resting) this.#follow(Math.min(FOLLOW_MAX, (seconds * 1000) / restMs));
    const away = Math.hypot(this.#x - this.#restX, this.#y - this.#restY) / this.#restSize;
    const growth = Math.abs(Math.log(this.#size / this.#restSize));
    if (
      away <= (this.resting ? STRAY_AT_REST : STRAY) &&
      growth <= (this.resting ? GROWTH_AT_REST : GROWTH)
    ) {
      this.#thereMonoMs = monoMs;
      this.#wasAway = false;
      if (monoMs - this.#sinceMonoMs >= restMs) this.resting = true;
    } else if (this.resting && away <= GONE && !this.#wasAway && seconds * 1000 >= LEAVE_MS) {
      // Nobody looked meanwhile: half of it may be hidden in this one look. It is away from now on.
      this.#thereMonoMs = monoMs;
      this.#wasAway = true;
    } else if (!this.resting || away > GONE || monoMs - this.#thereMonoMs >= LEAVE_MS) {
      this.resting = false;
      this.#settle(monoMs);
    }
  }

  #follow(share: number): void {
    this.#restX += share * (this.#x - this.#restX);
    this.#restY += share * (this.#y - this.#restY);
  }

  #settle(monoMs: number): void {
    this.#restX = this.#x;
    this.#restY = this.#y;
    this.#restSize = this.#size;
    this.#sinceMonoMs = monoMs;
    this.#thereMonoMs = monoMs;
    this.#wasAway = false;
  }
}

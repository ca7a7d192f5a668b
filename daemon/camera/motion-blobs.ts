// Which of the pixels that differ are one thing that moves: connected components, with the boxes around them. A drop of rain is
// there for one look, a walker stays: small components have to last before they count, the longer the more of them come and go.
// Buffers made once; camera worker thread.
import type { Size } from '../core/types.ts';

/** Boxes at most, the largest. */
export const BOXES_MAX = 16;
/** Pixels of a component that counts at all, and of one that counts at once. */
const PIXELS_MIN = 3;
const PIXELS_AT_ONCE = 45;
/** Looks that a small component has to last; as many more as specks come and go, up to. */
const LASTING_LOOKS = 2;
const LASTING_LOOKS_MAX = 5;
/** Seconds over which specks are counted. */
const SPECKS_S = 5;
/** Further apart than so many pixels, two components are two things. */
const REACH = 2;
/** A box is this much larger than what differs (pixels): edges of a thing differ less than its middle. */
const BORDER = 1;
/** Looks that a pixel is remembered for. */
const AGE_MAX = 250;
/** In a second, small things move by no more than so many pixels. */
const PACE = 4;
const TRACE_MAX = 3;

export class MotionBlobs {
  /** x, y, width, height in 0..1 of the frame, the largest first. */
  readonly boxes = new Float32Array(BOXES_MAX * 4);
  count = 0;
  readonly #width: number;
  readonly #height: number;
  /** For how many looks in a row something has been at or beside each pixel, now and in the look before. */
  #ages: Uint8Array;
  #agesBefore: Uint8Array;
  readonly #near: Uint8Array;
  readonly #stack: Int32Array;
  readonly #pixels = new Int32Array(BOXES_MAX);
  /** Components that came and went, a look. */
  #specks = 0;

  constructor({ width, height }: Size) {
    this.#width = width;
    this.#height = height;
    this.#ages = new Uint8Array(width * height);
    this.#agesBefore = new Uint8Array(width * height);
    this.#near = new Uint8Array(width * height);
    this.#stack = new Int32Array(width * height);
  }

  /** Looks at what differs (0, or more), `seconds` after the last time. */
  look(different: Uint8Array, seconds: number): void {
    this.count = 0;
    this.#age(different, Math.min(TRACE_MAX, 1 + Math.floor(PACE * seconds)));
    this.#spread(different);
    // What is looked at rarely cannot last.
    const lasting =
      seconds > 1 ? 1 : Math.min(LASTING_LOOKS_MAX, LASTING_LOOKS + Math.log2(1 + this.#specks));
    let specks = 0;
    for (let at = 0; at < different.length; at += 1) {
      if (this.#near[at] === 1 && different[at]! > 0 && !this.#component(at, different, lasting)) specks += 1;
    }
    this.#specks += (specks - this.#specks) * (1 - Math.exp(-seconds / SPECKS_S));
  }

  /** Nothing has been seen before. */
  forget(): void {
    this.count = 0;
    this.#ages.fill(0);
  }

  /** Each pixel that differs is a look older than the oldest around it was. */
  #age(different: Uint8Array, trace: number): void {
    const [width, height] = [this.#width, this.#height];
    [this.#ages, this.#agesBefore] = [this.#agesBefore, this.#ages];
    const [ages, before] = [this.#ages, this.#agesBefore];
    ages.fill(0);
    for (let at = 0; at < different.length; at += 1) {
      if (different[at] === 0) continue;
      const x = at % width;
      const y = (at - x) / width;
      let oldest = 0;
      const left = Math.max(0, x - trace);
      const right = Math.min(width - 1, x + trace);
      const bottom = Math.min(height - 1, y + trace);
      for (let row = Math.max(0, y - trace); row <= bottom; row += 1) {
        for (let i = row * width + left; i <= row * width + right; i += 1) {
          const age = before[i]!;
          if (age > oldest) oldest = age;
        }
      }
      ages[at] = Math.min(AGE_MAX, oldest + 1);
    }
  }

  /** Marks what lies within reach of a pixel that differs, so that the parts of one thing are connected. */
  #spread(different: Uint8Array): void {
    const [width, height, near] = [this.#width, this.#height, this.#near];
    near.fill(0);
    for (let at = 0; at < different.length; at += 1) {
      if (different[at] === 0) continue;
      const x = at % width;
      const y = (at - x) / width;
      const left = Math.max(0, x - REACH / 2);
      const right = Math.min(width - 1, x + REACH / 2);
      const bottom = Math.min(height - 1, y + REACH / 2);
      for (let row = Math.max(0, y - REACH / 2); row <= bottom; row += 1) {
        // No `fill`: calling it takes longer than three pixels do.
        for (let i = row * width + left; i <= row * width + right; i += 1) near[i] = 1;
      }
    }
  }

  /** Takes the component at a pixel out of `#near`; false when it was a speck. */
  #component(start: number, different: Uint8Array, lasting: number): boolean {
    const [width, stack, ages] = [this.#width, this.#stack, this.#ages];
    let left = width;
    let top = this.#height;
    let right = -1;
    let bottom = -1;
    let pixels = 0;
    let oldest = 0;
    let depth = this.#visit(start, 0);
    while (depth > 0) {
      depth -= 1;
      const at = stack[depth]!;
      const x = at % width;
      const y = (at - x) / width;
      if (different[at]! > 0) {
        pixels += 1;
        if (ages[at]! > oldest) oldest = ages[at]!;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
      }
      if (x > 0) depth = this.#visit(at - 1, depth);
      if (x < width - 1) depth = this.#visit(at + 1, depth);
      if (y > 0) depth = this.#visit(at - width, depth);
      if (y < this.#height - 1) depth = this.#visit(at + width, depth);
    }
    if (pixels >= PIXELS_AT_ONCE) this.#keep(left, top, right, bottom, pixels);
    else if (oldest < lasting) return false;
    else if (pixels >= PIXELS_MIN) this.#keep(left, top, right, bottom, pixels);
    return true;
  }

  /** Puts a pixel on the stack that has not been there; returns the new depth. */
  #visit(at: number, depth: number): number {
    if (this.#near[at] !== 1) return depth;
    this.#near[at] = 2;
    this.#stack[depth] = at;
    return depth + 1;
  }

  /** Among the largest, if it is one of them. */
  #keep(left: number, top: number, right: number, bottom: number, pixels: number): void {
    let at = Math.min(this.count, BOXES_MAX - 1);
    if (this.count === BOXES_MAX && this.#pixels[at]! >= pixels) return;
    for (; at > 0 && this.#pixels[at - 1]! < pixels; at -= 1) {
      this.#pixels[at] = this.#pixels[at - 1]!;
      this.boxes.copyWithin(at * 4, (at - 1) * 4, at * 4);
    }
    if (this.count < BOXES_MAX) this.count += 1;
    const width = this.#width;
    const height = this.#height;
    const x = Math.max(0, left - BORDER);
    const y = Math.max(0, top - BORDER);
    this.#pixels[at] = pixels;
    this.boxes[at * 4] = x / width;
    this.boxes[at * 4 + 1] = y / height;
    this.boxes[at * 4 + 2] = (Math.min(width, right + 1 + BORDER) - x) / width;
    this.boxes[at * 4 + 3] = (Math.min(height, bottom + 1 + BORDER) - y) / height;
  }
}

// How much fine detail the parts of a picture have, against what they always have. Whatever passes by has detail of its own: what
// counts is the least that a part shows. Buffers made once; camera worker thread.
import type { Size } from '../core/types.ts';

const COLUMNS = 10;
const ROWS = 6;
/** A sharp edge: so many codes within so many pixels, fewer in a small frame. Every so many rows are looked at for it. */
const SHARP_CODES = 16;
const PIXELS_MAX = 4;
const PIXELS_PER_WIDTH = 1 / 160;
const ROW_STEP = 16;
/**
 * A part without so many sharp edges (share of the steps that are looked at) has nothing to be out of focus: an encoder that is short
 * of bits smooths the grain of a road. Nor has a view with fewer such parts.
 */
const DETAIL_MIN = 0.04;
const PARTS_MIN = 4;
/** Less detail than usual is believed so many times sooner than more. */
const DOWN = 4;

export class Sharpness {
  readonly #frame: Size;
  readonly #pixels: number;
  readonly #sharp = new Float32Array(COLUMNS * ROWS);
  readonly #steps = new Float32Array(COLUMNS * ROWS);
  readonly #usual = new Float32Array(COLUMNS * ROWS);

  constructor(frame: Size) {
    this.#frame = frame;
    this.#pixels = Math.max(1, Math.min(PIXELS_MAX, Math.round(frame.width * PIXELS_PER_WIDTH)));
  }

  /** Takes a frame (I420, stride = width); learn and lost are about the one taken last. */
  look(frame: Uint8Array): void {
    const { width, height } = this.#frame;
    const pixels = this.#pixels;
    this.#sharp.fill(0);
    this.#steps.fill(0);
    for (let row = ROW_STEP >> 1; row < height; row += ROW_STEP) {
      const cells = Math.floor((row * ROWS) / height) * COLUMNS;
      for (let column = 0; column < COLUMNS; column += 1) {
        const start = row * width + Math.floor((column * width) / COLUMNS);
        const end = row * width + Math.floor(((column + 1) * width) / COLUMNS) - pixels;
        let sharp = 0;
        for (let at = start; at < end; at += pixels) {
          const step = frame[at + pixels]! - frame[at]!;
          if (step > SHARP_CODES || step < -SHARP_CODES) sharp += 1;
        }
        const cell = cells + column;
        this.#sharp[cell] = this.#sharp[cell]! + sharp;
        this.#steps[cell] = this.#steps[cell]! + Math.max(0, Math.ceil((end - start) / pixels));
      }
    }
  }

  /** This is more and more what the parts usually have; `share` 1: entirely. */
  learn(share: number): void {
    const usual = this.#usual;
    for (let cell = 0; cell < usual.length; cell += 1) {
      const surplus = this.#detailOf(cell) - usual[cell]!;
      usual[cell] = usual[cell]! + surplus * (surplus < 0 ? Math.min(1, DOWN * share) : share);
    }
  }

  /** All detail that there is now, wherever it is, in terms of what there usually is. */
  get share(): number {
    let [now, usual] = [0, 0];
    for (let cell = 0; cell < this.#usual.length; cell += 1) {
      now += this.#detailOf(cell);
      usual += this.#usual[cell]!;
    }
    return usual === 0 ? 1 : now / usual;
  }

  /**
   * Of the parts that usually have detail, the share that has less than `limit` times as much now; 0 where hardly
   * any has.
   */
  lost(limit: number): number {
    let [counted, lost] = [0, 0];
    for (let cell = 0; cell < this.#usual.length; cell += 1) {
      const usual = this.#usual[cell]!;
      if (usual < DETAIL_MIN) continue;
      counted += 1;
      if (this.#detailOf(cell) < limit * usual) lost += 1;
    }
    return counted < PARTS_MIN ? 0 : lost / counted;
  }

  #detailOf(cell: number): number {
    const steps = this.#steps[cell]!;
    return steps === 0 ? 0 : this.#sharp[cell]! / steps;
  }
}

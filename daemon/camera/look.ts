// One look at a frame while it is under way: the crops of its plan, how many are sent and answered, and what was found so far.
// Made once per slot of the detector and used again and again. Camera worker thread.
import type { CropDetection } from '../core/crops.ts';
import type { Size, StageTimes } from '../core/types.ts';
import type { Frame } from './frame-pool.ts';
import { LookPlan, REGIONS_MAX } from './look-plan.ts';
import type { Region } from './preprocess.ts';

/** One request to the detector. */
export class Crop {
  readonly look: Look;
  readonly region: Region;

  constructor(look: Look, region: Region) {
    this.look = look;
    this.region = region;
  }

  /** When its frame was taken. */
  get monoMs(): number {
    return this.look.frame?.monoMs ?? 0;
  }
}

export class Look {
  readonly plan: LookPlan;
  /** Undefined: the look is free. */
  frame: Frame | undefined;
  /** What its answers told, in 0..1 of the frame. */
  readonly found: CropDetection[] = [];
  /** Nobody waits for it any more: an answer will not come, or is not wanted. */
  abandoned = false;
  readonly #crops: readonly Crop[];
  #sent = 0;
  #answered = 0;
  #preparedMonoMs = 0;
  #endMonoMs = 0;
  #inferMs = 0;

  constructor(frame: Size, input: Size) {
    this.plan = new LookPlan(frame, input);
    this.#crops = Array.from({ length: REGIONS_MAX }, (_, i) => new Crop(this, this.plan.regions[i]!));
  }

  /** After its plan was filled. */
  begin(frame: Frame): void {
    this.frame = frame;
    this.found.length = 0;
    this.abandoned = false;
    this.#sent = 0;
    this.#answered = 0;
    this.#inferMs = 0;
  }

  /** To be sent next; undefined: all are on their way. */
  get next(): Crop | undefined {
    return this.#sent < this.plan.count ? this.#crops[this.#sent] : undefined;
  }

  isFirst(crop: Crop): boolean {
    return crop === this.#crops[0];
  }

  sent(): void {
    this.#sent += 1;
  }

  /** Everything that was sent has come back, one way or the other, and nothing more will be sent. */
  get isOver(): boolean {
    return this.#answered === this.#sent && (this.abandoned || this.#sent === this.plan.count);
  }

  answered(preparedMonoMs: number, runStartMonoMs: number, runEndMonoMs: number): void {
    if (this.#answered === 0) this.#preparedMonoMs = preparedMonoMs;
    this.#answered += 1;
    this.#inferMs += runEndMonoMs - runStartMonoMs;
    this.#endMonoMs = runEndMonoMs;
  }

  lost(): void {
    this.#answered += 1;
    this.abandoned = true;
  }

  /** Of the crops together: what the detector did not work on them while it had them was waiting. */
  stages(completeMonoMs: number, nowMonoMs: number): StageTimes {
    return {
      prepareMs: this.#preparedMonoMs - completeMonoMs,
      waitMs: this.#endMonoMs - this.#preparedMonoMs - this.#inferMs,
      inferMs: this.#inferMs,
      trackMs: nowMonoMs - this.#endMonoMs,
    };
  }
}

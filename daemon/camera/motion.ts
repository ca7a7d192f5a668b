// The motion gate: whether something moves in the picture of one camera, and where. Looks at the luma plane of every frame
// (luma-plane.ts), compares it with what the picture is like while nothing moves (motion-background.ts), and puts boxes around
// what differs (motion-blobs.ts). docs/motion.md says how and why. Nothing is allocated per look; camera worker thread.
import type { CameraConfig } from '../config/types.ts';
import type { Size } from '../core/types.ts';
import { mark } from './masks.ts';
import { MotionBackground } from './motion-background.ts';
import { MotionBlobs } from './motion-blobs.ts';
import type { MotionSight } from './regions.ts';

/** Seconds that the picture is only learnt: at the start, and after its light has changed at once. */
const CALIBRATION_S = 3;
const RECALIBRATION_S = 1;
/** Of the pixels, more than this do not move at once: the light was switched, the camera turned. */
const SUDDEN_SHARE = 0.5;
/** After so long without a picture (seconds), what it was like before says nothing. */
const PAUSE_S_MAX = 30;

export interface MotionOptions {
  /** The luma plane. */
  readonly plane: Size;
  /** 0..1. */
  readonly sensitivity: number;
  /** Where motion does not count. */
  readonly masks: CameraConfig['motion']['masks'];
}

export class MotionDetector implements MotionSight {
  /** Share of the pixels that are not masked that differ from the background. */
  share = 0;
  /** How often the whole picture changed at once, so that the background was learnt anew. */
  recalibrations = 0;
  readonly #background: MotionBackground;
  readonly #blobs: MotionBlobs;
  #state: MotionSight['state'] = 'calibrating';
  #lookedMonoMs: number | undefined;
  #calibratedMonoMs = 0;

  constructor({ plane, sensitivity, masks }: MotionOptions) {
    const masked = new Uint8Array(plane.width * plane.height);
    for (const { points } of Object.values(masks)) mark(masked, points, plane.width, plane.height);
    this.#background = new MotionBackground(plane, masked, sensitivity);
    this.#blobs = new MotionBlobs(plane);
  }

  get state(): MotionSight['state'] {
    return this.#state;
  }

  /** x, y, width, height of each box in 0..1 of the frame. */
  get boxes(): Float32Array {
    return this.#blobs.boxes;
  }

  /** Boxes that are valid, the largest first. */
  get count(): number {
    return this.#blobs.count;
  }

  /** Looks at the next luma plane; frames may come at any rate. */
  look(pixels: Uint8Array, monoMs: number): void {
    const seconds = (monoMs - (this.#lookedMonoMs ?? Number.NEGATIVE_INFINITY)) / 1000;
    this.#lookedMonoMs = monoMs;
    // Also where time begins anew, as it does with a program that plays a video faster than real time and is started again.
    if (seconds < 0 || seconds > PAUSE_S_MAX) return this.#calibrate(pixels, monoMs, CALIBRATION_S);
    const background = this.#background;
    background.compare(pixels);
    this.share = background.share;
    if (background.changed > SUDDEN_SHARE && this.#state !== 'calibrating') {
      this.recalibrations += 1;
      return this.#calibrate(pixels, monoMs, RECALIBRATION_S);
    }
    const isCalibrating = monoMs < this.#calibratedMonoMs;
    background.learn(pixels, seconds, isCalibrating);
    if (isCalibrating) return;
    this.#blobs.look(background.different, seconds);
    this.#state = this.#blobs.count > 0 ? 'moving' : 'still';
  }

  #calibrate(pixels: Uint8Array, monoMs: number, seconds: number): void {
    this.#state = 'calibrating';
    this.#calibratedMonoMs = monoMs + seconds * 1000;
    this.#background.begin(pixels);
    this.#blobs.forget();
  }
}

// What is to be known of a frame before anybody looks for objects in it: whether something moves, and where. Looks at each complete
// frame of one camera, in the order in which they come, before the pipeline takes it. Camera worker thread.
import type { CameraConfig } from '../config/types.ts';
import type { Frame, FramePool } from './frame-pool.ts';
import { LumaPlane } from './luma-plane.ts';
import { MotionDetector } from './motion.ts';

export interface SightOptions {
  readonly config: Pick<CameraConfig, 'detect' | 'motion'>;
  readonly pool: FramePool;
}

export class Sight {
  /** Undefined: nobody watches for motion. */
  readonly motion: MotionDetector | undefined;
  readonly #plane: LumaPlane;
  readonly #pool: FramePool;

  constructor({ config: { detect, motion }, pool }: SightOptions) {
    this.#plane = new LumaPlane(detect);
    this.#pool = pool;
    const { enabled, sensitivity, masks } = motion;
    this.motion = enabled ? new MotionDetector({ plane: this.#plane, sensitivity, masks }) : undefined;
  }

  /** Call it for every complete frame. */
  look(): void {
    const frame = this.#pool.newest;
    if (frame !== undefined) this.#lookAt(frame);
  }

  #lookAt({ bytes, monoMs }: Frame): void {
    if (this.motion === undefined) return;
    this.#plane.shrink(bytes);
    this.motion.look(this.#plane.pixels, monoMs);
  }
}

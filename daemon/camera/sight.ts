// What is to be known of a frame before anybody looks for objects in it: whether something moves and where, and whether the camera
// shows what it should. Looks at each complete frame of one camera, in the order in which they come, before the pipeline takes it.
// Camera worker thread.
import type { CameraConfig } from '../config/types.ts';
import { SightWatch } from './blindness.ts';
import type { FramePool } from './frame-pool.ts';
import { LumaPlane } from './luma-plane.ts';
import type { SightProblem } from './messages.ts';
import { MotionDetector } from './motion.ts';

export interface SightOptions {
  readonly config: Pick<CameraConfig, 'detect' | 'motion' | 'sight' | 'source'>;
  readonly pool: FramePool;
  /** On changes: what is wrong with the picture, or undefined when nothing is any more. */
  readonly onProblem: (problem: SightProblem | undefined) => void;
}

export class Sight {
  /** Undefined: nobody watches for motion. */
  readonly motion: MotionDetector | undefined;
  readonly #options: SightOptions;
  readonly #plane: LumaPlane;
  /** Undefined: nobody minds what the camera shows. */
  readonly #watch: SightWatch | undefined;
  #told: SightProblem['fault'] | undefined;

  constructor(options: SightOptions) {
    const { detect, motion, sight, source } = options.config;
    this.#options = options;
    this.#plane = new LumaPlane(detect);
    const { enabled, sensitivity, masks } = motion;
    this.motion = enabled ? new MotionDetector({ plane: this.#plane, sensitivity, masks }) : undefined;
    const isWatched = sight.frozenS + sight.blindS + sight.movedS > 0;
    const watched = { plane: this.#plane, frame: detect, live: isLive(source), config: sight };
    this.#watch = isWatched ? new SightWatch(watched) : undefined;
  }

  /** Call it for every complete frame. */
  look(): void {
    const frame = this.#options.pool.newest;
    if (frame === undefined) return;
    const { bytes, monoMs } = frame;
    if (this.motion !== undefined || this.#watch?.isDue(monoMs) === true) this.#plane.shrink(bytes);
    this.motion?.look(this.#plane.pixels, monoMs);
    this.#watch?.look(bytes, this.#plane.pixels, monoMs);
    this.#tell();
  }

  #tell(): void {
    const watch = this.#watch;
    const fault = watch?.fault;
    if (fault === this.#told) return;
    this.#told = fault;
    this.#options.onProblem(fault === undefined ? undefined : { fault, reason: watch!.reason });
  }
}

/** What is recorded may stand still, and so may a picture that somebody puts behind a URL now and then. */
function isLive(source: CameraConfig['source']): boolean {
  const { type } = source;
  return type !== 'file' && type !== 'folder' && !(type === 'http' && source.mode === 'snapshot');
}

// Who waits for a picture of one camera's newest frame: all of them get the next one that the worker sends, or an error when
// there is none in time. Main thread.
import type { Clock, Timer } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import type { AskedPicture } from './messages.ts';

/** A frame is awaited for three times the interval between two, and at least so long. */
const TIMEOUT_MS_MIN = 2000;

export interface PictureRequestsOptions {
  readonly camera: string;
  /** Frames a second, as asked of the source. */
  readonly fps: number;
  readonly clock: Clock;
}

export class PictureRequests {
  readonly #options: PictureRequestsOptions;
  #waiting: PromiseWithResolvers<AskedPicture> | undefined;
  #timer: Timer | undefined;

  constructor(options: PictureRequestsOptions) {
    this.#options = options;
  }

  /** `post` asks the worker, unless a picture is on its way already. Rejects with CAMERA_NO_PICTURE. */
  ask(post: () => void): Promise<AskedPicture> {
    if (this.#waiting !== undefined) return this.#waiting.promise;
    const { fps, clock } = this.#options;
    const limitMs = Math.max(TIMEOUT_MS_MIN, Math.ceil(3000 / fps));
    this.#waiting = Promise.withResolvers<AskedPicture>();
    this.#timer = clock.after(limitMs, () => this.fail(`no frame came within ${limitMs} ms`));
    const { promise } = this.#waiting;
    post();
    return promise;
  }

  take(picture: AskedPicture): void {
    this.#settle()?.resolve(picture);
  }

  /** There will be no picture, and why; the reason follows the name of the camera. */
  fail(reason: string): void {
    this.#settle()?.reject(noPicture(this.#options.camera, reason));
  }

  #settle(): PromiseWithResolvers<AskedPicture> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#timer?.stop();
    return waiting;
  }
}

/** The error of a camera that has no picture to give. */
export function noPicture(camera: string, reason: string): VedetteError {
  return new VedetteError('CAMERA_NO_PICTURE', `camera '${camera}': ${reason}`, { camera });
}

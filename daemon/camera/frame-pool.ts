// The fixed buffers of one camera: one is being filled, one complete frame may wait, one may be in use. A newer frame
// replaces a waiting one and is counted: slow inference means fewer frames, never a queue. Camera worker thread.

/** One I420 frame and when its last byte arrived. Owned by the pool, lent to one holder at a time. */
export interface Frame {
  readonly bytes: Buffer;
  /** Counts from 1. */
  number: number;
  /** Wall clock and monotonic time of the picture; counted by the video where it plays faster than real time. */
  atMs: number;
  monoMs: number;
  /** Monotonic time when the last byte arrived, always real. */
  completeMonoMs: number;
}

const FRAME_COUNT = 3;

export class FramePool {
  readonly frameBytes: number;
  /** Frames replaced while they waited. */
  dropped = 0;
  #filling: Frame;
  #waiting: Frame | undefined;
  readonly #free: Frame[] = [];

  constructor(frameBytes: number) {
    this.frameBytes = frameBytes;
    for (let index = 0; index < FRAME_COUNT; index += 1) {
      this.#free.push({ bytes: Buffer.alloc(frameBytes), number: 0, atMs: 0, monoMs: 0, completeMonoMs: 0 });
    }
    this.#filling = this.#take();
  }

  /** The frame being filled; its bytes are the reader's until `complete`. */
  get filling(): Frame {
    return this.#filling;
  }

  get hasWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** The filled frame becomes the waiting one. */
  complete(): void {
    if (this.#waiting !== undefined) {
      this.dropped += 1;
      this.#free.push(this.#waiting);
    }
    this.#waiting = this.#filling;
    this.#filling = this.#take();
  }

  /** Lends out the waiting frame; it must come back by `release`. */
  take(): Frame | undefined {
    const frame = this.#waiting;
    this.#waiting = undefined;
    return frame;
  }

  release(frame: Frame): void {
    this.#free.push(frame);
  }

  #take(): Frame {
    const frame = this.#free.pop();
    // Three buffers for three places: a frame was released twice or never.
    if (frame === undefined) throw new Error('the frame pool has no free buffer');
    return frame;
  }
}

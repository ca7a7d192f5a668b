// The fixed buffers of one camera: one is being filled, one complete frame may wait, two may be lent, one for each answer
// that the detector owes. A newer frame replaces a waiting one and is counted: slow inference means fewer frames, never
// a queue. Frames are painted (privacy masks) before they wait: the pool hands out no other. Camera worker thread.
import { SLOTS_PER_CAMERA } from '../detector/wire.ts';

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

/** One being filled, one waiting, and those that are lent. */
const FRAME_COUNT = 2 + SLOTS_PER_CAMERA;

/** What is done to a complete frame before anybody sees it. */
export interface Painter {
  paint(frame: Uint8Array): void;
}

export class FramePool {
  readonly frameBytes: number;
  /** Frames replaced while they waited. */
  dropped = 0;
  #filling: Frame;
  #waiting: Frame | undefined;
  #newest: Frame | undefined;
  readonly #free: Frame[] = [];
  readonly #painter: Painter;

  constructor(frameBytes: number, painter: Painter) {
    this.frameBytes = frameBytes;
    this.#painter = painter;
    for (let index = 0; index < FRAME_COUNT; index += 1) {
      this.#free.push({ bytes: Buffer.alloc(frameBytes), number: 0, atMs: 0, monoMs: 0, completeMonoMs: 0 });
    }
    this.#filling = this.#take();
  }

  /** The frame being filled; its bytes are the reader's until `complete`, and nobody else's: they are not painted yet. */
  get filling(): Frame {
    return this.#filling;
  }

  /** To be read, not kept: `take` lends it out. */
  get waiting(): Frame | undefined {
    return this.#waiting;
  }

  get hasWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** The filled frame is painted and becomes the waiting one. */
  complete(): void {
    this.#painter.paint(this.#filling.bytes);
    if (this.#waiting !== undefined) {
      this.dropped += 1;
      this.#free.push(this.#waiting);
    }
    this.#waiting = this.#filling;
    this.#newest = this.#filling;
    this.#filling = this.#take();
  }

  /**
   * The frame completed last, painted, to be read at once and not kept: a moment later its buffer may be filled again.
   */
  get newest(): Frame | undefined {
    return this.#newest;
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
    // As many buffers as places: a frame was released twice or never.
    if (frame === undefined) throw new Error('the frame pool has no free buffer');
    return frame;
  }
}

// Clips of one camera: remembers its last seconds as small pictures while a rule wants clips, and writes the ones ordered as
// videos when their last second has come. Frames come painted (privacy masks) from the pool. Camera worker thread.
import type { FramesConfig } from '../config/types.ts';
import type { ClipOrder } from '../core/clips.ts';
import type { Snapshot } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { ClipFiles } from './clip-files.ts';
import { ClipRing, steady } from './clip-ring.ts';
import type { FramePool } from './frame-pool.ts';
import { Halver } from './halve.ts';
import { JpegEncoder } from './jpeg.ts';

/** Wider frames are remembered at half their size. */
const WIDTH_MAX = 640;
const QUALITY = 70;
/** Pictures a second, at most. */
const FPS_MAX = 10;
/** Clips whose last second has not come yet. */
const ORDERS_MAX = 32;
/** A camera that has stopped gives no frame that would say that the last second has come. */
const LATE_MS = 2000;

export interface ClipsOptions {
  readonly camera: string;
  readonly detect: FramesConfig;
  readonly dataDir: string;
  /** Nothing is written while the disk has less room than this (megabytes). */
  readonly reserveMb: number;
  readonly pool: FramePool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The file is durable. */
  readonly onClip: (clip: Snapshot) => void;
}

export class Clips {
  readonly #options: ClipsOptions;
  readonly #ring = new ClipRing();
  readonly #files: ClipFiles;
  readonly #stepMs: number;
  readonly #orders = new Map<ClipOrder, Timer>();
  /** Made when the first picture is. */
  #halver: Halver | undefined;
  #encoder: JpegEncoder | undefined;

  constructor(options: ClipsOptions) {
    this.#options = options;
    this.#files = new ClipFiles(options);
    this.#stepMs = 1000 / Math.min(FPS_MAX, options.detect.fps);
  }

  /** How many seconds are remembered from now on; 0: nothing, at no cost. */
  remember(seconds: number): void {
    this.#ring.spanMs = seconds === 0 ? 0 : seconds * 1000 + LATE_MS;
  }

  /** Call after every completed frame, when everybody else had it. */
  look(): void {
    const frame = this.#options.pool.newest;
    if (this.#ring.spanMs === 0 || frame === undefined) return;
    const { monoMs } = frame;
    const sinceMs = monoMs - (this.#ring.newestMonoMs ?? Number.NEGATIVE_INFINITY);
    // A camera that is faster than it was told; frames that come a little early are taken.
    if (sinceMs < 0 || sinceMs >= this.#stepMs * 0.75)
      this.#ring.add({ monoMs, jpeg: this.#small(frame.bytes) });
    for (const order of this.#orders.keys()) if (order.toMonoMs <= monoMs) this.#due(order);
  }

  /** Ends as a file and `onClip`, or in the log. */
  order(order: ClipOrder): void {
    if (this.#orders.size >= ORDERS_MAX) return this.#files.lose(`${ORDERS_MAX} are waiting already`);
    const leftMs = order.toMonoMs - (this.#ring.newestMonoMs ?? order.toMonoMs);
    const timer = this.#options.clock.after(Math.max(0, leftMs) + LATE_MS, () => this.#due(order));
    this.#orders.set(order, timer);
  }

  /** What is not written is lost. */
  async close(): Promise<void> {
    for (const timer of this.#orders.values()) timer.stop();
    this.#orders.clear();
    await this.#files.close();
  }

  #due(order: ClipOrder): void {
    this.#orders.get(order)?.stop();
    this.#orders.delete(order);
    const pictures = this.#ring.between(order.fromMonoMs, order.toMonoMs);
    // A camera that has been away all the time: there is nothing to show.
    if (pictures.length === 0) return;
    this.#files.write({ order, pictures: steady(pictures, this.#stepMs), fps: 1000 / this.#stepMs });
  }

  #small(frame: Uint8Array): Uint8Array {
    const { detect } = this.#options;
    if (detect.width > WIDTH_MAX) this.#halver ??= new Halver(detect);
    this.#encoder ??= new JpegEncoder(this.#halver?.size ?? detect, QUALITY);
    return this.#encoder.encode(this.#halver?.halve(frame) ?? frame);
  }
}

// Judges the stream of one camera program while it runs: no frame for too long, more frames than a camera can send, frame
// boundaries lost. Told of every chunk, frame and tick; owns no timer and no pixel. Camera worker thread.
import { VedetteError } from '../platform/errors.ts';
import { FrameAlignment } from './frame-alignment.ts';

export interface StreamWatchOptions {
  readonly camera: string;
  /** Name of the program in messages. */
  readonly title: string;
  readonly frameBytes: number;
  /** The rate asked of the source, frames a second. */
  readonly fps: number;
  readonly stallMs: number;
  /** It delivers at the pace of time. A source that waits for its reader can only stall. */
  readonly live: boolean;
  /** A flood is a flood after this long. */
  readonly floodMs: number;
}

/** More frames a second than this, and than four times the asked rate, are a flood: no camera here sends so many. */
const FLOOD_FPS_MIN = 100;
const FLOOD_RATE = 4;
/** Reading is rationed in windows of this length, so that a flood costs no more than frames at its limit. */
const WINDOW_MS = 250;
/** A window that ended later than this says nothing about the program: this thread was busy. */
const WINDOW_MS_MAX = 375;
/**
 * Silence of half a frame interval is a pause, but not less than this: shorter ones are the scheduler's. Above some 15
 * frames a second there are none, and frame boundaries are not judged.
 */
const PAUSE_MS_MIN = 50;
/** A pause is this many ticks in a row without a byte. A busy thread has no ticks, and reads between two of them. */
const SILENT_TICKS = 4;
/** No more of the time between two ticks counts as the program's: the rest is this thread's own business. */
const LATE_TICKS_MAX = 2;

export class StreamWatch {
  /** How often `tick` wants to be called, milliseconds. */
  readonly tickMs: number;
  readonly #options: StreamWatchOptions;
  readonly #alignment: FrameAlignment;
  readonly #framesPerWindow: number;
  #lastFrameMonoMs: number;
  #tickMonoMs: number;
  #waitedMs = 0;
  #silentTicks = 0;
  #windowMonoMs: number;
  #windowFrames = 0;
  #fullWindows = 0;

  constructor(options: StreamWatchOptions, monoMs: number) {
    this.#options = options;
    this.#alignment = new FrameAlignment(options.frameBytes);
    this.#framesPerWindow = Math.ceil((this.#floodFps * WINDOW_MS) / 1000);
    this.#lastFrameMonoMs = monoMs;
    this.#tickMonoMs = monoMs;
    this.#windowMonoMs = monoMs;
    const pauseMs = Math.max(500 / options.fps, PAUSE_MS_MIN);
    const shortestMs = options.live ? Math.min(options.stallMs, pauseMs) : options.stallMs;
    this.tickMs = Math.min(shortestMs / SILENT_TICKS, WINDOW_MS);
  }

  arrived(bytes: number): void {
    this.#silentTicks = 0;
    this.#alignment.arrived(bytes);
  }

  /** A frame is whole. False: the program has had its share, read on after the next tick. */
  frame(monoMs: number): boolean {
    this.#lastFrameMonoMs = monoMs;
    this.#waitedMs = 0;
    this.#windowFrames += 1;
    return !this.#isRationed;
  }

  /** The reader waited for its own side and goes on: that was no stall. */
  resumed(monoMs: number): void {
    this.#lastFrameMonoMs = monoMs;
    this.#waitedMs = 0;
  }

  /** What is wrong with the stream by now; `partialBytes` of a frame have come. */
  tick(monoMs: number, partialBytes: number): VedetteError | undefined {
    return this.#stall(monoMs) ?? (this.#options.live ? this.#judgeLive(monoMs, partialBytes) : undefined);
  }

  get #floodFps(): number {
    return Math.max(FLOOD_FPS_MIN, FLOOD_RATE * this.#options.fps);
  }

  get #isRationed(): boolean {
    return this.#options.live && this.#windowFrames >= this.#framesPerWindow;
  }

  #stall(monoMs: number): VedetteError | undefined {
    const { camera, title, stallMs } = this.#options;
    this.#waitedMs += Math.min(monoMs - this.#tickMonoMs, LATE_TICKS_MAX * this.tickMs);
    this.#tickMonoMs = monoMs;
    if (this.#waitedMs <= stallMs) return undefined;
    const ageMs = Math.round(monoMs - this.#lastFrameMonoMs);
    const text = `camera '${camera}': no frame for ${ageMs} ms (limit ${stallMs}); restarting ${title}`;
    return new VedetteError('CAMERA_STALLED', text, { camera, ageMs, stallMs });
  }

  #judgeLive(monoMs: number, partialBytes: number): VedetteError | undefined {
    this.#silentTicks = this.#isRationed ? 0 : this.#silentTicks + 1;
    const flood = this.#flood(monoMs);
    if (flood !== undefined) return flood;
    if (this.#silentTicks !== SILENT_TICKS || !this.#alignment.paused(partialBytes)) return undefined;
    const { camera, title, frameBytes } = this.#options;
    const { burstBytes } = this.#alignment;
    const what =
      burstBytes === frameBytes
        ? 'frames are out of step, bytes were lost'
        : `frames of ${burstBytes} bytes come instead of ${frameBytes} (has their size changed?)`;
    const text = `camera '${camera}': ${what}; restarting ${title}`;
    return new VedetteError('CAMERA_MISALIGNED', text, { camera, burstBytes, frameBytes });
  }

  #flood(monoMs: number): VedetteError | undefined {
    const windowMs = monoMs - this.#windowMonoMs;
    if (windowMs < WINDOW_MS) return undefined;
    const full = this.#isRationed && windowMs <= WINDOW_MS_MAX;
    this.#fullWindows = full ? this.#fullWindows + 1 : 0;
    this.#windowMonoMs = monoMs;
    this.#windowFrames = 0;
    const { camera, title, fps, floodMs } = this.#options;
    if (this.#fullWindows * WINDOW_MS < floodMs) return undefined;
    const text = `camera '${camera}': more than ${this.#floodFps} frames a second for ${floodMs} ms (asked for ${fps}); restarting ${title}`;
    return new VedetteError('CAMERA_FLOOD', text, { camera, framesPerS: this.#floodFps, fps, floodMs });
  }
}

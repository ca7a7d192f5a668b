// Keeps one camera program running: starts it, reads its frames into the pool, watches for a stall, starts it again
// with growing, jittered delays. Its standard error is kept in a ring and shown only when it dies. Camera worker thread.
import { join } from 'node:path';
import { Backoff } from '../platform/backoff.ts';
import { Child, type ChildExit } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { FramePool } from './frame-pool.ts';
import { FifoReader, FrameSplitter, openFifo } from './frame-reader.ts';
import type { SourceProgram } from './source.ts';

export interface CameraProgramOptions {
  readonly camera: string;
  /** Called for every start, so that a program installed meanwhile is found. */
  readonly source: () => SourceProgram;
  readonly pool: FramePool;
  readonly runtimeDir: string;
  readonly stallMs: number;
  readonly clock: Clock;
  /** A frame is waiting in the pool. */
  readonly onFrame: () => void;
  /** It delivers again, or it does not and why. Called on changes only. */
  readonly onOnline: () => void;
  readonly onOffline: (error: VedetteError) => void;
}

const BACKOFF = { minMs: 500, maxMs: 30_000 };
/** A program that ran this long starts the delays from the beginning. */
const STEADY_MS = 10_000;
/** Time between TERM and KILL; a daemon stops within two seconds. */
const GRACE_MS = 700;
/** What is left in the pipe of a dead program is read for at most this long (a lossless source: until it is read). */
const LEFTOVERS_MS = 1000;
const STALL_CHECKS = 4;

export class CameraProgram {
  /** Frames received since the daemon's start. */
  framesTotal = 0;
  restarts = 0;
  readonly #options: CameraProgramOptions;
  readonly #backoff = new Backoff(BACKOFF);
  #source: SourceProgram | undefined;
  #reader: FifoReader | undefined;
  #paused = false;
  #online = false;
  #lastFrameMonoMs = 0;
  #runs = 0;
  /** Time of frame 0 where the video counts time. */
  #videoStart = { atMs: 0, monoMs: 0, frame: 0 };

  constructor(options: CameraProgramOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts or a finite source is over (then resolves with 'ended'). Never rejects. */
  async run(signal: AbortSignal): Promise<'ended' | 'stopped'> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.monoMs();
      const outcome = await this.#runOnce(signal).catch((error: unknown) => this.#asCameraError(error));
      if (signal.aborted) break;
      if (outcome === 'ended') {
        this.#goOffline(
          new VedetteError(
            'CAMERA_SOURCE_ENDED',
            `camera '${this.#options.camera}': the source is over, played once`,
          ),
        );
        return 'ended';
      }
      this.#goOffline(outcome);
      if (clock.monoMs() - startedMs > STEADY_MS) this.#backoff.reset();
      await clock.sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
      this.restarts += 1;
    }
    return 'stopped';
  }

  /** The pool has room again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastFrameMonoMs = this.#options.clock.monoMs();
    this.#reader?.resume();
  }

  /** One life of the program: 'ended' when a finite source is over, else why it is gone. */
  async #runOnce(signal: AbortSignal): Promise<'ended' | VedetteError> {
    const { pool, clock, runtimeDir, camera } = this.#options;
    const source = this.#options.source();
    this.#source = source;
    this.#runs += 1;
    const fifo = openFifo(join(runtimeDir, `${camera}-${this.#runs}.fifo`));
    const splitter = new FrameSplitter(pool, () => this.#frameDone());
    const reader = new FifoReader(fifo.readFd, splitter, pool.frameBytes);
    const child = new Child({
      command: source.command,
      args: source.args,
      stdio: ['ignore', fifo.writeFd, 'pipe'],
      clock,
    });
    fifo.closeWriter();
    this.#reader = reader;
    this.#paused = false;
    this.#lastFrameMonoMs = clock.monoMs();
    this.#videoStart = { atMs: clock.nowMs(), monoMs: clock.monoMs(), frame: this.framesTotal };
    let stalledMs: number | undefined;
    const watch = clock.every(this.#options.stallMs / STALL_CHECKS, () => {
      const ageMs = clock.monoMs() - this.#lastFrameMonoMs;
      if (this.#paused || stalledMs !== undefined || ageMs <= this.#options.stallMs) return;
      stalledMs = ageMs;
      void child.stop(GRACE_MS);
    });
    const stop = (): void => void child.stop(GRACE_MS);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const exit = await child.exited;
      await this.#readLeftovers(reader, source.lossless && !signal.aborted);
      if (stalledMs !== undefined) return this.#stalled(source, stalledMs);
      if (source.finite && exit.code === 0) return 'ended';
      return this.#exited(child, exit, splitter.partialBytes);
    } finally {
      signal.removeEventListener('abort', stop);
      watch.stop();
      reader.destroy();
      this.#reader = undefined;
    }
  }

  async #readLeftovers(reader: FifoReader, wait: boolean): Promise<void> {
    if (wait) return reader.ended;
    const timer = new AbortController();
    const late = this.#options.clock.sleep(LEFTOVERS_MS, timer.signal).catch(() => undefined);
    await Promise.race([reader.ended, late]);
    timer.abort();
  }

  #frameDone(): void {
    const { pool, clock, onFrame } = this.#options;
    const nowMs = clock.monoMs();
    this.framesTotal += 1;
    this.#lastFrameMonoMs = nowMs;
    const frame = pool.filling;
    const intervalMs = this.#source?.frameIntervalMs;
    const videoMs = intervalMs === undefined ? 0 : (this.framesTotal - this.#videoStart.frame) * intervalMs;
    frame.number = this.framesTotal;
    frame.completeMonoMs = nowMs;
    frame.monoMs = intervalMs === undefined ? nowMs : this.#videoStart.monoMs + videoMs;
    frame.atMs = intervalMs === undefined ? clock.nowMs() : this.#videoStart.atMs + videoMs;
    pool.complete();
    if (!this.#online) {
      this.#online = true;
      this.#options.onOnline();
    }
    onFrame();
    if (this.#source?.lossless === true && pool.hasWaiting) {
      this.#paused = true;
      this.#reader?.pause();
    }
  }

  #goOffline(error: VedetteError): void {
    this.#online = false;
    this.#options.onOffline(error);
  }

  #stalled(source: SourceProgram, ageMs: number): VedetteError {
    const { camera, stallMs } = this.#options;
    return new VedetteError(
      'CAMERA_STALLED',
      `camera '${camera}': no frame for ${Math.round(ageMs)} ms (limit ${stallMs}); restarting ${source.title}`,
      { camera, ageMs: Math.round(ageMs), stallMs },
    );
  }

  #exited(child: Child, exit: ChildExit, partialBytes: number): VedetteError {
    const { camera } = this.#options;
    const half = partialBytes > 0 ? ` (in the middle of a frame, ${partialBytes} bytes dropped)` : '';
    return new VedetteError(
      'CAMERA_EXITED',
      `camera '${camera}': ${child.describe(exit)}${half}; restarting`,
      {
        camera,
        code: exit.code,
        signal: exit.signal,
        stderr: child.stderr,
      },
    );
  }

  #asCameraError(error: unknown): VedetteError {
    if (error instanceof VedetteError) return error;
    const { camera } = this.#options;
    return new VedetteError(
      'CAMERA_EXITED',
      `camera '${camera}': ${reasonOf(error)}; trying again`,
      { camera },
      error,
    );
  }
}

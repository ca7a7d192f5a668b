// Keeps one camera supplied: asks the source's plan for a program, runs it, starts the next one with growing, jittered
// delays, and tells whether the camera delivers or why not. Stamps the frames. One life of a program is
// running-program.ts. Camera worker thread.
import { join } from 'node:path';
import { Backoff, type BackoffOptions } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { FramePool } from './frame-pool.ts';
import { chunkBuffer } from './frame-reader.ts';
import { RunningProgram } from './running-program.ts';
import type { SourcePlan, SourceProgram } from './source.ts';

export interface CameraProgramOptions {
  readonly camera: string;
  readonly plan: SourcePlan;
  readonly pool: FramePool;
  readonly runtimeDir: string;
  /** The rate asked of the source, frames a second. */
  readonly fps: number;
  readonly stallMs: number;
  /** Number of the last frame of a worker before this one; absent: there was none. */
  readonly lastFrame?: number;
  readonly clock: Clock;
  /** A frame is waiting in the pool. */
  readonly onFrame: () => void;
  /** It delivers again, or it does not and why. Called on changes only. */
  readonly onOnline: () => void;
  readonly onOffline: (error: VedetteError) => void;
  readonly timing?: ProgramTiming;
}

export interface ProgramTiming {
  /** Pauses between two lives. */
  readonly backoff: BackoffOptions;
  /** A program that delivered for this long starts the pauses from the beginning. */
  readonly steadyMs: number;
  /** Time between TERM and KILL; a daemon stops within two seconds. */
  readonly graceMs: number;
  /** More frames than a camera can send for this long are a flood. */
  readonly floodMs: number;
}

const TIMING: ProgramTiming = {
  backoff: { minMs: 500, maxMs: 30_000 },
  steadyMs: 10_000,
  graceMs: 700,
  floodMs: 3000,
};

/** The source's own words: the program was given nothing, its decoder has not failed. */
const SOURCE_FAILURES: ReadonlySet<string> = new Set(['CAMERA_UNREACHABLE', 'CAMERA_REFUSED']);

type Outcome = 'ended' | VedetteError;

export class CameraProgram {
  /** Frames received since the daemon's start. */
  framesTotal: number;
  restarts = 0;
  readonly #options: CameraProgramOptions;
  readonly #timing: ProgramTiming;
  readonly #backoff: Backoff;
  readonly #chunk: Buffer;
  #running: RunningProgram | undefined;
  #online = false;
  /** The error told last, since it was online. */
  #told: VedetteError | undefined;
  #runs = 0;
  /** From the start of the last program to its last frame. */
  #deliveredMs = 0;
  /** When the last program was started: time of frame 0 where the video counts time. */
  #videoStart = { atMs: 0, monoMs: 0, frame: 0 };

  constructor(options: CameraProgramOptions) {
    this.#options = options;
    this.framesTotal = options.lastFrame ?? 0;
    this.#timing = options.timing ?? TIMING;
    this.#backoff = new Backoff(this.#timing.backoff);
    this.#chunk = chunkBuffer(options.pool.frameBytes);
  }

  /** Runs until the signal aborts or a finite source is over (then resolves with 'ended'). Never rejects. */
  async run(signal: AbortSignal): Promise<'ended' | 'stopped'> {
    const { clock, camera } = this.#options;
    while (!signal.aborted) {
      const outcome = await this.#runOnce(signal).catch((error: unknown) => this.#asCameraError(error));
      if (signal.aborted) break;
      if (outcome === 'ended') {
        this.#goOffline(
          new VedetteError('CAMERA_SOURCE_ENDED', `camera '${camera}': the source is over, played once`),
        );
        return 'ended';
      }
      this.#goOffline(outcome);
      // Frames of the wrong size take long to notice and look like frames until then.
      const isSteady = this.#deliveredMs > this.#timing.steadyMs && outcome.code !== 'CAMERA_MISALIGNED';
      if (isSteady) this.#backoff.reset();
      await clock.sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
      this.restarts += 1;
    }
    return 'stopped';
  }

  /** The pool has room again. */
  resume(): void {
    this.#running?.resume();
  }

  /** Rejects when there is no program to start. */
  async #runOnce(signal: AbortSignal): Promise<Outcome> {
    const { plan } = this.#options;
    this.#deliveredMs = 0;
    const source = await unlessAborted(plan.next(), signal);
    const running = this.#make(source, signal);
    this.#running = running;
    const outcome = await running.run(signal).catch((error: unknown) => this.#asCameraError(error));
    this.#running = undefined;
    const wasFed = outcome === 'ended' || running.frames > 0 || !SOURCE_FAILURES.has(outcome.code);
    if (!signal.aborted && wasFed) {
      const reason = outcome === 'ended' ? 'the source is over' : outcome.message;
      plan.ended({ frames: running.frames, reason });
    }
    return outcome;
  }

  #make(source: SourceProgram, signal: AbortSignal): RunningProgram {
    const { camera, pool, runtimeDir, fps, stallMs, clock } = this.#options;
    const { graceMs, floodMs } = this.#timing;
    this.#runs += 1;
    this.#videoStart = { atMs: clock.nowMs(), monoMs: clock.monoMs(), frame: this.framesTotal };
    return new RunningProgram({
      camera,
      source,
      pool,
      chunk: this.#chunk,
      fifoPath: join(runtimeDir, `${camera}-${this.#runs}.fifo`),
      fps,
      stallMs,
      floodMs,
      graceMs,
      clock,
      onFrame: () => this.#frameDone(source.frameIntervalMs),
      onGivenUp: (error) => {
        if (!signal.aborted) this.#goOffline(error);
      },
    });
  }

  #frameDone(intervalMs: number | undefined): void {
    const { pool, clock, onFrame } = this.#options;
    const nowMs = clock.monoMs();
    this.framesTotal += 1;
    this.#deliveredMs = nowMs - this.#videoStart.monoMs;
    const frame = pool.filling;
    const videoMs = intervalMs === undefined ? 0 : (this.framesTotal - this.#videoStart.frame) * intervalMs;
    frame.number = this.framesTotal;
    frame.completeMonoMs = nowMs;
    frame.monoMs = intervalMs === undefined ? nowMs : this.#videoStart.monoMs + videoMs;
    frame.atMs = intervalMs === undefined ? clock.nowMs() : Math.round(this.#videoStart.atMs + videoMs);
    pool.complete();
    if (!this.#online) {
      this.#online = true;
      this.#told = undefined;
      this.#options.onOnline();
    }
    onFrame();
  }

  /** Told when a program is given up, and not again when it is gone. */
  #goOffline(error: VedetteError): void {
    this.#online = false;
    if (error === this.#told) return;
    this.#told = error;
    this.#options.onOffline(error);
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

/** The value; rejects when the signal aborts first: nobody waits for a source that is being looked for. */
async function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: done.signal });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    done.abort();
  }
}

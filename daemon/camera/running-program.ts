// One life of a camera program, from its start to its end: reads its frames into the pool, feeds it, gives it up when its
// stream is no good, and leaves nothing behind, whatever happened. Says why it is over; who starts the next one is
// program.ts. Camera worker thread.
import { closeSync } from 'node:fs';
import { Child, type ChildExit, requireDescriptors } from '../platform/child.ts';
import { childEnvironment } from '../platform/child-environment.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { FramePool } from './frame-pool.ts';
import { limitRange } from './frame-range.ts';
import { FifoReader, FrameSplitter, openFifo } from './frame-reader.ts';
import type { SourceProgram } from './source.ts';
import { StreamWatch } from './stream-watch.ts';

export interface RunningProgramOptions {
  readonly camera: string;
  readonly source: SourceProgram;
  readonly pool: FramePool;
  /** From `chunkBuffer`; used by one program at a time. */
  readonly chunk: Buffer;
  /** Path that nothing else uses; nothing is left there. */
  readonly fifoPath: string;
  /** The rate asked of the source, frames a second. */
  readonly fps: number;
  readonly stallMs: number;
  readonly floodMs: number;
  /** Time between TERM and KILL. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** `pool.filling` is whole: to be stamped and completed. */
  readonly onFrame: () => void;
  /** Called when it is given up, before it is gone: a program that hangs in a driver does not go, even by KILL. */
  readonly onGivenUp: (error: VedetteError) => void;
}

/** What is left in the pipes of a dead program is read for at most this long (a lossless source: until it is read). */
const LEFTOVERS_MS = 1000;

export class RunningProgram {
  /** Whole frames it delivered. */
  frames = 0;
  readonly #options: RunningProgramOptions;
  readonly #splitter: FrameSplitter;
  /** Aborted when the program has ended. */
  readonly #gone = new AbortController();
  #reader: FifoReader | undefined;
  readonly #watch: StreamWatch;
  /** Why nothing is read: no room in the pool, or the program has had its share of this moment. */
  #waiting: 'room' | 'tick' | undefined;
  #givenUp: VedetteError | undefined;

  constructor(options: RunningProgramOptions) {
    this.#options = options;
    this.#splitter = new FrameSplitter(options.pool, () => this.#frameDone());
    const { camera, source, pool, fps, stallMs, floodMs, clock } = options;
    const watched = { camera, title: source.title, frameBytes: pool.frameBytes, fps, stallMs, floodMs };
    this.#watch = new StreamWatch({ ...watched, live: !source.lossless }, clock.monoMs());
  }

  /** Resolves when the program is gone: 'ended' when a finite source is over, else why. Rejects if it cannot be started. */
  async run(signal: AbortSignal): Promise<'ended' | VedetteError> {
    const { source, clock, graceMs } = this.#options;
    using end = new DisposableStack();
    end.defer(() => this.#reader?.destroy());
    const child = this.#start();
    end.defer(() => child.closePipes());
    const timer = clock.every(this.#watch.tickMs, () => this.#tick(child));
    end.defer(() => timer.stop());
    const stop = (): void => {
      void child.stop(graceMs);
      if (!child.running) this.#reader?.destroy();
    };
    signal.addEventListener('abort', stop);
    end.defer(() => signal.removeEventListener('abort', stop));
    void this.#feed(child);
    const exit = await child.exited;
    this.#gone.abort();
    if (!signal.aborted) await this.#readLeftovers(child);
    if (this.#givenUp !== undefined) return this.#givenUp;
    if (source.finite && exit.code === 0) return 'ended';
    return this.#exited(child, exit);
  }

  /** The pool has room again. */
  resume(): void {
    if (this.#waiting === 'room') this.#readOn();
  }

  #start(): Child {
    const { source, chunk, fifoPath, clock } = this.#options;
    const fifo = openFifo(fifoPath);
    try {
      this.#reader = new FifoReader(fifo.readFd, chunk, (bytes) => {
        this.#watch.arrived(bytes);
        this.#splitter.push(chunk, bytes);
      });
      const { command, args } = source;
      requireDescriptors();
      return new Child({
        command,
        args,
        stdio: [source.feed === undefined ? 'ignore' : 'pipe', fifo.writeFd, 'pipe'],
        env: childEnvironment(source.env),
        clock,
      });
    } finally {
      closeSync(fifo.writeFd);
    }
  }

  async #feed(child: Child): Promise<void> {
    const { feed } = this.#options.source;
    const input = child.process.stdin;
    if (feed === undefined || input === null || input === undefined) return;
    // What is wrong with the pipe (EPIPE) is known better by the program's exit.
    input.on('error', () => undefined);
    try {
      await feed(input, this.#gone.signal);
      input.end();
    } catch (error) {
      if (this.#gone.signal.aborted || isHangUp(error)) return;
      this.#giveUp(child, this.#asCameraError(error));
    }
  }

  #tick(child: Child): void {
    if (this.#waiting === 'room') return;
    const error = this.#watch.tick(this.#options.clock.monoMs(), this.#splitter.partialBytes);
    if (error !== undefined) this.#giveUp(child, error);
    else if (this.#waiting === 'tick') this.#readOn();
  }

  #readOn(): void {
    this.#waiting = undefined;
    this.#watch.resumed(this.#options.clock.monoMs());
    this.#reader?.resume();
  }

  #giveUp(child: Child, error: VedetteError): void {
    if (this.#givenUp !== undefined) return;
    this.#givenUp = error;
    this.#reader?.destroy();
    this.#options.onGivenUp(error);
    void child.stop(this.#options.graceMs);
  }

  async #readLeftovers(child: Child): Promise<void> {
    const { source, clock } = this.#options;
    if (source.lossless) await this.#reader?.ended;
    const timer = new AbortController();
    const late = clock.sleep(LEFTOVERS_MS, timer.signal).catch(() => undefined);
    await Promise.race([Promise.all([this.#reader?.ended, child.closed]), late]);
    timer.abort();
  }

  #frameDone(): void {
    const { pool, clock, source, onFrame } = this.#options;
    this.frames += 1;
    const mayReadOn = this.#watch.frame(clock.monoMs());
    if (source.fullRange === true) limitRange(pool.filling.bytes);
    onFrame();
    if (source.lossless && pool.hasWaiting) this.#waiting = 'room';
    else if (!mayReadOn) this.#waiting = 'tick';
    if (this.#waiting !== undefined) this.#reader?.pause();
  }

  #exited(child: Child, exit: ChildExit): VedetteError {
    const { camera, source } = this.#options;
    const { partialBytes } = this.#splitter;
    const shown = source.redact ?? ((text) => text);
    const half = partialBytes > 0 ? ` (in the middle of a frame, ${partialBytes} bytes dropped)` : '';
    return new VedetteError(
      'CAMERA_EXITED',
      `camera '${camera}': ${shown(child.describe(exit))}${half}; restarting`,
      {
        camera,
        code: exit.code,
        signal: exit.signal,
        stderr: shown(child.stderr),
      },
    );
  }

  #asCameraError(error: unknown): VedetteError {
    if (error instanceof VedetteError) return error;
    const { camera } = this.#options;
    return new VedetteError(
      'CAMERA_EXITED',
      `camera '${camera}': ${reasonOf(error)}; restarting`,
      { camera },
      error,
    );
  }
}

/** The program closed its input: it is about to end and says itself why. */
function isHangUp(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code);
}

// The scene as a camera program: renders frame after frame, hands each to a writer and waits until the writer has taken
// it, in real time or as fast as the reader takes. Ends quietly when the reader goes away. Runs in the process of
// `vedette scene`.
import type { Writable } from 'node:stream';
import type { Clock } from '../platform/clock.ts';
import type { SceneOptions } from './options.ts';
import { Scene } from './scene.ts';
import { type TruthFrame, truthLine } from './truth.ts';

export interface RunOptions extends Partial<SceneOptions> {
  /** Frames to write; 0 for no end. */
  readonly frames: number;
  /** `realtime`: frame n no earlier than n / fps after the first; `fast`: when the last one has been taken. */
  readonly pace: 'realtime' | 'fast';
}

export interface RunContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /**
   * Takes one frame (width·height·3/2 bytes, I420; the buffer is used again after the promise resolves) and its truth.
   * The next frame is rendered only then: this is the back-pressure. May reject with EPIPE.
   */
  readonly write: (frame: Uint8Array, truth: TruthFrame) => Promise<void>;
}

/**
 * Runs a scene until its frames are written, the signal aborts or the reader is gone (EPIPE); all three resolve.
 * A reader slower than real time makes later frames late, never dropped: frame numbers stay without gaps.
 * @throws VedetteError SCENE_OPTIONS for a value out of range; what `write` throws, EPIPE apart.
 */
export async function runScene(options: RunOptions, context: RunContext): Promise<void> {
  const { frames, pace, ...sceneOptions } = options;
  const { clock, signal, write } = context;
  const scene = new Scene(sceneOptions);
  const periodMs = 1000 / scene.options.fps;
  let startMs = clock.monoMs();
  try {
    for (let n = 0; (frames === 0 || n < frames) && !signal.aborted; n++) {
      const truth = scene.render(n);
      if (pace === 'realtime') {
        const waitMs = startMs + n * periodMs - clock.monoMs();
        if (waitMs > 0) await clock.sleep(waitMs, signal);
        // After a stall go on at the usual rate instead of catching up in a burst.
        else if (waitMs < -periodMs) startMs = clock.monoMs() - n * periodMs;
      }
      await write(scene.frame, truth);
    }
  } catch (error) {
    if (signal.aborted || isReaderGone(error)) return;
    throw error;
  }
}

/**
 * A writer for runScene over streams: a frame is taken when `video` has handed all of it to its descriptor. A reader
 * that leaves the truth stream is forgiven, its lines are dropped from then on. Rejects with the signal's reason when it
 * aborts while a reader keeps us waiting.
 */
export function streamWriter(
  video: Writable,
  truth: Writable | undefined,
  signal: AbortSignal,
): RunContext['write'] {
  let truthOpen = truth !== undefined;
  truth?.on('error', () => {
    truthOpen = false;
  });
  // The callback of write() reports the error; without a listener it would be thrown as well.
  video.on('error', () => {});
  return async (frame, frameTruth) => {
    if (truth && truthOpen) {
      await handOver(truth, truthLine(frameTruth), signal).catch((error: unknown) => {
        if (!isReaderGone(error)) throw error;
      });
    }
    await handOver(video, frame, signal);
  };
}

/** Resolves when the stream's descriptor has taken the whole chunk. */
function handOver(stream: Writable, chunk: Uint8Array | string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    stream.write(chunk, (error) => {
      signal.removeEventListener('abort', stop);
      if (error) reject(error);
      else resolve();
    });
  });
}

function isReaderGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ECONNRESET';
}

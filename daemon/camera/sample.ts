// Frames of one camera spread over time, through its own program: with motion often, without rarely. For commands that need
// pictures of what the camera sees. Main thread: nothing is detected in them, privacy masks are painted.
import type { CameraConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { FramePool } from './frame-pool.ts';
import { LumaPlane } from './luma-plane.ts';
import { MaskPainter } from './masks.ts';
import { MotionDetector } from './motion.ts';
import { CameraProgram } from './program.ts';
import { frameBytesOf, sourcePlan } from './source.ts';

export interface SampleOptions {
  readonly camera: string;
  readonly config: CameraConfig;
  /** A folder of this process alone. */
  readonly runtimeDir: string;
  readonly clock: Clock;
  /** Seconds from one frame to the next while something moves. */
  readonly everyS: number;
  /** Takes a frame, I420, valid during the call; false when no more are wanted. */
  readonly take: (frame: Uint8Array) => boolean;
}

/** Where nothing moves a frame is worth taking this much more rarely. */
const STILL_FACTOR = 4;
/** A camera that brings nothing for so long is given up. */
const PATIENCE_MS = 120_000;

/**
 * Resolves when no more are wanted or the source is over. A recording is played as fast as it can be, once, and its own time counts.
 * Rejects with what the camera says when it brings nothing, and with the signal's reason.
 */
export async function sampleCamera(options: SampleOptions, signal: AbortSignal): Promise<void> {
  const { camera, runtimeDir, clock, take } = options;
  const config = playedOnce(options.config);
  const done = new AbortController();
  const pool = new FramePool(frameBytesOf(config.detect), new MaskPainter(config.detect, config.masks));
  const isDue = dueFrames(config, options.everyS);
  let failure: VedetteError | undefined;
  let heardMonoMs = clock.monoMs();
  const program = new CameraProgram({
    camera,
    plan: sourcePlan(config),
    pool,
    runtimeDir,
    fps: config.detect.fps,
    stallMs: config.stallMs,
    clock,
    onFrame: () => {
      heardMonoMs = clock.monoMs();
      const frame = pool.take();
      if (frame !== undefined) {
        if (!done.signal.aborted && isDue(frame.bytes, frame.monoMs) && !take(frame.bytes)) done.abort();
        pool.release(frame);
      }
      program.resume();
    },
    onOnline: () => {
      failure = undefined;
    },
    onOffline: (error) => {
      failure = error;
    },
  });
  const watch = clock.every(1000, () => {
    if (clock.monoMs() - heardMonoMs < PATIENCE_MS) return;
    failure ??= new VedetteError(
      'CAMERA_STALLED',
      `camera '${camera}': no frame for ${PATIENCE_MS / 1000} s`,
    );
    done.abort();
  });
  const outcome = await program.run(AbortSignal.any([signal, done.signal]));
  watch.stop();
  signal.throwIfAborted();
  if (outcome !== 'ended' && failure !== undefined) throw failure;
}

function playedOnce(config: CameraConfig): CameraConfig {
  const { source } = config;
  if (source.type !== 'file' && source.type !== 'folder') return config;
  return { ...config, source: { ...source, pace: 'fast', loop: false } };
}

/** Whether a frame is to be taken; asked about every one. */
function dueFrames(
  { detect, motion }: CameraConfig,
  everyS: number,
): (frame: Uint8Array, monoMs: number) => boolean {
  const plane = new LumaPlane(detect);
  const gate = new MotionDetector({ plane, sensitivity: motion.sensitivity, masks: motion.masks });
  let takenMonoMs = Number.NEGATIVE_INFINITY;
  return (frame, monoMs) => {
    plane.shrink(frame);
    gate.look(plane.pixels, monoMs);
    const pauseS = gate.state === 'moving' ? everyS : everyS * STILL_FACTOR;
    if (monoMs - takenMonoMs < pauseS * 1000) return false;
    takenMonoMs = monoMs;
    return true;
  };
}

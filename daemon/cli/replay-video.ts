// The second pass of `vedette replay --draw`: the same frames of the video once more, masked as the camera masks them, drawn
// on and encoded. Main thread of the command.
import { MaskPainter } from '../camera/masks.ts';
import { drawOverlay } from '../camera/overlay.ts';
import { RgbPicture } from '../camera/rgb.ts';
import { frameBytesOf, sourcePlan } from '../camera/source.ts';
import { VideoWriter } from '../camera/video-writer.ts';
import type { Config } from '../config/types.ts';
import { Child } from '../platform/child.ts';
import { childEnvironment } from '../platform/child-environment.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { Progress } from './progress.ts';
import type { Recording } from './replay-recording.ts';
import { replayedCamera } from './replay-run.ts';

export interface DrawOptions {
  readonly recording: Recording;
  readonly config: Config;
  readonly camera: string;
  /** Absolute path. */
  readonly video: string;
  readonly output: string;
  /** How many the first pass has seen, for the progress. */
  readonly frames: number;
  readonly clock: Clock;
}

const GRACE_MS = 500;

/** @throws VedetteError EXPORT_FAILED or REPLAY_FAILED; then nothing is left at `output`. Rejects with the signal's reason. */
export async function drawVideo(options: DrawOptions, signal: AbortSignal): Promise<void> {
  const { recording, config, camera, video, output, frames, clock } = options;
  const seen = replayedCamera(config.cameras[camera]!, video);
  const { width, height, fps } = seen.detect;
  const painter = new MaskPainter(seen.detect, seen.masks);
  const picture = new RgbPicture(seen.detect);
  const size = ['-s', `${width}x${height}`, '-framerate', String(fps)];
  await using ends = new AsyncDisposableStack();
  const writer = await VideoWriter.start({
    input: ['-f', 'rawvideo', '-pix_fmt', 'rgb0', ...size],
    output,
    clock,
  });
  ends.defer(() => writer.abandon());
  const { command, args } = await sourcePlan(seen, { clock }).next();
  const reader = new Child({
    command,
    args,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment(),
    clock,
  });
  ends.defer(async () => void (await reader.stop(GRACE_MS)));
  const progress = new Progress({ what: 'frames drawn', always: false, clock });
  let number = 0;
  for await (const frame of framesOf(reader, frameBytesOf(seen.detect))) {
    signal.throwIfAborted();
    number += 1;
    painter.paint(frame);
    const canvas = picture.of(frame);
    const overlay = recording.overlayOf(number);
    if (overlay !== undefined) drawOverlay(canvas, overlay);
    await writer.write(picture.bytes);
    progress.at(number, frames);
  }
  const exit = await reader.exited;
  if (exit.code !== 0) throw new VedetteError('REPLAY_FAILED', `'${video}': ${reader.describe(exit)}`);
  await writer.finish();
}

/** Whole frames, in one buffer that is used again. */
async function* framesOf({ process: { stdout } }: Child, bytes: number): AsyncGenerator<Buffer> {
  const frame = Buffer.allocUnsafe(bytes);
  let filled = 0;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; ) {
      const count = chunk.copy(frame, filled, at);
      at += count;
      filled += count;
      if (filled < bytes) continue;
      filled = 0;
      yield frame;
    }
  }
}

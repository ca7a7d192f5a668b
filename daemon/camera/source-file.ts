// The source `file`: a recording through ffmpeg, in real time or as fast as the detector works.
import type { CameraConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import { askProgram } from './ask-program.ts';
import { DecoderChoice } from './decoder-choice.ts';
import type { CameraSource, SourceProgram } from './source.ts';
import { ffmpegArgs, recordedPace } from './source-ffmpeg.ts';

type Detect = CameraConfig['detect'];

const PROBE_MS = 5000;

export function filePlan(source: SourceOf<'file'>, detect: Detect): CameraSource {
  // The file: protocol keeps a path that looks like an option or a URL from being taken for one.
  const url = `file:${source.path}`;
  const decoders = new DecoderChoice({ wish: source.decoder, detect, codec: () => codecOf(['-i', url]) });
  return {
    async next() {
      const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
      const decoding = await decoders.next(ffmpeg);
      const input = [...(source.loop ? ['-stream_loop', '-1'] : []), '-i', url];
      const args = ffmpegArgs({ decoding, input, pace: recordedPace(detect, source.pace), detect });
      return recorded(source, detect, { command: ffmpeg, args: ['-nostdin', ...args] });
    },
    ended: (life) => decoders.ended(life),
    decoder: () => decoders.state(),
  };
}

/** ffmpeg's name of the codec of the first video stream, e.g. 'h264'; undefined when ffprobe does not know. */
export async function codecOf(input: readonly string[], script?: string): Promise<string | undefined> {
  const show = ['-select_streams', 'v:0', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0'];
  const { ok, stdout } = await askProgram({
    command: 'ffprobe',
    args: ['-v', 'error', ...show, ...input],
    timeoutMs: PROBE_MS,
    ...(script === undefined ? {} : { input: script }),
  });
  const codec = /^[a-z0-9_]+/.exec(stdout)?.[0];
  return ok ? codec : undefined;
}

/** What both kinds of recordings have in common. */
export function recorded(
  { pace, loop }: SourceOf<'file' | 'folder'>,
  { fps }: Detect,
  program: { command: string; args: readonly string[] },
): SourceProgram {
  const fast = pace === 'fast';
  return {
    title: 'ffmpeg',
    ...program,
    lossless: fast,
    frameIntervalMs: fast ? 1000 / fps : undefined,
    finite: !loop,
  };
}

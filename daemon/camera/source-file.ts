// The source `file`: a recording through ffmpeg, in real time or as fast as the detector works.
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import { DecoderChoice, type ProbeDecoders } from './decoder-choice.ts';
import { codecOf } from './decoders.ts';
import type { CameraSource, SourceProgram } from './source.ts';
import { ffmpegArgs, recordedPace } from './source-ffmpeg.ts';

type Detect = FramesConfig;

export function filePlan(source: SourceOf<'file'>, detect: Detect, probe: ProbeDecoders): CameraSource {
  // The file: protocol keeps a path that looks like an option or a URL from being taken for one.
  const url = `file:${source.path}`;
  const decoders = new DecoderChoice({
    wish: source.decoder,
    probe,
    detect,
    codec: () => codecOf(['-i', url]),
  });
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

// The sources `file` and `folder`: recordings through ffmpeg, in real time or as fast as the detector works.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { CameraConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { askProgram } from './ask-program.ts';
import { DecoderChoice } from './decoder-choice.ts';
import { SOFTWARE } from './decoders.ts';
import { PICTURE_BYTES_MAX, PICTURES_INPUT, roomIn, writePicture } from './image-feed.ts';
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

/** JPEG goes in parts of known length, PNG as it is: the parser of ffmpeg finds its end. */
const KINDS = {
  JPEG: { name: /\.jpe?g$/i, input: PICTURES_INPUT, write: writePicture },
  PNG: {
    name: /\.png$/i,
    input: ['-f', 'image2pipe', '-c:v', 'png', '-i', 'pipe:0'],
    write: (input: Writable, png: Uint8Array) => void input.write(png),
  },
} as const;

type Kind = (typeof KINDS)[keyof typeof KINDS];

export async function folderProgram(source: SourceOf<'folder'>, detect: Detect): Promise<SourceProgram> {
  const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
  const { kind } = await picturesIn(source.path);
  const { early, ...pace } = recordedPace(detect, source.pace);
  const stamps = `setpts=N/(${source.fps ?? detect.fps}*TB)`;
  const args = ffmpegArgs({
    decoding: SOFTWARE,
    input: kind.input,
    // A time base fine enough for any rate.
    pace: { ...pace, early: ['settb=1/90000', stamps, ...early] },
    detect,
  });
  return {
    ...recorded(source, detect, { command: ffmpeg, args }),
    feed: async (input, signal) => {
      do await feedFolder(source.path, input, signal);
      while (source.loop && !signal.aborted);
    },
  };
}

async function feedFolder(path: string, input: Writable, signal: AbortSignal): Promise<void> {
  const { kind, names } = await picturesIn(path);
  for (const name of names) {
    if (signal.aborted) return;
    const file = join(path, name);
    if ((await stat(file)).size > PICTURE_BYTES_MAX) {
      throw unusable(`${file} is larger than ${PICTURE_BYTES_MAX} bytes`);
    }
    kind.write(input, await readFile(file));
    await roomIn(input, signal);
  }
}

/** Names in order, 2 before 10. Read again for every round, so that pictures may come and go. */
async function picturesIn(path: string): Promise<{ kind: Kind; names: readonly string[] }> {
  let all: string[];
  try {
    all = await readdir(path);
  } catch (error) {
    throw unusable(`folder ${path} cannot be read (${reasonOf(error)})`, error);
  }
  const present = Object.entries(KINDS).flatMap(([title, kind]) => {
    const names = all.filter((name) => kind.name.test(name)).sort(ORDER.compare);
    return names.length === 0 ? [] : [{ title, kind, names }];
  });
  const [first, second] = present;
  if (first === undefined) throw unusable(`folder ${path} holds no .jpg and no .png`);
  if (second === undefined) return first;
  throw unusable(
    `folder ${path} holds JPEG (${first.names.length}) and PNG (${second.names.length}); keep one kind`,
  );
}

const ORDER = new Intl.Collator('en', { numeric: true });

function unusable(message: string, cause?: unknown): VedetteError {
  return new VedetteError('CAMERA_SOURCE_UNUSABLE', message, {}, cause);
}

function recorded(
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

// The source `folder`: pictures in the order of their names, through ffmpeg's standard input, in real time or as fast as
// the detector works. What keeps the time is the feed and no filter of ffmpeg: those begin again, and lose a frame, whenever
// a picture has another size.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { SOFTWARE } from './decoders.ts';
import { JPEG_INPUT, PICTURE_BYTES_MAX, PNG_INPUT, roomIn, writePicture } from './image-feed.ts';
import type { SourceProgram } from './source.ts';
import { FED, ffmpegArgs } from './source-ffmpeg.ts';
import { recorded } from './source-file.ts';

const KINDS = {
  JPEG: { name: /\.jpe?g$/i, input: JPEG_INPUT },
  PNG: { name: /\.png$/i, input: PNG_INPUT },
} as const;

type Kind = (typeof KINDS)[keyof typeof KINDS];

export async function folderProgram(
  source: SourceOf<'folder'>,
  detect: FramesConfig,
  clock: Clock,
): Promise<SourceProgram> {
  const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
  const { kind } = await picturesIn(source.path);
  const args = ffmpegArgs({ decoding: SOFTWARE, input: kind.input, pace: FED, detect });
  return {
    ...recorded(source, detect, { command: ffmpeg, args }),
    feed: (input, signal) => feedFolder({ source, fps: detect.fps, clock }, input, signal),
  };
}

interface Playing {
  readonly source: SourceOf<'folder'>;
  /** Frames per second that go out; pictures are repeated or left out. */
  readonly fps: number;
  readonly clock: Clock;
}

async function feedFolder(
  { source, fps, clock }: Playing,
  input: Writable,
  signal: AbortSignal,
): Promise<void> {
  const startMs = clock.monoMs();
  const framesPerPicture = fps / (source.fps ?? fps);
  let frame = 0;
  let picture = 0;
  do {
    const { names } = await picturesIn(source.path);
    let goneCount = 0;
    for (const name of names) {
      picture += 1;
      const until = Math.round(picture * framesPerPicture);
      if (frame === until) continue;
      const bytes = await pictureBytes(join(source.path, name));
      // Deleted since the folder was read, a link to nothing, or not yet written.
      if (bytes === undefined) {
        goneCount += 1;
        continue;
      }
      for (; frame < until; frame += 1) {
        const earlyMs = startMs + (frame * 1000) / fps - clock.monoMs();
        if (source.pace === 'realtime' && earlyMs > 0) await clock.sleep(earlyMs, signal);
        signal.throwIfAborted();
        writePicture(input, bytes);
        await roomIn(input, signal);
      }
    }
    // Else nothing would hold the next round back.
    if (goneCount === names.length) {
      throw unusable(`folder ${source.path} holds only pictures that are gone or empty`);
    }
  } while (source.loop);
}

/** Undefined when it is gone, or empty: a part without bytes would hold back those behind it. */
async function pictureBytes(path: string): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(path);
    if (size > PICTURE_BYTES_MAX) throw unusable(`${path} has ${size} bytes (limit ${PICTURE_BYTES_MAX})`);
    const bytes = await readFile(path);
    return bytes.length === 0 ? undefined : bytes;
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(`${path} cannot be read (${reasonOf(error)})`, error);
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

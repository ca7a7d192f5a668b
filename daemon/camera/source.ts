// Which program delivers a camera's frames, as an argument array (no shell is ever given a string). Pure but for
// looking programs up. The contract of every camera program: raw I420, BT.601 limited range, on standard output.
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { CameraConfig, FileSourceConfig, SceneSourceConfig } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';

export interface SourceProgram {
  /** Short name for log lines. */
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Every frame is processed: reading waits for the detector. Else a newer frame replaces a waiting one. */
  readonly lossless: boolean;
  /** Set where time is counted by the video instead of the clock: milliseconds from frame to frame. */
  readonly frameIntervalMs: number | undefined;
  /** Exit code 0 means that the source is over, not that it broke. */
  readonly finite: boolean;
  /** Further environment of the program (secrets that must not stand in an argument). */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Writes what the program reads on its standard input, until done or aborted (the program has ended). A rejection is
   * why the program gets no more: its message is told instead of the program's last words.
   */
  readonly feed?: (input: Writable, signal: AbortSignal) => Promise<void>;
}

/** How one life of a camera program went. */
export interface ProgramLife {
  /** Complete frames it delivered. */
  readonly frames: number;
  /** Why it is over. */
  readonly reason: string;
}

/** The programs to run for one camera, one after the other: asked for every start, told of every end. */
export interface SourcePlan {
  /** Throws CAMERA_PROGRAM_MISSING and the like; asked again later. */
  next(): SourceProgram | Promise<SourceProgram>;
  /** Not called for a stop that was asked for. */
  ended(life: ProgramLife): void;
}

/** Bytes of one I420 frame. */
export function frameBytesOf({ width, height }: CameraConfig['detect']): number {
  return (width * height * 3) / 2;
}

/** The same program every time. */
export function sourcePlan(config: CameraConfig): SourcePlan {
  return { next: () => sourceProgram(config), ended: () => undefined };
}

/** The program of a source. Throws CAMERA_PROGRAM_MISSING when it is not installed. */
export function sourceProgram(config: CameraConfig): SourceProgram {
  switch (config.source.type) {
    case 'scene':
      return sceneProgram(config.source, config.detect);
    case 'file':
      return fileProgram(config.source, config.detect, requireProgram('ffmpeg', 'ffmpeg'));
  }
}

function sceneProgram(
  source: SceneSourceConfig,
  { width, height, fps }: CameraConfig['detect'],
): SourceProgram {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const options = { width, height, fps, seed: source.seed, time: source.time, pace: 'realtime' };
  const args = [
    main,
    'scene',
    ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]),
  ];
  for (const key of ['noise', 'leaves'] as const) if (!source[key]) args.push(`--no-${key}`);
  for (const key of ['flicker', 'rain'] as const) if (source[key]) args.push(`--${key}`);
  return {
    title: 'scene',
    command: process.execPath,
    args,
    lossless: false,
    frameIntervalMs: undefined,
    finite: false,
  };
}

/** ffmpeg decodes, drops or repeats frames to the asked rate, scales, and converts to limited-range BT.601. */
export function fileProgram(
  source: FileSourceConfig,
  { width, height, fps }: CameraConfig['detect'],
  ffmpeg: string,
): SourceProgram {
  const fast = source.pace === 'fast';
  // The filter `realtime` and not the option -re: that one counts from timestamp 0 and lets a video whose timestamps begin
  // later (a cut from a recorder: 17.8 s in one of our test clips) rush through its first seconds.
  const pace = fast ? '' : ',realtime';
  const filter = `fps=${fps}${pace},scale=${width}:${height}:flags=area:out_range=tv:out_color_matrix=bt601,format=yuv420p`;
  const args = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-threads', '1'];
  if (source.loop) args.push('-stream_loop', '-1');
  // The file: protocol keeps a path that looks like an option or a URL from being taken for one.
  args.push('-i', `file:${source.path}`, '-map', '0:v:0', '-vf', filter, '-f', 'rawvideo', 'pipe:1');
  return {
    title: 'ffmpeg',
    command: ffmpeg,
    args,
    lossless: fast,
    frameIntervalMs: fast ? 1000 / fps : undefined,
    finite: !source.loop,
  };
}

// Which program delivers a camera's frames, as an argument array (no shell is ever given a string); each kind of source
// has a file of its own. The contract of every camera program: raw I420, BT.601 limited range, on standard output.
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { CameraConfig, FramesConfig, SourceOf } from '../config/types.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { DecoderState, ProbeDecoders } from './decoder-choice.ts';
import { probeDecoders } from './decoders.ts';
import { argusProgram } from './source-argus.ts';
import { commandProgram } from './source-command.ts';
import { filePlan } from './source-file.ts';
import { folderProgram } from './source-folder.ts';
import { httpPlan } from './source-http.ts';
import { libcameraProgram } from './source-libcamera.ts';
import { rtspPlan } from './source-rtsp.ts';
import { v4l2Plan } from './source-v4l2.ts';

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
  /** It delivers full range (0 to 255) and has no way not to: limitRange is for whoever reads its frames. */
  readonly fullRange?: boolean;
  /** Takes out of its last words what must not be shown, beside user and password in a URL. */
  readonly redact?: (text: string) => string;
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
  /** Not called for a stop that was asked for, nor for a life in which the source itself had nothing to give. */
  ended(life: ProgramLife): void;
}

export interface CameraSource extends SourcePlan {
  /** The decoder in use and why not another; undefined where nothing is to be decoded. */
  decoder(): DecoderState | undefined;
}

/** Bytes of one I420 frame. */
export function frameBytesOf({ width, height }: FramesConfig): number {
  return (width * height * 3) / 2;
}

export interface SourceOptions {
  readonly clock?: Clock;
  readonly probe?: ProbeDecoders;
}

/** The programs of a camera's source. Starts nothing. */
export function sourcePlan(
  { source, detect }: CameraConfig,
  { clock = systemClock, probe = probeDecoders }: SourceOptions = {},
): CameraSource {
  switch (source.type) {
    case 'scene':
      return always(() => sceneProgram(source, detect));
    case 'file':
      return filePlan(source, detect, probe);
    case 'folder':
      return always(() => folderProgram(source, detect, clock));
    case 'libcamera':
      return always(() => libcameraProgram(source, detect));
    case 'v4l2':
      return v4l2Plan(source, detect, probe);
    case 'argus':
      return always(() => argusProgram(source, detect));
    case 'rtsp':
      return rtspPlan(source, detect, probe);
    case 'http':
      return httpPlan(source, detect, { clock, probe });
    case 'command':
      return always(() => commandProgram(source, detect));
  }
}

/** The same program every time. */
function always(next: SourcePlan['next']): CameraSource {
  return { next, ended: () => undefined, decoder: () => undefined };
}

function sceneProgram(source: SourceOf<'scene'>, { width, height, fps }: FramesConfig): SourceProgram {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const options = {
    width,
    height,
    fps,
    seed: source.seed,
    time: source.time,
    lens: source.lens,
    pace: 'realtime',
  };
  const args = [
    main,
    'scene',
    ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]),
  ];
  for (const key of ['noise', 'leaves'] as const) if (!source[key]) args.push(`--no-${key}`);
  for (const key of ['flicker', 'rain'] as const) if (source[key]) args.push(`--${key}`);
  for (const happening of source.happenings) args.push('--happening', happening);
  const cache = process.env['NODE_COMPILE_CACHE'];
  return {
    title: 'scene',
    command: process.execPath,
    args,
    ...(cache === undefined ? {} : { env: { NODE_COMPILE_CACHE: cache } }),
    lossless: false,
    frameIntervalMs: undefined,
    finite: false,
  };
}

// The source `v4l2`: USB cameras and other Video4Linux devices, through ffmpeg.
import { existsSync } from 'node:fs';
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { askProgram } from '../platform/ask-program.ts';
import { requireProgram } from '../platform/child.ts';
import { VedetteError } from '../platform/errors.ts';
import { DecoderChoice, type ProbeDecoders } from './decoder-choice.ts';
import { SOFTWARE } from './decoders.ts';
import type { CameraSource } from './source.ts';
import { ffmpegArgs, livePace } from './source-ffmpeg.ts';

/** A pixel format that a device offers. */
export interface V4l2Format {
  /** ffmpeg's name, e.g. 'mjpeg' or 'yuyv422'. */
  readonly name: string;
  /** As the driver tells them, e.g. ['640x480', '1280x720']. */
  readonly sizes: readonly string[];
}

const LIST_MS = 5000;
const NAMES = { mjpeg: 'mjpeg', yuyv: 'yuyv422' } as const;

export function v4l2Plan(source: SourceOf<'v4l2'>, detect: FramesConfig, probe: ProbeDecoders): CameraSource {
  const decoders = new DecoderChoice({ wish: source.decoder, probe, detect, codec: async () => 'mjpeg' });
  return {
    async next() {
      const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
      const format = await chosenFormat(source, ffmpeg);
      const decoding = format === NAMES.mjpeg ? await decoders.next(ffmpeg) : SOFTWARE;
      const input = [
        ...['-f', 'v4l2', ...(format === undefined ? [] : ['-input_format', format])],
        // The driver takes the nearest it has; what comes is scaled.
        ...['-video_size', `${source.width ?? detect.width}x${source.height ?? detect.height}`],
        ...['-framerate', String(source.fps ?? detect.fps)],
        ...['-i', source.device],
      ];
      const args = ffmpegArgs({ decoding, input, pace: livePace(detect), detect });
      return {
        title: 'ffmpeg',
        command: ffmpeg,
        args: ['-nostdin', ...args],
        lossless: false,
        frameIntervalMs: undefined,
        finite: false,
      };
    },
    ended: (life) => decoders.ended(life),
    decoder: () => decoders.state(),
  };
}

/** What the device lists: asked at every start, since another camera may be plugged in. Empty when it says nothing. */
export async function v4l2Formats(ffmpeg: string, device: string): Promise<readonly V4l2Format[]> {
  const args = ['-hide_banner', '-nostdin', '-f', 'v4l2', '-list_formats', 'all', '-i', device];
  const { stderr } = await askProgram({ command: ffmpeg, args, timeoutMs: LIST_MS });
  // "[video4linux2,v4l2 @ 0x5581] Compressed:       mjpeg :          Motion-JPEG : 1280x720 640x480"
  const lines = stderr.matchAll(/\] (?:Raw|Compressed) *: +(\S+) : +[^\n]*? : ([^\n]*)/g);
  return [...lines].map(([, name, sizes]) => ({ name: name!, sizes: sizes!.trim().split(/ +/) }));
}

/** ffmpeg's name of the format, or undefined to leave it to the driver. */
async function chosenFormat(
  { device, format }: SourceOf<'v4l2'>,
  ffmpeg: string,
): Promise<string | undefined> {
  if (!existsSync(device)) throw unusable(`${device} does not exist: is the camera plugged in`);
  const names = (await v4l2Formats(ffmpeg, device)).map(({ name }) => name);
  if (format === 'auto') return [NAMES.mjpeg, NAMES.yuyv].find((name) => names.includes(name));
  const wanted = NAMES[format];
  if (names.length === 0 || names.includes(wanted)) return wanted;
  throw unusable(`${device} has no ${wanted}, only ${names.join(', ')}; set source.format to auto`);
}

function unusable(message: string): VedetteError {
  return new VedetteError('CAMERA_SOURCE_UNUSABLE', message);
}

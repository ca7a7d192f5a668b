// The source `libcamera`: the cameras of a Raspberry Pi, through rpicam-vid or the older libcamera-vid.
//
// The types of node-libcamera say what the programs take. Its runner is not used: it joins the options to one string for a
// shell, knows only the old program names, and collects standard output instead of streaming it (DESIGN.md, section 3).
import type { LibCamera } from 'node-libcamera/dist/LibCamera.d.ts';
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { findProgram, requireProgram } from '../platform/child.ts';
import type { SourceProgram } from './source.ts';

/** Options that are newer than the types. */
interface NewerOptions {
  readonly camera: number;
  readonly framerate: number;
  readonly exposure: LibCamera.VideoOptionsObject['exposure'] | 'long';
  readonly hdr: SourceOf<'libcamera'>['hdr'] | true;
  readonly 'autofocus-mode': SourceOf<'libcamera'>['autofocus'];
  readonly 'lens-position': number;
  readonly mode: string;
}

export type VideoOptions = Partial<Omit<LibCamera.VideoOptionsObject, keyof NewerOptions> & NewerOptions>;

export function libcameraProgram(source: SourceOf<'libcamera'>, detect: FramesConfig): SourceProgram {
  const old = findProgram('rpicam-vid') === undefined ? findProgram('libcamera-vid') : undefined;
  return {
    title: old === undefined ? 'rpicam-vid' : 'libcamera-vid',
    command: old ?? requireProgram('rpicam-vid', 'rpicam-apps'),
    args: optionArgs(videoOptions(source, detect, { old: old !== undefined })),
    lossless: false,
    frameIntervalMs: undefined,
    finite: false,
    // --codec yuv420 asks libcamera for the colour space of JPEG: BT.601, full range, no option for another
    // (rpicam-apps, apps/rpicam_vid.cpp, get_colourspace_flags).
    fullRange: true,
  };
}

/**
 * What differs from the program's own defaults is left out, so that an old program is not asked for what it does not know.
 * Rows come without padding because detect.width is a multiple of 64, the alignment of the Pi's image processors.
 */
export function videoOptions(
  source: SourceOf<'libcamera'>,
  { width, height, fps }: FramesConfig,
  { old }: { readonly old: boolean },
): VideoOptions {
  const { rotation, hflip, vflip, exposure, shutterUs, gain, ev, metering, awb, hdr, denoise } = source;
  const { autofocus, lensPosition, brightness, contrast, saturation, sharpness, roi, mode } = source;
  const focus = lensPosition === undefined ? autofocus : 'manual';
  return {
    codec: 'yuv420',
    output: '-',
    timeout: 0,
    nopreview: true,
    flush: true,
    camera: source.camera,
    width,
    height,
    framerate: fps,
    ...(rotation === 0 ? {} : { rotation }),
    ...(hflip ? { hflip } : {}),
    ...(vflip ? { vflip } : {}),
    ...(exposure === 'normal' ? {} : { exposure }),
    ...(shutterUs === undefined ? {} : { shutter: shutterUs }),
    ...(gain === undefined ? {} : { gain }),
    ...(ev === 0 ? {} : { ev }),
    ...(metering === 'centre' ? {} : { metering }),
    ...(awb === 'auto' ? {} : { awb }),
    // Until the programs were renamed, --hdr was a switch for the sensor's.
    ...(hdr === 'off' ? {} : { hdr: old ? (true as const) : hdr }),
    ...(focus === 'default' ? {} : { 'autofocus-mode': focus }),
    ...(lensPosition === undefined ? {} : { 'lens-position': lensPosition }),
    ...(denoise === 'auto' ? {} : { denoise }),
    ...(brightness === 0 ? {} : { brightness }),
    ...(contrast === 1 ? {} : { contrast }),
    ...(saturation === 1 ? {} : { saturation }),
    ...(sharpness === 1 ? {} : { sharpness }),
    ...(roi === undefined ? {} : { roi: { x: roi[0], y: roi[1], w: roi[2], h: roi[3] } }),
    ...(mode === undefined ? {} : { mode }),
    ...(source.tuningFile === undefined ? {} : { 'tuning-file': source.tuningFile }),
  };
}

/** With '=', so that a negative number is not taken for an option (Boost.Program_options). */
function optionArgs(options: VideoOptions): string[] {
  return Object.entries(options).map(([name, value]) => {
    if (value === true) return `--${name}`;
    return `--${name}=${typeof value === 'object' ? Object.values(value).join(',') : value}`;
  });
}

// The source `argus`: the CSI cameras of an NVIDIA Jetson, through gst-launch-1.0 and NVIDIA's elements.
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import type { SourceProgram } from './source.ts';

/** The numbers of nvvidconv's flip-method and nvarguscamerasrc's wbmode (gst-inspect-1.0 on Jetson Linux). */
const FLIP_METHODS = {
  none: 0,
  counterclockwise: 1,
  'rotate-180': 2,
  clockwise: 3,
  horizontal: 4,
  'upper-right-diagonal': 5,
  vertical: 6,
  'upper-left-diagonal': 7,
} as const;
const WB_MODES = {
  off: 0,
  auto: 1,
  incandescent: 2,
  fluorescent: 3,
  'warm-fluorescent': 4,
  daylight: 5,
  'cloudy-daylight': 6,
  twilight: 7,
  shade: 8,
} as const;

/** Fractions of a frame per second that caps can say. */
const RATE_DENOMINATOR = 1000;

export function argusProgram(source: SourceOf<'argus'>, detect: FramesConfig): SourceProgram {
  return {
    title: 'gst-launch',
    command: requireProgram('gst-launch-1.0', 'gstreamer1.0-tools'),
    args: argusArgs(source, detect),
    lossless: false,
    frameIntervalMs: undefined,
    finite: false,
  };
}

/**
 * gst-launch joins its arguments again and escapes the spaces in them itself. The camera's memory has BT.601 in limited
 * range (NVBUF_COLOR_FORMAT_NV12, as opposed to _ER and _709), which nvvidconv keeps. GStreamer pads rows to four bytes:
 * none here. A quarter turn swaps the sides of what is asked of the camera.
 */
export function argusArgs(source: SourceOf<'argus'>, detect: FramesConfig): string[] {
  const { width, height, fps } = detect;
  const { mode, exposureUs, gain, flip, whiteBalance } = source;
  const turned = ['clockwise', 'counterclockwise', 'upper-left-diagonal', 'upper-right-diagonal'].includes(
    flip,
  );
  const [sensorWidth, sensorHeight] = turned ? [height, width] : [width, height];
  const rate = Number.isInteger(fps)
    ? `${fps}/1`
    : `${Math.round(fps * RATE_DENOMINATOR)}/${RATE_DENOMINATOR}`;
  const camera = [`sensor-id=${source.sensor}`, `wbmode=${WB_MODES[whiteBalance]}`];
  if (mode !== undefined) camera.push(`sensor-mode=${mode}`);
  // Nanoseconds.
  if (exposureUs !== undefined) {
    camera.push(`exposuretimerange=${exposureUs.map((us) => Math.round(us * 1000)).join(' ')}`);
  }
  if (gain !== undefined) camera.push(`gainrange=${gain.join(' ')}`);
  const size = `width=${sensorWidth},height=${sensorHeight},framerate=${rate}`;
  return [
    // Nothing but frames on standard output.
    '-q',
    ...['nvarguscamerasrc', ...camera, '!'],
    ...[`video/x-raw(memory:NVMM),${size}`, '!'],
    ...['nvvidconv', `flip-method=${FLIP_METHODS[flip]}`, '!'],
    ...[`video/x-raw,format=I420,width=${width},height=${height}`, '!'],
    ...['fdsink', 'fd=1', 'sync=false'],
  ];
}

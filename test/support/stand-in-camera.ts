// Stand-in for a camera program without its camera: refuses an argument that the real one would refuse, in its words, and
// writes frames as the real one does. First argument: which program. Written after rpicam-apps (core/options.cpp,
// core/video_options.hpp), libcamera-apps 1.0, gst-launch-1.0 with nvarguscamerasrc, and ffmpeg's v4l2 input.
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const [program, ...args] = process.argv.slice(2);

function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** Writes I420 frames of one colour until it is ended. */
async function frames(
  width: number,
  height: number,
  fps: number,
  yuv: [number, number, number],
): Promise<never> {
  const luma = width * height;
  const frame = new Uint8Array(luma * 1.5).fill(yuv[0]);
  frame.fill(yuv[1], luma, luma * 1.25).fill(yuv[2], luma * 1.25);
  for (;;) {
    for (let at = 0; at < frame.length; ) at += writeSync(1, frame, at);
    await delay(1000 / fps);
  }
}

/** Boost.Program_options: what a value must look like. */
const NUMBER = /^-?\d+(\.\d+)?$/;
const WHOLE = /^\d+$/;
const FOUR = /^\d+(\.\d+)?(,\d+(\.\d+)?){3}$/;
const SWITCH = undefined;
const RPICAM_OPTIONS: Record<string, RegExp | undefined> = {
  codec: /^(h264|mjpeg|yuv420|libav)$/,
  output: /./,
  timeout: WHOLE,
  nopreview: SWITCH,
  flush: SWITCH,
  camera: WHOLE,
  width: WHOLE,
  height: WHOLE,
  framerate: NUMBER,
  rotation: /^(0|180)$/,
  hflip: SWITCH,
  vflip: SWITCH,
  exposure: /^(normal|sport|short|long|custom)$/,
  shutter: WHOLE,
  gain: NUMBER,
  ev: NUMBER,
  metering: /^(centre|spot|average|custom)$/,
  awb: /^(auto|incandescent|tungsten|fluorescent|indoor|daylight|cloudy|custom)$/,
  hdr: /^(off|auto|sensor|single-exp)$/,
  'autofocus-mode': /^(default|manual|auto|continuous)$/,
  'lens-position': NUMBER,
  denoise: /^(auto|off|cdn_off|cdn_fast|cdn_hq)$/,
  brightness: NUMBER,
  contrast: NUMBER,
  saturation: NUMBER,
  sharpness: NUMBER,
  roi: FOUR,
  mode: /^\d+:\d+(:\d+(:[PU])?)?$/,
  'tuning-file': /./,
};
const LIBCAMERA_OPTIONS = { ...RPICAM_OPTIONS, hdr: SWITCH };

async function libcamera(known: Record<string, RegExp | undefined>): Promise<never> {
  const given = new Map<string, string>();
  for (const arg of args) {
    const [, name, value] = /^--([a-z-]+)(?:=(.*))?$/.exec(arg) ?? [];
    if (name === undefined) fail(255, `ERROR: *** too many positional options have been specified ***`);
    if (!Object.hasOwn(known, name)) fail(255, `ERROR: *** unrecognised option '--${name}' ***`);
    const pattern = known[name];
    const wrong = pattern === undefined ? value !== undefined : value === undefined || !pattern.test(value);
    if (wrong) fail(255, `ERROR: *** the argument ('${value}') for option '--${name}' is invalid ***`);
    given.set(name, value ?? '');
  }
  if (given.get('codec') !== 'yuv420' || given.get('output') !== '-')
    fail(255, 'ERROR: *** not raw to stdout ***');
  if (given.get('timeout') !== '0') fail(0, 'Halting: reached timeout of 5000 milliseconds.');
  if (Number(given.get('camera')) > 1) fail(255, 'ERROR: *** no cameras available ***');
  process.stderr.write('[0:00:01] INFO Camera camera_manager.cpp:325 libcamera v0.5.1\n');
  // The brightest that JPEG's full range has.
  return frames(
    Number(given.get('width')),
    Number(given.get('height')),
    Number(given.get('framerate')),
    [255, 128, 128],
  );
}

/** Properties as gst-inspect-1.0 lists them on a Jetson. */
const GST_PROPERTIES: Record<string, Record<string, RegExp>> = {
  nvarguscamerasrc: {
    'sensor-id': WHOLE,
    'sensor-mode': /^-?\d+$/,
    wbmode: /^[0-9]$/,
    exposuretimerange: /^\d+ \d+$/,
    gainrange: /^\d+(\.\d+)? \d+(\.\d+)?$/,
  },
  nvvidconv: { 'flip-method': /^[0-7]$/ },
  fdsink: { fd: WHOLE, sync: /^(true|false)$/ },
};

async function gstreamer(): Promise<never> {
  if (args.shift() !== '-q') fail(1, 'the real program would print to standard output without -q');
  const parts: string[][] = [[]];
  for (const arg of args) {
    if (arg === '!') parts.push([]);
    else parts.at(-1)!.push(arg);
  }
  let caps: RegExpExecArray | null = null;
  let rate = 1;
  for (const [name = '', ...properties] of parts) {
    if (name.startsWith('video/x-raw')) {
      caps = /^video\/x-raw,format=I420,width=(\d+),height=(\d+)$/.exec(name);
      const [, over, under] =
        /^video\/x-raw\(memory:NVMM\),width=\d+,height=\d+,framerate=(\d+)\/(\d+)$/.exec(name) ?? [];
      if (over !== undefined) rate = Number(over) / Number(under);
      else if (caps === null) fail(1, `WARNING: erroneous pipeline: could not parse caps "${name}"`);
      continue;
    }
    const known = GST_PROPERTIES[name];
    if (known === undefined) fail(1, `WARNING: erroneous pipeline: no element "${name}"`);
    for (const property of properties) {
      const [key = '', value = ''] = property.split('=');
      const pattern = known[key];
      if (pattern === undefined)
        fail(1, `WARNING: erroneous pipeline: no property "${key}" in element "${name}"`);
      if (!pattern.test(value)) fail(1, `could not set property "${key}" in element "${name}" to "${value}"`);
    }
  }
  if (parts.at(-1)?.join(' ') !== 'fdsink fd=1 sync=false' || caps === null)
    fail(1, 'no frames would come out');
  return frames(Number(caps[1]), Number(caps[2]), rate, [235, 128, 128]);
}

/** A device that has MJPEG and YUYV; $STAND_IN_FORMATS in its path narrows that. Frames by the real ffmpeg. */
function ffmpeg(): never {
  const at = args.indexOf('v4l2');
  const real = process.env['REAL_FFMPEG'] ?? '';
  const pass = (list: readonly string[]): never => {
    const { status } = spawnSync(real, list, { stdio: 'inherit' });
    process.exit(status ?? 1);
  };
  if (at === -1) return pass(args);
  const from = at - 1;
  const to = args.indexOf('-i') + 2;
  const options = args.slice(from, to);
  const value = (name: string): string | undefined =>
    options.includes(name) ? options[options.indexOf(name) + 1] : undefined;
  const device = value('-i') ?? '';
  const formats = device.includes('yuyv-only')
    ? ['yuyv422']
    : device.includes('mute')
      ? []
      : ['yuyv422', 'mjpeg'];
  if (value('-list_formats') === 'all') {
    for (const name of formats) {
      const kind = name === 'mjpeg' ? 'Compressed' : 'Raw       ';
      process.stderr.write(
        `[video4linux2,v4l2 @ 0x55d0] ${kind}: ${name.padStart(11)} : ${'YUYV 4:2:2'.padStart(20)} : 640x480 1280x720\n`,
      );
    }
    fail(1, `${device}: Immediate exit requested`);
  }
  const format = value('-input_format');
  if (format !== undefined && !formats.includes(format))
    fail(1, `[video4linux2,v4l2] No such input format: ${format}.`);
  if (!/^\d+x\d+$/.test(value('-video_size') ?? '') || value('-framerate') === undefined)
    fail(1, 'size and rate?');
  const picture = `color=white:size=${value('-video_size')}:rate=${value('-framerate')},realtime`;
  return pass([...args.slice(0, from), '-f', 'lavfi', '-i', picture, ...args.slice(to)]);
}

if (program === 'rpicam-vid') await libcamera(RPICAM_OPTIONS);
else if (program === 'libcamera-vid') await libcamera(LIBCAMERA_OPTIONS);
else if (program === 'gst-launch-1.0') await gstreamer();
else ffmpeg();

// Which hardware decoders of ffmpeg this board has, and how each is used: asked once, never assumed. What a decoder is
// worth shows only when it runs: decoder-choice.ts. Camera worker thread.
import { join } from 'node:path';
import type { DecoderWish, FramesConfig } from '../config/types.ts';
import { askProgram } from '../platform/ask-program.ts';
import { namesIn, readText } from '../platform/system-files.ts';

export type DecoderName = Exclude<DecoderWish, 'auto'>;
export type HardwareDecoder = Exclude<DecoderName, 'software'>;

export interface DecoderSupport {
  readonly name: HardwareDecoder;
  /** ffmpeg has it and the board has its device. Whether it can decode this stream shows when it runs. */
  readonly usable: boolean;
  /** What was found, or what is missing. */
  readonly reason: string;
  /** Codecs by ffmpeg's names; undefined where it takes any and ffmpeg says no when it cannot. */
  readonly codecs: readonly string[] | undefined;
  /** Device to open, where one is named. */
  readonly device: string | undefined;
  /** ffmpeg's filter that scales on the accelerator. */
  readonly scaler: string | undefined;
}

/** How ffmpeg is told to use a decoder. */
export interface Decoding {
  readonly name: DecoderName;
  /** Options in front of the input. */
  readonly inputArgs: readonly string[];
  /** Filters that bring its frames into memory, scaled if it can; in front of ours. */
  readonly filters: readonly string[];
}

export const SOFTWARE: Decoding = { name: 'software', inputArgs: [], filters: [] };

const ASK_MS = 5000;

/** What ffmpeg was built with. */
interface Built {
  readonly hwaccels: ReadonlySet<string>;
  readonly decoders: ReadonlySet<string>;
  readonly filters: ReadonlySet<string>;
}

interface Kind {
  readonly name: HardwareDecoder;
  /** Its device, or undefined. */
  readonly device: (root: string) => string | undefined;
  readonly missingDevice: string;
  /** Option of -hwaccel; without it the decoder is one of its own per codec: `h264_v4l2m2m`. */
  readonly hwaccel?: string;
  readonly codecs?: readonly string[];
  readonly scaler?: string;
}

/** Names of decoders in /sys/class/video4linux/<node>/name; the stateless ones need another interface. */
const DECODER = /-dec(?:ode)?\b|decoder|venus|wave5/i;
const PI_HEVC = /rpivid|rpi-hevc-dec/i;
const STATELESS = /rpivid|hevc-dec|hantro|rkvdec|cedrus/i;

// In the order of 'auto': what the board is made for comes first.
const KINDS: readonly Kind[] = [
  {
    name: 'nvmpi', // jetson-ffmpeg (https://github.com/Keylost/jetson-ffmpeg)
    device: (root) =>
      firstOf(root, 'dev', /^nvhost-nvdec$/) ??
      firstOf(root, 'dev', /^v4l2-nvdec$/) ??
      firstOf(root, 'dev', /^nvhost-ctrl$/),
    missingDevice: 'no /dev/nvhost-nvdec (not a Jetson)',
  },
  {
    name: 'nvdec',
    device: (root) => firstOf(root, 'dev', /^nvidia\d+$/),
    missingDevice: 'no /dev/nvidia0',
    hwaccel: 'cuda',
    scaler: 'scale_cuda',
  },
  {
    // Stateful decoders: H.264 of the Raspberry Pi 4 and older is bcm2835-codec-decode; the Pi 5 has none.
    name: 'v4l2m2m',
    device: (root) => videoNode(root, (driver) => DECODER.test(driver) && !STATELESS.test(driver)),
    missingDevice: 'no stateful decoder among /dev/video*',
  },
  {
    // Only what its driver can: for any other codec ffmpeg would decode in software without a word.
    name: 'drm',
    device: (root) => videoNode(root, (driver) => PI_HEVC.test(driver)),
    missingDevice: 'no HEVC decoder of a Raspberry Pi among /dev/video*',
    hwaccel: 'drm',
    codecs: ['hevc'],
  },
  {
    name: 'vaapi',
    device: (root) => firstOf(root, 'dev/dri', /^renderD\d+$/),
    missingDevice: 'no /dev/dri/renderD*',
    hwaccel: 'vaapi',
    scaler: 'scale_vaapi',
  },
];

/**
 * Every hardware decoder Vedette knows, in order of preference, each with why it can be used or not. `root` is where
 * /dev and /sys are looked for.
 */
export async function probeDecoders(ffmpeg: string, root = '/'): Promise<readonly DecoderSupport[]> {
  const devices = KINDS.map((kind) => kind.device(root));
  const any = devices.some((device) => device !== undefined);
  // Most boards without a device need not ask ffmpeg at all.
  const built = any ? await whatIsBuilt(ffmpeg) : { hwaccels: EMPTY, decoders: EMPTY, filters: EMPTY };
  return KINDS.map((kind, at) => support(kind, devices[at], built));
}

const EMPTY: ReadonlySet<string> = new Set();

function support(kind: Kind, device: string | undefined, built: Built): DecoderSupport {
  const { name, hwaccel } = kind;
  const scaler = kind.scaler !== undefined && built.filters.has(kind.scaler) ? kind.scaler : undefined;
  const own = [...built.decoders].filter((decoder) => decoder.endsWith(`_${name}`));
  const codecs = hwaccel === undefined ? own.map((one) => one.slice(0, -name.length - 1)) : kind.codecs;
  const known = hwaccel === undefined ? own.length > 0 : built.hwaccels.has(hwaccel);
  const found = { name, codecs, device, scaler };
  if (device === undefined) return { ...found, usable: false, reason: kind.missingDevice };
  if (!known) {
    const what = hwaccel === undefined ? `decoder *_${name}` : `-hwaccel ${hwaccel}`;
    return { ...found, usable: false, reason: `${device} is there, but this ffmpeg has no ${what}` };
  }
  return { ...found, usable: true, reason: `${device} is there and ffmpeg knows it` };
}

/** How ffmpeg uses it for a stream of this codec, scaled to the size of detect where it can. */
export function decodingOf(
  { name, device, scaler }: DecoderSupport,
  codec: string | undefined,
  { width, height }: FramesConfig,
): Decoding {
  switch (name) {
    case 'nvdec':
    case 'vaapi': {
      const hwaccel = name === 'nvdec' ? 'cuda' : 'vaapi';
      // Frames stay on the accelerator until they are small. Where ffmpeg quietly decodes in software instead, the first
      // filter refuses its frames: a run without a frame, so that the next decoder is tried and nothing is pretended.
      const inputArgs = ['-hwaccel', hwaccel, '-hwaccel_output_format', hwaccel];
      if (name === 'vaapi' && device !== undefined) inputArgs.push('-hwaccel_device', device);
      const scale = scaler === undefined ? [] : [`${scaler}=w=${width}:h=${height}:format=nv12`];
      return { name, inputArgs, filters: [...scale, 'hwdownload', 'format=nv12'] };
    }
    case 'drm':
      // The Pi's frames come in columns (SAND) that only its ffmpeg can turn, which it does unasked
      // (https://github.com/jc-kynesim/rpi-ffmpeg/issues/99).
      return { name, inputArgs: ['-hwaccel', 'drm'], filters: [] };
    case 'v4l2m2m':
    case 'nvmpi':
      return { name, inputArgs: ['-c:v', `${codec}_${name}`], filters: [] };
  }
}

/** ffmpeg's name of the codec of the first video stream, e.g. 'h264'; undefined when ffprobe does not know. */
export async function codecOf(input: readonly string[], script?: string): Promise<string | undefined> {
  const show = ['-select_streams', 'v:0', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0'];
  const { ok, stdout } = await askProgram({
    command: 'ffprobe',
    args: ['-v', 'error', ...show, ...input],
    timeoutMs: ASK_MS,
    ...(script === undefined ? {} : { input: script }),
  });
  const codec = /^[a-z0-9_]+/.exec(stdout)?.[0];
  return ok ? codec : undefined;
}

async function whatIsBuilt(ffmpeg: string): Promise<Built> {
  const ask = async (option: string): Promise<string> =>
    (await askProgram({ command: ffmpeg, args: ['-hide_banner', option], timeoutMs: ASK_MS })).stdout;
  const [hwaccels, decoders, filters] = await Promise.all([
    ask('-hwaccels'),
    ask('-decoders'),
    ask('-filters'),
  ]);
  return {
    hwaccels: new Set(hwaccels.split('\n').map((line) => line.trim())),
    // " V..... h264_v4l2m2m         V4L2 mem2mem H.264 decoder wrapper (codec h264)"
    decoders: new Set([...decoders.matchAll(/^ V\S{5} (\S+)/gm)].map(([, name]) => name!)),
    // " ... scale_vaapi       V->V       Scale to/from VAAPI surfaces."
    filters: new Set([...filters.matchAll(/^ \S{2,3} (\S+) +\S+->/gm)].map(([, name]) => name!)),
  };
}

function firstOf(root: string, folder: string, name: RegExp): string | undefined {
  const found = namesIn(join(root, folder), name)[0];
  return found === undefined ? undefined : join(root, folder, found);
}

/** The video device whose name (of its driver) is such a one. */
function videoNode(root: string, isIt: (name: string) => boolean): string | undefined {
  const folder = join(root, 'sys/class/video4linux');
  const node = namesIn(folder, /^video\d+$/).find((one) => isIt(readText(join(folder, one, 'name')) ?? ''));
  return node === undefined ? undefined : join(root, 'dev', node);
}

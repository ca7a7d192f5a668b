// Which decoders a board has (folders that look like its /dev and /sys, a stand-in ffmpeg), and how one is chosen.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DecoderChoice } from '../../daemon/camera/decoder-choice.ts';
import { type DecoderSupport, decodingOf, probeDecoders } from '../../daemon/camera/decoders.ts';
import { tempDir } from '../support/temp-dir.ts';

const DETECT = { width: 640, height: 360, fps: 5 };

const HWACCELS = 'Hardware acceleration methods:\nvdpau\ncuda\nvaapi\ndrm\n\n';
const DECODERS = `Decoders:
 V..... = Video
 ------
 V....D h264                 H.264 / AVC
 V..... h264_v4l2m2m         V4L2 mem2mem H.264 decoder wrapper (codec h264)
 V..... mpeg2_v4l2m2m        V4L2 mem2mem MPEG2 decoder wrapper (codec mpeg2video)
 A....D aac                  AAC
`;
const FILTERS = `Filters:
  T.. = Timeline support
 ... scale             V->V       Scale the input video size and/or convert the image format.
 ... scale_vaapi       V->V       Scale to/from VAAPI surfaces.
`;

/** An ffmpeg that knows what the texts say. */
function ffmpegStandIn(): string {
  const path = join(tempDir(), 'ffmpeg');
  const said = { '-hwaccels': HWACCELS, '-decoders': DECODERS, '-filters': FILTERS };
  const cases = Object.entries(said).map(([option, text]) => `${option}) cat <<'END'\n${text}END\n;;`);
  writeFileSync(path, `#!/bin/sh\ncase "$2" in\n${cases.join('\n')}\nesac\n`, { mode: 0o755 });
  return path;
}

function board(files: Record<string, string>): string {
  const root = tempDir();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const video = (node: string, driver: string) => ({ [`sys/class/video4linux/${node}/name`]: `${driver}\n` });

async function usable(files: Record<string, string>): Promise<string[]> {
  const all = await probeDecoders(ffmpegStandIn(), board(files));
  return all.filter((one) => one.usable).map(({ name }) => name);
}

describe('what a board has', () => {
  test('is nothing where there is no device, and ffmpeg is not asked', async () => {
    const all = await probeDecoders('/nonexistent/ffmpeg', board({}));
    expect(all.map(({ name, usable, reason }) => `${name} ${usable} ${reason}`)).toEqual([
      'nvmpi false no /dev/nvhost-nvdec (not a Jetson)',
      'nvdec false no /dev/nvidia0',
      'v4l2m2m false no stateful decoder among /dev/video*',
      'drm false no HEVC decoder of a Raspberry Pi among /dev/video*',
      'vaapi false no /dev/dri/renderD*',
    ]);
  });

  test('is v4l2m2m and drm on a Pi 4, drm on a Pi 5', async () => {
    const isp = video('video13', 'bcm2835-isp');
    const pi4 = { ...video('video10', 'bcm2835-codec-decode'), ...video('video19', 'rpivid'), ...isp };
    expect(await usable(pi4)).toEqual(['v4l2m2m', 'drm']);
    expect(await usable({ ...video('video19', 'rpi-hevc-dec'), ...video('video20', 'pispbe') })).toEqual([
      'drm',
    ]);
  });

  test('is no decoder when the video devices are cameras or encoders', async () => {
    expect(
      await usable({ ...video('video0', 'HD Webcam'), ...video('video11', 'bcm2835-codec-encode') }),
    ).toEqual([]);
  });

  test('is vaapi, nvdec where there are such cards', async () => {
    expect(await usable({ 'dev/dri/renderD128': '', 'dev/nvidia0': '' })).toEqual(['nvdec', 'vaapi']);
  });

  test('is not a decoder that this ffmpeg was built without', async () => {
    const all = await probeDecoders(ffmpegStandIn(), board({ 'dev/nvhost-nvdec': '' }));
    expect(all[0]).toMatchObject({ name: 'nvmpi', usable: false });
    expect(all[0]!.reason).toMatch(/nvhost-nvdec is there, but this ffmpeg has no decoder \*_nvmpi$/);
  });

  test('says how each is used, scaling on the accelerator where it can', async () => {
    const root = board({
      'dev/dri/renderD128': '',
      'dev/nvidia0': '',
      ...video('video10', 'bcm2835-codec-decode'),
    });
    const all = await probeDecoders(ffmpegStandIn(), root);
    const use = (name: string, codec?: string) => {
      const { inputArgs, filters } = decodingOf(all.find((one) => one.name === name)!, codec, DETECT);
      return [...inputArgs, '|', filters.join(',')].join(' ').replaceAll(root, '');
    };
    expect(use('vaapi')).toBe(
      '-hwaccel vaapi -hwaccel_output_format vaapi -hwaccel_device /dev/dri/renderD128 | scale_vaapi=w=640:h=360:format=nv12,hwdownload,format=nv12',
    );
    // No scale_cuda in this ffmpeg.
    expect(use('nvdec')).toBe('-hwaccel cuda -hwaccel_output_format cuda | hwdownload,format=nv12');
    expect(use('v4l2m2m', 'h264')).toBe('-c:v h264_v4l2m2m | ');
  });
});

const SUPPORTS: readonly DecoderSupport[] = [
  { name: 'nvmpi', usable: false, reason: 'no Jetson', codecs: [], device: undefined, scaler: undefined },
  {
    name: 'v4l2m2m',
    usable: true,
    reason: 'is there',
    codecs: ['h264'],
    device: '/dev/video10',
    scaler: undefined,
  },
  {
    name: 'vaapi',
    usable: true,
    reason: 'is there',
    codecs: undefined,
    device: '/dev/dri/x',
    scaler: undefined,
  },
];

function choice(codec: string | undefined, wish: 'auto' | 'software' | 'vaapi' | 'drm' = 'auto') {
  const made = new DecoderChoice({
    wish,
    detect: DETECT,
    codec: async () => codec,
    probe: async () => SUPPORTS,
  });
  return {
    choice: made,
    /** Starts a run and ends it with so many frames; the decoder it used. */
    run: async (frames: number): Promise<string> => {
      const { name } = await made.next('ffmpeg');
      made.ended({ frames, reason: `${name} broke` });
      return name;
    },
  };
}

describe('the decoder of a camera', () => {
  test('is the first that is usable and knows the codec', async () => {
    const { run, choice: made } = choice('h264');
    expect(await run(100)).toBe('v4l2m2m');
    expect(made.state()).toEqual({ name: 'v4l2m2m', passedOver: [{ name: 'nvmpi', reason: 'no Jetson' }] });
    const hevc = choice('hevc');
    expect(await hevc.run(100)).toBe('vaapi');
    expect(hevc.choice.state().passedOver[1]).toEqual({ name: 'v4l2m2m', reason: 'it cannot decode hevc' });
  });

  test('that brought no frame is passed over, with the reason, down to software', async () => {
    const { run, choice: made } = choice('h264');
    expect([await run(0), await run(0), await run(50), await run(50)]).toEqual([
      'v4l2m2m',
      'vaapi',
      'software',
      'software',
    ]);
    expect(made.state()).toEqual({
      name: 'software',
      passedOver: [
        { name: 'nvmpi', reason: 'no Jetson' },
        { name: 'v4l2m2m', reason: 'delivered no frame: v4l2m2m broke' },
        { name: 'vaapi', reason: 'delivered no frame: vaapi broke' },
      ],
    });
  });

  test('is not blamed for a camera that is away: when software brings nothing either, all are tried again', async () => {
    const { run } = choice('h264');
    expect([await run(0), await run(0), await run(0), await run(100)].at(-1)).toBe('v4l2m2m');
  });

  test('that has worked is given up after three runs without a frame, and tried again later', async () => {
    const { run } = choice('hevc');
    const names: string[] = [];
    for (const frames of [100, 0, 0, 0, 20, 100]) names.push(await run(frames));
    expect(names).toEqual(['vaapi', 'vaapi', 'vaapi', 'vaapi', 'software', 'vaapi']);
  });

  test('is software when asked for, when nothing else is named, and when the named one is not there', async () => {
    expect(await choice('h264', 'software').run(1)).toBe('software');
    expect(await choice('h264', 'drm').run(1)).toBe('software');
    const named = choice('h264', 'vaapi');
    expect([await named.run(0), await named.run(10)]).toEqual(['vaapi', 'software']);
  });

  test('leaves out what needs to know the codec while nobody can tell', async () => {
    const { run, choice: made } = choice(undefined);
    expect(await run(100)).toBe('vaapi');
    expect(made.state().passedOver[1]?.reason).toBe('the codec of the stream is not known yet');
  });
});

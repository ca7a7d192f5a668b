// Sources whose cameras are not here, against stand-ins that check the arguments (test/support/stand-in-camera.ts).
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cameraConfig, runCamera } from '../support/camera-runner.ts';
import { testNeeding } from '../support/needs.ts';
import { standInPrograms } from '../support/stand-in-programs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const EVERYTHING = {
  type: 'libcamera',
  camera: 1,
  rotation: 180,
  hflip: true,
  vflip: true,
  exposure: 'sport',
  shutterUs: 10_000,
  gain: 2.5,
  ev: -1.5,
  metering: 'spot',
  awb: 'daylight',
  hdr: 'sensor',
  lensPosition: 0.5,
  denoise: 'cdn_fast',
  brightness: -0.25,
  contrast: 1.5,
  saturation: 0,
  sharpness: 2,
  roi: [0.25, 0.25, 0.5, 0.5],
  mode: '2304:1296:10:P',
  tuningFile: '/usr/share/libcamera/ipa/rpi/vc4/imx708_noir.json',
};

/** The first frame, or why there is none. */
async function firstFrame(config: Parameters<typeof runCamera>[0]) {
  const { frames, offline } = runCamera(config);
  await waitFor('a frame or an error', () => frames.length > 0 || offline.length > 0);
  return offline[0]?.message ?? frames[0]!.middle;
}

describe('libcamera', () => {
  test('rpicam-vid takes what its defaults leave open, and its full range becomes limited', async () => {
    standInPrograms('rpicam-vid', 'libcamera-vid');
    expect(await firstFrame(cameraConfig({ type: 'libcamera' }))).toEqual([235, 128, 128]);
  });

  test('rpicam-vid takes every option there is', async () => {
    standInPrograms('rpicam-vid');
    expect(await firstFrame(cameraConfig(EVERYTHING))).toEqual([235, 128, 128]);
  });

  test('libcamera-vid, where it is the only one, takes every option there is', async () => {
    standInPrograms('libcamera-vid');
    expect(await firstFrame(cameraConfig(EVERYTHING))).toEqual([235, 128, 128]);
  });

  test('a camera that is not there is told in the words of the program', async () => {
    standInPrograms('rpicam-vid');
    const said = await firstFrame(cameraConfig({ type: 'libcamera', camera: 3 }));
    expect(said).toMatch(/rpicam-vid exited with code 255: ERROR: \*\*\* no cameras available \*\*\*/);
  });

  test('without either program the package to install is named', async () => {
    standInPrograms();
    const said = await firstFrame(cameraConfig({ type: 'libcamera' }));
    expect(said).toContain('rpicam-vid not found on PATH: install it (apt install rpicam-apps)');
  });
});

describe('argus', () => {
  test('gst-launch takes the pipeline with every property', async () => {
    standInPrograms('gst-launch-1.0');
    const source = {
      type: 'argus',
      sensor: 1,
      mode: 2,
      flip: 'rotate-180',
      exposureUs: [13, 683_709],
      gain: [1, 10.5],
      whiteBalance: 'daylight',
    };
    expect(await firstFrame(cameraConfig(source, { fps: 7.5 }))).toEqual([235, 128, 128]);
    expect(await firstFrame(cameraConfig({ type: 'argus' }))).toEqual([235, 128, 128]);
  });
});

describe('v4l2', () => {
  const needing = testNeeding({ programs: ['ffmpeg'] });
  const device = (name: string): string => {
    const path = join(tempDir(), name);
    writeFileSync(path, '');
    return path;
  };

  needing('takes MJPEG where the device has it, and scales what comes', async () => {
    standInPrograms('ffmpeg');
    const { plan, frames, offline } = runCamera(cameraConfig({ type: 'v4l2', device: device('video0') }));
    await waitFor('frames', () => frames.length > 2 || offline.length > 0);
    expect(offline).toEqual([]);
    expect(frames[0]!.middle).toEqual([235, 128, 128]);
    expect((await plan.next()).args.join(' ')).toContain('-f v4l2 -input_format mjpeg -video_size 128x64');
  });

  needing('takes YUYV where there is nothing else', async () => {
    standInPrograms('ffmpeg');
    const config = cameraConfig({
      type: 'v4l2',
      device: device('yuyv-only'),
      width: 640,
      height: 480,
      fps: 30,
    });
    const { plan, frames } = runCamera(config);
    await waitFor('frames', () => frames.length > 2);
    const { args } = await plan.next();
    expect(args.join(' ')).toContain('-input_format yuyv422 -video_size 640x480 -framerate 30');
    expect(plan.decoder()).toEqual({ name: 'software', passedOver: [] });
  });

  needing('leaves a device that lists nothing to its driver', async () => {
    standInPrograms('ffmpeg');
    const { plan, frames } = runCamera(cameraConfig({ type: 'v4l2', device: device('mute') }));
    await waitFor('frames', () => frames.length > 0);
    expect((await plan.next()).args).not.toContain('-input_format');
  });

  needing('a format that the device has not, and a device that is not there, are told', async () => {
    standInPrograms('ffmpeg');
    const yuyv = device('yuyv-only');
    const said = await firstFrame(cameraConfig({ type: 'v4l2', device: yuyv, format: 'mjpeg' }));
    expect(said).toBe(`${yuyv} has no mjpeg, only yuyv422; set source.format to auto`);
    expect(existsSync('/dev/no-camera')).toBe(false);
    const { offline } = runCamera(cameraConfig({ type: 'v4l2', device: '/dev/no-camera' }));
    const error = await waitFor('an error', () => offline[0]);
    expect(error.code).toBe('CAMERA_SOURCE_UNUSABLE');
    expect(error.message).toBe('/dev/no-camera does not exist: is the camera plugged in');
  });
});

test('a command gets size and rate in its arguments, secrets in its environment and nothing else of ours', async () => {
  process.env['VEDETTE_TEST_SECRET'] = 'hunter2';
  const script = `
    const [w, h, fps] = process.argv.slice(1).map(Number);
    const right = fps === 5 && process.env.TOKEN === 's' && process.env.VEDETTE_TEST_SECRET === undefined;
    const frame = Buffer.alloc(w * h * 1.5, right ? 100 : 50);
    setInterval(() => process.stdout.write(frame), 50);`;
  const command = [process.execPath, '-e', script, '{width}', '{height}', '{fps}'];
  const { frames } = runCamera(cameraConfig({ type: 'command', command, env: { TOKEN: 's' } }));
  await waitFor('a frame', () => frames.length > 0);
  delete process.env['VEDETTE_TEST_SECRET'];
  expect(frames[0]!.middle).toEqual([100, 100, 100]);
});

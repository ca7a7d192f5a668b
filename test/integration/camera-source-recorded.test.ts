// The sources that are recordings, and the pace of live ones, with the real ffmpeg.
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SOFTWARE } from '../../daemon/camera/decoders.ts';
import { ffmpegArgs, livePace, recordedPace } from '../../daemon/camera/source-ffmpeg.ts';
import { cameraConfig, runCamera, type SeenFrame } from '../support/camera-runner.ts';
import { testNeeding } from '../support/needs.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const needing = testNeeding({ programs: ['ffmpeg', 'ffprobe'] });

/** Grey pictures, brighter from one to the next, of changing sizes or, with `widen` 0, all of one. */
function pictures(kind: 'jpg' | 'png', names: readonly string[], widen = 32): string {
  const folder = tempDir();
  for (const [at, name] of names.entries()) {
    const value = (40 + at * 40).toString(16);
    const color = `color=0x${value}${value}${value}:size=${160 + at * widen}x96`;
    const codec = kind === 'jpg' ? ['-q:v', '2', '-c:v', 'mjpeg'] : ['-c:v', 'png'];
    const output = [...codec, '-f', 'image2', '-update', '1', join(folder, name)];
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', color, '-frames:v', '1', ...output]);
  }
  return folder;
}

/** Limited range of a grey, 40 to 160 in steps of 40. */
const GREYS = [50, 85, 119, 153];

const greyOf = ({ middle: [y] }: SeenFrame): number | undefined =>
  GREYS.find((grey) => Math.abs(grey - y) <= 2);

describe('a folder', () => {
  needing.each(['jpg', 'png'] as const)(
    'of %s is played once, in the order of names, no frame lost',
    async (kind) => {
      const names = ['picture 2', 'picture 10', "picture 9'", 'a'].map((name) => `${name}.${kind}`);
      const path = pictures(kind, names);
      writeFileSync(join(path, 'notes.txt'), 'no picture');
      const { frames, running, offline } = runCamera(
        cameraConfig({ type: 'folder', path, pace: 'fast', loop: false }),
      );
      expect(await running).toBe('ended');
      expect(offline.map(({ code }) => code)).toEqual(['CAMERA_SOURCE_ENDED']);
      const inOrder = [GREYS[3], GREYS[0], GREYS[2], GREYS[1]];
      expect(frames.map(greyOf)).toEqual(inOrder);
    },
  );

  needing.each(['jpg', 'png'] as const)(
    'of %s in real time has each picture shown before the next one is due',
    async (kind) => {
      const path = pictures(kind, [`1.${kind}`, `2.${kind}`, `3.${kind}`], 0);
      const clock = new SimClock();
      const { frames, offline } = runCamera(cameraConfig({ type: 'folder', path }), { clock });
      for (const [at, grey] of GREYS.slice(0, 3).entries()) {
        const frame = await waitFor(`picture ${at + 1}`, () => frames[at]);
        expect(greyOf(frame)).toBe(grey);
        await clock.advance(200);
      }
      expect(offline).toEqual([]);
    },
  );

  needing.each([
    ['jpg', 1],
    ['png', 1],
    ['png', 0],
  ] as const)(
    'of %s loses no picture behind one that is cut short or empty (the first: %i)',
    async (kind, cut) => {
      const names = ['1', '2', '3', '4'].map((name) => `${name}.${kind}`);
      const path = pictures(kind, names, 0);
      truncateSync(join(path, names[cut]!), 60);
      truncateSync(join(path, names[2]!), 0);
      const { frames, running } = runCamera(
        cameraConfig({ type: 'folder', path, pace: 'fast', loop: false }),
      );
      expect(await running).toBe('ended');
      expect([...new Set(frames.map(greyOf))]).toEqual([GREYS[1 - cut], GREYS[3]]);
    },
  );

  needing('shows the picture behind an empty one without waiting for a further one', async () => {
    const path = pictures('jpg', ['1.jpg', '2.jpg', '3.jpg'], 0);
    truncateSync(join(path, '2.jpg'), 0);
    const clock = new SimClock();
    const { frames } = runCamera(cameraConfig({ type: 'folder', path }), { clock });
    await waitFor('the first', () => frames[0]);
    await clock.advance(200);
    expect(greyOf(await waitFor('the third', () => frames[1]))).toBe(GREYS[2]);
  });

  needing('is played round and round in real time, also when pictures come and go', async () => {
    const path = pictures('jpg', ['1.jpg', '2.jpg', '3.JPEG']);
    const { frames, offline } = runCamera(cameraConfig({ type: 'folder', path }, { fps: 20 }));
    await waitFor('two rounds', () => frames.length > 6);
    rmSync(join(path, '2.jpg'));
    const seen = frames.length;
    await waitFor('more rounds', () => frames.length > seen + 6);
    expect(offline).toEqual([]);
  });

  needing('repeats slow pictures to the rate asked for', async () => {
    const path = pictures('jpg', ['1.jpg', '2.jpg']);
    const config = cameraConfig({ type: 'folder', path, fps: 1, pace: 'fast', loop: false });
    const { frames, running } = runCamera(config);
    await running;
    expect(frames.map(({ middle: [y] }) => (Math.abs(y - GREYS[0]!) <= 2 ? 1 : 2))).toEqual([
      ...[1, 1, 1, 1, 1],
      ...[2, 2, 2, 2, 2],
    ]);
  });

  needing('without pictures, or with two kinds, is told', async () => {
    const empty = tempDir();
    const said = async (path: string): Promise<string> => {
      const { offline } = runCamera(cameraConfig({ type: 'folder', path }));
      const error = await waitFor('an error', () => offline[0]);
      expect(error.code).toBe('CAMERA_SOURCE_UNUSABLE');
      return error.message;
    };
    expect(await said(empty)).toBe(`folder ${empty} holds no .jpg and no .png`);
    expect(await said(join(empty, 'gone'))).toContain('gone cannot be read (ENOENT');
    const both = pictures('jpg', ['1.jpg']);
    writeFileSync(join(both, '2.PNG'), '');
    expect(await said(both)).toBe(`folder ${both} holds JPEG (1) and PNG (1); keep one kind`);
    const lost = tempDir();
    symlinkSync(join(lost, 'unplugged', '1.jpg'), join(lost, '1.jpg'));
    writeFileSync(join(lost, '2.jpg'), '');
    expect(await said(lost)).toBe(`folder ${lost} holds only pictures that are gone or empty`);
  });
});

describe('a file', () => {
  const video = (name: string, ...options: string[]): string => {
    const path = join(tempDir(), name);
    const picture = ['-f', 'lavfi', '-i', 'color=red:size=320x192:rate=25:duration=2'];
    execFileSync('ffmpeg', ['-v', 'error', ...picture, ...options, path]);
    return path;
  };

  needing('of HD colours comes out in those of BT.601', async () => {
    const tags = ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'];
    const path = video('hd.mp4', '-vf', 'scale=out_color_matrix=bt709', ...tags, '-pix_fmt', 'yuv420p');
    const { frames, running } = runCamera(cameraConfig({ type: 'file', path, pace: 'fast', loop: false }));
    expect(await running).toBe('ended');
    expect(frames.length).toBe(10);
    const [y, u, v] = frames[5]!.middle;
    expect([81, 90, 240].map((value, at) => Math.abs(value - [y, u, v][at]!) <= 3)).toEqual([
      true,
      true,
      true,
    ]);
  });

  needing('of a rate below one in two seconds is held back to it', () => {
    const detect = { width: 64, height: 64, fps: 0.4 };
    const input = ['-f', 'lavfi', '-i', 'color=red:size=64x64:rate=2:duration=5'];
    const args = ffmpegArgs({ decoding: SOFTWARE, input, pace: recordedPace(detect, 'realtime'), detect });
    const told = args.map((arg) => (arg === 'error' ? 'verbose' : arg));
    const { stdout, stderr } = spawnSync('ffmpeg', told, { maxBuffer: 1 << 26 });
    expect(stdout.length / (64 * 64 * 1.5)).toBe(2);
    // What the filter says where it does not wait.
    expect(stderr.toString()).not.toContain('time discontinuity');
  });

  const lookedFor = { codecs: undefined, device: '/nonexistent', scaler: undefined };
  const h264 = { ...lookedFor, usable: true, reason: 'is there', codecs: ['h264'] };

  needing('goes through every decoder that does not work, to software, and keeps the reasons', async () => {
    // ffmpeg knows these; the machine of the tests has the device of none.
    const probe = async () => [
      { ...lookedFor, name: 'nvmpi' as const, usable: false, reason: 'no Jetson' },
      { ...h264, name: 'v4l2m2m' as const },
      { ...lookedFor, name: 'vaapi' as const, usable: true, reason: 'is there' },
    ];
    const path = video('b.mp4', '-c:v', 'libx264');
    const { plan, frames, offline } = runCamera(cameraConfig({ type: 'file', path }), { probe });
    await waitFor('frames', () => frames.length > 3);
    expect(offline).toHaveLength(2);
    const { name, passedOver } = plan.decoder()!;
    expect(name).toBe('software');
    expect(passedOver.map((one) => `${one.name}: ${one.reason}`)).toEqual([
      'nvmpi: no Jetson',
      expect.stringMatching(/^v4l2m2m: delivered no frame: .*ffmpeg exited with code 1: /),
      expect.stringMatching(/^vaapi: delivered no frame: .*ffmpeg exited with code 1: /),
    ]);
  });

  needing('of a codec that a decoder does not know leaves that decoder out', async () => {
    const path = video('a.avi', '-c:v', 'mjpeg');
    const probe = async () => [{ ...h264, name: 'v4l2m2m' as const }];
    const config = cameraConfig({ type: 'file', path, pace: 'fast', loop: false });
    const { plan, running, offline } = runCamera(config, { probe });
    await running;
    expect(offline.map(({ code }) => code)).toEqual(['CAMERA_SOURCE_ENDED']);
    expect(plan.decoder()).toEqual({
      name: 'software',
      passedOver: [{ name: 'v4l2m2m', reason: 'it cannot decode mjpeg' }],
    });
  });
});

describe('the pace of a live camera', () => {
  /** Frames that come out of so many seconds at a rate; `filter` may disturb the timestamps. */
  const count = (rate: number, seconds: number, fps: number, filter = 'null'): number => {
    const detect = { width: 64, height: 64, fps };
    const source = `testsrc2=size=64x64:rate=${rate}:duration=${seconds},${filter}`;
    const input = ['-f', 'lavfi', '-i', source];
    const args = ffmpegArgs({ decoding: SOFTWARE, input, pace: livePace(detect), detect });
    const { stdout } = spawnSync('ffmpeg', args, { maxBuffer: 1 << 26 });
    return stdout.length / (64 * 64 * 1.5);
  };

  needing('is that asked for, from a faster camera, and that of the camera from a slower one', () => {
    expect(Math.abs(count(25, 4, 5) - 20)).toBeLessThanOrEqual(1);
    expect(count(5, 4, 5)).toBe(20);
    expect(count(2, 4, 5)).toBe(8);
    expect(Math.abs(count(30, 4, 2.5) - 10)).toBeLessThanOrEqual(1);
  });

  needing('repeats nothing when timestamps jump, forward or back, or tremble', () => {
    expect(count(25, 4, 5, "setpts='if(gt(N,50),PTS+36000/TB,PTS)'")).toBeLessThanOrEqual(22);
    expect(count(25, 4, 5, "setpts='if(gt(N,50),PTS-1/TB,PTS)'")).toBeGreaterThanOrEqual(15);
    expect(count(5, 4, 5, "settb=1/1000,setpts='PTS+40*(random(1)-0.5)'")).toBe(20);
  });
});

test('a recording that is not there is told in the words of ffmpeg', async () => {
  const { offline } = runCamera(cameraConfig({ type: 'file', path: '/nonexistent.mp4' }));
  const error = await waitFor('an error', () => offline[0]);
  expect(error.message).toContain('No such file or directory');
});

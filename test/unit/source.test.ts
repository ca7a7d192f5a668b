// The programs of sources: their argument lists, without starting them.
import { describe, expect, test } from 'vitest';
import { limitRange } from '../../daemon/camera/frame-range.ts';
import { frameBytesOf, sourcePlan } from '../../daemon/camera/source.ts';
import { argusArgs } from '../../daemon/camera/source-argus.ts';
import { recordedPace } from '../../daemon/camera/source-ffmpeg.ts';
import { rtspScript } from '../../daemon/camera/source-rtsp.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { CameraConfig, SourceOf } from '../../daemon/config/types.ts';

function camera(source: object): CameraConfig {
  return configSchema.parse({ cameras: { a: { source, detect: { width: 640, height: 360, fps: 2.5 } } } })
    .cameras['a']!;
}

const program = async (source: object) => sourcePlan(camera(source)).next();

test('a frame is 12 bits a pixel', () => {
  expect(frameBytesOf({ width: 1280, height: 720, fps: 5 })).toBe(1_382_400);
});

test('full range becomes limited: black 16, white 235, grey stays grey, colours 16 to 240', () => {
  const frame = Uint8Array.from([0, 255, 128, 64, 128, 1]);
  limitRange(frame);
  expect([...frame]).toEqual([16, 235, 126, 71, 128, 16]);
});

describe('the file source', () => {
  const file = { type: 'file', path: '/v/a.mp4', decoder: 'software' };

  test('in real time reads at the speed of the video and loops by default', async () => {
    const { args, ...rest } = await program(file);
    expect(rest).toMatchObject({ lossless: false, finite: false });
    expect(rest.frameIntervalMs).toBeUndefined();
    expect(args).toContain('-stream_loop');
    expect(args.join(' ')).toContain('fps=2.5,realtime=limit=2,scale=640:360');
  });

  test('of a slow rate waits longer for a frame than the filter does by itself', () => {
    const { early, late } = recordedPace({ width: 640, height: 360, fps: 0.2 }, 'realtime');
    expect([...early, ...late]).toEqual(['fps=0.2', 'realtime=limit=10']);
  });

  test('as fast as possible loses no frame and counts time by the video', async () => {
    const { args, ...rest } = await program({ ...file, pace: 'fast', loop: false });
    expect(rest).toMatchObject({ lossless: true, finite: true, frameIntervalMs: 400 });
    expect(args.join(' ')).not.toContain('realtime');
    expect(args).not.toContain('-stream_loop');
  });

  test('a path is never taken for an option or a URL', async () => {
    const { args } = await program({ ...file, path: '-y http://evil' });
    expect(args).toContain('file:-y http://evil');
  });
});

test('the scene source passes on every option of the picture', async () => {
  const happenings = ['cover@20-40', 'turn@60-61.5'];
  const picture = { time: 'night', lens: 'wide', seed: 7, noise: false, rain: true, happenings };
  const { args } = await program({ type: 'scene', ...picture });
  expect(args.slice(1)).toEqual(
    'scene --width 640 --height 360 --fps 2.5 --seed 7 --time night --lens wide --pace realtime --no-noise --rain --happening cover@20-40 --happening turn@60-61.5'.split(
      ' ',
    ),
  );
});

test('a quarter turn asks a Jetson camera for the sides the other way round', () => {
  const args = argusArgs(camera({ type: 'argus', flip: 'clockwise' }).source as SourceOf<'argus'>, {
    width: 640,
    height: 360,
    fps: 2.5,
  });
  expect(args).toContain('video/x-raw(memory:NVMM),width=360,height=640,framerate=2500/1000');
  expect(args).toContain('video/x-raw,format=I420,width=640,height=360');
});

describe('the script of the rtsp source', () => {
  const script = (source: object, timed = true): string =>
    rtspScript(camera({ type: 'rtsp', ...source }).source as SourceOf<'rtsp'>, timed);

  test('holds user and password, encoded so that no character of theirs means anything', () => {
    const said = script({ url: 'rtsp://cam:8554/a', user: 'us er', password: "p@s's/w:d%?#\n" });
    expect(said.split('\n')).toEqual([
      'ffconcat version 1.0',
      "file 'rtsp://us%20er:p%40s%27s%2Fw%3Ad%25%3F%23%0A@cam:8554/a?tcp'",
      'option timeout 5000000',
      '',
    ]);
  });

  test('keeps a query, and leaves a quote in an address without effect', () => {
    const said = script({ url: "rtsp://cam/a'b?channel=1", transport: 'udp', timeoutMs: 1000 }, false);
    expect(said).toBe("ffconcat version 1.0\nfile 'rtsp://cam/a'\\''b?channel=1&udp'\n");
  });
});

test('user and password in a URL are refused without being shown', () => {
  for (const source of [
    { type: 'rtsp', url: 'rtsp://me:hunter2@cam/a' },
    { type: 'rtsp', url: 'rtsp://me:hun/ter2@cam/a' },
    { type: 'http', url: 'https://me:hunter2@cam/a' },
    { type: 'http', url: 'file:///etc/passwd' },
  ]) {
    const result = configSchema.safeParse({ cameras: { a: { source } } });
    expect(result.error?.issues[0]?.message).toContain('user and password have keys of their own');
  }
});

import { describe, expect, test } from 'vitest';
import { fileProgram, frameBytesOf, sourceProgram } from '../../daemon/camera/source.ts';
import { configSchema } from '../../daemon/config/schema.ts';

function camera(source: object) {
  return configSchema.parse({ cameras: { a: { source, detect: { width: 640, height: 360, fps: 2.5 } } } })
    .cameras['a']!;
}

test('a frame is 12 bits a pixel', () => {
  expect(frameBytesOf({ width: 1280, height: 720, fps: 5 })).toBe(1_382_400);
});

describe('the file source', () => {
  const args = (source: object) =>
    fileProgram(
      { ...camera({ type: 'file', path: '/v/a.mp4', ...source }).source } as never,
      camera({ type: 'scene' }).detect,
      '/usr/bin/ffmpeg',
    );

  test('in real time reads at the speed of the video and loops by default', () => {
    const program = args({});
    expect(program).toMatchObject({ command: '/usr/bin/ffmpeg', lossless: false, finite: false });
    expect(program.frameIntervalMs).toBeUndefined();
    expect(program.args).toContain('-stream_loop');
    expect(program.args.join(' ')).toContain('fps=2.5,realtime,scale=640:360');
  });

  test('as fast as possible loses no frame and counts time by the video', () => {
    const program = args({ pace: 'fast', loop: false });
    expect(program).toMatchObject({ lossless: true, finite: true, frameIntervalMs: 400 });
    expect(program.args.join(' ')).not.toContain('realtime');
    expect(program.args).not.toContain('-stream_loop');
  });

  test('a path is never taken for an option or a URL', () => {
    expect(args({ path: '-y http://evil' }).args).toContain('file:-y http://evil');
  });
});

test('the scene source passes on every option of the picture', () => {
  const { args } = sourceProgram(camera({ type: 'scene', time: 'night', seed: 7, noise: false, rain: true }));
  expect(args.slice(1)).toEqual(
    'scene --width 640 --height 360 --fps 2.5 --seed 7 --time night --pace realtime --no-noise --rain'.split(
      ' ',
    ),
  );
});

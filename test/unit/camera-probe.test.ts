// What the doctor makes of a camera's trial: rate, silence, the last words of its program, a camera in other hands.
import { describe, expect, test } from 'vitest';
import { type CameraTrial, cameraFinding } from '../../daemon/camera/probe.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';

const { cameras } = configSchema.parse({ cameras: { door: { source: { type: 'scene' } } } });
const GOOD: CameraTrial = {
  frames: 16,
  firstFrameMs: 812.4,
  spanMs: 3000,
  picture: undefined,
  failure: undefined,
  decoder: undefined,
};

function finding(changes: Partial<CameraTrial>, daemonPid?: number) {
  return cameraFinding('door', cameras['door']!, { ...GOOD, ...changes }, daemonPid);
}

function ended(words: string, stderr = words): Partial<CameraTrial> {
  const message = `camera 'door': ffmpeg exited with code 1: ${words}; restarting`;
  const failure = new VedetteError('CAMERA_EXITED', message, { stderr });
  return { frames: 0, firstFrameMs: undefined, spanMs: 0, failure };
}

describe('a camera', () => {
  test('that delivers is well, with size, time, rate and decoder', () => {
    expect(finding({ decoder: { name: 'v4l2m2m', passedOver: [] } })).toMatchObject({
      level: 'ok',
      subject: 'door',
      message: '1280x720, first frame after 812 ms, 5.0 frames a second (asked for: 5), decoder: v4l2m2m',
    });
  });

  test('that is slow is a warning, from 70 % of the rate on it is well', () => {
    expect(finding({ frames: 11 })).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('3.3 frames'),
    });
    expect(finding({ frames: 13 })).toMatchObject({ level: 'ok' });
  });

  test('that sends nothing is a fault', () => {
    expect(finding({ frames: 0, firstFrameMs: undefined, spanMs: 0 })).toMatchObject({
      level: 'fault',
      message: expect.stringContaining('no frame after 15 s'),
    });
  });

  test('whose short video is played to its end is well, without a frame it is a fault', () => {
    const failure = new VedetteError('CAMERA_SOURCE_ENDED', "camera 'door': the source is over, played once");
    expect(finding({ frames: 1, spanMs: 0, failure })).toMatchObject({
      level: 'ok',
      message: expect.stringMatching(/, 1 frame$/),
    });
    expect(finding({ frames: 0, firstFrameMs: undefined, failure })).toMatchObject({ level: 'fault' });
  });

  test.each([
    ['/dev/video0: Permission denied', /check permissions/],
    ['Server returned 401 Unauthorized', /user and password/],
    ['/dev/video7: No such file or directory', /path or device/],
    ['Connection to tcp://10.0.0.9:554 failed: No route to host', /ping/],
    ['Invalid data found when processing input', /type of the source/],
    ['http://10.0.0.9/: the camera sent a page or a text, not a picture', /type of the source/],
    ['http://10.0.0.9/: the camera refuses the connection (is it on, is the port right)', /ping/],
    ['setpriv: failed to execute my-camera: No such file or directory', /install the program/],
    ['frames of 86400 bytes come instead of 345600 (has their size changed?)', /size of detect/],
    ['something new', /by hand/],
  ])('that ends with "%s" is a fault with advice', (words, advice) => {
    expect(finding(ended(words))).toMatchObject({
      level: 'fault',
      message: `ffmpeg exited with code 1: ${words}`,
      advice: expect.stringMatching(advice),
    });
  });

  test('that another program has is a fault; in the hands of the daemon that runs it is well', () => {
    const busy = ended('Input/output error', '/dev/video0: Device or resource busy\nInput/output error');
    expect(finding(busy)).toMatchObject({ level: 'fault', advice: expect.stringContaining('fuser') });
    expect(finding(busy, 4711)).toMatchObject({
      level: 'ok',
      message: expect.stringContaining('process 4711'),
    });
  });
});

// Pictures that somebody asks for: of the next frame, masked, and small enough for one message.
import { expect, test } from 'vitest';
import { ASKED_BYTES_MAX, AskedPictures } from '../../daemon/camera/asked-pictures.ts';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import type { AskedPicture } from '../../daemon/camera/messages.ts';
import { PictureRequests } from '../../daemon/camera/picture-requests.ts';
import { decodeJpeg, plainFrame } from '../support/pictures.ts';
import { SimClock } from '../support/sim-clock.ts';

const LEFT_HALF = {
  points: [
    [0, 0],
    [0.5, 0],
    [0.5, 1],
    [0, 1],
  ] as [number, number][],
};

function camera(detect: { width: number; height: number; fps: number }, quality = 80) {
  const pool = new FramePool(
    (detect.width * detect.height * 3) / 2,
    new MaskPainter(detect, { wall: LEFT_HALF }),
  );
  const pictures: AskedPicture[] = [];
  const onPicture = (picture: AskedPicture): void => void pictures.push(picture);
  const asked = new AskedPictures({ detect, quality, pool, encoder: undefined, onPicture });
  let count = 0;
  /** The program completes a frame; the detector takes it and gives it back, or leaves it waiting. */
  const frame = (bytes: Uint8Array, taken: boolean): void => {
    count += 1;
    pool.filling.bytes.set(bytes);
    pool.filling.atMs = count;
    pool.complete();
    const lent = taken ? pool.take() : undefined;
    asked.look();
    if (lent !== undefined) pool.release(lent);
  };
  return { asked, pictures, frame };
}

test('one picture is of the next frame after it was asked for, whoever else has it, with its masks', () => {
  const detect = { width: 128, height: 64, fps: 5 };
  const { asked, pictures, frame } = camera(detect);
  const white = plainFrame(detect, [235, 128, 128]);
  frame(white, true);
  expect(pictures).toEqual([]);
  for (const taken of [true, false]) {
    asked.want();
    asked.want();
    frame(white, taken);
    frame(white, taken);
  }
  expect(pictures.map(({ atMs }) => atMs)).toEqual([2, 4]);
  for (const { jpeg, width, height } of pictures) {
    expect({ width, height }).toEqual({ width: 128, height: 64 });
    const image = decodeJpeg(jpeg);
    expect(Math.max(...image.at(20, 32))).toBeLessThan(40);
    expect(Math.min(...image.at(100, 32))).toBeGreaterThan(220);
  }
});

test('a picture that is too large for a message is encoded again with less quality', () => {
  const detect = { width: 1920, height: 1088, fps: 5 };
  const { asked, pictures, frame } = camera(detect, 100);
  let state = 1;
  const noise = plainFrame(detect, [128, 128, 128]).map(() => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return 16 + ((state >>> 24) % 200);
  });
  asked.want();
  frame(noise, true);
  expect(pictures[0]!.jpeg.length).toBeLessThanOrEqual(ASKED_BYTES_MAX);
  expect(decodeJpeg(pictures[0]!.jpeg)).toMatchObject({ width: 1920, height: 1088 });
});

test('whoever asks while a picture is on its way gets the same; without a frame in time all get an error', async () => {
  const clock = new SimClock();
  const requests = new PictureRequests({ camera: 'porch', fps: 0.5, clock });
  let posted = 0;
  const ask = (): Promise<AskedPicture> =>
    requests.ask(() => {
      posted += 1;
    });
  const both = [ask(), ask()];
  const picture: AskedPicture = { jpeg: new Uint8Array(1), width: 2, height: 2, atMs: 7 };
  requests.take(picture);
  expect(await Promise.all(both)).toEqual([picture, picture]);
  expect(posted).toBe(1);
  // One that nobody waits for any more.
  requests.take(picture);

  const settled = Promise.allSettled([ask(), ask()]);
  await clock.advance(5999);
  expect(posted).toBe(2);
  await clock.advance(1);
  for (const outcome of await settled) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { code: 'CAMERA_NO_PICTURE', message: "camera 'porch': no frame came within 6000 ms" },
    });
  }
});

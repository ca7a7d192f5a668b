// Pictures that somebody asks for: of the next frame, masked, and small enough for one message.
import { expect, test } from 'vitest';
import { ASKED_BYTES_MAX, AskedPictures } from '../../daemon/camera/asked-pictures.ts';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import type { AskedPicture } from '../../daemon/camera/messages.ts';
import { decodeJpeg, plainFrame } from '../support/pictures.ts';

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

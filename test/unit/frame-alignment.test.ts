// The rule that finds a stream out of step, held against writers that are well and writers that are not.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameAlignment } from '../../daemon/camera/frame-alignment.ts';

const FRAME_BYTES = 64 * 64 * 24;
const BURSTS = 10;

/** Feeds bursts, each followed by a pause; the number of the burst after which the stream is said to be out of step. */
function judge(bursts: readonly number[], frameBytes = FRAME_BYTES): number | undefined {
  const alignment = new FrameAlignment(frameBytes);
  let total = 0;
  for (const [index, bytes] of bursts.entries()) {
    alignment.arrived(bytes >> 1);
    alignment.arrived(bytes - (bytes >> 1));
    total += bytes;
    if (alignment.paused(total % frameBytes)) return index + 1;
  }
  return undefined;
}

function repeat<T>(value: T, times: number): T[] {
  return Array.from({ length: times }, () => value);
}

describe('a stream in step', () => {
  test('whole frames, one or several at once, are never taken for another size', () => {
    const groups = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 30, maxLength: 100 });
    fc.assert(
      fc.property(groups, (counts) => judge(counts.map((count) => count * FRAME_BYTES)) === undefined),
    );
  });

  test('pauses within frames, wherever they are, do no harm where every fourth frame comes whole', () => {
    const places = fc.array(fc.integer({ min: 1, max: FRAME_BYTES - 1 }), { minLength: 30, maxLength: 200 });
    fc.assert(
      fc.property(places, (list) => {
        const bursts = list.flatMap((place, frame) =>
          frame % 4 === 0 ? [FRAME_BYTES] : [place, FRAME_BYTES - place],
        );
        return judge(bursts) === undefined;
      }),
    );
  });

  test('a program that writes through a buffer of 4096 bytes ends short of the frame, which is not within it', () => {
    const sizes = fc.integer({ min: 30_000, max: 400_000 });
    fc.assert(
      fc.property(sizes, (frameBytes) => {
        const ends = Array.from({ length: 201 }, (_, n) => Math.floor((n * frameBytes) / 4096) * 4096);
        return (
          judge(
            ends.slice(1).map((end, n) => end - ends[n]!),
            frameBytes,
          ) === undefined
        );
      }),
    );
  });
});

describe('a stream out of step', () => {
  test('frames of another size are found after twenty at most, if that is no multiple of ours', () => {
    const sizes = fc
      .integer({ min: FRAME_BYTES >> 3, max: FRAME_BYTES * 5 })
      .filter((bytes) => Math.abs(bytes - Math.round(bytes / FRAME_BYTES) * FRAME_BYTES) > 8192);
    fc.assert(
      fc.property(sizes, (bytes) => {
        expect(judge(repeat(bytes, 2 * BURSTS))).toBeLessThanOrEqual(2 * BURSTS);
      }),
    );
  });

  test.each([
    ['half the area', 1 / 2],
    ['a quarter, 1280x720 to 640x360', 1 / 4],
    ['4/9, 1280x720 to 854x480', 4 / 9],
    ['a third, 1280x720 to 640x480', 1 / 3],
    ['9/4, 1280x720 to 1920x1080', 9 / 4],
  ])('%s is found', (_name, ratio) => {
    expect(judge(repeat(FRAME_BYTES * ratio, 2 * BURSTS))).toBeLessThanOrEqual(2 * BURSTS);
  });

  test('bytes lost in a stream that was well for long are found', () => {
    const well = repeat(FRAME_BYTES, 995);
    expect(judge([...well, FRAME_BYTES - 20_000, ...repeat(FRAME_BYTES, 30)])).toBeGreaterThan(995);
  });
});

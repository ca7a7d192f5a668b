import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import type { Point } from '../../daemon/core/types.ts';

const SIZE = { width: 64, height: 32, fps: 5 };
const LUMA_BYTES = SIZE.width * SIZE.height;
/** Corners lie on this many steps a side: sixteenths of a pixel across, thirty-seconds down, exact in every number. */
const STEPS = 1024;

/** Values a camera can send, none of which is black or without colour. */
function noise(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => 20 + ((at * 31) % 100));
}

function painted(...polygons: readonly (readonly Point[])[]): Uint8Array {
  const masks = Object.fromEntries(
    polygons.map((points, index) => [`mask${index}`, { points: points as [number, number][] }]),
  );
  const frame = noise((LUMA_BYTES * 3) / 2);
  new MaskPainter(SIZE, masks).paint(frame);
  return frame;
}

/** In steps, so that all that follows is exact arithmetic on whole numbers. */
type Corner = readonly [x: number, y: number];

const cross = (a: Corner, b: Corner, p: Corner): number =>
  (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);

/** Whether two segments have a point in common. */
function meet(a: Corner, b: Corner, c: Corner, d: Corner): boolean {
  const between = (low: number, high: number, value: number): boolean =>
    Math.min(low, high) <= value && value <= Math.max(low, high);
  const on = (p: Corner, q: Corner, r: Corner): boolean =>
    cross(p, q, r) === 0 && between(p[0], q[0], r[0]) && between(p[1], q[1], r[1]);
  if (on(a, b, c) || on(a, b, d) || on(c, d, a) || on(c, d, b)) return true;
  const sides = (p: Corner, q: Corner, r: Corner, s: Corner): boolean =>
    Math.sign(cross(p, q, r)) * Math.sign(cross(p, q, s)) < 0;
  return sides(a, b, c, d) && sides(c, d, a, b);
}

/** How often the polygon goes around a point that is on none of its edges (D. Sunday, 2001). */
function windings(corners: readonly Corner[], p: Corner): number {
  let count = 0;
  for (const [index, a] of corners.entries()) {
    const b = corners[(index + 1) % corners.length]!;
    if (a[1] <= p[1] && b[1] > p[1] && cross(a, b, p) > 0) count += 1;
    if (a[1] > p[1] && b[1] <= p[1] && cross(a, b, p) < 0) count -= 1;
  }
  return count;
}

/** Whether the polygon touches the square of pixel x, y. */
function touches(corners: readonly Corner[], x: number, y: number): boolean {
  const [stepX, stepY] = [STEPS / SIZE.width, STEPS / SIZE.height];
  const [left, top, right, bottom] = [x * stepX, y * stepY, (x + 1) * stepX, (y + 1) * stepY];
  const square: Corner[] = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  const edgeInside = (a: Corner): boolean => left <= a[0] && a[0] <= right && top <= a[1] && a[1] <= bottom;
  const byEdge = corners.some((a, index) => {
    const b = corners[(index + 1) % corners.length]!;
    return edgeInside(a) || square.some((c, side) => meet(a, b, c, square[(side + 1) % 4]!));
  });
  return byEdge || windings(corners, [(left + right) / 2, (top + bottom) / 2]) !== 0;
}

const corner = fc.tuple(fc.integer({ min: 0, max: STEPS }), fc.integer({ min: 0, max: STEPS }));

describe('a privacy mask', () => {
  test('blackens exactly the pixels that its polygon touches, and their colour', () => {
    const polygons = fc.array(fc.array(corner, { minLength: 3, maxLength: 7 }), {
      minLength: 1,
      maxLength: 2,
    });
    fc.assert(
      fc.property(polygons, (list) => {
        const frame = painted(
          ...list.map((corners) => corners.map(([x, y]): Point => [x / STEPS, y / STEPS])),
        );
        const before = noise(frame.length);
        const expected = before.slice();
        for (let y = 0; y < SIZE.height; y += 1) {
          for (let x = 0; x < SIZE.width; x += 1) {
            if (!list.some((corners) => touches(corners, x, y))) continue;
            expected[y * SIZE.width + x] = 16;
            const chroma = (y >> 1) * (SIZE.width / 2) + (x >> 1);
            expected[LUMA_BYTES + chroma] = 128;
            expected[LUMA_BYTES * 1.25 + chroma] = 128;
          }
        }
        expect(Buffer.compare(frame, expected)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('of the whole frame leaves nothing of it', () => {
    const frame = painted([
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ]);
    expect(new Set(frame.subarray(0, LUMA_BYTES))).toEqual(new Set([16]));
    expect(new Set(frame.subarray(LUMA_BYTES))).toEqual(new Set([128]));
  });

  test('that is not there changes nothing', () => {
    expect(painted()).toEqual(noise((LUMA_BYTES * 3) / 2));
  });

  test('is painted into a frame before the pool hands it out', () => {
    const points: [number, number][] = [
      [0, 0],
      [0.5, 0],
      [0.5, 1],
      [0, 1],
    ];
    const pool = new FramePool((LUMA_BYTES * 3) / 2, new MaskPainter(SIZE, { left: { points } }));
    for (let round = 0; round < 10; round += 1) {
      pool.filling.bytes.fill(200);
      pool.complete();
      const frame = pool.take()!;
      for (let row = 0; row < SIZE.height; row += 1) {
        const line = frame.bytes.subarray(row * SIZE.width, (row + 1) * SIZE.width);
        expect(line.subarray(0, 32).every((value) => value === 16)).toBe(true);
        expect(line.subarray(33).every((value) => value === 200)).toBe(true);
      }
      pool.release(frame);
    }
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anchorOf, flatten, insidePolygon, iou, squaredDistanceToEdge } from '../../daemon/core/geometry.ts';
import type { Box, Point } from '../../daemon/core/types.ts';

const SQUARE: Point[] = [
  [0.2, 0.2],
  [0.6, 0.2],
  [0.6, 0.6],
  [0.2, 0.6],
];
/** Evenly spread: fc.double draws most of its numbers next to 0. */
const unit = fc.integer({ min: 0, max: 1_000_000 }).map((n) => n / 1_000_000);
const box: fc.Arbitrary<Box> = fc.record({ x: unit, y: unit, width: unit, height: unit });

describe('iou', () => {
  test('is 1/7 for two unit-quarter squares that share a quarter of each', () => {
    const a = { x: 0, y: 0, width: 0.2, height: 0.2 };
    const b = { x: 0.1, y: 0.1, width: 0.2, height: 0.2 };
    expect(iou(a, b)).toBeCloseTo(1 / 7, 10);
  });

  test('is 0 for boxes that only touch', () => {
    expect(iou({ x: 0, y: 0, width: 0.5, height: 1 }, { x: 0.5, y: 0, width: 0.5, height: 1 })).toBe(0);
  });

  test('is symmetric and within 0..1', () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        const value = iou(a, b);
        expect(value).toBeCloseTo(iou(b, a), 12);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});

describe('insidePolygon', () => {
  test('tells inside from outside, also for a concave polygon', () => {
    const arrow: Point[] = [
      [0, 0],
      [1, 0.5],
      [0, 1],
      [0.5, 0.5],
    ];
    expect(insidePolygon(0.4, 0.4, flatten(SQUARE))).toBe(true);
    expect(insidePolygon(0.7, 0.4, flatten(SQUARE))).toBe(false);
    expect(insidePolygon(0.2, 0.5, flatten(arrow))).toBe(false);
    expect(insidePolygon(0.7, 0.5, flatten(arrow))).toBe(true);
  });

  test('gives a point on the common edge of two zones to exactly one of them', () => {
    const right: Point[] = [
      [0.6, 0.2],
      [0.9, 0.2],
      [0.9, 0.6],
      [0.6, 0.6],
    ];
    fc.assert(
      fc.property(fc.double({ min: 0.21, max: 0.59, noNaN: true }), (y) => {
        expect(
          Number(insidePolygon(0.6, y, flatten(SQUARE))) + Number(insidePolygon(0.6, y, flatten(right))),
        ).toBe(1);
      }),
    );
  });
});

test('the distance from the edge of a polygon is to its nearest edge or corner, from inside and outside', () => {
  const square = flatten(SQUARE);
  expect(squaredDistanceToEdge(0.4, 0.1, square)).toBeCloseTo(0.01, 12);
  expect(squaredDistanceToEdge(0.1, 0.1, square)).toBeCloseTo(0.02, 12);
  expect(squaredDistanceToEdge(0.55, 0.4, square)).toBeCloseTo(0.0025, 12);
  expect(squaredDistanceToEdge(0.2, 0.3, square)).toBe(0);
});

test('an object is where the anchor of its box is: below, in the middle or above', () => {
  const box = { x: 0.25, y: 0.125, width: 0.5, height: 0.5 };
  expect(anchorOf(box, 'bottom')).toEqual([0.5, 0.625]);
  expect(anchorOf(box, 'centre')).toEqual([0.5, 0.375]);
  expect(anchorOf(box, 'top')).toEqual([0.5, 0.125]);
});

// A line with two sides: where a point lies, and which steps go through.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flatten, insidePolygon } from '../../daemon/core/geometry.ts';
import { LEFT, Polyline, RIGHT } from '../../daemon/core/polyline.ts';
import type { Point } from '../../daemon/core/types.ts';

/** Evenly spread: fc.double draws most of its numbers next to 0. */
const unit = fc.integer({ min: 0, max: 1_000_000 }).map((n) => n / 1_000_000);
const point: fc.Arbitrary<Point> = fc.tuple(unit, unit);
/** From left to right over the whole picture and beyond: nobody gets around its ends. */
const across = fc
  .array(unit, { minLength: 2, maxLength: 8 })
  .map((heights): Point[] => heights.map((y, i) => [-0.5 + (2 * i) / (heights.length - 1), y]));

describe('the side of a point', () => {
  test('is left or right of somebody who walks up the picture', () => {
    const up = new Polyline([
      [0.5, 0.9],
      [0.5, 0.1],
    ]);
    expect(up.sideOf(0.4, 0.5)).toBe(LEFT);
    expect(up.squaredDistance).toBeCloseTo(0.01, 12);
    expect(up.sideOf(0.6, 0.5)).toBe(RIGHT);
  });

  test('beyond an end is that of the piece gone on, and the distance is from the end itself', () => {
    const line = new Polyline([
      [0.3, 0.5],
      [0.7, 0.5],
    ]);
    expect(line.sideOf(0.9, 0.4)).toBe(LEFT);
    expect(line.squaredDistance).toBeCloseTo(0.05, 12);
    expect(line.sideOf(0.1, 0.6)).toBe(RIGHT);
  });

  test('behind a sharp corner is that of the corner, not of the piece gone on', () => {
    // A hairpin that points to the right: everything beyond its tip is outside.
    const hairpin = new Polyline([
      [0, 0.4],
      [0.5, 0.5],
      [0, 0.6],
    ]);
    for (const y of [0.35, 0.45, 0.5, 0.55, 0.65]) expect(hairpin.sideOf(0.6, y)).toBe(LEFT);
    expect(hairpin.sideOf(0.2, 0.5)).toBe(RIGHT);
  });

  test('of a line that ends where it begins is inside or outside', () => {
    // Corners on a circle around the middle, clockwise on the picture: inside is to the right.
    const ring = (turn: number): Point[] =>
      [0, 1, 2].map((corner): Point => {
        const angle = turn + (corner * 2 * Math.PI) / 3;
        return [0.5 + 0.3 * Math.cos(angle), 0.5 + 0.3 * Math.sin(angle)];
      });
    fc.assert(
      fc.property(unit, point, (part, [x, y]) => {
        const points = ring(part * 2 * Math.PI);
        const fence = new Polyline([...points, points[0]!]);
        const side = fence.sideOf(x, y);
        fc.pre(fence.squaredDistance > 1e-9);
        expect(side).toBe(insidePolygon(x, y, flatten(points)) ? RIGHT : LEFT);
      }),
      { numRuns: 1000 },
    );
  });

  test('changes when the line is walked the other way', () => {
    fc.assert(
      fc.property(across, point, (points, [x, y]) => {
        const line = new Polyline(points);
        const side = line.sideOf(x, y);
        fc.pre(line.squaredDistance > 1e-12);
        expect(new Polyline([...points].reverse()).sideOf(x, y)).toBe(-side);
      }),
    );
  });
});

describe('a step', () => {
  const line = new Polyline([
    [0.3, 0.5],
    [0.7, 0.5],
  ]);

  test('goes through the line itself, not through its extension', () => {
    expect(line.isCrossedBy(0.5, 0.4, 0.5, 0.6)).toBe(true);
    expect(line.isCrossedBy(0.5, 0.6, 0.5, 0.4)).toBe(true);
    expect(line.isCrossedBy(0.8, 0.4, 0.8, 0.6)).toBe(false);
    expect(line.isCrossedBy(0.5, 0.1, 0.5, 0.4)).toBe(false);
  });

  test('onto the line and one from it go through once together', () => {
    const through = (toY: number): number =>
      Number(line.isCrossedBy(0.5, 0.4, 0.5, 0.5)) + Number(line.isCrossedBy(0.5, 0.5, 0.5, toY));
    expect(through(0.6)).toBe(1);
    expect(through(0.4) % 2).toBe(0);
  });

  test('through a corner goes through once', () => {
    const bent = new Polyline([
      [0.2, 0.2],
      [0.5, 0.5],
      [0.8, 0.2],
    ]);
    expect(bent.isCrossedBy(0.5, 0.25, 0.5, 0.75)).toBe(true);
    expect(bent.isCrossedBy(0.5, 0.75, 0.5, 0.25)).toBe(true);
  });

  test('goes through exactly when it ends on the other side, where nobody gets around the ends', () => {
    fc.assert(
      fc.property(across, point, point, (points, [ax, ay], [bx, by]) => {
        const line = new Polyline(points);
        const from = line.sideOf(ax, ay);
        fc.pre(line.squaredDistance > 1e-12);
        const to = line.sideOf(bx, by);
        fc.pre(line.squaredDistance > 1e-12);
        expect(line.isCrossedBy(ax, ay, bx, by)).toBe(from !== to);
      }),
      { numRuns: 1000 },
    );
  });
});

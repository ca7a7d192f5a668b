// Which corners make no zone, which points make no line.
import { describe, expect, test } from 'vitest';
import { placeFaults } from '../../daemon/core/place-checks.ts';
import type { Point } from '../../daemon/core/types.ts';

const SQUARE: readonly Point[] = [
  [0.1, 0.1],
  [0.9, 0.1],
  [0.9, 0.9],
  [0.1, 0.9],
];

const zoneOf = (...points: Point[]) =>
  placeFaults({ cameras: { yard: { zones: { z: { points } }, masks: {}, lines: {} } } });
const lineOf = (points: readonly Point[], sides: readonly [string, string] = ['in', 'out'], margin = 0.01) =>
  placeFaults({ cameras: { yard: { zones: {}, masks: {}, lines: { l: { points, sides, margin } } } } });

test('a privacy mask is held to the same rules as a zone', () => {
  const masks = {
    sky: {
      points: [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ] as const,
    },
  };
  const faults = placeFaults({ cameras: { yard: { zones: {}, masks, lines: {} } } });
  expect(faults.map(({ path }) => path)).toEqual([['cameras', 'yard', 'masks', 'sky', 'points']]);
});

describe('a zone', () => {
  const PATH = ['cameras', 'yard', 'zones', 'z', 'points'];
  const flat = 'it has no area (its corners lie on a line or in one point)';

  test('on a line or in a point has no area', () => {
    expect(zoneOf([0, 0], [0.5, 0.5], [1, 1])).toEqual([{ path: PATH, message: flat }]);
    expect(zoneOf([0.5, 0.5], [0.5, 0.5], [0.5, 0.5])).toEqual([{ path: PATH, message: flat }]);
    expect(zoneOf([0, 0], [0.01, 0], [0.01, 0.01])).toEqual([]);
  });

  test('must not cross itself, in any of its edges', () => {
    const crossing = (a: number, b: number): object => ({
      path: PATH,
      message: `the edges from corner ${a} and from corner ${b} cross; give the corners in order around the zone`,
    });
    expect(zoneOf([0, 0], [1, 1], [1, 0], [0, 1])).toEqual([crossing(1, 3)]);
    expect(zoneOf([0, 0], [0, 1], [1, 0], [1, 1])).toEqual([crossing(2, 4)]);
    expect(zoneOf([0.5, 0], [0.8, 1], [0, 0.4], [1, 0.4], [0.2, 1])).toHaveLength(1);
  });

  test('may have a dent, run either way round and have corners on one line', () => {
    expect(zoneOf([0, 0], [0.5, 0.4], [1, 0], [1, 1], [0, 1])).toEqual([]);
    expect(zoneOf(...[...SQUARE].reverse())).toEqual([]);
    expect(zoneOf([0, 0], [0.5, 0], [1, 0], [1, 1], [0, 1])).toEqual([]);
  });
});

describe('a line', () => {
  const LINE = ['cameras', 'yard', 'lines', 'l'];
  const at = (message: string) => [{ path: [...LINE, 'points'], message }];

  test('may be bent, and may end where it began to turn', () => {
    expect(
      lineOf([
        [0, 0.5],
        [1, 0.5],
      ]),
    ).toEqual([]);
    expect(
      lineOf([
        [0, 0],
        [0.5, 0.5],
        [1, 0],
      ]),
    ).toEqual([]);
    expect(
      lineOf([
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ]),
    ).toEqual([]);
  });

  test('has no two points in one place, one after the other', () => {
    expect(
      lineOf([
        [0, 0.5],
        [0.3, 0.5],
        [0.3, 0.5],
      ]),
    ).toEqual(at('points 2 and 3 are the same; leave one out'));
  });

  test('does not cross itself or go back on itself', () => {
    const crossing =
      'the pieces from point 1 and from point 3 cross; a line with two sides cannot cross itself';
    expect(
      lineOf([
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ]),
    ).toEqual(at(crossing));
    const back = 'the line goes back on itself at point 2; a line with two sides cannot';
    expect(
      lineOf([
        [0, 0.5],
        [1, 0.5],
        [0.4, 0.5],
      ]),
    ).toEqual(at(back));
  });

  test('is not shorter than its margin', () => {
    expect(
      lineOf(
        [
          [0.5, 0.5],
          [0.52, 0.5],
        ],
        ['in', 'out'],
        0.05,
      ),
    ).toEqual(at('the line is 0.020 long, shorter than its margin of 0.05: nobody could be across it'));
  });

  test('has two sides with two names', () => {
    expect(
      lineOf(
        [
          [0, 0.5],
          [1, 0.5],
        ],
        ['in', 'in'],
      ),
    ).toEqual([
      { path: [...LINE, 'sides', 1], message: expect.stringContaining("both sides are called 'in'") },
    ]);
  });
});

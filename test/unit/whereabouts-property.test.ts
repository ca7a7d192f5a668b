// What holds of zones and lines whatever walks over them: no flicker below the margin, crossings that alternate, and the
// same answer however the places are drawn and in whatever order the tracks come.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Line, Places, Zone } from '../../daemon/core/rule-types.ts';
import type { Box, Observation, Point, TrackView } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { observation, trackView } from '../support/tracks.ts';

/** Evenly spread: fc.double draws most of its numbers next to 0. */
const unit = fc.integer({ min: 0, max: 1_000_000 }).map((n) => n / 1_000_000);
/** From -1 to 1. */
const swing = unit.map((n) => 2 * n - 1);
/** Points on a grid of 1/64, and boxes of 1/8: sums of them are exact, so that no rounding decides what is on an edge. */
const coarse = fc.integer({ min: 0, max: 64 }).map((n) => n / 64);
const point: fc.Arbitrary<Point> = fc.tuple(coarse, coarse);
const boxAt = ([x, y]: Point): Box => ({ x: x - 1 / 16, y: y - 1 / 8, width: 1 / 8, height: 1 / 8 });
const anchor = fc.constantFrom('bottom', 'centre', 'top');
const inertia = fc.integer({ min: 1, max: 4 });
const margin = unit.map((n) => n / 10);
const points = fc.array(point, { minLength: 3, maxLength: 8 });
const zone: fc.Arbitrary<Zone> = fc.record({ name: fc.constant('z'), points, anchor, inertia, margin });
/** Over the whole picture and beyond: nobody gets around its ends. */
const line: fc.Arbitrary<Line> = fc.record({
  name: fc.constant('l'),
  points: fc
    .array(unit, { minLength: 2, maxLength: 6 })
    .map((heights): Point[] => heights.map((y, i) => [-0.5 + (2 * i) / (heights.length - 1), y])),
  sides: fc.constant(['left', 'right'] as const),
  anchor,
  inertia,
  margin,
});
/** Where somebody is, or undefined: not seen. A track begins with being seen. */
const way = fc
  .tuple(point, fc.array(fc.option(point, { nil: undefined, freq: 5 }), { maxLength: 40 }))
  .map(([first, rest]): readonly (Point | undefined)[] => [first, ...rest]);

const whereabouts = (places: Partial<Places>): Whereabouts =>
  new Whereabouts(new Map([['porch', { zones: [], lines: [], ...places }]]));

function viewAt(id: number, at: Point | undefined): TrackView {
  return trackView({ id, box: boxAt(at ?? [0.5, 0.5]), ...(at === undefined ? { score: 0 } : {}) });
}

/** Zones and crossings of every look. */
function told(where: Whereabouts, looks: readonly (Point | undefined)[]) {
  return looks.map((at, i) => {
    const { zones, crossings } = where.observe(observation(i, [viewAt(1, at)]))[0]!;
    return { zones, crossings };
  });
}

test('a box that trembles by less than half the margin enters or leaves a zone once at most', () => {
  const trembling = fc.array(fc.tuple(swing, unit), { maxLength: 60 });
  fc.assert(
    fc.property(zone, point, trembling, (z, [x, y], steps) => {
      fc.pre(z.margin > 0.001);
      const looks = steps.map(([angle, far]): Point => {
        const radius = far * z.margin * 0.499;
        return [x + radius * Math.cos(angle * Math.PI), y + radius * Math.sin(angle * Math.PI)];
      });
      const stays = told(whereabouts({ zones: [z] }), looks).map(({ zones }) => zones.length);
      expect(stays.filter((n, i) => i > 0 && n !== stays[i - 1]).length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});

test('crossings of a line that nobody gets around alternate between its sides, and end where one stands', () => {
  fc.assert(
    fc.property(line, way, (l, looks) => {
      const crossings = told(whereabouts({ lines: [l] }), looks).flatMap((look) => look.crossings);
      for (const [i, { from, to }] of crossings.entries()) {
        expect(to).not.toBe(from);
        if (i > 0) expect(from).toBe(crossings[i - 1]!.to);
      }
    }),
    { numRuns: 500 },
  );
});

test('a line is crossed once by whoever stands steadily on one side and then on the other, whatever was between', () => {
  fc.assert(
    fc.property(line, unit, unit, fc.array(swing), (l, x, far, jitter) => {
      const flat: Line = {
        ...l,
        points: [
          [-0.5, 0.5],
          [1.5, 0.5],
        ],
        anchor: 'bottom',
      };
      const steady = (y: number): Point[] => Array.from({ length: 5 }, () => [x, y]);
      const off = flat.margin + 0.01 + far * 0.3;
      // Trembling on the line, never beyond its margin.
      const trembling = jitter.map((part): Point => [x, 0.5 + part * flat.margin * 0.99]);
      const looks = [...steady(0.5 - off), ...trembling, ...steady(0.5 + off)];
      const crossings = told(whereabouts({ lines: [flat] }), looks).flatMap((look) => look.crossings);
      expect(crossings).toEqual([{ line: 'l', from: 'left', to: 'right' }]);
    }),
  );
});

test('it does not matter where a polygon begins and which way round it runs', () => {
  fc.assert(
    fc.property(zone, way, fc.nat(), (z, looks, turn) => {
      const at = turn % z.points.length;
      const turned = { ...z, points: [...z.points.slice(at), ...z.points.slice(0, at)].reverse() };
      expect(told(whereabouts({ zones: [turned] }), looks)).toEqual(told(whereabouts({ zones: [z] }), looks));
    }),
  );
});

test('it does not matter where in the picture a place and its visitors are', () => {
  fc.assert(
    fc.property(zone, way, point, (z, looks, [dx, dy]) => {
      // Small and within the picture before and after: at its border objects are kept inside.
      const small = ([x, y]: Point): Point => [1 / 8 + x / 4, 1 / 8 + y / 4];
      const moved = (at: Point): Point => [small(at)[0] + dx / 2, small(at)[1] + dy / 2];
      const see = (put: (at: Point) => Point) =>
        told(
          whereabouts({ zones: [{ ...z, points: z.points.map(put) }] }),
          looks.map((at) => at && put(at)),
        );
      expect(see(moved)).toEqual(see(small));
    }),
  );
});

test('it does not matter in which order the tracks of a look come', () => {
  const crowd = fc.array(
    fc.array(fc.option(point, { nil: undefined, freq: 5 }), { minLength: 3, maxLength: 3 }),
  );
  fc.assert(
    fc.property(zone, line, crowd, (z, l, looks) => {
      const places = { zones: [z], lines: [l] };
      const [one, other] = [whereabouts(places), whereabouts(places)];
      const byTrack = (where: Whereabouts, seen: Observation) =>
        new Map(where.observe(seen).map(({ track, zones, crossings }) => [track.id, { zones, crossings }]));
      for (const [i, look] of looks.entries()) {
        const views = look.map((at, id) => viewAt(id, at));
        const straight = byTrack(one, observation(i, views));
        const reversed = byTrack(other, observation(i, [...views].reverse()));
        for (const [id, seen] of straight) expect(reversed.get(id)).toEqual(seen);
      }
    }),
  );
});

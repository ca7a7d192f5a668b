// Where objects are: zones entered and left, lines crossed, with inertia and margin.
import { describe, expect, test } from 'vitest';
import type { Line, Places, Zone } from '../../daemon/core/rule-types.ts';
import type { Point, TrackView } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { DOOR, observation, standing, trackView } from '../support/tracks.ts';

/** From left to right through the middle: above is to its left. */
const GATE: Line = {
  name: 'gate',
  points: [
    [0.2, 0.5],
    [0.8, 0.5],
  ],
  sides: ['street', 'garden'],
  anchor: 'bottom',
  inertia: 1,
  margin: 0.02,
};

const placesOf = (zones: readonly Zone[], lines: readonly Line[] = []): ReadonlyMap<string, Places> =>
  new Map([['porch', { zones, lines }]]);

/** A walk of one object: takes where it stands in each look (undefined: not seen), gives what is told of it. */
function walk(where: Whereabouts, points: readonly (Point | undefined)[], fields: Partial<TrackView> = {}) {
  let last: Point = points[0] ?? [0, 0];
  return points.map((point, i) => {
    last = point ?? last;
    const unseen = point === undefined ? { score: 0 } : {};
    const track = trackView({ id: 1, box: standing(...last), ...fields, ...unseen });
    const [sighting] = where.observe(observation(i, [track]));
    return { zones: sighting!.zones, crossings: sighting!.crossings };
  });
}
const zonesOn = (zone: Zone, points: readonly (Point | undefined)[]): string[] =>
  walk(new Whereabouts(placesOf([zone])), points).map(({ zones }) => zones.join());
const crossed = (line: Line, points: readonly (Point | undefined)[]): string[] =>
  walk(new Whereabouts(placesOf([], [line])), points).map(({ crossings }) =>
    crossings.map(({ from, to }) => `${from}>${to}`).join(),
  );
/** Looks one above the other at x. */
const at = (x: number, ...ys: number[]): Point[] => ys.map((y) => [x, y]);

describe('a zone', () => {
  test('is entered by the anchor that it names', () => {
    const box = { x: 0.6, y: 0.2, width: 0.1, height: 0.5 };
    const zonesOf = (anchor: Zone['anchor']) => {
      const where = new Whereabouts(placesOf([{ ...DOOR, anchor }]));
      return where.observe(observation(1, [trackView({ id: 1, box })]))[0]!.zones;
    };
    expect(zonesOf('bottom')).toEqual(['door']);
    expect(zonesOf('centre')).toEqual([]);
    expect(zonesOf('top')).toEqual([]);
  });

  test('that is drawn to the border holds who is cut off by it', () => {
    const box = { x: 0.9, y: 0.6, width: 0.2, height: 0.4 };
    const where = new Whereabouts(placesOf([DOOR]));
    expect(where.observe(observation(1, [trackView({ id: 1, box })]))[0]!.zones).toEqual(['door']);
    const corner = {
      ...DOOR,
      points: [
        [0, 0],
        [0.3, 0],
        [0.3, 0.3],
        [0, 0.3],
      ] satisfies Point[],
    };
    where.rearrange(placesOf([corner]));
    const beyond = { x: -0.2, y: -0.5, width: 0.3, height: 0.4 };
    expect(where.observe(observation(2, [trackView({ id: 2, box: beyond })]))[0]!.zones).toEqual(['door']);
  });

  test('holds who is first seen in it at once, confirmed or not', () => {
    const zone = { ...DOOR, inertia: 5 };
    expect(zonesOn(zone, at(0.7, 0.8))).toEqual(['door']);
    const where = new Whereabouts(placesOf([zone]));
    expect(walk(where, at(0.7, 0.8), { confirmed: false })[0]!.zones).toEqual(['door']);
  });

  test('is entered and left after so many looks in a row', () => {
    const zone = { ...DOOR, inertia: 2 };
    const looks = [0.4, 0.6, 0.4, 0.6, 0.6, 0.4, 0.6, 0.4, 0.4];
    const zones = ['', '', '', '', 'door', 'door', 'door', 'door', ''];
    expect(zonesOn(zone, at(0.7, ...looks))).toEqual(zones);
  });

  test('is left only the margin away from its edge', () => {
    const zone = { ...DOOR, margin: 0.05 };
    expect(zonesOn(zone, at(0.7, 0.6, 0.48, 0.46, 0.44, 0.46, 0.51))).toEqual([
      'door',
      'door',
      'door',
      '',
      '',
      'door',
    ]);
    // Near a corner it is the distance that counts, not how far above or beside.
    expect(
      zonesOn(zone, [
        [0.6, 0.6],
        [0.46, 0.46],
      ]),
    ).toEqual(['door', '']);
    expect(
      zonesOn(zone, [
        [0.6, 0.6],
        [0.47, 0.47],
      ]),
    ).toEqual(['door', 'door']);
  });

  test('is neither entered nor left while the object is not seen', () => {
    const where = new Whereabouts(placesOf([DOOR]));
    const see = (y: number, score: number) =>
      where.observe(observation(1, [trackView({ id: 1, score, box: standing(0.7, y) })]))[0]!.zones;
    expect(see(0.4, 0.9)).toEqual([]);
    expect(see(0.8, 0)).toEqual([]);
    expect(see(0.8, 0.9)).toEqual(['door']);
    expect(see(0.4, 0)).toEqual(['door']);
  });

  test('names come sorted, and a list that was given stays as it is', () => {
    const where = new Whereabouts(placesOf([{ ...DOOR, name: 'yard' }, DOOR]));
    const zones = where.observe(observation(1, [trackView({ id: 1, box: standing(0.7, 0.8) })]))[0]!.zones;
    where.observe(observation(2, [trackView({ id: 1, box: standing(0.7, 0.4) })]));
    expect(zones).toEqual(['door', 'yard']);
  });
});

describe('a line', () => {
  test('is crossed from one named side to the other', () => {
    expect(crossed(GATE, at(0.5, 0.4, 0.6))).toEqual(['', 'street>garden']);
    expect(crossed(GATE, at(0.5, 0.6, 0.4))).toEqual(['', 'garden>street']);
  });

  test('is crossed each time by somebody who paces over it', () => {
    const told = crossed(GATE, at(0.5, 0.4, 0.6, 0.4, 0.6)).filter((step) => step !== '');
    expect(told).toEqual(['street>garden', 'garden>street', 'street>garden']);
  });

  test('is crossed once by a box that trembles on it and then goes on', () => {
    const line = { ...GATE, inertia: 2 };
    const told = crossed(line, at(0.5, 0.4, 0.49, 0.51, 0.49, 0.53, 0.47, 0.53, 0.49, 0.56, 0.6, 0.62));
    expect(told.filter((step) => step !== '')).toEqual(['street>garden']);
    expect(told.lastIndexOf('street>garden')).toBe(9);
  });

  test('is not crossed by who walks around its end, and who does is known to be there', () => {
    const around: Point[] = [
      [0.5, 0.4],
      [0.9, 0.4],
      [0.9, 0.6],
      [0.5, 0.6],
    ];
    expect(crossed(GATE, around)).toEqual(['', '', '', '']);
    expect(crossed(GATE, [...around, [0.5, 0.4]])).toEqual(['', '', '', '', 'garden>street']);
  });

  test('is crossed anew by who went through, came back around its end before it counted, and goes again', () => {
    const back: Point[] = [
      [0.7, 0.4],
      [0.7, 0.6],
      [0.9, 0.6],
      [0.9, 0.4],
    ];
    const told = crossed({ ...GATE, inertia: 3 }, [...back, ...at(0.5, 0.4, 0.6, 0.6, 0.6)]);
    expect(told.filter((step) => step !== '')).toEqual(['street>garden']);
  });

  test('is crossed by a jump after looks in which the object was not seen', () => {
    expect(crossed(GATE, [[0.5, 0.2], undefined, undefined, [0.5, 0.8]])).toEqual([
      '',
      '',
      '',
      'street>garden',
    ]);
  });

  test('is not crossed by who is first seen on it', () => {
    expect(crossed(GATE, at(0.5, 0.49, 0.51, 0.6, 0.7))).toEqual(['', '', '', '']);
    expect(crossed(GATE, at(0.5, 0.49, 0.6, 0.4))).toEqual(['', '', 'garden>street']);
    // The first look beyond the margin settles, whatever the inertia.
    const slow = { ...GATE, inertia: 2 };
    expect(crossed(slow, at(0.5, 0.49, 0.4, 0.6, 0.6))).toEqual(['', '', '', 'street>garden']);
  });

  test('that is bent is crossed where it is, not where a straight one would be', () => {
    // An open square to the right: out through its open side is no crossing, back through its wall is one.
    const pen: Line = {
      ...GATE,
      points: [
        [0.8, 0.3],
        [0.4, 0.3],
        [0.4, 0.7],
        [0.8, 0.7],
      ],
    };
    expect(
      crossed(pen, [
        [0.6, 0.5],
        [0.95, 0.5],
        [0.95, 0.1],
        [0.6, 0.1],
      ]),
    ).toEqual(['', '', '', '']);
    expect(
      crossed(pen, [
        [0.6, 0.5],
        [0.6, 0.1],
      ]),
    ).toEqual(['', 'street>garden']);
  });

  test('and another can be crossed in one look', () => {
    const other: Line = {
      ...GATE,
      name: 'kerb',
      points: [
        [0.2, 0.55],
        [0.8, 0.55],
      ],
    };
    const where = new Whereabouts(placesOf([], [GATE, other]));
    expect(walk(where, at(0.5, 0.4, 0.7)).at(-1)!.crossings).toEqual([
      { line: 'gate', from: 'street', to: 'garden' },
      { line: 'kerb', from: 'street', to: 'garden' },
    ]);
  });
});

describe('a track', () => {
  test('with the number of one before, from a worker that was started again, is another', () => {
    const where = new Whereabouts(placesOf([{ ...DOOR, inertia: 3 }], [GATE]));
    walk(where, at(0.7, 0.4, 0.4));
    const [first] = walk(where, at(0.7, 0.8), { startedMonoMs: 90_000 });
    expect(first).toEqual({ zones: ['door'], crossings: [] });
  });

  test('is the same although history keeps its start to the millisecond only', () => {
    const where = new Whereabouts(placesOf([{ ...DOOR, inertia: 3 }]));
    walk(where, at(0.7, 0.4), { startedMonoMs: 1000.4 });
    expect(walk(where, at(0.7, 0.8), { startedMonoMs: 1001.2 })[0]!.zones).toEqual([]);
  });

  test('that has gone is forgotten', () => {
    const where = new Whereabouts(placesOf([{ ...DOOR, inertia: 3 }]));
    walk(where, at(0.7, 0.4));
    where.observe(observation(2, [], [1]));
    expect(walk(where, at(0.7, 0.8))[0]!.zones).toEqual(['door']);
  });
});

describe('other zones and lines', () => {
  test('hold for everybody at once, and what has not changed goes on', () => {
    const slow = { ...DOOR, inertia: 3 };
    const where = new Whereabouts(placesOf([slow], [GATE]));
    walk(where, at(0.7, 0.4, 0.8));
    where.rearrange(placesOf([slow, { ...slow, name: 'mat' }], [GATE]));
    expect(walk(where, [[0.7, 0.8]])).toEqual([{ zones: ['mat'], crossings: [] }]);
    expect(walk(where, [[0.7, 0.8]])).toEqual([{ zones: ['door', 'mat'], crossings: [] }]);
    where.rearrange(placesOf([], [{ ...GATE, name: 'kerb' }]));
    expect(walk(where, at(0.7, 0.8, 0.4))).toEqual([
      { zones: [], crossings: [] },
      { zones: [], crossings: [{ line: 'kerb', from: 'garden', to: 'street' }] },
    ]);
  });

  test('of a camera that has none are no zones and no lines', () => {
    const where = new Whereabouts(new Map());
    expect(walk(where, at(0.7, 0.8))).toEqual([{ zones: [], crossings: [] }]);
    where.rearrange(placesOf([DOOR]));
    expect(walk(where, at(0.7, 0.8))[0]!.zones).toEqual(['door']);
  });
});

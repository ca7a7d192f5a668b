// What `vedette check` says of zones and lines: enough to see that the names of two sides are swapped.
import { expect, test } from 'vitest';
import { describePlaces } from '../../daemon/cli/check-places.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { Polyline, RIGHT } from '../../daemon/core/polyline.ts';
import type { Point } from '../../daemon/core/types.ts';

function described(places: object): string[] {
  const porch = { source: { type: 'scene' }, ...places };
  return describePlaces(configSchema.parse({ cameras: { porch } }));
}

test('a zone is said with its part of the picture', () => {
  const zones = {
    door: {
      points: [
        [0.25, 0.5],
        [0.75, 0.5],
        [0.75, 1],
        [0.25, 1],
      ],
    },
    slot: {
      points: [
        [0.1, 0.1],
        [0.15, 0.1],
        [0.15, 0.2],
        [0.1, 0.2],
      ],
    },
  };
  expect(described({ zones })).toEqual([
    "camera 'porch': zone 'door' is 25 % of the picture",
    "camera 'porch': zone 'slot' is 0.5 % of the picture",
  ]);
});

test.each([
  [
    'to the right',
    [
      [0.1, 0.5],
      [0.9, 0.4],
    ],
    "'a' above it and 'b' below it",
    [0.5, 0.9],
  ],
  [
    'to the left',
    [
      [0.9, 0.5],
      [0.1, 0.5],
    ],
    "'a' below it and 'b' above it",
    [0.5, 0.1],
  ],
  [
    'up',
    [
      [0.5, 0.9],
      [0.6, 0.1],
    ],
    "'a' left of it and 'b' right of it",
    [0.9, 0.5],
  ],
  [
    'down',
    [
      [0.5, 0.1],
      [0.5, 0.9],
    ],
    "'a' right of it and 'b' left of it",
    [0.1, 0.5],
  ],
] as const)(
  'a line that goes %s is said with where its sides lie, as crossings see it',
  (_way, points, words, onB) => {
    const lines = { gate: { points, sides: ['a', 'b'] } };
    expect(described({ lines })).toEqual([`camera 'porch': line 'gate', ${words}`]);
    expect(new Polyline(points as readonly Point[]).sideOf(...(onB as Point))).toBe(RIGHT);
  },
);

test('a line that nearly comes back to where it began has no above and below', () => {
  const points = [
    [0.2, 0.2],
    [0.8, 0.2],
    [0.8, 0.8],
    [0.2, 0.8],
    [0.2, 0.3],
  ];
  expect(described({ lines: { pen: { points, sides: ['a', 'b'] } } })).toEqual([
    "camera 'porch': line 'pen', 'a' to the left of its way and 'b' to the right",
  ]);
});

test('a line that ends where it begins has an inside, as crossings see it', () => {
  const points: Point[] = [
    [0.2, 0.2],
    [0.8, 0.2],
    [0.8, 0.8],
    [0.2, 0.8],
    [0.2, 0.2],
  ];
  const words = (way: readonly Point[]) => described({ lines: { pen: { points: way, sides: ['a', 'b'] } } });
  expect(words(points)).toEqual(["camera 'porch': line 'pen', 'b' inside it and 'a' outside"]);
  expect(new Polyline(points).sideOf(0.5, 0.4)).toBe(RIGHT);
  expect(words([...points].reverse())).toEqual(["camera 'porch': line 'pen', 'a' inside it and 'b' outside"]);
});

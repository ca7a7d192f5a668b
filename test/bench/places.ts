// What it costs to know where everybody is, and to keep the book of events, for each track of each look: both run for every
// row of a backtest.
import { EventBook } from '../../daemon/core/events.ts';
import type { Places, Zone } from '../../daemon/core/rule-types.ts';
import type { Observation, Point } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { observation, standing, trackView } from '../support/tracks.ts';
import type { BenchLine } from './figures.ts';

const WARM_UP = 50_000;
const ROUNDS = 500_000;
/** Different looks; after the last the first comes again. */
const LOOKS = 4096;
/** A step of a walk, fractions of the frame: a person at five frames a second. */
const STEP = 0.02;

const STEADY = { anchor: 'bottom', inertia: 2, margin: 0.01 } as const;
const PLACES: Places = {
  zones: [zone('door', 0), zone('drive', 0.3)],
  lines: [
    {
      ...STEADY,
      name: 'gate',
      points: [
        [0.1, 0.55],
        [0.9, 0.5],
      ],
      sides: ['street', 'garden'],
    },
  ],
};

export async function benchPlaces(): Promise<BenchLine[]> {
  return [1, 10].flatMap((tracks) => {
    const looks = walk(tracks);
    const whereabouts = new Whereabouts(new Map([['porch', PLACES]]));
    const seeing = nanosecondsOf(looks, (seen) => whereabouts.observe(seen)) / tracks;
    const book = new EventBook({ newId: () => 'event' });
    const both = nanosecondsOf(looks, (seen) => book.observe(seen, whereabouts.observe(seen))) / tracks;
    const of = `${tracks} ${tracks === 1 ? 'track' : 'tracks'}, two zones, one line`;
    return [
      { what: `places: ${of}`, value: `${seeing.toFixed(0)} ns a track`, target: '≤ 1000 ns' },
      { what: `places: ${of}, and its event`, value: `${both.toFixed(0)} ns a track`, target: '' },
    ];
  });
}

function nanosecondsOf(looks: readonly Observation[], take: (seen: Observation) => void): number {
  for (let round = 0; round < WARM_UP; round += 1) take(looks[round % LOOKS]!);
  const startMs = systemClock.monoMs();
  for (let round = 0; round < ROUNDS; round += 1) take(looks[round % LOOKS]!);
  return ((systemClock.monoMs() - startMs) * 1e6) / ROUNDS;
}

/** Looks at so many objects that wander about the picture, each around a circle of its own. */
function walk(tracks: number): Observation[] {
  return Array.from({ length: LOOKS }, (_, look) =>
    observation(
      look,
      Array.from({ length: tracks }, (_, id) => trackView({ id, box: standing(...wanderer(id, look)) })),
    ),
  );
}

function wanderer(id: number, look: number): Point {
  const radius = 0.1 + (id % 5) * 0.08;
  const angle = (look * STEP) / radius + id;
  return [0.5 + radius * Math.cos(angle), 0.6 + radius * Math.sin(angle)];
}

function zone(name: string, right: number): Zone {
  const points: Point[] = [
    [0.3 + right, 0.6],
    [0.5 + right, 0.6],
    [0.55 + right, 0.9],
    [0.2 + right, 1],
  ];
  return { ...STEADY, name, points };
}

// The life of events: what is told when, that nothing waits for ever, and that every event ends once.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventBook, UPDATE_INTERVAL_MS_MIN } from '../../daemon/core/events.ts';
import type { EventChange, Observation, TrackView } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { DOOR, observation, placesOf, stampOf, standing, trackView } from '../support/tracks.ts';

const OUTSIDE = standing(0.2, 0.8);
const INSIDE = standing(0.7, 0.8);
const SECOND = UPDATE_INTERVAL_MS_MIN / 200;
const MAT = { ...DOOR, name: 'a-mat' };

function book() {
  let count = 0;
  const events = new EventBook({
    newId: () => {
      count += 1;
      return `event-${count}`;
    },
  });
  const whereabouts = new Whereabouts(placesOf([DOOR], ['porch', 'yard']));
  const take = (seen: Observation) => events.observe(seen, whereabouts.observe(seen));
  const see = (frame: number, ...tracks: TrackView[]) => take(observation(frame, tracks));
  return { events, whereabouts, take, see };
}

const car = (fields: Partial<TrackView> = {}): TrackView =>
  trackView({ id: 1, label: 'car', box: OUTSIDE, ...fields });

describe('a parked car', () => {
  test('is one event, and is told when it comes to rest and when it moves off', () => {
    const { see } = book();
    const hour = 18_000;
    const told = [...see(0, car())];
    for (let frame = 1; frame < hour; frame += 1) {
      told.push(...see(frame, car({ stationary: frame >= 100 && frame < hour - 50 })));
    }
    told.push(...see(hour));
    expect(told.map(({ type, stationary }) => [type, stationary])).toEqual([
      ['new', false],
      ['update', true],
      ['update', false],
      ['end', false],
    ]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(1);
  });

  test('that is not seen for a while is still there', () => {
    const { see } = book();
    see(0, car({ stationary: true }));
    for (let frame = 1; frame < 50; frame += 1) {
      expect(see(frame, car({ stationary: true, score: 0 }))).toEqual([]);
    }
    expect(see(50, car({ stationary: true }))).toEqual([]);
  });
});

describe('what changes within a second of the last telling', () => {
  test('is told when the second is over, by the next look', () => {
    const { see } = book();
    see(0, car());
    expect(see(1, car({ box: INSIDE }))).toEqual([]);
    expect(see(SECOND - 1, car({ box: INSIDE }))).toEqual([]);
    expect(see(SECOND, car({ box: INSIDE }))).toMatchObject([{ type: 'update', zones: ['door'] }]);
  });

  test('is told although the object is not seen any more', () => {
    const { see } = book();
    see(0, car());
    see(1, car({ box: INSIDE }));
    expect(see(SECOND, car({ box: INSIDE, score: 0 }))).toMatchObject([{ zones: ['door'] }]);
  });

  test('is told although nothing is seen any more, as of when it was due', () => {
    const { events, see } = book();
    see(0, car());
    see(1, car({ box: INSIDE }));
    expect(events.advance(stampOf(SECOND))).toEqual([]);
    const { atMs, monoMs } = stampOf(SECOND);
    expect(events.advance({ atMs: atMs + 250, monoMs: monoMs + 250 })).toMatchObject([
      { type: 'update', zones: ['door'], atMs, monoMs },
    ]);
    expect(events.advance(stampOf(100))).toEqual([]);
  });

  test('is told by the end at the latest', () => {
    const { see } = book();
    see(0, car());
    see(1, car({ box: INSIDE, stationary: true }));
    expect(see(2)).toMatchObject([
      { type: 'end', zones: ['door'], zonesEntered: ['door'], stationary: true, box: INSIDE },
    ]);
  });

  test('and is so no more is not told, but that it was in a zone is', () => {
    const { see } = book();
    see(0, car());
    see(1, car({ stationary: true }));
    see(2, car());
    expect(see(SECOND, car())).toEqual([]);
    see(SECOND + 1, car({ box: INSIDE }));
    expect(see(SECOND + 2, car({ box: INSIDE }))).toEqual([]);
    const moved = book();
    moved.see(0, car());
    moved.see(1, car({ box: INSIDE }));
    moved.see(2, car());
    expect(moved.see(SECOND, car())).toMatchObject([{ zones: [], zonesEntered: ['door'] }]);
  });
});

test('zones are named in the order in which they were entered', () => {
  const { see, whereabouts } = book();
  see(0, car({ box: INSIDE }));
  whereabouts.rearrange(placesOf([DOOR, MAT]));
  expect(see(SECOND, car({ box: INSIDE }))).toMatchObject([
    { zones: ['a-mat', 'door'], zonesEntered: ['door', 'a-mat'] },
  ]);
});

test('a camera worker that begins again ends the events of the one before, whether it says so or not', () => {
  const { see } = book();
  see(0, car(), car({ id: 2 }));
  const again = car({ startedMonoMs: 99_000, box: INSIDE });
  expect(see(10, again)).toMatchObject([
    { id: 'event-1', type: 'end', track: 1, zones: [] },
    { id: 'event-3', type: 'new', track: 1, zones: ['door'] },
    { id: 'event-2', type: 'end', track: 2 },
  ]);
});

// --- Whatever comes ---------------------------------------------------------------------------------------------------

/** One look: which tracks are there (number, which run of the worker), and what they are like. */
const view = fc
  .record({
    id: fc.integer({ min: 1, max: 3 }),
    run: fc.integer({ min: 0, max: 1 }),
    confirmed: fc.boolean(),
    stationary: fc.boolean(),
    inside: fc.boolean(),
    score: fc.constantFrom(0, 0.6, 0.9),
  })
  .map(({ run, inside, ...fields }) =>
    trackView({ ...fields, box: inside ? INSIDE : OUTSIDE, startedMonoMs: run * 10_000 }),
  );
const views = fc.uniqueArray(view, { maxLength: 3, selector: ({ id }) => id });
const steps = fc.array(
  fc.record({
    camera: fc.constantFrom('porch', 'yard'),
    afterMs: fc.integer({ min: 0, max: 1500 }),
    tracks: views,
    ended: fc.uniqueArray(fc.integer({ min: 1, max: 3 })),
  }),
  { maxLength: 40 },
);

function stampAt(ms: number) {
  return { frame: 1, atMs: 1_800_000_000_000 + ms, monoMs: 1000 + ms };
}

/** All that is told of these steps, with time passing in steps of `advanceMs` between them; at the end nobody is left. */
function story(
  all: typeof steps extends fc.Arbitrary<infer T> ? T : never,
  advanceMs: number,
): EventChange[] {
  const { events, take } = book();
  const told: EventChange[] = [];
  let ms = 0;
  const until = (end: number): void => {
    for (ms += advanceMs; ms < end; ms += advanceMs) told.push(...events.advance(stampAt(ms)));
    ms = end;
  };
  for (const { camera, afterMs, tracks, ended } of all) {
    until(ms + afterMs);
    told.push(...take({ ...observation(1, tracks, ended), camera, stamp: stampAt(ms) }));
  }
  until(ms + 3000);
  for (const camera of ['porch', 'yard']) {
    told.push(...take({ ...observation(1, []), camera, stamp: stampAt(ms) }));
  }
  return told;
}

test('every event is new once, then updated with a distance, and ends once', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 50, max: 900 }), (all, advanceMs) => {
      const told = story(all, advanceMs);
      for (const id of new Set(told.map((change) => change.id))) {
        const life = told.filter((change) => change.id === id);
        const types = life.map(({ type }) => type);
        expect(types).toEqual(['new', ...types.slice(1, -1).map(() => 'update'), 'end']);
        for (const [i, { type, monoMs }] of life.entries()) {
          const before = life[i - 1];
          if (before === undefined) continue;
          expect(monoMs - before.monoMs).toBeGreaterThanOrEqual(type === 'end' ? 0 : UPDATE_INTERVAL_MS_MIN);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('it does not matter how often time is said to pass', () => {
  const byEvent = (told: readonly EventChange[]) =>
    [...told].sort((a, b) => (a.id === b.id ? a.monoMs - b.monoMs : a.id < b.id ? -1 : 1));
  fc.assert(
    fc.property(steps, fc.integer({ min: 50, max: 900 }), (all, advanceMs) => {
      expect(byEvent(story(all, advanceMs))).toEqual(byEvent(story(all, Number.POSITIVE_INFINITY)));
    }),
    { numRuns: 500 },
  );
});

test('the tellings together say all there was: the last one is what the object was like last', () => {
  fc.assert(
    fc.property(fc.array(view, { minLength: 1, maxLength: 30 }), (looks) => {
      const { see } = book();
      const same = looks.map((look) => ({ ...look, id: 1, startedMonoMs: 0 }));
      const first = same.findIndex(({ confirmed }) => confirmed);
      fc.pre(first >= 0);
      for (const [i, look] of same.entries()) see(i, i >= first ? { ...look, confirmed: true } : look);
      // Unseen looks say nothing of where it is; the first one decides whether it is seen or not.
      const lastSeen = same.findLastIndex(({ score }, i) => score > 0 || i === 0);
      const [end] = see(looks.length);
      expect(end).toMatchObject({
        type: 'end',
        stationary: same.at(-1)!.stationary,
        zones: same[lastSeen]!.box === INSIDE ? ['door'] : [],
      });
    }),
  );
});

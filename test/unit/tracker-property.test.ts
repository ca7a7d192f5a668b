// What holds for the tracker whatever is found, in whatever order, and whatever the clock does.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRACKS_MAX, Tracker, type TrackStep } from '../../daemon/core/tracker.ts';
import type { Detection } from '../../daemon/core/types.ts';
import { person, stampOf, standing, TRACK_OPTIONS } from '../support/tracks.ts';

const side = fc.double({ min: -0.2, max: 0.9, noNaN: true });
const length = fc.double({ min: 0.02, max: 0.5, noNaN: true });
const detection: fc.Arbitrary<Detection> = fc.record({
  label: fc.constantFrom('person', 'cat', 'dog', 'car', 'truck'),
  score: fc.double({ min: 0.2, max: 1, noNaN: true }),
  box: fc.record({ x: side, y: side, width: length, height: length }),
});
const frames = fc.array(fc.array(detection, { maxLength: 10 }), { maxLength: 25 });

/** A look as somebody sees it who does not know in which order tracks are kept. */
function told({ tracks, ended }: TrackStep): unknown {
  return { tracks: [...tracks].sort((a, b) => a.id - b.id), ended };
}

test('the order of the boxes of one time changes nothing, ids included', () => {
  fc.assert(
    fc.property(frames, fc.infiniteStream(fc.nat(1000)), (looks, dice) => {
      const [one, other] = [new Tracker(TRACK_OPTIONS), new Tracker(TRACK_OPTIONS)];
      for (const [frame, found] of looks.entries()) {
        const shuffled = found
          .map((what) => ({ what, at: dice.next().value! }))
          .sort((a, b) => a.at - b.at)
          .map(({ what }) => what);
        expect(told(other.step(shuffled, stampOf(frame)))).toEqual(told(one.step(found, stampOf(frame))));
      }
    }),
    { numRuns: 100 },
  );
});

test('ids are never used again, end once, and no look tells a track that has ended', () => {
  fc.assert(
    fc.property(frames, (looks) => {
      const tracker = new Tracker({ ...TRACK_OPTIONS, lostMs: 400, unconfirmedLostMs: 200 });
      const known = new Set<number>();
      const gone = new Set<number>();
      let newest = 0;
      for (const [frame, found] of looks.entries()) {
        const { tracks, ended } = tracker.step(found, stampOf(frame));
        for (const id of ended) {
          expect([known.has(id), gone.has(id)]).toEqual([true, false]);
          gone.add(id);
        }
        for (const { id } of tracks) {
          expect(gone.has(id)).toBe(false);
          if (!known.has(id)) expect(id).toBeGreaterThan(newest);
          newest = Math.max(newest, id);
          known.add(id);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('no box and no clock makes it throw; what it tells are numbers, and no more tracks than TRACKS_MAX', () => {
  const any = fc.oneof(fc.double(), fc.double({ min: -1, max: 2 }), fc.constantFrom(0, 1e-300, 1e300, -0));
  const garbage = fc.record({
    label: fc.constantFrom('person', 'cat', 'dog', ''),
    score: any,
    box: fc.record({ x: any, y: any, width: any, height: any }),
  });
  const look = fc.record({
    found: fc.array(fc.oneof(garbage, detection), { maxLength: 130 }),
    // Standing still, going on, jumping far ahead and back.
    stepMs: fc.constantFrom(0, 200, 3000, 10_000_000, -500, -10_000_000),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 12 }), (looks) => {
      const tracker = new Tracker(TRACK_OPTIONS);
      let monoMs = 1000;
      for (const [frame, { found, stepMs }] of looks.entries()) {
        monoMs += stepMs;
        const { tracks } = tracker.step(found, { frame, atMs: monoMs, monoMs });
        expect(tracks.length).toBeLessThanOrEqual(TRACKS_MAX);
        for (const { box, velocity, scoreMedian, score } of tracks) {
          const numbers = [box.x, box.y, box.width, box.height, ...velocity, scoreMedian, score];
          expect(numbers.every(Number.isFinite)).toBe(true);
        }
      }
      tracker.expire(monoMs + 1e9);
      expect(tracker.finish().tracks).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('a clock that stands still or jumps leaves a track what it is, until it is longer unseen than its patience', () => {
  const tracker = new Tracker(TRACK_OPTIONS);
  const at = (monoMs: number, x: number) =>
    tracker
      .step([person(0.9, standing(x, 0.8))], { frame: 1, atMs: monoMs, monoMs })
      .tracks.map(({ id }) => id);
  expect(at(1000, 0.5)).toEqual([1]);
  expect(at(1000, 0.505)).toEqual([1]);
  expect(at(400, 0.51)).toEqual([1]);
  expect(at(1200, 0.515)).toEqual([1]);
  // Nobody looked for ten hours.
  expect(at(36_000_000, 0.52)).toEqual([2]);
});

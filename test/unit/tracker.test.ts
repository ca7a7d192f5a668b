import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TRACKS_MAX, Tracker } from '../../daemon/core/tracker.ts';
import { TRACK_OPTIONS as OPTIONS, person, stampOf, standing } from '../support/tracks.ts';

/** A person walking to the right, one score per frame; undefined is a frame without a detection. */
function walk(tracker: Tracker, scores: readonly (number | undefined)[], from = 1) {
  return scores.map((score, index) => {
    const frame = from + index;
    const box = standing(0.2 + 0.01 * frame, 0.8);
    return tracker.step(score === undefined ? [] : [person(score, box)], stampOf(frame));
  });
}

describe('confirmation', () => {
  test('one high score confirms nothing, two do', () => {
    const steps = walk(new Tracker(OPTIONS), [0.9, 0.9]);
    expect(steps.map((step) => step.tracks[0]?.confirmed)).toEqual([false, true]);
  });

  test('the median of the last scores decides, not the best one', () => {
    const steps = walk(new Tracker(OPTIONS), [0.99, 0.55, 0.58, 0.55, 0.57]);
    expect(steps.at(-1)?.tracks[0]).toMatchObject({ confirmed: false, scoreMedian: 0.57 });
  });

  test('a score below scoreMin counts as a miss but keeps the track alive', () => {
    const steps = walk(new Tracker(OPTIONS), [0.9, 0.4, 0.4, 0.4]);
    expect(steps.at(-1)?.tracks).toHaveLength(1);
    expect(steps.at(-1)?.tracks[0]).toMatchObject({ id: 1, confirmed: false, scoreMedian: 0, score: 0.4 });
  });

  test('confirmed once is confirmed, whatever comes after', () => {
    const steps = walk(new Tracker(OPTIONS), [0.9, 0.9, 0.9, undefined, 0.3, 0.3, 0.3, 0.3]);
    expect(steps.at(-1)?.tracks[0]).toMatchObject({ id: 1, confirmed: true, scoreMedian: 0 });
  });

  test('each label has its own threshold', () => {
    const tracker = new Tracker({ ...OPTIONS, threshold: (label) => (label === 'cat' ? 0.95 : 0.6) });
    const box = standing(0.5, 0.5);
    let last = tracker.step([], stampOf(0));
    for (let frame = 1; frame <= 5; frame += 1) {
      last = tracker.step([person(0.9, box), { label: 'cat', score: 0.9, box }], stampOf(frame));
    }
    expect(last.tracks.map(({ label, confirmed }) => [label, confirmed])).toEqual([
      ['cat', false],
      ['person', true],
    ]);
  });
});

describe('matching', () => {
  test('a walking person keeps one id over a gap shorter than lostMs', () => {
    const steps = walk(new Tracker(OPTIONS), [0.9, 0.9, undefined, undefined, undefined, 0.9]);
    expect(steps.map((step) => step.tracks.map((track) => track.id))).toEqual([[1], [1], [1], [1], [1], [1]]);
    expect(steps[3]?.tracks[0]?.score).toBe(0);
  });

  test('a track not seen for longer than lostMs ends once', () => {
    const steps = walk(new Tracker(OPTIONS), [0.9, 0.9, ...new Array(14).fill(undefined)]);
    expect(steps.flatMap((step) => step.ended)).toEqual([1]);
    expect(steps.at(-1)?.tracks).toEqual([]);
  });

  test('a low score never begins a track', () => {
    expect(new Tracker(OPTIONS).step([person(0.49, standing(0.5, 0.5))], stampOf(1)).tracks).toEqual([]);
  });

  test('two people side by side keep their ids', () => {
    const tracker = new Tracker(OPTIONS);
    const seen: number[][] = [];
    for (let frame = 1; frame <= 10; frame += 1) {
      const left = person(0.8, standing(0.3 + 0.01 * frame, 0.8));
      const right = person(0.9, standing(0.36 + 0.01 * frame, 0.8));
      const { tracks } = tracker.step(frame % 2 === 0 ? [left, right] : [right, left], stampOf(frame));
      seen.push([...tracks].sort((a, b) => a.box.x - b.box.x).map((track) => track.id));
    }
    expect(new Set(seen.map((ids) => ids.join()))).toHaveProperty('size', 1);
  });

  test('the velocity of a steady walk is found in fractions of the frame per second', () => {
    const steps = walk(new Tracker(OPTIONS), new Array(20).fill(0.9));
    expect(steps.at(-1)?.tracks[0]?.velocity[0]).toBeCloseTo(0.05, 3);
    expect(steps.at(-1)?.tracks[0]?.velocity[1]).toBeCloseTo(0, 6);
  });
});

describe('without frames', () => {
  test('expire ends what is overdue and nothing else', () => {
    const tracker = new Tracker(OPTIONS);
    walk(tracker, [0.9, 0.9]);
    const seenMs = stampOf(2).monoMs;
    expect(tracker.expire(seenMs + 1999).ended).toEqual([]);
    expect(tracker.expire(seenMs + 2001).ended).toEqual([1]);
  });

  test('expire leaves to the frames what frames can show gone', () => {
    const tracker = new Tracker(OPTIONS);
    walk(tracker, [0.9, 0.9, undefined]);
    expect(tracker.expire(stampOf(2).monoMs + 2001).ended).toEqual([]);
    expect(tracker.expire(stampOf(3).monoMs + 2001).ended).toEqual([1]);
  });

  test('finish ends everything', () => {
    const tracker = new Tracker(OPTIONS);
    walk(tracker, [0.9]);
    expect(tracker.finish()).toEqual({ tracks: [], ended: [1] });
  });
});

test('the order of the detections of one frame changes nothing, ids end once and are bounded', () => {
  const unit = fc.double({ min: 0, max: 0.8, noNaN: true });
  const detection = fc.record({
    label: fc.constantFrom('person', 'dog'),
    score: fc.double({ min: 0.2, max: 1, noNaN: true }),
    box: fc.record({ x: unit, y: unit, width: fc.constant(0.15), height: fc.constant(0.2) }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(detection, { maxLength: 8 }), { maxLength: 20 }), (frames) => {
      const forward = new Tracker(OPTIONS);
      const backward = new Tracker(OPTIONS);
      const ended: number[] = [];
      for (const [frame, detections] of frames.entries()) {
        const one = forward.step(detections, stampOf(frame));
        const two = backward.step([...detections].reverse(), stampOf(frame));
        ended.push(...one.ended);
        const key = (step: typeof one) =>
          step.tracks.map((track) => `${track.label} ${track.score} ${track.box.x} ${track.box.y}`).sort();
        expect(key(two)).toEqual(key(one));
        expect(one.tracks.length).toBeLessThanOrEqual(TRACKS_MAX);
      }
      expect(new Set(ended).size).toBe(ended.length);
    }),
    { numRuns: 60 },
  );
});

test('more objects than TRACKS_MAX start no more tracks', () => {
  const many = Array.from({ length: TRACKS_MAX + 20 }, (_, index) =>
    person(0.9, { x: (index % 10) / 10, y: Math.floor(index / 10) / 10, width: 0.05, height: 0.05 }),
  );
  expect(new Tracker(OPTIONS).step(many, stampOf(1)).tracks).toHaveLength(TRACKS_MAX);
});

import { describe, expect, test } from 'vitest';
import { TRACKS_MAX, Tracker } from '../../daemon/core/tracker.ts';
import type { Box, Detection } from '../../daemon/core/types.ts';
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

  test('of two who pass each other between two looks, the near one is near afterwards too', () => {
    const tracker = new Tracker(OPTIONS);
    const pair = (near: number, far: number): Detection[] => [
      person(0.8, standing(near, 0.9, 0.1, 0.5)),
      person(0.9, standing(far, 0.75, 0.1, 0.3)),
    ];
    const before = tracker.step(pair(0.46, 0.54), stampOf(1)).tracks;
    const after = tracker.step(pair(0.52, 0.48), stampOf(2)).tracks;
    for (const [index, { id, box }] of before.entries())
      expect(after[index]).toMatchObject({ id, box: { height: box.height } });
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

  test('who is still waited for when another has ended is told of as not seen', () => {
    const tracker = new Tracker(OPTIONS);
    const [left, right] = [standing(0.2, 0.8), standing(0.8, 0.8)];
    for (let frame = 1; frame <= 60; frame += 1) tracker.step([person(0.9, left)], stampOf(frame));
    tracker.step([person(0.9, left), person(0.8, right)], stampOf(61));
    const { tracks, ended } = tracker.expire(stampOf(61).monoMs + 2001);
    expect(ended).toEqual([2]);
    expect(tracks).toEqual([
      expect.objectContaining({ id: 1, stationary: true, score: 0, scoreMedian: 0.9, unlooked: true }),
    ]);
    expect(tracker.step([person(0.7, left)], stampOf(75)).tracks).toMatchObject([{ id: 1, score: 0.7 }]);
  });

  test('finish ends everything', () => {
    const tracker = new Tracker(OPTIONS);
    walk(tracker, [0.9]);
    expect(tracker.finish()).toEqual({ tracks: [], ended: [1] });
  });
});

test('ids go on from those of a tracker before', () => {
  const tracker = new Tracker(OPTIONS, 41);
  expect(tracker.step([person(0.9, standing(0.5, 0.5))], stampOf(1)).tracks).toMatchObject([{ id: 42 }]);
});

describe('labels', () => {
  const box = { x: 0.4, y: 0.6, width: 0.15, height: 0.1 };
  const named = (label: string, score = 0.8): Detection => ({ label, score, box });

  test('an animal with changing names is one track, called what most scores say and, once confirmed, that for good', () => {
    const tracker = new Tracker({ ...OPTIONS, threshold: () => 0.7 });
    const looks = ['dog', 'cat', 'cat', 'dog', 'dog', 'dog', 'dog', 'dog'].map((label, frame) =>
      tracker.step([named(label, label === 'dog' ? 0.75 : 0.9)], stampOf(frame)),
    );
    expect(looks.at(-1)?.tracks).toMatchObject([{ id: 1, label: 'cat', confirmed: true }]);
    const other = new Tracker({ ...OPTIONS, threshold: () => 0.7 });
    const votes = ['dog', 'cat', 'cat', 'cat', 'dog'].map((label, frame) =>
      other.step([named(label, frame === 0 ? 0.6 : 0.69)], stampOf(frame)),
    );
    expect(votes.at(-1)?.tracks).toMatchObject([{ id: 1, label: 'cat', confirmed: false }]);
  });

  test('an animal with two names in one look is one track', () => {
    const tracker = new Tracker(OPTIONS);
    let last = tracker.step([named('cat'), named('dog', 0.7)], stampOf(0));
    for (let frame = 1; frame < 5; frame += 1)
      last = tracker.step([named('cat'), named('dog', 0.7)], stampOf(frame));
    expect(last.tracks).toMatchObject([{ id: 1, label: 'cat' }]);
  });

  test('labels that are no look-alikes never mix', () => {
    const tracker = new Tracker(OPTIONS);
    tracker.step([named('person')], stampOf(0));
    const { tracks } = tracker.step([named('dog')], stampOf(1));
    expect(tracks.map(({ id, label, score }) => [id, label, score])).toEqual([
      [1, 'person', 0],
      [2, 'dog', 0.8],
    ]);
  });
});

describe('bounds', () => {
  const tall = standing(0.5, 0.8, 0.1, 0.4);
  const flat = standing(0.5, 0.8, 0.4, 0.1);

  test('a box that is too small, too large or of another shape is passed over, of that label alone', () => {
    const bounds = { person: { heightMin: 0.2, widthMax: 0.3, aspectMax: 1 } };
    const begun = (detection: Detection): number =>
      new Tracker({ ...OPTIONS, bounds }).step([detection], stampOf(1)).tracks.length;
    expect(begun(person(0.9, tall))).toBe(1);
    expect(begun(person(0.9, flat))).toBe(0);
    expect(begun(person(0.9, standing(0.5, 0.8, 0.05, 0.1)))).toBe(0);
    expect(begun(person(0.9, standing(0.5, 0.8, 0.35, 0.7)))).toBe(0);
    expect(begun({ ...person(0.9, flat), label: 'dog' })).toBe(1);
  });

  test('the shape is as it looks, not in fractions; at the border it is not asked', () => {
    const bounds = { person: { aspectMax: 1 } };
    const begun = (box: Box, frameAspect: number): number =>
      new Tracker({ ...OPTIONS, bounds, frameAspect }).step([person(0.9, box)], stampOf(1)).tracks.length;
    const square = standing(0.5, 0.8, 0.2, 0.3);
    expect([begun(square, 1), begun(square, 16 / 9)]).toEqual([1, 0]);
    expect(begun(standing(0.5, 1, 0.4, 0.1), 1)).toBe(1);
  });
});

describe('at the border', () => {
  test('who walks out is not who comes in there half a second later', () => {
    const tracker = new Tracker(OPTIONS);
    for (let frame = 0; frame < 15; frame += 1) {
      const right = 0.4 - 0.03 * frame;
      const left = Math.max(0, right - 0.1);
      const box = { x: left, y: 0.4, width: right - left, height: 0.4 };
      tracker.step(right > 0.02 ? [person(0.9, box)] : [], stampOf(frame));
    }
    const { tracks } = tracker.step([person(0.9, { x: 0, y: 0.4, width: 0.05, height: 0.4 })], stampOf(15));
    expect(tracks.find(({ score }) => score > 0)?.id).toBe(2);
  });

  test('two who come in one behind the other are two tracks from the first look on', () => {
    const tracker = new Tracker(OPTIONS);
    const ids = new Set<number>();
    for (let frame = 0; frame < 15; frame += 1) {
      const found = [0.05 * frame, 0.05 * frame - 0.08]
        .map((right) => ({ x: Math.max(0, right - 0.06), y: 0.4, width: Math.min(0.06, right), height: 0.3 }))
        .filter(({ width }) => width > 0.01)
        .map((box) => person(0.9, box));
      for (const { id } of tracker.step(found, stampOf(frame)).tracks) ids.add(id);
    }
    expect([...ids]).toEqual([1, 2]);
  });
});

test('more objects than TRACKS_MAX start no more tracks', () => {
  const many = Array.from({ length: TRACKS_MAX + 20 }, (_, index) =>
    person(0.9, { x: (index % 10) / 10, y: Math.floor(index / 10) / 10, width: 0.05, height: 0.05 }),
  );
  expect(new Tracker(OPTIONS).step(many, stampOf(1)).tracks).toHaveLength(TRACKS_MAX);
});

// Who stood still and sets out is the same object, and is not waited for where it stood.
import { expect, test } from 'vitest';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Detection } from '../../daemon/core/types.ts';
import { Random } from '../../daemon/scene/random.ts';
import { TRACK_OPTIONS as OPTIONS, person, stampOf, standing } from '../support/tracks.ts';

const STANDS = standing(0.5, 0.8, 0.08);
const RESTED = 60;

/** Somebody who has stood for twelve seconds, at 5 frames a second. */
function rested(): Tracker {
  const tracker = new Tracker(OPTIONS);
  for (let frame = 1; frame < RESTED; frame += 1) tracker.step([person(0.9, STANDS)], stampOf(frame));
  const [track] = tracker.step([person(0.9, STANDS)], stampOf(RESTED)).tracks;
  expect(track).toMatchObject({ id: 1, stationary: true });
  return tracker;
}

test('somebody who stood and walks off with a look missed in between keeps the id, and is at rest no more', () => {
  const tracker = rested();
  const steps = [0.03, 0.06, undefined, 0.13, 0.16, 0.2, 0.24, 0.28, 0.32, 0.36].map((way, index) => {
    const found: Detection[] = way === undefined ? [] : [person(0.9, standing(0.5 + way, 0.8, 0.08))];
    return tracker.step(found, stampOf(RESTED + 1 + index));
  });
  expect(steps.map(({ tracks }) => tracks.map(({ id }) => id))).toEqual(steps.map(() => [1]));
  expect(steps.at(-1)?.tracks[0]?.stationary).toBe(false);
});

test('somebody who stood and is gone within a second from there is given up after lostMs', () => {
  const tracker = rested();
  for (const [index, way] of [0.03, 0.06, 0.1].entries())
    tracker.step([person(0.9, standing(0.5 + way, 0.8, 0.08))], stampOf(RESTED + 1 + index));
  const lost = Array.from({ length: 12 }, (_, index) => tracker.step([], stampOf(RESTED + 4 + index)));
  expect(lost.flatMap(({ ended }) => ended)).toEqual([1]);
});

test('what is at rest and is hidden bit by bit is waited for, and passers-by are not taken for it', () => {
  const tracker = rested();
  const { x, y, width, height } = STANDS;
  for (const [index, share] of [0.8, 0.6, 0.45].entries())
    tracker.step(
      [person(0.9, { x: x + width * (1 - share), y, width: width * share, height })],
      stampOf(RESTED + 1 + index),
    );
  const hidden = Array.from({ length: 60 }, (_, index) =>
    tracker.step([person(0.9, standing(0.05 + index * 0.015, 0.85, 0.09))], stampOf(RESTED + 4 + index)),
  );
  expect(hidden.flatMap(({ ended }) => ended)).toEqual([]);
  const back = tracker.step([person(0.9, STANDS)], stampOf(RESTED + 64));
  expect(back.tracks.find(({ id }) => id === 1)).toMatchObject({ score: 0.9, box: STANDS });
});

test('a weak box over half of what is at rest moves nothing', () => {
  const tracker = rested();
  const { x, y, width, height } = STANDS;
  const half = person(0.3, { x: x + width / 2, y, width: width / 2, height });
  for (let frame = RESTED + 1; frame <= RESTED + 25; frame += 1) {
    const [track] = tracker.step([half], stampOf(frame)).tracks;
    expect(track).toMatchObject({ id: 1, stationary: true, score: 0.3, box: STANDS });
  }
});

test('what is at rest is itself after seconds without a look, though half of it was seen last', () => {
  const tracker = rested();
  const { x, y, width, height } = STANDS;
  tracker.step([person(0.9, { x, y, width: 0.4 * width, height })], stampOf(RESTED + 1));
  for (let frame = RESTED + 2; frame <= RESTED + 40; frame += 1) tracker.pass(stampOf(frame).monoMs);
  const { tracks } = tracker.step([person(0.9, STANDS)], stampOf(RESTED + 41));
  expect(tracks.map(({ id }) => id)).toEqual([1]);
});

test('who stops just short of a step away from where it slowed down is at rest after stationaryS, however its box trembles', () => {
  const random = new Random(7);
  for (let off = 0.22; off < 0.26; off += 0.002) {
    const tracker = new Tracker(OPTIONS);
    // In sizes of the object: sqrt(width · height), in heights of the frame.
    const size = Math.sqrt(0.08 * OPTIONS.frameAspect * 0.3) / OPTIONS.frameAspect;
    let restedAt = 0;
    for (let frame = 1; frame <= 80; frame += 1) {
      const trembling = random.range(-0.06, 0.06);
      const x = 0.4 + (frame < 4 ? 0 : off * size) + trembling * size;
      const { tracks } = tracker.step([person(0.9, standing(x, 0.8, 0.08))], stampOf(frame));
      if (tracks[0]?.stationary && restedAt === 0) restedAt = frame;
    }
    expect(restedAt, `${off.toFixed(3)} sizes`).toBeGreaterThanOrEqual(50);
    expect(restedAt, `${off.toFixed(3)} sizes`).toBeLessThanOrEqual(65);
  }
});

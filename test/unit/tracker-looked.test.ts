import { describe, expect, test } from 'vitest';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Box } from '../../daemon/core/types.ts';
import { TRACK_OPTIONS as OPTIONS, person, stampOf, standing } from '../support/tracks.ts';

const left = standing(0.2, 0.8);
const LEFT_HALF = { covers: ({ x, width }: Box): boolean => x + width / 2 < 0.5 };
const RIGHT_HALF = { covers: ({ x, width }: Box): boolean => x + width / 2 >= 0.5 };

/** A person on the left, confirmed in five looks at the whole picture. */
function withPerson(): Tracker {
  const tracker = new Tracker(OPTIONS);
  for (let frame = 1; frame <= 5; frame += 1) tracker.step([person(0.9, left)], stampOf(frame));
  return tracker;
}

describe('where only a part of the picture was looked at', () => {
  test('a track elsewhere was not missed: it keeps its scores and its box, and says so', () => {
    const tracker = withPerson();
    for (let frame = 6; frame <= 10; frame += 1) tracker.step([], stampOf(frame), RIGHT_HALF);
    const [track] = tracker.step([], stampOf(11), RIGHT_HALF).tracks;
    expect(track).toMatchObject({ id: 1, score: 0, scoreMedian: 0.9, box: left, unlooked: true });
    expect(tracker.tracks[0]).toMatchObject({ missed: 0, lookedMonoMs: stampOf(5).monoMs });
  });

  test('a track that should have been seen was missed', () => {
    const tracker = withPerson();
    const [track] = tracker.step([], stampOf(6), LEFT_HALF).tracks;
    expect(track).toMatchObject({ score: 0 });
    expect(track).not.toHaveProperty('unlooked');
    expect(tracker.tracks[0]).toMatchObject({ missed: 1, lookedMonoMs: stampOf(6).monoMs });
  });

  test('found after a while nobody looked, it is the same one and looked at again', () => {
    const tracker = withPerson();
    for (let frame = 6; frame <= 9; frame += 1) tracker.step([], stampOf(frame), RIGHT_HALF);
    const [track] = tracker.step([person(0.8, left)], stampOf(10), LEFT_HALF).tracks;
    expect(track).toMatchObject({ id: 1, score: 0.8 });
    expect(track).not.toHaveProperty('unlooked');
  });

  test('looks elsewhere do not end it, however long; the first two that miss it do', () => {
    const tracker = withPerson();
    const end = 5 + 2 * (OPTIONS.lostMs / 200);
    for (let frame = 6; frame <= end; frame += 1) {
      expect(tracker.step([], stampOf(frame), RIGHT_HALF).ended).toEqual([]);
    }
    tracker.step([], stampOf(end + 1), LEFT_HALF);
    tracker.step([], stampOf(end + 2), LEFT_HALF);
    expect(tracker.step([], stampOf(end + 3), LEFT_HALF).ended).toEqual([1]);
  });
});

describe('a frame that needed no look', () => {
  test('leaves tracks as they are and keeps them from ending for want of frames', () => {
    const tracker = withPerson();
    const last = stampOf(5).monoMs;
    for (let at = last + 200; at <= last + OPTIONS.lostMs * 2; at += 200) {
      const step = tracker.pass(at);
      expect(step.ended).toEqual([]);
      expect(step.tracks[0]).toMatchObject({ id: 1, score: 0, unlooked: true });
      expect(tracker.expire(at + 100).ended).toEqual([]);
    }
    expect(tracker.expire(last + OPTIONS.lostMs * 3 + 300).ended).toEqual([1]);
  });
});

test('a walking track is expected where its way leads, one at rest where it was', () => {
  const tracker = new Tracker(OPTIONS);
  for (let frame = 0; frame <= 10; frame += 1) {
    tracker.step([person(0.9, standing(0.2 + 0.02 * frame, 0.8))], stampOf(frame));
  }
  const [walking] = tracker.tracks;
  const ahead = walking!.expected(stampOf(15).monoMs);
  expect(ahead.x + ahead.width / 2).toBeGreaterThan(0.45);
  expect(ahead.x + ahead.width / 2).toBeLessThan(0.6);
  const resting = new Tracker(OPTIONS);
  for (let frame = 0; frame <= 100; frame += 1) resting.step([person(0.9, left)], stampOf(frame));
  expect(resting.tracks[0]).toMatchObject({ stationary: true });
  expect(resting.tracks[0]!.expected(stampOf(110).monoMs)).toEqual(left);
});

describe('who has left the picture', () => {
  const WHOLE = {
    covers: ({ x, y, width, height }: Box): boolean => x > -width && y > -height && x < 1 && y < 1,
  };
  /** Walks out to the right, a fifth of the picture a second; the looks after that, until it is over. */
  function out(): { tracker: Tracker; lastMs: number; frame: number } {
    const tracker = new Tracker(OPTIONS);
    let frame = 0;
    for (let x = 0.7; x <= 1; x += 0.04) {
      frame += 1;
      tracker.step([person(0.9, standing(x, 0.8))], stampOf(frame), WHOLE);
    }
    return { tracker, lastMs: stampOf(frame).monoMs, frame };
  }

  test('is gone after lostMs, though no look can cover where it would be', () => {
    const { tracker, lastMs, frame } = out();
    for (let later = frame + 1; tracker.tracks.length > 0; later += 1) {
      tracker.step([], stampOf(later), WHOLE);
      expect(stampOf(later).monoMs - lastMs).toBeLessThanOrEqual(OPTIONS.lostMs + 400);
    }
  });

  test('is not who comes in there a second later', () => {
    const { tracker, frame } = out();
    for (let later = frame + 1; later < frame + 6; later += 1) tracker.step([], stampOf(later), WHOLE);
    const { tracks } = tracker.step([person(0.9, standing(0.97, 0.8))], stampOf(frame + 6), WHOLE);
    expect(tracks.filter(({ score }) => score > 0).map(({ id }) => id)).toEqual([2]);
  });
});

describe('a camera that is looked at rarely', () => {
  /** Looks so far apart, answered late; time is told four times a second, as the worker does. */
  function standingFor(looks: number, apartMs: number): { ids: Set<number>; confirmed: number } {
    const tracker = new Tracker(OPTIONS);
    const ids = new Set<number>();
    let confirmed = 0;
    for (let look = 0; look < looks; look += 1) {
      const monoMs = 1000 + look * apartMs;
      const { tracks } = tracker.step([person(0.9, left)], { frame: look, atMs: monoMs, monoMs });
      for (const { id } of tracks) ids.add(id);
      if (tracks.some((track) => track.confirmed)) confirmed += 1;
      for (let ms = 250; ms < apartMs; ms += 250) tracker.expire(monoMs + ms);
    }
    return { ids, confirmed };
  }

  test.each([500, 1900, 2100, 3333, 5005, 10_000])(
    'every %i ms knows who stands there all the time',
    (apartMs) => {
      const { ids, confirmed } = standingFor(60, apartMs);
      // The first look alone says nothing of how far apart they will be.
      expect(ids.size).toBeLessThanOrEqual(2);
      expect(confirmed).toBeGreaterThanOrEqual(58);
    },
  );

  test('and falls silent ends what it had, as one that was looked at often', () => {
    for (const [apartMs, untilMs] of [
      [200, OPTIONS.lostMs + 250],
      [5000, 10_250],
    ] as const) {
      const tracker = new Tracker({ ...OPTIONS, stationaryS: 3600 });
      let monoMs = 1000;
      for (let look = 0; look < 5; look += 1, monoMs += apartMs) {
        tracker.step([person(0.9, left)], { frame: look, atMs: monoMs, monoMs });
      }
      expect(tracker.expire(monoMs - apartMs + untilMs).ended).toHaveLength(1);
    }
  });

  test('a pause alone makes nobody slow', () => {
    const tracker = withPerson();
    const after = stampOf(5).monoMs + 20_000;
    tracker.step([person(0.9, left)], { frame: 6, atMs: after, monoMs: after });
    expect(tracker.expire(after + OPTIONS.lostMs + 250).tracks).toEqual([]);
  });
});

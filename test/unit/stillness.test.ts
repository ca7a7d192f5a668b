// What stands still, and for how long it is waited for: parked cars, people who wait, boxes that tremble.
import { describe, expect, test } from 'vitest';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Box, Detection, TrackView } from '../../daemon/core/types.ts';
import { mixSeed, Random } from '../../daemon/scene/random.ts';
import { person, stampOf, standing, TRACK_OPTIONS } from '../support/tracks.ts';

const FPS = 5;

function car(box: Box, score = 0.9, label = 'car'): Detection {
  return { label, score, box };
}

/** `seconds` of looks; `found` is asked with the seconds since the first. Answers the tracks of each look. */
function watch(
  tracker: Tracker,
  fromS: number,
  seconds: number,
  found: (s: number) => readonly Detection[],
): (readonly TrackView[])[] {
  return Array.from({ length: seconds * FPS }, (_, look) =>
    tracker.step(found(look / FPS), stampOf(fromS * FPS + look)).tracks.slice(),
  );
}

const PARKED: Box = { x: 0.4, y: 0.5, width: 0.3, height: 0.2 };

describe('coming to rest', () => {
  test('an object is stationary when it has not moved for stationaryS, and its velocity is nothing then', () => {
    const looks = watch(new Tracker(TRACK_OPTIONS), 0, 12, () => [car(PARKED)]);
    const first = looks.findIndex(([track]) => track!.stationary);
    expect(first / FPS).toBeCloseTo(TRACK_OPTIONS.stationaryS, 0);
    expect(looks.at(-1)?.[0]?.velocity).toEqual([0, 0]);
  });

  test('a box that trembles by a tenth of its size while misses come and go rests, and goes on resting', () => {
    const random = new Random(mixSeed(3, 5));
    const tremble = (length: number): number => random.range(-0.1, 0.1) * length;
    const looks = watch(new Tracker(TRACK_OPTIONS), 0, 60, () => {
      if (random.chance(0.2)) return [];
      const { x, y, width, height } = PARKED;
      const box = { x: x + tremble(width), y: y + tremble(height), width: width + tremble(width), height };
      return [car(box)];
    });
    const resting = looks.map(([track]) => track?.stationary);
    expect(resting.indexOf(true)).toBeLessThan(15 * FPS);
    expect(resting.slice(resting.indexOf(true))).not.toContain(false);
  });

  test('who walks, however slowly, across the picture or towards the camera, never rests', () => {
    const across = watch(new Tracker(TRACK_OPTIONS), 0, 40, (s) => [
      person(0.9, standing(0.1 + s * 0.015, 0.8)),
    ]);
    const nearer = watch(new Tracker(TRACK_OPTIONS), 0, 30, (s) => [
      person(0.9, standing(0.5, 0.6 + s * 0.006, 0.05 * 1.03 ** s, 0.15 * 1.03 ** s)),
    ]);
    for (const looks of [across, nearer]) expect(looks.some(([track]) => track!.stationary)).toBe(false);
  });

  test('a car of which one look after a while shows half rests on; of which all later looks show half does not', () => {
    const half = { ...PARKED, width: PARKED.width * 0.35 };
    for (const [shown, rests] of [
      [PARKED, true],
      [half, false],
    ] as const) {
      const tracker = new Tracker(TRACK_OPTIONS);
      watch(tracker, 0, 12, () => [car(PARKED)]);
      for (let look = 0; look < 5 * FPS; look += 1) tracker.pass(stampOf(12 * FPS + look).monoMs);
      const [first] = tracker.step([car(half)], stampOf(17 * FPS)).tracks;
      expect(first).toMatchObject({ id: 1, stationary: true });
      const looks = watch(tracker, 18, 4, () => [car(shown)]);
      expect(looks.at(-1)?.[0]).toMatchObject({ id: 1, stationary: rests });
      if (rests) expect(looks.map(([track]) => track!.stationary)).not.toContain(false);
    }
  });

  test('a car that drives off has left its rest within two seconds, and is the same car', () => {
    const tracker = new Tracker(TRACK_OPTIONS);
    watch(tracker, 0, 12, () => [car(PARKED)]);
    const looks = watch(tracker, 12, 3, (s) => [car({ ...PARKED, x: PARKED.x + 0.08 * s * s })]);
    expect(looks.map(([track]) => track!.id)).not.toContain(2);
    expect(looks[2 * FPS]?.[0]?.stationary).toBe(false);
  });
});

describe('being hidden', () => {
  test('a parked car that a van hides for twenty seconds is the same track, at the same place, and rests', () => {
    const tracker = new Tracker(TRACK_OPTIONS);
    watch(tracker, 0, 12, () => [car(PARKED)]);
    // The van comes, half hides the car, stops before it, and goes on.
    const van = (x: number): Detection => car({ x, y: 0.42, width: 0.45, height: 0.36 }, 0.95, 'truck');
    watch(tracker, 12, 2, (s) => [van(-0.1 + 0.2 * s), car({ ...PARKED, x: 0.5, width: 0.2 }, 0.6)]);
    const hidden = watch(tracker, 14, 20, () => [van(0.33)]);
    watch(tracker, 34, 2, (s) => [van(0.33 + 0.2 * s)]);
    const after = watch(tracker, 36, 1, () => [car(PARKED)]);
    expect(hidden.at(-1)?.find(({ id }) => id === 1)).toMatchObject({ stationary: true, score: 0 });
    expect(after.at(-1)?.find(({ score }) => score > 0)).toMatchObject({ id: 1, stationary: true });
  });

  test('a box that takes in the passer as well for a moment does not move it from its rest', () => {
    const tracker = new Tracker(TRACK_OPTIONS);
    watch(tracker, 0, 12, () => [car(PARKED)]);
    const looks = [
      ...watch(tracker, 12, 0.8, () => [car({ ...PARKED, x: PARKED.x + 0.13 })]),
      ...watch(tracker, 12.8, 2, () => [car(PARKED)]),
    ];
    expect(looks.map(([track]) => [track?.id, track?.stationary])).toEqual(looks.map(() => [1, true]));
  });

  test('it is not waited for longer than stationaryLostMs, and others no longer than lostMs', () => {
    const resting = new Tracker({ ...TRACK_OPTIONS, stationaryLostMs: 5000 });
    watch(resting, 0, 12, () => [car(PARKED)]);
    expect(
      watch(resting, 12, 8, () => [])
        .map((tracks) => tracks.length)
        .lastIndexOf(1) / FPS,
    ).toBeCloseTo(4.8, 1);
    const walking = new Tracker(TRACK_OPTIONS);
    watch(walking, 0, 2, (s) => [person(0.9, standing(0.2 + 0.1 * s, 0.8))]);
    expect(
      watch(walking, 2, 8, () => [])
        .map((tracks) => tracks.length)
        .lastIndexOf(1) / FPS,
    ).toBeCloseTo(1.8, 1);
  });

  test('a look-alike elsewhere is not the hidden car', () => {
    const tracker = new Tracker(TRACK_OPTIONS);
    watch(tracker, 0, 12, () => [car(PARKED)]);
    const looks = watch(tracker, 14, 2, () => [car({ ...PARKED, x: 0.05 })]);
    expect(looks.at(-1)?.find(({ score }) => score > 0)?.id).toBe(2);
  });

  test('what is unseen keeps the box in which it was last seen: nobody enters a zone by guess', () => {
    const tracker = new Tracker(TRACK_OPTIONS);
    const seen = watch(tracker, 0, 2, (s) => [person(0.9, standing(0.2 + 0.2 * s, 0.8))]).at(-1)![0]!;
    const unseen = watch(tracker, 2, 1, () => []).at(-1)![0]!;
    expect(unseen).toMatchObject({ id: seen.id, box: seen.box, score: 0 });
  });
});

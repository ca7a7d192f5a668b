// The measures of tracking on cases that can be counted by hand.
import { expect, test } from 'vitest';
import { type Look, MotMeter, type MotScores, type Seen } from '../support/mot-metrics.ts';

/** Boxes side by side; those of one place overlap entirely, those of others not at all. */
function at<Id>(id: Id, place: number): Seen<Id> {
  return { id, box: { x: place * 0.2, y: 0, width: 0.1, height: 0.3 } };
}

function scoresOf(looks: readonly Look[]): MotScores {
  const meter = new MotMeter();
  for (const look of looks) meter.look(look);
  return meter.scores;
}

test('who has one id from the first look to the last scores 1', () => {
  const look = { truth: [at('a', 0), at('b', 1)], told: [at(7, 1), at(3, 0)] };
  expect(scoresOf([look, look, look])).toMatchObject({ idf1: 1, mota: 1, switches: 0, tracks: 2, people: 2 });
});

test('two who swap ids half way: two switches, half of the identities', () => {
  const truth = [at('a', 0), at('b', 1)];
  const before = { truth, told: [at(1, 0), at(2, 1)] };
  const after = { truth, told: [at(2, 0), at(1, 1)] };
  // Eight truths, no misses: MOTA = 1 − 2/8. The best pairing agrees in four of eight: IDF1 = 2·4/(8 + 8).
  expect(scoresOf([before, before, after, after])).toMatchObject({ switches: 2, mota: 0.75, idf1: 0.5 });
});

test('a track that breaks is one switch, and its longer part counts', () => {
  const looks = [1, 1, 1, 2].map((id) => ({ truth: [at('a', 0)], told: [at(id, 0)] }));
  expect(scoresOf(looks)).toMatchObject({ switches: 1, mota: 0.75, idf1: (2 * 3) / 8, tracks: 2 });
});

test('a miss and a stranger cost one each', () => {
  const looks = [
    { truth: [at('a', 0)], told: [at(1, 0)] },
    { truth: [at('a', 0)], told: [] },
    { truth: [at('a', 0)], told: [at(1, 0), at(9, 3)] },
  ];
  // Three truths, one miss, one stranger; IDTP 2 of 3 truths and 3 told.
  expect(scoresOf(looks)).toMatchObject({ misses: 1, strangers: 1, idf1: 4 / 6 });
  expect(scoresOf(looks).mota).toBeCloseTo(1 / 3, 12);
});

test('a switch is counted over a gap: who comes back with another id has switched', () => {
  const looks = [
    { truth: [at('a', 0)], told: [at(1, 0)] },
    { truth: [at('a', 0)], told: [] },
    { truth: [at('a', 0)], told: [at(2, 0)] },
  ];
  expect(scoresOf(looks)).toMatchObject({ switches: 1, misses: 1 });
});

test('a pair of the look before stays while it overlaps enough, though another overlaps more', () => {
  const box = { x: 0, y: 0, width: 0.1, height: 0.3 };
  const near = { id: 1, box: { ...box, x: 0.02 } };
  const looks = [
    { truth: [{ id: 'a', box }], told: [near] },
    { truth: [{ id: 'a', box }], told: [near, { id: 2, box }] },
  ];
  expect(scoresOf(looks)).toMatchObject({ switches: 0, strangers: 1 });
});

test('who is spared costs nothing, found or not', () => {
  const looks = [
    { truth: [at('a', 0)], spared: [at('b', 1)], told: [at(1, 0), at(2, 1)] },
    { truth: [at('a', 0)], spared: [at('b', 1)], told: [at(1, 0)] },
  ];
  expect(scoresOf(looks)).toMatchObject({ idf1: 1, mota: 1 });
});

// People who meet, cross, overtake and hide: that everybody keeps one id (docs/tracking.md has the table; npm run bench --
// tracking prints it).
import { describe, expect, test } from 'vitest';
import { CROSSING_SCENES, runCrossing, trackerOf } from '../support/crossing-scenes.ts';
import { meanOf } from '../support/mot-metrics.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
/** Two who stood together and walk through each other: boxes hardly tell that from turning back. */
const HARD = 'meeting, talking, going on';

test('with 10 % misses and trembling boxes, IDF1 over all crossing scenes reaches 0.90 at five frames a second', () => {
  const scores = CROSSING_SCENES.flatMap((scene) =>
    SEEDS.map((seed) => runCrossing(scene, { seed, fps: 5 })),
  );
  expect(meanOf(scores).idf1).toBeGreaterThanOrEqual(0.9);
});

describe('each scene for itself, misses and trembling alike', () => {
  test.each(CROSSING_SCENES.map((scene) => [scene.name, scene] as const))('%s', (name, scene) => {
    const scores = SEEDS.map((seed) => runCrossing(scene, { seed, fps: 5 }));
    expect(meanOf(scores).idf1).toBeGreaterThanOrEqual(name === HARD ? 0.65 : 0.84);
  });
});

test('with perfect boxes nobody is anybody else, but for the scene that boxes cannot tell', () => {
  const wrong = CROSSING_SCENES.filter(({ name }) => name !== HARD).flatMap((scene) => {
    const { switches, tracks, people } = runCrossing(scene, { seed: 1, fps: 10, misses: 0, jitter: 0 });
    return switches === 0 && tracks === people
      ? []
      : [`${scene.name}: ${switches} switches, ${tracks} tracks`];
  });
  expect(wrong).toEqual([]);
});

test('the measure sees a tracker that forgets: one that begins anew at every look scores near nothing', () => {
  const forgetful = CROSSING_SCENES.map((scene) => {
    let id = 0;
    return runCrossing(scene, { seed: 1, fps: 5 }, (detections, stamp) =>
      trackerOf()(detections, stamp).map((track) => ({ ...track, id: ++id })),
    );
  });
  expect(meanOf(forgetful).idf1).toBeLessThan(0.1);
});

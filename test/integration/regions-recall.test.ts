// What regions are for, with the bundled model on the built-in scene: within the budget that a camera has unless said, people far
// away are missed far less often than where every frame is shown whole, and those nearby as often. `npm run bench -- regions` has
// the figures.
import { expect, test } from 'vitest';
import { addedRecall, FPS, recallOn, shareKnown } from '../support/wide-street.ts';

test('with two inferences a frame, people 4 to 10 % of the frame high are missed half as often, larger ones are known as often', async () => {
  const scenes = [1, 2].map((seed) => ({ seed, time: 'day', seconds: 40 }) as const);
  const whole = addedRecall(await Promise.all(scenes.map((scene) => recallOn(scene, undefined))));
  const gate = { regions: true, fullLookS: 10 };
  const regions = addedRecall(await Promise.all(scenes.map((scene) => recallOn(scene, gate, 2 * FPS))));
  expect(whole.small[1]).toBeGreaterThan(200);
  expect(whole.large[1]).toBeGreaterThan(200);
  // Four may be saved up at the start of each.
  expect(regions.inferences).toBeLessThanOrEqual(2 * (whole.inferences + 4));
  expect(shareKnown(regions.small)).toBeGreaterThan(0.6);
  // Where half of them are known without regions, this is half as many again.
  expect(1 - shareKnown(regions.small)).toBeLessThanOrEqual(0.5 * (1 - shareKnown(whole.small)));
  expect(shareKnown(regions.large)).toBeGreaterThanOrEqual(shareKnown(whole.large) - 0.03);
  // A drawn street has no posters: one frame in a hundred is chance.
  expect(regions.nobody / regions.frames).toBeLessThan(0.01);
}, 120_000);

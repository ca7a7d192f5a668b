// What regions are for, with the bundled model on the built-in scene: at the same number of inferences a second, people far away are
// known that the whole frame never shows, and those nearby no less than before. `npm run bench -- regions` has the figures.
import { expect, test } from 'vitest';
import { recallOn, shareKnown } from '../support/wide-street.ts';

test('at the same inferences a second, people 4 to 10 % of the frame high are known at least twice as often, larger ones no less', async () => {
  const scene = { seed: 1, time: 'day', seconds: 40 } as const;
  const whole = await recallOn(scene, undefined);
  const regions = await recallOn(scene, { regions: true, fullLookS: 10 });
  expect(whole.small[1]).toBeGreaterThan(100);
  expect(whole.large[1]).toBeGreaterThan(100);
  // Four may be saved up at the start.
  expect(regions.inferences).toBeLessThanOrEqual(whole.inferences + 4);
  expect(shareKnown(regions.small)).toBeGreaterThan(0.1);
  expect(shareKnown(regions.small)).toBeGreaterThanOrEqual(2 * shareKnown(whole.small));
  expect(shareKnown(regions.large)).toBeGreaterThanOrEqual(shareKnown(whole.large));
  expect(regions.nobody).toBe(0);
}, 120_000);

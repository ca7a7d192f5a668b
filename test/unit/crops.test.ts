import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CropDetection, joinCrops } from '../../daemon/core/crops.ts';
import type { Box } from '../../daemon/core/types.ts';

const SCORE_MIN = 0.5;

function found(score: number, box: Box, { cut = false, label = 'person' } = {}): CropDetection {
  return { label, score, box, cut };
}

const WHOLE: Box = { x: 0.4, y: 0.3, width: 0.05, height: 0.1 };
const LEGS: Box = { x: 0.4, y: 0.35, width: 0.05, height: 0.05 };

test('an object that two crops show is one, with the better score', () => {
  const shifted = { ...WHOLE, x: 0.405 };
  expect(joinCrops([found(0.7, shifted), found(0.9, WHOLE)], SCORE_MIN)).toEqual([
    { label: 'person', score: 0.9, box: WHOLE },
  ]);
});

test('the part that ends at the edge of its crop belongs to the whole object, whatever its score', () => {
  const joined = joinCrops([found(0.95, LEGS, { cut: true }), found(0.6, WHOLE)], SCORE_MIN);
  expect(joined).toEqual([{ label: 'person', score: 0.6, box: WHOLE }]);
});

test('a cut object alone can be followed, but does not begin a track', () => {
  const [alone] = joinCrops([found(0.95, LEGS, { cut: true })], SCORE_MIN);
  expect(alone).toMatchObject({ label: 'person', box: LEGS });
  expect(alone!.score).toBeLessThan(SCORE_MIN);
  expect(alone!.score).toBeGreaterThan(0.4);
});

test('a person on a bicycle are two, a car that is a truck as well is not cut from it', () => {
  const bicycle = found(0.8, WHOLE, { label: 'bicycle' });
  expect(joinCrops([found(0.9, WHOLE), bicycle], SCORE_MIN)).toHaveLength(2);
  const car = found(0.9, LEGS, { label: 'car', cut: true });
  expect(joinCrops([car, found(0.6, WHOLE, { label: 'truck' })], SCORE_MIN)).toEqual([
    { label: 'truck', score: 0.6, box: WHOLE },
  ]);
});

test('two who stand beside each other stay two', () => {
  expect(joinCrops([found(0.9, WHOLE), found(0.8, { ...WHOLE, x: 0.44 })], SCORE_MIN)).toHaveLength(2);
});

test('whatever is found: never more than before, the best box stays, the order of arrival does not matter', () => {
  const side = fc.double({ min: 0.01, max: 0.5, noNaN: true });
  const detection = fc.record({
    label: fc.constantFrom('person', 'car', 'truck'),
    score: fc.double({ min: 0.2, max: 1, noNaN: true }),
    box: fc.record({ x: side, y: side, width: side, height: side }),
    cut: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(detection, { maxLength: 12, selector: ({ score }) => score }), (list) => {
      const joined = joinCrops(list, SCORE_MIN);
      expect(joined.length).toBeLessThanOrEqual(list.length);
      const best = list.filter(({ cut }) => !cut).sort((a, b) => b.score - a.score)[0];
      if (best !== undefined) expect(joined[0]).toMatchObject({ score: best.score, box: best.box });
      expect(joinCrops([...list].reverse(), SCORE_MIN)).toEqual(joined);
    }),
  );
});

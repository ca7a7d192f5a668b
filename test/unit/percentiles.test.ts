// Medians and percentiles of a list.
import { expect, test } from 'vitest';
import { median, percentile } from '../../daemon/platform/percentiles.ts';

test('the median of an even number of values is between the middle two', () => {
  expect([median([3]), median([4, 1]), median([9, 1, 2]), median([])]).toEqual([3, 2.5, 2, Number.NaN]);
});

test('a percentile is the value of the nearest rank', () => {
  const values = [40, 10, 30, 20];
  expect([0, 0.25, 0.26, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([
    10, 10, 20, 20, 40, 40,
  ]);
  expect(percentile([], 0.5)).toBeNaN();
});

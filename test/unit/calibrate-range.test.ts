// Ranges from histograms of distributions that are known.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from '../../daemon/models/calibrate-histogram.ts';
import { divergence, METHODS, rangeOf } from '../../daemon/models/calibrate-range.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  histogram.add(Float32Array.from(values));
  return histogram;
}

/** The quantiles of a distribution, so many: its values without chance. */
function quantiles(count: number, at: (share: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => at((i + 0.5) / count));
}

/** Of the Laplace distribution with scale 1. */
const laplace = (share: number): number => (share < 0.5 ? Math.log(2 * share) : -Math.log(2 - 2 * share));

test('min-max is from the smallest to the greatest value, and holds zero', () => {
  expect(rangeOf(histogramOf([-1.5, 0.25, 3]), { method: 'min-max' })).toEqual({ min: -1.5, max: 3 });
  expect(rangeOf(histogramOf([2, 3]), { method: 'min-max' })).toEqual({ min: 0, max: 3 });
  expect(rangeOf(histogramOf([-2, -1]), { method: 'min-max' })).toEqual({ min: -2, max: 0 });
});

test('percentile cuts half of the rest at each end of values of both signs', () => {
  const uniform = histogramOf(quantiles(100_000, (share) => 2 * share - 1));
  const { min, max } = rangeOf(uniform, { method: 'percentile', percentile: 99 });
  expect(min).toBeCloseTo(-0.99, 3);
  expect(max).toBeCloseTo(0.99, 3);
});

test('percentile cuts all of the rest at the upper end of values after a Relu', () => {
  const { min, max } = rangeOf(histogramOf(quantiles(100_000, (share) => share)), {
    method: 'percentile',
    percentile: 99,
  });
  expect(min).toBe(0);
  expect(max).toBeCloseTo(0.99, 3);
});

test('one value far away does not stretch a percentile range, and does stretch min-max', () => {
  const values = [...quantiles(50_000, (share) => share), 100];
  expect(rangeOf(histogramOf(values), { method: 'percentile' }).max).toBeLessThan(1.01);
  expect(rangeOf(histogramOf(values), { method: 'min-max' }).max).toBe(100);
});

test('entropy keeps a uniform distribution whole', () => {
  const { min, max } = rangeOf(histogramOf(quantiles(200_000, (share) => 4 * share)), { method: 'entropy' });
  expect(min).toBe(0);
  expect(max).toBeGreaterThan(3.9);
});

test('entropy clips the long tail of a Laplace distribution on both sides alike', () => {
  const values = quantiles(200_000, laplace);
  const { min, max } = rangeOf(histogramOf(values), { method: 'entropy' });
  expect(max).toBeGreaterThan(3);
  expect(max).toBeLessThan(laplace(1 - 0.5 / 200_000));
  expect(min).toBeCloseTo(-max, 2);
});

test('entropy clips what one value in a hundred thousand stretches', () => {
  const values = [...quantiles(100_000, (share) => Math.abs(laplace(share))), 500];
  expect(rangeOf(histogramOf(values), { method: 'entropy' }).max).toBeLessThan(100);
});

test('the divergence of counts that 256 steps tell exactly is nothing, and clipping costs', () => {
  const counts = Float64Array.from({ length: 512 }, (_, i) => 1 + (i >> 1));
  expect(divergence(counts, 0, 512)).toBeCloseTo(0, 12);
  expect(divergence(counts, 0, 256)).toBeGreaterThan(0.1);
});

test('whatever the values and the method, the range holds zero and lies within them and zero', () => {
  const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 50 }),
      fc.constantFrom(...METHODS),
      (all, method) => {
        const { min, max } = rangeOf(histogramOf(all), { method });
        const floats = all.map(Math.fround);
        expect(min).toBeLessThanOrEqual(0);
        expect(max).toBeGreaterThanOrEqual(0);
        expect(min).toBeGreaterThanOrEqual(Math.min(0, ...floats));
        expect(max).toBeLessThanOrEqual(Math.max(0, ...floats));
      },
    ),
  );
});

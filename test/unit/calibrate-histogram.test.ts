// Histograms of activations: whatever the order, the pieces and the sizes of the values, the same comes out.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BINS, Histogram } from '../../daemon/models/calibrate-histogram.ts';

function histogramOf(...parts: readonly (readonly number[])[]): Histogram {
  const histogram = new Histogram();
  for (const part of parts) expect(histogram.add(Float32Array.from(part))).toBe(true);
  return histogram;
}

function told(histogram: Histogram): object {
  const { min, max, count, width } = histogram;
  const filled = [...histogram.counts.entries()].filter(([, times]) => times > 0);
  return { min, max, count, width, filled };
}

const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 40 });

test('values in any order and in any pieces give the same histogram', () => {
  fc.assert(
    fc.property(values, values, (first, second) => {
      const whole = told(histogramOf([...first, ...second]));
      expect(told(histogramOf(second, first))).toEqual(whole);
      expect(told(histogramOf(...[...second, ...first].map((value) => [value])))).toEqual(whole);
    }),
  );
});

test('every value lies in the bin that counts it', () => {
  fc.assert(
    fc.property(values, fc.float({ noNaN: true, noDefaultInfinity: true }), (others, one) => {
      const value = Math.fround(one);
      const [without, with_] = [histogramOf(others, [value]), histogramOf(others, [value, value])];
      const bin = with_.counts.findIndex((count, at) => count > without.counts[at]!);
      expect(with_.edge(bin)).toBeLessThanOrEqual(value);
      expect(with_.edge(bin + 1)).toBeGreaterThan(value);
    }),
  );
});

test('what was written to bytes goes on as if it had never been away', () => {
  const kept = Histogram.fromBytes(histogramOf([1, 2, -3]).toBytes());
  kept.add(Float32Array.of(1000));
  expect(told(kept)).toEqual(told(histogramOf([1, 2, -3], [1000])));
});

test('values up to a greatest use a quarter of the bins at least', () => {
  for (const most of [1e-3, 0.999, 1, 6, 6.0001, 1234]) {
    const { width } = histogramOf([0, most]);
    expect(most / width).toBeGreaterThanOrEqual(BINS / 4);
    expect(most / width).toBeLessThan(BINS / 2);
  }
});

test('what is no finite number is refused, and nothing of it is counted', () => {
  const histogram = histogramOf([1]);
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(histogram.add(Float32Array.of(5, odd))).toBe(false);
  }
  expect(told(histogram)).toEqual(told(histogramOf([1])));
});

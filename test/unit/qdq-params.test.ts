// The arithmetic of scales and zero points: whatever the range, zero is exact and every number in it comes back within half a step.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  activationParams,
  forEachInChannels,
  layoutOf,
  quantizeBias,
  quantizeValue,
  quantizeWeights,
  reachOf,
  roundHalfEven,
} from '../../daemon/models/qdq-params.ts';

const finite = fc.float({ min: -1e6, max: 1e6, noNaN: true, noDefaultInfinity: true });
const positive = fc.float({ min: Math.fround(1e-6), max: 1e3, noNaN: true });

test('zero is exact, and every number of the range comes back within a step', () => {
  fc.assert(
    fc.property(finite, finite, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, at) => {
      const range = { min: Math.min(a, b), max: Math.max(a, b) };
      const params = activationParams(range);
      expect(Number.isInteger(params.zeroPoint)).toBe(true);
      expect(params.zeroPoint).toBeGreaterThanOrEqual(0);
      expect(params.zeroPoint).toBeLessThanOrEqual(255);
      expect(quantizeValue(0, params)).toBe(params.zeroPoint);
      const value = range.min + at * (range.max - range.min);
      const back = params.scale * (quantizeValue(value, params) - params.zeroPoint);
      // Half a step of rounding, and at the ends half a step more, because zero has to be exact.
      expect(Math.abs(back - value)).toBeLessThanOrEqual(params.scale * 1.001 + 1e-12);
    }),
  );
});

test('the ends of what uint8 reaches are within half a step of the range with zero in it', () => {
  fc.assert(
    fc.property(finite, finite, (a, b) => {
      const [min, max] = [Math.min(a, b, 0), Math.max(a, b, 0)];
      fc.pre(max - min > 1e-6);
      const params = activationParams({ min, max });
      const reach = reachOf(params);
      const step = params.scale * 0.5001;
      expect(Math.abs(reach.min - min)).toBeLessThanOrEqual(step);
      expect(Math.abs(reach.max - max)).toBeLessThanOrEqual(step);
    }),
  );
});

test('a range that begins at zero has zero point 0, so that saturation is Relu', () => {
  fc.assert(
    fc.property(positive, (max) => {
      expect(activationParams({ min: 0, max }).zeroPoint).toBe(0);
      expect(activationParams({ min: max / 2, max }).zeroPoint).toBe(0);
      expect(activationParams({ min: -max, max: 0 }).zeroPoint).toBe(255);
    }),
  );
});

test('a value that is always zero has a usable scale; infinity has none', () => {
  expect(activationParams({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
  expect(() => activationParams({ min: 0, max: Number.POSITIVE_INFINITY })).toThrow('not finite');
});

test('weights come back within half a step of their channel, and the largest of a channel uses all of int8', () => {
  const weights = fc.array(finite, { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(weights, fc.constantFrom(0, 1), (numbers, axis) => {
      const values = Float32Array.from(numbers);
      const layout = layoutOf([3, 4], axis);
      const { values: integers, scales } = quantizeWeights(values, layout, { neighbours: 'none' });
      const largest = new Map<number, number>();
      forEachInChannels(layout, (index, channel) => {
        expect(Math.abs(integers[index]! * scales[channel]! - values[index]!)).toBeLessThanOrEqual(
          scales[channel]! * 0.501,
        );
        largest.set(channel, Math.max(largest.get(channel) ?? 0, Math.abs(integers[index]!)));
      });
      expect(scales.length).toBe(layout.channels);
      for (const [channel, most] of largest) {
        const isEmpty = Array.from(values).every(
          (value, index) => channelAt(index, axis) !== channel || Math.abs(value) < 1e-12,
        );
        if (!isEmpty) expect(most).toBe(127);
      }
    }),
  );
});

test('255 times the sum of two neighbours fits into 16 bits, whatever the weights; a channel is no coarser than it must be', () => {
  const weights = fc.array(finite, { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(weights, fc.constantFrom('pairs' as const, 'any' as const), (numbers, neighbours) => {
      const values = Float32Array.from(numbers);
      const layout = layoutOf([2, 6], 0);
      const [plain, { values: integers, scales }] = [
        quantizeWeights(values, layout, { neighbours: 'none' }),
        quantizeWeights(values, layout, { neighbours }),
      ];
      for (let channel = 0; channel < 2; channel += 1) {
        const row = [...integers.subarray(channel * 6, channel * 6 + 6)];
        const sums =
          neighbours === 'pairs'
            ? [row[0]! + row[1]!, row[2]! + row[3]!, row[4]! + row[5]!]
            : row.flatMap((a, at) => row.slice(at + 1).map((b) => a + b));
        expect(Math.max(...sums.map(Math.abs))).toBeLessThanOrEqual(128);
        expect(scales[channel]! / plain.scales[channel]!).toBeLessThanOrEqual(2);
      }
    }),
  );
});

function channelAt(index: number, axis: number): number {
  return axis === 0 ? Math.floor(index / 4) : index % 4;
}

test('a bias fits into int32 with the scale of the products, even where the weights are nearly nothing', () => {
  const tiny = fc.float({ min: Math.fround(-1e-9), max: Math.fround(1e-9), noNaN: true });
  fc.assert(
    fc.property(fc.oneof(tiny, finite), finite, positive, (weight, bias, inputScale) => {
      const layout = { outer: 1, channels: 1, inner: 1 };
      const weights = quantizeWeights(Float32Array.of(weight), layout, {
        neighbours: 'none',
        bias: { values: [bias], inputScale },
      });
      const { values, scales } = quantizeBias([bias], inputScale, weights.scales);
      expect(scales[0]).toBe(Math.fround(Math.fround(inputScale) * weights.scales[0]!));
      expect(Math.abs(values[0]!)).toBeLessThanOrEqual(2 ** 30 + 1024);
      const off = Math.abs(values[0]! * scales[0]! - bias);
      expect(off).toBeLessThanOrEqual(Math.max(scales[0]! / 2, Math.abs(bias) * 1e-6));
    }),
  );
});

test('halves are rounded to the even neighbour, as QuantizeLinear does', () => {
  expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, 1.51].map(roundHalfEven).map((value) => value + 0)).toEqual([
    -2, -2, 0, 0, 2, 2, 0, 2,
  ]);
});

// Weights rounded together: less error at the output than each to its nearest, within every limit of the integer kernels.
import { expect, test } from 'vitest';
import { type Neighbours, quantizeWeights } from '../../daemon/models/qdq-params.ts';
import {
  blockOf,
  factorsOf,
  type Moments,
  type Rounded,
  roundWeights,
} from '../../daemon/models/round-weights.ts';
import { SeededRandom } from '../../daemon/models/seeded-random.ts';

/** Inputs that follow from each other, as the channels of a layer do: all of them mixtures of a few. */
function inputs(columns: number, count: number, random: SeededRandom, mean = 0): Float64Array[] {
  const mixture = Array.from({ length: columns * 3 }, () => random.next() - 0.5);
  return Array.from({ length: count }, () => {
    const causes = [0, 1, 2].map(() => random.next() - 0.5);
    return Float64Array.from({ length: columns }, (_, column) => {
      const shared = causes.reduce((sum, cause, k) => sum + cause * mixture[column * 3 + k]!, 0);
      return mean + shared + 0.05 * (random.next() - 0.5);
    });
  });
}

function momentsOf(samples: readonly Float64Array[], from = 0, to = samples[0]!.length): Moments {
  const columns = to - from;
  const means = new Float64Array(columns);
  const covariance = new Float64Array(columns ** 2);
  for (const sample of samples)
    for (let i = 0; i < columns; i += 1) means[i]! += sample[from + i]! / samples.length;
  for (const sample of samples) {
    for (let i = 0; i < columns; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        covariance[i * columns + j]! +=
          ((sample[from + i]! - means[i]!) * (sample[from + j]! - means[j]!)) / samples.length;
      }
    }
  }
  return { columns, means, covariance };
}

const CHANNELS = 6;

/** Mean square of what the output of all channels is off, and the largest mean of one. */
function errorsAt(
  samples: readonly Float64Array[],
  weights: Float32Array,
  { integers, scales, bias }: Pick<Rounded, 'integers' | 'scales' | 'bias'>,
): { readonly square: number; readonly mean: number } {
  const inner = weights.length / CHANNELS;
  let [square, mean] = [0, 0];
  for (let channel = 0; channel < CHANNELS; channel += 1) {
    let shift = 0;
    for (const sample of samples) {
      let off = bias[channel]!;
      for (let i = 0; i < inner; i += 1) {
        const at = channel * inner + i;
        off += (integers[at]! * scales[channel]! - weights[at]!) * sample[i]!;
      }
      square += off ** 2 / samples.length;
      shift += off / samples.length;
    }
    mean = Math.max(mean, Math.abs(shift));
  }
  return { square, mean };
}

function setUp(columns: number, seed: number, mean = 0) {
  const random = new SeededRandom(seed);
  const samples = inputs(columns, 400, random, mean);
  const weights = Float32Array.from({ length: CHANNELS * columns }, () => random.next() - 0.5);
  const layout = { outer: 1, channels: CHANNELS, inner: columns };
  return { samples, weights, layout, bias: new Float32Array(CHANNELS) };
}

function nearest(weights: Float32Array, columns: number, neighbours: Neighbours) {
  const layout = { outer: 1, channels: CHANNELS, inner: columns };
  const { values: integers, scales } = quantizeWeights(weights, layout, { neighbours });
  return { integers, scales, bias: new Float32Array(CHANNELS) };
}

test.each(['none', 'pairs', 'any'] as const)(
  'neighbours %s: a fifth of the error of the nearest integers, within the limits',
  (neighbours) => {
    for (const seed of [1, 2, 3]) {
      const { samples, weights, layout, bias } = setUp(32, seed);
      const groups = [[blockOf(momentsOf(samples))]];
      const rounded = roundWeights({ weights, layout, bias, neighbours, groups });
      const before = errorsAt(samples, weights, nearest(weights, 32, neighbours));
      expect(errorsAt(samples, weights, rounded).square).toBeLessThan(before.square / 5);
      // The writer takes the scales as they are: within the limits of the kernels, nothing is rounded again.
      const floats = Float32Array.from(
        rounded.integers,
        (integer, at) => integer * rounded.scales[Math.floor(at / 32)]!,
      );
      const written = quantizeWeights(floats, layout, { neighbours, scales: rounded.scales });
      expect(written.scales).toEqual(rounded.scales);
      expect(written.values).toEqual(rounded.integers);
    }
  },
);

test('what the integers shift the mean of an output by, the bias takes back', () => {
  const { samples, weights, layout, bias } = setUp(16, 4, 3);
  const groups = [[blockOf(momentsOf(samples))]];
  const rounded = roundWeights({ weights, layout, bias, neighbours: 'none', groups });
  expect(errorsAt(samples, weights, nearest(weights, 16, 'none')).mean).toBeGreaterThan(1e-3);
  expect(errorsAt(samples, weights, rounded).mean).toBeLessThan(1e-5);
});

test('blocks of columns make up for their own errors; each group of channels has its own', () => {
  const { samples, weights, layout, bias } = setUp(24, 5);
  const whole = roundWeights({
    weights,
    layout,
    bias,
    neighbours: 'none',
    groups: [[blockOf(momentsOf(samples))]],
  });
  const blocks = [momentsOf(samples, 0, 12), momentsOf(samples, 12, 24)].map(blockOf);
  const halves = roundWeights({ weights, layout, bias, neighbours: 'none', groups: [blocks] });
  const [one, two] = [whole, halves].map((rounded) => errorsAt(samples, weights, rounded).square) as [
    number,
    number,
  ];
  const plain = errorsAt(samples, weights, nearest(weights, 24, 'none')).square;
  expect(one).toBeLessThan(two);
  expect(two).toBeLessThan(plain / 2);
  const other = [blockOf(momentsOf(setUp(24, 6).samples))];
  const grouped = roundWeights({ weights, layout, bias, neighbours: 'none', groups: [blocks, other] });
  const half = weights.length / 2;
  expect(grouped.integers.subarray(0, half)).toEqual(halves.integers.subarray(0, half));
  expect(grouped.integers.subarray(half)).not.toEqual(halves.integers.subarray(half));
});

test('where nothing ever comes in, weights are the nearest integers', () => {
  const { weights, layout, bias } = setUp(8, 7);
  const nothing = { columns: 8, means: new Float64Array(8), covariance: new Float64Array(64) };
  expect(factorsOf(nothing)).toBeUndefined();
  const rounded = roundWeights({ weights, layout, bias, neighbours: 'none', groups: [[blockOf(nothing)]] });
  expect(rounded).toEqual(nearest(weights, 8, 'none'));
});

test('the factors of a covariance give it back', () => {
  const n = 5;
  const { covariance } = momentsOf(setUp(n, 8).samples);
  const { turned, diagonal } = factorsOf({ columns: n, means: new Float64Array(n), covariance })!;
  const upper = (row: number, column: number): number =>
    row === column ? 1 : row < column ? turned[column * n + row]! : 0;
  const trace = Array.from({ length: n }, (_, i) => covariance[i * n + i]!).reduce((a, b) => a + b);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let product = 0;
      for (let k = 0; k < n; k += 1) product += upper(i, k) * diagonal[k]! * upper(j, k);
      const damping = i === j ? (1e-3 * trace) / n : 0;
      expect(product).toBeCloseTo(covariance[i * n + j]! + damping, 12);
    }
  }
});

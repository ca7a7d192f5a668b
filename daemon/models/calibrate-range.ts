// From the histogram of an activation to the range that its 256 steps cover. Wider clips less, narrower has finer steps. Pure.
import { BINS, type Histogram } from './calibrate-histogram.ts';
import type { Range } from './qdq-params.ts';

export const METHODS = ['min-max', 'percentile', 'entropy'] as const;
export type CalibrationMethod = (typeof METHODS)[number];

/** How a range is found. */
export interface RangeRule {
  readonly method: CalibrationMethod;
  /** Percent of the values that a percentile range holds. */
  readonly percentile?: number;
}

const PERCENTILE_DEFAULT = 99.99;

/** What is tried when nobody has said which. */
export const RULES: readonly RangeRule[] = [
  { method: 'percentile' },
  { method: 'percentile', percentile: 99.995 },
  { method: 'percentile', percentile: 99.999 },
  { method: 'min-max' },
  { method: 'entropy' },
];

/** The range of one activation; it always holds zero, which padding and Relu need exactly. */
export function rangeOf(histogram: Histogram, { method, percentile = PERCENTILE_DEFAULT }: RangeRule): Range {
  if (histogram.count === 0) return { min: 0, max: 0 };
  const found =
    method === 'min-max'
      ? { min: histogram.min, max: histogram.max }
      : method === 'percentile'
        ? percentileRange(histogram, percentile)
        : entropyRange(histogram);
  return {
    min: Math.min(0, Math.max(found.min, histogram.min)),
    max: Math.max(0, Math.min(found.max, histogram.max)),
  };
}

/** Cuts half of what is left over on each side, all of it on the one side of values that have only one sign. */
function percentileRange(histogram: Histogram, percentile: number): Range {
  const cut = ((100 - percentile) / 100) * histogram.count;
  const isOneSided = histogram.min >= 0 || histogram.max <= 0;
  const side = isOneSided ? cut : cut / 2;
  const min = histogram.min >= 0 ? 0 : valueAt(histogram, side);
  const max = histogram.max <= 0 ? 0 : valueAt(histogram, histogram.count - side);
  return { min, max };
}

/** The value below which `rank` of the values lie; within a bin they are taken to lie evenly. */
function valueAt(histogram: Histogram, rank: number): number {
  const { counts, width } = histogram;
  let below = 0;
  for (let bin = 0; bin < BINS; bin += 1) {
    const count = counts[bin]!;
    if (count > 0 && below + count >= rank) {
      return histogram.edge(bin) + (Math.max(0, rank - below) / count) * width;
    }
    below += count;
  }
  return histogram.max;
}

/** Steps of a uint8 activation. */
const LEVELS = 256;
/** Every so many bins a range is tried. */
const STEP = 8;
const MIDDLE = BINS / 2;

/**
 * The range after which least is lost in the sense of Kullback and Leibler: the histogram with what is clipped added at its ends
 * against the same in 256 steps (Migacz, "8-bit inference with TensorRT", GTC 2017; so does ONNX Runtime's calibrator). Values of both
 * signs get a range that is symmetric. What is nearly zero is left out: a step stands for it exactly, and after a Relu it
 * would outweigh everything.
 */
function entropyRange(histogram: Histogram): Range {
  const isPositive = histogram.min >= 0;
  const isNegative = histogram.max <= 0;
  const reach = Math.max(histogram.max, -histogram.min);
  const bins = Math.min(MIDDLE, Math.ceil(reach / histogram.width) + (isPositive ? 0 : 1));
  const [left, right] = [isPositive ? 0 : bins, isNegative ? 0 : bins];
  const counts = histogram.counts.slice(MIDDLE - left, MIDDLE + right);
  if (right > 0) counts[left] = 0;
  if (left > 0) counts[left - 1] = 0;
  const sides = (left > 0 ? 1 : 0) + (right > 0 ? 1 : 0);
  let [best, bestLoss] = [bins, Number.POSITIVE_INFINITY];
  for (let reached = LEVELS / sides; reached <= bins; reached += STEP) {
    const from = left === 0 ? 0 : left - reached;
    const to = right === 0 ? left : left + reached;
    const loss = divergence(counts, from, to);
    // Among equals the widest.
    if (loss <= bestLoss) [best, bestLoss] = [reached, loss];
  }
  // The last bins may lie between two candidates.
  if (best + STEP > bins) best = bins;
  const limit = best * histogram.width;
  return { min: left === 0 ? 0 : -limit, max: right === 0 ? 0 : limit };
}

/**
 * KL divergence of the counts, those outside [from, to) added at its ends, from the counts within in LEVELS equal steps, each
 * spread over the bins that hold something.
 */
export function divergence(counts: Float64Array, from: number, to: number): number {
  let [below, above, inside] = [0, 0, 0];
  for (let i = 0; i < from; i += 1) below += counts[i]!;
  for (let i = to; i < counts.length; i += 1) above += counts[i]!;
  for (let i = from; i < to; i += 1) inside += counts[i]!;
  const total = below + inside + above;
  if (inside === 0) return Number.POSITIVE_INFINITY;
  const perLevel = (to - from) / LEVELS;
  let loss = 0;
  for (let level = 0; level < LEVELS; level += 1) {
    const start = from + Math.floor(level * perLevel);
    const end = level === LEVELS - 1 ? to : from + Math.floor((level + 1) * perLevel);
    let [sum, filled] = [0, 0];
    for (let i = start; i < end; i += 1) {
      sum += counts[i]!;
      if (counts[i]! > 0) filled += 1;
    }
    for (let i = start; i < end; i += 1) {
      const outside = (i === from ? below : 0) + (i === to - 1 ? above : 0);
      const wanted = (counts[i]! + outside) / total;
      if (wanted === 0) continue;
      // A clipped value at an end that is empty otherwise: half a value keeps the logarithm finite.
      const given = counts[i]! > 0 ? sum / filled / inside : 0.5 / total;
      loss += wanted * Math.log(wanted / given);
    }
  }
  return loss;
}

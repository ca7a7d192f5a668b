// Rounds the weights of a convolution one after the other, each making up for what those before it have done to the output, in place of
// each to its nearest integer. Pure. Source: Frantar et al. 2022, "GPTQ: accurate post-training quantization for generative pre-trained
// transformers"; in the form of Chee et al. 2023, "QuIP", section 3 (LDLQ), whose theorem 6 says that both are the same.

import {
  type ChannelLayout,
  type Neighbours,
  quantizeWeights,
  roundHalfEven,
  SUM_LIMIT,
  WEIGHT_MAX,
} from './qdq-params.ts';

/** What some of a convolution's inputs, one column each, are like together. */
export interface Moments {
  readonly columns: number;
  readonly means: Float64Array;
  /** [columns, columns]; the half below the diagonal is read. */
  readonly covariance: Float64Array;
}

/** How inputs follow from those behind them: a covariance is U D U^T, U with ones on its diagonal and nothing below. */
export interface Factors {
  readonly columns: number;
  /** U, turned over its diagonal: row k is column k of U. */
  readonly turned: Float64Array;
  readonly diagonal: Float64Array;
}

/** The covariance gets so much of its mean diagonal, or inputs that never differ would say anything of each other. */
const DAMPING = 1e-3;

/** Undefined where nothing ever comes in. */
export function factorsOf({ columns: n, covariance }: Moments): Factors | undefined {
  const turned = Float64Array.from(covariance);
  let trace = 0;
  for (let i = 0; i < n; i += 1) trace += turned[i * n + i]!;
  if (!(trace > 0)) return undefined;
  for (let i = 0; i < n; i += 1) turned[i * n + i] = turned[i * n + i]! + (DAMPING * trace) / n;
  const diagonal = new Float64Array(n);
  for (let k = n - 1; k >= 0; k -= 1) {
    const row = turned.subarray(k * n, k * n + k + 1);
    const d = row[k]!;
    diagonal[k] = d;
    for (let i = 0; i < k; i += 1) {
      const factor = row[i]! / d;
      for (let j = 0; j <= i; j += 1) turned[i * n + j] = turned[i * n + j]! - factor * row[j]!;
    }
    for (let i = 0; i < k; i += 1) row[i] = row[i]! / d;
  }
  return { columns: n, turned, diagonal };
}

/** Columns that say something of each other; `factors` is undefined where nothing ever comes in. */
export interface Block extends Pick<Moments, 'columns' | 'means'> {
  readonly factors: Factors | undefined;
}

export function blockOf(moments: Moments): Block {
  const { columns, means } = moments;
  return { columns, means, factors: factorsOf(moments) };
}

export interface Rounding {
  readonly weights: Float32Array;
  /** [output channels, inputs of a group, kernel]. */
  readonly layout: ChannelLayout;
  readonly bias: Float32Array;
  readonly neighbours: Neighbours;
  /** Of each group of channels, those that make up a row of weights. */
  readonly groups: readonly (readonly Block[])[];
}

export interface Rounded {
  readonly integers: Int8Array<ArrayBuffer>;
  /** Of each output channel. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** With what the integers would shift the mean by taken back. */
  readonly bias: Float32Array<ArrayBuffer>;
}

/** Where neighbours do not fit with the finest scale, scales between it and the one that they do fit with. */
const SCALES = [0, 0.25, 0.5, 0.75, 1];

/** Integers for all weights of a convolution. */
export function roundWeights({ weights, layout, bias, neighbours, groups }: Rounding): Rounded {
  const { channels, inner } = layout;
  const fitting = quantizeWeights(weights, layout, { neighbours }).scales;
  // Neighbours in no known order fit with that one alone, or nearly all of a row is bounded by what was rounded first.
  const finest =
    neighbours === 'any' ? fitting : quantizeWeights(weights, layout, { neighbours: 'none' }).scales;
  const integers = new Int8Array(weights.length);
  const scales = new Float32Array(channels);
  const corrected = Float32Array.from(bias);
  for (let channel = 0; channel < channels; channel += 1) {
    const row = weights.subarray(channel * inner, (channel + 1) * inner);
    const blocks = groups[Math.floor((channel * groups.length) / channels)]!;
    const [low, high] = [finest[channel]!, fitting[channel]!];
    const tried = high > low ? SCALES.map((share) => Math.fround(low * (high / low) ** share)) : [low];
    const best = tried
      .map((scale) => roundRow(row, blocks, { scale, neighbours }))
      .reduce((a, b) => (b.loss < a.loss ? b : a));
    integers.set(best.integers, channel * inner);
    scales[channel] = best.scale;
    corrected[channel] = bias[channel]! + best.shift;
  }
  return { integers, scales, bias: corrected };
}

interface RoundedRow {
  readonly integers: Int8Array;
  readonly scale: number;
  /** The square of the error that is to be expected at the output, the mean apart. */
  readonly loss: number;
  /** What the output misses on average. */
  readonly shift: number;
}

function roundRow(
  weights: Float32Array,
  blocks: readonly Block[],
  { scale, neighbours }: { readonly scale: number; readonly neighbours: Neighbours },
): RoundedRow {
  const integers = new Int8Array(weights.length);
  const errors = new Float64Array(weights.length);
  const limits = new SumLimits(neighbours);
  let [loss, shift, first] = [0, 0, 0];
  for (const { columns, means, factors } of blocks) {
    for (let k = 0; k < columns; k += 1) {
      const at = first + k;
      const wanted = weights[at]! + (factors === undefined ? 0 : owed(errors, first, k, factors));
      const integer = limits.take(wanted / scale, (weights[at + 1] ?? 0) / scale);
      integers[at] = integer;
      errors[at] = weights[at]! - integer * scale;
      shift += errors[at]! * means[k]!;
      loss += (factors?.diagonal[k] ?? 0) * (wanted - integer * scale) ** 2;
    }
    first += columns;
  }
  return { integers, scale, loss, shift };
}

/** What column `k` of a block can make up for of the errors before it. */
function owed(errors: Float64Array, first: number, k: number, { columns, turned }: Factors): number {
  let sum = 0;
  for (let j = 0; j < k; j += 1) sum += errors[first + j]! * turned[k * columns + j]!;
  return sum;
}

/** Rounds the numbers of a row in turn so that no integer and no sum of neighbours leaves its limits. */
class SumLimits {
  readonly #neighbours: Neighbours;
  #lowest = 0;
  #highest = 0;
  #last: number | undefined;

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours;
  }

  /** `next`: what the number behind this one will be, about. */
  take(value: number, next: number): number {
    let [low, high] = [-WEIGHT_MAX, WEIGHT_MAX];
    let wanted = value;
    if (this.#neighbours === 'any') {
      low = Math.max(low, -SUM_LIMIT - this.#lowest);
      high = Math.min(high, SUM_LIMIT - this.#highest);
    } else if (this.#neighbours === 'pairs') {
      if (this.#last === undefined) wanted = shared(value, next);
      else {
        low = Math.max(low, -SUM_LIMIT - this.#last);
        high = Math.min(high, SUM_LIMIT - this.#last);
      }
    }
    const integer = Math.min(high, Math.max(low, roundHalfEven(wanted)));
    this.#lowest = Math.min(this.#lowest, integer);
    this.#highest = Math.max(this.#highest, integer);
    this.#last = this.#last === undefined ? integer : undefined;
    return integer;
  }
}

/** What is too much in a pair is taken from both. */
function shared(value: number, next: number): number {
  const excess = Math.max(0, Math.abs(value + next) - SUM_LIMIT) / 2;
  return value - Math.sign(value + next) * excess;
}

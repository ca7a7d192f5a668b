// Arithmetic of affine int8 quantization, real = scale * (quantized - zero point): ranges to scales and zero points, weights and
// biases to integers. Knows no graph. Pure. Source: Jacob et al. 2018, "Quantization and training of neural networks for efficient
// integer-arithmetic-only inference"; the forms are those that ONNX Runtime's integer kernels take.

/** Real numbers that an activation takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** One scale and zero point for a whole tensor of uint8. */
export interface ActivationParams {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** int8 weights with one scale for each channel, zero point 0. */
export interface QuantizedWeights {
  readonly values: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/** Steps between the smallest and the largest uint8. */
const LEVELS = 255;
/** Weights keep to -127..127, so that the negative of each exists. */
export const WEIGHT_MAX = 127;
/**
 * Processors with AVX2 or AVX-512 but without VNNI add two products of an activation and a weight in 16 bits, where 255 times the sum
 * of two weights must have room. Larger sums would be cut off without a word.
 */
export const SUM_LIMIT = 128;
/** Of two that are still to be rounded. */
const SUM_MAX = SUM_LIMIT - 0.1;
/** Which weights of a channel are added so: those at places 2k and 2k + 1, whichever (the order is not known), or none. */
export type Neighbours = 'none' | 'pairs' | 'any';
/** A bias uses half of int32 at most: the sum of products needs room beside it. */
const BIAS_MAX = 2 ** 30;
/** A scale below this is no scale but rounding noise; float32 products of two of them stay normal numbers. */
const SCALE_MIN = 2 ** -60;

/** The range with zero in it: zero must have an exact value, because padding and Relu make it. */
export function withZero({ min, max }: Range): Range {
  return { min: Math.min(0, min), max: Math.max(0, max) };
}

export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

/** The asymmetric form of a range: 0 is exact, both ends are within half a step of what uint8 reaches. */
export function activationParams(range: Range): ActivationParams {
  const { min, max } = withZero(range);
  const scale = Math.fround((max - min) / LEVELS);
  if (!Number.isFinite(scale)) throw new RangeError(`range ${min} to ${max} is not finite`);
  if (scale < SCALE_MIN) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(LEVELS, Math.max(0, roundHalfEven(-min / scale))) };
}

/** The real numbers that uint8 reaches with these. */
export function reachOf({ scale, zeroPoint }: ActivationParams): Range {
  return { min: -zeroPoint * scale, max: (LEVELS - zeroPoint) * scale };
}

/** The nearest uint8, saturated. */
export function quantizeValue(value: number, { scale, zeroPoint }: ActivationParams): number {
  return Math.min(LEVELS, Math.max(0, roundHalfEven(value / scale) + zeroPoint));
}

/** Where the values of one channel lie: channel c holds `inner` values from (o * channels + c) * inner on, for o below `outer`. */
export interface ChannelLayout {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

export function layoutOf(dims: readonly number[], axis: number): ChannelLayout {
  const size = (sizes: readonly number[]) => sizes.reduce((product, value) => product * value, 1);
  return { outer: size(dims.slice(0, axis)), channels: dims[axis] ?? 1, inner: size(dims.slice(axis + 1)) };
}

/** Calls `each` with the index of every value and its channel. */
export function forEachInChannels(
  { outer, channels, inner }: ChannelLayout,
  each: (index: number, channel: number) => void,
): void {
  let index = 0;
  for (let o = 0; o < outer; o += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let i = 0; i < inner; i += 1, index += 1) each(index, channel);
    }
  }
}

export interface WeightOptions {
  readonly neighbours: Neighbours;
  /** Of each channel (again from the first where there are more): kept where all its weights are whole multiples and within limits. */
  readonly scales?: ArrayLike<number>;
  /** Of each channel, with the scale of the input: the scales are so large that it fits into int32 too. */
  readonly bias?: { readonly values: ArrayLike<number>; readonly inputScale: number };
}

/**
 * Symmetric int8 with one scale for each channel, by its largest weight and the largest sum of neighbours. A channel without weights
 * gets one that still tells its bias exactly enough.
 */
export function quantizeWeights(
  values: Float32Array,
  layout: ChannelLayout,
  { neighbours, bias, scales: given }: WeightOptions,
): QuantizedWeights {
  const largest = new Float64Array(layout.channels);
  forEachInChannels(layout, (index, channel) => {
    largest[channel] = Math.max(largest[channel]!, Math.abs(values[index]!));
  });
  const sums = largestSums(values, layout, neighbours);
  const steps = given === undefined ? undefined : multiplesOf(values, layout, given);
  const scales = Float32Array.from(largest, (size, channel) => {
    const forBias = bias === undefined ? 0 : Math.abs(bias.values[channel]!) / (bias.inputScale * BIAS_MAX);
    const step = steps?.[channel] ?? 0;
    const fits =
      roundHalfEven(size / step) <= WEIGHT_MAX && roundHalfEven(sums[channel]! / step) <= SUM_LIMIT;
    if (step > forBias && fits) return step;
    const scale = Math.max(size / WEIGHT_MAX, sums[channel]! / SUM_MAX, forBias);
    return scale < SCALE_MIN ? 1 : scale;
  });
  const quantized = new Int8Array(values.length);
  forEachInChannels(layout, (index, channel) => {
    const value = roundHalfEven(values[index]! / scales[channel]!);
    quantized[index] = Math.min(WEIGHT_MAX, Math.max(-WEIGHT_MAX, value));
  });
  return { values: quantized, scales };
}

/** A weight may be so far from a whole multiple of its step: what single precision makes of it. */
const WHOLE = 0.01;

/** The step of each channel; 0 where a weight is no whole multiple of it. */
function multiplesOf(values: Float32Array, layout: ChannelLayout, given: ArrayLike<number>): Float64Array {
  const steps = Float64Array.from(
    { length: layout.channels },
    (_, channel) => given[channel % given.length]!,
  );
  forEachInChannels(layout, (index, channel) => {
    const multiple = values[index]! / steps[channel]!;
    if (!(Math.abs(multiple - Math.round(multiple)) < WHOLE)) steps[channel] = 0;
  });
  return steps;
}

/** Of each channel, the largest absolute sum of two neighbours; 0 without any. */
function largestSums(values: Float32Array, layout: ChannelLayout, neighbours: Neighbours): Float64Array {
  const sums = new Float64Array(layout.channels);
  const noteSum = (channel: number, a: number, b: number) => {
    sums[channel] = Math.max(sums[channel]!, Math.abs(a + b));
  };
  if (neighbours === 'pairs') {
    const [count, last] = [new Uint32Array(layout.channels), new Float32Array(layout.channels)];
    forEachInChannels(layout, (index, channel) => {
      if (count[channel]! % 2 === 1) noteSum(channel, last[channel]!, values[index]!);
      last[channel] = values[index]!;
      count[channel]! += 1;
    });
  } else if (neighbours === 'any') {
    const [lowest, highest] = [new Float32Array(layout.channels), new Float32Array(layout.channels)];
    forEachInChannels(layout, (index, channel) => {
      const value = values[index]!;
      const most = value < 0 ? lowest : highest;
      noteSum(channel, most[channel]!, value);
      if (Math.abs(value) > Math.abs(most[channel]!)) most[channel] = value;
    });
  }
  return sums;
}

/** int32 biases with the scale of the products, input scale times weight scale: what integer kernels add to the sum. */
export function quantizeBias(
  values: ArrayLike<number>,
  inputScale: number,
  weightScales: Float32Array,
): { readonly values: Int32Array<ArrayBuffer>; readonly scales: Float32Array<ArrayBuffer> } {
  const scales = Float32Array.from(weightScales, (scale) => Math.fround(inputScale) * scale);
  const limit = 2 ** 31 - 1;
  const quantized = Int32Array.from(values, (value, channel) =>
    Math.min(limit, Math.max(-limit, roundHalfEven(value / scales[channel]!))),
  );
  return { values: quantized, scales };
}

/** As QuantizeLinear rounds. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

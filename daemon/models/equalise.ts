// Cross-layer equalisation: the channels between two convolutions share one scale, and those that stay small waste most of its steps. A
// channel can be made larger by the one convolution and smaller by the next without changing the answer, as long as what lies between
// keeps proportions. Sources: Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.1;
// by what the channels reach, in place of their weights alone: Xiao et al. 2023, "SmoothQuant", section 4. Pure.

import { boundsOf } from './fold-forms.ts';
import { copyModel, GraphIndex, intOf, removeDead } from './graph.ts';
import { biasOf, linearWeights, setLinearWeights } from './linear-weights.ts';
import type { Graph, Node, OnnxModel } from './onnx.ts';
import type { Range } from './qdq-params.ts';
import { tensorValues } from './tensor.ts';

export interface Equalised {
  readonly model: OnnxModel;
  /** Names of the convolutions that were balanced against each other. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Pairs that could not be, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * How much a channel's peak counts against the weights that read it: those of one output share a scale too. Weights for each channel
 * alone (depthwise) do not, and the peak alone counts.
 */
const PEAK_SHARE = 0.6;
/** A channel is made at most so much larger or smaller: one that is nearly nothing stays so. */
const FACTOR_MAX = 2 ** 10;

/** By value, the largest size that each of its channels reaches. */
export type ChannelPeaks = ReadonlyMap<string, ArrayLike<number>>;

export interface Reached {
  readonly peaks: ChannelPeaks;
  /** Of Clips. */
  readonly ranges?: ReadonlyMap<string, Range>;
}

interface Pair {
  readonly first: Node;
  readonly second: Node;
  /** What the second reads. */
  readonly value: string;
  /** A Clip between them that never reaches its upper bound, and becomes Relu. */
  readonly clip: Node | undefined;
}

/** The values of a prepared model whose peaks `equalise` wants: those that may lie between two convolutions. */
export function valuesBetween(model: OnnxModel, ranges: ReadonlyMap<string, Range>): string[] {
  return pairsOf(model.graph, ranges, []).map(({ value }) => value);
}

/**
 * A copy of a prepared model whose convolutions are balanced where peaks are known. A Clip that stayed below its upper bound whenever it
 * was measured becomes Relu, and its pair is balanced too; any other Clip with an upper bound stands in the way, because a bound is the
 * same for all channels. The numbers are those of before, but for the order of roundings and for inputs that would reach such a bound.
 */
export function equalise(model: OnnxModel, { peaks, ranges = new Map() }: Reached): Equalised {
  const copy = copyModel(model);
  const { graph } = copy;
  const skipped: { name: string; reason: string }[] = [];
  const pairs = pairsOf(graph, ranges, skipped).filter(({ value }) => peaks.has(value));
  const numbers = new Map(
    pairs.flatMap(({ first, second }) => [first, second]).map((node) => [node, numbersOf(node, graph)]),
  );
  for (const { first, second, value, clip } of pairs) {
    if (clip !== undefined) {
      clip.opType = 'Relu';
      clip.inputs = clip.inputs.slice(0, 1);
    }
    balance(numbers.get(first)!, numbers.get(second)!, peaks.get(value)!);
  }
  for (const [node, { weights, bias, dims }] of numbers) {
    setLinearWeights(
      node,
      { dims, values: weights, ...(bias === undefined ? {} : { bias }) },
      graph,
      'balanced',
    );
  }
  removeDead(graph);
  return { model: copy, pairs: pairs.map(({ first, second }) => [first.name, second.name]), skipped };
}

function pairsOf(
  graph: Graph,
  ranges: ReadonlyMap<string, Range>,
  skipped: { name: string; reason: string }[],
): Pair[] {
  const index = new GraphIndex(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const only = (value: string): Node | undefined => {
    const users = index.consumers(value);
    return users.length === 1 && !outputs.has(value) ? users[0] : undefined;
  };
  const pairs: Pair[] = [];
  for (const first of graph.nodes) {
    if (first.opType !== 'Conv' || linearWeights(first, graph) === undefined) continue;
    const next = only(first.outputs[0]!);
    const bounds = boundsOf(next, graph, index);
    const second = bounds === undefined ? next : only(next!.outputs[0]!);
    if (second?.opType !== 'Conv' || linearWeights(second, graph) === undefined) continue;
    const value = bounds === undefined ? first.outputs[0]! : next!.outputs[0]!;
    if (second.inputs[0] !== value || inputChannels(second, graph) !== linearWeights(first, graph)!.channels)
      continue;
    const isRelu = bounds === undefined || (bounds.min === 0 && bounds.max === Number.POSITIVE_INFINITY);
    const range = ranges.get(value);
    if (isRelu) pairs.push({ first, second, value, clip: undefined });
    else if (bounds.min === 0 && range !== undefined && range.max < bounds.max) {
      pairs.push({ first, second, value, clip: next });
    } else {
      const reason = `${next!.opType} to ${bounds.min}..${bounds.max} stands before '${second.name}'`;
      skipped.push({ name: first.name, reason });
    }
  }
  return pairs;
}

function inputChannels(node: Node, graph: Graph): number {
  return linearWeights(node, graph)!.tensor.dims[1]! * intOf(node, 'group', 1);
}

/** Weights and bias of a convolution, to be changed. */
interface Numbers {
  readonly weights: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer> | undefined;
  readonly dims: readonly number[];
  readonly groups: number;
}

function numbersOf(node: Node, graph: Graph): Numbers {
  const { tensor, channels } = linearWeights(node, graph)!;
  const hasBias = (node.inputs[2] ?? '') !== '';
  return {
    weights: Float32Array.from(tensorValues(tensor, 'float32')),
    bias: hasBias ? Float32Array.from(biasOf(node, graph, channels)) : undefined,
    dims: tensor.dims,
    groups: intOf(node, 'group', 1),
  };
}

/** Calls `each` with every weight's index and the input channel, of all groups, that it is for. */
function forEachInput({ dims, groups }: Numbers, each: (index: number, channel: number) => void): void {
  const [outputs = 1, perGroup = 1, ...kernel] = dims;
  const inner = kernel.reduce((product, size) => product * size, 1);
  let index = 0;
  for (let output = 0; output < outputs; output += 1) {
    const from = Math.floor(output / (outputs / groups)) * perGroup;
    for (let input = 0; input < perGroup; input += 1) {
      for (let i = 0; i < inner; i += 1, index += 1) each(index, from + input);
    }
  }
}

/** Divides every channel between two convolutions by its factor in the first and multiplies by it in the second. */
function balance(first: Numbers, second: Numbers, peaks: ArrayLike<number>): void {
  const factors = factorsOf(second, peaks);
  const perOutput = first.weights.length / first.dims[0]!;
  first.weights.forEach((value, index) => {
    first.weights[index] = value / factors[Math.floor(index / perOutput)]!;
  });
  first.bias?.forEach((value, channel, bias) => {
    bias[channel] = value / factors[channel]!;
  });
  forEachInput(second, (index, channel) => {
    second.weights[index] = second.weights[index]! * factors[channel]!;
  });
}

/** Of each channel; their geometric mean is 1. A channel that carries nothing keeps its size. */
function factorsOf(second: Numbers, peaks: ArrayLike<number>): Float64Array {
  const used = new Float64Array(peaks.length);
  forEachInput(second, (index, channel) => {
    used[channel] = Math.max(used[channel]!, Math.abs(second.weights[index]!));
  });
  const isDepthwise = second.dims[1] === 1 && second.groups === second.dims[0];
  const share = isDepthwise ? 1 : PEAK_SHARE;
  const logs = used.map((size, channel) => share * Math.log(peaks[channel]!) - (1 - share) * Math.log(size));
  const carrying = logs.filter((log, channel) => used[channel]! > 0 && Number.isFinite(log));
  const mean = carrying.reduce((sum, log) => sum + log / carrying.length, 0);
  return logs.map((log, channel) => {
    if (used[channel] === 0 || !Number.isFinite(log)) return 1;
    return Math.min(FACTOR_MAX, Math.max(1 / FACTOR_MAX, Math.exp(log - mean)));
  });
}

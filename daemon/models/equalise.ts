// Cross-layer equalisation: channels whose weights differ much in size share one scale badly, and a channel can be made smaller in
// one convolution and larger in the next without changing the answer, as long as what lies between keeps proportions. Source: Nagel
// et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.1. Pure.

import { boundsOf } from './fold-forms.ts';
import { copyModel, freshName, GraphIndex, intOf, namesOf, removeDead } from './graph.ts';
import { biasOf, linearWeights } from './linear-weights.ts';
import type { Graph, Node, OnnxModel } from './onnx.ts';
import type { Range } from './qdq-params.ts';
import { makeTensor, tensorValues } from './tensor.ts';

export interface Equalised {
  readonly model: OnnxModel;
  /** Names of the convolutions that were balanced against each other. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Pairs that could not be, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** Sweeps over all pairs; a chain of three settles in a few. */
const SWEEPS_MAX = 20;
/** A sweep that changes no channel by more than this is the last. */
const SETTLED = 1e-3;
/** A channel is made at most so much larger or smaller: one that is nearly nothing stays so. */
const FACTOR_MAX = 2 ** 10;

interface Pair {
  readonly first: Node;
  readonly second: Node;
  /** A Clip between them that never reaches its upper bound, and becomes Relu. */
  readonly clip: Node | undefined;
}

/**
 * A copy of a prepared model whose convolutions are balanced. With `ranges`, a Clip that stayed below its upper bound whenever it was
 * measured becomes Relu, and its pair is balanced too; any other Clip with an upper bound stands in the way, because a bound is the
 * same for all channels. The numbers are those of before, but for the order of roundings and for inputs that would reach such a bound.
 */
export function equalise(model: OnnxModel, ranges: ReadonlyMap<string, Range> = new Map()): Equalised {
  const copy = copyModel(model);
  const { graph } = copy;
  const skipped: { name: string; reason: string }[] = [];
  const pairs = pairsOf(graph, ranges, skipped);
  for (const { clip } of pairs) {
    if (clip === undefined) continue;
    clip.opType = 'Relu';
    clip.inputs = clip.inputs.slice(0, 1);
  }
  const numbers = new Map(
    pairs.flatMap(({ first, second }) => [first, second]).map((node) => [node, numbersOf(node, graph)]),
  );
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep += 1) {
    let change = 1;
    for (const { first, second } of pairs) {
      change = Math.max(change, balance(numbers.get(first)!, numbers.get(second)!));
    }
    if (change < 1 + SETTLED) break;
  }
  for (const [node, changed] of numbers) setNumbers(node, changed, graph);
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
    if (isRelu) pairs.push({ first, second, clip: undefined });
    else if (bounds.min === 0 && range !== undefined && range.max < bounds.max) {
      pairs.push({ first, second, clip: next });
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
  readonly weights: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly dims: readonly number[];
  readonly groups: number;
}

function numbersOf(node: Node, graph: Graph): Numbers {
  const { tensor, channels } = linearWeights(node, graph)!;
  const hasBias = (node.inputs[2] ?? '') !== '';
  return {
    weights: tensorValues(tensor, 'float32').slice(),
    bias: hasBias ? biasOf(node, graph, channels).slice() : undefined,
    dims: tensor.dims,
    groups: intOf(node, 'group', 1),
  };
}

function setNumbers(node: Node, { weights, bias, dims }: Numbers, graph: Graph): void {
  const taken = namesOf(graph);
  const set = (wanted: string, shape: readonly number[], values: Float32Array): string => {
    const name = freshName(taken, wanted);
    graph.initializers.set(name, makeTensor(name, 'float32', shape, Float32Array.from(values)));
    return name;
  };
  const inputs = [node.inputs[0]!, set(`${node.name}_balanced_w`, dims, weights)];
  if (bias !== undefined) inputs.push(set(`${node.name}_balanced_b`, [bias.length], bias));
  node.inputs = inputs;
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

/** Gives every channel between two convolutions the same largest weight in both; gives the largest factor. */
function balance(first: Numbers, second: Numbers): number {
  const channels = first.dims[0]!;
  const perOutput = first.weights.length / channels;
  const [made, used] = [new Float64Array(channels), new Float64Array(channels)];
  first.weights.forEach((value, index) => {
    const channel = Math.floor(index / perOutput);
    made[channel] = Math.max(made[channel]!, Math.abs(value));
  });
  forEachInput(second, (index, channel) => {
    used[channel] = Math.max(used[channel]!, Math.abs(second.weights[index]!));
  });
  // The channel is divided by its factor in the first convolution and multiplied by it in the second.
  const factors = made.map((size, channel) => {
    const factor = Math.sqrt(size / used[channel]!);
    return factor > 0 && Number.isFinite(factor) ? Math.min(FACTOR_MAX, Math.max(1 / FACTOR_MAX, factor)) : 1;
  });
  first.weights.forEach((value, index) => {
    first.weights[index] = value / factors[Math.floor(index / perOutput)]!;
  });
  first.bias?.forEach((value, channel, bias) => {
    bias[channel] = value / factors[channel]!;
  });
  forEachInput(second, (index, channel) => {
    second.weights[index] = second.weights[index]! * factors[channel]!;
  });
  return factors.reduce((most, factor) => Math.max(most, factor, 1 / factor), 1);
}

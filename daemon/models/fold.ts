// A float graph made ready for quantization: the constants, forms and names that the other transforms of this room expect, and batch
// normalisation and per-channel factors folded into the convolution before them. Computes the same numbers as before, but for
// the order of roundings. Pure.
import { foldConstants, nameNodes, removePassing } from './fold-constants.ts';
import { unifyForms } from './fold-forms.ts';
import { sinkTransposes } from './fold-layout.ts';
import {
  copyModel,
  floatOf,
  freshName,
  GraphIndex,
  inTopologicalOrder,
  namesOf,
  removeDead,
} from './graph.ts';
import { biasOf, type LinearWeights, linearWeights } from './linear-weights.ts';
import type { Attribute, Graph, Node, OnnxModel } from './onnx.ts';
import { upgradeOpset } from './opset.ts';
import { forEachInChannels, layoutOf } from './qdq-params.ts';
import { shapesOf } from './shapes.ts';
import { makeTensor, type Tensor, tensorValues } from './tensor.ts';

/** Values of initializers need not be inputs from here on. */
const IR_VERSION_MIN = 7;

/**
 * A copy with operator set 13 or later, constants as initializers, one form for each thing, a name for every node, and batch
 * normalisation folded. Throws MODEL_UNSUPPORTED for graphs that are none.
 */
export function prepare(model: OnnxModel): OnnxModel {
  const copy = copyModel(model);
  copy.irVersion = Math.max(copy.irVersion, IR_VERSION_MIN);
  upgradeOpset(copy);
  const { graph } = copy;
  graph.nodes = inTopologicalOrder(graph);
  foldConstants(graph);
  removePassing(graph);
  sinkTransposes(graph);
  unifyForms(graph);
  nameNodes(graph);
  foldIntoConvolutions(graph);
  normsToConvolutions(graph);
  graph.nodes = inTopologicalOrder(graph);
  removeDead(graph);
  return copy;
}

/** y = factor * x + term, for each channel. */
interface PerChannel {
  readonly factors: Float64Array;
  readonly terms: Float64Array;
}

function foldIntoConvolutions(graph: Graph): void {
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  for (const node of [...graph.nodes]) {
    if (node.domain !== '' || (node.opType !== 'Conv' && node.opType !== 'Gemm')) continue;
    for (;;) {
      const index = new GraphIndex(graph);
      const value = node.outputs[0]!;
      const users = index.consumers(value);
      const next = users[0];
      if (next === undefined || users.length !== 1 || isOutput.has(value)) break;
      const weights = linearWeights(node, graph);
      const change = weights === undefined ? undefined : perChannelOf(next, value, weights, graph);
      if (weights === undefined || change === undefined) break;
      applyChange(node, weights, change, graph);
      node.outputs = [next.outputs[0]!];
      graph.nodes = graph.nodes.filter((other) => other !== next);
    }
  }
}

/** Batch normalisation that no convolution could take, of pictures, becomes a convolution of one pixel for each channel. */
function normsToConvolutions(graph: Graph): void {
  const shapes = shapesOf(graph);
  for (const node of graph.nodes) {
    if (node.domain !== '' || node.opType !== 'BatchNormalization') continue;
    const input = node.inputs[0]!;
    const channels = graph.initializers.get(node.inputs[1] ?? '')?.dims[0] ?? 0;
    const change = normOf(node, input, channels, graph);
    if (shapes.get(input)?.length !== 4 || change === undefined) continue;
    const ones = makeTensor('', 'float32', [channels, 1, 1, 1], new Float32Array(channels).fill(1));
    node.opType = 'Conv';
    node.inputs = [input];
    node.outputs = node.outputs.slice(0, 1);
    node.attributes = new Map<string, Attribute>([
      ['group', { kind: 'int', value: channels }],
      ['kernel_shape', { kind: 'ints', value: [1, 1] }],
    ]);
    applyChange(node, { tensor: ones, axis: 0, channels, rank: 4, neighbours: 'none' }, change, graph);
  }
}

/** What a node after a convolution does to each channel; undefined when it does more than that. */
function perChannelOf(
  node: Node,
  value: string,
  { channels, rank }: LinearWeights,
  graph: Graph,
): PerChannel | undefined {
  if (node.domain !== '') return undefined;
  if (node.opType === 'BatchNormalization') return normOf(node, value, channels, graph);
  const each = perChannel(channels);
  const position = node.inputs.indexOf(value);
  const constant = perChannelConstant(
    graph.initializers.get(node.inputs[1 - position] ?? ''),
    channels,
    rank,
  );
  if (constant === undefined || node.inputs.length !== 2) return undefined;
  const [one, zero] = [each(() => 1), each(() => 0)];
  switch (node.opType) {
    case 'Mul':
      return { factors: each((at) => constant[at]!), terms: zero };
    case 'Div':
      return position === 0 ? { factors: each((at) => 1 / constant[at]!), terms: zero } : undefined;
    case 'Add':
      return { factors: one, terms: each((at) => constant[at]!) };
    case 'Sub':
      return position === 0
        ? { factors: one, terms: each((at) => -constant[at]!) }
        : { factors: each(() => -1), terms: each((at) => constant[at]!) };
    default:
      return undefined;
  }
}

function perChannel(channels: number): (make: (channel: number) => number) => Float64Array {
  return (make) => Float64Array.from({ length: channels }, (_, at) => make(at));
}

/** What batch normalisation of `value` does; undefined when it is not made of constants. */
function normOf(node: Node, value: string, channels: number, graph: Graph): PerChannel | undefined {
  if (node.outputs.slice(1).some((name) => name !== '') || node.inputs[0] !== value) return undefined;
  const tensors = node.inputs.slice(1).map((name) => graph.initializers.get(name));
  const isTaken = (tensor: Tensor | undefined) => tensor?.type === 'float32' && tensor.dims[0] === channels;
  if (tensors.length !== 4 || !tensors.every(isTaken)) return undefined;
  const [scale, shift, mean, variance] = tensors.map((tensor) => tensorValues(tensor!, 'float32'));
  const epsilon = floatOf(node, 'epsilon', 1e-5);
  const each = perChannel(channels);
  const factors = each((at) => scale![at]! / Math.sqrt(variance![at]! + epsilon));
  return { factors, terms: each((at) => shift![at]! - mean![at]! * factors[at]!) };
}

/** A constant that has one value, or one for each channel (axis 1), of a tensor of that rank. */
function perChannelConstant(
  tensor: Tensor | undefined,
  channels: number,
  rank: number,
): Float32Array | undefined {
  if (tensor?.type !== 'float32' || tensor.dims.length > rank) return undefined;
  const values = tensorValues(tensor, 'float32');
  if (values.length === 1) return new Float32Array(channels).fill(values[0]!);
  const axis = tensor.dims.length - (rank - 1);
  const isOther = (size: number, at: number): boolean => at !== axis && size !== 1;
  return tensor.dims[axis] !== channels || tensor.dims.some(isOther) ? undefined : values;
}

function applyChange(node: Node, weights: LinearWeights, { factors, terms }: PerChannel, graph: Graph): void {
  const { tensor, axis, channels } = weights;
  const taken = namesOf(graph);
  const scaled = tensorValues(tensor, 'float32').slice();
  forEachInChannels(layoutOf(tensor.dims, axis), (index, channel) => {
    scaled[index] = scaled[index]! * factors[channel]!;
  });
  const bias = biasOf(node, graph, channels).map((value, at) => value * factors[at]! + terms[at]!);
  const weightsName = freshName(taken, `${node.name}_weights`);
  const biasName = freshName(taken, `${node.name}_bias`);
  graph.initializers.set(weightsName, makeTensor(weightsName, 'float32', tensor.dims, scaled));
  graph.initializers.set(biasName, makeTensor(biasName, 'float32', [channels], bias));
  node.inputs = [node.inputs[0]!, weightsName, biasName];
}

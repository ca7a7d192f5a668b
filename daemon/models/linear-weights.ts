// Convolutions and matrix products with constant weights: what the transforms of this room have to know of them. Pure.
import { floatOf, freshName, intOf, namesOf } from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import type { Neighbours } from './qdq-params.ts';
import { makeTensor, type Tensor, tensorValues } from './tensor.ts';

/** The constant weights of a Conv or Gemm, and which of their axes is the output channel. */
export interface LinearWeights {
  readonly tensor: Tensor;
  readonly axis: number;
  readonly channels: number;
  /** Dimensions of the output. */
  readonly rank: number;
  /** Which of a channel's weights an integer kernel multiplies side by side: see qdq-params.ts. */
  readonly neighbours: Neighbours;
}

/** Undefined when the weights or the bias are no float32 constants, or the Gemm does more than multiply and add. */
export function linearWeights(node: Node, graph: Graph): LinearWeights | undefined {
  const tensor = graph.initializers.get(node.inputs[1] ?? '');
  if (tensor?.type !== 'float32' || node.domain !== '') return undefined;
  const bias = node.inputs[2] ?? '';
  const given = graph.initializers.get(bias);
  if (bias !== '' && given?.type !== 'float32') return undefined;
  const rank = tensor.dims.length;
  let axis = 0;
  if (node.opType === 'Gemm') {
    if (intOf(node, 'transA', 0) !== 0 || floatOf(node, 'alpha', 1) !== 1 || floatOf(node, 'beta', 1) !== 1) {
      return undefined;
    }
    axis = intOf(node, 'transB', 0) === 0 ? 1 : 0;
  } else if (node.opType === 'MatMul') {
    if (rank !== 2) return undefined;
    axis = 1;
  } else if (node.opType !== 'Conv') return undefined;
  const channels = tensor.dims[axis]!;
  if (given !== undefined && given.raw.length !== 4 * channels) return undefined;
  return { tensor, axis, channels, rank, neighbours: neighboursOf(node, tensor) };
}

/** Depthwise kernels multiply in 16 bits; all others go through matrix products, those of more than one place in an order of their own. */
function neighboursOf(node: Node, { dims }: Tensor): Neighbours {
  const [channels, perGroup, ...kernel] = dims;
  if (node.opType !== 'Conv') return 'pairs';
  if (perGroup === 1 && intOf(node, 'group', 1) === channels) return 'none';
  return kernel.every((size) => size === 1) ? 'pairs' : 'any';
}

/** The bias of a Conv or Gemm; zeros where it has none. */
export function biasOf(node: Node, graph: Graph, channels: number): Float32Array {
  const tensor = graph.initializers.get(node.inputs[2] ?? '');
  return tensor === undefined ? new Float32Array(channels) : tensorValues(tensor, 'float32');
}

export interface NewWeights {
  readonly dims: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
  /** None: the node has no bias. */
  readonly bias?: Float32Array<ArrayBuffer>;
}

/** Gives a Conv or Gemm other weights and bias, as constants of its own; `word` says in their names what was done. */
export function setLinearWeights(
  node: Node,
  { dims, values, bias }: NewWeights,
  graph: Graph,
  word: string,
): void {
  const taken = namesOf(graph);
  const constant = (what: string, shape: readonly number[], numbers: Float32Array<ArrayBuffer>): string => {
    const name = freshName(taken, `${node.name}_${word}_${what}`);
    graph.initializers.set(name, makeTensor(name, 'float32', shape, numbers));
    return name;
  };
  const inputs = [node.inputs[0]!, constant('weights', dims, values)];
  if (bias !== undefined) inputs.push(constant('bias', [bias.length], bias));
  node.inputs = inputs;
}

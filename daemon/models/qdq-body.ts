// Which part of a graph is its body, where integers are to run, and which convolutions are its heads: told from the constant weights
// that lie before and behind each node. Changes nothing. Pure.

import { GraphIndex, usesOf } from './graph.ts';
import { linearWeights } from './linear-weights.ts';
import type { Graph, Node, OnnxModel } from './onnx.ts';

/** Nodes whose output is float numbers when their first input is. */
const FLOAT_OPS = new Set(
  (
    'Add AveragePool BatchNormalization Clip Concat Conv ConvTranspose DepthToSpace Div Dropout Elu Erf Exp Expand Flatten ' +
    'Gather Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity LayerNormalization LeakyRelu MatMul Max MaxPool ' +
    'Mean Min Mish Mul Neg Pad PRelu Pow ReduceMean Relu Reshape Resize Selu Sigmoid Slice Softmax Softplus SpaceToDepth Split ' +
    'Sqrt Squeeze Sub Tanh Transpose Unsqueeze'
  ).split(' '),
);

export interface Body {
  /** Convolutions and matrix products with constant weights. */
  readonly linear: ReadonlySet<Node>;
  /** Nodes from whose output a linear one can be reached. */
  readonly before: ReadonlySet<Node>;
  /** Nodes that work on what a linear one made. */
  readonly behind: ReadonlySet<Node>;
}

export function bodyOf(graph: Graph): Body {
  const index = new GraphIndex(graph);
  const linear = new Set(graph.nodes.filter((node) => linearWeights(node, graph) !== undefined));
  const before = new Set<Node>();
  const back = [...linear];
  for (let node = back.pop(); node !== undefined; node = back.pop()) {
    for (const value of usesOf(node)) {
      const producer = index.producer(value);
      if (producer === undefined || before.has(producer)) continue;
      before.add(producer);
      back.push(producer);
    }
  }
  const behind = new Set<Node>();
  const forth = [...linear];
  for (let node = forth.pop(); node !== undefined; node = forth.pop()) {
    for (const value of node.outputs) {
      for (const user of index.consumers(value)) {
        if (behind.has(user) || user.domain !== '' || !FLOAT_OPS.has(user.opType)) continue;
        behind.add(user);
        forth.push(user);
      }
    }
  }
  return { linear, before, behind };
}

/**
 * Names of the convolutions behind which there is no other: their outputs are the model's answer, and a step of 1/255 of its range is
 * too coarse there. A matrix product counts as another convolution.
 */
export function headConvolutions({ graph }: OnnxModel): string[] {
  const { linear, before } = bodyOf(graph);
  return [...linear].filter((node) => node.opType === 'Conv' && !before.has(node)).map(({ name }) => name);
}

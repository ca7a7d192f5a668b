// Static int8 quantization of a float graph by ONNX Runtime's conventions: activations uint8, weights int8 for each output channel,
// biases int32, QuantizeLinear and DequantizeLinear around every node that has an integer kernel. The numbers of the ranges
// are measured elsewhere. Pure. Sources: onnxruntime.ai, "Quantize ONNX models"; the integer kernels of 1.30.
import { boundsOf } from './fold-forms.ts';
import { copyModel, GraphIndex, removeDead } from './graph.ts';
import type { OnnxModel } from './onnx.ts';
import { bodyOf, headConvolutions } from './qdq-body.ts';
import { alignChannels, widenFirst } from './qdq-fast.ts';
import { lowerActivations } from './qdq-lower.ts';
import type { Range } from './qdq-params.ts';
import { foldPixels } from './qdq-pixels.ts';
import { planOf } from './qdq-plan.ts';
import { writePlan } from './qdq-write.ts';

/** Smallest and largest number of each value, by the value's name. */
export type Ranges = ReadonlyMap<string, Range>;

export interface QuantizeOptions {
  readonly ranges: Ranges;
  /** Names of nodes that compute in float; `headConvolutions` should be among them. */
  readonly keepFloat: ReadonlySet<string>;
  /** Of the float convolutions, those whose weights are stored as int8 and made float on loading; default the heads. */
  readonly storedSmall?: ReadonlySet<string>;
  /** By the node's name, the scale of each output channel of weights that are rounded already (round-weights.ts). */
  readonly scales?: ReadonlyMap<string, ArrayLike<number>>;
  /** The same integers in less time (qdq-fast.ts); values inside have other channels than those of the float model. */
  readonly fast?: boolean;
}

export interface QuantizeReport {
  readonly quantizedNodes: readonly string[];
  /** Nodes of the body that compute in float. */
  readonly floatNodes: readonly { readonly name: string; readonly reason: string }[];
}

/** The values of a prepared model whose ranges `quantizeGraph` wants. */
export function activationsToObserve({ graph }: OnnxModel): string[] {
  const index = new GraphIndex(graph);
  const body = bodyOf(graph);
  const wanted = new Set<string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const isLinear = body.linear.has(node);
    if (!isLinear && !(body.before.has(node) && body.behind.has(node))) continue;
    if (isLinear) wanted.add(node.inputs[0]!);
    // A matrix product at the end gives float numbers. What Relu bounds is not seen before it is bounded.
    if (isLinear && node.opType !== 'Conv' && !body.before.has(node)) continue;
    for (const value of node.outputs.filter((name) => name !== '')) {
      const users = index.consumers(value);
      const isBounded =
        users.length === 1 && boundsOf(users[0], graph, index) !== undefined && !outputs.has(value);
      wanted.add(isBounded ? users[0]!.outputs[0]! : value);
    }
  }
  return [...wanted];
}

/**
 * A quantized copy of a prepared model. A node one of whose values has no range stays float and is told in the report. Throws
 * RangeError when a range is not finite.
 */
export function quantizeGraph(
  model: OnnxModel,
  options: QuantizeOptions,
): { readonly model: OnnxModel; readonly report: QuantizeReport } {
  const { keepFloat } = options;
  const storedSmall = options.storedSmall ?? new Set(headConvolutions(model));
  const copy = copyModel(model);
  const { graph } = copy;
  const ranges = new Map(options.ranges);
  const body = bodyOf(graph);
  const inside = graph.nodes.filter(
    (node) => body.before.has(node) && body.behind.has(node) && !keepFloat.has(node.name),
  );
  lowerActivations(graph, ranges, inside);
  const given = foldPixels(graph);
  if (options.fast === true) alignChannels({ graph, keepFloat });
  const moves = options.fast === true ? widenFirst({ graph, ranges, keepFloat, given }) : [];
  const plan = planOf({ graph, body: bodyOf(graph), ranges, keepFloat, given });
  const { scales = new Map() } = options;
  writePlan(graph, plan, { storedSmall, given: new Set(given.keys()), scales });
  removeDead(graph);
  graph.valueInfo = [];
  return {
    model: copy,
    report: {
      quantizedNodes: [...plan.kinds.keys()].map(({ name }) => name),
      floatNodes: plan.floatNodes.filter(({ name }) => !moves.includes(name)),
    },
  };
}

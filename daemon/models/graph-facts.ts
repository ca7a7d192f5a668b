// What a graph says of itself without being run: the kind of its numbers, how many weights it has; and, with the shapes of one run,
// how much it multiplies. Pure.
import type { TensorData } from '../core/infer.ts';
import { copyModel, freshName, GraphIndex, intOf, makeNode, namesOf } from './graph.ts';
import type { Graph, Node, OnnxModel } from './onnx.ts';
import { sizeOf, type Tensor } from './tensor.ts';

export type Precision = 'int8' | 'float16' | 'float';

/** Operators of models whose numbers are bytes (ONNX operators, contrib operators of ONNX Runtime). */
const INT8 =
  /^(?:Dequantize|Quantize|DynamicQuantize)Linear$|^QLinear\w+$|^(?:Conv|MatMul)Integer$|^Q(?:Gemm|Attention)$/;

export function isInt8Operator({ opType }: Pick<Node, 'opType'>): boolean {
  return INT8.test(opType);
}

export function precisionOf({ nodes, initializers }: Graph): Precision {
  if (nodes.some(isInt8Operator)) return 'int8';
  return [...initializers.values()].some(({ type }) => type === 'float16') ? 'float16' : 'float';
}

/** Weights and biases; scales, zero points, sizes and the like are none. */
export function parametersOf(graph: Graph): number {
  const index = new GraphIndex(graph);
  let count = 0;
  for (const [name, { type, dims }] of graph.initializers) {
    if (type === 'int64' || type === 'bool' || type === 'string') continue;
    if (index.consumers(name).some((node) => isWeight(node, node.inputs.indexOf(name))))
      count += sizeOf(dims);
  }
  return count;
}

function isWeight({ opType }: Node, at: number): boolean {
  if (/quantizeLinear$/i.test(opType)) return at === 0;
  if (/^QLinear(?:Conv|MatMul)$/.test(opType)) return at === 3 || at === 8;
  return /^(?:Conv|ConvTranspose|ConvInteger|MatMul|MatMulInteger|Gemm|BatchNormalization|PRelu)$/.test(
    opType,
  );
}

/** A model that also gives the shapes of what its convolutions and matrix products make. */
export interface CostProbe {
  readonly model: OnnxModel;
  /** Multiply-adds of one number, by the output that holds the shape. */
  readonly perNumber: ReadonlyMap<string, number>;
}

export function costProbe(original: OnnxModel): CostProbe {
  const model = copyModel(original);
  const { graph } = model;
  const index = new GraphIndex(graph);
  const taken = namesOf(graph);
  const perNumber = new Map<string, number>();
  for (const node of [...graph.nodes]) {
    const cost = costOf(graph, index, node);
    const output = node.outputs[0];
    if (cost === undefined || output === undefined) continue;
    const name = freshName(taken, `${output}_shape`);
    graph.nodes.push(makeNode('Shape', [output], [name]));
    graph.outputs.push({ name, type: 'int64', dims: undefined });
    perNumber.set(name, cost);
  }
  return { model, perNumber };
}

/** Of one picture, from what the probe gave. */
export function multiplyAdds({ perNumber }: CostProbe, data: Readonly<Record<string, TensorData>>): number {
  let sum = 0;
  for (const [name, cost] of perNumber) {
    const shape = data[name];
    if (shape !== undefined) sum += cost * sizeOf([...shape.data].map(Number));
  }
  return sum;
}

/** Multiply-adds for one number of a node's output; undefined for nodes that are none of those. */
function costOf(graph: Graph, index: GraphIndex, node: Node): number | undefined {
  const { opType, inputs } = node;
  const weight = weightOf(graph, index, inputs[opType.startsWith('QLinear') ? 3 : 1]);
  if (weight === undefined) return undefined;
  const { dims } = weight;
  if (/^(?:Conv|ConvInteger|QLinearConv)$/.test(opType)) return sizeOf(dims.slice(1));
  if (opType === 'Gemm') return dims[intOf(node, 'transB', 0) === 1 ? 1 : 0];
  if (/^(?:MatMul|MatMulInteger|QLinearMatMul)$/.test(opType)) return dims.at(-2);
  return undefined;
}

/** A constant, also one that is kept as integers. */
function weightOf(graph: Graph, index: GraphIndex, value: string | undefined): Tensor | undefined {
  if (value === undefined) return undefined;
  const constant = graph.initializers.get(value);
  if (constant !== undefined) return constant;
  const producer = index.producer(value);
  const isKept = producer?.opType === 'DequantizeLinear' || producer?.opType === 'QuantizeLinear';
  return isKept ? weightOf(graph, index, producer.inputs[0]) : undefined;
}

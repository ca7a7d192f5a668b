// The dimensions of the values of a graph, as far as they follow from its inputs and constants: enough to see that a change of form
// changes nothing, or over which axes a mean goes. Unknown operators end the knowledge, nothing else. Pure. Source: the shape rules in
// the documentation of the ONNX operators.
import { constantNumbers, GraphIndex, intOf, intsOf, stringOf } from './graph.ts';
import type { Graph, Node } from './onnx.ts';

/** A size that is not known is undefined. */
export type Shape = readonly (number | undefined)[];

/** The shapes of all values that have a known number of dimensions; the nodes must be in order. */
export function shapesOf(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const numberOnly = (size: number | string | undefined) => (typeof size === 'number' ? size : undefined);
  for (const { name, dims } of [...graph.valueInfo, ...graph.outputs, ...graph.inputs]) {
    if (dims !== undefined) shapes.set(name, dims.map(numberOnly));
  }
  for (const [name, tensor] of graph.initializers) shapes.set(name, tensor.dims);
  const index = new GraphIndex(graph);
  for (const node of graph.nodes) {
    const rule = node.domain === '' ? RULES[node.opType] : undefined;
    const inputs = node.inputs.map((name) => shapes.get(name));
    const numbers = (position: number): number[] | undefined =>
      constantNumbers(graph, index, node.inputs[position] ?? '');
    const input = inputs[0] ?? formOf(node, inputs[1], numbers(1));
    const found = input === undefined ? undefined : rule?.(node, input, { inputs, numbers });
    if (found !== undefined) shapes.set(node.outputs[0]!, merged(found, shapes.get(node.outputs[0]!)));
  }
  return shapes;
}

/** What the operator says of an input of which nothing is known; of Reshape, the form that it makes. */
function formOf(
  { opType }: Node,
  weights: Shape | undefined,
  target: readonly number[] | undefined,
): Shape | undefined {
  if (opType === 'Conv') return weights?.map(() => undefined);
  return opType === 'Reshape' ? target?.map((size) => (size > 0 ? size : undefined)) : undefined;
}

/** What either knows. */
function merged(found: Shape, written: Shape | undefined): Shape {
  return written?.length === found.length ? found.map((size, axis) => size ?? written[axis]) : found;
}

interface Given {
  readonly inputs: readonly (Shape | undefined)[];
  /** The numbers of a constant input. */
  readonly numbers: (position: number) => number[] | undefined;
}

type Rule = (node: Node, input: Shape, given: Given) => Shape | undefined;

const same: Rule = (_, input) => input;

const windowed: Rule = (node, input, { inputs }) => {
  const isConv = node.opType === 'Conv';
  const kernel = isConv ? inputs[1]?.slice(2) : intsOf(node, 'kernel_shape');
  if (kernel?.length !== input.length - 2) return undefined;
  const sizes = kernel.map((size, axis) => windows(node, input[axis + 2], size, axis));
  return [input[0], isConv ? inputs[1]![0] : input[1], ...sizes];
};

/** How many windows fit along an axis. */
function windows(
  node: Node,
  size: number | undefined,
  kernel: number | undefined,
  axis: number,
): number | undefined {
  if (size === undefined || kernel === undefined) return undefined;
  const stride = intsOf(node, 'strides')?.[axis] ?? 1;
  const auto = stringOf(node, 'auto_pad') ?? 'NOTSET';
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return Math.ceil(size / stride);
  const pads = auto === 'VALID' ? undefined : intsOf(node, 'pads');
  const padded = size + (pads?.[axis] ?? 0) + (pads?.[axis + (pads.length ?? 0) / 2] ?? 0);
  const reach = (kernel - 1) * (intsOf(node, 'dilations')?.[axis] ?? 1) + 1;
  const round = intOf(node, 'ceil_mode', 0) === 0 ? Math.floor : Math.ceil;
  return round((padded - reach) / stride) + 1;
}

const broadcast: Rule = (_, input, { inputs }) => {
  const other = inputs[1];
  if (other === undefined) return undefined;
  const rank = Math.max(input.length, other.length);
  return Array.from({ length: rank }, (_unused, axis) => {
    const [a, b] = [input, other].map((shape) =>
      axis < rank - shape.length ? 1 : shape[axis - rank + shape.length],
    );
    if (a === 1) return b;
    return b === 1 || b === undefined ? a : b;
  });
};

const reduced: Rule = (node, input, { numbers }) => {
  const given = intsOf(node, 'axes') ?? numbers(1);
  if (given === undefined && (node.inputs[1] ?? '') !== '') return undefined;
  const axes = (given ?? [...input.keys()]).map((axis) => (axis < 0 ? axis + input.length : axis));
  const isKept = intOf(node, 'keepdims', 1) !== 0;
  return input.flatMap((size, axis) => (!axes.includes(axis) ? [size] : isKept ? [1] : []));
};

const RULES: Readonly<Record<string, Rule | undefined>> = {
  ...Object.fromEntries(
    (
      'BatchNormalization Cast Clip Dropout Elu Exp HardSigmoid HardSwish Identity LeakyRelu LogSoftmax Neg PRelu Relu Sigmoid ' +
      'Softmax Sqrt Tanh QuantizeLinear DequantizeLinear'
    )
      .split(' ')
      .map((name) => [name, same]),
  ),
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min'].map((name) => [name, broadcast])),
  Conv: windowed,
  MaxPool: windowed,
  AveragePool: windowed,
  GlobalAveragePool: (_, input) => input.map((size, axis) => (axis < 2 ? size : 1)),
  ReduceMean: reduced,
  ReduceMax: reduced,
  Transpose: (node, input) =>
    (intsOf(node, 'perm') ?? [...input.keys()].reverse()).map((axis) => input[axis]),
  Flatten: (node, input) => {
    const axis = intOf(node, 'axis', 1);
    return [input.slice(0, axis), input.slice(axis)].map(product);
  },
  Reshape: (node, input, { numbers }) => {
    const target = numbers(1);
    if (target === undefined || intOf(node, 'allowzero', 0) !== 0) return undefined;
    const shape = target.map((size, axis) => (size === 0 ? input[axis] : size));
    const rest = product(shape.filter((size) => size !== -1));
    const all = product(input);
    return shape.map((size) =>
      size !== -1 ? size : all === undefined || rest === undefined ? undefined : all / rest,
    );
  },
  Concat: (node, input, { inputs }) => {
    const given = intOf(node, 'axis', 0);
    const axis = given < 0 ? given + input.length : given;
    if (inputs.some((shape) => shape?.length !== input.length)) return undefined;
    const sizes = inputs.map((shape) => shape![axis]);
    const sum = sizes.reduce((a, b) => (a === undefined || b === undefined ? undefined : a + b));
    return input.map((size, at) => (at === axis ? sum : size));
  },
  Pad: (_, input, { numbers }) => {
    const pads = numbers(1);
    if (pads?.length !== 2 * input.length) return undefined;
    return input.map((size, axis) =>
      size === undefined ? undefined : size + pads[axis]! + pads[axis + input.length]!,
    );
  },
  Resize: (_, input, { numbers }) => {
    const [scales, sizes] = [numbers(2), numbers(3)];
    if (sizes?.length === input.length) return sizes;
    if (scales?.length !== input.length) return undefined;
    return input.map((size, axis) => (size === undefined ? undefined : Math.floor(size * scales[axis]!)));
  },
  Gemm: (node, input, { inputs }) => [
    input[intOf(node, 'transA', 0) === 0 ? 0 : 1],
    inputs[1]?.[intOf(node, 'transB', 0) === 0 ? 1 : 0],
  ],
  MatMul: (_, input, { inputs }) =>
    inputs[1]?.length === 2 ? [...input.slice(0, -1), inputs[1][1]] : undefined,
};

function product(sizes: Shape): number | undefined {
  return sizes.reduce((a, b) => (a === undefined || b === undefined ? undefined : a * b), 1);
}

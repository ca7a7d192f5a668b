// Graphs of a framework that keeps pixels together (TensorFlow), converted operator by operator: Transpose to planes before each
// convolution and back after it. The way back is moved down through what does not care, until it meets the next way there and
// both go. Numbers and the names of values stay as they are. Pure.

import { turnedTensor } from './fold-constants.ts';
import {
  constantNumbers,
  freshName,
  GraphIndex,
  intOf,
  intsOf,
  makeNode,
  namesOf,
  removeDead,
  replaceUses,
} from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import { makeTensor, type Tensor } from './tensor.ts';

/** From planes (NCHW) to pixels (NHWC); entry i says which axis of the planes is axis i of the pixels. */
const TO_PIXELS = [0, 2, 3, 1] as const;
const TO_PLANES = [0, 3, 1, 2] as const;

const UNARY = new Set(
  'Relu Clip HardSigmoid HardSwish Sigmoid LeakyRelu Tanh Elu Exp Sqrt Neg Abs Softplus Identity Dropout'.split(
    ' ',
  ),
);
const BINARY = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow']);

/** The nodes must be in order. */
export function sinkTransposes(graph: Graph): void {
  new Sinker(graph).sink();
  removeDead(graph);
}

class Sinker {
  readonly #graph: Graph;
  readonly #index: GraphIndex;
  readonly #taken: Set<string>;
  readonly #outputs: ReadonlySet<string>;
  readonly #nodes: Node[] = [];
  readonly #transposes = new Map<string, Node>();
  /** Values that are another value again. */
  readonly #same = new Map<string, string>();

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#index = new GraphIndex(graph);
    this.#taken = namesOf(graph);
    this.#outputs = new Set(graph.outputs.map(({ name }) => name));
  }

  sink(): void {
    for (const node of this.#graph.nodes) {
      node.inputs = node.inputs.map((input) => this.#same.get(input) ?? input);
      if (node.domain !== '') this.#nodes.push(node);
      else if (node.opType === 'Transpose') this.#transpose(node);
      else if (!this.#moveThrough(node)) this.#nodes.push(node);
    }
    this.#graph.nodes = this.#nodes;
    for (const [from, to] of this.#same) replaceUses(this.#graph, from, to);
  }

  #transpose(node: Node): void {
    const perm = intsOf(node, 'perm');
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const before = this.#transposes.get(input);
    if (before !== undefined && perm?.join() === TO_PLANES.join() && !this.#outputs.has(output)) {
      this.#same.set(output, before.inputs[0]!);
      return;
    }
    if (perm?.join() === TO_PIXELS.join()) this.#transposes.set(output, node);
    this.#nodes.push(node);
  }

  /** Puts a node before the Transpose of its inputs, whose place is after it then; false when that changes what it does. */
  #moveThrough(node: Node): boolean {
    const { opType } = node;
    if (UNARY.has(opType)) return this.#move(node, this.#planes(node, [node.inputs[0]!]));
    if (BINARY.has(opType) && node.inputs.length === 2)
      return this.#move(node, this.#planes(node, node.inputs));
    if (opType === 'Concat') {
      const axis = intOf(node, 'axis', 1);
      const inputs = this.#planes(node, node.inputs);
      if (inputs === undefined || node.inputs.some((name) => this.#graph.initializers.has(name)))
        return false;
      node.attributes.set('axis', { kind: 'int', value: TO_PIXELS[(axis + 4) % 4]! });
      return this.#move(node, inputs);
    }
    if (opType === 'Pad') return this.#movePad(node);
    if (opType === 'Resize') return this.#moveResize(node);
    return opType === 'ReduceMean' || opType === 'ReduceMax' || opType === 'Squeeze'
      ? this.#moveAxes(node)
      : false;
  }

  /** The inputs as planes; undefined when not all are, or none is. */
  #planes(node: Node, values: readonly string[]): string[] | undefined {
    const { initializers } = this.#graph;
    const isPlanes = (value: string): boolean => this.#transposes.has(value);
    const isTurnable = (value: string): boolean => (initializers.get(value)?.dims.length ?? 5) <= 4;
    if (!values.some(isPlanes) || !values.every((value) => isPlanes(value) || isTurnable(value)))
      return undefined;
    return node.inputs.map((value, at) => {
      if (at >= values.length) return value;
      return this.#transposes.get(value)?.inputs[0] ?? this.#turnedConstant(initializers.get(value)!);
    });
  }

  #turnedConstant(tensor: Tensor): string {
    const { dims } = tensor;
    if (dims.every((size) => size === 1)) return tensor.name;
    const whole = { ...tensor, dims: [...new Array<number>(4 - dims.length).fill(1), ...dims] };
    const name = freshName(this.#taken, `${tensor.name}_planes`);
    this.#graph.initializers.set(name, { ...turnedTensor(whole, TO_PLANES), name });
    return name;
  }

  #move(node: Node, inputs: readonly string[] | undefined): boolean {
    if (inputs === undefined) return false;
    const output = node.outputs[0]!;
    const planes = freshName(this.#taken, `${output}_planes`);
    node.inputs = [...inputs];
    node.outputs = [planes, ...node.outputs.slice(1)];
    const back = makeNode('Transpose', [planes], [output], { perm: { kind: 'ints', value: [...TO_PIXELS] } });
    this.#transposes.set(output, back);
    this.#nodes.push(node, back);
    return true;
  }

  #movePad(node: Node): boolean {
    const pads = constantNumbers(this.#graph, this.#index, node.inputs[1] ?? '');
    const inputs = this.#planes(node, [node.inputs[0]!]);
    if (pads?.length !== 8 || (node.inputs[3] ?? '') !== '' || inputs === undefined) return false;
    inputs[1] = this.#numbers(node, 'pads', 'int64', [...turned(pads.slice(0, 4)), ...turned(pads.slice(4))]);
    return this.#move(node, inputs);
  }

  #moveResize(node: Node): boolean {
    const position = (node.inputs[3] ?? '') === '' ? 2 : 3;
    const sizes = constantNumbers(this.#graph, this.#index, node.inputs[position] ?? '');
    const inputs = this.#planes(node, [node.inputs[0]!]);
    if (sizes?.length !== 4 || node.attributes.has('axes') || inputs === undefined) return false;
    inputs[position] = this.#numbers(node, 'sizes', position === 3 ? 'int64' : 'float32', turned(sizes));
    return this.#move(node, inputs);
  }

  /** When height and width are gone, planes and pixels are the same. */
  #moveAxes(node: Node): boolean {
    const given = intsOf(node, 'axes') ?? constantNumbers(this.#graph, this.#index, node.inputs[1] ?? '');
    const inputs = this.#planes(node, [node.inputs[0]!]);
    if (given === undefined || inputs === undefined) return false;
    const axes = given.map((axis) => TO_PIXELS[(axis + 4) % 4]!).sort((a, b) => a - b);
    const isKept = node.opType !== 'Squeeze' && intOf(node, 'keepdims', 1) !== 0;
    if (!isKept && axes.join() !== '2,3') return false;
    if (node.attributes.has('axes')) node.attributes.set('axes', { kind: 'ints', value: axes });
    else inputs[1] = this.#numbers(node, 'axes', 'int64', axes);
    if (isKept) return this.#move(node, inputs);
    node.inputs = inputs;
    this.#nodes.push(node);
    return true;
  }

  #numbers(node: Node, what: string, type: 'int64' | 'float32', values: readonly number[]): string {
    const name = freshName(this.#taken, `${node.outputs[0]}_${what}`);
    this.#graph.initializers.set(name, makeTensor(name, type, [values.length], values));
    return name;
  }
}

/** One number for each axis, from the order of pixels to that of planes. */
function turned(numbers: readonly number[]): number[] {
  return TO_PLANES.map((axis) => numbers[axis]!);
}

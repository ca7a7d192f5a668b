// Forms that exporters write in several nodes, or in others than integer kernels have, made into the one form that the quantizer
// knows: Min and Max into Clip and Relu, ReduceMean into GlobalAveragePool, Pad into the convolution after it, MatMul and Add
// into Gemm, HardSigmoid and HardSwish of five nodes into one and two; what changes no form is left out. Numbers stay as they are. Pure.
import { removePassing } from './fold-constants.ts';
import {
  constantNumbers,
  constantOf,
  freshName,
  GraphIndex,
  intOf,
  intsOf,
  makeNode,
  namesOf,
  stringOf,
} from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import { type Shape, shapesOf } from './shapes.ts';
import { makeTensor, tensorNumbers } from './tensor.ts';

/** The nodes must be in order. */
export function unifyForms(graph: Graph): void {
  const shapes = shapesOf(graph);
  removeIdle(graph, shapes);
  for (const node of graph.nodes) if (node.domain === '') toClip(node, graph);
  mergeClips(graph);
  for (const node of [...graph.nodes]) {
    // The index is that of the graph as it is now: made only for nodes that may change it.
    if (node.domain === '') CHANGES[node.opType]?.(node, { graph, shapes, index: new GraphIndex(graph) });
  }
}

interface Place {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly index: GraphIndex;
}

const CHANGES: Readonly<Record<string, ((node: Node, place: Place) => void) | undefined>> = {
  ReduceMean: toGlobalAveragePool,
  Pad: intoConvolutions,
  Add: toGemm,
  Clip: toHardSigmoid,
  Resize: toNearest,
  Sum: (node) => {
    if (node.inputs.length === 2) node.opType = 'Add';
  },
};

/** The bounds of a Clip or Relu that are floats; undefined for other nodes, for bounds that are computed and of another type. */
export function boundsOf(
  node: Node | undefined,
  graph: Graph,
  index: GraphIndex,
): { readonly min: number; readonly max: number } | undefined {
  if (node === undefined || node.domain !== '') return undefined;
  if (node.opType === 'Relu') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (node.opType !== 'Clip') return undefined;
  const bound = (position: number, otherwise: number): number | undefined => {
    const name = node.inputs[position] ?? '';
    if (name === '') return otherwise;
    // Of whole numbers or half floats a Clip with the float bounds that are written here is no valid node.
    const tensor = constantOf(graph, index, name);
    return tensor?.type === 'float32' ? tensorNumbers(tensor)[0] : undefined;
  };
  const min = bound(1, Number.NEGATIVE_INFINITY);
  const max = bound(2, Number.POSITIVE_INFINITY);
  return min === undefined || max === undefined ? undefined : { min, max };
}

function toClip(node: Node, graph: Graph): void {
  const isMax = node.opType === 'Max';
  if ((!isMax && node.opType !== 'Min') || node.inputs.length !== 2) return;
  const position = node.inputs.findIndex((input) => graph.initializers.has(input));
  const name = node.inputs[position];
  const tensor = name === undefined ? undefined : graph.initializers.get(name);
  if (tensor?.type !== 'float32' || tensor.raw.length !== 4) return;
  const input = node.inputs[1 - position]!;
  const scalar = freshName(namesOf(graph), `${name}_scalar`);
  graph.initializers.set(scalar, { ...tensor, name: scalar, dims: [] });
  node.opType = 'Clip';
  node.inputs = isMax ? [input, scalar] : [input, '', scalar];
}

/** Clip after Clip or Relu becomes one; a Clip from 0 without end becomes Relu. */
function mergeClips(graph: Graph): void {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes.filter(({ opType }) => opType === 'Clip' || opType === 'Relu')) {
    const index = new GraphIndex(graph);
    const bounds = boundsOf(node, graph, index);
    if (bounds === undefined) continue;
    const before = index.producer(node.inputs[0]!);
    const inner = boundsOf(before, graph, index);
    const value = before?.outputs[0] ?? '';
    if (inner !== undefined && index.consumers(value).length === 1 && !outputs.has(value)) {
      const min = Math.min(Math.max(inner.min, bounds.min), bounds.max);
      const max = Math.min(Math.max(inner.max, bounds.min), bounds.max);
      node.inputs = [before!.inputs[0]!];
      graph.nodes = graph.nodes.filter((other) => other !== before);
      setBounds(node, graph, { min, max });
    } else if (node.opType === 'Clip') setBounds(node, graph, bounds);
  }
}

function setBounds(
  node: Node,
  graph: Graph,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  const input = node.inputs[0]!;
  node.opType = min === 0 && max === Number.POSITIVE_INFINITY ? 'Relu' : 'Clip';
  node.inputs = [input];
  if (node.opType === 'Relu') return;
  const taken = namesOf(graph);
  for (const [position, value] of [min, max].entries()) {
    if (!Number.isFinite(value)) {
      node.inputs.push('');
      continue;
    }
    const name = freshName(taken, `${node.outputs[0]}_${position === 0 ? 'min' : 'max'}`);
    graph.initializers.set(name, makeTensor(name, 'float32', [], [value]));
    node.inputs.push(name);
  }
}

/** Reshape and Resize to the form that the value has already, which exporters leave behind. */
function removeIdle(graph: Graph, shapes: ReadonlyMap<string, Shape>): void {
  const index = new GraphIndex(graph);
  for (const node of graph.nodes) {
    if (node.domain !== '' || (node.opType !== 'Reshape' && node.opType !== 'Resize')) continue;
    const shape = shapes.get(node.inputs[0]!);
    const target = constantNumbers(graph, index, node.inputs[node.opType === 'Reshape' ? 1 : 3] ?? '');
    if (shape === undefined || target?.length !== shape.length) continue;
    // One size may be told by the others.
    const open = node.opType === 'Reshape' ? target.filter((size) => size === -1).length : 0;
    const isSame = target.every(
      (size, axis) => size === shape[axis] || (node.opType === 'Reshape' && size < 1),
    );
    if (!isSame || open > 1 || intOf(node, 'allowzero', 0) !== 0) continue;
    node.opType = 'Identity';
    node.inputs = node.inputs.slice(0, 1);
    node.attributes.clear();
  }
  removePassing(graph);
}

function toGlobalAveragePool(node: Node, { graph, shapes, index }: Place): void {
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  const axes = intsOf(node, 'axes') ?? constantNumbers(graph, index, node.inputs[1] ?? '');
  const over = axes?.map((axis) => (axis + 4) % 4).sort((a, b) => a - b);
  if (shapes.get(input)?.length !== 4 || over?.join() !== '2,3') return;
  const isKept = intOf(node, 'keepdims', 1) !== 0;
  node.opType = 'GlobalAveragePool';
  node.inputs = [input];
  node.attributes.clear();
  if (isKept) return;
  const pooled = freshName(namesOf(graph), `${output}_pooled`);
  node.outputs = [pooled];
  const flat = makeNode('Flatten', [pooled], [output], { axis: { kind: 'int', value: 1 } });
  graph.nodes.splice(graph.nodes.indexOf(node) + 1, 0, flat);
}

/** Zeros around a picture are what a convolution adds itself. */
function intoConvolutions(node: Node, { graph, index }: Place): void {
  const value = node.outputs[0]!;
  const users = index.consumers(value);
  const pads = constantNumbers(graph, index, node.inputs[1] ?? '');
  const fill = (node.inputs[2] ?? '') === '' ? [0] : constantNumbers(graph, index, node.inputs[2]!);
  const rank = (pads?.length ?? 0) / 2;
  if ((stringOf(node, 'mode') ?? 'constant') !== 'constant' || fill?.[0] !== 0 || pads === undefined) return;
  if ((node.inputs[3] ?? '') !== '' || rank < 3 || pads.some((pad) => pad < 0)) return;
  if ([0, 1, rank, rank + 1].some((at) => pads[at] !== 0)) return;
  const takes = ({ opType, inputs, attributes }: Node): boolean =>
    opType === 'Conv' && inputs[0] === value && (attributes.get('auto_pad')?.kind ?? '') === '';
  const isOutput = graph.outputs.some(({ name }) => name === value);
  if (isOutput || users.length === 0 || !users.every((user) => takes(user) || isNotSet(user, value))) return;
  const around = [...pads.slice(2, rank), ...pads.slice(rank + 2)];
  for (const user of users) {
    const own = intsOf(user, 'pads') ?? around.map(() => 0);
    user.attributes.set('pads', { kind: 'ints', value: around.map((pad, at) => pad + own[at]!) });
    user.inputs[0] = node.inputs[0]!;
  }
  graph.nodes = graph.nodes.filter((other) => other !== node);
}

function isNotSet(node: Node, value: string): boolean {
  return node.opType === 'Conv' && node.inputs[0] === value && stringOf(node, 'auto_pad') === 'NOTSET';
}

/** Only for matrices: ONNX Runtime has an integer kernel for Gemm with a bias, none for MatMul with one. */
function toGemm(add: Node, { graph, shapes, index }: Place): void {
  const position = add.inputs.findIndex((input) => index.producer(input)?.opType === 'MatMul');
  const matmul = index.producer(add.inputs[position] ?? '');
  const bias = graph.initializers.get(add.inputs[1 - position] ?? '');
  const weights = graph.initializers.get(matmul?.inputs[1] ?? '');
  if (matmul === undefined || bias?.type !== 'float32' || weights?.dims.length !== 2) return;
  if (onlyUser(matmul.outputs[0]!, graph, index) === undefined) return;
  const width = weights.dims[1]!;
  if (bias.dims.at(-1) !== width || bias.raw.length !== 4 * width) return;
  if (shapes.get(matmul.inputs[0]!)?.length !== 2) return;
  const vector = freshName(namesOf(graph), `${bias.name}_vector`);
  graph.initializers.set(vector, { ...bias, name: vector, dims: [width] });
  matmul.opType = 'Gemm';
  matmul.inputs = [...matmul.inputs, vector];
  matmul.outputs = [...add.outputs];
  graph.nodes = graph.nodes.filter((other) => other !== add);
}

/** clip(x + 3, 0, 6) / 6, and x * clip(x + 3, 0, 6) / 6, as exporters wrote them before there was HardSwish. */
function toHardSigmoid(clip: Node, { graph, index }: Place): void {
  const bounds = boundsOf(clip, graph, index);
  const add = index.producer(clip.inputs[0]!);
  if (bounds?.min !== 0 || bounds.max !== 6 || add?.opType !== 'Add') return;
  const position = add.inputs.findIndex((input) => isNumber(input, 3, graph, index));
  const [input, value] = [add.inputs[1 - position] ?? '', clip.outputs[0]!];
  const next = onlyUser(value, graph, index);
  if (position < 0 || next === undefined || onlyUser(add.outputs[0]!, graph, index) === undefined) return;
  const isGate = next.opType === 'Mul' && next.inputs.includes(input);
  const sixth = isGate ? onlyUser(next.outputs[0]!, graph, index) : next;
  const divided = isGate ? next.outputs[0]! : value;
  if (sixth === undefined || !isSixth(sixth, divided, graph, index)) return;
  const output = isGate ? freshName(namesOf(graph), `${sixth.outputs[0]}_gate`) : sixth.outputs[0]!;
  clip.opType = 'HardSigmoid';
  clip.inputs = [input];
  clip.outputs = [output];
  clip.attributes.set('alpha', { kind: 'float', value: 1 / 6 });
  clip.attributes.set('beta', { kind: 'float', value: 0.5 });
  if (isGate) {
    next.inputs = [input, output];
    next.outputs = [sixth.outputs[0]!];
  }
  graph.nodes = graph.nodes.filter((other) => other !== add && other !== sixth);
}

function isSixth(node: Node, value: string, graph: Graph, index: GraphIndex): boolean {
  if (node.opType === 'Div') return node.inputs[0] === value && isNumber(node.inputs[1]!, 6, graph, index);
  const other = node.inputs[0] === value ? node.inputs[1] : node.inputs[0];
  return node.opType === 'Mul' && isNumber(other ?? '', 1 / 6, graph, index);
}

function isNumber(name: string, value: number, graph: Graph, index: GraphIndex): boolean {
  const numbers = constantNumbers(graph, index, name);
  return numbers?.length === 1 && Math.abs(numbers[0]! - value) < 1e-6;
}

/** The one node that uses a value, when it is no output of the graph either. */
function onlyUser(value: string, graph: Graph, index: GraphIndex): Node | undefined {
  const users = index.consumers(value);
  return users.length === 1 && !graph.outputs.some(({ name }) => name === value) ? users[0] : undefined;
}

/** One pixel made large is the same pixel everywhere, whatever lies between pixels. */
function toNearest(node: Node, { index }: Place): void {
  const mode = stringOf(node, 'mode');
  if ((mode !== 'linear' && mode !== 'cubic') || !isOnePixel(node.inputs[0]!, index)) return;
  if (stringOf(node, 'coordinate_transformation_mode') === 'tf_crop_and_resize') return;
  node.attributes.set('mode', { kind: 'string', value: 'nearest' });
}

const KEEPS_PIXELS = new Set(['Relu', 'Clip', 'HardSigmoid', 'HardSwish', 'Sigmoid', 'BatchNormalization']);

function isOnePixel(value: string, index: GraphIndex): boolean {
  const node = index.producer(value);
  if (node === undefined || node.domain !== '') return false;
  if (node.opType === 'GlobalAveragePool') return true;
  const kernel = node.opType === 'Conv' ? intsOf(node, 'kernel_shape') : undefined;
  const isPointwise =
    kernel?.every((size) => size === 1) && (intsOf(node, 'pads') ?? []).every((pad) => pad === 0);
  return isPointwise === true || KEEPS_PIXELS.has(node.opType) ? isOnePixel(node.inputs[0]!, index) : false;
}

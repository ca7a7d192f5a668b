// Forms of a graph that give the same integers in less time: depthwise convolutions of a whole number of kernel blocks, and a first
// convolution that makes two neighbouring pixels at once. Both only add zeros and move numbers. Run after calibration, before the plan.
// Measures nothing. Pure. The conditions are those under which ONNX Runtime 1.30 was seen to be faster on x64 with VNNI: depthwise
// channels in blocks of 16, input channels in fours (docs/int8.md).
import { boundsOf } from './fold-forms.ts';
import { freshName, GraphIndex, intOf, intsOf, makeNode, namesOf, stringOf } from './graph.ts';
import { biasOf, linearWeights, type NewWeights, setLinearWeights } from './linear-weights.ts';
import type { Graph, Node } from './onnx.ts';
import type { ActivationParams, Range } from './qdq-params.ts';
import { makeTensor, sizeOf, tensorValues } from './tensor.ts';

export interface FastPlace {
  readonly graph: Graph;
  /** Gets the ranges of new values. */
  readonly ranges: Map<string, Range>;
  readonly keepFloat: ReadonlySet<string>;
  /** The pixels that convolutions read; changed where they come in another form. */
  readonly given: Map<string, ActivationParams>;
}

const BLOCK = 16;
/** More zeros than this part of the channels cost more than the faster kernel saves. */
const ADDED_MAX = 0.25;

/** Adds channels of zeros between 1x1, depthwise and 1x1 convolutions; gives how many depthwise ones got some. */
export function alignChannels({ graph, keepFloat }: Omit<FastPlace, 'given' | 'ranges'>): number {
  const index = new GraphIndex(graph);
  const isPoint = (node: Node | undefined): node is Node =>
    node?.opType === 'Conv' &&
    !keepFloat.has(node.name) &&
    intOf(node, 'group', 1) === 1 &&
    linearWeights(node, graph)?.tensor.dims.slice(2).join() === '1,1';
  let count = 0;
  for (const node of graph.nodes) {
    const weights = node.opType === 'Conv' ? linearWeights(node, graph) : undefined;
    if (weights === undefined || keepFloat.has(node.name)) continue;
    const { channels, tensor } = weights;
    const added = (BLOCK - (channels % BLOCK)) % BLOCK;
    const isDepthwise = tensor.dims[1] === 1 && intOf(node, 'group', 1) === channels;
    if (!isDepthwise || tensor.dims.length !== 4 || added === 0 || added > channels * ADDED_MAX) continue;
    let before = index.producer(node.inputs[0]!);
    if (before !== undefined && keepsZero(before, graph, index)) before = index.producer(before.inputs[0]!);
    if (!isPoint(before)) continue;
    const readers = [...readersOf(before, graph, index), ...readersOf(node, graph, index)];
    const others = new Set(readers.filter((reader) => reader !== node));
    if (![...others].every((reader) => isPoint(reader))) continue;
    for (const output of [before, node]) addChannels(output, 0, added, graph);
    node.attributes.set('group', { kind: 'int', value: channels + added });
    for (const reader of others) addChannels(reader!, 1, added, graph);
    count += 1;
  }
  return count;
}

function keepsZero(node: Node, graph: Graph, index: GraphIndex): boolean {
  const bounds = boundsOf(node, graph, index);
  return bounds !== undefined && bounds.min <= 0 && bounds.max >= 0;
}

/** Who reads the output of a node, behind bounds that leave zero alone; undefined stands for whoever reads the graph's outputs. */
function readersOf(node: Node, graph: Graph, index: GraphIndex): (Node | undefined)[] {
  const value = node.outputs[0]!;
  const isOutput = graph.outputs.some(({ name }) => name === value);
  const readers = index
    .consumers(value)
    .flatMap((user) => (keepsZero(user, graph, index) ? readersOf(user, graph, index) : [user]));
  return isOutput ? [...readers, undefined] : readers;
}

/** Zeros at the end of an axis of the weights; of axis 0 for the bias too. */
function addChannels(node: Node, axis: 0 | 1, added: number, graph: Graph): void {
  const { tensor, channels } = linearWeights(node, graph)!;
  const dims = tensor.dims.map((size, at) => (at === axis ? size + added : size));
  const [from, to] = [sizeOf(tensor.dims.slice(axis)), sizeOf(dims.slice(axis))];
  const values = tensorValues(tensor, 'float32');
  const padded = new Float32Array(sizeOf(dims));
  for (let at = 0; at * from < values.length; at += 1)
    padded.set(values.subarray(at * from, (at + 1) * from), at * to);
  const bias = new Float32Array(channels + (axis === 0 ? added : 0));
  bias.set(biasOf(node, graph, channels));
  setWeights(node, { dims, values: padded, bias }, graph);
}

/** A bias where there was one before. */
function setWeights(node: Node, { dims, values, bias }: Required<NewWeights>, graph: Graph): void {
  const hasBias = (node.inputs[2] ?? '') !== '';
  setLinearWeights(node, { dims, values, ...(hasBias ? { bias } : {}) }, graph, 'fast');
}

/** Pixels of the picture in one cell, and of the result made at once. */
const CELL = 4;
const HALVES = 2;

/**
 * The first convolution (3 channels, 3x3, every second pixel) reads four pixels as twelve channels and makes two: 2.7 times the
 * multiplications, by a kernel that takes no copy of the picture. Gives the names of the nodes that put the pixels in their places, which
 * the runtime drops; none where the convolution has another form.
 */
export function widenFirst({ graph, ranges, keepFloat, given }: FastPlace): readonly string[] {
  const index = new GraphIndex(graph);
  const [[pixels, params] = ['', undefined], ...others] = given;
  const turn = index.producer(pixels);
  const [node, ...more] = index.consumers(pixels);
  const picture = graph.inputs.find(({ name }) => name === turn?.inputs[0]);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  if (params === undefined || others.length > 0 || turn === undefined || picture === undefined) return [];
  if (node === undefined || more.length > 0 || keepFloat.has(node.name)) return [];
  if (index.consumers(picture.name).length !== 1 || outputs.has(pixels)) return [];
  const form = formOf(node, picture.dims ?? [], graph);
  if (form === undefined) return [];
  const user = index.consumers(node.outputs[0]!)[0];
  const isOnly = index.consumers(node.outputs[0]!).length === 1 && !outputs.has(node.outputs[0]!);
  const last = isOnly && boundsOf(user, graph, index) !== undefined ? user! : node;
  const result = last.outputs[0]!;
  const range = ranges.get(result) ?? ranges.get(node.outputs[0]!);
  if (range === undefined || outputs.has(result)) return [];
  const { height, width, channels, rows, pads } = form;
  widenWeights(node, form, graph);
  node.attributes.set('kernel_shape', { kind: 'ints', value: [3, form.cells] });
  node.attributes.set('strides', { kind: 'ints', value: [2, 1] });
  node.attributes.set('pads', { kind: 'ints', value: pads });
  const taken = namesOf(graph);
  const shape = (wanted: string, dims: readonly number[]): string => {
    const name = freshName(taken, wanted);
    graph.initializers.set(name, makeTensor(name, 'int64', [dims.length], dims));
    return name;
  };
  const fresh = (what: string): string => freshName(taken, `${result}_${what}`);
  const perm = (value: number[]) => ({ perm: { kind: 'ints' as const, value } });
  const [cells, wide, wideRows, rowsName] = [
    fresh('cells'),
    fresh('wide'),
    fresh('wide_rows'),
    fresh('rows'),
  ];
  const cellShape = shape('cell_shape', [1, height, width / CELL, CELL * 3]);
  const before = makeNode('Reshape', [picture.name, cellShape], [cells]);
  graph.nodes.splice(graph.nodes.indexOf(turn), 0, before);
  turn.inputs = [cells];
  last.outputs = [wide];
  ranges.set(wide, range);
  const moves = [
    makeNode('Transpose', [wide], [wideRows], perm([0, 2, 3, 1])),
    makeNode('Reshape', [wideRows, shape('row_shape', [1, rows, width / HALVES, channels])], [rowsName]),
    makeNode('Transpose', [rowsName], [result], perm([0, 3, 1, 2])),
  ];
  graph.nodes.splice(graph.nodes.indexOf(last) + 1, 0, ...moves);
  return moves.map(({ name }) => name);
}

interface FirstForm {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Of the result. */
  readonly rows: number;
  readonly left: number;
  /** Cells under the kernel, and the first of them. */
  readonly cells: number;
  readonly firstCell: number;
  readonly pads: number[];
}

function formOf(
  node: Node,
  pictureDims: readonly (number | string | undefined)[],
  graph: Graph,
): FirstForm | undefined {
  const [batch, height, width, depth] = pictureDims;
  const dims = linearWeights(node, graph)?.tensor.dims ?? [];
  const isPlain = dims.slice(1).join() === '3,3,3' && intOf(node, 'group', 1) === 1;
  const auto = stringOf(node, 'auto_pad') ?? 'NOTSET';
  if (batch !== 1 || typeof height !== 'number' || typeof width !== 'number' || depth !== 3) return undefined;
  if (!isPlain || auto !== 'NOTSET' || width % CELL !== 0) return undefined;
  if (intsOf(node, 'strides')?.join() !== '2,2' || (intsOf(node, 'dilations') ?? [1, 1]).join() !== '1,1')
    return undefined;
  const [top = 0, left = 0, bottom = 0, right = 0] = intsOf(node, 'pads') ?? [];
  if (left + right < 1 || left + right > 2) return undefined;
  const firstCell = Math.floor(-left / CELL);
  const cells = Math.floor((HALVES - left + 2) / CELL) - firstCell + 1;
  const rows = Math.floor((height + top + bottom - 3) / 2) + 1;
  const pads = [top, -firstCell, bottom, cells - 1 + firstCell];
  return { height, width, channels: dims[0]!, rows, left, cells, firstCell, pads };
}

function widenWeights(node: Node, { channels, cells, firstCell, left }: FirstForm, graph: Graph): void {
  const values = tensorValues(linearWeights(node, graph)!.tensor, 'float32');
  const bias = biasOf(node, graph, channels);
  const dims = [HALVES * channels, CELL * 3, 3, cells];
  const wide = new Float32Array(sizeOf(dims));
  values.forEach((value, at) => {
    const [dx, dy, c, o] = [at % 3, Math.floor(at / 3) % 3, Math.floor(at / 9) % 3, Math.floor(at / 27)];
    for (let half = 0; half < HALVES; half += 1) {
      const pixel = half * 2 - left + dx - firstCell * CELL;
      const channel = (pixel % CELL) * 3 + c;
      const row = ((half * channels + o) * CELL * 3 + channel) * 3 + dy;
      wide[row * cells + Math.floor(pixel / CELL)] = value;
    }
  });
  setWeights(node, { dims, values: wide, bias: Float32Array.from([...bias, ...bias]) }, graph);
}

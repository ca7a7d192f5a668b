// Graphs of older operator sets made into graphs of set 13, the first whose quantization has a scale for each channel. Each change
// keeps the numbers. Pure. Source: the change log of ONNX operators (onnx.ai, "Operators", differences between versions).
import { VedetteError } from '../platform/errors.ts';
import {
  constantNumbers,
  describe,
  floatOf,
  freshName,
  GraphIndex,
  intOf,
  intsOf,
  makeNode,
  namesOf,
  stringOf,
} from './graph.ts';
import type { Attribute, Graph, Node, OnnxModel } from './onnx.ts';
import { makeTensor, type ReadableType } from './tensor.ts';

/** QuantizeLinear and DequantizeLinear have an axis from here on. */
export const OPSET_MIN = 13;

/** Older sets wrote shapes, broadcasting and padding in other ways. */
const OPSET_OLDEST = 7;

/** Changes the model in place. Throws MODEL_UNSUPPORTED when it is older than set 7. */
export function upgradeOpset(model: OnnxModel): void {
  const from = model.opsets.get('') ?? 0;
  if (from >= OPSET_MIN) return;
  if (from < OPSET_OLDEST) {
    throw new VedetteError(
      'MODEL_UNSUPPORTED',
      `the model uses operator set ${from} of ONNX (limit ${OPSET_OLDEST}): export it again with a newer one`,
      { opset: from },
    );
  }
  upgradeGraph(model.graph, from, namesOf(model.graph));
  model.opsets.set('', OPSET_MIN);
}

function upgradeGraph(graph: Graph, from: number, taken: Set<string>): void {
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind !== 'graph') continue;
      for (const name of namesOf(attribute.value)) taken.add(name);
      upgradeGraph(attribute.value, from, taken);
    }
    const change = node.domain === '' ? CHANGES[node.opType] : undefined;
    if (change === undefined) nodes.push(node);
    else nodes.push(...change(node, { graph, from, taken }));
  }
  graph.nodes = nodes;
}

interface Place {
  readonly graph: Graph;
  readonly from: number;
  readonly taken: Set<string>;
}

type Change = (node: Node, place: Place) => readonly Node[];

const CHANGES: Readonly<Record<string, Change | undefined>> = {
  BatchNormalization: (node) => {
    if (intOf(node, 'spatial', 1) === 0) throw unsupported(node, 'normalises each pixel by itself');
    node.attributes.delete('spatial');
    return [node];
  },
  Clip: (node, place) => {
    if (place.from >= 11) return [node];
    const [low, high] = [node.attributes.get('min'), node.attributes.get('max')];
    const limit = (attribute: Attribute | undefined, name: string): string =>
      attribute?.kind === 'float'
        ? constant(place, `${node.outputs[0]}_${name}`, 'float32', attribute.value)
        : '';
    node.inputs = [node.inputs[0]!, limit(low, 'min'), limit(high, 'max')];
    return without(node, 'min', 'max');
  },
  Dropout: (node) => without(node, 'ratio', 'seed'),
  Pad: (node, place) => {
    if (place.from >= 11) return [node];
    const value = constant(place, `${node.outputs[0]}_value`, 'float32', floatOf(node, 'value', 0));
    asInput(node, place, 'pads', 1);
    node.inputs[2] = value;
    return without(node, 'value');
  },
  ReduceSum: (node, place) => asInput(node, place, 'axes', 1),
  Split: (node, place) => asInput(node, place, 'split', 1),
  Squeeze: (node, place) => asInput(node, place, 'axes', 1),
  Unsqueeze: (node, place) => asInput(node, place, 'axes', 1),
  Slice: (node, place) => {
    if (place.from >= 10) return [node];
    const starts = intsOf(node, 'starts') ?? [];
    const axes = intsOf(node, 'axes') ?? starts.map((_, axis) => axis);
    node.attributes.set('axes', { kind: 'ints', value: axes });
    ['starts', 'ends', 'axes'].forEach((name, position) => {
      asInput(node, place, name, position + 1);
    });
    return [node];
  },
  TopK: (node, place) => {
    if (place.from >= 10) return [node];
    node.attributes.set('k', { kind: 'ints', value: [intOf(node, 'k', 1)] });
    return asInput(node, place, 'k', 1);
  },
  Upsample: (node, place) => {
    const floats = node.attributes.get('scales');
    const scales =
      floats?.kind === 'floats'
        ? constant(place, `${node.outputs[0]}_scales`, 'float32', floats.value)
        : (node.inputs[1] ?? '');
    return [resized(node, scales, place)];
  },
  Resize: (node, place) => (place.from >= 11 ? [node] : [resized(node, node.inputs[1] ?? '', place)]),
  Softmax: flattened,
  LogSoftmax: flattened,
};

/** Before set 11 pixels were matched by their corners and rounded down; by ONNX Runtime up along sides that shrink (its mode "simple"). */
function resized(node: Node, scales: string, { graph }: Place): Node {
  const { attributes } = node;
  attributes.delete('scales');
  attributes.set('coordinate_transformation_mode', { kind: 'string', value: 'asymmetric' });
  if ((stringOf(node, 'mode') ?? 'nearest') === 'nearest') {
    const factors = constantNumbers(graph, new GraphIndex(graph), scales) ?? [];
    const shrinks = factors.some((factor) => factor < 1);
    if (shrinks && factors.some((factor) => factor > 1))
      throw unsupported(node, 'grows one side, shrinks another');
    attributes.set('nearest_mode', { kind: 'string', value: shrinks ? 'ceil' : 'floor' });
  }
  return { ...node, opType: 'Resize', inputs: [node.inputs[0]!, '', scales] };
}

/** Before set 13 Softmax went over all axes from `axis` on, taken as one. */
function flattened(node: Node, { graph, taken }: Place): readonly Node[] {
  const axis = intOf(node, 'axis', 1);
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  const known = [...graph.valueInfo, ...graph.outputs].find(({ name }) => name === input || name === output);
  const rank = known?.dims?.length;
  node.attributes.set('axis', { kind: 'int', value: rank === axis + 1 ? axis : -1 });
  if (axis === -1 || rank === axis + 1) return [node];
  const [shape, flat, soft] = ['shape', 'flat', 'soft'].map((name) =>
    freshName(taken, `${output}_${name}`),
  ) as [string, string, string];
  node.inputs = [flat];
  node.outputs = [soft];
  return [
    makeNode('Shape', [input], [shape]),
    makeNode('Flatten', [input], [flat], { axis: { kind: 'int', value: axis } }),
    node,
    makeNode('Reshape', [soft, shape], [output]),
  ];
}

/** Moves a list of integers from an attribute to a constant input. */
function asInput(node: Node, place: Place, name: string, position: number): readonly Node[] {
  const values = intsOf(node, name);
  if (values !== undefined) {
    while (node.inputs.length < position) node.inputs.push('');
    node.inputs[position] = constant(place, `${node.outputs[0]}_${name}`, 'int64', values);
  }
  return without(node, name);
}

function without(node: Node, ...names: readonly string[]): readonly Node[] {
  for (const name of names) node.attributes.delete(name);
  return [node];
}

function constant(
  { graph, taken }: Place,
  wanted: string,
  type: ReadableType,
  value: number | readonly number[],
): string {
  const name = freshName(taken, wanted);
  const tensor =
    typeof value === 'number'
      ? makeTensor(name, type, [], [value])
      : makeTensor(name, type, [value.length], value);
  graph.initializers.set(name, tensor);
  return name;
}

function unsupported(node: Node, what: string): VedetteError {
  return new VedetteError('MODEL_UNSUPPORTED', `${describe(node)} ${what}`);
}

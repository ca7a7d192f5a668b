// Files made wrong in many ways, the same for the same seed: bytes changed anywhere, and changes that keep the form and break the
// sense, which get further into whatever reads them.
import { decodeModel, type Graph, type Node } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { typeName } from '../../daemon/models/tensor.ts';
import { Random as SceneRandom } from '../../daemon/scene/random.ts';

/** 0..1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  const random = new SceneRandom(seed);
  return () => random.next();
}

type Random = () => number;

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)]!;
}

/** Bytes flipped, cut out, put in, repeated or cut off. */
export function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let changes = 1 + below(random, 4); changes > 0; changes -= 1) {
    const at = below(random, out.length + 1);
    const length = below(random, pick(random, [4, 64, 4096]));
    const kind = below(random, 6);
    if (kind === 0) out = out.subarray(0, at);
    else if (kind === 1) out = joined(out.subarray(0, at), out.subarray(at + length));
    else if (kind === 2) out = joined(out.subarray(0, at), noise(length, random), out.subarray(at));
    else if (kind === 3) out = joined(out.subarray(0, at + length), out.subarray(at));
    else if (kind === 4) out.fill(pick(random, [0, 0x7f, 0x80, 0xff]), at, at + length);
    else if (at < out.length) out[at] = out[at]! ^ (1 << below(random, 8));
  }
  return out;
}

function noise(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => below(random, 256));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Sizes that programs trip over. */
const NUMBERS = [
  0,
  1,
  -1,
  2,
  7,
  255,
  65_536,
  2 ** 20,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
];
const OPERATORS = [
  ...[
    'Conv',
    'ConvTranspose',
    'Gemm',
    'MatMul',
    'Relu',
    'Softmax',
    'Reshape',
    'Expand',
    'Tile',
    'Resize',
    'Pad',
    'Loop',
    'If',
  ],
  ...[
    'Gather',
    'Slice',
    'Concat',
    'Transpose',
    'NonMaxSuppression',
    'QuantizeLinear',
    'DequantizeLinear',
    'Range',
    'Einsum',
    '',
  ],
];

/** A change of one thing in a graph. */
const GRAPH_CHANGES: readonly ((graph: Graph, random: Random) => void)[] = [
  ({ initializers }, random) => {
    const tensor = pick(random, [...initializers.values()]);
    if (tensor) tensor.dims = tensor.dims.map((size) => (random() < 0.5 ? pick(random, NUMBERS) : size));
  },
  ({ initializers }, random) => {
    const tensor = pick(random, [...initializers.values()]);
    if (tensor) tensor.raw = mutatedBytes(tensor.raw, random);
  },
  ({ initializers }, random) => {
    // The right number of bytes with other values: numbers that are sizes, axes, offsets.
    const tensor = pick(random, [...initializers.values()]);
    if (tensor) tensor.raw = tensor.raw.map((byte) => (random() < 0.3 ? below(random, 256) : byte));
  },
  ({ initializers }, random) => {
    const tensor = pick(random, [...initializers.values()]);
    if (tensor) tensor.type = typeName(below(random, 24));
  },
  ({ initializers }, random) => {
    const name = pick(random, [...initializers.keys()]);
    if (name !== undefined) initializers.delete(name);
  },
  ({ nodes }, random) => {
    pick(random, nodes).opType = pick(random, OPERATORS);
  },
  ({ nodes }, random) => {
    pick(random, nodes).domain = pick(random, ['com.microsoft', 'evil', 'ai.onnx.ml']);
  },
  (graph, random) => {
    const node = pick(random, graph.nodes);
    if (node.inputs.length > 0) node.inputs[below(random, node.inputs.length)] = valueNear(graph, random);
  },
  ({ nodes }, random) => {
    const node = pick(random, nodes);
    node.outputs[0] = pick(random, nodes).outputs[0] ?? '';
  },
  ({ nodes }, random) => {
    nodes.splice(below(random, nodes.length), 1);
  },
  ({ nodes }, random) => {
    nodes.push(structuredClone(pick(random, nodes)));
  },
  ({ nodes }, random) => {
    changeAttribute(pick(random, nodes), random);
  },
  (graph, random) => {
    const info = pick(random, [...graph.inputs, ...graph.outputs]);
    info.dims = (info.dims ?? []).map((size) => (random() < 0.5 ? pick(random, [...NUMBERS, 'n']) : size));
  },
  (graph, random) => {
    pick(random, [...graph.inputs, ...graph.outputs]).type = typeName(below(random, 24));
  },
  (graph, random) => {
    pick(random, [...graph.inputs, ...graph.outputs]).name = valueNear(graph, random);
  },
  (graph) => {
    graph.nodes.reverse();
  },
  (graph, random) => {
    pick(random, graph.nodes).attributes.set('body', {
      kind: 'graph',
      value: structuredClone(graph),
    });
  },
];

function valueNear(graph: Graph, random: Random): string {
  const outputs = graph.nodes.flatMap((node) => node.outputs);
  return pick(random, [
    ...outputs,
    ...graph.initializers.keys(),
    'nobody makes this',
    '',
    'x'.repeat(10_000),
  ]);
}

function changeAttribute(node: Node, random: Random): void {
  const [name, attribute] = pick(random, [...node.attributes]) ?? [];
  if (name === undefined || attribute === undefined) return;
  if (attribute.kind === 'int') attribute.value = pick(random, NUMBERS);
  else if (attribute.kind === 'ints') attribute.value = attribute.value.map(() => pick(random, NUMBERS));
  else if (attribute.kind === 'float') attribute.value = pick(random, [0, -1, 1e38, Number.NaN]);
  else node.attributes.delete(name);
}

/** A model in which one to three things make no sense. */
export function mutatedModel(bytes: Uint8Array, random: Random): Uint8Array {
  const model = decodeModel(bytes.slice());
  for (let changes = 1 + below(random, 3); changes > 0 && model.graph.nodes.length > 0; changes -= 1) {
    pick(random, GRAPH_CHANGES)(model.graph, random);
  }
  if (random() < 0.05) model.opsets.set('', pick(random, NUMBERS));
  if (random() < 0.02) model.irVersion = pick(random, NUMBERS);
  return encodeModel(model);
}

const VALUES: readonly unknown[] = [
  ...[null, true, '', 'x', '../../etc/passwd', 'x'.repeat(5000), 0, -1, 1.5, 1e308, 2 ** 53, [], {}, [[]]],
  ...[[null], ['a', 'a'], { type: 'x' }, '\u0000', 'NaN', 'ü'],
];

/** A JSON document with one to three values replaced, removed, repeated or added, anywhere in it. */
export function mutatedJson(document: unknown, random: Random): string {
  const root = structuredClone(document) as Record<string, unknown>;
  for (let changes = 1 + below(random, 3); changes > 0; changes -= 1) {
    let at = root;
    let key = pick(random, Object.keys(at));
    while (key !== undefined && random() < 0.6 && isFull(at[key])) {
      at = at[key] as Record<string, unknown>;
      key = pick(random, Object.keys(at));
    }
    const kind = below(random, 4);
    if (key === undefined || kind === 0)
      at[pick(random, ['extra', '__proto__', 'v', 'constructor'])] = structuredClone(pick(random, VALUES));
    else if (kind === 1) delete at[key];
    else at[key] = structuredClone(pick(random, VALUES));
  }
  return JSON.stringify(root);
}

function isFull(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

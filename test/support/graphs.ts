// Small ONNX graphs for tests of the transforms: written in a few lines, with repeatable random constants, run by the real runtime
// before and after. For tests only.
import { readFileSync } from 'node:fs';
import type { TensorData } from '../../daemon/core/infer.ts';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { makeNode } from '../../daemon/models/graph.ts';
import {
  type Attribute,
  decodeModel,
  emptyGraph,
  type Node,
  type OnnxModel,
} from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { activationsToObserve } from '../../daemon/models/qdq.ts';
import type { Range } from '../../daemon/models/qdq-params.ts';
import { SeededRandom } from '../../daemon/models/seeded-random.ts';
import { makeTensor, sizeOf } from '../../daemon/models/tensor.ts';

/** Attributes by their JavaScript values: whole numbers are ints, lists of them too; give floats as `{ float: 1 }`. */
export type AttributeValue = number | string | readonly number[] | { readonly float: number };

function attributeOf(value: AttributeValue): Attribute {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') return { kind: 'int', value };
  return 'float' in value ? { kind: 'float', value: value.float } : { kind: 'ints', value: [...value] };
}

/** A model around the parts of a graph that are given. */
export function modelOf(graph: Partial<OnnxModel['graph']>, opset = 13): OnnxModel {
  return {
    irVersion: 8,
    opsets: new Map([['', opset]]),
    producer: 'test',
    producerVersion: '',
    graph: { ...emptyGraph(), name: 'g', ...graph },
    metadata: new Map(),
    rest: [],
  };
}

/** Builds a graph node by node. */
export class GraphBuilder {
  readonly #random: SeededRandom;
  readonly model: OnnxModel;
  #count = 0;

  constructor({ opset = 17, seed = 1 }: { readonly opset?: number; readonly seed?: number } = {}) {
    this.#random = new SeededRandom(seed);
    this.model = modelOf({}, opset);
  }

  input(dims: readonly number[], type: 'float32' | 'uint8' = 'float32', name = 'x'): string {
    this.model.graph.inputs.push({ name, type, dims: [...dims] });
    return name;
  }

  output(...names: readonly string[]): OnnxModel {
    for (const name of names) this.model.graph.outputs.push({ name, type: 'float32', dims: undefined });
    return this.model;
  }

  /** A constant of given numbers. */
  constant(
    values: readonly number[],
    dims: readonly number[] = [values.length],
    type: 'float32' | 'int64' = 'float32',
  ): string {
    const name = `c${this.#next()}`;
    this.model.graph.initializers.set(name, makeTensor(name, type, dims, values));
    return name;
  }

  /** A constant of numbers from `low` to `high`. */
  random(dims: readonly number[], low = -1, high = 1): string {
    const values = Array.from({ length: sizeOf(dims) }, () => low + (high - low) * this.#random.next());
    return this.constant(values, dims);
  }

  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const output = `v${this.#next()}`;
    const entries = Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)] as const);
    this.model.graph.nodes.push(
      makeNode(opType, inputs, [output], Object.fromEntries(entries), { name: `${opType}_${output}` }),
    );
    return output;
  }

  /** Another name for a value that no node uses yet. */
  rename(value: string, name: string): string {
    const node = this.model.graph.nodes.find(({ outputs }) => outputs.includes(value))!;
    node.outputs = node.outputs.map((output) => (output === value ? name : output));
    return name;
  }

  /** A convolution with weights about as large as training makes them. */
  conv(
    input: string,
    shape: { readonly from: number; readonly to: number; readonly size?: number; readonly group?: number },
    attributes: Readonly<Record<string, AttributeValue>> = {},
    hasBias = true,
  ): string {
    const { from, to, size = 1, group = 1 } = shape;
    const span = Math.sqrt(3 / ((from / group) * size * size));
    const inputs = [input, this.random([to, from / group, size, size], -span, span)];
    if (hasBias) inputs.push(this.random([to], -0.5, 0.5));
    const pad = Math.floor(size / 2);
    return this.node('Conv', inputs, {
      kernel_shape: [size, size],
      pads: [pad, pad, pad, pad],
      group,
      ...attributes,
    });
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }
}

/** The type of every node, in the order of the graph. */
export function opsOf({ graph }: Pick<OnnxModel, 'graph'>): string[] {
  return graph.nodes.map(({ opType }) => opType);
}

export function nodeOf({ graph }: Pick<OnnxModel, 'graph'>, opType: string): Node {
  const found = graph.nodes.find((node) => node.opType === opType);
  if (found === undefined) throw new Error(`the graph has no ${opType}`);
  return found;
}

/** Tensors for the inputs of a model: whole pixels, or numbers from -2 to 2. */
export function randomFeeds({ graph }: Pick<OnnxModel, 'graph'>, seed = 7): Record<string, TensorData> {
  const random = new SeededRandom(seed);
  return Object.fromEntries(
    graph.inputs.map(({ name, type, dims }) => {
      const sizes = (dims ?? []).map((size) => (typeof size === 'number' ? size : 1));
      const length = sizeOf(sizes);
      const data =
        type === 'uint8'
          ? Uint8Array.from({ length }, () => random.index(256))
          : Float32Array.from({ length }, () => 4 * random.next() - 2);
      return [name, { type: type as 'float32', dims: sizes, data: data as Float32Array }];
    }),
  );
}

/** Every output of a model, run once by ONNX Runtime. */
export async function runModel(
  model: OnnxModel,
  feeds: Readonly<Record<string, TensorData>>,
  optimization: 'all' | 'disabled' = 'all',
): Promise<Record<string, number[]>> {
  const session = await openGraph(encodeModel(model), { optimization });
  try {
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]),
    );
  } finally {
    await session.release();
  }
}

/** The largest difference of two lists of numbers. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
}

/** The ranges that `quantizeGraph` wants, measured over a few random inputs, or those given. */
export async function measureRanges(
  model: OnnxModel,
  pictures: readonly Readonly<Record<string, TensorData>>[] = [100, 101, 102, 103].map((seed) =>
    randomFeeds(model, seed),
  ),
): Promise<Map<string, Range>> {
  const { graph } = model;
  const wanted = new Set([...graph.outputs.map(({ name }) => name), ...activationsToObserve(model)]);
  for (const { name } of graph.inputs) wanted.delete(name);
  const outputs = [...wanted].map((name) => ({ name, type: 'float32' as const, dims: undefined }));
  const known = new Map(graph.outputs.map((info) => [info.name, info]));
  const open = {
    ...model,
    graph: { ...graph, outputs: outputs.map((info) => known.get(info.name) ?? info) },
  };
  const session = await openGraph(encodeModel(open));
  const ranges = new Map<string, Range>();
  for (const feeds of pictures) {
    for (const [name, { data, type }] of Object.entries({ ...feeds, ...(await session.run(feeds)) })) {
      if (type !== 'float32') continue;
      let { min, max } = ranges.get(name) ?? { min: 0, max: 0 };
      for (const value of data as Float32Array) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
      ranges.set(name, { min, max });
    }
  }
  await session.release();
  return ranges;
}

/** What ONNX Runtime makes of a model before it runs it. */
export async function optimized(model: OnnxModel, file: string): Promise<OnnxModel> {
  await (await openGraph(encodeModel(model), { optimizedFile: file })).release();
  return decodeModel(readFileSync(file));
}

// Quantized graphs in ONNX Runtime: its integer kernels take the place of every node that has one, and the numbers are near those of
// the float graph.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepare } from '../../daemon/models/fold.ts';
import { makeNode } from '../../daemon/models/graph.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { type QuantizeOptions, quantizeGraph } from '../../daemon/models/qdq.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import {
  GraphBuilder,
  largestDifference,
  measureRanges,
  modelOf,
  opsOf,
  optimized,
  randomFeeds,
  runModel,
} from '../support/graphs.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Layout changes that the runtime puts where the order of the axes changes; not what these tests are about. */
const LAYOUT = new Set(['Transpose', 'ReorderInput', 'ReorderOutput']);

interface Outcome {
  readonly model: OnnxModel;
  /** Operators that really run, layout changes left out. */
  readonly ops: readonly string[];
  readonly optimized: OnnxModel;
  readonly report: ReturnType<typeof quantizeGraph>['report'];
  /** The largest difference from the float model, as a part of its largest number. */
  readonly off: number;
}

async function quantized(source: OnnxModel, options: Partial<QuantizeOptions> = {}): Promise<Outcome> {
  const float = prepare(source);
  const ranges = options.ranges ?? (await measureRanges(float));
  const keepFloat = options.keepFloat ?? new Set(headConvolutions(float));
  const { model, report } = quantizeGraph(float, { ...options, ranges, keepFloat });
  const feeds = randomFeeds(source, 100);
  const [was, is] = [await runModel(source, feeds), await runModel(model, feeds)];
  expect(Object.keys(is)).toEqual(Object.keys(was));
  const off = Object.entries(was).map(([name, numbers]) => {
    const largest = Math.max(...numbers.map(Math.abs));
    return largestDifference(numbers, is[name]!) / largest;
  });
  const what = await optimized(model, join(tempDir(), 'optimized.onnx'));
  const ops = opsOf(what).filter((op) => !LAYOUT.has(op));
  return { model, ops, optimized: what, report, off: Math.max(...off) };
}

test('an inverted residual block runs on integers but for its head; Relu and Clip are gone', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 12, 12]), { from: 3, to: 8, size: 3 })]);
  const wide = build.conv(first, { from: 8, to: 24 });
  const six = build.constant([6], []);
  const clipped = build.node('Clip', [wide, build.constant([0], []), six]);
  const deep = build.node('Relu', [build.conv(clipped, { from: 24, to: 24, size: 3, group: 24 })]);
  const sum = build.node('Add', [build.conv(deep, { from: 24, to: 8 }), first]);
  const outcome = await quantized(build.output(build.conv(sum, { from: 8, to: 5 })));
  expect(outcome.ops).toEqual([
    ...['QuantizeLinear', 'QLinearConv', 'QLinearConv', 'QLinearConv', 'QLinearConv', 'QLinearAdd'],
    ...['DequantizeLinear', 'Conv'],
  ]);
  expect(countConvolutions(outcome.optimized)).toMatchObject({ integer: 4, float: 1 });
  expect(outcome.report.floatNodes).toEqual([{ name: expect.stringMatching(/^Conv_/), reason: 'kept' }]);
  expect(outcome.off).toBeLessThan(0.03);
});

test('HardSwish and squeeze-and-excite run on integers alone', async () => {
  const build = new GraphBuilder();
  const first = build.node('HardSwish', [
    build.conv(build.input([1, 3, 10, 10]), { from: 3, to: 16, size: 3 }),
  ]);
  const deep = build.node('HardSwish', [build.conv(first, { from: 16, to: 16, size: 3, group: 16 })]);
  const squeezed = build.conv(build.node('GlobalAveragePool', [deep]), { from: 16, to: 4 });
  const excited = build.conv(build.node('Relu', [squeezed]), { from: 4, to: 16 });
  const gate = build.node('HardSigmoid', [excited], { alpha: { float: 1 / 6 } });
  const last = build.node('Relu', [build.conv(build.node('Mul', [deep, gate]), { from: 16, to: 8 })]);
  const outcome = await quantized(build.output(build.conv(last, { from: 8, to: 4 })));
  const inside = outcome.ops.slice(1, -2);
  expect(new Set(inside)).toEqual(
    new Set(['QLinearConv', 'QLinearAdd', 'QLinearMul', 'QLinearGlobalAveragePool']),
  );
  expect(inside.filter((op) => op === 'QLinearConv').length).toBe(5);
  expect(outcome.off).toBeLessThan(0.05);
});

test('HardSwish as older exporters write it, and Swish, run on integers alone', async () => {
  const build = new GraphBuilder({ opset: 12 });
  const hard = (value: string): string => {
    const shifted = build.node('Add', [value, build.constant([3], [])]);
    const gate = build.node('Clip', [shifted, build.constant([0], []), build.constant([6], [])]);
    return build.node('Div', [build.node('Mul', [value, gate]), build.constant([6], [])]);
  };
  const first = hard(build.conv(build.input([1, 3, 10, 10]), { from: 3, to: 16, size: 3 }));
  const second = build.conv(first, { from: 16, to: 16, size: 3, group: 16 });
  const swish = build.node('Mul', [second, build.node('Sigmoid', [second])]);
  const outcome = await quantized(build.output(build.conv(swish, { from: 16, to: 4 })));
  expect(new Set(outcome.ops.slice(1, -2))).toEqual(
    new Set(['QLinearConv', 'QLinearAdd', 'QLinearMul', 'QLinearSigmoid']),
  );
  expect(outcome.report.floatNodes.map(({ reason }) => reason)).toEqual(['kept']);
  expect(outcome.off).toBeLessThan(0.05);
});

test('pools, growing and concatenation keep the scale of their input: no number is quantized twice', async () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8, size: 3 });
  const pooled = [3, 5].map((size) => {
    const pad = (size - 1) / 2;
    return build.node('MaxPool', [first], { kernel_shape: [size, size], pads: [pad, pad, pad, pad] });
  });
  const joined = build.conv(build.node('Concat', [...pooled, first], { axis: 1 }), { from: 24, to: 8 });
  const scales = build.constant([1, 1, 2, 2]);
  const grown = build.node('Resize', [build.node('Relu', [joined]), '', scales], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
  const mean = build.node('AveragePool', [grown], { kernel_shape: [2, 2], strides: [2, 2] });
  const outcome = await quantized(build.output(build.conv(mean, { from: 8, to: 4 })));
  expect(outcome.ops).toEqual([
    ...[
      'QuantizeLinear',
      'QLinearConv',
      'NhwcMaxPool',
      'NhwcMaxPool',
      'QLinearConcat',
      'QLinearConv',
      'Resize',
    ],
    ...['QLinearAveragePool', 'DequantizeLinear', 'Conv'],
  ]);
  const concat = outcome.optimized.graph.nodes.find(({ opType }) => opType === 'QLinearConcat')!;
  expect(new Set([concat.inputs[0], concat.inputs[3], concat.inputs[6], concat.inputs[9]]).size).toBe(1);
  expect(outcome.off).toBeLessThan(0.03);
});

test('what only moves numbers moves integers: Pad, Split, Slice, Transpose, Reshape', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8 })]);
  const padded = build.node('Pad', [first, build.constant([0, 0, 1, 0, 0, 0, 0, 1], [8], 'int64')]);
  const halves = build.node('Split', [padded, build.constant([2, 6], [2], 'int64')], { axis: 1 });
  const split = build.model.graph.nodes.at(-1)!;
  split.outputs.push('rest');
  const joined = build.node('Concat', ['rest', halves], { axis: 1 });
  const ends = build.constant([8, 8], [2], 'int64');
  const sliced = build.node('Slice', [
    joined,
    ...[build.constant([0, 0], [2], 'int64'), ends, build.constant([2, 3], [2], 'int64')],
  ]);
  const turned = build.node('Transpose', [sliced], { perm: [0, 1, 3, 2] });
  const shaped = build.node('Reshape', [turned, build.constant([1, 4, 16, 8], [4], 'int64')]);
  const second = build.node('Relu', [build.conv(shaped, { from: 4, to: 6 })]);
  const outcome = await quantized(build.output(build.conv(second, { from: 6, to: 4 })));
  expect(outcome.ops).toEqual([
    ...['QuantizeLinear', 'QLinearConv', 'Pad', 'Split', 'QLinearConcat', 'Slice', 'Reshape', 'QLinearConv'],
    ...['DequantizeLinear', 'Conv'],
  ]);
  expect(outcome.off).toBeLessThan(0.03);
});

test('a bound after what only moves numbers has no kernel and is told', async () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8 });
  const pooled = build.node('MaxPool', [first], { kernel_shape: [2, 2], strides: [2, 2] });
  const bounded = build.node('Relu', [pooled]);
  const outcome = await quantized(build.output(build.conv(bounded, { from: 8, to: 4 })));
  expect(outcome.report.floatNodes[0]).toEqual({
    name: `Relu_${bounded}`,
    reason: 'no integer kernel for Relu',
  });
  expect(outcome.off).toBeLessThan(0.03);
});

test('matrix products run on integers, with a bias and without, in the middle and at the end', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 16, size: 3 })]);
  const flat = build.node('Flatten', [build.node('GlobalAveragePool', [first])]);
  const hidden = build.node('Gemm', [flat, build.random([16, 12]), build.random([12])]);
  const product = build.node('MatMul', [build.node('HardSwish', [hidden]), build.random([12, 10])]);
  const outcome = await quantized(build.output(build.node('MatMul', [product, build.random([10, 6])])));
  expect(outcome.ops).toEqual([
    ...[
      'QuantizeLinear',
      'QLinearConv',
      'QLinearGlobalAveragePool',
      'Flatten',
      'QGemm',
      'QLinearAdd',
      'QLinearMul',
    ],
    ...['QLinearMatMul', 'MatMulIntegerToFloat'],
  ]);
  expect(outcome.report.floatNodes).toEqual([]);
  expect(outcome.off).toBeLessThan(0.08);
});

test('a classifier ends in an integer product that gives float numbers', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 16, size: 3 })]);
  const flat = build.node('Flatten', [build.node('GlobalAveragePool', [first])]);
  const logits = build.node('Gemm', [flat, build.random([10, 16]), build.random([10])], { transB: 1 });
  const outcome = await quantized(build.output(build.node('Softmax', [logits])));
  expect(outcome.ops).toEqual([
    ...['QuantizeLinear', 'QLinearConv', 'QLinearGlobalAveragePool', 'Flatten', 'QGemm', 'Softmax'],
  ]);
  expect(outcome.off).toBeLessThan(0.05);
});

test.each([
  { name: '1x1', from: 32, size: 1, group: 1 },
  { name: '3x3', from: 8, size: 3, group: 1 },
  { name: '3x3 in groups', from: 16, size: 3, group: 4 },
  { name: 'depthwise 3x3', from: 16, size: 3, group: 16 },
])('bright pixels and large weights of one sign lose nothing on any processor: $name', async (shape) => {
  const build = new GraphBuilder();
  const { from, size, group } = shape;
  const rows = group === 16 ? 16 : 8;
  const count = (rows * from * size * size) / group;
  // All that a kernel which adds two products in 16 bits could cut off: the largest pixel, weights near the largest.
  const weights = Array.from({ length: count }, (_, at) => (0.9 + 0.1 * ((at * 7) % 10)) / count);
  const perGroup = from / group;
  const first = build.node('Relu', [build.input([1, from, 8, 8])]);
  const wide = build.node(
    'Conv',
    [
      first,
      build.constant(weights, [rows, perGroup, size, size]),
      build.constant(Array(rows).fill(0), [rows]),
    ],
    { group, kernel_shape: [size, size] },
  );
  const model = build.output(wide);
  const feeds = {
    x: { type: 'float32' as const, dims: [1, from, 8, 8], data: new Float32Array(from * 64).fill(1) },
  };
  const { model: integers } = quantizeGraph(model, {
    ranges: await measureRanges(model, [feeds]),
    keepFloat: new Set(),
  });
  expect(opsOf(await optimized(integers, join(tempDir(), 'optimized.onnx')))).toContain('QLinearConv');
  const [was, is] = [await runModel(model, feeds), await runModel(integers, feeds)];
  expect(largestDifference(was[wide]!, is[wide]!)).toBeLessThan(0.02 * Math.max(...was[wide]!));
});

test('a node whose range nobody measured stays float, and so does one that is to; both are told', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8 })]);
  const second = build.node('Relu', [build.conv(first, { from: 8, to: 8 })]);
  const third = build.node('Tanh', [build.conv(second, { from: 8, to: 8 })]);
  const model = build.output(build.conv(third, { from: 8, to: 4 }));
  const ranges = await measureRanges(prepare(model));
  ranges.delete(second);
  const names = model.graph.nodes.filter(({ opType }) => opType === 'Conv').map(({ name }) => name);
  const outcome = await quantized(model, { ranges, keepFloat: new Set([names[0]!, names[3]!]) });
  expect(outcome.report.quantizedNodes).toEqual([]);
  expect(outcome.report.floatNodes).toEqual([
    { name: names[0], reason: 'kept' },
    { name: names[1], reason: `no range of '${model.graph.nodes[2]!.outputs[0]}'` },
    { name: names[2], reason: `no range of '${second}'` },
    { name: model.graph.nodes[5]!.name, reason: 'no integer kernel for Tanh' },
    { name: names[3], reason: 'kept' },
  ]);
  expect(outcome.off).toBeLessThan(0.03);
});

test('a value inside the body that is an output of the model keeps its name and its numbers', async () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8 });
  const second = build.node('Relu', [build.conv(build.node('Relu', [first]), { from: 8, to: 8 })]);
  const outcome = await quantized(build.output(first, second, build.conv(second, { from: 8, to: 4 })));
  expect(countConvolutions(outcome.optimized)).toMatchObject({ integer: 2, float: 1 });
  expect(outcome.off).toBeLessThan(0.03);
});

test.each(['Tanh', 'head'])(
  'a product with one number that only a float node reads, %s, is written',
  async (reader) => {
    const build = new GraphBuilder();
    const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8, size: 3 })]);
    const half = build.node('Mul', [first, build.constant([0.5], [])]);
    const last =
      reader === 'head'
        ? half
        : build.node('Relu', [build.conv(build.node('Tanh', [half]), { from: 8, to: 8 })]);
    const outcome = await quantized(build.output(build.conv(last, { from: 8, to: 4 })));
    expect(outcome.ops).not.toContain('Mul');
    expect(outcome.off).toBeLessThan(0.03);
  },
);

test('what an inner graph takes from outside keeps its name and its numbers', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 8, size: 3 })]);
  const pooled = build.node('GlobalAveragePool', [first]);
  const half = build.node('Mul', [pooled, build.constant([0.5], [])]);
  const inner = (opType: string, output: string): OnnxModel['graph'] => ({
    ...modelOf({ nodes: [makeNode(opType, [pooled, half], [output])] }).graph,
    outputs: [{ name: output, type: 'float32', dims: undefined }],
  });
  const width = build.node('Gather', [build.node('Shape', [pooled]), build.constant([3], [], 'int64')]);
  const chosen = build.node('If', [build.node('Equal', [width, build.constant([1], [], 'int64')])]);
  const { attributes } = build.model.graph.nodes.at(-1)!;
  attributes.set('then_branch', { kind: 'graph', value: inner('Add', 'sum') });
  attributes.set('else_branch', { kind: 'graph', value: inner('Sub', 'difference') });
  const outcome = await quantized(build.output(build.conv(chosen, { from: 8, to: 4 })));
  expect(outcome.ops).toContain('QLinearGlobalAveragePool');
  expect(outcome.off).toBeLessThan(0.03);
});

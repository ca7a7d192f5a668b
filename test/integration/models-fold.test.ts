// Graphs made ready for quantization: fewer nodes, the same numbers in ONNX Runtime before and after.
import { expect, test } from 'vitest';
import { prepare } from '../../daemon/models/fold.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { makeTensor } from '../../daemon/models/tensor.ts';
import { GraphBuilder, largestDifference, nodeOf, opsOf, randomFeeds, runModel } from '../support/graphs.ts';

/** Prepares a model and expects the same outputs, but for the order of roundings. */
async function prepared(model: OnnxModel, within = 1e-5): Promise<OnnxModel> {
  const after = prepare(model);
  const feeds = randomFeeds(model);
  const [was, is] = [await runModel(model, feeds, 'disabled'), await runModel(after, feeds, 'disabled')];
  expect(Object.keys(is)).toEqual(Object.keys(was));
  for (const [name, numbers] of Object.entries(was)) {
    expect(numbers.length).toBeGreaterThan(0);
    expect(largestDifference(numbers, is[name]!)).toBeLessThan(within);
  }
  return after;
}

function normalised(build: GraphBuilder, value: string, channels: number): string {
  const parts = [build.random([channels], 0.5, 2), build.random([channels]), build.random([channels])];
  return build.node('BatchNormalization', [value, ...parts, build.random([channels], 0.2, 3)]);
}

test('batch normalisation becomes part of the convolution before it, with a bias and without, dense and depthwise', async () => {
  const build = new GraphBuilder();
  let value = build.input([1, 3, 8, 8]);
  value = normalised(build, build.conv(value, { from: 3, to: 8, size: 3 }, {}, false), 8);
  value = build.node('Relu', [value]);
  value = normalised(build, build.conv(value, { from: 8, to: 8, size: 3, group: 8 }), 8);
  const model = build.output(build.node('Relu', [value]));
  expect(opsOf(await prepared(model))).toEqual(['Conv', 'Relu', 'Conv', 'Relu']);
  expect(opsOf(model)).toContain('BatchNormalization');
});

test('factors and terms of each channel become part of the convolution, and of a Gemm', async () => {
  const build = new GraphBuilder();
  let value = build.conv(build.input([2, 3, 4, 4]), { from: 3, to: 6, size: 3 });
  value = build.node('Mul', [value, build.random([6, 1, 1], 0.5, 2)]);
  value = build.node('Sub', [build.random([1, 6, 1, 1]), value]);
  value = build.node('Div', [value, build.constant([3], [])]);
  value = build.node('Flatten', [build.node('GlobalAveragePool', [value])]);
  value = build.node('Gemm', [value, build.random([5, 6]), build.random([5])], { transB: 1 });
  value = build.node('Add', [value, build.random([5])]);
  expect(opsOf(await prepared(build.output(value)))).toEqual([
    'Conv',
    'GlobalAveragePool',
    'Flatten',
    'Gemm',
  ]);
});

test('what is used twice, along another axis or as an output is not folded', async () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 3, 6, 6]), { from: 3, to: 6 });
  const wide = build.node('Mul', [first, build.random([6, 1])]);
  const second = build.conv(wide, { from: 6, to: 6 });
  const scaled = build.node('Mul', [second, build.random([6, 1, 1])]);
  const sum = build.node('Add', [scaled, second]);
  const third = build.conv(sum, { from: 6, to: 6 });
  const model = build.output(third, normalised(build, third, 6));
  const after = await prepared(model);
  expect(opsOf(after)).toEqual(['Conv', 'Mul', 'Conv', 'Mul', 'Add', 'Conv', 'Conv']);
  // Batch normalisation by itself is a convolution of one pixel for each channel.
  expect(after.graph.nodes.at(-1)!.attributes.get('group')).toEqual({ kind: 'int', value: 6 });
});

test('Constant, Identity and Dropout nodes go, forms of constants are made once, every node has a name', async () => {
  const build = new GraphBuilder();
  const input = build.node('Identity', [build.input([1, 4, 5, 5])]);
  const weights = build.node('Transpose', [build.random([1, 1, 4, 6])], { perm: [3, 2, 0, 1] });
  const bias = build.node('Squeeze', [build.random([6, 1]), build.constant([1], [1], 'int64')]);
  let value = build.node('Conv', [input, weights, bias]);
  value = build.node('Dropout', [value]);
  value = build.node('Reshape', [value, build.constant([1, -1], [2], 'int64')]);
  const model = build.output(build.node('Identity', [value]));
  for (const node of model.graph.nodes) node.name = '';
  const after = await prepared(model);
  expect(opsOf(after)).toEqual(['Conv', 'Reshape']);
  expect(new Set(after.graph.nodes.map(({ name }) => name).filter((name) => name !== '')).size).toBe(2);
});

test('Min and Max are Clip or Relu, zeros around a picture are padding of the convolution, means over a picture are pooling', async () => {
  const build = new GraphBuilder();
  let value = build.input([1, 3, 9, 9]);
  value = build.node('Pad', [value, build.constant([0, 0, 0, 0, 0, 0, 1, 1], [8], 'int64')]);
  value = build.conv(value, { from: 3, to: 5, size: 3 }, { pads: [0, 0, 0, 0], strides: [2, 2] });
  value = build.node('Min', [
    build.node('Max', [value, build.constant([0], [])]),
    build.constant([0.4], [1]),
  ]);
  value = build.node('Max', [build.conv(value, { from: 5, to: 5 }), build.constant([0], [])]);
  value = build.node('ReduceMean', [value], { axes: [2, 3], keepdims: 0 });
  value = build.node('MatMul', [value, build.random([5, 4])]);
  const model = build.output(build.node('Add', [value, build.random([4])]));
  const after = await prepared(model);
  expect(opsOf(after)).toEqual(['Conv', 'Clip', 'Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm']);
  expect(nodeOf(after, 'Conv').attributes.get('pads')).toEqual({ kind: 'ints', value: [0, 0, 1, 1] });
});

test('HardSigmoid and HardSwish of several nodes become one and two; a single pixel is grown without weights', async () => {
  const build = new GraphBuilder();
  const six = build.constant([6], []);
  const clipped = (value: string): string => {
    const shifted = build.node('Add', [value, build.constant([3], [])]);
    return build.node('Clip', [shifted, build.constant([0], []), six]);
  };
  const first = build.conv(build.input([1, 3, 6, 6]), { from: 3, to: 8 });
  const hard = build.node('Div', [build.node('Mul', [first, clipped(first)]), six]);
  const pooled = build.conv(build.node('GlobalAveragePool', [hard]), { from: 8, to: 8 });
  const gate = build.node('Mul', [clipped(pooled), build.constant([1 / 6], [])]);
  const grown = build.node('Resize', [gate, '', '', build.constant([1, 8, 6, 6], [4], 'int64')], {
    mode: 'linear',
  });
  const model = build.output(build.node('Mul', [hard, grown]));
  const after = await prepared(model);
  expect(opsOf(after)).toEqual([
    ...['Conv', 'HardSigmoid', 'Mul', 'GlobalAveragePool', 'Conv', 'HardSigmoid', 'Resize', 'Mul'],
  ]);
  expect(nodeOf(after, 'Resize').attributes.get('mode')).toEqual({ kind: 'string', value: 'nearest' });
});

test('forms that a value has already are not made again, and what they kept apart is folded', async () => {
  const build = new GraphBuilder();
  let value = build.conv(
    build.input([1, 3, 4, 4]),
    { from: 3, to: 8, size: 4 },
    { pads: [0, 0, 0, 0] },
    false,
  );
  value = build.node('Reshape', [value, build.constant([-1, 8, 1, 1], [4], 'int64')]);
  value = normalised(build, value, 8);
  value = build.node('Resize', [value, '', '', build.constant([1, 8, 1, 1], [4], 'int64')], {
    mode: 'linear',
  });
  value = build.node('Relu', [build.conv(value, { from: 8, to: 8, size: 3 }, { pads: [3, 3, 3, 3] })]);
  const after = await prepared(build.output(build.conv(value, { from: 8, to: 4 })));
  expect(opsOf(after)).toEqual(['Conv', 'Conv', 'Relu', 'Conv']);
});

test('a graph of operator set 9 computes the same in set 13', async () => {
  const build = new GraphBuilder({ opset: 9 });
  let value = build.input([1, 4, 6, 6]);
  value = build.node('Pad', [value], { pads: [0, 0, 1, 1, 0, 0, 0, 0], value: { float: 0.5 } });
  value = build.node('Clip', [build.conv(value, { from: 4, to: 4 })], {
    min: { float: 0 },
    max: { float: 6 },
  });
  value = build.node('Upsample', [value, build.constant([1, 1, 2, 2])], { mode: 'nearest' });
  value = build.node('Slice', [value], { starts: [0, 1], ends: [4, 9], axes: [1, 2] });
  value = build.node('Softmax', [value], { axis: 1 });
  value = build.node('Unsqueeze', [value], { axes: [0] });
  value = build.node('Squeeze', [value], { axes: [0] });
  value = build.node('ReduceSum', [build.node('Dropout', [value], { ratio: { float: 0.3 } })], {
    axes: [1],
    keepdims: 0,
  });
  const model = build.output(value);
  const after = await prepared(model, 1e-6);
  expect(after.opsets.get('')).toBe(13);
  expect(model.opsets.get('')).toBe(9);
});

test.each([0.5, 0.7, 1.3, 2])(
  'the nearest pixels of operator set 10, %f times as many, are the same in set 13',
  async (scale) => {
    const build = new GraphBuilder({ opset: 10 });
    const first = build.conv(build.input([1, 3, 10, 10]), { from: 3, to: 4 });
    const model = build.output(
      build.node('Resize', [first, build.constant([1, 1, scale, scale])], { mode: 'nearest' }),
    );
    expect((await prepared(model)).opsets.get('')).toBe(13);
  },
);

test('a graph of set 10 whose nearest pixels grow one side and shrink another is refused', () => {
  const build = new GraphBuilder({ opset: 10 });
  const scales = build.constant([1, 1, 2, 0.5]);
  const model = build.output(build.node('Resize', [build.input([1, 3, 8, 8]), scales], { mode: 'nearest' }));
  expect(() => prepare(model)).toThrow('grows one side, shrinks another');
});

test('a graph older than operator set 7 is refused with what to do', () => {
  const build = new GraphBuilder({ opset: 6 });
  const model = build.output(build.node('Relu', [build.input([1])]));
  expect(() => prepare(model)).toThrow('operator set 6 of ONNX (limit 7): export it again with a newer one');
});

test('a graph converted operator by operator from pixels to planes loses its turns, and nothing else', async () => {
  const build = new GraphBuilder();
  const pixels = (value: string): string => build.node('Transpose', [value], { perm: [0, 2, 3, 1] });
  const planes = (value: string): string => build.node('Transpose', [value], { perm: [0, 3, 1, 2] });
  const ints = (...numbers: readonly number[]): string => build.constant(numbers, [numbers.length], 'int64');
  const first = pixels(build.conv(build.input([1, 3, 10, 8]), { from: 3, to: 6, size: 3 }));
  const scaled = build.node('Add', [
    build.node('Mul', [first, build.random([6])]),
    build.random([1, 1, 1, 6]),
  ]);
  const active = build.node('Clip', [scaled, build.constant([0], []), build.constant([1.5], [])]);
  const padded = build.node('Pad', [active, ints(0, 0, 1, 0, 0, 1, 0, 0)]);
  const deep = pixels(build.conv(planes(padded), { from: 6, to: 6, size: 3, group: 6 }, { strides: [2, 2] }));
  const gate = build.node('ReduceMean', [deep], { axes: [1, 2] });
  const squeezed = build.node('Sigmoid', [pixels(build.conv(planes(gate), { from: 6, to: 6 }))]);
  const joined = build.node('Concat', [build.node('Mul', [deep, squeezed]), build.node('Relu', [deep])], {
    axis: 3,
  });
  const sizes = ints(1, 12, 10, 12);
  const grown = build.node('Resize', [joined, '', '', sizes], { mode: 'nearest', nearest_mode: 'floor' });
  const last = pixels(build.conv(planes(grown), { from: 12, to: 5 }));
  const mean = build.node('ReduceMean', [last], { axes: [1, 2], keepdims: 0 });
  const single = build.node('Squeeze', [build.node('ReduceMax', [last], { axes: [1, -2] }), ints(1, 2)]);
  const after = await prepared(build.output(build.node('Add', [mean, single]), build.node('Tanh', [last])));
  expect(opsOf(after).sort()).toEqual([
    ...[
      'Add',
      'Clip',
      'Concat',
      'Conv',
      'Conv',
      'Conv',
      'Conv',
      'Flatten',
      'GlobalAveragePool',
      'GlobalAveragePool',
    ],
    ...['Mul', 'ReduceMax', 'Relu', 'Resize', 'Sigmoid', 'Squeeze', 'Tanh', 'Transpose'],
  ]);
});

test('a turn that only one side of an operator has, or of other axes, stays', async () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 4, 4, 4]), { from: 4, to: 4 });
  const turned = build.node('Transpose', [first], { perm: [0, 2, 3, 1] });
  const mixed = build.node('Add', [turned, first]);
  const other = build.node('Relu', [build.node('Transpose', [mixed], { perm: [0, 2, 1, 3] })]);
  const shaped = build.node('Reshape', [build.node('Relu', [turned]), build.constant([1, -1], [2], 'int64')]);
  const after = await prepared(build.output(other, shaped));
  expect(opsOf(after).filter((op) => op === 'Transpose').length).toBe(3);
});

test('bounds of whole numbers stay as they are', async () => {
  const build = new GraphBuilder();
  const best = build.node('ArgMax', [build.conv(build.input([1, 3, 8, 8]), { from: 3, to: 4 })], { axis: 1 });
  const bounds = [build.constant([1], [], 'int64'), build.constant([2], [], 'int64')];
  const model = build.output(build.node('Cast', [build.node('Clip', [best, ...bounds])], { to: 1 }));
  const after = await prepared(model);
  expect(nodeOf(after, 'Clip').inputs.slice(1)).toEqual(bounds);
});

test('weights of bfloat16 become the floats that they are', async () => {
  const build = new GraphBuilder();
  const floats = Float32Array.from({ length: 12 }, (_, at) => (at - 6) / 8);
  const bits = Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16);
  build.model.graph.initializers.set('w', makeTensor('w', 'bfloat16', [4, 3, 1, 1], bits));
  const input = build.input([1, 3, 8, 8]);
  const weights = build.node('Cast', ['w'], { to: 1 });
  const after = await prepared(build.output(build.node('Conv', [input, weights], { kernel_shape: [1, 1] })));
  expect(opsOf(after)).toEqual(['Conv']);
});

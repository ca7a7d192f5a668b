// Shapes told from the graph alone are those that ONNX Runtime's values have.
import { expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { shapesOf } from '../../daemon/models/shapes.ts';
import { GraphBuilder, randomFeeds } from '../support/graphs.ts';

test('every value of a graph with one of each operator has the shape that was told', async () => {
  const build = new GraphBuilder();
  const ints = (...numbers: readonly number[]): string => build.constant(numbers, [numbers.length], 'int64');
  const input = build.input([1, 3, 13, 11]);
  const strided = build.conv(input, { from: 3, to: 8, size: 3 }, { strides: [2, 2], dilations: [1, 2] });
  const sameUpper = build.node('Conv', [input, build.random([4, 3, 3, 3])], {
    auto_pad: 'SAME_UPPER',
    strides: [2, 2],
  });
  const valid = build.node('Conv', [input, build.random([4, 3, 3, 3])], { auto_pad: 'VALID' });
  const pooled = build.node('MaxPool', [strided], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 });
  const mean = build.node('AveragePool', [strided], { kernel_shape: [2, 2], pads: [1, 0, 0, 1] });
  const global = build.node('GlobalAveragePool', [pooled]);
  const gated = build.node('Mul', [strided, build.random([8, 1, 1])]);
  const channel = build.node('Add', [build.random([1, 1, 1]), global]);
  const turned = build.node('Transpose', [pooled], { perm: [0, 2, 3, 1] });
  const reversed = build.node('Transpose', [pooled]);
  const flat = build.node('Flatten', [channel]);
  const shaped = build.node('Reshape', [strided, ints(0, 2, -1)]);
  const joined = build.node('Concat', [strided, gated, strided], { axis: -3 });
  const padded = build.node('Pad', [joined, ints(0, 0, 1, 2, 0, 0, 3, 4)]);
  const grown = build.node('Resize', [padded, '', build.constant([1, 1, 2, 1.5])]);
  const sized = build.node('Resize', [padded, '', '', ints(1, 24, 5, 5)]);
  const meanKept = build.node('ReduceMean', [turned], { axes: [1, -2] });
  const meanGone = build.node('ReduceMean', [turned], { axes: [1, 2], keepdims: 0 });
  const logits = build.node('Gemm', [flat, build.random([5, 8]), build.random([5])], { transB: 1 });
  const product = build.node('MatMul', [flat, build.random([8, 6])]);
  const soft = build.node('Softmax', [build.node('Clip', [logits])]);
  const values = [
    strided,
    sameUpper,
    valid,
    pooled,
    mean,
    global,
    gated,
    channel,
    turned,
    reversed,
    flat,
    shaped,
  ];
  values.push(joined, padded, grown, sized, meanKept, meanGone, logits, product, soft);
  const model = build.output(...values);
  const session = await openGraph(encodeModel(model));
  const results = await session.run(randomFeeds(model));
  await session.release();
  const shapes = shapesOf(model.graph);
  for (const value of values) expect(shapes.get(value), value).toEqual(results[value]!.dims);
});

test('what is not known stays open, and what follows all the same is told', () => {
  const build = new GraphBuilder();
  const unknown = build.node('NonZero', [build.input([2, 2])]);
  const conv = build.conv(unknown, { from: 3, to: 8 });
  const shaped = build.node('Reshape', [unknown, build.constant([-1, 24, 1, 1], [4], 'int64')]);
  const again = build.node('Relu', [build.conv(shaped, { from: 24, to: 6 })]);
  const shapes = shapesOf(build.output(conv, again).graph);
  expect(shapes.get(unknown)).toBeUndefined();
  expect(shapes.get(conv)).toEqual([undefined, 8, undefined, undefined]);
  expect(shapes.get(shaped)).toEqual([undefined, 24, 1, 1]);
  expect(shapes.get(again)).toEqual([undefined, 6, 1, 1]);
});

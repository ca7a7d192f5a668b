// Balanced channels and corrected biases: the same float numbers in ONNX Runtime, and a mean that rounding no longer shifts.
import { expect, test } from 'vitest';
import { correctBiases, valuesToAverage, weightErrorMeans } from '../../daemon/models/bias-correction.ts';
import { equalise } from '../../daemon/models/equalise.ts';
import { prepare } from '../../daemon/models/fold.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { layoutOf, quantizeWeights } from '../../daemon/models/qdq-params.ts';
import { makeTensor, type Tensor, tensorValues } from '../../daemon/models/tensor.ts';
import { GraphBuilder, largestDifference, nodeOf, opsOf, randomFeeds, runModel } from '../support/graphs.ts';

function weightsOf({ graph }: OnnxModel, nth: number): Tensor {
  const convolutions = graph.nodes.filter(({ opType }) => opType === 'Conv');
  return graph.initializers.get(convolutions[nth]!.inputs[1]!)!;
}

/** Largest weight of each output channel. */
function largestOf(tensor: Tensor): number[] {
  const values = tensorValues(tensor, 'float32');
  const perOutput = values.length / tensor.dims[0]!;
  return Array.from({ length: tensor.dims[0]! }, (_, at) =>
    Math.max(...values.subarray(at * perOutput, (at + 1) * perOutput).map(Math.abs)),
  );
}

/** Makes the channels of a convolution's output differ by up to 30 times. */
function unbalance(model: OnnxModel, nth: number): void {
  const tensor = weightsOf(model, nth);
  const perOutput = tensor.raw.length / 4 / tensor.dims[0]!;
  const values = tensorValues(tensor, 'float32').map(
    (value, at) => value * (1 + 30 * ((Math.floor(at / perOutput) * 7) % 5)),
  );
  model.graph.initializers.set(tensor.name, makeTensor(tensor.name, 'float32', tensor.dims, values));
}

test('a chain of pointwise, depthwise and pointwise convolution is balanced and computes the same', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 4, 6, 6]), { from: 4, to: 12 })]);
  const deep = build.node('Relu', [build.conv(first, { from: 12, to: 12, size: 3, group: 12 }, {}, false)]);
  const grouped = build.conv(deep, { from: 12, to: 8, group: 2 });
  const model = build.output(build.conv(grouped, { from: 8, to: 5 }));
  unbalance(model, 0);
  const { model: balanced, pairs, skipped } = equalise(prepare(model));
  expect(pairs.length).toBe(3);
  expect(skipped).toEqual([]);
  const feeds = randomFeeds(model);
  const [was, is] = [await runModel(model, feeds), await runModel(balanced, feeds)].map(
    (all) => Object.values(all)[0]!,
  );
  expect(largestDifference(was!, is!)).toBeLessThan(1e-4 * Math.max(...was!.map(Math.abs)));
  // Both sides of a depthwise convolution have the same largest weight in each channel.
  const [made, used] = [largestOf(weightsOf(balanced, 0)), largestOf(weightsOf(balanced, 1))];
  for (const [channel, size] of made.entries()) expect(size / used[channel]!).toBeCloseTo(1, 1);
});

test('a Clip that reaches its bound stands in the way; one that never does becomes Relu', async () => {
  const build = new GraphBuilder();
  const bounds = [build.constant([0], []), build.constant([6], [])];
  const first = build.node('Clip', [build.conv(build.input([1, 4, 6, 6]), { from: 4, to: 8 }), ...bounds]);
  const second = build.node('Clip', [build.conv(first, { from: 8, to: 8 }), ...bounds]);
  const model = prepare(build.output(build.conv(second, { from: 8, to: 4 })));
  const ranges = new Map([
    [first, { min: 0, max: 5.9 }],
    [second, { min: 0, max: 6 }],
  ]);
  const { model: balanced, pairs, skipped } = equalise(model, ranges);
  const names = model.graph.nodes.filter(({ opType }) => opType === 'Conv').map(({ name }) => name);
  expect(pairs).toEqual([[names[0], names[1]]]);
  expect(skipped).toEqual([{ name: names[1], reason: `Clip to 0..6 stands before '${names[2]}'` }]);
  expect(opsOf(balanced)).toEqual(['Conv', 'Relu', 'Conv', 'Clip', 'Conv']);
  const feeds = randomFeeds(model);
  const [was, is] = [await runModel(model, feeds), await runModel(balanced, feeds)].map(
    (all) => Object.values(all)[0]!,
  );
  expect(largestDifference(was!, is!)).toBeLessThan(1e-5);
});

test('a value that is used twice or is an output is not balanced', () => {
  const build = new GraphBuilder();
  const first = build.conv(build.input([1, 4, 6, 6]), { from: 4, to: 8 });
  const second = build.conv(build.node('Relu', [first]), { from: 8, to: 8 });
  const model = build.output(build.node('Add', [second, build.conv(second, { from: 8, to: 8 })]), first);
  expect(equalise(prepare(model)).pairs).toEqual([]);
});

test('biases take back what rounded weights shift the mean by', async () => {
  const build = new GraphBuilder();
  const first = build.node('Relu', [build.conv(build.input([1, 3, 16, 16]), { from: 3, to: 8 })]);
  const deep = build.conv(first, { from: 8, to: 8, size: 3, group: 8 }, { pads: [0, 0, 0, 0] }, false);
  const model = prepare(build.output(deep, first));
  // Weights that lose much when they are rounded: one large value in each channel, the others of a few steps.
  const tensor = weightsOf(model, 1);
  const values = tensorValues(tensor, 'float32').map((value, at) => (at % 9 === 4 ? 127 : 2.4 + 0.2 * value));
  model.graph.initializers.set(tensor.name, makeTensor(tensor.name, 'float32', tensor.dims, values));
  const rounded: OnnxModel = {
    ...model,
    graph: { ...model.graph, initializers: new Map(model.graph.initializers) },
  };
  const { values: integers, scales } = quantizeWeights(values, layoutOf(tensor.dims, 0), {
    neighbours: 'none',
  });
  const back = Float32Array.from(integers, (value, at) => value * scales[Math.floor(at / 9)]!);
  rounded.graph.initializers.set(tensor.name, makeTensor(tensor.name, 'float32', tensor.dims, back));

  const feeds = randomFeeds(model);
  const was = await runModel(model, feeds);
  const inputMeans = new Map([[first, channelMeans(was[first]!, 8)]]);
  expect(valuesToAverage(model)).toEqual(['x', first]);
  const errors = weightErrorMeans(model, inputMeans);
  expect([...errors.keys()]).toEqual([
    nodeOf({ graph: { ...model.graph, nodes: model.graph.nodes.slice(2) } }, 'Conv').name,
  ]);
  const shift = (outputs: Record<string, number[]>): number =>
    largestDifference(channelMeans(outputs[deep]!, 8), channelMeans(was[deep]!, 8));
  const [before, after] = [
    shift(await runModel(rounded, feeds)),
    shift(await runModel(correctBiases(rounded, errors), feeds)),
  ];
  expect(before).toBeGreaterThan(1);
  // What is left: the mean of the input over a window is not that over the whole picture.
  expect(after).toBeLessThan(before / 8);
});

function channelMeans(numbers: readonly number[], channels: number): number[] {
  const size = numbers.length / channels;
  return Array.from({ length: channels }, (_, at) =>
    numbers.slice(at * size, (at + 1) * size).reduce((sum, value) => sum + value / size, 0),
  );
}

test('errors that are not one for each channel are refused', () => {
  const build = new GraphBuilder();
  const model = build.output(build.conv(build.input([1, 3, 4, 4]), { from: 3, to: 8 }));
  const { name } = nodeOf(model, 'Conv');
  expect(() => correctBiases(model, new Map([[name, [0, 0]]]))).toThrow(
    `'${name}' has 8 channels, 2 errors are given`,
  );
});

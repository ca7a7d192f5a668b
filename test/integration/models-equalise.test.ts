// Balanced channels: the same float numbers in ONNX Runtime, and values between two convolutions that use all steps of their scale.
import { expect, test } from 'vitest';
import { equalise, valuesBetween } from '../../daemon/models/equalise.ts';
import { prepare } from '../../daemon/models/fold.ts';
import { intOf } from '../../daemon/models/graph.ts';
import type { Node, OnnxModel } from '../../daemon/models/onnx.ts';
import { makeTensor, type Tensor, tensorValues } from '../../daemon/models/tensor.ts';
import { GraphBuilder, largestDifference, opsOf, randomFeeds, runModel } from '../support/graphs.ts';

function weightsOf({ graph }: OnnxModel, nth: number): Tensor {
  const convolutions = graph.nodes.filter(({ opType }) => opType === 'Conv');
  return graph.initializers.get(convolutions[nth]!.inputs[1]!)!;
}

/** The largest size of each channel of values inside a model, of one picture. */
async function peaksOf(model: OnnxModel, values: readonly string[]): Promise<Map<string, number[]>> {
  const open = {
    ...model,
    graph: {
      ...model.graph,
      outputs: values.map((name) => ({ name, type: 'float32' as const, dims: undefined })),
    },
  };
  const found = await runModel(open, randomFeeds(model));
  return new Map(
    values.map((name, at) => {
      const consumer = model.graph.nodes.find(({ inputs }) => inputs[0] === values[at])!;
      const channels = weightsOfNode(model, consumer);
      const size = found[name]!.length / channels;
      const peaks = Array.from({ length: channels }, (_, channel) =>
        Math.max(...found[name]!.slice(channel * size, (channel + 1) * size).map(Math.abs)),
      );
      return [name, peaks];
    }),
  );
}

/** Input channels of a convolution. */
function weightsOfNode({ graph }: OnnxModel, node: Node): number {
  return graph.initializers.get(node.inputs[1]!)!.dims[1]! * intOf(node, 'group', 1);
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
  const model = prepare(build.output(build.conv(grouped, { from: 8, to: 5 })));
  unbalance(model, 0);
  const values = valuesBetween(model, new Map());
  expect(values).toEqual([first, deep, grouped]);
  const peaks = await peaksOf(model, values);
  const { model: balanced, pairs, skipped } = equalise(model, { peaks });
  expect(pairs.length).toBe(3);
  expect(skipped).toEqual([]);
  const feeds = randomFeeds(model);
  const [was, is] = [await runModel(model, feeds), await runModel(balanced, feeds)].map(
    (all) => Object.values(all)[0]!,
  );
  expect(largestDifference(was!, is!)).toBeLessThan(1e-4 * Math.max(...was!.map(Math.abs)));
  const spread = (numbers: readonly number[]): number => Math.max(...numbers) / Math.min(...numbers);
  const after = await peaksOf(balanced, values);
  expect(spread(peaks.get(first)!)).toBeGreaterThan(10);
  // A depthwise convolution has a scale for each channel: all of them reach the same before it.
  expect(spread(after.get(first)!)).toBeCloseTo(1, 3);
  // Before weights that share a scale they come nearer to each other.
  expect(spread(after.get(deep)!)).toBeLessThan(spread(peaks.get(deep)!));
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
  const peaks = await peaksOf(model, valuesBetween(model, ranges));
  const { model: balanced, pairs, skipped } = equalise(model, { peaks, ranges });
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
  expect(valuesBetween(prepare(model), new Map())).toEqual([]);
});

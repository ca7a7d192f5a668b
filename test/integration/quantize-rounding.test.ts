// Rounded weights on their way into a quantized graph: which are rounded, and that the integers arrive as they were chosen.
import { expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { prepare } from '../../daemon/models/fold.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import { type KeptRounding, roundLayers, withRounding } from '../../daemon/models/quantize-rounding.ts';
import { tensorValues } from '../../daemon/models/tensor.ts';
import { GraphBuilder, measureRanges, randomFeeds } from '../support/graphs.ts';

/** A picture divided by these in each colour, a stem, a depthwise and a pointwise convolution, a head. */
function pictureModel(divisors: readonly [number, number, number]): OnnxModel {
  const build = new GraphBuilder();
  const planes = build.node('Transpose', [build.input([1, 16, 16, 3], 'uint8')], { perm: [0, 3, 1, 2] });
  const pixels = build.node('Cast', [planes], { to: 1 });
  const scaled = build.node('Div', [pixels, build.constant(divisors, [1, 3, 1, 1])]);
  const stem = build.node('Relu', [build.conv(scaled, { from: 3, to: 16, size: 3 }, { strides: [2, 2] })]);
  const deep = build.node('Relu', [build.conv(stem, { from: 16, to: 16, size: 3, group: 16 })]);
  const narrow = build.conv(deep, { from: 16, to: 8 });
  return prepare(build.output(build.conv(narrow, { from: 8, to: 4 })));
}

function rounded(model: OnnxModel): Promise<KeptRounding> {
  const feeds = { count: 4, at: (index: number) => randomFeeds(model, 40 + index) };
  const signal = new AbortController().signal;
  return roundLayers({ model, feeds, open: openGraph, threads: 1, signal, onProgress: () => undefined });
}

function convolutionsOf({ graph }: OnnxModel): string[] {
  return graph.nodes.filter(({ opType }) => opType === 'Conv').map(({ name }) => name);
}

test('all are rounded but the head, and the integers are written as they are, in the fast form too', async () => {
  const model = pictureModel([255, 255, 255]);
  const [stem, deep, narrow, head] = convolutionsOf(model);
  const kept = await rounded(model);
  expect(Object.keys(kept)).toEqual([stem, deep, narrow]);
  const { model: source, scales } = withRounding(model, kept, new Set([head!]));
  const ranges = await measureRanges(model);
  for (const fast of [false, true]) {
    const written = quantizeGraph(source, { ranges, keepFloat: new Set([head!]), scales, fast }).model;
    const tensors = [...written.graph.initializers.values()].filter(({ type }) => type === 'int8');
    const found = tensors.map((tensor) => [...tensorValues(tensor, 'int8')].join());
    for (const name of [deep!, narrow!]) {
      expect(found).toContain([...new Int8Array(Buffer.from(kept[name]!.integers, 'base64'))].join());
    }
    // The widened stem has them twice, between zeros, and their scales twice.
    const steps = scales.get(stem!)!;
    const floats = [...written.graph.initializers.values()].filter(({ type }) => type === 'float32');
    expect(floats.map((tensor) => [...tensorValues(tensor, 'float32')])).toContainEqual(
      fast ? [...steps, ...steps] : [...steps],
    );
    const integers = new Int8Array(Buffer.from(kept[stem!]!.integers, 'base64'));
    const sorted = [...(fast ? [...integers, ...integers] : integers)].filter((value) => value !== 0).sort();
    expect(
      tensors.map((tensor) => [...tensorValues(tensor, 'int8')].filter((value) => value !== 0).sort()),
    ).toContainEqual(sorted);
  }
});

test('a first convolution that gets other weights for reading pixels is left to the writer; one in float keeps its own', async () => {
  const model = pictureModel([58, 57, 61]);
  const [, deep, narrow, head] = convolutionsOf(model);
  const kept = await rounded(model);
  expect(Object.keys(kept)).toEqual([deep, narrow]);
  const { model: source, scales } = withRounding(model, kept, new Set([head!, deep!]));
  expect([...scales.keys()]).toEqual([narrow]);
  const weightsOf = ({ graph }: OnnxModel) => graph.nodes.find(({ name }) => name === deep)!.inputs[1];
  expect(weightsOf(source)).toBe(weightsOf(model));
});

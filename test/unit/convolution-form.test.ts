// What a convolution reads: patches times weights are what the runtime computes, whatever strides, dilations, groups and padding.
import { expect, test } from 'vitest';
import { convolutionForm, patchesOf } from '../../daemon/models/convolution-form.ts';
import { linearWeights } from '../../daemon/models/linear-weights.ts';
import { tensorValues } from '../../daemon/models/tensor.ts';
import { type AttributeValue, GraphBuilder, nodeOf, randomFeeds, runModel } from '../support/graphs.ts';

const CASES: readonly (readonly [
  string,
  Parameters<GraphBuilder['conv']>[1],
  Record<string, AttributeValue>,
])[] = [
  ['of one place', { from: 4, to: 3 }, {}],
  ['of 3x3, padded', { from: 2, to: 3, size: 3 }, {}],
  [
    'of every second pixel, padded on one side',
    { from: 2, to: 3, size: 3 },
    { strides: [2, 2], pads: [0, 0, 1, 1] },
  ],
  ['with holes', { from: 2, to: 3, size: 3 }, { dilations: [2, 2], pads: [2, 2, 2, 2] }],
  ['depthwise', { from: 4, to: 4, size: 3, group: 4 }, { strides: [1, 2] }],
  ['padded to its size', { from: 2, to: 3, size: 3 }, { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  [
    'padded to its size, above first',
    { from: 2, to: 3, size: 4 },
    { auto_pad: 'SAME_LOWER', strides: [2, 1] },
  ],
  ['in groups, unpadded', { from: 4, to: 6, size: 3, group: 2 }, { auto_pad: 'VALID' }],
];

test.each(CASES)('a convolution %s', async (_, shape, attributes) => {
  const build = new GraphBuilder();
  const output = build.conv(build.input([1, shape.from, 7, 9]), shape, attributes, false);
  const model = build.output(output);
  const node = nodeOf(model, 'Conv');
  if (node.attributes.has('auto_pad')) node.attributes.delete('pads');
  const feeds = randomFeeds(model);
  const expected = (await runModel(model, feeds))[output]!;
  const form = convolutionForm(node, model.graph)!;
  const patches = patchesOf(form, feeds['x']!.data as Float32Array, [7, 9], { count: 1000, turn: 0 });
  const weights = tensorValues(linearWeights(node, model.graph)!.tensor, 'float32');
  const inner = weights.length / shape.to;
  const found = Array.from({ length: shape.to }, (_unused, channel) => {
    const group = Math.floor((channel * form.groups) / shape.to);
    const rows = patches.gather(group * form.channels, form.channels);
    return Array.from({ length: patches.count }, (_place, place) => {
      let sum = 0;
      for (let i = 0; i < inner; i += 1)
        sum += weights[channel * inner + i]! * rows[i * patches.count + place]!;
      return sum;
    });
  }).flat();
  expect(found.length).toBe(expected.length);
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(expected[at]!, 4);
});

test('of many places so many are looked at, spread over the picture, and others the next time', () => {
  const build = new GraphBuilder();
  const model = build.output(build.conv(build.input([1, 1, 40, 40]), { from: 1, to: 1 }));
  const form = convolutionForm(nodeOf(model, 'Conv'), model.graph)!;
  const values = Float32Array.from({ length: 1600 }, (_, at) => at);
  const seen = [0, 1].map((turn) => patchesOf(form, values, [40, 40], { count: 64, turn }).gather(0, 1));
  for (const places of seen) {
    expect(new Set(places).size).toBe(64);
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const inside = places.filter((at) => at >= quarter * 400 && at < (quarter + 1) * 400).length;
      expect(inside).toBeGreaterThan(12);
    }
  }
  expect(seen[1]!.filter((at) => seen[0]!.includes(at)).length).toBeLessThan(16);
});

test('what is no convolution of pictures has no form', () => {
  const build = new GraphBuilder();
  const line = build.node('Conv', [build.input([1, 2, 5]), build.random([2, 2, 3])], { kernel_shape: [3] });
  const model = build.output(build.node('Relu', [line]));
  for (const node of model.graph.nodes) expect(convolutionForm(node, model.graph)).toBeUndefined();
});

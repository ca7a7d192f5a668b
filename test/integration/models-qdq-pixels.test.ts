// Pictures of uint8: the normalisation is part of the first convolution, which reads the pixels, and the numbers stay what they were.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepare } from '../../daemon/models/fold.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import {
  type AttributeValue,
  GraphBuilder,
  largestDifference,
  measureRanges,
  opsOf,
  optimized,
  randomFeeds,
  runModel,
} from '../support/graphs.ts';
import { tempDir } from '../support/temp-dir.ts';

type Steps = (build: GraphBuilder, value: string) => string;

const IMAGENET: Steps = (build, value) => {
  const centred = build.node('Sub', [value, build.constant([123.675, 116.28, 103.53], [1, 3, 1, 1])]);
  return build.node('Div', [centred, build.constant([58.395, 57.12, 57.375], [3, 1, 1])]);
};

/** A picture, its normalisation, a convolution of which two use the result. */
function modelOf(steps: Steps, attributes: Readonly<Record<string, AttributeValue>>, size = 3): OnnxModel {
  const build = new GraphBuilder();
  const planes = build.node('Transpose', [build.input([1, 10, 12, 3], 'uint8')], { perm: [0, 3, 1, 2] });
  const value = steps(build, build.node('Cast', [planes], { to: 1 }));
  const first = build.node('Relu', [build.conv(value, { from: 3, to: 8, size }, attributes)]);
  return build.output(build.conv(first, { from: 8, to: 4 }));
}

/** The largest difference that folding the normalisation alone makes, all convolutions in float. */
async function foldingOff(model: OnnxModel): Promise<number> {
  const float = prepare(model);
  const keepFloat = new Set(float.graph.nodes.map(({ name }) => name));
  const folded = quantizeGraph(float, { ranges: new Map(), keepFloat, storedSmall: new Set() }).model;
  expect(opsOf(folded)).not.toContain('Cast');
  const feeds = randomFeeds(model);
  return largestDifference(
    Object.values(await runModel(model, feeds))[0]!,
    Object.values(await runModel(folded, feeds))[0]!,
  );
}

/** What really runs before the first convolution. */
async function opsBefore(model: OnnxModel): Promise<string[]> {
  const float = prepare(model);
  const ranges = await measureRanges(float);
  const ops = opsOf(
    await optimized(
      quantizeGraph(float, { ranges, keepFloat: new Set() }).model,
      join(tempDir(), 'optimized.onnx'),
    ),
  );
  return ops.slice(0, ops.indexOf('QLinearConv'));
}

test('pixels times a number: the first convolution reads the picture as it is', async () => {
  const model = modelOf((build, value) => build.node('Mul', [value, build.constant([1 / 255], [])]), {
    strides: [2, 2],
  });
  expect(await foldingOff(model)).toBeLessThan(1e-5);
  expect(await opsBefore(model)).toEqual([]);
});

test('a mean that is a whole number is the zero point, and the padding is exact', async () => {
  const model = modelOf((build, value) => {
    const centred = build.node('Sub', [value, build.constant([128], [])]);
    return build.node('Mul', [centred, build.constant([1 / 64, 1 / 32, 1 / 128], [3, 1, 1])]);
  }, {});
  expect(await foldingOff(model)).toBeLessThan(1e-5);
  expect(await opsBefore(model)).toEqual([]);
});

test('a mean between two pixels shifts the padding by half a step and nothing else', async () => {
  const steps: Steps = (build, value) => {
    const scaled = build.node('Div', [value, build.constant([127.5], [])]);
    return build.node('Sub', [scaled, build.constant([1], [])]);
  };
  expect(await foldingOff(modelOf(steps, { pads: [0, 0, 0, 0] }))).toBeLessThan(1e-5);
  const off = await foldingOff(modelOf(steps, {}));
  expect(off).toBeGreaterThan(1e-5);
  expect(off).toBeLessThan((0.5 / 127.5) * 5);
  expect(await opsBefore(modelOf(steps, {}))).toEqual([]);
});

test('without padding a mean for each channel is folded exactly', async () => {
  const model = modelOf(IMAGENET, { pads: [0, 0, 0, 0] });
  expect(await foldingOff(model)).toBeLessThan(1e-5);
  expect(await opsBefore(model)).toEqual([]);
});

test('with padding a mean for each channel becomes a border of pixels, on the sides that are read', async () => {
  for (const attributes of [
    { strides: [2, 2] },
    { strides: [1, 1] },
    { auto_pad: 'SAME_UPPER', strides: [2, 2] },
  ]) {
    const model = modelOf(IMAGENET, attributes);
    if ('auto_pad' in attributes) model.graph.nodes.at(-3)!.attributes.delete('pads');
    // Half a step is 1 / 115 after the normalisation; the weights of a pixel sum up to about 5 over both convolutions.
    expect(await foldingOff(model)).toBeLessThan(5 / 115);
    const before = await opsBefore(model);
    expect(before.filter((op) => op !== 'Transpose')).toEqual(['Concat', 'Concat']);
  }
});

test('what is no normalisation of pixels stays in front of a float picture', async () => {
  const model = modelOf((build, value) => build.node('Sqrt', [value]), {});
  const float = prepare(model);
  const ranges = await measureRanges(float);
  const { model: quantized } = quantizeGraph(float, { ranges, keepFloat: new Set() });
  expect(opsOf(quantized).slice(0, 4)).toEqual(['Transpose', 'Cast', 'Sqrt', 'QuantizeLinear']);
  const feeds = randomFeeds(model, 100);
  const [was, is] = [await runModel(model, feeds), await runModel(quantized, feeds)].map(
    (all) => Object.values(all)[0]!,
  );
  expect(largestDifference(was!, is!)).toBeLessThan(0.03 * Math.max(...was!.map(Math.abs)));
});

// Forms of a quantized graph that are faster and give the same numbers: channels in whole blocks, and a first convolution that makes
// two pixels at once.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepare } from '../../daemon/models/fold.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import {
  type AttributeValue,
  GraphBuilder,
  measureRanges,
  optimized,
  randomFeeds,
  runModel,
} from '../support/graphs.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

interface Form {
  readonly width?: number;
  readonly hidden?: number;
  readonly first?: Attributes;
  readonly isTapped?: boolean;
}

/** A picture, the first convolution, one inverted residual, a head. */
function modelOf({ width = 16, hidden = 24, first = {}, isTapped = false }: Form): OnnxModel {
  const build = new GraphBuilder();
  const perm = [0, 3, 1, 2];
  const planes = build.node('Transpose', [build.input([1, 12, width, 3], 'uint8')], { perm });
  const pixels = build.node('Mul', [build.node('Cast', [planes], { to: 1 }), build.constant([1 / 255], [])]);
  const stem = build.node('Relu', [
    build.conv(pixels, { from: 3, to: 8, size: 3 }, { strides: [2, 2], ...first }),
  ]);
  const wide = build.node('Relu', [build.conv(stem, { from: 8, to: hidden })]);
  const deep = build.node('Relu', [build.conv(wide, { from: hidden, to: hidden, size: 3, group: hidden })]);
  const tapped = isTapped ? build.node('Add', [deep, wide]) : deep;
  const narrow = build.node('Relu', [build.conv(tapped, { from: hidden, to: 8 })]);
  return build.output(build.conv(narrow, { from: 8, to: 4 }));
}

interface Both {
  readonly fast: OnnxModel;
  /** Dimensions of the weights of every integer convolution. */
  readonly shapes: readonly string[];
}

/** Quantizes with and without the faster forms, and expects the same numbers of both. */
async function both(source: OnnxModel): Promise<Both> {
  const float = prepare(source);
  const ranges = await measureRanges(float, [randomFeeds(float, 100), randomFeeds(float, 101)]);
  const keepFloat = new Set(headConvolutions(float));
  const plain = quantizeGraph(float, { ranges, keepFloat }).model;
  const { model: fast, report } = quantizeGraph(float, { ranges, keepFloat, fast: true });
  expect(report.floatNodes.filter(({ reason }) => reason !== 'kept')).toEqual([]);
  for (const seed of [1, 2]) {
    const feeds = randomFeeds(source, seed);
    expect(await runModel(fast, feeds)).toEqual(await runModel(plain, feeds));
  }
  const shapes = [...fast.graph.initializers.values()]
    .filter(({ type, dims }) => type === 'int8' && dims.length === 4)
    .map(({ dims }) => dims.join('x'));
  return { fast, shapes };
}

test('a hidden count that is no multiple of 16 gets channels of zeros, and every number stays', async () => {
  expect((await both(modelOf({ hidden: 28 }))).shapes).toEqual(
    expect.arrayContaining(['32x8x1x1', '32x1x3x3', '8x32x1x1']),
  );
});

test('no channels are added where they cost too much, where there are enough, or where others read them', async () => {
  for (const form of [{ hidden: 24 }, { hidden: 32 }, { hidden: 28, isTapped: true }]) {
    const { shapes } = await both(modelOf(form));
    expect(shapes).toContain(`${form.hidden}x1x3x3`);
  }
});

test('the first convolution makes two pixels at once, with padding on both sides or on one', async () => {
  for (const pads of [
    [1, 1, 1, 1],
    [0, 0, 1, 1],
    [1, 1, 0, 0],
  ]) {
    const { fast, shapes } = await both(modelOf({ first: { pads } }));
    expect(shapes).toContain('16x12x3x2');
    const runs = await optimized(fast, join(tempDir(), 'optimized.onnx'));
    // Up to the last integer convolution only forms change: nothing is turned.
    const ops = runs.graph.nodes.map(({ opType }) => opType);
    expect(ops.slice(0, ops.lastIndexOf('QLinearConv'))).not.toContain('Transpose');
  }
});

test('a first convolution of another form stays as it is', async () => {
  const forms: Form[] = [
    { width: 18 },
    { first: { strides: [1, 1] } },
    { first: { pads: [0, 0, 0, 0] } },
    { first: { dilations: [2, 2], pads: [2, 2, 2, 2] } },
  ];
  for (const form of forms) expect((await both(modelOf(form))).shapes).toContain('8x3x3x3');
});

const NANO = 'models/mobilenetv2-yolo-nano-coco-320/model.onnx';

testNeeding({ shared: [NANO] })(
  'MobileNetV2-YOLO-Nano gives the same numbers, 57 convolutions on integers still',
  async () => {
    const { fast, shapes } = await both(readOnnx(sharedPath(NANO)));
    expect(shapes.some((shape) => /x12x3x2$/.test(shape))).toBe(true);
    const runs = await optimized(fast, join(tempDir(), 'optimized.onnx'));
    expect(countConvolutions(runs)).toMatchObject({ integer: 57, float: 2 });
  },
);

// Classifiers, masks, feature extractors and detectors that suppress overlaps themselves, imported and run by the real ONNX Runtime.
import { expect, test } from 'vitest';
import { expectClose, outputsBefore } from '../support/decoding.ts';
import type { GraphBuilder } from '../support/graphs.ts';
import { bodyNet } from '../support/heads.ts';
import { importModel, numbersOf, pixelsOf } from '../support/importing.ts';

const SIDE = 32;
const PIXELS = pixelsOf(SIDE * SIDE * 3);
const TEN = { from: 'a file', names: Array.from({ length: 10 }, (_, at) => `class ${at}`) };
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
/** Planar pixels. */
const imagenet = (pixel: number, at: number): number => {
  const channel = Math.floor(at / SIDE / SIDE);
  return (pixel / 255 - MEAN[channel]!) / DEVIATION[channel]!;
};

function classifier(
  producer: string,
  classes: number,
  layout: 'nchw' | 'nhwc' = 'nchw',
): { builder: GraphBuilder; logits: string } {
  const { builder, maps } = bodyNet({ side: SIDE, sides: [4], producer, layout });
  const pooled = builder.node('Flatten', [builder.node('GlobalAveragePool', [maps[0]!.value])]);
  const logits = builder.node('Gemm', [pooled, builder.random([classes, 6]), builder.random([classes])], {
    transB: 1,
  });
  return { builder, logits };
}

test("a classifier of PyTorch takes ImageNet's mean and deviation, which the graph then does itself; its logits stay", async () => {
  const { builder, logits } = classifier('pytorch', 10);
  const model = builder.output(logits);
  const imported = await importModel(model, { labels: TEN });
  expect(imported.manifest).toMatchObject({
    task: 'classify',
    input: { type: 'uint8', layout: 'nchw', mean: [0, 0, 0], scale: [1, 1, 1] },
    decoder: { type: 'classes', activation: 'softmax' },
  });
  const [before] = await outputsBefore(model, PIXELS, imagenet);
  expectClose(numbersOf(await imported.run(PIXELS), logits), before!);
});

test('a classifier of Keras takes -1..1; its softmax is found, its 1001 classes begin with the background', async () => {
  const { builder, logits } = classifier('tf2onnx', 1001, 'nhwc');
  const model = builder.output(builder.node('Softmax', [logits], { axis: 1 }));
  const imported = await importModel(model);
  expect(imported.manifest.decoder).toMatchObject({ type: 'classes', activation: 'none' });
  expect(imported.manifest.labels.slice(0, 2)).toEqual(['background', 'tench']);
  const [before] = await outputsBefore(model, PIXELS, (pixel) => pixel / 127.5 - 1);
  const after = await imported.run(PIXELS);
  expectClose(numbersOf(after, Object.keys(after)[0]!), before!);
});

test('a graph that scales its input is given what it scales', async () => {
  const scaled = async (gain: number, bias: number): Promise<string> => {
    const builder = bodyNet({ side: SIDE, sides: [16], producer: 'unheard of' }).builder;
    const { graph } = builder.model;
    // The body was built on the input: its first convolution now takes the scaled one.
    const first = graph.nodes.find(({ opType }) => opType === 'Conv')!;
    const moved = builder.node('Add', [
      builder.node('Mul', ['given', builder.constant([gain])]),
      builder.constant([bias]),
    ]);
    first.inputs[0] = moved;
    graph.nodes.unshift(...graph.nodes.splice(-2));
    const last = graph.nodes.at(-1)!.outputs[0]!;
    const imported = await importModel(builder.output(last), { task: 'features' });
    return imported.facts.find((fact) => fact.startsWith('pixels become'))!;
  };
  expect(await scaled(1 / 127.5, -1)).toContain('floats of 0..255');
  expect(await scaled(2, -1)).toContain('become 0..1');
});

test('logits for each place become the number of the best class', async () => {
  const { builder, maps } = bodyNet({ side: SIDE, sides: [8], producer: 'pytorch' });
  const scores = builder.conv(maps[0]!.value, { from: 6, to: 21 });
  const large = builder.node('Resize', [scores, '', builder.constant([1, 1, 4, 4])], { mode: 'linear' });
  const model = builder.output(large);
  const imported = await importModel(model);
  expect(imported.manifest).toMatchObject({ task: 'segment', decoder: { type: 'mask', output: 'mask' } });
  expect(imported.manifest.labels.slice(0, 2)).toEqual(['background', 'aeroplane']);
  const [before] = await outputsBefore(model, PIXELS, imagenet);
  const best = Array.from({ length: SIDE * SIDE }, (_, place) => {
    const column = Array.from({ length: 21 }, (_unused, channel) => before![channel * SIDE * SIDE + place]!);
    return column.indexOf(Math.max(...column));
  });
  expect(numbersOf(await imported.run(PIXELS), 'mask')).toEqual(best);
});

test('a vector behind an activation, and a map, are features', async () => {
  const vector = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
  const pooled = vector.builder.node('Flatten', [
    vector.builder.node('GlobalAveragePool', [vector.maps[0]!.value]),
  ]);
  const one = await importModel(vector.builder.output(pooled));
  expect(one.manifest).toMatchObject({ task: 'features', labels: [], decoder: { type: 'features' } });
  const map = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
  const two = await importModel(map.builder.output(map.maps[0]!.value));
  expect(two.manifest.task).toBe('features');
  expect(
    numbersOf(
      await two.run(PIXELS),
      two.manifest.decoder.type === 'features' ? two.manifest.decoder.output : '',
    ),
  ).toHaveLength(6 * 16);
});

test('of a pyramid of maps the coarsest are the features', async () => {
  const { builder, maps } = bodyNet({ side: SIDE, sides: [16, 8, 4], producer: 'pytorch' });
  const imported = await importModel(builder.output(...maps.map(({ value }) => value)));
  expect(imported.manifest.task).toBe('features');
  const [features] = Object.values(await imported.run(PIXELS));
  expect(features!.dims).toEqual([1, 6, 4, 4]);
});

/** Boxes in pixels, labels and scores of a suppression inside, as torchvision's export has them, from a picture without a batch. */
function torchvisionNet(classes: number): GraphBuilder {
  const { builder, maps } = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch', rank: 3 });
  const rows = (columns: number): string => {
    const conv = builder.conv(maps[0]!.value, { from: 6, to: columns });
    return builder.node('Reshape', [
      builder.node('Transpose', [conv], { perm: [0, 2, 3, 1] }),
      builder.constant([1, 16, columns], [3], 'int64'),
    ]);
  };
  const boxes = builder.node('Mul', [builder.node('Sigmoid', [rows(4)]), builder.constant([SIDE])]);
  const scores = builder.node('Softmax', [rows(classes)], { axis: 2 });
  const turned = builder.node('Transpose', [scores], { perm: [0, 2, 1] });
  const picked = builder.node('NonMaxSuppression', [
    boxes,
    turned,
    builder.constant([100], [1], 'int64'),
    builder.constant([0.5]),
    builder.constant([0.01]),
  ]);
  const column = (at: number): string =>
    builder.node('Reshape', [
      builder.node('Gather', [picked, builder.constant([at], [1], 'int64')], { axis: 1 }),
      builder.constant([-1], [1], 'int64'),
    ]);
  const flatBoxes = builder.node('Reshape', [boxes, builder.constant([-1, 4], [2], 'int64')]);
  const [classOf, boxOf] = [column(1), column(2)];
  const both = builder.node('Add', [
    builder.node('Mul', [classOf, builder.constant([16], [1], 'int64')]),
    boxOf,
  ]);
  const flatScores = builder.node('Reshape', [turned, builder.constant([-1], [1], 'int64')]);
  builder.output(
    builder.node('Gather', [flatBoxes, boxOf]),
    classOf,
    builder.node('Gather', [flatScores, both]),
  );
  builder.model.graph.outputs[1]!.type = 'int64';
  return builder;
}

test("torchvision's boxes in pixels, labels and scores become fractions, indices and a count", async () => {
  const { model } = torchvisionNet(4);
  const imported = await importModel(model, { labels: { from: 'a file', names: ['person', 'car', 'dog'] } });
  expect(imported.manifest.decoder).toEqual({
    type: 'tf-ssd',
    boxes: 'boxes',
    classes: 'classes',
    scores: 'scores',
    count: 'count',
    classOffset: 1,
  });
  const [boxes, classes, scores] = await outputsBefore(model, PIXELS, (pixel) => pixel / 127.5 - 1);
  expect(scores!.length).toBeGreaterThan(3);
  const after = await imported.run(PIXELS);
  const expected = Array.from({ length: scores!.length }, (_, at) =>
    [1, 0, 3, 2].map((side) => boxes![at * 4 + side]! / SIDE),
  ).flat();
  expectClose(numbersOf(after, 'boxes'), expected);
  expect(numbersOf(after, 'classes')).toEqual(classes);
  expectClose(numbersOf(after, 'scores'), scores!);
  expect(numbersOf(after, 'count')).toEqual([scores!.length]);
});

test("TensorFlow's four outputs stay as they are; COCO's ids become indices of its 80 labels, ids without a class none", async () => {
  const { builder, maps } = bodyNet({
    side: SIDE,
    sides: [4],
    producer: 'tf2onnx',
    layout: 'nhwc',
    type: 'uint8',
  });
  // The numbers do not matter: 91 classes are told by the convolutions of the heads, which must be alive.
  const heads = [0, 1].map(() =>
    builder.node('ReduceMax', [builder.conv(maps[0]!.value, { from: 6, to: 273 })], { keepdims: 0 }),
  );
  const nothing = builder.node('Mul', [builder.node('Add', heads), builder.constant([0], [])]);
  const name = (value: string, output: string): void => {
    builder.model.graph.nodes.push({
      ...builder.model.graph.nodes[0]!,
      name: output,
      opType: 'Identity',
      inputs: [value],
      outputs: [output],
      attributes: new Map(),
    });
    builder.output(output);
  };
  const numbers = (values: readonly number[], dims: readonly number[]): string =>
    builder.node('Add', [builder.constant(values, dims), nothing]);
  name(numbers([2], [1]), 'num_detections');
  name(numbers([0.1, 0.2, 0.3, 0.4, 0, 0, 1, 1, 0, 0, 0, 0], [1, 3, 4]), 'detection_boxes:0');
  name(numbers([0.9, 0.5, 0], [1, 3]), 'detection_scores');
  name(numbers([90, 12, 1], [1, 3]), 'detection_classes');
  builder.model.graph.inputs[0]!.dims = [1, undefined, undefined, 3];
  const imported = await importModel(builder.model, { inputSize: { width: SIDE, height: SIDE } });
  expect(imported.manifest.labels).toHaveLength(80);
  expect(imported.manifest.decoder).toMatchObject({
    type: 'tf-ssd',
    classOffset: 0,
    boxes: 'detection_boxes:0',
  });
  const after = await imported.run(PIXELS);
  expect(numbersOf(after, 'classes')).toEqual([79, -1, 0]);
  expect(imported.manifest.labels[79]).toBe('toothbrush');
  expect(numbersOf(after, 'num_detections')).toEqual([2]);
});

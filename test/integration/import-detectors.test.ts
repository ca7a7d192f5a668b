// Detectors of every kind of head, imported and run by the real ONNX Runtime: what the new graph gives is what an independent
// decoding here makes of the outputs of the graph as it was.
import { expect, test } from 'vitest';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { corners, expectClose, outputsBefore, rowsOf, sigmoid, softmax } from '../support/decoding.ts';
import { errorOf } from '../support/errors.ts';
import { bodyNet, rawHead, rowsOfMaps } from '../support/heads.ts';
import { importModel, numbersOf, pixelsOf } from '../support/importing.ts';

const LABELS = { from: 'a file', names: ['person', 'car', 'dog'] };

const SIDE = 64;
const SIDES = [4, 2, 1, 1, 1, 1];

/** Centre x, centre y, width, height of each box, written out anew: place after place, shape after shape. */
function boxesOf(shapesOf: (map: number, scale: number, next: number) => number[][]): number[][] {
  return SIDES.flatMap((side, map) => {
    const scale = 0.2 + 0.15 * map;
    const next = map === 5 ? 1 : 0.2 + 0.15 * (map + 1);
    const all: number[][] = [];
    for (let y = 0; y < side; y += 1)
      for (let x = 0; x < side; x += 1)
        for (const [width, height] of shapesOf(map, scale, next))
          all.push([(x + 0.5) / side, (y + 0.5) / side, width!, height!]);
    return all;
  });
}

test('a raw SSD head of TensorFlow is decoded by its box coder and default boxes, its scores by a sigmoid', async () => {
  const net = bodyNet({ side: SIDE, layout: 'nhwc', sides: SIDES, producer: 'tf2onnx' });
  const anchors = [3, 6, 6, 6, 6, 6];
  const model = rawHead(net, anchors, 4);
  const imported = await importModel(model, { labels: LABELS });
  expect(imported.manifest).toMatchObject({
    task: 'detect',
    labels: LABELS.names,
    input: { type: 'uint8', layout: 'nhwc', width: SIDE, height: SIDE, resize: 'stretch' },
    decoder: { type: 'boxes-scores' },
  });
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [codes, logits] = await outputsBefore(model, pixels, (pixel) => pixel / 127.5 - 1);
  const priors = boxesOf((map, scale, next) => {
    const shape = (ratio: number): number[] => [scale * Math.sqrt(ratio), scale / Math.sqrt(ratio)];
    if (map === 0) return [[0.1, 0.1], shape(2), shape(0.5)];
    return [...[1, 2, 0.5, 3, 0.3333].map(shape), [Math.sqrt(scale * next), Math.sqrt(scale * next)]];
  });
  const boxes = rowsOf(codes!, 4).flatMap(([ty, tx, th, tw], at) => {
    const [cx, cy, w, h] = priors[at]! as [number, number, number, number];
    const [x, y] = [(tx! / 10) * w + cx, (ty! / 10) * h + cy];
    const [width, height] = [Math.exp(tw! / 5) * w, Math.exp(th! / 5) * h];
    return corners(x, y, width, height);
  });
  const scores = rowsOf(logits!, 4).flatMap((row) => row.slice(1).map(sigmoid));
  const results = await imported.run(pixels);
  expectClose(numbersOf(results, 'boxes'), boxes);
  expectClose(numbersOf(results, 'scores'), scores);
});

test('default boxes of TensorFlow that are square are so in pixels of a picture that is not', async () => {
  const [width, height] = [2 * SIDE, SIDE];
  const net = bodyNet({ side: height, width, sides: SIDES, producer: 'tf2onnx' });
  const model = rawHead(net, [3, 6, 6, 6, 6, 6], 4);
  const imported = await importModel(model, { labels: LABELS });
  expect(imported.manifest.input).toMatchObject({ width, height });
  const pixels = pixelsOf(width * height * 3);
  const [codes] = await outputsBefore(model, pixels, (pixel) => pixel / 127.5 - 1);
  const boxes = rowsOf(numbersOf(await imported.run(pixels), 'boxes'), 4);
  // What is left of the three boxes of each place of the first map when the sizes in their codes are taken away, in pixels.
  const sizes = rowsOf(codes!, 4)
    .slice(0, 8 * 4 * 3)
    .flatMap(([, , th, tw], at) => {
      const [x1, y1, x2, y2] = boxes[at]!;
      return [((x2! - x1!) * width) / Math.exp(tw! / 5), ((y2! - y1!) * height) / Math.exp(th! / 5)];
    });
  const [long, short] = [0.2 * SIDE * Math.SQRT2, (0.2 * SIDE) / Math.SQRT2];
  const shapes = [0.1 * SIDE, 0.1 * SIDE, long, short, short, long];
  expectClose(
    sizes,
    sizes.map((_, at) => shapes[at % 6]!),
  );
});

test("a raw head of torchvision's SSDLite is decoded by its coder and default boxes, its scores by a softmax", async () => {
  const net = bodyNet({ side: SIDE, sides: SIDES });
  const anchors = [6, 6, 6, 6, 6, 6];
  const model = rawHead(net, anchors, 4);
  const imported = await importModel(model, { labels: LABELS });
  expect(imported.facts.join('\n')).toContain("torchvision's (scales 0.2 to 0.95");
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [codes, logits] = await outputsBefore(model, pixels, (pixel) => pixel / 127.5 - 1);
  const priors = boxesOf((_, scale, next) => {
    const between = Math.sqrt(scale * next);
    const turned = [2, 3].flatMap((ratio) => {
      const [long, short] = [scale * Math.sqrt(ratio), scale / Math.sqrt(ratio)];
      return [
        [long, short],
        [short, long],
      ];
    });
    return [[scale, scale], [between, between], ...turned].map((pair) =>
      pair.map((size) => Math.min(1, size)),
    );
  });
  const boxes = rowsOf(codes!, 4).flatMap(([tx, ty, tw, th], at) => {
    const [cx, cy, w, h] = priors[at]! as [number, number, number, number];
    const [x, y] = [(tx! / 10) * w + cx, (ty! / 10) * h + cy];
    const cut = Math.log(1000 / 16);
    const [width, height] = [Math.exp(Math.min(cut, tw! / 5)) * w, Math.exp(Math.min(cut, th! / 5)) * h];
    return corners(x, y, width, height);
  });
  const scores = rowsOf(logits!, 4).flatMap((row) => softmax(row).slice(1));
  const results = await imported.run(pixels);
  expectClose(numbersOf(results, 'boxes'), boxes);
  expectClose(numbersOf(results, 'scores'), scores);
});

test('scores of 91 classes become those of the 80 that COCO has, by their ids', async () => {
  const net = bodyNet({ side: SIDE, sides: SIDES, producer: 'tf2onnx' });
  const anchors = [3, 6, 6, 6, 6, 6];
  const model = rawHead(net, anchors, 91);
  const imported = await importModel(model);
  expect(imported.manifest.labels).toHaveLength(80);
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [, logits] = await outputsBefore(model, pixels, (pixel) => pixel / 127.5 - 1);
  const scores = rowsOf(numbersOf(await imported.run(pixels), 'scores'), 80);
  const given = rowsOf(logits!, 91).map((row) => row.map(sigmoid));
  // Ids of COCO: person 1, fire hydrant 11, stop sign 13 (12 was never given), toothbrush 90.
  for (const [label, id] of [
    ['person', 1],
    ['fire hydrant', 11],
    ['stop sign', 13],
    ['toothbrush', 90],
  ] as const) {
    const column = imported.manifest.labels.indexOf(label);
    expectClose(
      scores.map((row) => row[column]!),
      given.map((row) => row[id]!),
    );
  }
});

test('the maps of a head are read right whatever they have more of, channels or places, planar or not', async () => {
  // 12 channels of 20x20 places: both are multiples of four.
  for (const producer of ['tf2onnx', 'pytorch']) {
    const net = bodyNet({
      side: 320,
      layout: producer === 'tf2onnx' ? 'nhwc' : 'nchw',
      sides: [20, 10, 5, 3, 2, 1],
      producer,
    });
    const anchors = producer === 'tf2onnx' ? [3, 6, 6, 6, 6, 6] : [6, 6, 6, 6, 6, 6];
    const model = rawHead(net, anchors, 4);
    const { facts } = await importModel(model, { labels: LABELS });
    expect(facts.join('\n')).toContain('for the feature maps 20x20, 10x10, 5x5, 3x3, 2x2, 1x1');
  }
});

test('an SSD head whose twelve maps are outputs of their own is joined before it is decoded', async () => {
  const net = bodyNet({ side: SIDE, sides: SIDES, producer: 'tf2onnx' });
  const anchors = [3, 6, 6, 6, 6, 6];
  const joined = bodyNet({ side: SIDE, sides: SIDES, producer: 'tf2onnx' });
  const apart = net.maps.map(({ value, channels }, at) =>
    net.builder.conv(value, { from: channels, to: 4 * anchors[at]! }),
  );
  const scores = net.maps.map(({ value, channels }, at) =>
    net.builder.conv(value, { from: channels, to: 4 * anchors[at]! }),
  );
  // Only their names tell boxes from as many scores.
  for (const [kind, values] of [
    ['box', apart],
    ['class', scores],
  ] as const) {
    for (const [at, value] of values.entries()) {
      const node = net.builder.model.graph.nodes.find(({ outputs }) => outputs[0] === value)!;
      node.outputs[0] = `${kind}_${at}`;
      net.builder.output(`${kind}_${at}`);
    }
  }
  const one = await importModel(net.builder.model, { labels: LABELS });
  const two = await importModel(rawHead(joined, anchors, 4), { labels: LABELS });
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [first, second] = [await one.run(pixels), await two.run(pixels)];
  expect(numbersOf(first, 'boxes')).toEqual(numbersOf(second, 'boxes'));
  expect(numbersOf(first, 'scores')).toEqual(numbersOf(second, 'scores'));
});

test('default boxes of an own kind are asked for, and taken from where they are given', async () => {
  const build = (): OnnxModel => {
    const net = bodyNet({ side: SIDE, sides: [4, 2], producer: 'pytorch' });
    return rawHead(net, [2, 2], 4);
  };
  const error = await errorOf(importModel(build(), { labels: LABELS }), 'MODEL_UNCLEAR');
  expect(error.message).toContain('--anchors <file>: the file of its 40 default boxes');
  expect(error.message).toContain('for the feature maps 4x4, 2x2');
  const anchors = Array.from({ length: 40 }, (_, at) => [at / 40, 0.5, 0.1, 0.2]);
  const imported = await importModel(build(), { labels: LABELS, anchors });
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [codes] = await outputsBefore(build(), pixels, (pixel) => pixel / 127.5 - 1);
  const boxes = rowsOf(codes!, 4).flatMap(([tx, ty, tw, th], at) =>
    corners(
      (tx! / 10) * 0.1 + at / 40,
      (ty! / 10) * 0.2 + 0.5,
      Math.exp(tw! / 5) * 0.1,
      Math.exp(th! / 5) * 0.2,
    ),
  );
  expectClose(numbersOf(await imported.run(pixels), 'boxes'), boxes);
});

test('boxes that are decoded already are turned to corners in 0..1, the background of their softmax cut off', async () => {
  const net = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
  const { builder } = net;
  const boxes = builder.node('Mul', [
    builder.node('Sigmoid', [rowsOfMaps(net, [2], 4)]),
    builder.constant([SIDE]),
  ]);
  const model = builder.output(boxes, builder.node('Softmax', [rowsOfMaps(net, [2], 4)], { axis: 2 }));
  const imported = await importModel(model, { labels: LABELS, boxForm: 'xywh', normalise: '0..1' });
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [given, scores] = await outputsBefore(model, pixels, (pixel) => pixel / 255);
  const results = await imported.run(pixels);
  const expected = rowsOf(given!, 4).flatMap(([x, y, width, height]) =>
    corners(x!, y!, width!, height!).map((side) => side / SIDE),
  );
  expectClose(numbersOf(results, 'boxes'), expected);
  expectClose(
    numbersOf(results, 'scores'),
    rowsOf(scores!, 4).flatMap((row) => row.slice(1)),
  );
});

test('boxes are told from as many scores of four classes by their names or the softmax, not by their order', async () => {
  const build = (names: readonly [string, string], activation: string, boxDims = [1, 32, 4]): OnnxModel => {
    const net = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
    const { builder } = net;
    const scores = builder.node(activation, [rowsOfMaps(net, [2], 4)]);
    builder.rename(scores, names[0]);
    const shape = builder.constant(boxDims, [boxDims.length], 'int64');
    const boxes = builder.node('Reshape', [builder.node('Sigmoid', [rowsOfMaps(net, [2], 4)]), shape]);
    builder.rename(boxes, names[1]);
    return builder.output(...names);
  };
  const boxesOfModel = async (model: OnnxModel): Promise<void> => {
    const imported = await importModel(model, { labels: LABELS, boxForm: 'xyxy', normalise: '0..1' });
    const pixels = pixelsOf(SIDE * SIDE * 3);
    const [, boxes] = await outputsBefore(model, pixels, (pixel) => pixel / 255);
    const { decoder } = imported.manifest;
    const name = decoder.type === 'boxes-scores' ? decoder.boxes : '';
    expectClose(numbersOf(await imported.run(pixels), name), boxes!);
  };
  await boxesOfModel(build(['pred_scores', 'pred_boxes'], 'Sigmoid'));
  await boxesOfModel(build(['probabilities', 'second'], 'Sigmoid'));
  await boxesOfModel(build(['head_0', 'head_1'], 'Softmax'));
  await boxesOfModel(build(['first', 'second'], 'Sigmoid', [1, 32, 1, 4]));
  // A name that holds `loc` by chance is none of boxes.
  await boxesOfModel(build(['block_1', 'second'], 'Softmax'));
  const unclear = importModel(build(['first', 'second'], 'Sigmoid'), { labels: LABELS });
  expect((await errorOf(unclear, 'MODEL_UNSUPPORTED')).message).toContain(
    "nothing tells boxes from scores: 'first' [1,32,4] float32, 'second' [1,32,4] float32 have four columns each",
  );
});

test('rows of the best detections, x1, y1, x2, y2, score and class in pixels, become the lists of the detector', async () => {
  const net = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
  const { builder } = net;
  const rows = builder.node('Mul', [
    builder.node('Sigmoid', [rowsOfMaps(net, [1], 6)]),
    builder.constant([SIDE, SIDE, SIDE, SIDE, 1, 2.4]),
  ]);
  const ints = (values: readonly number[]): string => builder.constant(values, [values.length], 'int64');
  const scores = builder.node('Reshape', [
    builder.node('Gather', [rows, ints([4])], { axis: 2 }),
    ints([16]),
  ]);
  const best = builder.node('TopK', [scores, ints([5])], { axis: 0 });
  const { outputs } = builder.model.graph.nodes.at(-1)!;
  outputs.push('places');
  expect(outputs).toEqual([best, 'places']);
  const model = builder.output(builder.node('Gather', [rows, 'places'], { axis: 1 }));
  const error = await errorOf(importModel(model), 'MODEL_UNCLEAR');
  expect(error.message).toContain('the names of its classes (of its boxes), one a line');
  model.metadata.set('names', "{0: 'person', 1: 'car', 2: 'dog'}");
  const imported = await importModel(model);
  expect(imported.manifest.labels).toEqual(LABELS.names);
  expect(imported.manifest).toMatchObject({
    decoder: { type: 'tf-ssd', classOffset: 0 },
    input: { resize: 'letterbox' },
  });
  const pixels = pixelsOf(SIDE * SIDE * 3);
  const [given] = await outputsBefore(model, pixels, (pixel) => pixel / 255);
  const each = rowsOf(given!, 6);
  const results = await imported.run(pixels);
  expectClose(
    numbersOf(results, 'boxes'),
    each.flatMap(([x1, y1, x2, y2]) => [y1, x1, y2, x2].map((side) => side! / SIDE)),
  );
  expectClose(
    numbersOf(results, 'scores'),
    each.map((row) => row[4]!),
  );
  expectClose(
    numbersOf(results, 'classes'),
    each.map((row) => row[5]!),
  );
  expect(numbersOf(results, 'count')).toEqual([5]);
});

test('a model of half floats takes and gives what the detector reads', async () => {
  const net = bodyNet({ side: SIDE, sides: SIDES, producer: 'tf2onnx' });
  const anchors = [3, 6, 6, 6, 6, 6];
  const half = (value: string): string => net.builder.node('Cast', [value], { to: 10 });
  const boxes = net.builder.rename(half(rowsOfMaps(net, anchors, 4)), 'box_encodings');
  const model = net.builder.output(boxes, half(rowsOfMaps(net, anchors, 4)));
  const { graph } = model;
  graph.inputs[0]!.type = 'float16';
  for (const output of graph.outputs) output.type = 'float16';
  const first = graph.nodes.find(({ inputs }) => inputs[0] === 'given')!;
  first.inputs[0] = net.builder.node('Cast', ['given'], { to: 1 });
  graph.nodes.unshift(graph.nodes.pop()!);
  const imported = await importModel(model, { labels: LABELS });
  const results = await imported.run(pixelsOf(SIDE * SIDE * 3));
  expect([results['boxes']!.type, results['scores']!.type]).toEqual(['float32', 'float32']);
  expect(results['boxes']!.dims).toEqual([1, 16 * 3 + 4 * 6 + 4 * 6, 4]);
});

test('what makes probabilities of scores is asked for where no family of heads tells', async () => {
  const net = bodyNet({ side: SIDE, sides: [4], producer: 'pytorch' });
  const boxes = net.builder.node('Sigmoid', [rowsOfMaps(net, [2], 4)]);
  const model = net.builder.output(boxes, rowsOfMaps(net, [2], 3));
  const error = await errorOf(importModel(model, { labels: LABELS }), 'MODEL_UNCLEAR');
  expect(error.message).toContain('--activation <none | softmax | sigmoid>: what makes probabilities of');
});

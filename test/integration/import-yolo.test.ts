// YOLO heads, decoded or not, imported and run by the real ONNX Runtime: the boxes and scores are those of an independent decoding
// here of what the graph gave before.
import { expect, test } from 'vitest';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { corners, expectClose, outputsBefore, rowsOf, sigmoid, softmax } from '../support/decoding.ts';
import { errorOf } from '../support/errors.ts';
import { bodyNet, type Net } from '../support/heads.ts';
import { importModel, numbersOf, pixelsOf } from '../support/importing.ts';

const SIDE = 64;
const NAMES = ['person', 'car', 'dog'];
const LABELS = { from: 'a file', names: NAMES };
const PIXELS = pixelsOf(SIDE * SIDE * 3);
const to01 = (pixel: number): number => pixel / 255;

function yoloNet(): Net {
  return bodyNet({ side: SIDE, sides: [8, 4, 2], producer: 'pytorch' });
}

test('maps of YOLOv3: sigmoids of the place, exponents of the anchor, objectness times class', async () => {
  const net = yoloNet();
  const heads = net.maps.map(({ value, channels }) => net.builder.conv(value, { from: channels, to: 3 * 8 }));
  const model = net.builder.output(...heads);
  const imported = await importModel(model, { labels: LABELS, head: 'yolov3' });
  expect(imported.manifest.input).toMatchObject({ resize: 'letterbox', type: 'uint8', layout: 'nchw' });
  const anchors = [
    [
      [10, 13],
      [16, 30],
      [33, 23],
    ],
    [
      [30, 61],
      [62, 45],
      [59, 119],
    ],
    [
      [116, 90],
      [156, 198],
      [373, 326],
    ],
  ];
  const outputs = await outputsBefore(model, PIXELS, to01);
  const [boxes, scores]: [number[], number[]] = [[], []];
  for (const [map, side] of [8, 4, 2].entries()) {
    const value = (anchor: number, field: number, y: number, x: number): number =>
      outputs[map]![((anchor * 8 + field) * side + y) * side + x]!;
    for (const [anchor, [width, height]] of anchors[map]!.entries())
      for (let y = 0; y < side; y += 1)
        for (let x = 0; x < side; x += 1) {
          const at = (field: number): number => value(anchor, field, y, x);
          boxes.push(
            ...corners(
              (sigmoid(at(0)) + x) / side,
              (sigmoid(at(1)) + y) / side,
              (Math.exp(at(2)) * width!) / SIDE,
              (Math.exp(at(3)) * height!) / SIDE,
            ),
          );
          for (const field of [5, 6, 7]) scores.push(sigmoid(at(4)) * sigmoid(at(field)));
        }
  }
  const results = await imported.run(PIXELS);
  expectClose(numbersOf(results, 'boxes'), boxes);
  expectClose(numbersOf(results, 'scores'), scores);
});

test('maps with their channels last, as Keras has them, mean the same as planar ones, box for box', async () => {
  const build = (isLast: boolean): OnnxModel => {
    const net = yoloNet();
    const { builder } = net;
    const heads = net.maps.map(({ value, channels }) => builder.conv(value, { from: channels, to: 3 * 8 }));
    const turned = isLast
      ? heads.map((head) => builder.node('Transpose', [head], { perm: [0, 2, 3, 1] }))
      : heads;
    return builder.output(...turned);
  };
  const said = { labels: LABELS, head: 'yolov3' } as const;
  const [planar, last] = [await importModel(build(false), said), await importModel(build(true), said)];
  const [one, two] = [await planar.run(PIXELS), await last.run(PIXELS)];
  // Planar maps have all places of an anchor together, the others all anchors of a place.
  const bySides = (boxes: number[]): string[] =>
    rowsOf(boxes, 4)
      .map((box) => box.map((side) => side.toFixed(4)).join())
      .sort();
  expect(bySides(numbersOf(two, 'boxes'))).toEqual(bySides(numbersOf(one, 'boxes')));
  expect(numbersOf(two, 'scores').sort()).toEqual(numbersOf(one, 'scores').sort());
});

test('maps of YOLOv5 with anchors of their own: doubled sigmoids, [1,A,H,W,F] as its export for training has them', async () => {
  const net = yoloNet();
  const { builder } = net;
  const heads = net.maps.map(({ value, channels, side }) => {
    const conv = builder.conv(value, { from: channels, to: 3 * 8 });
    const apart = builder.node('Reshape', [conv, builder.constant([1, 3, 8, side, side], [5], 'int64')]);
    return builder.node('Transpose', [apart], { perm: [0, 1, 3, 4, 2] });
  });
  const model = builder.output(...heads);
  const anchors = [
    [5, 6, 8, 15, 16, 11],
    [15, 30, 31, 22, 29, 59],
    [58, 45, 78, 99, 186, 163],
  ];
  const imported = await importModel(model, { labels: LABELS, anchors });
  expect(imported.facts.join('\n')).toContain('as in YOLOv5');
  const outputs = await outputsBefore(model, PIXELS, to01);
  const [boxes, scores]: [number[], number[]] = [[], []];
  for (const [map, side] of [8, 4, 2].entries()) {
    for (const [index, row] of rowsOf(outputs[map]!, 8).entries()) {
      const [anchor, y, x] = [Math.floor(index / side / side), Math.floor(index / side) % side, index % side];
      const [width, height] = [anchors[map]![anchor * 2]!, anchors[map]![anchor * 2 + 1]!];
      boxes.push(
        ...corners(
          (2 * sigmoid(row[0]!) - 0.5 + x) / side,
          (2 * sigmoid(row[1]!) - 0.5 + y) / side,
          ((2 * sigmoid(row[2]!)) ** 2 * width) / SIDE,
          ((2 * sigmoid(row[3]!)) ** 2 * height) / SIDE,
        ),
      );
      for (const field of [5, 6, 7]) scores.push(sigmoid(row[4]!) * sigmoid(row[field]!));
    }
  }
  const results = await imported.run(PIXELS);
  expectClose(numbersOf(results, 'boxes'), boxes);
  expectClose(numbersOf(results, 'scores'), scores);
});

test('maps of YOLOv8: the mean of a distribution over bins for each side, from the middle of the cell', async () => {
  const net = yoloNet();
  const heads = net.maps.map(({ value, channels }) =>
    net.builder.conv(value, { from: channels, to: 64 + 3 }),
  );
  const model = net.builder.output(...heads);
  const imported = await importModel(model, { labels: LABELS });
  const outputs = await outputsBefore(model, PIXELS, to01);
  const [boxes, scores]: [number[], number[]] = [[], []];
  for (const [map, side] of [8, 4, 2].entries()) {
    for (let place = 0; place < side * side; place += 1) {
      const at = (field: number): number => outputs[map]![field * side * side + place]!;
      const distance = (edge: number): number =>
        softmax(Array.from({ length: 16 }, (_, bin) => at(edge * 16 + bin))).reduce(
          (sum, share, bin) => sum + share * bin,
          0,
        );
      const [x, y] = [(place % side) + 0.5, Math.floor(place / side) + 0.5];
      boxes.push(
        (x - distance(0)) / side,
        (y - distance(1)) / side,
        (x + distance(2)) / side,
        (y + distance(3)) / side,
      );
      for (const field of [64, 65, 66]) scores.push(sigmoid(at(field)));
    }
  }
  const results = await imported.run(PIXELS);
  expectClose(numbersOf(results, 'boxes'), boxes);
  expectClose(numbersOf(results, 'scores'), scores);
});

/** Places of all maps: 64 + 16 + 4 cells. */
const PLACES = 84;

test('columns of YOLOv8 in pixels, named by the metadata of its exporter', async () => {
  const net = yoloNet();
  const { builder } = net;
  const flat = net.maps.map(({ value, channels, side }) => {
    const conv = builder.conv(value, { from: channels, to: 4 + 3 });
    return builder.node('Reshape', [conv, builder.constant([1, 7, side * side], [3], 'int64')]);
  });
  const all = builder.node('Concat', flat, { axis: 2 });
  const split = (from: number, to: number): string =>
    builder.node('Slice', [
      all,
      builder.constant([from], [1], 'int64'),
      builder.constant([to], [1], 'int64'),
      builder.constant([1], [1], 'int64'),
    ]);
  const boxes = builder.node('Mul', [builder.node('Sigmoid', [split(0, 4)]), builder.constant([SIDE], [1])]);
  const model = builder.output(
    builder.node('Concat', [boxes, builder.node('Sigmoid', [split(4, 7)])], { axis: 1 }),
  );
  model.metadata.set('author', 'Ultralytics');
  model.metadata.set('names', "{0: 'person', 1: 'car', 2: \"dog's bed\"}");
  const imported = await importModel(model);
  expect(imported.manifest.labels).toEqual(['person', 'car', "dog's bed"]);
  const [output] = await outputsBefore(model, PIXELS, to01);
  const at = (field: number, place: number): number => output![field * PLACES + place]!;
  const places = Array.from({ length: PLACES }, (_, place) => place);
  const results = await imported.run(PIXELS);
  expectClose(
    numbersOf(results, 'boxes'),
    places.flatMap((place) =>
      corners(at(0, place), at(1, place), at(2, place), at(3, place)).map((value) => value / SIDE),
    ),
  );
  expectClose(
    numbersOf(results, 'scores'),
    places.flatMap((place) => [4, 5, 6].map((field) => at(field, place))),
  );
});

test('rows of YOLOX, which leaves its boxes on their grid, and takes pixels in the order blue, green, red', async () => {
  const net = yoloNet();
  const { builder } = net;
  const flat = net.maps.map(({ value, channels, side }) => {
    const conv = builder.conv(value, { from: channels, to: 4 });
    const certain = builder.node('Sigmoid', [builder.conv(value, { from: channels, to: 4 })]);
    const joined = builder.node('Concat', [conv, certain], { axis: 1 });
    return builder.node('Reshape', [joined, builder.constant([1, 8, side * side], [3], 'int64')]);
  });
  const model = builder.output(
    builder.node('Transpose', [builder.node('Concat', flat, { axis: 2 })], { perm: [0, 2, 1] }),
  );
  const imported = await importModel(model, { labels: LABELS });
  expect(imported.manifest.input.colour).toBe('bgr');
  const [output] = await outputsBefore(model, PIXELS, (pixel) => pixel);
  const strides = [...Array(64).fill(8), ...Array(16).fill(16), ...Array(4).fill(32)] as number[];
  const firsts = [...Array(64).fill(0), ...Array(16).fill(64), ...Array(4).fill(80)] as number[];
  const given = rowsOf(output!, 8);
  const results = await imported.run(PIXELS);
  expectClose(
    numbersOf(results, 'boxes'),
    given.flatMap((row, at) => {
      const side = SIDE / strides[at]!;
      const place = at - firsts[at]!;
      const [x, y] = [(row[0]! + (place % side)) / side, (row[1]! + Math.floor(place / side)) / side];
      return corners(x, y, Math.exp(row[2]!) / side, Math.exp(row[3]!) / side);
    }),
  );
  expectClose(
    numbersOf(results, 'scores'),
    given.flatMap((row) => [5, 6, 7].map((field) => row[field]! * row[4]!)),
  );
});

test('rows of as many numbers as the labels and four have no objectness; of no usual number of places they are asked about', async () => {
  const build = (side: number): OnnxModel => {
    const net = bodyNet({ side: SIDE, sides: [side, 4], producer: 'pytorch' });
    const rows = net.maps.map(({ value, channels, side: own }) => {
      const last = net.builder.node('Transpose', [net.builder.conv(value, { from: channels, to: 7 })], {
        perm: [0, 2, 3, 1],
      });
      return net.builder.node('Reshape', [last, net.builder.constant([1, own * own, 7], [3], 'int64')]);
    });
    const joined = net.builder.node('Concat', rows, { axis: 1 });
    return net.builder.output(net.builder.node('Abs', [net.builder.node('Tanh', [joined])]));
  };
  // 16x16 and 4x4 places: strides 4 and 16 are those of no model.
  const error = await errorOf(importModel(build(16), { labels: LABELS }), 'MODEL_UNCLEAR');
  expect(error.message).toContain('--task <detect | classify | segment | features>');
  const told = await importModel(build(16), { labels: LABELS, task: 'detect' });
  expect(told.facts.join('\n')).toContain('3 classes: 7 numbers for each box');
  const results = await told.run(PIXELS);
  expect(results['scores']!.dims).toEqual([1, 16 * 16 + 16, 3]);
});

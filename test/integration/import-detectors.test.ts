// Detectors of every kind of head, imported and run by the real ONNX Runtime: what the new graph gives is what an independent
// decoding here makes of the outputs of the graph as it was.
import { expect, test } from 'vitest';
import { corners, expectClose, outputsBefore, rowsOf, sigmoid, softmax } from '../support/decoding.ts';
import { bodyNet, rowsOfMaps } from '../support/heads.ts';
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
  const model = net.builder.output(rowsOfMaps(net, anchors, 4), rowsOfMaps(net, anchors, 4));
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

test("a raw head of torchvision's SSDLite is decoded by its coder and default boxes, its scores by a softmax", async () => {
  const net = bodyNet({ side: SIDE, sides: SIDES });
  const anchors = [6, 6, 6, 6, 6, 6];
  const model = net.builder.output(rowsOfMaps(net, anchors, 4), rowsOfMaps(net, anchors, 4));
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
  const model = net.builder.output(rowsOfMaps(net, anchors, 4), rowsOfMaps(net, anchors, 91));
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

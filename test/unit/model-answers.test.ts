// What is read from the outputs of a model of each task, and from the files beside a model.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { answerOf } from '../../daemon/cli/model-answers.ts';
import type { TensorData } from '../../daemon/core/infer.ts';
import { wishedAnchors, wishedLabels } from '../../daemon/models/import-names.ts';
import type { Manifest } from '../../daemon/models/manifest-schema.ts';
import { errorOf } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const PICTURE = { name: 'p', width: 200, height: 100, rgb: new Uint8Array(200 * 100 * 3) };
const WISHES = { scoreLow: 0.3, top: 2 };

function manifestOf(decoder: Manifest['decoder'], resize: 'stretch' | 'letterbox' = 'stretch'): Manifest {
  const input = {
    name: 'x',
    type: 'uint8',
    layout: 'nhwc',
    colour: 'rgb',
    mean: [0, 0, 0],
    scale: [1, 1, 1],
  };
  return {
    labels: ['cat', 'dog', 'bird'],
    decoder,
    input: { ...input, width: 100, height: 100, resize },
  } as unknown as Manifest;
}

function floats(values: readonly number[], dims: readonly number[] = [1, values.length]): TensorData {
  return { type: 'float32', dims, data: Float32Array.from(values) };
}

test('the best classes come first, logits as shares of a softmax, each of a sigmoid by itself', () => {
  const ask = (activation: 'none' | 'softmax' | 'sigmoid'): unknown =>
    answerOf(
      manifestOf({ type: 'classes', output: 'y', activation }),
      PICTURE,
      { y: floats([0, Math.log(3), -100]) },
      WISHES,
    );
  const cat = (share: number): unknown => ({ label: 'cat', share: expect.closeTo(share, 5) });
  const dog = (share: number): unknown => ({ label: 'dog', share: expect.closeTo(share, 5) });
  expect(ask('softmax')).toEqual({ task: 'classify', classes: [dog(0.75), cat(0.25)] });
  expect(ask('sigmoid')).toEqual({ task: 'classify', classes: [dog(0.75), cat(0.5)] });
  expect(ask('none')).toEqual({ task: 'classify', classes: [dog(Math.log(3)), cat(0)] });
});

test('a mask tells the share of each class that is there', () => {
  const data = BigInt64Array.from([0n, 2n, 2n, 2n]);
  const mask: TensorData = { type: 'int64', dims: [1, 2, 2], data };
  expect(answerOf(manifestOf({ type: 'mask', output: 'm' }), PICTURE, { m: mask }, WISHES)).toEqual({
    task: 'segment',
    shares: [
      { label: 'bird', share: 0.75 },
      { label: 'cat', share: 0.25 },
    ],
  });
});

test('features are told by their sizes and the length of the vector', () => {
  const answer = answerOf(
    manifestOf({ type: 'features', output: 'f' }),
    PICTURE,
    { f: floats([3, 4]) },
    WISHES,
  );
  expect(answer).toEqual({ task: 'features', dims: [1, 2], length: 2, norm: 5 });
});

test('boxes are of the picture, not of the square that the model looked at', () => {
  const decoder = { type: 'boxes-scores', boxes: 'b', scores: 's', nmsIou: 0.5 } as const;
  // The picture is twice as wide as high: in the square it lies from a quarter to three quarters.
  const results = { b: floats([0, 0.25, 0.5, 0.75], [1, 1, 4]), s: floats([0.1, 0.9, 0.2], [1, 1, 3]) };
  const detections = [
    { label: 'dog', score: expect.closeTo(0.9, 5), box: { x: 0, y: 0, width: 0.5, height: 1 } },
  ];
  expect(answerOf(manifestOf(decoder, 'letterbox'), PICTURE, results, WISHES)).toEqual({
    task: 'detect',
    detections,
  });
});

test('labels are the lines of a file, whatever ends them, or a list of a name', async () => {
  const file = join(tempDir(), 'labels.txt');
  writeFileSync(file, 'person\r\n traffic light \r\n\r\n');
  expect(wishedLabels(file)).toEqual({ from: file, names: ['person', 'traffic light'] });
  expect(wishedLabels('voc').names).toHaveLength(20);
  writeFileSync(file, 'person\n\ncar\n');
  expect((await errorOf(() => wishedLabels(file), 'USAGE')).message).toContain('line 2 of');
  writeFileSync(file, '');
  expect((await errorOf(() => wishedLabels(file), 'USAGE')).message).toContain('has 0 lines (1 to 10000)');
});

test('default boxes are rows of numbers in a JSON file', async () => {
  const file = join(tempDir(), 'anchors.json');
  writeFileSync(file, '[[0.5, 0.5, 0.1, 0.2]]');
  expect(wishedAnchors(file)).toEqual([[0.5, 0.5, 0.1, 0.2]]);
  for (const [text, words] of [
    ['[[1, "a"]]', 'no list of rows of numbers'],
    ['[]', 'no list of rows of numbers'],
    ['{', 'is not JSON'],
  ] as const) {
    writeFileSync(file, text);
    expect((await errorOf(() => wishedAnchors(file), 'USAGE')).message).toContain(words);
  }
});

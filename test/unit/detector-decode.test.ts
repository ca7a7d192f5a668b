// Decoders and suppression, held against what scripts/golden.py worked out with numpy, and against plain rules.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { iou } from '../../daemon/core/geometry.ts';
import type { Box, Detection, ModelDecoder } from '../../daemon/core/types.ts';
import { Decoder, type OutputData } from '../../daemon/detector/decode.ts';
import { takeBest } from '../../daemon/detector/nms.ts';
import { createDetections, DETECTIONS_MAX, type WireDetections } from '../../daemon/detector/wire.ts';
import { FIXTURES, type Golden } from '../support/detector.ts';

const golden = JSON.parse(readFileSync(join(FIXTURES, 'golden.json'), 'utf8')) as Golden;
const YOLO: ModelDecoder = { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: golden.iouMax };
const SSD: ModelDecoder = {
  type: 'tf-ssd',
  boxes: 'boxes',
  classes: 'classes',
  scores: 'scores',
  count: 'count',
  classOffset: 1,
};

function outputs(data: Record<string, readonly number[]>): OutputData {
  return Object.fromEntries(Object.entries(data).map(([name, values]) => [name, Float32Array.from(values)]));
}

function listOf({ count, classes, scores, boxes }: WireDetections) {
  return Array.from({ length: count }, (_, i) => ({
    class: classes[i]!,
    score: scores[i]!,
    box: [...boxes.subarray(i * 4, i * 4 + 4)],
  }));
}

function decode(decoder: ModelDecoder, labelCount: number, data: OutputData, scoreLow = golden.scoreLow) {
  const into = createDetections();
  new Decoder({ decoder, labelCount, scoreLow }).decode(data, into);
  return listOf(into);
}

function expectSame(found: ReturnType<typeof listOf>, wanted: Golden['figure']['found']): void {
  expect(found.map((one) => one.class)).toEqual(wanted.map((one) => one.class));
  found.forEach((one, i) => {
    expect(one.score).toBeCloseTo(wanted[i]!.score, 5);
    one.box.forEach((edge, k) => {
      expect(edge).toBeCloseTo(wanted[i]!.box[k]!, 5);
    });
  });
}

test('boxes-scores gives what numpy gives: threshold, suppression per class, order', () => {
  const { boxes, scores, found } = golden.boxesScores;
  expectSame(decode(YOLO, 3, outputs({ boxes, scores })), found);
});

test('tf-ssd gives what numpy gives: corner order, class offset, count, unknown classes and empty boxes left out', () => {
  const { boxes, classes, scores, count, found } = golden.ssd;
  expectSame(decode(SSD, 3, outputs({ boxes, classes, scores, count })), found);
});

test('a decoder is used again and again without a trace of the run before', () => {
  const decoder = new Decoder({ decoder: YOLO, labelCount: 3, scoreLow: golden.scoreLow });
  const into = createDetections();
  const { boxes, scores, found } = golden.boxesScores;
  decoder.decode(outputs({ boxes, scores }), into);
  decoder.decode(outputs({ boxes: [0, 0, 1, 1], scores: [0, 0.9, 0] }), into);
  expect(listOf(into)).toEqual([{ class: 1, score: Math.fround(0.9), box: [0, 0, 1, 1] }]);
  decoder.decode(outputs({ boxes, scores }), into);
  expectSame(listOf(into), found);
});

test('more candidates than there was room for at first are all looked at, and the best hundred kept', () => {
  const size = 5000;
  const boxes: number[] = [];
  const scores: number[] = [];
  for (let i = 0; i < size; i += 1) {
    const x = (i % 100) / 100;
    const y = Math.floor(i / 100) / 50;
    boxes.push(x, y, x + 0.009, y + 0.019);
    scores.push(0.3 + (0.6 * i) / size);
  }
  const decoder = new Decoder({ decoder: YOLO, labelCount: 1, scoreLow: golden.scoreLow });
  const into = createDetections();
  decoder.decode(outputs({ boxes, scores }), into);
  const found = listOf(into);
  expect(found).toHaveLength(DETECTIONS_MAX);
  expect(found.map((one) => one.score)).toEqual(scores.slice(-DETECTIONS_MAX).reverse().map(Math.fround));
  // Those that were not kept do not turn up in the next picture.
  decoder.decode(outputs({ boxes: [0, 0, 1, 1], scores: [0] }), into);
  expect(listOf(into)).toEqual([]);
});

test('scores and boxes that are no numbers find nothing, edges beyond the picture are cut', () => {
  const nan = Number.NaN;
  const data = { boxes: [0, 0, nan, 1, 0, 0, 1, 1, -1, 0.5, 2, 3], scores: [0.9, nan, 7] };
  expect(decode(YOLO, 1, outputs(data))).toEqual([{ class: 0, score: 1, box: [0, 0.5, 1, 1] }]);
});

test('outputs whose sizes do not fit together are refused by name and number', () => {
  const wrong: [ModelDecoder, Record<string, readonly number[]>, RegExp][] = [
    [YOLO, { boxes: [0, 0, 1, 1], scores: [1, 1] }, /4 box values and 2 scores/],
    [YOLO, { boxes: [0, 0, 1, 1] }, /no output 'scores'/],
    [SSD, { boxes: [0, 0, 1, 1], classes: [1, 1], scores: [1], count: [1] }, /are not 4N, N, N and 1/],
    [SSD, { boxes: [0, 0, 1, 1], classes: [1], scores: [1], count: [] }, /are not 4N, N, N and 1/],
  ];
  for (const [decoder, data, message] of wrong) {
    expect(() => decode(decoder, 3, outputs(data))).toThrow(message);
    expect(() => decode(decoder, 3, outputs(data))).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }),
    );
  }
});

/** The same rule in plain words: best first, without those that overlap a better one of their label by more than `iouMax`. */
function nms<T extends Detection>(detections: readonly T[], iouMax: number): T[] {
  const kept: T[] = [];
  // The sort is stable: among equal scores the earlier one wins.
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    const covered = kept.some(
      (better) => better.label === candidate.label && iou(better.box, candidate.box) > iouMax,
    );
    if (!covered) kept.push(candidate);
  }
  return kept;
}

const LABELS = ['a', 'b'];
// On a grid, so that sums and products are the same in float32 and double.
const place = fc.integer({ min: 0, max: 16 }).map((step) => step / 16);
const candidates = fc.array(
  fc.record({
    label: fc.constantFrom(...LABELS),
    score: place,
    box: fc.record({ x: place, y: place, width: place, height: place }),
  }),
  { maxLength: 30 },
);

test('suppression on flat arrays keeps what the plain rule keeps: the best, never two of a label that overlap', () => {
  const limits = fc.record({
    iouMax: fc.double({ min: 0, max: 1, noNaN: true }),
    countMax: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(candidates, limits, (list, { iouMax, countMax }) => {
      const [flat, into] = [createDetections(list.length), createDetections(countMax)];
      flat.count = list.length;
      for (const [i, { label, score, box }] of list.entries()) {
        flat.classes[i] = LABELS.indexOf(label);
        flat.scores[i] = score;
        flat.boxes.set(cornersOf(box), i * 4);
      }
      takeBest(flat, into, { iouMax, countMax });
      const wanted = nms(list, iouMax).slice(0, countMax);
      expect(listOf(into)).toEqual(
        wanted.map(({ label, score, box }) => ({ class: LABELS.indexOf(label), score, box: cornersOf(box) })),
      );
    }),
  );
});

function cornersOf({ x, y, width, height }: Box): number[] {
  return [x, y, x + width, y + height];
}

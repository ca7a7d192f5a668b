import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Box, ModelInput } from '../../daemon/core/types.ts';
import type { WireDetections } from '../../daemon/detector/wire.ts';
import { type Detect, type EvalOptions, type EvalResult, evaluate } from '../../daemon/models/eval.ts';
import { differenceOf } from '../../daemon/models/eval-figures.ts';
import { openLabelledSet } from '../../daemon/models/labelled-set.ts';
import { errorOf } from '../support/errors.ts';
import { boxLine, folderWith, plainJpeg } from '../support/photos.ts';

const INPUT: ModelInput = {
  name: 'image',
  width: 32,
  height: 32,
  type: 'uint8',
  layout: 'nhwc',
  colour: 'rgb',
  mean: [0, 0, 0],
  scale: [1, 1, 1],
  resize: 'stretch',
};

interface Found {
  readonly label: number;
  readonly score: number;
  /** In 0..1 of the input. */
  readonly box: Box;
}

/** A detector that finds the same in every photo, or in one photo after the other. */
function finding(...photos: readonly (readonly Found[])[]): Detect {
  let photo = 0;
  return (_, into: WireDetections) => {
    const found = photos[photo % photos.length]!;
    photo += 1;
    into.count = found.length;
    for (const [index, { label, score, box }] of found.entries()) {
      into.classes[index] = label;
      into.scores[index] = score;
      into.boxes.set([box.x, box.y, box.x + box.width, box.y + box.height], index * 4);
    }
    return Promise.resolve();
  };
}

const PERSON: Box = { x: 0.25, y: 0.25, width: 0.25, height: 0.5 };
const CAR: Box = { x: 0.625, y: 0.5, width: 0.25, height: 0.25 };

interface Wish extends Partial<EvalOptions> {
  readonly folders: readonly string[];
  readonly input?: ModelInput;
  readonly labels?: readonly string[];
}

async function evaluated({
  folders,
  input = INPUT,
  labels = ['person', 'car'],
  ...wish
}: Wish): Promise<EvalResult> {
  const sets = await Promise.all(folders.map((folder) => openLabelledSet(folder)));
  const thresholds = Object.fromEntries(labels.map((label) => [label, 0.5]));
  const model = { name: 'stand-in', input, labels, thresholds };
  return evaluate({ model, sets, detect: finding([]), resamples: 0, ...wish });
}

/** Photos of 64x64 with these lines each, and their classes. */
function photos(lines: readonly string[], dataset: object = { classes: ['person', 'car'] }): string {
  return folderWith({
    'dataset.json': JSON.stringify(dataset),
    ...Object.fromEntries(
      lines.flatMap((line, index) => [
        [`${index}.jpg`, plainJpeg(64, 64)],
        [`${index}.txt`, line],
      ]),
    ),
  });
}

const BOTH = [boxLine(0, PERSON), boxLine(1, CAR)].join('\n');

describe('figures', () => {
  test('of a detector that finds everything are 1, of one that finds nothing 0', async () => {
    const folder = photos([BOTH, BOTH]);
    const all = finding([
      { label: 0, score: 0.9, box: PERSON },
      { label: 1, score: 0.6, box: CAR },
    ]);
    const { figures, photos: count, objects } = await evaluated({ folders: [folder], detect: all });
    expect([figures.map50, figures.map50to95, figures.recallAtThreshold, count, objects]).toEqual([
      1, 1, 1, 2, 4,
    ]);
    const none = await evaluated({ folders: [folder] });
    expect(none.figures).toMatchObject({ map50: 0, recallAtThreshold: 0, precisionAtThreshold: null });
    expect(none.figures.suggestedThresholds['car']).toEqual({ forPrecision: null, bestF1: null });
  });

  test('at a threshold count what it lets through, and a better threshold is suggested', async () => {
    const folder = photos([boxLine(0, PERSON), boxLine(0, PERSON), boxLine(0, PERSON), boxLine(0, PERSON)]);
    const right = (score: number): Found[] => [{ label: 0, score, box: PERSON }];
    const wrong = (score: number): Found[] => [{ label: 0, score, box: { ...PERSON, x: 0 } }];
    const detect = finding(right(0.9), right(0.8), wrong(0.605), right(0.4));
    const { figures } = await evaluated({ folders: [folder], detect });
    expect(figures.perClass['person']).toMatchObject({
      objects: 4,
      threshold: 0.5,
      recallAtThreshold: 0.5,
      precisionAtThreshold: expect.closeTo(2 / 3),
    });
    expect(figures.suggestedThresholds['person']).toEqual({
      forPrecision: { threshold: 0.61, precision: 1, recall: 0.5 },
      bestF1: { threshold: 0.05, precision: 0.75, recall: 0.75, f1: 0.75 },
    });
    const lax = await evaluated({ folders: [folder], detect, precisionTarget: 0.7 });
    expect(lax.figures.suggestedThresholds['person']!.forPrecision).toMatchObject({ threshold: 0.05 });
  });

  test('by size take a photo for 640 pixels long: 1/8 of the width is 80, medium', async () => {
    const box = (side: number): Box => ({ x: 0.25, y: 0.25, width: side, height: side });
    const folder = photos([boxLine(0, box(1 / 32)), boxLine(0, box(1 / 8)), boxLine(0, box(1 / 2))]);
    const found = [{ label: 0, score: 0.9, box: box(1 / 8) }];
    const { bySize } = (await evaluated({ folders: [folder], detect: finding([], found, []) })).figures;
    expect(Object.values(bySize).map(({ objects }) => objects)).toEqual([1, 1, 1]);
    expect(bySize.medium.map50).toBe(1);
    expect([bySize.small.map50, bySize.large.map50]).toEqual([0, 0]);
    // A detection that finds nothing counts against the size that it has itself.
    const elsewhere = await evaluated({ folders: [folder], detect: finding(found) });
    expect(elsewhere.figures.bySize).toMatchObject({ small: { map50: 0 }, medium: { map50: 0.5 } });
    const large = await evaluated({ folders: [photos([boxLine(0, box(1 / 2))])], detect: finding(found) });
    expect(large.figures.bySize.medium).toEqual({ objects: 0, map50: null, map50to95: null });
  });

  test('of a letterboxed model are those of the photo, not of the square with its borders', async () => {
    const folder = folderWith({
      'classes.txt': 'person',
      '1.jpg': plainJpeg(64, 32),
      '1.txt': boxLine(0, { x: 0.5, y: 0, width: 0.25, height: 1 }),
    });
    const detect = finding([{ label: 0, score: 0.9, box: { x: 0.5, y: 0.25, width: 0.25, height: 0.5 } }]);
    const input: ModelInput = { ...INPUT, resize: 'letterbox' };
    expect((await evaluated({ folders: [folder], input, detect })).figures.map50to95).toBe(1);
    expect((await evaluated({ folders: [folder], detect })).figures.map50).toBe(1);
    expect((await evaluated({ folders: [folder], detect })).figures.map50to95).toBeLessThan(0.2);
  });

  test('come with an interval that holds them, the same every time', async () => {
    const folder = photos(Array.from({ length: 12 }, () => boxLine(0, PERSON)));
    const found = [{ label: 0, score: 0.9, box: PERSON }];
    const once = (): Promise<EvalResult> =>
      evaluated({ folders: [folder], detect: finding(found, found, []), resamples: 100 });
    const { figures } = await once();
    const [low, high] = figures.interval50!;
    expect(low).toBeLessThan(figures.map50);
    expect(high).toBeGreaterThan(figures.map50);
    expect((await once()).figures).toEqual(figures);
  });

  test('of two models over the same photos differ by what resamples of the same photos differ', async () => {
    const folder = photos(Array.from({ length: 12 }, () => boxLine(0, PERSON)));
    const found = [{ label: 0, score: 0.9, box: PERSON }];
    const base = await evaluated({ folders: [folder], detect: finding(found, []), resamples: 100 });
    expect(differenceOf(base, base)).toEqual({ labels: ['person'], map50: 0, interval50: [0, 0] });
    const better = await evaluated({ folders: [folder], detect: finding(found), resamples: 100 });
    const { map50, interval50 } = differenceOf(better, base);
    expect(map50).toBeGreaterThan(0.4);
    expect(interval50![0]).toBeGreaterThan(0);
  });

  test('of two models with other labels are compared by those that both have', async () => {
    const folder = photos([BOTH, BOTH]);
    const base = await evaluated({
      folders: [folder],
      detect: finding([{ label: 0, score: 0.9, box: PERSON }]),
      resamples: 10,
    });
    const cars = await evaluated({
      folders: [folder],
      labels: ['car'],
      detect: finding([{ label: 0, score: 0.9, box: CAR }]),
      resamples: 10,
    });
    expect(differenceOf(cars, base)).toEqual({ labels: ['car'], map50: 1, interval50: [1, 1] });
    const birds = photos([boxLine(0, PERSON)], { classes: ['bird'] });
    const other = await evaluated({ folders: [birds], labels: ['bird'] });
    expect(differenceOf(other, base)).toEqual({ labels: [], map50: null });
  });
});

describe('what is not known', () => {
  const wrongCar: Found = { label: 1, score: 0.9, box: CAR };

  test('is not held against the model: a class counts only in sets that label it', async () => {
    const people = photos([boxLine(0, PERSON)], { classes: ['person', 'car'], labelled: ['person'] });
    const cars = photos([boxLine(1, CAR)], { classes: ['person', 'car'], labelled: ['car'] });
    const detect = finding([{ label: 0, score: 0.8, box: PERSON }, wrongCar]);
    const { figures, notEvaluated } = await evaluated({ folders: [people, cars], detect });
    expect(figures.map50).toBe(1);
    expect(Object.values(figures.perClass).map((one) => one.photos)).toEqual([1, 1]);
    expect(notEvaluated).toEqual({});
    const alone = await evaluated({ folders: [people], detect });
    expect(Object.keys(alone.figures.perClass)).toEqual(['person']);
    expect(alone.notEvaluated).toEqual({ car: 'not labelled in these photos' });
  });

  test('labels of only one side, and labelled classes without an object, are named', async () => {
    const folder = photos([boxLine(0, PERSON)], { classes: ['person', 'car', 'dog'] });
    const { notEvaluated, otherNames } = await evaluated({
      folders: [folder],
      labels: ['Person', 'car', 'boat'],
    });
    expect(notEvaluated).toEqual({
      car: 'no object in 1 photos',
      dog: 'the model has no such label',
      boat: 'not labelled in these photos',
    });
    expect(otherNames).toEqual({ person: 'Person' });
  });

  test('a photo without a .txt, or damaged, is passed over and named', async () => {
    const folder = photos([boxLine(0, PERSON), boxLine(0, PERSON)]);
    cpSync(join(folder, '0.jpg'), join(folder, 'unlabelled.jpg'));
    writeFileSync(join(folder, '1.jpg'), 'damaged');
    const skipped: string[] = [];
    const { sets } = await evaluated({
      folders: [folder],
      onSkip: (_, { name, reason }) => skipped.push(`${name} ${reason}`),
    });
    expect(sets).toMatchObject([{ photos: 1, skipped: 2 }]);
    expect(skipped[0]).toMatch(/^1\.jpg is not a JPEG/);
    expect(skipped[1]).toMatch(/^unlabelled\.jpg has no \.txt/);
  });

  test.each([
    [
      { classes: ['bird'] },
      '0 .5 .5 .1 .1',
      "model 'stand-in' has none of the labels bird (it has person, car)",
    ],
    [{ classes: ['person'] }, '', "1 photos hold no object that model 'stand-in' knows (person)"],
  ])('nothing to compare is an error: %j', async (dataset, line, message) => {
    const folder = photos([line], dataset);
    expect((await errorOf(evaluated({ folders: [folder] }), 'LABELS_INVALID')).message).toBe(message);
  });

  test('a folder in which no photo has a .txt is an error that says what is needed', async () => {
    const folder = folderWith({ 'classes.txt': 'person', 'a.jpg': plainJpeg(8, 8) });
    const { message } = await errorOf(evaluated({ folders: [folder] }), 'LABELS_INVALID');
    expect(message).toContain('none of its photos can be used');
  });
});

describe('the run', () => {
  test('takes as many photos of each set as it is told, and says how far it is', async () => {
    const folders = [photos([BOTH, BOTH, BOTH]), photos([BOTH])];
    const told: string[] = [];
    const { sets } = await evaluated({
      folders,
      limit: 2,
      onProgress: (done, of) => told.push(`${done}/${of}`),
    });
    expect(sets.map(({ photos: count }) => count)).toEqual([2, 1]);
    expect(told).toEqual(['1/3', '2/3', '3/3']);
  });

  test('ends between two photos when it is told to', async () => {
    const stop = new AbortController();
    const run = evaluated({
      folders: [photos([BOTH, BOTH])],
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(run).rejects.toThrow('enough');
  });
});

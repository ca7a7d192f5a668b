import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Box } from '../../daemon/core/types.ts';
import {
  IOU_THRESHOLDS,
  matchPhoto,
  Ranking,
  type ScoredBox,
  SIZES,
  type Size,
} from '../../daemon/models/average-precision.ts';
import { ROOT } from '../support/needs.ts';

/** Objects and detections of one class in one photo. */
interface Photo {
  readonly objects: readonly Box[];
  readonly detections: readonly ScoredBox[];
}

function rankingOf(photos: readonly Photo[], size: Size = 'all'): Ranking {
  return new Ranking(
    photos.map(({ objects, detections }, photo) => ({
      photo,
      matched: matchPhoto(objects, detections, SIZES[size]),
    })),
  );
}

const box = (x: number, y: number, width = 40, height = 40): Box => ({ x, y, width, height });

describe('against pycocotools', () => {
  type Corner = readonly [number, number, number, number];
  interface Written {
    readonly objects: readonly { readonly label: number; readonly box: Corner }[];
    readonly detections: readonly { readonly label: number; readonly box: Corner; readonly score: number }[];
  }
  interface Expected {
    readonly sizes: Record<Size, readonly ({ byOverlap: readonly number[]; mean: number } | null)[]>;
    readonly summary: { readonly map: number; readonly map50: number; readonly mapSmall: number };
  }
  const lines = readFileSync(join(ROOT, 'test/fixtures/models/average-precision.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const expected = JSON.parse(lines[0]!) as Expected;
  const photos = lines.slice(1).map((line) => JSON.parse(line) as Written);
  const boxOf = ([x, y, width, height]: Corner): Box => ({ x, y, width, height });
  const rankings = (size: Size): Ranking[] =>
    expected.sizes[size].map((_, label) =>
      rankingOf(
        photos.map(({ objects, detections }) => ({
          objects: objects.filter((one) => one.label === label).map((one) => boxOf(one.box)),
          detections: detections
            .filter((one) => one.label === label)
            .map((one) => ({ box: boxOf(one.box), score: one.score })),
        })),
        size,
      ),
    );

  test.each(Object.keys(SIZES) as Size[])('every class at every overlap is the same (%s)', (size) => {
    for (const [label, ranking] of rankings(size).entries()) {
      const { byOverlap, mean } = expected.sizes[size][label]!;
      for (const threshold of IOU_THRESHOLDS.keys()) {
        expect(ranking.averagePrecision(threshold)).toBeCloseTo(byOverlap[threshold]!, 12);
      }
      expect(ranking.meanOverOverlaps()).toBeCloseTo(mean, 12);
    }
  });

  test('and so are the means over the classes', () => {
    const mean = (values: readonly (number | undefined)[]): number =>
      values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
    expect(mean(rankings('all').map((one) => one.averagePrecision(0)))).toBeCloseTo(
      expected.summary.map50,
      12,
    );
    expect(mean(rankings('all').map((one) => one.meanOverOverlaps()))).toBeCloseTo(expected.summary.map, 12);
    expect(mean(rankings('small').map((one) => one.meanOverOverlaps()))).toBeCloseTo(
      expected.summary.mapSmall,
      12,
    );
  });
});

describe('by hand', () => {
  test('one object found second has half the precision at every recall', () => {
    const photo = {
      objects: [box(0, 0)],
      detections: [
        { box: box(200, 200), score: 0.9 },
        { box: box(0, 0), score: 0.5 },
      ],
    };
    expect(rankingOf([photo]).averagePrecision(0)).toBe(0.5);
  });

  test('of two objects one is found: precision 1 up to half of the recalls', () => {
    const photo = { objects: [box(0, 0), box(200, 200)], detections: [{ box: box(0, 0), score: 0.9 }] };
    // Recalls 0 to 0.50 are 51 of 101.
    expect(rankingOf([photo]).averagePrecision(0)).toBeCloseTo(51 / 101, 12);
  });

  test('a second detection of the same object is wrong', () => {
    const photo = {
      objects: [box(0, 0)],
      detections: [
        { box: box(0, 0), score: 0.9 },
        { box: box(1, 0), score: 0.8 },
      ],
    };
    expect(rankingOf([photo]).countsFrom(0.5)).toEqual({ right: 1, wrong: 1, objects: 1 });
    expect(rankingOf([photo]).countsFrom(0.85)).toEqual({ right: 1, wrong: 0, objects: 1 });
  });

  test('without objects there is no figure, not a bad one', () => {
    const photo = { objects: [], detections: [{ box: box(0, 0), score: 0.9 }] };
    expect(rankingOf([photo]).averagePrecision(0)).toBeUndefined();
    expect(rankingOf([photo]).meanOverOverlaps()).toBeUndefined();
  });

  test('a photo that a resample has drawn twice counts like two photos', () => {
    const found = { objects: [box(0, 0)], detections: [{ box: box(0, 0), score: 0.6 }] };
    const missed = { objects: [box(0, 0)], detections: [{ box: box(200, 0), score: 0.7 }] };
    const weighted = rankingOf([found, missed]).averagePrecision(0, [2, 1]);
    expect(weighted).toBe(rankingOf([found, found, missed]).averagePrecision(0));
    expect(rankingOf([found, missed]).averagePrecision(0, [0, 3])).toBe(0);
  });
});

describe('of any boxes', () => {
  const coordinate = fc.integer({ min: 0, max: 400 });
  const side = fc.integer({ min: 4, max: 200 });
  const anyBox = fc
    .tuple(coordinate, coordinate, side, side)
    .map(([x, y, width, height]) => box(x, y, width, height));
  const anyPhotos = fc.array(
    fc.record({ objects: fc.array(anyBox, { maxLength: 6 }), found: fc.array(anyBox, { maxLength: 8 }) }),
    { minLength: 1, maxLength: 6 },
  );
  /** Scores that are all different: equal ones keep the order of the photos. */
  const scored = (photos: readonly { objects: Box[]; found: Box[] }[]): Photo[] => {
    let count = 0;
    return photos.map(({ objects, found }) => ({
      objects,
      detections: found.map((one) => {
        count += 1;
        return { box: one, score: ((count * 0.618034) % 1) * 0.99 };
      }),
    }));
  };

  test('the order of the photos does not matter', () => {
    fc.assert(
      fc.property(anyPhotos, (drawn) => {
        const photos = scored(drawn);
        const value = rankingOf(photos).meanOverOverlaps();
        expect(rankingOf([...photos].reverse()).meanOverOverlaps()).toBe(value);
      }),
    );
  });

  test('perfect detections give 1, in every range of sizes that has objects', () => {
    fc.assert(
      fc.property(anyPhotos, (drawn) => {
        const photos = scored(drawn.map(({ objects }) => ({ objects, found: objects })));
        for (const size of Object.keys(SIZES) as Size[]) {
          const ranking = rankingOf(photos, size);
          expect(ranking.meanOverOverlaps()).toBe(ranking.objects() === 0 ? undefined : 1);
        }
      }),
    );
  });

  test('a figure is between 0 and 1, and no larger where more overlap is asked for', () => {
    fc.assert(
      fc.property(anyPhotos, (drawn) => {
        const ranking = rankingOf(scored(drawn));
        let before = 1;
        for (const threshold of IOU_THRESHOLDS.keys()) {
          const value = ranking.averagePrecision(threshold) ?? 0;
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(before);
          before = value;
        }
      }),
    );
  });

  test('a wrong detection below all others changes nothing, one above all others never helps', () => {
    fc.assert(
      fc.property(anyPhotos, (drawn) => {
        const photos = scored(drawn);
        const value = rankingOf(photos).averagePrecision(0);
        const withWrong = (score: number): number | undefined => {
          const [first, ...rest] = photos;
          const wrong = { box: box(5000, 5000), score };
          return rankingOf([
            { ...first!, detections: [...first!.detections, wrong] },
            ...rest,
          ]).averagePrecision(0);
        };
        expect(withWrong(0)).toBe(value);
        expect(withWrong(1) ?? 0).toBeLessThanOrEqual(value ?? 0);
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { BestPictures } from '../../daemon/camera/best-pictures.ts';
import { qualityOf, sharpnessOf } from '../../daemon/camera/picture-quality.ts';

const SIZE = { width: 320, height: 192 };

/** Stripes of a number of pixels, light and dark. */
function stripes(period: number): Uint8Array {
  const frame = new Uint8Array((SIZE.width * SIZE.height * 3) / 2).fill(128);
  for (let at = 0; at < SIZE.width * SIZE.height; at += 1) {
    frame[at] = Math.round(120 + 60 * Math.sin((2 * Math.PI * (at % SIZE.width)) / period));
  }
  return frame;
}

const FRAME = stripes(8);
/** Whole pixels, so that moving it by whole stripes changes nothing. */
const BOX = { x: 0.375, y: 0.25, width: 0.25, height: 0.5 };

function quality(changes: { score?: number; box?: typeof BOX; frame?: Uint8Array; least?: number }): number {
  const { score = 0.8, box = BOX, frame = FRAME, least = 0 } = changes;
  return qualityOf(frame, SIZE, { score, box }, least);
}

describe('the quality of a picture', () => {
  test('lies between 0 and 1', () => {
    expect(quality({})).toBeGreaterThan(0);
    expect(quality({ score: 1, box: { x: 0, y: 0, width: 1, height: 1 } })).toBeLessThan(1);
  });

  test.each([
    ['a higher score', { score: 0.9 }],
    ['a larger object', { box: { x: 0.25, y: 0.125, width: 0.5, height: 0.75 } }],
    ['a sharper object', { frame: stripes(4) }],
  ])('grows with %s', (_, better) => {
    expect(quality(better)).toBeGreaterThan(quality({}));
  });

  test('falls for an object at the border, which may be cut off', () => {
    const near = (x: number): number => quality({ box: { ...BOX, x } });
    expect(near(0)).toBeLessThan(near(0.01));
    expect(near(0.01)).toBeLessThan(near(0.125));
    expect(near(0.125)).toBe(near(0.375));
  });

  test('is 0 for what cannot be good enough, whatever the pixels are', () => {
    expect(quality({ least: 0.9 })).toBe(0);
    expect(quality({ least: 0.1 })).toBe(quality({}));
  });

  test('takes a flat picture, or none at all, for not sharp', () => {
    expect(sharpnessOf(new Uint8Array(FRAME.length).fill(90), SIZE, BOX)).toBe(0);
    expect(sharpnessOf(FRAME, SIZE, { x: 0.5, y: 0.5, width: 0, height: 0.2 })).toBe(0);
    expect(sharpnessOf(FRAME, SIZE, { x: 0, y: 0, width: 1, height: 1 })).toBeGreaterThan(0);
  });
});

describe('which track gets a picture', () => {
  test('any, the first time', () => {
    expect(new BestPictures().leastFor(1, 0)).toBe(0);
  });

  test('one that had its turn waits, and then has to be clearly better', () => {
    const best = new BestPictures();
    best.tried(1, 1000, 0.4);
    expect(best.leastFor(1, 1999)).toBeUndefined();
    expect(best.leastFor(1, 2000)).toBeCloseTo(0.5);
    best.tried(1, 2000, 0.6);
    expect(best.leastFor(1, 3000)).toBeCloseTo(0.75);
    expect(best.leastFor(2, 3000)).toBe(0);
  });

  test('one that was refused its first is asked for no more the next time', () => {
    const best = new BestPictures();
    best.tried(1, 1000, 0);
    expect(best.leastFor(1, 1999)).toBeUndefined();
    expect(best.leastFor(1, 2000)).toBe(0);
  });

  test('a refusal takes nothing from the best so far', () => {
    const best = new BestPictures();
    best.tried(1, 1000, 0.4);
    best.tried(1, 2000, 0);
    expect(best.leastFor(1, 3000)).toBeCloseTo(0.5);
  });

  test('a track that ended is forgotten', () => {
    const best = new BestPictures();
    best.tried(1, 1000, 0.4);
    best.forget(1);
    expect(best.leastFor(1, 1000)).toBe(0);
  });

  test('three at once and two a second in the long run are allowed, however many want one', () => {
    const best = new BestPictures();
    const allowed = (monoMs: number): number =>
      Array.from({ length: 20 }, () => best.allow(monoMs, 'first')).filter(Boolean).length;
    expect(allowed(0)).toBe(3);
    expect(allowed(499)).toBe(0);
    expect(allowed(1000)).toBe(2);
    expect(allowed(60_000)).toBe(3);
    let count = 0;
    for (let monoMs = 61_000; monoMs <= 71_000; monoMs += 200) count += allowed(monoMs);
    expect(count).toBe(3 - 1 + 20);
  });

  test('a better one leaves room for the first of another track', () => {
    const best = new BestPictures();
    const allowed = (which: 'first' | 'better') => best.allow(0, which);
    expect([allowed('better'), allowed('better'), allowed('better')]).toEqual([true, true, false]);
    expect([allowed('first'), allowed('first')]).toEqual([true, false]);
  });
});

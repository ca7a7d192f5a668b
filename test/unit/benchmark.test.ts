// The arithmetic of a benchmark: rows, turns, figures, twins of two precisions, the score on golden pictures.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BenchRound,
  estimateS,
  figuresOf,
  int8Warnings,
  precisionPairs,
  settingsOf,
  stemOf,
  turnsOf,
} from '../../daemon/models/benchmark.ts';
import { goldenScore } from '../../daemon/models/golden-score.ts';
import { benchModel, benchRow } from '../support/bench.ts';

function round(runsMs: readonly number[], changes: Partial<BenchRound> = {}): BenchRound {
  return { loadMs: 50, runsMs, cpuMs: 2 * runsMs.length, rssBytes: 80e6, flags: [], ...changes };
}

test('one disturbed round changes the worst run and nothing else', () => {
  const calm = [5, 5, 5, 5, 6, 6, 6, 6, 7, 8];
  const quiet = figuresOf([round(calm), round(calm), round(calm)]);
  const disturbed = round(
    calm.map((ms) => ms * 4),
    { cpuMs: 90, rssBytes: 900e6, flags: ['throttled'], celsius: [60, 82] },
  );
  const figures = figuresOf([round(calm, { celsius: [58, 60] }), disturbed, round(calm)]);
  expect(figures).toEqual({ ...quiet, worstMs: 32, flags: ['throttled'], celsius: [58, 82] });
  expect(quiet).toMatchObject({ rounds: 3, runs: 30, p50Ms: 6, p90Ms: 7, p99Ms: 8, worstMs: 8, cpuMs: 2 });
});

test('percentiles of a row are in order and are times that were measured', () => {
  const times = fc.array(fc.double({ min: 0.01, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(fc.array(times, { minLength: 1, maxLength: 5 }), (rounds) => {
      const { p50Ms, p90Ms, p99Ms, worstMs, runs } = figuresOf(rounds.map((runsMs) => round(runsMs)));
      expect([p50Ms, p90Ms, p99Ms, worstMs]).toEqual(
        [p50Ms, p90Ms, p99Ms, worstMs].toSorted((a, b) => a - b),
      );
      expect(worstMs).toBe(Math.max(...rounds.flat()));
      expect(p50Ms).toBeGreaterThanOrEqual(Math.min(...rounds.flat()));
      expect(runs).toBe(rounds.flat().length);
    }),
  );
});

test('frames at a pace are kept apart from frames one after the other', () => {
  const paced = { perS: 5, runsMs: [8, 8, 12], cpuMs: 30 };
  const figures = figuresOf([round([5, 5], { paced }), round([5, 5], { paced: { ...paced, cpuMs: 36 } })]);
  expect(figures.paced).toEqual({ perS: 5, p50Ms: 8, cpuMs: 11 });
  expect(figures.p50Ms).toBe(5);
});

test('one thread spins for nobody, and an accelerator has one row', () => {
  const rows = settingsOf({ models: ['a'], providers: ['cuda', 'cpu'], threads: [1, 2], spinning: true });
  expect(rows.map(({ provider, threads, spinning }) => [provider, threads, spinning])).toEqual([
    ['cuda', 1, false],
    ['cpu', 1, false],
    ['cpu', 2, false],
    ['cpu', 2, true],
  ]);
});

test('every row has one turn a round, and no row begins two rounds while another could', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 6 }), (count, rounds) => {
      const rows = Array.from({ length: count }, (_, at) => at);
      const turns = turnsOf(rows, rounds);
      for (let one = 0; one < rounds; one += 1) {
        const mine = turns.filter(({ round: at }) => at === one).map(({ row }) => row);
        expect(mine.toSorted((a, b) => a - b)).toEqual(rows);
      }
      const first = Array.from({ length: rounds }, (_, one) => turns[one * count]!.row);
      if (rounds > 1 && count > 1) expect(new Set(first).size).toBeGreaterThan(1);
    }),
  );
});

test('the estimate grows with rows and seconds, and with a pace at which three runs take longer', () => {
  const timing = { rounds: 3, seconds: 6, perS: undefined };
  expect(estimateS(0, timing)).toBe(0);
  expect(estimateS(4, timing)).toBe(36);
  expect(estimateS(4, { ...timing, perS: 5 })).toBe(36);
  expect(estimateS(4, { ...timing, seconds: 12 })).toBe(60);
  expect(estimateS(4, { ...timing, perS: 0.2 })).toBe(4 * 3 * (1 + 15 + 1));
});

test('the name of a model without its precision', () => {
  const names = ['nano', 'nano-int8', '/models/nano_fp32', 'nano.QUANT', 'int8', './nano-float/'];
  expect(names.map(stemOf)).toEqual(['nano', 'nano', 'nano', 'nano', 'int8', 'nano']);
});

test('an int8 model that is slower than its float twin is told, with the cause on this processor', () => {
  const models = [
    benchModel({ name: 'nano-int8' }),
    benchModel({ name: 'nano', precision: 'float' }),
    benchModel({ name: 'nano-float', precision: 'float', width: 224, height: 224 }),
  ];
  const rows = [
    benchRow({ model: 'nano-int8', threads: 1, p50Ms: 9 }),
    benchRow({ model: 'nano', threads: 1, p50Ms: 8 }),
    benchRow({ model: 'nano-int8', threads: 2, p50Ms: 8 }),
    benchRow({ model: 'nano', threads: 2, p50Ms: 5 }),
    benchRow({ model: 'nano-float', threads: 1, p50Ms: 1 }),
  ];
  const pairs = precisionPairs(models, rows);
  expect(pairs.map(({ int8, float }) => [int8.threads, float.model])).toEqual([
    [1, 'nano'],
    [2, 'nano'],
  ]);
  const [warning, ...more] = int8Warnings(models, rows, ['fp16']);
  expect(more).toEqual([]);
  expect(warning).toBe(
    'nano-int8 is slower than its float form: 8.0 ms against 5.0 ms of nano (2 threads); this processor has no instructions for products of bytes (arm64: asimddp; x64: avx_vnni, avx512_vnni)',
  );
  expect(int8Warnings(models, rows, ['dotprod'])[0]).toContain('although this processor has instructions');
  expect(int8Warnings(models, rows.slice(3), ['dotprod'])).toEqual([]);
  expect(int8Warnings(models, rows.slice(3), [])).toEqual([
    'nano-int8: int8, and this processor has no instructions for products of bytes (arm64: asimddp; x64: avx_vnni, avx512_vnni): a float form may be faster; measure both',
  ]);
});

test('a model that was quantized from another is its twin, whatever their names', () => {
  const float = benchModel({ name: 'shop', precision: 'float', sha256: 'f'.repeat(64) });
  const models = [
    float,
    benchModel({ name: 'mine', floatSha256: float.sha256 }),
    benchModel({ name: 'other' }),
  ];
  const rows = models.map(({ name }) => benchRow({ model: name, p50Ms: 5 }));
  const pairs = precisionPairs(models, rows);
  expect(pairs.map(({ int8, float: from }) => [int8.model, from.model])).toEqual([['mine', 'shop']]);
});

const box = (x: number, width = 0.2): { x: number; y: number; width: number; height: number } => {
  return { x, y: 0.2, width, height: 0.5 };
};

test('what is found, missed and invented in golden pictures is counted by the names of labels', () => {
  const objects = [
    { label: 'person', boxes: [box(0.1)], expected: true },
    { label: 'car', boxes: [box(0.4), box(0.4, 0.1)], expected: true },
    { label: 'person', boxes: [box(0.8)], expected: false },
  ];
  const found = [
    { label: 'Person', score: 0.9, box: box(0.11) },
    { label: 'car', score: 0.5, box: box(0.4, 0.09) },
    { label: 'person', score: 0.5, box: box(0.79) },
    { label: 'person', score: 0.8, box: box(0.6, 0.1) },
    { label: 'kite', score: 0.9, box: box(0.6, 0.1) },
    { label: 'car', score: 0.2, box: box(0.7) },
  ];
  const pictures = [{ objects, found }];
  expect(goldenScore(pictures, ['Person', 'car', 'kite'])).toEqual({ found: 2, expected: 2, false: 1 });
  expect(goldenScore(pictures, ['person'])).toEqual({ found: 1, expected: 1, false: 1 });
  expect(goldenScore([{ objects, found: [] }], ['car', 'kite'])).toEqual({ found: 0, expected: 1, false: 0 });
  expect(goldenScore(pictures, ['kite', 'tench'])).toBeUndefined();
});

// Which model, provider and threads are recommended from figures, and with what words.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BenchModel, BenchRow } from '../../daemon/models/benchmark.ts';
import {
  BUSY_MAX,
  busyShare,
  choose,
  cpuCost,
  keepsUp,
  type RecommendFacts,
} from '../../daemon/models/recommend.ts';
import { recommend } from '../../daemon/models/recommend-words.ts';
import { benchModel, benchRow } from '../support/bench.ts';

const NEED = { cameras: 1, framesPerS: 5, runsPerS: 10 };
const NANO = benchModel();
const SMALL = benchModel({ name: 'nano-224', width: 224, height: 224, parameters: 729_000 });

function facts(changes: Partial<RecommendFacts> = {}): RecommendFacts {
  return {
    models: [NANO, SMALL],
    rows: [
      benchRow({ p50Ms: 5.6, cpuMs: 8 }),
      benchRow({ p50Ms: 4.3, cpuMs: 11.2, threads: 2 }),
      benchRow({ p50Ms: 4, cpuMs: 40, threads: 2, spinning: true }),
      benchRow({ model: 'nano-224', p50Ms: 2.8, cpuMs: 4 }),
    ],
    need: NEED,
    current: 'nano',
    ...changes,
  };
}

test('with room to spare: the largest input, the threads that cost least, the alternatives with their figures', () => {
  const { choice, headline, reasons } = recommend(facts());
  expect(choice).toMatchObject({ keepsUp: true, ground: 'resolution', model: { name: 'nano' } });
  expect(headline).toBe(
    'nano on cpu with 1 thread: 5.6 ms a frame (p50), 4 % of a core at 5 frames a second',
  );
  expect(reasons).toEqual([
    'nano: of the models with its labels that keep up it has the largest input, and sees the most of what is small',
    '1 camera sends 5 frames a second, with closer looks at most 10 runs: at 6.7 ms each (p90) the detector is busy for 7 % of the time then (limit 70 %)',
    '2 threads: 1.3 times faster (4.3 ms), and a frame takes 1.4 times the CPU time',
    '2 threads that spin while they wait: a frame at 5 a second takes 3.6 times the CPU time (40 ms against 11 ms); the daemon never lets them',
    'nano-224: 2.0 times faster (2.8 ms), and a frame takes 0.5 times the CPU time; it can be detector.lighter (docs/ladder.md)',
  ]);
});

test('the multipliers are explained with the figures of this board', () => {
  const { multipliers } = recommend(facts());
  expect(multipliers[0]).toMatch(/alpha².*rho²/);
  expect(multipliers[1]).toBe('nano-224 is nano with rho 0.70: by the rule 0.49 of the time, here 0.50');
  expect(multipliers[2]).toBe(
    'for these cameras the board has room for 10.4 times the work of nano: alpha 3.23, or an input 1024 pixels wide instead of 320 (rho 3.20), or a part of both (alpha² x rho² = 10.4)',
  );
  const tight = recommend(facts({ need: { cameras: 1, framesPerS: 100, runsPerS: 200 } }));
  expect(tight.multipliers.at(-1)).toContain('for these cameras the board has room for 1.04 times the work');
  const short = recommend(facts({ models: [NANO], need: { cameras: 1, framesPerS: 200, runsPerS: 400 } }));
  expect(short.multipliers.at(-1)).toMatch(/^these cameras leave 0\.339 of the work of nano: alpha 0\.58/);
});

test('as the cameras ask for more: more threads, then a smaller input, then the truth that nothing keeps up', () => {
  const at = (runsPerS: number) => choose(facts({ need: { cameras: 4, framesPerS: runsPerS, runsPerS } }))!;
  expect(at(100).row).toMatchObject({ model: 'nano', threads: 1 });
  expect(at(120).row).toMatchObject({ model: 'nano', threads: 2 });
  expect(at(200)).toMatchObject({ row: { model: 'nano-224' }, keepsUp: true, ground: 'only' });
  expect(at(300)).toMatchObject({ row: { model: 'nano-224' }, keepsUp: false, ground: 'fastest' });
  const { headline, reasons } = recommend(facts({ need: { cameras: 4, framesPerS: 300, runsPerS: 300 } }));
  expect(headline).toContain('it does not keep up with the cameras');
  expect(reasons.join('\n')).toContain(
    'set detect.fps to 52.1, or regions.perS lower, or have fewer cameras',
  );
});

test('more threads for the same CPU time are taken only where they are clearly faster', () => {
  const threadsFor = (p50Ms: number): number => {
    const rows = [benchRow({ p50Ms: 6, cpuMs: 6 }), benchRow({ p50Ms, cpuMs: 6.1, threads: 2 })];
    return choose(facts({ models: [NANO], rows }))!.row.threads;
  };
  expect([5.9, 5.2, 4.9, 3].map(threadsFor)).toEqual([1, 1, 2, 2]);
});

test('a hot board is judged by what it does while hot', () => {
  const need = { cameras: 1, framesPerS: 100, runsPerS: 100 };
  expect(choose(facts({ need }))!.row.threads).toBe(1);
  expect(choose(facts({ need, hotFactor: 1.2 }))!.row.threads).toBe(2);
  expect(recommend(facts({ need, hotFactor: 1.2 })).reasons[1]).toContain('(p90, 1.20 times that while hot)');
});

test('average precision decides where all were measured on the same photos, and only there', () => {
  const strange = benchModel({
    name: 'strange',
    labels: ['person'],
    parameters: 5e6,
    width: 640,
    height: 640,
  });
  const rows = [benchRow({ p50Ms: 6 }), benchRow({ model: 'strange', p50Ms: 20 })];
  const evaluated = (model: BenchModel, map50: number, set = 'val'): BenchModel => ({
    ...model,
    evaluation: { map50, set },
  });
  const chosen = (models: readonly BenchModel[]) => choose(facts({ models, rows }))!;
  expect(chosen([NANO, strange])).toMatchObject({ model: { name: 'nano' }, ground: 'current' });
  const better = chosen([evaluated(NANO, 0.43), evaluated(strange, 0.5)]);
  expect(better).toMatchObject({ model: { name: 'strange' }, ground: 'evaluated' });
  expect(chosen([evaluated(NANO, 0.43), evaluated(strange, 0.435)]).model.name).toBe('nano');
  expect(chosen([evaluated(NANO, 0.43), evaluated(strange, 0.5, 'other')]).model.name).toBe('nano');
});

test('the precision of a network that costs less is taken, whichever the configuration has', () => {
  const float = benchModel({ name: 'nano-float', precision: 'float' });
  const quick = [benchRow({ p50Ms: 6 }), benchRow({ model: 'nano-float', p50Ms: 9 })];
  const old = [benchRow({ p50Ms: 12 }), benchRow({ model: 'nano-float', p50Ms: 9 })];
  const models = [NANO, float];
  expect(choose(facts({ models, rows: quick, current: 'nano-float' }))!.model.name).toBe('nano');
  const float32 = choose(facts({ models, rows: old, current: 'nano' }));
  expect(float32).toMatchObject({ model: { name: 'nano-float' }, ground: 'twin' });
});

test('among strangers the cheapest is taken, and that nothing says which sees better is said', () => {
  const strangers = [400, 300].map((width) =>
    benchModel({ name: `m${width}`, labels: [`l${width}`], width }),
  );
  const rows = [benchRow({ model: 'm400', p50Ms: 9 }), benchRow({ model: 'm300', p50Ms: 7 })];
  const { choice, reasons } = recommend(facts({ models: strangers, rows, current: 'gone' }));
  expect(choice).toMatchObject({ model: { name: 'm300' }, ground: 'cost' });
  expect(reasons[0]).toContain('nothing that was measured says which of those that keep up sees better');
});

test('what is unfit, broken here or no detector is never taken, and why is said', () => {
  const models = [NANO, SMALL, benchModel({ name: 'imagenet', task: 'classify', labels: ['tench'] })];
  const rows = [
    benchRow({ p50Ms: 5, golden: { found: 1, expected: 20, false: 9 } }),
    benchRow({ model: 'nano-224', p50Ms: 3, golden: { found: 18, expected: 20, false: 0 } }),
    benchRow({ model: 'imagenet', p50Ms: 1 }),
  ];
  const { choice, reasons } = recommend(facts({ models, rows }));
  expect(choice?.model.name).toBe('nano-224');
  expect(reasons).toContain(
    'nano: not considered: it finds 5 % of what the golden pictures show, another row 90 %: something is wrong with it here',
  );
  expect(reasons).toContain(
    "imagenet: not considered: its task is 'classify', the detector runs models that detect",
  );
  const unfit = new Map([['nano-224', "it does not know the label 'dog'"]]);
  const none = recommend(facts({ models, rows, unfit }));
  expect(none.choice).toBeUndefined();
  expect(none.headline).toContain('nothing can be recommended');
  expect(none.reasons).toContain("nano-224: not considered: it does not know the label 'dog'");
});

test('figures that differ by chance are told as the same', () => {
  const rows = [benchRow({ p50Ms: 6, cpuMs: 6 }), benchRow({ p50Ms: 6.1, cpuMs: 6.2, threads: 2 })];
  expect(recommend(facts({ models: [NANO], rows })).reasons).toContain(
    '2 threads: no faster (6.1 ms), and a frame takes about the same CPU time',
  );
});

test('a provider that failed is a reason, and one that works is compared', () => {
  const rows: BenchRow[] = [
    benchRow({ p50Ms: 6, cpuMs: 6 }),
    benchRow({ p50Ms: 2, cpuMs: 3, provider: 'cuda' }),
    { model: 'nano', provider: 'tensorrt', threads: 1, spinning: false, reason: 'libnvinfer is missing' },
  ];
  const { choice, reasons } = recommend(facts({ models: [NANO], rows }));
  expect(choice?.row.provider).toBe('cuda');
  expect(reasons).toContain('cpu: 3.0 times slower (6.0 ms), and a frame takes 2.0 times the CPU time');
  expect(reasons).toContain('tensorrt: not used: libnvinfer is missing');
});

test('a provider on which a model finds nothing is passed over, the model is not', () => {
  const rows = [
    benchRow({ p50Ms: 6, cpuMs: 6, golden: { found: 28, expected: 31, false: 0 } }),
    benchRow({ p50Ms: 1, cpuMs: 1, provider: 'cuda', golden: { found: 0, expected: 31, false: 0 } }),
  ];
  const { choice, reasons } = recommend(facts({ models: [NANO], rows }));
  expect(choice?.row.provider).toBe('cpu');
  expect(reasons.join('\n')).toContain(
    'cuda: not used: it finds 0 % of what the golden pictures show, another row 90 %',
  );
});

const PROVIDERS = ['cpu', 'cuda'];
const MODELS = [NANO, SMALL, benchModel({ name: 'strange', labels: ['cat'], width: 416, height: 416 })];

const anyRows: fc.Arbitrary<BenchRow[]> = fc.array(
  fc
    .record({
      model: fc.constantFrom('nano', 'nano-224', 'strange'),
      provider: fc.constantFrom(...PROVIDERS),
      threads: fc.integer({ min: 1, max: 4 }),
      spinning: fc.boolean(),
      p50Ms: fc.double({ min: 0.1, max: 500, noNaN: true }),
      cpuMs: fc.double({ min: 0.1, max: 900, noNaN: true }),
      fails: fc.boolean(),
    })
    .map(({ fails, p50Ms, cpuMs, ...setting }): BenchRow => {
      return fails ? { ...setting, reason: 'no' } : benchRow({ ...setting, p50Ms, cpuMs });
    }),
  { maxLength: 20 },
);
const anyNeed = fc.record({
  cameras: fc.integer({ min: 1, max: 8 }),
  framesPerS: fc.double({ min: 0.2, max: 200, noNaN: true }),
  runsPerS: fc.double({ min: 0.2, max: 400, noNaN: true }),
});

test('whatever was measured: the choice is a measured row that does not spin, and keeps up if any does', () => {
  fc.assert(
    fc.property(anyRows, anyNeed, (rows, need) => {
      const all = facts({ models: MODELS, rows, need });
      const usable = rows.filter((row) => row.figures !== undefined && !row.spinning);
      const choice = choose(all);
      expect(choice === undefined).toBe(usable.length === 0);
      if (choice === undefined) return;
      expect(usable).toContain(choice.row);
      expect(choice.row.model).toBe(choice.model.name);
      const able = usable.filter((row) => keepsUp(row as typeof choice.row, all));
      expect(choice.keepsUp).toBe(able.length > 0);
      expect(busyShare(choice.row, all) <= BUSY_MAX).toBe(choice.keepsUp);
      const peers = able.filter(({ model }) => model === choice.row.model) as (typeof choice.row)[];
      const least = Math.min(...peers.map(cpuCost));
      if (choice.keepsUp) expect(cpuCost(choice.row)).toBeLessThanOrEqual(least * 1.05);
    }),
  );
});

test('a board k times as fast with k times the cameras is told the same', () => {
  fc.assert(
    fc.property(anyRows, anyNeed, fc.constantFrom(0.25, 2, 8), (rows, need, k) => {
      const faster = rows.map((row): BenchRow => {
        if (row.figures === undefined) return row;
        const { p50Ms, cpuMs } = row.figures;
        const { figures: _, ...setting } = row;
        return benchRow({ ...setting, p50Ms: p50Ms / k, cpuMs: cpuMs / k });
      });
      const busier = { ...need, framesPerS: need.framesPerS * k, runsPerS: need.runsPerS * k };
      const before = choose(facts({ models: MODELS, rows, need }));
      const after = choose(facts({ models: MODELS, rows: faster, need: busier }));
      expect(after === undefined ? -1 : faster.indexOf(after.row)).toBe(
        before === undefined ? -1 : rows.indexOf(before.row),
      );
    }),
  );
});

test('the words name the choice, and no figure in them is missing', () => {
  fc.assert(
    fc.property(anyRows, anyNeed, (rows, need) => {
      const { choice, headline, reasons, multipliers } = recommend(facts({ models: MODELS, rows, need }));
      const words = [headline, ...reasons, ...multipliers].join('\n');
      expect(words).not.toMatch(/NaN|undefined|Infinity|null/);
      if (choice !== undefined) expect(headline).toContain(`${choice.row.model} on ${choice.row.provider}`);
    }),
  );
});

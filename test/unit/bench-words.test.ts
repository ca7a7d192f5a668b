// What `vedette bench` shows and keeps: the table, the course of heat, the difference between two texts, the results of earlier
// runs, the board at a moment.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heatLines, tableLines } from '../../daemon/cli/bench-table.ts';
import { diffLines } from '../../daemon/cli/text-diff.ts';
import type { BenchRow } from '../../daemon/models/benchmark.ts';
import {
  benchPath,
  boardKey,
  type KeptRow,
  keptRow,
  mergeKept,
  readKept,
  writeKept,
} from '../../daemon/models/benchmark-file.ts';
import { heatOf, heatSentence } from '../../daemon/models/benchmark-heat.ts';
import { boardNow } from '../../daemon/platform/board-now.ts';
import { SYSTEM_ROOTS } from '../../daemon/platform/system-files.ts';
import { benchModel, benchRow } from '../support/bench.ts';
import { tempDir } from '../support/temp-dir.ts';

test('the table has a line a row, aligned; a row that failed has its reason in place of figures', () => {
  const models = new Map([['nano', benchModel({ evaluation: { map50: 0.4312, set: 'val' } })]]);
  const rows: BenchRow[] = [
    benchRow({ p50Ms: 5.55, golden: { found: 28, expected: 31, false: 2 } }),
    { model: 'nano', provider: 'cuda', threads: 1, spinning: false, reason: 'there is no GPU' },
    { ...benchRow({ p50Ms: 321.4, threads: 2, spinning: true }), keptAtMs: Date.UTC(2026, 10, 26) },
  ];
  expect(tableLines(rows, models)).toEqual([
    'model  form  input  provider  threads  spin  p50  p90  p99  worst  CPU  CPU paced  MB    golden   AP50',
    'nano   int8    320  cpu             1  no    5.5  6.7  8.3   11.1  5.5        5.5  80  28/31 +2  0.431',
    'nano   int8    320  cuda            1  no    there is no GPU',
    'nano   int8    320  cpu             2  yes   321  386  482    643  643        643  80         -  0.431  (2026-11-26)',
  ]);
});

test('a board that slows down is told with what it had and what held it back', () => {
  const slices = Array.from({ length: 40 }, (_, at) => ({
    atS: (at + 1) * 15,
    p50Ms: at < 10 ? 6 : 7.8,
    celsius: 48 + at,
    mhz: at < 20 ? 1800 : 1200,
    flags: at === 30 ? ['throttled'] : [],
  }));
  const heat = heatOf(slices);
  expect(heat.factor).toBeCloseTo(1.3);
  expect(heatSentence(heat)).toBe(
    'after 10 minutes at full speed: 1.30 times slower (6.0 ms, then 7.8 ms); 48 °C, then 87 °C; 1800 MHz, then 1200 MHz; the board told: throttled',
  );
  const lines = heatLines(heat);
  expect(lines.length).toBeLessThanOrEqual(14);
  expect(lines.at(-1)).toBe('    600 s     7.8 ms  87.0 °C  1200 MHz');
});

test('a board without a thermal zone that keeps its speed is told as that', () => {
  const heat = heatOf([
    { atS: 5, p50Ms: 6, flags: [] },
    { atS: 10, p50Ms: 5.9, flags: [] },
  ]);
  expect(heat).toMatchObject({ factor: 1, flags: [] });
  expect(heatSentence(heat)).toBe(
    'after 0.2 minutes at full speed: no slower (6.0 ms, then 5.9 ms); the board has no thermal zone',
  );
});

test('the board at a moment: its hottest zone, its fastest core, what the firmware holds back', () => {
  const root = tempDir();
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  };
  const roots = { ...SYSTEM_ROOTS, sys: root };
  expect(boardNow(roots)).toEqual({ flags: [] });
  put('class/thermal/thermal_zone0/temp', '61234');
  put('class/thermal/thermal_zone1/temp', '70500');
  put('devices/system/cpu/cpu0/cpufreq/scaling_cur_freq', '1500000');
  put('devices/system/cpu/cpu3/cpufreq/scaling_cur_freq', '1800000');
  put('devices/platform/soc/soc:firmware/get_throttled', '50004');
  expect(boardNow(roots)).toEqual({ celsius: 70.5, mhz: 1800, flags: ['throttled'] });
});

test('a difference is shown with a little around it, and nothing where there is none', () => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].join('\n');
  const after = before.replace('c', 'C').replace('i', 'i\nnew');
  expect(diffLines(before, after)).toEqual([
    ...['  a', '  b', '- c', '+ C', '  d', '  e', '  …', '  h', '  i', '+ new', '  j'],
  ]);
  expect(diffLines(before, before)).toEqual([]);
});

test('what a difference leaves out and puts in makes the one text of the other', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before.join('\n'), after.join('\n'));
      const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
      expect(count('+') - count('-')).toBe((after.length || 1) - (before.length || 1));
      expect(lines.length === 0).toBe(before.join('\n') === after.join('\n'));
    }),
  );
});

const BOARD = boardKey(
  { arch: 'arm64', model: 'Cortex-A72', cores: 4, features: [], governor: undefined, driver: undefined },
  '1.30.0',
);
const SETTING = { model: 'nano', provider: 'cpu', threads: 1, spinning: false };
const WISH = { board: BOARD, sha256: 'a'.repeat(64), seconds: 6, perS: 5 };

function row(changes: Partial<KeptRow> = {}): KeptRow {
  const { figures } = benchRow({ p50Ms: 5 });
  const { provider, threads, spinning } = SETTING;
  const plain = { ...figures, celsius: [50, 60] as const };
  return {
    ...{ board: BOARD, sha256: WISH.sha256, provider, threads, spinning, seconds: 6, atMs: 1000 },
    figures: plain,
    ...changes,
  };
}

test('results are kept, found again and replaced by newer ones', () => {
  const path = benchPath(join(tempDir(), 'new', 'data'));
  expect(readKept(path)).toEqual({ rows: [] });
  writeKept(path, [row()], { rows: [] });
  const kept = readKept(path);
  expect(keptRow(kept.rows, SETTING, WISH)).toEqual({ ...SETTING, figures: row().figures, keptAtMs: 1000 });
  const merged = mergeKept(kept.rows, [row({ atMs: 2000 }), row({ threads: 2 })]);
  expect(merged.map(({ atMs, threads }) => [atMs, threads])).toEqual([
    [2000, 1],
    [1000, 2],
  ]);
});

test('what was measured for another processor, runtime, model, pace or in less time is measured again', () => {
  const rows = [row()];
  const again: Partial<typeof WISH>[] = [
    { board: BOARD.replace('1.30.0', '1.31.0') },
    { sha256: 'b'.repeat(64) },
    { seconds: 7 },
    { perS: 10 },
  ];
  for (const change of again) expect(keptRow(rows, SETTING, { ...WISH, ...change })).toBeUndefined();
  expect(keptRow(rows, { ...SETTING, threads: 2 }, WISH)).toBeUndefined();
  expect(keptRow(rows, SETTING, { ...WISH, seconds: 1, perS: undefined })).toBeDefined();
});

test('a damaged file of results is told, set aside and made anew', () => {
  const path = benchPath(tempDir());
  writeFileSync(path, '{"v":1,"rows":[{}]}');
  const kept = readKept(path);
  expect(kept).toMatchObject({ rows: [], problem: expect.stringContaining('is set aside') });
  writeKept(path, [row()], kept);
  expect(readKept(path).rows).toHaveLength(1);
  expect(readFileSync(`${path}.damaged`, 'utf8')).toBe('{"v":1,"rows":[{}]}');
});

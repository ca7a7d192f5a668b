// history.db told again: every observation as `decodeBody` gives it, in its order, whatever its bytes are; life by life of the
// daemon; what is damaged is left out.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fact, Moment } from '../../daemon/core/types.ts';
import { HistoryReader } from '../../daemon/store/history-reader.ts';
import { HISTORY_MIGRATIONS } from '../../daemon/store/history-schema.ts';
import { migrate } from '../../daemon/store/migrations.ts';
import { decodeBody, type KeptObservation } from '../../daemon/store/observation-codec.ts';
import { PAGE_BYTES, spoilPage } from '../fixtures/store/spoil.ts';
import { tempDir } from '../support/temp-dir.ts';

const ALL = { sinceMs: 0, leadMs: 0, untilMs: 1e15 };
const NAMES = ['porch', 'yard', 'person', 'cat'];

interface KeptRow {
  readonly run: number;
  readonly camera: number;
  readonly atMs: number;
  readonly monoMs: number;
  readonly body: Buffer;
}

/** A history with these rows, as a daemon of this version leaves it. */
function historyOf(rows: readonly KeptRow[], version = HISTORY_MIGRATIONS.length): string {
  const path = join(tempDir(), 'history.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  migrate(db, { epoch: '', nowMs: 0 }, HISTORY_MIGRATIONS.slice(0, version));
  const name = db.prepare('INSERT INTO names (id, name) VALUES (?, ?)');
  for (const [id, text] of NAMES.entries()) name.run(id, text);
  const run = db.prepare('INSERT OR IGNORE INTO runs (id, writer, boot_id, at_ms) VALUES (?, ?, ?, ?)');
  const insert = db.prepare(
    'INSERT INTO observations (run, camera, at_ms, mono_ms, body) VALUES (@run, @camera, @atMs, @monoMs, @body)',
  );
  db.transaction(() => {
    for (const row of rows) {
      run.run(row.run, `writer ${row.run}`, 'boot', row.atMs);
      insert.run(row);
    }
  })();
  db.close();
  return path;
}

interface FactRow {
  readonly run: number;
  readonly s: number;
  readonly kind: string;
  readonly camera: number | null;
  readonly value: string;
}

function addFacts(path: string, facts: readonly FactRow[]): void {
  const db = new Database(path);
  const insert = db.prepare(
    'INSERT INTO facts (run, at_ms, mono_ms, kind, camera, value) VALUES (@run, @atMs, @monoMs, @kind, @camera, @value)',
  );
  for (const { s, ...fact } of facts) insert.run({ ...fact, atMs: s * 1000, monoMs: s * 1000 });
  db.close();
}

/** A body with one track, of any bytes where they mean nothing, and some that ended. */
function bodyOf(noise: Uint8Array, label: number, ended: number): Buffer {
  const body = Buffer.alloc(40 + 4 * ended);
  for (let at = 0; at < body.length; at += 1) body[at] = noise[at % noise.length] ?? 0;
  body.writeUInt16LE(1, 4);
  body.writeUInt16LE(ended, 6);
  body.writeUInt16LE(label, 12);
  return body;
}

function told(path: string, range = ALL): { steps: unknown[]; damage: HistoryReader['damage'] } {
  const reader = new HistoryReader(path);
  const steps: unknown[] = [];
  try {
    const telling = reader.tell(range, {
      begin: ({ id }) => steps.push(`begin ${id}`),
      observe: (observation) => steps.push(observation),
      learn: (fact, moment) => steps.push({ fact, moment }),
      end: ({ monoMs }) => steps.push(`end ${monoMs}`),
    });
    for (const { done, of } of telling) expect(done).toBeLessThanOrEqual(of);
    return { steps, damage: reader.damage };
  } finally {
    reader.close();
  }
}

/** 'frame' of each observation, and the steps between. */
function order(steps: readonly unknown[]): unknown[] {
  return steps.map((step) => (typeof step === 'string' ? step : (step as KeptObservation).stamp?.atMs));
}

const arbitraryRow = fc.record({
  camera: fc.nat(1),
  noise: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  label: fc.integer({ min: 2, max: 3 }),
  ended: fc.nat(3),
});

test('every row comes back as it was written, whatever its bytes are, over pages', () => {
  fc.assert(
    fc.property(fc.array(arbitraryRow, { minLength: 1, maxLength: 40 }), fc.nat(30), (some, times) => {
      const many = Array.from({ length: times + 1 }, () => some).flat();
      const rows = many.map(({ camera, noise, label, ended }, index) => {
        const at = { atMs: 1000 + index, monoMs: index + 0.25 };
        return { run: 1, camera, ...at, body: bodyOf(noise, label, ended) };
      });
      const { steps, damage } = told(historyOf(rows));
      const expected = rows.map(({ body, camera, atMs, monoMs }) =>
        decodeBody(
          new DataView(body.buffer, body.byteOffset, body.length),
          { camera: NAMES[camera]!, atMs, monoMs },
          (id) => NAMES[id],
        ),
      );
      expect(steps.slice(1, -1)).toEqual(expected);
      expect(damage.count).toBe(0);
    }),
    { numRuns: 25 },
  );
});

test('lives of the daemon begin and end in their order, and a time begins a little before it is asked for', () => {
  const rows = Array.from({ length: 6000 }, (_, index) => {
    const run = 1 + Math.floor(index / 2000);
    const monoMs = (index % 2000) * 10;
    return { run, camera: 0, atMs: index * 10, monoMs, body: bodyOf(new Uint8Array(1), 2, 0) };
  });
  const path = historyOf(rows);
  const all = order(told(path).steps);
  expect(all.filter((step) => typeof step === 'string')).toEqual([
    ...['begin 1', 'end 19990', 'begin 2', 'end 19990', 'begin 3', 'end 19990'],
  ]);
  expect(all).toHaveLength(6006);
  const some = order(told(path, { sinceMs: 45_000, leadMs: 2000, untilMs: 52_000 }).steps);
  const times = some.filter((step) => typeof step === 'number');
  expect(some[0]).toBe('begin 3');
  expect(Math.min(...times)).toBeLessThanOrEqual(43_000);
  expect(Math.min(...times)).toBeGreaterThan(20_000);
  expect(Math.max(...times)).toBeGreaterThanOrEqual(51_990);
});

/** Facts in words, other steps as `order` has them. */
function story(steps: readonly unknown[]): unknown[] {
  return steps.map((step) => {
    if (typeof step === 'string') return step;
    const { fact, moment, stamp } = step as { fact?: Fact; moment?: Moment; stamp?: Moment };
    return fact === undefined ? stamp?.atMs : `${Object.values(fact).join(' ')} @${moment?.monoMs}`;
  });
}

test('facts are told between the observations of their time, also in lives without any', () => {
  const row = { camera: 0, body: bodyOf(new Uint8Array(1), 2, 0) };
  const rows = [1, 2, 3].map((s) => ({ ...row, run: 1, atMs: s * 1000, monoMs: s * 1000 }));
  const path = historyOf([...rows, { ...row, run: 4, atMs: 9000, monoMs: 9000 }]);
  addFacts(path, [
    { run: 1, s: 0.5, kind: 'status', camera: 0, value: 'online' },
    { run: 1, s: 2, kind: 'armed', camera: 0, value: '0' },
    { run: 1, s: 3.5, kind: 'fault', camera: null, value: 'disk:1' },
    { run: 1, s: 3.6, kind: 'of a later version', camera: null, value: '?' },
    { run: 2, s: 5, kind: 'status', camera: 1, value: 'offline' },
    { run: 4, s: 8, kind: 'armed', camera: 0, value: '1' },
  ]);
  expect(story(told(path).steps)).toEqual([
    ...['begin 1', 'status porch online @500', 1000, 'armed porch false @2000', 2000, 3000],
    ...['fault disk true @3500', 'end 3500', 'begin 2', 'status yard offline @5000', 'end 5000'],
    ...['begin 4', 'armed porch true @8000', 9000, 'end 9000'],
  ]);
});

test('in the middle of a life it begins with what stands by then', () => {
  const row = { camera: 0, run: 1, body: bodyOf(new Uint8Array(1), 2, 0) };
  const rows = Array.from({ length: 5000 }, (_, s) => ({ ...row, atMs: s * 1000, monoMs: s * 1000 }));
  const path = historyOf(rows);
  addFacts(
    path,
    [0, 10, 20, 30, 4900].map((s) => ({
      ...{ run: 1, s, kind: 'status', camera: 0 },
      value: s % 20 === 0 ? 'online' : 'offline',
    })),
  );
  const { steps } = told(path, { sinceMs: 4_800_000, leadMs: 60_000, untilMs: 1e15 });
  const facts = story(steps).filter((step) => typeof step === 'string');
  expect(facts).toEqual([
    'begin 1',
    'status porch offline @30000',
    'status porch online @4900000',
    'end 4999000',
  ]);
});

test('a file of version 1 has no facts', () => {
  const row = { camera: 0, run: 1, body: bodyOf(new Uint8Array(1), 2, 0) };
  const path = historyOf([{ ...row, atMs: 1, monoMs: 1 }], 1);
  expect(order(told(path).steps)).toEqual(['begin 1', 1, 'end 1']);
});

test('rows whose wall clock jumped are told as well', () => {
  // The board began in 1970, then learned the time.
  const rows = Array.from({ length: 3000 }, (_, index) => {
    const atMs = index < 1500 ? index * 10 : 1_800_000_000_000 + index * 10;
    return { run: 1, camera: 0, atMs, monoMs: index * 10, body: bodyOf(new Uint8Array(1), 2, 0) };
  });
  const { steps } = told(historyOf(rows), { sinceMs: 1_800_000_000_000, leadMs: 0, untilMs: 1e15 });
  const times = order(steps).filter((step) => typeof step === 'number');
  expect(times.filter((atMs) => atMs >= 1_800_000_000_000)).toHaveLength(1500);
});

test('a page of noise costs the rows on it, which are counted, and no others', () => {
  const rows = Array.from({ length: 3000 }, (_, index) => {
    return { run: 1, camera: 0, atMs: index, monoMs: index, body: bodyOf(new Uint8Array([index]), 2, 2) };
  });
  const path = historyOf(rows);
  const pages = new Database(path, { readonly: true });
  const leaf = pages
    .prepare<[], number>(
      "SELECT pageno FROM dbstat WHERE name = 'observations' AND pagetype = 'leaf' LIMIT 1 OFFSET 5",
    )
    .pluck();
  let page: number | undefined;
  try {
    page = leaf.get();
  } finally {
    pages.close();
  }
  expect(PAGE_BYTES).toBe(4096);
  spoilPage(path, page ?? 20);
  const { steps, damage } = told(path);
  expect(damage.count).toBeGreaterThan(20);
  expect(damage.count).toBeLessThan(200);
  expect(damage.examples[0]).toMatch(/^observation \d+: its page of the file is damaged$/);
  expect(steps.length - 2 + damage.count).toBe(3000);
});

test('what is no history of ours is refused in words', () => {
  const folder = tempDir();
  const path = join(folder, 'history.db');
  expect(() => new HistoryReader(path)).toThrow(/no database at/);
  writeFileSync(path, 'something else');
  expect(() => new HistoryReader(path)).toThrow(/cannot be read: file is not a database/);
  const other = join(folder, 'other.db');
  new Database(other).exec('CREATE TABLE t (x)').close();
  expect(() => new HistoryReader(other)).toThrow(/is not a vedette history/);
  const newer = historyOf([]);
  const db = new Database(newer);
  db.pragma('user_version = 99');
  db.close();
  expect(() => new HistoryReader(newer)).toThrow(/has version 99/);
});

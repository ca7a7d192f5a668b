// history.db of every released version becomes the same as a new one and keeps its rows.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { HISTORY_MIGRATIONS } from '../../daemon/store/history-schema.ts';
import { migrate, versionOf } from '../../daemon/store/migrations.ts';
import { ROOT } from '../support/needs.ts';

const FIXTURES = join(ROOT, 'test/fixtures/store');
const CONTEXT = { epoch: '', nowMs: 1_780_000_000_000 };
const fixtures = readdirSync(FIXTURES).filter((name) => /^history-version-\d+\.sql$/.test(name));

function open(name?: string): Database.Database {
  const db = new Database(':memory:');
  onTestFinished(() => void db.close());
  if (name !== undefined) db.exec(readFileSync(join(FIXTURES, name), 'utf8'));
  migrate(db, CONTEXT, HISTORY_MIGRATIONS);
  return db;
}

function schemaOf(db: Database.Database): unknown[] {
  return db
    .prepare("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map((row) => ({ ...(row as object), sql: withoutComments((row as { sql: string }).sql) }));
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/--[^\n]*/g, '').replaceAll(/\s+/g, ' ');
}

test('there is one step per version, and a fixture of every version but the newest', () => {
  expect(HISTORY_MIGRATIONS.map(({ version }) => version)).toEqual(HISTORY_MIGRATIONS.map((_, at) => at + 1));
  const older = HISTORY_MIGRATIONS.slice(0, -1);
  expect(fixtures.sort()).toEqual(older.map(({ version }) => `history-version-${version}.sql`).sort());
});

test.each(fixtures)('a history of %s becomes the same as a new one and keeps its rows', (name) => {
  const [old, fresh] = [open(name), open()];
  expect(versionOf(old)).toBe(HISTORY_MIGRATIONS.length);
  expect(schemaOf(old)).toEqual(schemaOf(fresh));
  expect(old.pragma('quick_check', { simple: true })).toBe('ok');
  expect(old.prepare('SELECT row, mono_ms AS monoMs FROM observations ORDER BY row').all()).toEqual([
    { row: 1, monoMs: 6800 },
    { row: 2, monoMs: 7000 },
    { row: 3, monoMs: 7200 },
  ]);
  const hasNotes = name !== 'history-version-1.sql';
  expect(old.prepare('SELECT count(*) FROM facts').pluck().get()).toBe(hasNotes ? 1 : 0);
  expect(old.prepare('SELECT row FROM traces ORDER BY row').pluck().all()).toEqual(hasNotes ? [1, 2] : []);
});

function traceTotal(db: Database.Database): number {
  return db.prepare<[], number>('SELECT bytes FROM trace_total').pluck().get()!;
}

test.each(fixtures)(
  'the bytes of the traces of %s are counted anew, and none are left when they go',
  (name) => {
    const old = open(name);
    const before = traceTotal(old);
    const rows = old.prepare('SELECT * FROM traces').all();
    old.exec('DELETE FROM traces');
    expect(traceTotal(old)).toBe(0);
    const put = old.prepare(`
    INSERT INTO traces VALUES (@row, @run, @camera, @track, @event_id, @started_at_ms, @at_ms, @ended_at_ms, @body)`);
    for (const row of rows) put.run(row);
    expect(traceTotal(old)).toBe(before);
  },
);

const TRACES = 500;

test.each([300, 900, 1500, 2200, 3000, 4500, 7000, 12_000, 40_000])(
  'traces of %i bytes are counted with what they leave unused of their pages',
  (bytes) => {
    const db = open();
    const put = db.prepare(`
      INSERT INTO traces (run, camera, track, event_id, started_at_ms, at_ms, body) VALUES (1, 0, @track, @id, @atMs, @atMs, @body)`);
    db.transaction(() => {
      for (let track = 0; track < TRACES; track += 1) {
        const id = `01a2151d-4a0b-7796-91e8-${String(track).padStart(12, '0')}`;
        put.run({ track, id, atMs: CONTEXT.nowMs + track * 1000, body: '?' });
      }
    })();
    db.prepare('UPDATE traces SET body = ?').run('x'.repeat(bytes));
    // A table whose rows have grown is written in order by this, as one is to which they were added.
    db.exec('VACUUM');
    const taken = db
      .prepare<[], number>(`
        SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = 'traces')`)
      .pluck()
      .get()!;
    expect(traceTotal(db) / taken).toBeGreaterThan(0.95);
    expect(traceTotal(db) / taken).toBeLessThan(1.1);
    db.exec('DELETE FROM traces');
    expect(traceTotal(db)).toBe(0);
  },
);

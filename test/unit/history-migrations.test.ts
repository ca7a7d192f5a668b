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
  expect(old.prepare('SELECT count(*) FROM facts').pluck().get()).toBe(0);
  expect(old.prepare('SELECT bytes FROM trace_total').pluck().get()).toBe(0);
});

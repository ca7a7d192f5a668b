import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  MIGRATIONS,
  type Migration,
  migrate,
  SCHEMA_VERSION,
  versionOf,
} from '../../daemon/store/migrations.ts';
import { connectReadOnly } from '../../daemon/store/read.ts';
import { Views } from '../../daemon/store/views.ts';
import { alert } from '../fixtures/store/records.ts';
import { openReader } from '../support/database.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const FIXTURES = join(ROOT, 'test/fixtures/store');
const CONTEXT = { epoch: '0123456789abcdef', nowMs: 1_780_000_000_000 };

function open(path = join(tempDir(), 'vedette.db')): Database.Database {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  return db;
}

/** Every table, index and trigger with its text. */
function schemaOf(db: Database.Database): unknown[] {
  return db
    .prepare("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all();
}

const fixtures = readdirSync(FIXTURES).filter((name) => /^version-\d+\.sql$/.test(name));

describe('migrations', () => {
  test('there is one step per version, and a fixture of every version', () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
    expect(fixtures.sort()).toEqual(MIGRATIONS.map(({ version }) => `version-${version}.sql`).sort());
  });

  test.each(fixtures)('a database of %s becomes the same as a new one and keeps its rows', (name) => {
    const path = join(tempDir(), 'vedette.db');
    const old = open(path);
    old.exec(readFileSync(join(FIXTURES, name), 'utf8'));
    migrate(old, CONTEXT);
    const fresh = open();
    migrate(fresh, CONTEXT);
    expect(versionOf(old)).toBe(SCHEMA_VERSION);
    expect(schemaOf(old)).toEqual(schemaOf(fresh));
    expect(old.pragma('quick_check', { simple: true })).toBe('ok');
    const reader = openReader(path);
    onTestFinished(() => reader.close());
    expect(reader.epoch).toBe('00112233445566ff');
    expect(reader.journal({ afterEntry: 0, limit: 4 }).map(({ kind }) => kind)).toEqual([
      'new',
      'update',
      'end',
      'alert',
    ]);
    expect(reader.events({ limit: 9 })).toMatchObject([{ id: 'event-1', zonesEntered: ['door', 'path'] }]);
    expect(reader.alerts({ limit: 9 })).toMatchObject([{ id: 'alert-1', seq: 1 }]);
    expect(reader.outbox({ afterRow: 0, limit: 9 })).toMatchObject([{ row: 4, kind: 'alert', seq: 1 }]);
    expect(reader.lastSeq()).toEqual({ event: 3, alert: 1, gap: 0, 'self-test': 0 });
    // Pictures came with version 2.
    const pictures = reader.snapshots({ limit: 9 });
    expect(pictures.map(({ eventId }) => eventId)).toEqual(name === 'version-1.sql' ? [] : ['event-1']);
    for (const { snapshot } of [...reader.events({ limit: 9 }), ...reader.alerts({ limit: 9 })]) {
      expect(snapshot?.path).toBe(pictures[0]?.path);
    }
  });

  test.each(fixtures)('what version 3 brought is empty, unknown or counted in a database of %s', (name) => {
    const path = join(tempDir(), 'vedette.db');
    const db = open(path);
    db.exec(readFileSync(join(FIXTURES, name), 'utf8'));
    migrate(db, CONTEXT);
    const reader = openReader(path);
    onTestFinished(() => reader.close());
    const [row] = db
      .prepare<[], { body: string; bytes: number; worth: number }>('SELECT * FROM outbox')
      .all();
    expect(row).toMatchObject({ bytes: Buffer.byteLength(row!.body), worth: 2 });
    const known = Number(/\d/.exec(name)) >= 3;
    expect(reader.losses()).toEqual(known ? [{ counter: 'event', first: 2, last: 3 }] : []);
    expect(reader.recall()).toEqual({
      switches: known ? [{ name: 'armed', value: 'false', fileValue: 'true' }] : [],
      retainedTopics: known ? ['vedette/pi/camera/porch/status'] : [],
    });
    expect(reader.journal({ afterEntry: 0, limit: 9 }).map(({ clock }) => clock)).toEqual(
      known ? [...Array(4).fill('unknown'), 'synced'] : Array(4).fill('unknown'),
    );
    expect(reader.events({ limit: 1 })[0]!.unheard).toBe(known ? 1 : 0);
    expect(reader.alerts({ limit: 1 })[0]!.unheardAtMs).toBe(known ? 1_780_315_203_000 : undefined);
  });

  test.each(fixtures)('the journal of a database of %s begins before its first entry', (name) => {
    const db = open();
    db.exec(readFileSync(join(FIXTURES, name), 'utf8'));
    migrate(db, CONTEXT);
    expect(db.prepare('SELECT entry, event_seq, alert_seq, round FROM journal_start').all()).toEqual([
      { entry: 0, event_seq: 0, alert_seq: 0, round: null },
    ]);
  });

  test.each(fixtures)('what version 5 brought is what there was before, in a database of %s', (name) => {
    const path = join(tempDir(), 'vedette.db');
    const db = open(path);
    db.exec(readFileSync(join(FIXTURES, name), 'utf8'));
    migrate(db, CONTEXT);
    const reader = openReader(path);
    onTestFinished(() => reader.close());
    const known = Number(/\d/.exec(name)) >= 5;
    const [alert] = reader.alerts({ limit: 9 });
    expect(alert).toMatchObject(
      known
        ? { trigger: 'cross', line: 'gate', from: 'yard', to: 'street', count: 2, topic: 'house/gate' }
        : { trigger: 'enter', line: undefined, zone: 'door', count: 1, because: [], topic: undefined },
    );
    expect(alert?.eventIds).toEqual(known ? ['event-1', 'event-0'] : undefined);
    expect(db.prepare('SELECT stationary FROM events').pluck().all()).toEqual([known ? 1 : 0]);
  });

  test('events of a group are found by any of them, until the alert is deleted', () => {
    const db = open();
    migrate(db, CONTEXT);
    new Views(db).addAlert(alert(1, { eventIds: ['event-1', 'event-2', 'event-1'], count: 2 }), 7);
    const links = db.prepare('SELECT event_id, alert_seq FROM alert_events ORDER BY event_id').raw();
    expect(links.all()).toEqual([
      ['event-1', 7],
      ['event-2', 7],
    ]);
    db.exec('DELETE FROM alerts');
    expect(links.all()).toEqual([]);
  });

  test('a journal that a damaged file has taken with it begins after the numbers given out before', () => {
    const db = open();
    db.exec(readFileSync(join(FIXTURES, 'version-3.sql'), 'utf8'));
    db.exec(
      "DELETE FROM journal; UPDATE counters SET last_seq = last_seq + 10; INSERT INTO journal SELECT 6, 'alert', 'a', 12, 1, 1, '', '{}', 'unknown'",
    );
    migrate(db, CONTEXT);
    expect(db.prepare('SELECT event_seq, alert_seq FROM journal_start').all()).toEqual([
      { event_seq: 13, alert_seq: 11 },
    ]);
  });

  test('a database of an older version is not read, but named with what to do', () => {
    const path = join(tempDir(), 'vedette.db');
    open(path).exec(readFileSync(join(FIXTURES, 'version-1.sql'), 'utf8'));
    expect(() => connectReadOnly(path)).toThrow(
      expect.objectContaining({
        code: 'DATA_DIR_UNUSABLE',
        message: expect.stringContaining(
          `has version 1, this vedette reads version ${SCHEMA_VERSION}: start`,
        ),
      }),
    );
  });

  test('a released step is never edited: the first n steps make what the fixture of version n holds', () => {
    for (const { version } of MIGRATIONS) {
      const made = open();
      migrate(made, CONTEXT, MIGRATIONS.slice(0, version));
      const kept = open();
      kept.exec(readFileSync(join(FIXTURES, `version-${version}.sql`), 'utf8'));
      expect(schemaOf(made)).toEqual(schemaOf(kept));
      expect(made.pragma('application_id')).toEqual(kept.pragma('application_id'));
      expect(versionOf(kept)).toBe(version);
    }
  });

  test('only the missing steps run, in order, and running again changes nothing', () => {
    const ran: number[] = [];
    const step = (version: number): Migration => ({ version, run: () => void ran.push(version) });
    const db = open();
    migrate(db, CONTEXT);
    const next = [step(SCHEMA_VERSION + 1), step(SCHEMA_VERSION + 2)];
    migrate(db, CONTEXT, [...MIGRATIONS, ...next]);
    migrate(db, CONTEXT, [...MIGRATIONS, ...next]);
    expect(ran).toEqual([SCHEMA_VERSION + 1, SCHEMA_VERSION + 2]);
    expect(versionOf(db)).toBe(SCHEMA_VERSION + 2);
  });

  test('a step that fails leaves the version and the tables before it', () => {
    const db = open();
    migrate(db, CONTEXT);
    const before = schemaOf(db);
    const failing: Migration = {
      version: SCHEMA_VERSION + 1,
      run: (target) => {
        target.exec('CREATE TABLE half_way (x)');
        throw new Error('power cut');
      },
    };
    expect(() => migrate(db, CONTEXT, [...MIGRATIONS, failing])).toThrow('power cut');
    expect(versionOf(db)).toBe(SCHEMA_VERSION);
    expect(schemaOf(db)).toEqual(before);
  });

  test('a newer version is refused by number', () => {
    const db = open();
    db.pragma(`user_version = ${SCHEMA_VERSION + 5}`);
    expect(() => migrate(db, CONTEXT)).toThrow(
      expect.objectContaining({
        code: 'STORE_NEWER',
        message: expect.stringMatching(
          new RegExp(`has version ${SCHEMA_VERSION + 5}, .* up to ${SCHEMA_VERSION}:`),
        ),
      }),
    );
  });
});

import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Gap } from '../../daemon/core/types.ts';
import { SCHEMA_VERSION } from '../../daemon/store/migrations.ts';
import { connectReadOnly } from '../../daemon/store/read.ts';
import { look, makeStore, startChild, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const never = new AbortController().signal;

describe('committing', () => {
  test('a batch becomes journal, event, alert and outbox rows with numbers of their own counters', async () => {
    const dataDir = tempDir();
    const { store, rows, commit } = await startStore(dataDir);
    await commit(fullBatch(1));
    await commit({ events: [change('new', 2)], alerts: [alert(2)] });

    expect(rows.map(({ row, kind, seq }) => `${row} ${kind} ${seq}`)).toEqual([
      '1 event 1',
      '2 event 2',
      '3 event 3',
      '4 alert 1',
      '5 event 4',
      '6 alert 2',
    ]);
    expect(rows[0]!.body).toBe(JSON.stringify(change('new', 1)));
    expect(rows[3]!.body).toBe(JSON.stringify(alert(1)));
    expect(rows[3]!.atMs).toBe(alert(1).atMs);
    const reader = look(dataDir);
    expect(
      reader.journal({ afterEntry: 0, limit: 100 }).map(({ kind, subjectId, seq }) => [kind, subjectId, seq]),
    ).toEqual([
      ['new', 'event-1', 1],
      ['update', 'event-1', 2],
      ['end', 'event-1', 3],
      ['alert', 'alert-1', 1],
      ['new', 'event-2', 4],
      ['alert', 'alert-2', 2],
    ]);
    expect(reader.events({ limit: 10 })).toMatchObject([
      { id: 'event-2', endedAtMs: undefined, zonesEntered: ['door', 'path'] },
      { id: 'event-1', endedAtMs: change('end', 1).endedAtMs },
    ]);
    expect(reader.alerts({ limit: 10 })).toMatchObject([
      { id: 'alert-2', seq: 2, eventId: 'event-2' },
      { id: 'alert-1', seq: 1, eventId: 'event-1' },
    ]);
    expect(reader.outbox({ afterRow: 0, limit: 100 })).toEqual(rows);
    const state = store.state();
    expect(state).toMatchObject({
      path: join(dataDir, 'vedette.db'),
      queued: 0,
      outboxRows: 6,
      lastSeq: { event: 4, alert: 2, gap: 0 },
      updatesDropped: 0,
      problem: undefined,
    });
    expect(state.epoch).toBe(reader.epoch);
    expect(state.epoch).toMatch(/^[0-9a-f]{16}$/);
    expect(state.commitMs!.p99).toBeGreaterThanOrEqual(state.commitMs!.p50);
    expect(state.bytes).toBeGreaterThan(4096);
  });

  test('a self-test only passes through the outbox, under a number of its own', async () => {
    const dataDir = tempDir();
    const { rows, commit } = await startStore(dataDir);
    await commit({ events: [], alerts: [alert(1)] });
    await commit({ events: [], alerts: [], selfTests: [alert(2)] });
    expect(rows.map(({ row, kind, seq }) => `${row} ${kind} ${seq}`)).toEqual(['1 alert 1', '2 self-test 1']);
    const reader = look(dataDir);
    expect(reader.journalCount()).toBe(1);
    expect(reader.alerts({ limit: 10 }).map(({ id }) => id)).toEqual(['alert-1']);
    expect(reader.lastSeq()).toEqual({ event: 0, alert: 1, gap: 0, 'self-test': 1 });
  });

  test('journal rows carry wall clock, monotonic clock and boot id', async () => {
    const dataDir = tempDir();
    const { commit } = await startStore(dataDir);
    await commit({ events: [change('new', 1)], alerts: [] });
    const [entry] = look(dataDir).journal({ afterEntry: 0, limit: 1 });
    expect(entry).toMatchObject({ atMs: change('new', 1).atMs, monoMs: 5001 });
    expect(entry!.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  });

  test('batches committed before the file is open are written in their order', async () => {
    const dataDir = tempDir();
    const { store, rows } = makeStore(dataDir);
    for (let number = 1; number <= 300; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await store.start(never);
    await waitFor('all rows', () => rows.length === 300);
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(rows.map(({ body }) => (JSON.parse(body) as { id: string }).id)).toEqual(
      Array.from({ length: 300 }, (_, index) => `alert-${index + 1}`),
    );
  });

  test('times and scores that are a little off do not cost an alert', async () => {
    const dataDir = tempDir();
    const { store, rows, commit } = await startStore(dataDir);
    await commit({ events: [], alerts: [alert(1, { score: 1.0000001, atMs: 1780000000000.25 })] });
    expect(rows).toMatchObject([{ kind: 'alert', seq: 1, atMs: 1780000000000 }]);
    expect(store.state().recordsRefused).toBe(0);
  });

  test('a record that cannot fit becomes a gap and its neighbours are kept', async () => {
    const dataDir = tempDir();
    const { store, rows, coded } = await startStore(dataDir);
    store.commit({
      events: [change('new', 1), change('update', 1, { score: Number.NaN })],
      alerts: [alert(1), alert(2, { severity: 'loud' as 'info' })],
    });
    store.commit({ events: [], alerts: [alert(3)] });
    await waitFor('five rows', () => rows.length === 5);
    expect(rows.map(({ kind, seq }) => `${kind} ${seq}`)).toEqual([
      'event 1',
      'gap 1',
      'alert 1',
      'gap 2',
      'alert 3',
    ]);
    expect(JSON.parse(rows[1]!.body) as Gap).toMatchObject({
      counter: 'event',
      reason: 'refused',
      first: 2,
      last: 2,
    });
    expect(JSON.parse(rows[3]!.body) as Gap).toMatchObject({
      counter: 'alert',
      reason: 'refused',
      count: 1,
      detail: expect.stringContaining('alert-2'),
    });
    expect(store.state().recordsRefused).toBe(2);
    expect(coded('INTERNAL')).toHaveLength(2);
  });

  test('journal rows cannot be edited and can be pruned', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    await commit(fullBatch(1));
    await store.stop();
    const db = new Database(join(dataDir, 'vedette.db'));
    expect(() => db.exec("UPDATE journal SET body = '{}'")).toThrow('journal rows are never edited');
    expect(() =>
      db.exec("INSERT INTO journal (kind, at_ms, mono_ms, boot_id, body) VALUES ('odd', 1, 1, 'x', '{}')"),
    ).toThrow(/CHECK constraint/);
    expect(db.prepare('DELETE FROM journal WHERE entry = 1').run().changes).toBe(1);
    db.close();
  });
});

describe('the outbox', () => {
  test('delivered rows vanish and their numbers are not given out again', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    await first.commit(fullBatch(1));
    first.store.delivered([1, 2]);
    first.store.delivered([3, 4, 4, 99]);
    await waitFor('an empty outbox', () => first.store.state().outboxRows === 0);
    expect(readDatabase(dataDir, (reader) => reader.outboxCount())).toBe(0);
    await first.store.stop();

    const second = await startStore(dataDir);
    expect(second.store.state()).toMatchObject({ outboxRows: 0, lastSeq: { event: 3, alert: 1 } });
    await second.commit({ events: [], alerts: [alert(2)] });
    expect(second.rows).toMatchObject([{ row: 5, kind: 'alert', seq: 2 }]);
  });

  test('rows are read in order, page by page, and rows of the last run are not announced', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    await first.commit(fullBatch(1));
    await first.commit(fullBatch(2));
    await first.store.stop();
    const { store, rows } = await startStore(dataDir);
    const page = await store.readOutbox({ afterRow: 0, limit: 3 });
    expect(page).toEqual(first.rows.slice(0, 3));
    expect(await store.readOutbox({ afterRow: page.at(-1)!.row, limit: 100 })).toEqual(first.rows.slice(3));
    expect(await store.readOutbox({ afterRow: 8, limit: 100 })).toEqual([]);
    expect(rows).toEqual([]);
  });
});

describe('starting and stopping', () => {
  test('the folder and its files are for their owner only', async () => {
    const dataDir = join(tempDir(), 'deep', 'data');
    const { commit } = await startStore(dataDir);
    await commit(fullBatch(1));
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const name of ['vedette.db', 'vedette.db-wal', 'vedette.db-shm', 'vedette.lock']) {
      expect([name, statSync(join(dataDir, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
  });

  test('stop writes what is queued and leaves an empty write-ahead log', async () => {
    const dataDir = tempDir();
    const { store } = await startStore(dataDir);
    for (let number = 1; number <= 1000; number += 1) store.commit(fullBatch(number));
    await store.stop();
    await store.stop();
    expect(existsSync(join(dataDir, 'vedette.db-wal'))).toBe(false);
    expect(readDatabase(dataDir, (reader) => [reader.journalCount(), reader.outboxCount()])).toEqual([
      4000, 4000,
    ]);
  });

  test('stop is safe before a start, and what comes later is told, not written', async () => {
    const dataDir = tempDir();
    const { store, records } = makeStore(dataDir);
    await store.stop();
    store.commit(fullBatch(1));
    store.commit(fullBatch(2));
    expect(records.filter(({ event }) => (event as unknown as string) === 'store-late')).toHaveLength(1);
    await expect(store.readOutbox({ afterRow: 0, limit: 1 })).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(existsSync(join(dataDir, 'vedette.db'))).toBe(false);
  });

  test('a start that is called off leaves the folder free for another', async () => {
    const dataDir = tempDir();
    const { store } = makeStore(dataDir);
    const abort = new AbortController();
    const starting = store.start(abort.signal);
    abort.abort(new Error('called off'));
    await expect(starting).rejects.toThrow('called off');
    await store.stop();
    await startStore(dataDir);
  });

  test('a data folder that is a file is refused by name', async () => {
    const path = join(tempDir(), 'data');
    writeFileSync(path, '');
    const { store } = makeStore(path);
    await expect(store.start(never)).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: `data folder '${path}' cannot be used: it is a file, not a folder (EEXIST); make it writable or choose another with --data`,
    });
    await store.stop();
  });

  test('a data folder below a file is refused', async () => {
    const path = join(tempDir(), 'file');
    writeFileSync(path, '');
    await expect(makeStore(join(path, 'data')).store.start(never)).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
    });
  });

  test('a database that is a folder is refused', async () => {
    const dataDir = tempDir();
    mkdirSync(join(dataDir, 'vedette.db'));
    await expect(makeStore(dataDir).store.start(never)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
  });

  test('a second store is kept out, by name, until the first has stopped', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    const second = makeStore(dataDir);
    await expect(second.store.start(never)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: `data folder '${dataDir}' is in use by another vedette (process ${process.pid}): stop it or choose another folder with --data`,
    });
    // The loser's files have not disturbed the winner's lock.
    await second.store.stop();
    await expect(makeStore(dataDir).store.start(never)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await first.commit(fullBatch(1));
    await first.store.stop();
    await startStore(dataDir);
  });

  test('another process is kept out by name, and its death by SIGKILL frees the folder', async () => {
    const dataDir = tempDir();
    const child = startChild(dataDir, 'idle');
    await child.until('the child to open', (lines) => lines.length > 0);
    await expect(makeStore(dataDir).store.start(never)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      data: { pid: child.pid },
    });
    // Tools read on while the daemon has the folder.
    expect(readDatabase(dataDir, (reader) => reader.journalCount())).toBe(0);
    await child.kill();
    await startStore(dataDir);
  });

  test('a lock file that is not empty is named', async () => {
    const dataDir = tempDir();
    writeFileSync(join(dataDir, 'vedette.lock'), 'not a lock file at all '.repeat(100));
    await expect(makeStore(dataDir).store.start(never)).rejects.toThrow(
      /vedette\.lock' should be empty and is not/,
    );
  });

  test('a database of a newer version is refused and left as it is', async () => {
    const dataDir = tempDir();
    const { store } = await startStore(dataDir);
    await store.stop();
    const path = join(dataDir, 'vedette.db');
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    const before = readFileSync(path);
    await expect(makeStore(dataDir).store.start(never)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      data: { version: 99, versionMax: SCHEMA_VERSION },
    });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(() => connectReadOnly(path)).toThrow(expect.objectContaining({ code: 'STORE_NEWER' }));
  });

  test("someone else's SQLite file under our name is refused and left as it is", async () => {
    const dataDir = tempDir();
    const path = join(dataDir, 'vedette.db');
    const db = new Database(path);
    db.exec('CREATE TABLE recipes (name TEXT)');
    db.close();
    const before = readFileSync(path);
    await expect(makeStore(dataDir).store.start(never)).rejects.toThrow(/is not a vedette database/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('an empty database file, left by a crash at creation, is filled', async () => {
    const dataDir = tempDir();
    writeFileSync(join(dataDir, 'vedette.db'), '');
    chmodSync(join(dataDir, 'vedette.db'), 0o600);
    const { commit, coded } = await startStore(dataDir);
    await commit(fullBatch(1));
    expect(coded('STORE_DAMAGED')).toEqual([]);
  });
});

describe('looking into the file', () => {
  test('a missing or foreign file is an error that names it', () => {
    const path = join(tempDir(), 'vedette.db');
    expect(() => connectReadOnly(path)).toThrow(expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' }));
    writeFileSync(path, 'no database '.repeat(1000));
    expect(() => connectReadOnly(path)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  });

  test('it lists newest first, from a time on, up to a limit', async () => {
    const dataDir = tempDir();
    const { commit } = await startStore(dataDir);
    await commit(fullBatch(1));
    await commit(fullBatch(2));
    const reader = look(dataDir);
    expect(reader.events({ limit: 10, sinceMs: change('new', 2).startedAtMs })).toHaveLength(1);
    expect(reader.alerts({ limit: 1 })).toMatchObject([{ id: 'alert-2' }]);
    expect(reader.lastSeq()).toEqual({ event: 6, alert: 2, gap: 0, 'self-test': 0 });
  });
});

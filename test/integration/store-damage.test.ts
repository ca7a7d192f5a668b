import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Gap } from '../../daemon/core/types.ts';
import { connectReadOnly } from '../../daemon/store/read.ts';
import { rowsOf, startChild, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, pictureOnDisk } from '../fixtures/store/records.ts';
import { childPages, PAGE_BYTES, rootPage, spoilPage } from '../fixtures/store/spoil.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** A stopped store's folder with this many batches in it, all unsent. */
async function folderWith(batches: number): Promise<{ dataDir: string; path: string; epoch: string }> {
  const dataDir = tempDir();
  const { store } = await startStore(dataDir);
  for (let number = 1; number <= batches; number += 1) store.commit(fullBatch(number));
  await store.stop();
  const path = join(dataDir, 'vedette.db');
  return { dataDir, path, epoch: readDatabase(dataDir, (reader) => reader.epoch) };
}

/** The one file set aside in a folder. */
function setAside(dataDir: string): string {
  const names = readdirSync(dataDir).filter((name) => /^vedette\.db\.damaged-\d{8}T\d{6}Z$/.test(name));
  expect(names).toHaveLength(1);
  return join(dataDir, names[0]!);
}

describe('a damaged database', () => {
  test('whose outbox can be read is set aside, and its unsent rows go on under the same epoch and numbers', async () => {
    const { dataDir, path, epoch } = await folderWith(5);
    const before = readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 100 }));
    spoilPage(path, rootPage(path, 'journal'));
    const damaged = readFileSync(path);

    const { store, rows, commit, coded } = await startStore(dataDir);
    expect(readFileSync(setAside(dataDir)).equals(damaged)).toBe(true);
    expect(store.state()).toMatchObject({ epoch, outboxRows: 20, lastSeq: { event: 15, alert: 5, gap: 0 } });
    expect(await store.readOutbox({ afterRow: 0, limit: 100 })).toEqual(before);
    await commit({ events: [], alerts: [alert(6)] });
    expect(rows).toMatchObject([{ row: 21, kind: 'alert', seq: 6 }]);
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'all', setAside: setAside(dataDir) }]);
    await store.stop();
    expect(existsSync(`${path}.new`)).toBe(false);
    expect((await startStore(dataDir)).coded('STORE_DAMAGED')).toEqual([]);
  });

  test('that is no database at all is set aside; a new epoch begins and a gap for each counter says so', async () => {
    const { dataDir, path, epoch } = await folderWith(3);
    writeFileSync(path, Buffer.alloc(PAGE_BYTES * 3, 'rust '));
    const { store, rows, coded } = await startStore(dataDir);
    const state = store.state();
    expect(state.epoch).not.toBe(epoch);
    expect(state).toMatchObject({ outboxRows: 2, lastSeq: { event: 0, alert: 0, gap: 2 } });
    const outbox = await store.readOutbox({ afterRow: 0, limit: 10 });
    expect(outbox.map(({ kind }) => kind)).toEqual(['gap', 'gap']);
    const gaps = outbox.map(({ body }) => JSON.parse(body) as Gap);
    expect(gaps).toMatchObject([
      { counter: 'event', reason: 'damaged' },
      { counter: 'alert', reason: 'damaged' },
    ]);
    expect(gaps[0]!.detail).toContain(setAside(dataDir));
    expect(rows).toEqual([]);
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'none' }]);
  });

  test('whose outbox is damaged in the middle gives up the rows before and behind, in a new epoch after the gaps', async () => {
    const { dataDir, path, epoch } = await folderWith(300);
    const leaves = childPages(path, rootPage(path, 'outbox'));
    expect(leaves.length).toBeGreaterThan(4);
    spoilPage(path, leaves[Math.floor(leaves.length / 2)]!);

    const { store, coded } = await startStore(dataDir);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 5000 });
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'some', outboxRows: outbox.length - 2 }]);
    expect(outbox.slice(0, 2).map(({ body }) => JSON.parse(body) as Gap)).toMatchObject([
      { counter: 'event', epochBefore: epoch, lastBefore: 900 },
      { counter: 'alert', epochBefore: epoch, lastBefore: 300 },
    ]);
    const alerts = outbox
      .filter(({ kind }) => kind === 'alert')
      .map(({ body }) => (JSON.parse(body) as { id: string }).id);
    expect(alerts).toContain('alert-1');
    expect(alerts).toContain('alert-300');
    expect(alerts.length).toBeGreaterThan(250);
    expect(alerts.length).toBeLessThan(300);
    expect(store.state().epoch).not.toBe(epoch);
    expect(store.state().lastSeq.alert).toBe(alerts.length);
    // Numbers a publisher may still hold from before are not used again.
    expect(outbox[0]!.row).toBeGreaterThan(1200);
  });

  test('in a new epoch names no number of the old one: a gap that still waited stays behind', async () => {
    const { dataDir, path } = await folderWith(1);
    const { commit, store: first } = await startStore(dataDir);
    // Does not fit: a gap is made for it.
    await commit({ events: [], alerts: [alert(2, { score: Number.NaN, zone: null as never })] });
    expect((await first.readOutbox({ afterRow: 0, limit: 10 })).at(-1)).toMatchObject({ kind: 'gap' });
    await first.stop();
    spoilPage(path, rootPage(path, 'counters'));

    const { store, coded } = await startStore(dataDir);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 10 });
    const gaps = outbox.filter(({ kind }) => kind === 'gap').map(({ body }) => JSON.parse(body) as Gap);
    expect(gaps.map(({ counter, reason }) => `${counter} ${reason}`)).toEqual([
      'event damaged',
      'alert damaged',
    ]);
    expect(outbox.filter(({ kind }) => kind === 'alert')).toHaveLength(1);
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'some', outboxRows: outbox.length - 2 }]);
  });

  test('with a write-ahead log beside it is set aside together with the log, both untouched', async () => {
    const { dataDir, path, epoch } = await folderWith(300);
    const child = startChild(dataDir, 'commit', 301);
    await child.until('forty rows', (lines) => rowsOf(lines, 'rows').length === 40);
    await child.kill();
    // A page of the first run: the log has no newer copy of it.
    spoilPage(path, childPages(path, rootPage(path, 'journal'))[1]!);
    const [database, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    expect(log.length).toBeGreaterThan(PAGE_BYTES);

    const { store } = await startStore(dataDir);
    expect(readFileSync(setAside(dataDir)).equals(database)).toBe(true);
    expect(readFileSync(`${setAside(dataDir)}-wal`).equals(log)).toBe(true);
    // What only the log had is carried over too.
    expect(store.state()).toMatchObject({ epoch, outboxRows: 1240, lastSeq: { event: 930, alert: 310 } });
  });

  test('cut to nothing beside a full write-ahead log is damage, not a new database', async () => {
    const dataDir = tempDir();
    const child = startChild(dataDir, 'commit');
    await child.until('forty rows', (lines) => rowsOf(lines, 'rows').length === 40);
    await child.kill();
    const path = join(dataDir, 'vedette.db');
    writeFileSync(path, '');
    const { store, coded } = await startStore(dataDir);
    expect(coded('STORE_DAMAGED')).toHaveLength(1);
    expect(store.state().lastSeq.gap).toBe(2);
    expect(statSync(`${setAside(dataDir)}-wal`).size).toBeGreaterThan(PAGE_BYTES);
  });

  test('that has lost the rows of its pictures finds the pictures themselves', async () => {
    const { dataDir, path } = await folderWith(1);
    const { store: first, commit } = await startStore(dataDir);
    const pictures = [1, 2, 3].map((number) => pictureOnDisk(dataDir, number));
    await commit({ events: [], alerts: [alert(9)], snapshots: pictures });
    await first.stop();
    for (const picture of pictures) {
      for (const one of [picture.path, picture.cropPath!]) utimesSync(join(dataDir, one), 1, 1);
    }
    spoilPage(path, rootPage(path, 'snapshots'));

    const { store, coded } = await startStore(dataDir);
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'all' }]);
    await waitFor('the sweep', () => store.state().lastPrune !== undefined);
    expect(store.state()).toMatchObject({ snapshots: { count: 3 }, lastPrune: { adopted: 3, orphans: 0 } });
    expect(
      readDatabase(dataDir, (reader) => reader.snapshots({ limit: 9 }))
        .map(({ sha256 }) => sha256)
        .sort(),
    ).toEqual(pictures.map(({ sha256 }) => sha256).sort());
  });

  test('of a newer version is refused as newer, not set aside', async () => {
    const { dataDir, path } = await folderWith(1);
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    spoilPage(path, rootPage(path, 'journal'));
    const before = readdirSync(dataDir);
    await expect(startStore(dataDir)).rejects.toMatchObject({ code: 'STORE_NEWER' });
    expect(readdirSync(dataDir)).toEqual(before);
  });

  test('with events still open: their ends are written all the same', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    await first.commit({ events: [change('new', 1), change('new', 2), change('end', 2)], alerts: [] });
    await first.store.stop();
    const path = join(dataDir, 'vedette.db');
    spoilPage(path, rootPage(path, 'journal'));
    const { store } = await startStore(dataDir);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 10 });
    expect(outbox.map(({ row, seq }) => [row, seq])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(JSON.parse(outbox[3]!.body)).toMatchObject({ id: 'event-1', type: 'end', reason: 'interrupted' });
  });
});

describe('a power cut while a damaged database is replaced', () => {
  test('after the old file was moved: the replacement is put in its place', async () => {
    const { dataDir, path, epoch } = await folderWith(2);
    renameSync(path, `${path}.new`);
    writeFileSync(`${path}-wal`, 'log of the old file');
    const { store, coded } = await startStore(dataDir);
    expect(store.state()).toMatchObject({ epoch, outboxRows: 8 });
    expect(coded('STORE_DAMAGED')).toEqual([]);
    const logs = readdirSync(dataDir).filter((name) => /^vedette\.db\.damaged-.*Z-wal$/.test(name));
    expect(logs).toHaveLength(1);
    expect(readFileSync(join(dataDir, logs[0]!), 'utf8')).toBe('log of the old file');
  });

  test('before it was moved: the unfinished replacement is thrown away', async () => {
    const { dataDir, path, epoch } = await folderWith(2);
    copyFileSync(path, `${path}.new`);
    const { store } = await startStore(dataDir);
    expect(store.state()).toMatchObject({ epoch, outboxRows: 8 });
    expect(existsSync(`${path}.new`)).toBe(false);
  });
});

test('a damaged file is an error for readers, who set nothing aside', async () => {
  const { dataDir, path } = await folderWith(1);
  spoilPage(path, 1);
  const before = readdirSync(dataDir);
  expect(() => connectReadOnly(path)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  expect(readdirSync(dataDir)).toEqual(before);
});

// What a new database has of the messages that a damaged one had waiting: not only in the outbox, but also where subscribers
// ask for them and people look for them. Real files, the real store.
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { FiredAlerts } from '../../daemon/store/fired-alerts.ts';
import { verifyFolder } from '../../daemon/store/verify.ts';
import { type Harness, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { childPages, PAGE_BYTES, rootPage, spoilPage } from '../fixtures/store/spoil.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** A stopped store's folder with these batches, of which these messages have been delivered. */
async function folderWith(batches: number, isDelivered: (row: OutboxRow) => boolean): Promise<string> {
  const dataDir = tempDir();
  const { store, rows } = await startStore(dataDir);
  for (let number = 1; number <= batches; number += 1) store.commit(fullBatch(number));
  await waitFor('all batches', () => rows.length === 4 * batches);
  const delivered = rows.filter(isDelivered);
  store.delivered(delivered.map(({ row }) => row));
  await waitFor('the rows to leave', () => store.state().outboxRows === rows.length - delivered.length);
  await store.stop();
  return dataDir;
}

function faultsOf(dataDir: string): string[] {
  return [...verifyFolder({ dataDir, pictures: false })].flatMap(({ check, finding }) =>
    finding?.level === 'fault' ? [`${check}: ${finding.message}`] : [],
  );
}

/** Whoever asks for a counter from its beginning gets what waits, under the same numbers. */
async function isFound({ store }: Harness, rows: readonly OutboxRow[]): Promise<void> {
  for (const counter of ['event', 'alert'] as const) {
    const page = await store.messages({ counter, afterSeq: 0, limit: 1000 });
    const waiting = rows.filter(({ kind }) => kind === counter);
    expect(waiting.length).toBeGreaterThan(0);
    expect(page.rows.map(({ seq, body }) => [seq, body])).toEqual(
      waiting.map(({ seq, body }) => [seq, body]),
    );
    expect(page.lastSeq).toBe(waiting.at(-1)!.seq);
  }
}

describe('messages carried over from a damaged database', () => {
  test('under the same numbers are found by who asks for them, are listed, and leave no hole', async () => {
    // Delivered: the first three batches, and of the fifth all but the alert.
    const dataDir = await folderWith(6, ({ row }) => row <= 12 || (row >= 17 && row <= 19));
    const path = join(dataDir, 'vedette.db');
    const waiting = readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 100 }));
    spoilPage(path, rootPage(path, 'journal'));
    const harness = await startStore(dataDir);
    expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'all', outboxRows: 9 }]);
    await isFound(harness, waiting);
    const listed = readDatabase(dataDir, (reader) => reader.alerts({ limit: 100 }));
    expect(listed.map(({ id }) => id)).toEqual(['alert-6', 'alert-5', 'alert-4']);
    await harness.commit({ events: [change('new', 7)], alerts: [alert(7)] });
    await harness.store.stop();
    expect(faultsOf(dataDir)).toEqual([]);
    // What fired before is in the file that was set aside.
    const fired = new FiredAlerts(path);
    expect(fired.knownFromMs()).toBeDefined();
    fired.close();
  });

  test('into a new epoch are found under their new numbers, and leave no hole', async () => {
    const dataDir = await folderWith(100, () => false);
    const path = join(dataDir, 'vedette.db');
    const leaves = childPages(path, rootPage(path, 'outbox'));
    spoilPage(path, leaves[Math.floor(leaves.length / 2)]!);
    const harness = await startStore(dataDir);
    expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'some' }]);
    await isFound(harness, await harness.store.readOutbox({ afterRow: 0, limit: 5000 }));
    await harness.commit(fullBatch(101));
    await harness.store.stop();
    expect(faultsOf(dataDir)).toEqual([]);
  });

  test('whose event has ended and been told so end it no second time', async () => {
    // The update waits, the end that came after it has been delivered.
    const dataDir = await folderWith(2, ({ row }) => row !== 2 && row !== 8);
    const path = join(dataDir, 'vedette.db');
    spoilPage(path, rootPage(path, 'journal'));
    const { store } = await startStore(dataDir);
    const rows = await store.readOutbox({ afterRow: 0, limit: 100 });
    expect(rows.map(({ row }) => row)).toEqual([2, 8]);
    await store.stop();
    expect(faultsOf(dataDir)).toEqual([]);
  });

  test('that are no records, or behind a counter gone wild, are sent all the same', async () => {
    const dataDir = await folderWith(2, () => false);
    const path = join(dataDir, 'vedette.db');
    const db = new Database(path);
    db.exec("UPDATE outbox SET body = '{}', bytes = 2 WHERE row = 4");
    db.exec("UPDATE counters SET last_seq = 1 << 40 WHERE kind = 'event'");
    db.close();
    spoilPage(path, rootPage(path, 'journal'));
    const { store } = await startStore(dataDir);
    const rows = await store.readOutbox({ afterRow: 0, limit: 100 });
    expect(rows.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const alerts = await store.messages({ counter: 'alert', afterSeq: 0, limit: 10 });
    expect(alerts.rows.map(({ seq }) => seq)).toEqual([2]);
    await store.stop();
    expect(faultsOf(dataDir)).toEqual([]);
  });
});

test.each([1, 8])('a database that is %d pages too short gives up what is left of it', async (pages) => {
  const dataDir = await folderWith(100, () => false);
  const path = join(dataDir, 'vedette.db');
  truncateSync(path, statSync(path).size - pages * PAGE_BYTES);
  const harness = await startStore(dataDir);
  const [damage] = harness.coded('STORE_DAMAGED');
  expect(damage!['salvaged']).not.toBe('none');
  expect(damage!['outboxRows']).toBeGreaterThan(300);
  await harness.commit(fullBatch(101));
});

// The database is not there any more: its volume went away while the daemon ran, or it was emptied between two runs. What was in it is
// told by gaps, and no row has a number that the publisher knows. Real files, the real store.
import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Gap } from '../../daemon/core/types.ts';
import { type Harness, startStore } from '../fixtures/store/harness.ts';
import { alert, fullBatch } from '../fixtures/store/records.ts';
import { tempDir } from '../support/temp-dir.ts';

async function gapsOf({ store }: Harness): Promise<Gap[]> {
  const rows = await store.readOutbox({ afterRow: 0, limit: 1000 });
  return rows.filter(({ kind }) => kind === 'gap').map(({ body }) => JSON.parse(body) as Gap);
}

describe('a database that goes away while the store runs', () => {
  /** A running store with twenty messages, whose files are taken away; its thread finds trouble with its next write. */
  async function robbed(): Promise<Harness & { dataDir: string }> {
    const dataDir = tempDir();
    const harness = await startStore(dataDir);
    for (let number = 1; number <= 4; number += 1) await harness.commit(fullBatch(number));
    await harness.commit(fullBatch(5));
    const path = join(dataDir, 'vedette.db');
    const db = new Database(path);
    db.exec("DELETE FROM counters WHERE kind = 'alert'");
    db.close();
    const away = tempDir();
    for (const name of readdirSync(dataDir)) {
      if (name.startsWith('vedette.db')) renameSync(join(dataDir, name), join(away, name));
    }
    return { ...harness, dataDir };
  }

  test('is missed: gaps say so, and no row has the number of an earlier one', async () => {
    const harness = await robbed();
    const { epoch, lastRow } = harness.store.state();
    expect(lastRow).toBe(20);
    await harness.commit({ events: [], alerts: [alert(6)] });
    expect(harness.store.state().epoch).not.toBe(epoch);
    expect(harness.coded('STORE_DAMAGED').at(-1)).toMatchObject({
      reason: 'the database is gone',
      salvaged: 'none',
      msg: 'database was lost (the database is gone); a new epoch begins, unsent messages are lost',
    });
    expect(await gapsOf(harness)).toMatchObject([
      { counter: 'event', reason: 'damaged', detail: 'the database is gone' },
      { counter: 'alert', reason: 'damaged', detail: 'the database is gone' },
    ]);
    const [first] = await harness.store.readOutbox({ afterRow: 0, limit: 1 });
    expect(first!.row).toBe(21);
    // There is nothing to keep.
    expect(readdirSync(harness.dataDir).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  test('with another one in its place goes on there, behind the rows of the first', async () => {
    const otherDir = tempDir();
    const other = await startStore(otherDir);
    await other.commit(fullBatch(1));
    await other.store.stop();
    const harness = await robbed();
    cpSync(join(otherDir, 'vedette.db'), join(harness.dataDir, 'vedette.db'));
    await harness.commit({ events: [], alerts: [alert(6)] });
    expect(harness.store.state().epoch).toBe(other.rows[0]!.epoch);
    expect(harness.rows.at(-1)).toMatchObject({ kind: 'alert', seq: 2, row: 21 });
  });
});

describe('a database that is gone at the start', () => {
  test.each<[what: string, rob: (path: string) => void, setAside: number]>([
    ['missing', (path) => rmSync(path), 0],
    ['empty', (path) => truncateSync(path), 0],
    ['without tables', (path) => blank(path), 1],
  ])('(%s) is no first start where history.db is: gaps say so', async (_what, rob, setAside) => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    await first.commit(fullBatch(1));
    await first.store.stop();
    writeFileSync(join(dataDir, 'history.db'), 'observations');
    rob(join(dataDir, 'vedette.db'));
    const harness = await startStore(dataDir);
    expect(harness.coded('STORE_DAMAGED')).toMatchObject([
      { reason: 'the database is empty or missing, though history.db is there', salvaged: 'none' },
    ]);
    expect((await gapsOf(harness)).map(({ counter }) => counter)).toEqual(['event', 'alert']);
    expect(readdirSync(dataDir).filter((name) => /damaged-[^-]+$/.test(name))).toHaveLength(setAside);
    await harness.store.stop();
    expect((await startStore(dataDir)).coded('STORE_DAMAGED')).toEqual([]);
  });

  test('is a first start where nothing else is', async () => {
    const dataDir = tempDir();
    closeSync(openSync(join(dataDir, 'vedette.db'), 'wx'));
    const harness = await startStore(dataDir);
    expect(harness.coded('STORE_DAMAGED')).toEqual([]);
    expect(await gapsOf(harness)).toEqual([]);
  });
});

/** A database in which nothing was made yet. */
function blank(path: string): void {
  rmSync(path);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.close();
}

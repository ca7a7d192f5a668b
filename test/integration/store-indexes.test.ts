// The check of the indexes while the daemon runs: one flipped bit in any of them is found. Real files.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { isDamage } from '../../daemon/store/failures.ts';
import { INDEXES, IndexCheck } from '../../daemon/store/index-check.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, pictureOnDisk } from '../fixtures/store/records.ts';
import { PAGE_BYTES, rootPage } from '../fixtures/store/spoil.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

const DAY_MS = 86_400_000;
/** More rows than a turn has. */
const BATCHES = 100;

const template = mkdtempSync(join(tmpdir(), 'vedette-test-'));
afterAll(() => rmSync(template, { recursive: true }));
let made = false;

/** The path of a database with rows of every index; of a stopped store, and made once. */
async function database(): Promise<string> {
  const path = join(template, 'vedette.db');
  if (made) return path;
  const { store, commit } = await startStore(template);
  for (let number = 1; number <= BATCHES; number += 1) store.commit(fullBatch(number));
  const picture = pictureOnDisk(template, 1);
  await commit({
    events: [change('new', 101, { snapshot: { path: picture.path, sha256: picture.sha256 } })],
    alerts: [alert(101, { clip: { path: picture.path.replace('.jpg', '.mp4') } })],
    snapshots: [picture],
  });
  await store.stop();
  made = true;
  return path;
}

describe('an index of the database', () => {
  /** What the check of a copy of this database finds in a day. */
  async function found(spoil: (path: string) => void): Promise<unknown[]> {
    const path = join(tempDir(), 'vedette.db');
    cpSync(await database(), path);
    spoil(path);
    const db = new Database(path);
    const clock = new SimClock();
    const troubles: unknown[] = [];
    const check = new IndexCheck({ db, clock, onTrouble: (error) => troubles.push(error) });
    onTestFinished(() => {
      check.stop();
      db.close();
    });
    check.start();
    await clock.advance(300_000);
    expect(troubles).toEqual([]);
    await clock.advance(DAY_MS / 24);
    return troubles;
  }

  test('that is sound is no trouble', async () => {
    expect(await found(() => {})).toEqual([]);
  });

  test.each(INDEXES.map(({ name }) => name))('%s with one flipped bit is damage', async (name) => {
    const [trouble] = await found((path) => {
      const bytes = readFileSync(path);
      // The last bytes of a page belong to the entry that came first.
      bytes[rootPage(path, name) * PAGE_BYTES - 3]! ^= 1;
      writeFileSync(path, bytes);
    });
    expect(isDamage(trouble)).toBe(true);
  });

  test('is checked, whichever it is', async () => {
    const db = new Database(await database(), { readonly: true });
    const names = db
      .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'index' AND rootpage > 0")
      .pluck()
      .all();
    db.close();
    expect(INDEXES.map(({ name }) => name).sort()).toEqual(names.sort());
  });
});

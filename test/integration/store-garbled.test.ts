// Damage that SQLite does not call so: the pages are in order, what stands in them is not. Whatever it is, the store opens,
// sets the file aside and takes writes. Real files, the real store.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import type { Gap, OutboxRow } from '../../daemon/core/types.ts';
import { type Harness, makeStore, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, LIMITS } from '../fixtures/store/records.ts';
import { childPages, PAGE_BYTES, rootPage, spoilPage } from '../fixtures/store/spoil.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const BATCHES = 40;
const SECTOR_BYTES = 512;

const template = mkdtempSync(join(tmpdir(), 'vedette-test-'));
afterAll(() => rmSync(template, { recursive: true }));
let made = false;

/** A copy of a stopped store's folder with forty batches, all unsent, and two events without an end. */
async function folder(): Promise<{ dataDir: string; path: string }> {
  if (!made) {
    const { store } = await startStore(template);
    for (let number = 1; number <= BATCHES; number += 1) store.commit(fullBatch(number));
    store.commit({ events: [change('new', 101), change('new', 102)], alerts: [] });
    await store.stop();
    made = true;
  }
  const dataDir = tempDir();
  cpSync(template, dataDir, { recursive: true });
  return { dataDir, path: join(dataDir, 'vedette.db') };
}

/** Changes the file as no daemon would, against its CHECKs. */
function plant(path: string, sql: string): void {
  const db = new Database(path);
  db.pragma('ignore_check_constraints = 1');
  db.exec(sql);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

/** Turns one bit of the byte where `text` begins in this page: `{` becomes `[`. */
function flipBit(path: string, page: number, text: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text, (page - 1) * PAGE_BYTES);
  expect(Math.floor(at / PAGE_BYTES)).toBe(page - 1);
  bytes[at]! ^= 0x20;
  writeFileSync(path, bytes);
}

/** The alert that is committed now is announced, and all that waits can be read. */
async function goesOn({ store, commit }: Harness): Promise<readonly OutboxRow[]> {
  await commit({ events: [], alerts: [alert(999)] });
  const rows = await store.readOutbox({ afterRow: 0, limit: 5000 });
  for (const { kind, body } of rows) {
    expect(['event', 'alert', 'gap']).toContain(kind);
    expect(JSON.parse(body)).toBeTypeOf('object');
  }
  expect(rows.some(({ kind, body }) => kind === 'alert' && body.includes('"alert-999"'))).toBe(true);
  return rows;
}

const setAside = (dataDir: string): string[] =>
  readdirSync(dataDir).filter((name) => /\.damaged-[^-]+$/.test(name));

/** Of a SQLite page that cannot be told from text. */
const GARBAGE = Buffer.from(Array.from({ length: SECTOR_BYTES }, (_, index) => 33 + ((index * 53) % 90)));

describe.each([
  ['zeros', Buffer.alloc(SECTOR_BYTES)],
  ['printable garbage', GARBAGE],
])('a database with a sector of %s', (_what, sector) => {
  async function opensWithout(first: number): Promise<boolean> {
    const { dataDir, path } = await folder();
    const bytes = readFileSync(path);
    bytes.set(sector, first);
    writeFileSync(path, bytes);
    const harness = await startStore(dataDir);
    await goesOn(harness);
    await harness.store.stop();
    expect(harness.coded('STORE_DAMAGED').length > 0).toBe(setAside(dataDir).length > 0);
    return setAside(dataDir).length > 0;
  }

  test('among the waiting messages opens, wherever it is, and what can be read goes on', async () => {
    const { path } = await folder();
    const pages = childPages(path, rootPage(path, 'outbox'));
    expect(pages.length).toBeGreaterThan(8);
    let replaced = 0;
    for (const [index, page] of pages.slice(0, 12).entries()) {
      // Another eighth of every page.
      const first = (page - 1) * PAGE_BYTES + (index % 8) * SECTOR_BYTES;
      if (await opensWithout(first)) replaced += 1;
    }
    expect(replaced).toBeGreaterThan(8);
  });

  test('anywhere opens', async () => {
    const { path } = await folder();
    const sectors = readFileSync(path).length / SECTOR_BYTES;
    // The first is the file's header.
    for (let index = 1; index < sectors; index += 37) await opensWithout(index * SECTOR_BYTES);
  });
});

test.each([
  ['its epoch', "UPDATE meta SET epoch = 'not-hexadecimal!'", 'it has no epoch'],
  ['a counter', "UPDATE counters SET kind = 'evenv' WHERE kind = 'event'", 'a counter is missing'],
  ['a counter', "UPDATE counters SET last_seq = 3 WHERE kind = 'event'", 'a counter went back'],
  ['a kind', "UPDATE outbox SET kind = 'evenv' WHERE row = 7", 'a waiting message is garbled'],
  ['a body', "UPDATE outbox SET body = '[1]', bytes = 3 WHERE row = 7", 'a waiting message is garbled'],
  ['a length', 'UPDATE outbox SET bytes = bytes + 65536 WHERE row = 7', 'a waiting message is miscounted'],
  [
    'an open event',
    `UPDATE events SET box = replace(box, '0.1', ' .1') WHERE id = 'event-101'`,
    'an event without an end is garbled',
  ],
  ['the round', "UPDATE retention SET round = '{'", 'the round of pruning is garbled'],
  ['the other round', "UPDATE journal_start SET round = '{'", 'the beginning of the journal is garbled'],
])('a database in which %s is garbled (%s) is set aside and goes on', async (_what, sql, reason) => {
  const { dataDir, path } = await folder();
  plant(path, sql);
  const harness = await startStore(dataDir);
  const rows = await goesOn(harness);
  expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ reason }]);
  expect(setAside(dataDir)).toHaveLength(1);
  // All but the one that was garbled, and the ends of the open events.
  const bodies = rows.map(({ body }) => body).join('\n');
  for (const number of [1, BATCHES]) expect(bodies).toContain(`"alert-${number}"`);
  expect(bodies).toContain('"interrupted"');
});

test('a message with a flipped bit stays behind: the others come under new numbers, after the gaps', async () => {
  const { dataDir, path } = await folder();
  const page = childPages(path, rootPage(path, 'outbox'))[2]!;
  flipBit(path, page, '{"id":');
  const harness = await startStore(dataDir);
  const rows = await goesOn(harness);
  expect(harness.coded('STORE_DAMAGED')).toMatchObject([
    { reason: 'a waiting message is garbled', salvaged: 'some', outboxRows: 4 * BATCHES + 2 - 1 },
  ]);
  expect(rows.slice(0, 2).map(({ body }) => JSON.parse(body) as Gap)).toMatchObject([
    { counter: 'event', reason: 'damaged', lastBefore: 3 * BATCHES + 2 },
    { counter: 'alert', reason: 'damaged', lastBefore: BATCHES },
  ]);
  // Numbers of rows of the old file, the one left behind included, are not used again.
  expect(rows[0]!.row).toBeGreaterThan(4 * BATCHES + 2);
});

test('a bit that flips in a waiting message while the store runs does not hold up what comes after', async () => {
  const { dataDir, path } = await folder();
  const harness = await startStore(dataDir);
  const [, , , row] = await harness.store.readOutbox({ afterRow: 0, limit: 4 });
  const { epoch } = harness.store.state();
  const page = childPages(path, rootPage(path, 'outbox'))[5]!;
  // By another process: this one, closing the file, would drop the locks of the store. That page is not in its memory yet.
  const script = `
    const { openSync, readSync, writeSync } = require('node:fs');
    const fd = openSync(process.argv[1], 'r+');
    const bytes = Buffer.alloc(${PAGE_BYTES});
    const at = (process.argv[2] - 1) * ${PAGE_BYTES};
    readSync(fd, bytes, 0, bytes.length, at);
    for (let i = bytes.indexOf('{"id":'); i >= 0; i = bytes.indexOf('{"id":', i + 1)) bytes[i] ^= 0x20;
    writeSync(fd, bytes, 0, bytes.length, at);`;
  execFileSync(process.execPath, ['-e', script, path, String(page)]);
  const all = Array.from({ length: 4 * BATCHES }, (_, index) => row!.row + index);
  harness.store.unheard(all);
  await harness.commit({ events: [], alerts: [alert(998)] });
  await goesOn(harness);
  await waitFor('the problem to be over', () => harness.store.state().problem === undefined);
  expect(setAside(dataDir)).toHaveLength(1);
  expect(harness.store.state().epoch).not.toBe(epoch);
});

test('a counter that goes missing while the store runs has the file set aside', async () => {
  const { dataDir, path } = await folder();
  const harness = await startStore(dataDir);
  plant(path, "DELETE FROM counters WHERE kind = 'alert'");
  await goesOn(harness);
  expect(harness.coded('STORE_DAMAGED').map(({ reason }) => reason as unknown)).toContain(
    'a counter is missing',
  );
});

test.each([
  ['a table with a column of another name', 'ALTER TABLE switches RENAME COLUMN value TO valuf', 'all'],
  ['a last batch that is no count', 'UPDATE meta SET writer_batch = -1', 'some'],
  ['a counter beyond all counting', "UPDATE counters SET last_seq = 1 << 60 WHERE kind = 'event'", 'some'],
])(
  '%s, in a file that is damaged elsewhere, does not keep a new one from being made',
  async (_what, sql, salvaged) => {
    const { dataDir, path } = await folder();
    plant(path, `INSERT INTO switches VALUES ('arm', 'true', 'false'); ${sql}`);
    spoilPage(path, rootPage(path, 'journal'));
    const harness = await startStore(dataDir);
    await goesOn(harness);
    expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ salvaged }]);
  },
);

test('numbers that a counter has forgotten do not come again: a new epoch begins, though nothing waits', async () => {
  const { dataDir, path } = await folder();
  const first = await startStore(dataDir);
  const { epoch } = first.store.state();
  const waiting = await first.store.readOutbox({ afterRow: 0, limit: 5000 });
  first.store.delivered(waiting.map(({ row }) => row));
  await first.store.stop();
  plant(path, "UPDATE counters SET last_seq = 3 WHERE kind = 'event'");
  const harness = await startStore(dataDir);
  expect(await goesOn(harness)).toHaveLength(3);
  expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ reason: 'a counter went back' }]);
  expect(harness.store.state().epoch).not.toBe(epoch);
});

// Each index names a row that is not there. The number of its entries is right, which is all the quick check asks: the first is met
// by the look at open events, the second where these are ended.
test.each(['events_open', 'sqlite_autoindex_events_1'])(
  'damage of %s that is first met while the file is opened has it set aside; open events are ended',
  async (index) => {
    const { dataDir, path } = await folder();
    const page = rootPage(path, index);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('event-102', (page - 1) * PAGE_BYTES) + 'event-102'.length;
    expect(bytes[at]).toBe(BATCHES + 2);
    bytes[at] = 99;
    writeFileSync(path, bytes);
    const harness = await startStore(dataDir);
    const rows = await goesOn(harness);
    expect(setAside(dataDir)).toHaveLength(1);
    expect(rows.filter(({ body }) => body.includes('"interrupted"'))).toHaveLength(2);
  },
);

test('an alert that pruning stumbles over has the file set aside: it would grow for ever', async () => {
  const dataDir = tempDir();
  const first = await startStore(dataDir);
  for (let number = 1; number <= 300; number += 1) first.store.commit(fullBatch(number));
  await waitFor('all batches', () => first.rows.length === 1200);
  first.store.delivered(first.rows.map(({ row }) => row));
  await first.store.stop();
  plant(join(dataDir, 'vedette.db'), "UPDATE alerts SET event_ids = '[' WHERE seq = 2");
  const harness = makeStore(dataDir, { limits: { ...LIMITS, eventsKeepMb: 0.1 } });
  await harness.store.start(new AbortController().signal);
  await waitFor('the file to be set aside', () => setAside(dataDir).length === 1);
  await goesOn(harness);
  expect(harness.coded('STORE_DAMAGED').map(({ reason }) => reason as unknown)).toContain(
    'an alert is garbled',
  );
});

describe('a database of an older version', () => {
  const FIXTURES = join(ROOT, 'test/fixtures/store');
  const fixtures = readdirSync(FIXTURES).filter((name) => /^version-\d+\.sql$/.test(name));

  function make(name: string, sql = ''): string {
    const dataDir = tempDir();
    const db = new Database(join(dataDir, 'vedette.db'));
    db.exec(readFileSync(join(FIXTURES, name), 'utf8'));
    db.pragma('ignore_check_constraints = 1');
    db.exec(sql);
    db.close();
    return dataDir;
  }

  test.each(fixtures)('%s that is sound is not set aside', async (name) => {
    const dataDir = make(name);
    await goesOn(await startStore(dataDir));
    expect(setAside(dataDir)).toEqual([]);
  });

  test.each(fixtures)(
    '%s with a garbled message is set aside, not stuck on its way to ours',
    async (name) => {
      const dataDir = make(name, "UPDATE outbox SET kind = 'alerv'");
      const harness = await startStore(dataDir);
      await goesOn(harness);
      expect(harness.coded('STORE_DAMAGED')).toMatchObject([{ reason: 'a waiting message is garbled' }]);
    },
  );
});

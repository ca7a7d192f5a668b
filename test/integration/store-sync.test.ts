// Which transactions wait for the disk: those that give out a number, and no others. Against a real file, by what SQLite
// is told.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { Ledger, type LedgerWrite } from '../../daemon/store/ledger.ts';
import { migrate } from '../../daemon/store/migrations.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { EPOCH } from '../support/publisher.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Writes, and tells `synchronous` of each transaction that was committed meanwhile. */
function ledger(): { write: (write: Partial<LedgerWrite>) => string[] } {
  let synchronous = '';
  const commits: string[] = [];
  const verbose = (sql: unknown): void => {
    synchronous = /^PRAGMA synchronous = (\w+)$/i.exec(String(sql))?.[1] ?? synchronous;
    if (sql === 'COMMIT') commits.push(synchronous);
  };
  const db = new Database(join(tempDir(), 'vedette.db'), { verbose });
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  migrate(db, { epoch: EPOCH, nowMs: 0 });
  const made = new Ledger({
    db,
    writer: 'w',
    bootId: 'b',
    nowMs: () => 0,
    monoMs: () => 0,
    ageClockMs: () => 0,
  });
  const quota = { bytesMax: 1e6, inHand: [] };
  return {
    write: (write) => {
      commits.length = 0;
      made.write({ batches: [], delivered: [], quota, ...write });
      return [...commits];
    },
  };
}

const batch = { number: 1, ...fullBatch(1) };

test('what happened waits for the disk, that it was delivered does not', () => {
  const { write } = ledger();
  expect(write({ batches: [batch] })).toEqual(['FULL']);
  expect(write({ delivered: [1] })).toEqual(['NORMAL']);
  expect(write({ unheard: [2] })).toEqual(['NORMAL']);
  expect(write({ batches: [{ number: 2, events: [], alerts: [alert(2)] }], delivered: [3] })).toEqual([
    'FULL',
  ]);
});

test('a gap that takes the place of messages waits for the disk: its number is never used twice', () => {
  const { write } = ledger();
  const late = { number: 1, events: [change('new', 1), change('update', 1)], alerts: [] };
  expect(write({ batches: [late] })).toEqual(['FULL']);
  expect(write({ passedOver: [2] })).toEqual(['FULL']);
  expect(write({ quota: { bytesMax: 0, inHand: [] } })).toEqual(['FULL']);
  // The gap for what gave way is made here.
  expect(write({ delivered: [3], quota: { bytesMax: 1e6, inHand: [] } })).toEqual(['FULL']);
  expect(write({ delivered: [4] })).toEqual(['NORMAL']);
});

test('a switch and a topic wait for the disk', () => {
  const { write } = ledger();
  expect(write({ switches: [{ name: 'armed', value: 'true', fileValue: 'false' }] })).toEqual(['FULL']);
  expect(write({ topics: { added: ['vedette/pi/status'], removed: [] } })).toEqual(['FULL']);
});

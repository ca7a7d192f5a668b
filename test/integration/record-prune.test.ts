// Events, alerts and the journal within their days and megabytes: from the beginning of the journal, by the database's own
// clock, never what is open or not delivered, and so that what is left verifies. A real file, a clock that the test moves.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { AgeClock } from '../../daemon/store/age-clock.ts';
import { openDatabase } from '../../daemon/store/database.ts';
import { Ledger } from '../../daemon/store/ledger.ts';
import type { Batch, RecordRound, StoreLimits } from '../../daemon/store/messages.ts';
import { RecordPruner } from '../../daemon/store/record-pruner.ts';
import { verifyFolder } from '../../daemon/store/verify.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { change, fullBatch, LIMITS } from '../fixtures/store/records.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface World {
  readonly pruner: RecordPruner;
  readonly clock: SimClock;
  readonly troubles: unknown[];
  /** Commits a batch; its messages are delivered at once, unless told otherwise. */
  commit(batch: Batch, delivered?: boolean): readonly number[];
  deliver(rows: readonly number[]): void;
  stop(): void;
}

function world(dataDir: string, limits: Partial<StoreLimits>, clock = new SimClock()): World {
  const file = openDatabase({ dataDir, nowMs: () => clock.nowMs(), damages: 0, lastRow: undefined });
  const { db } = file;
  const ageClock = new AgeClock(db, clock);
  const ledger = new Ledger({
    ...{ db, writer: `writer-${clock.monoMs()}`, bootId: 'boot' },
    nowMs: () => clock.nowMs(),
    monoMs: () => clock.monoMs(),
    ageClockMs: () => ageClock.nowMs(),
  });
  const troubles: unknown[] = [];
  const pruner = new RecordPruner({
    ...{ db, journal: ledger.journal, ageClock, clock, limits: { ...LIMITS, ...limits } },
    onTrouble: (error) => void troubles.push(error),
  });
  pruner.start();
  let number = 0;
  const write = (batches: readonly Batch[], delivered: readonly number[]): readonly number[] => {
    const numbered = batches.map((batch) => ({ ...batch, number: ++number }));
    const { rows } = ledger.write({ batches: numbered, delivered });
    pruner.wrote(file.bytes());
    return rows.map(({ row }) => row);
  };
  let open = true;
  const stop = (): void => {
    if (!open) return;
    open = false;
    pruner.stop();
    ageClock.save();
    file.close();
  };
  onTestFinished(stop);
  return {
    ...{ pruner, clock, troubles, stop },
    commit: (batch, delivered = true) => {
      const rows = write([batch], []);
      if (delivered) write([], rows);
      return rows;
    },
    deliver: (rows) => void write([], rows),
  };
}

interface Left {
  readonly entries: number;
  readonly events: string[];
  readonly alerts: string[];
  readonly start: { entry: number; event_seq: number; alert_seq: number; round: string | null };
  readonly prunes: RecordRound[];
}

function left(dataDir: string): Left {
  const db = new Database(join(dataDir, 'vedette.db'), { readonly: true });
  const ids = (table: string): string[] =>
    db.prepare<[], string>(`SELECT id FROM ${table} ORDER BY rowid`).pluck().all();
  const bodies = db
    .prepare<[], string>("SELECT body FROM journal WHERE kind = 'prune' ORDER BY entry")
    .pluck()
    .all();
  try {
    return {
      entries: db.prepare<[], number>('SELECT count(*) FROM journal').pluck().get()!,
      events: ids('events'),
      alerts: ids('alerts'),
      start: db
        .prepare('SELECT entry, event_seq, alert_seq, round FROM journal_start')
        .get() as Left['start'],
      prunes: bodies.map((body) => JSON.parse(body) as RecordRound),
    };
  } finally {
    db.close();
  }
}

function faultsOf(dataDir: string): string[] {
  return [...verifyFolder({ dataDir, pictures: false })].flatMap(({ check, finding }) =>
    finding === undefined || finding.level === 'ok' ? [] : [`${check}: ${finding.message}`],
  );
}

test('what is older than its days goes whole, and the journal says so; a wall clock that jumps deletes nothing', async () => {
  const dataDir = tempDir();
  const { commit, clock, stop, troubles } = world(dataDir, { eventsKeepDays: 2 });
  for (let number = 1; number <= 100; number += 1) commit(fullBatch(number));
  await clock.advance(DAY_MS);
  clock.jumpWall(-900 * DAY_MS);
  await clock.advance(HOUR_MS);
  clock.jumpWall(1800 * DAY_MS);
  for (let number = 101; number <= 110; number += 1) commit(fullBatch(number));
  await clock.advance(DAY_MS - 2 * HOUR_MS);
  expect(left(dataDir).events).toHaveLength(110);
  await clock.advance(4 * HOUR_MS);
  const after = left(dataDir);
  const names = Array.from({ length: 10 }, (_, index) => index + 101);
  expect(after.events).toEqual(names.map((number) => `event-${number}`));
  expect(after.alerts).toEqual(names.map((number) => `alert-${number}`));
  expect(after.start).toEqual({ entry: 400, event_seq: 300, alert_seq: 100, round: null });
  expect(after.prunes).toMatchObject([
    { byAge: 400, byBytes: 0, events: 100, alerts: 100, entry: 400, eventSeq: 300, alertSeq: 100 },
  ]);
  expect(troubles).toEqual([]);
  stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

test('an open event and a message that waits keep everything from their entry on', async () => {
  const dataDir = tempDir();
  const { commit, deliver, clock, stop } = world(dataDir, { eventsKeepDays: 1 });
  commit(fullBatch(1));
  const waiting = commit(fullBatch(2), false);
  commit(fullBatch(3));
  commit({ events: [change('new', 4)], alerts: [] });
  commit(fullBatch(5));
  await clock.advance(3 * DAY_MS);
  expect(left(dataDir).events).toEqual(['event-2', 'event-3', 'event-4', 'event-5']);
  // All but the last message of event 2: its end, and with it the event, still waits.
  deliver(waiting.slice(0, 2));
  await clock.advance(HOUR_MS);
  expect(left(dataDir)).toMatchObject({
    events: ['event-2', 'event-3', 'event-4', 'event-5'],
    start: { event_seq: 5 },
  });
  expect(faultsOf(dataDir)).toEqual([]);
  deliver(waiting);
  await clock.advance(HOUR_MS);
  expect(left(dataDir).events).toEqual(['event-4', 'event-5']);
  commit({ events: [change('end', 4)], alerts: [] });
  await clock.advance(HOUR_MS);
  // The end itself is young.
  expect(left(dataDir)).toMatchObject({
    events: ['event-4'],
    alerts: [],
    start: { event_seq: 13, alert_seq: 4 },
  });
  stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

test('beyond the megabytes the oldest go, down to a percent below, and the pages are used again', async () => {
  const dataDir = tempDir();
  const { commit, clock, stop } = world(dataDir, { eventsKeepMb: 1 });
  for (let number = 1; number <= 800; number += 1) commit(fullBatch(number));
  await clock.advance(60_000);
  const once = left(dataDir);
  expect(once.events.at(-1)).toBe('event-800');
  expect(once.events.length).toBeLessThan(700);
  expect(once.prunes.every(({ byAge, byBytes }) => byAge === 0 && byBytes > 0)).toBe(true);
  const size = openSize(dataDir);
  for (let number = 801; number <= 1600; number += 1) {
    commit(fullBatch(number));
    if (number % 50 === 0) await clock.advance(10_000);
  }
  await clock.advance(60_000);
  expect(openSize(dataDir)).toBeLessThan(size * 1.25);
  expect(left(dataDir).events.at(-1)).toBe('event-1600');
  stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

function openSize(dataDir: string): number {
  const db = new Database(join(dataDir, 'vedette.db'), { readonly: true });
  const pages = Number(db.pragma('page_count', { simple: true }));
  db.close();
  return pages * 4096;
}

test('a round that ends in the middle leaves a sound file, goes on in the next life, and is told whole', async () => {
  const dataDir = tempDir();
  const first = world(dataDir, { eventsKeepDays: 0 });
  for (let number = 1; number <= 200; number += 1) first.commit(fullBatch(number));
  await first.clock.advance(3 * DAY_MS);
  first.pruner.setLimits({ ...LIMITS, eventsKeepDays: 1 });
  await first.clock.advance(100);
  first.stop();
  const { start, events, prunes } = left(dataDir);
  expect(start.entry).toBeGreaterThan(0);
  expect(start.entry).toBeLessThan(800);
  expect(JSON.parse(start.round ?? '')).toMatchObject({ byAge: start.entry, events: 200 - events.length });
  expect(prunes).toEqual([]);
  expect(faultsOf(dataDir)).toEqual([]);
  const second = world(dataDir, { eventsKeepDays: 1 }, first.clock);
  await second.clock.advance(10_000);
  expect(left(dataDir)).toMatchObject({ events: [], alerts: [], start: { entry: 800, round: null } });
  expect(left(dataDir).prunes).toMatchObject([
    { byAge: 800, events: 200, alerts: 200, eventSeq: 600, alertSeq: 200 },
  ]);
  second.stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

test('the store prunes by its configuration, and a smaller limit holds at once', async () => {
  const dataDir = tempDir();
  const { store, rows } = await startStore(dataDir);
  for (let number = 1; number <= 1500; number += 1) store.commit(fullBatch(number));
  await waitFor('all messages', () => rows.length === 6000, 60_000);
  store.delivered(rows.map(({ row }) => row));
  await waitFor('the delivery', () => store.state().outboxRows === 0, 60_000);
  store.setLimits({ ...LIMITS, eventsKeepMb: 1 });
  await waitFor('a prune row', () => left(dataDir).prunes.length > 0, 60_000);
  const { events, prunes } = left(dataDir);
  expect(events.at(-1)).toBe('event-1500');
  expect(prunes[0]).toMatchObject({ byAge: 0, events: 1500 - events.length });
  await store.stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { MESSAGES_MAX } from '../../daemon/store/journal.ts';
import { look, makeStore, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { spoilMiddle, spoilPage, spoilTable } from '../fixtures/store/spoil.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const never = new AbortController().signal;
const DYING_WORKER = new URL('../fixtures/store/dying-worker.ts', import.meta.url);
const ARMED = { name: 'armed', value: 'false', fileValue: 'true' };

describe('switches and retained topics', () => {
  test('are there again after a restart, as they stood last', async () => {
    const dataDir = tempDir();
    const { store } = await startStore(dataDir);
    expect(store.recall()).toEqual({ switches: [], retainedTopics: [] });
    store.keepSwitch({ ...ARMED, value: 'true' });
    store.keepTopics({ added: ['vedette/pi/a', 'vedette/pi/b'], removed: [] });
    store.keepSwitch(ARMED);
    store.keepTopics({ added: ['vedette/pi/c'], removed: ['vedette/pi/a'] });
    const kept = { switches: [ARMED], retainedTopics: ['vedette/pi/b', 'vedette/pi/c'] };
    expect(store.recall()).toEqual(kept);
    await store.stop();
    const again = await startStore(dataDir);
    expect(again.store.recall()).toEqual(kept);
    again.store.keepTopics({ added: [], removed: ['vedette/pi/b', 'vedette/pi/c'] });
    await again.store.stop();
    expect(readDatabase(dataDir, (reader) => reader.recall())).toEqual({
      switches: [ARMED],
      retainedTopics: [],
    });
  });

  test('given before the file is open hold against what it says, and are written', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    first.store.keepSwitch({ ...ARMED, value: '1' });
    first.store.keepTopics({ added: ['old', 'older'], removed: [] });
    await first.store.stop();
    const { store } = makeStore(dataDir);
    store.keepSwitch({ ...ARMED, value: '2' });
    store.keepTopics({ added: ['new'], removed: ['old'] });
    await store.start(never);
    await store.opened;
    const kept = { switches: [{ ...ARMED, value: '2' }], retainedTopics: ['new', 'older'] };
    const sorted = { ...store.recall(), retainedTopics: [...store.recall().retainedTopics].sort() };
    expect(sorted).toEqual(kept);
    await store.stop();
    expect(readDatabase(dataDir, (reader) => reader.recall())).toEqual(kept);
  });

  test('are carried over from a damaged file, and given again to one that lost them while the daemon ran', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    store.keepSwitch(ARMED);
    store.keepTopics({ added: ['vedette/pi/a'], removed: [] });
    await commit(fullBatch(1));
    await store.stop();
    spoilTable(dataDir, 'journal');
    const second = await startStore(dataDir, { workerUrl: DYING_WORKER });
    expect(second.coded('STORE_DAMAGED')).toHaveLength(1);
    expect(second.store.recall()).toEqual({ switches: [ARMED], retainedTopics: ['vedette/pi/a'] });
    // The tables behind the running thread's back: another connection, as a damaged page would be.
    const db = new Database(join(dataDir, 'vedette.db'));
    db.exec('DELETE FROM switches; DELETE FROM retained_topics');
    db.close();
    writeFileSync(join(dataDir, 'die-before'), '');
    await second.commit(fullBatch(2));
    await second.store.stop();
    expect(readDatabase(dataDir, (reader) => reader.recall())).toEqual({
      switches: [ARMED],
      retainedTopics: ['vedette/pi/a'],
    });
  });

  test('that are no JSON are refused at once: they would hold up everything else', async () => {
    const { store, commit } = await startStore(tempDir());
    expect(() => store.keepSwitch({ ...ARMED, value: 'ON' })).toThrow(SyntaxError);
    await commit(fullBatch(1));
    expect(store.recall().switches).toEqual([]);
  });
});

describe('messages nobody heard', () => {
  test('leave the outbox, and their alert and event say so', async () => {
    const dataDir = tempDir();
    const { store, rows, commit } = await startStore(dataDir);
    await commit(fullBatch(1));
    await commit(fullBatch(2));
    const unheard = rows.filter(({ row }) => row <= 4 && row !== 2).map(({ row }) => row);
    store.unheard([...unheard, 99]);
    store.unheard(unheard);
    await waitFor('the rows to leave', () => store.state().outboxRows === 5);
    const reader = look(dataDir);
    expect(reader.outbox({ afterRow: 0, limit: 9 }).map(({ row }) => row)).toEqual([2, 5, 6, 7, 8]);
    expect(reader.events({ limit: 9 }).map(({ id, unheard }) => [id, unheard])).toEqual([
      ['event-2', 0],
      ['event-1', 2],
    ]);
    expect(reader.alerts({ limit: 9 }).map(({ id, unheardAtMs }) => [id, typeof unheardAtMs])).toEqual([
      ['alert-2', 'undefined'],
      ['alert-1', 'number'],
    ]);
    const bytes = reader.outbox({ afterRow: 0, limit: 9 }).map(({ body }) => Buffer.byteLength(body));
    expect(store.state().outboxBytes).toBe(bytes.reduce((sum, one) => sum + one, 0));
  });
});

describe('messages asked for again', () => {
  test('come by number from the journal, delivered or not, with where the counter stands', async () => {
    const { store, rows, commit } = await startStore(tempDir());
    for (const number of [1, 2, 3]) await commit(fullBatch(number));
    store.delivered(rows.map(({ row }) => row));
    await waitFor('an empty outbox', () => store.state().outboxRows === 0);
    const { epoch } = store;
    const alerts = await store.messages({ counter: 'alert', afterSeq: 1, limit: 10 });
    expect(alerts).toEqual({
      epoch,
      lastSeq: 3,
      rows: [2, 3].map((seq) => ({
        row: 0,
        epoch,
        kind: 'alert',
        seq,
        atMs: alert(seq).atMs,
        body: JSON.stringify(alert(seq)),
      })),
    });
    const events = await store.messages({ counter: 'event', afterSeq: 4, limit: 3 });
    expect(events.lastSeq).toBe(9);
    expect(events.rows.map(({ kind, seq }) => `${kind} ${seq}`)).toEqual(['event 5', 'event 6', 'event 7']);
    expect(events.rows[0]!.body).toBe(JSON.stringify(change('update', 2)));
    expect((await store.messages({ counter: 'event', afterSeq: 9, limit: 3 })).rows).toEqual([]);
  });

  test('are bounded whatever was asked for', async () => {
    const { store, rows } = await startStore(tempDir());
    const count = MESSAGES_MAX + 5;
    for (let number = 1; number <= count; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await waitFor('all rows', () => rows.length === count);
    for (const [limit, length] of [
      [1e9, MESSAGES_MAX],
      [Number.POSITIVE_INFINITY, MESSAGES_MAX],
      [2.9, 2],
      [-1, 0],
    ] as const) {
      const page = await store.messages({ counter: 'alert', afterSeq: 0, limit });
      expect([limit, page.rows.length]).toEqual([limit, length]);
    }
  });
});

describe('the clock', () => {
  test('stands beside every row of the journal, and its correction is a row of its own', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    await commit({ events: [], alerts: [alert(1)] });
    store.setClockState('unsynced');
    await commit({ events: [], alerts: [alert(2)] });
    const correction = { beforeMs: 1_000_000.25, afterMs: 1_780_000_000_000.75, monoMs: 42.5 };
    store.correctClock(correction);
    store.setClockState('synced');
    await commit({ events: [], alerts: [alert(3)] });
    const entries = look(dataDir).journal({ afterEntry: 0, limit: 9 });
    expect(entries.map(({ kind, clock }) => [kind, clock])).toEqual([
      ['alert', 'unknown'],
      ['alert', 'unsynced'],
      ['clock-correction', 'synced'],
      ['alert', 'synced'],
    ]);
    expect(entries[2]).toMatchObject({ atMs: 1_780_000_000_001, monoMs: 42.5, seq: undefined });
    expect(JSON.parse(entries[2]!.body)).toEqual(correction);
  });
});

describe('a row of the outbox', () => {
  test('keeps the epoch of the file it came from when another file takes its place while the daemon runs', async () => {
    const dataDir = tempDir();
    const { store, rows, commit, coded } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit(fullBatch(1));
    const before = store.epoch!;
    // The thread is gone when the file is spoiled: no writer of this process may be on it.
    writeFileSync(join(dataDir, 'say-damaged'), '1');
    const spoil = (): void => spoilPage(join(dataDir, 'vedette.db'), 1);
    store.commit({ events: [], alerts: [alert(2)] });
    await waitFor('the damage to be noticed', () => store.state().problem?.code === 'STORE_DAMAGED');
    spoil();
    await commit({ events: [], alerts: [alert(3)] });
    const after = store.epoch!;
    expect(after).not.toBe(before);
    expect(coded('STORE_DAMAGED').some(({ salvaged }) => salvaged === 'none')).toBe(true);
    for (const row of rows) expect([row.row, row.epoch]).toEqual([row.row, row.row <= 4 ? before : after]);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 100 });
    expect(outbox.length).toBeGreaterThan(0);
    expect(new Set(outbox.map(({ epoch }) => epoch))).toEqual(new Set([after]));
  });

  test('that was salvaged has the new epoch and a new number, the same message held from before has the old ones', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    for (let number = 1; number <= 300; number += 1) first.store.commit(fullBatch(number));
    await first.store.stop();
    const { store, commit, coded } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    const before = store.epoch!;
    const held = await store.readOutbox({ afterRow: 0, limit: 5000 });
    writeFileSync(join(dataDir, 'say-damaged'), '1');
    store.commit({ events: [], alerts: [alert(301)] });
    await waitFor('the damage to be noticed', () => store.state().problem?.code === 'STORE_DAMAGED');
    spoilMiddle(dataDir, 'outbox');
    await waitFor('the new file', () => store.state().problem === undefined && store.state().queued === 0);
    expect(coded('STORE_DAMAGED').some(({ salvaged }) => salvaged === 'some')).toBe(true);
    expect(new Set(held.map(({ epoch }) => epoch))).toEqual(new Set([before]));
    const outbox = await store.readOutbox({ afterRow: 0, limit: 5000 });
    expect(new Set(outbox.map(({ epoch }) => epoch))).toEqual(new Set([store.epoch]));
    expect(store.epoch).not.toBe(before);
    // Rows of the two files are never taken for one another: settling the old ones takes nothing from the new.
    const [last] = outbox.filter(({ body }) => body === JSON.stringify(alert(300)));
    expect(last!.seq).toBeLessThan(300);
    store.delivered(held.map(({ row }) => row));
    await commit({ events: [], alerts: [alert(303)] });
    expect(store.state().outboxRows).toBe(outbox.length + 1);
  });
});

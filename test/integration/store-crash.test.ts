import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StoreState } from '../../daemon/store/messages.ts';
import { type Harness, look, rowsOf, startChild, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { readDatabase, type StoreReader } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const DYING_WORKER = new URL('../fixtures/store/dying-worker.ts', import.meta.url);

/** Everything in order: what every crash must leave true. `delivered` are names (kind/seq/row) that may be gone. */
function expectSound(reader: StoreReader, delivered: ReadonlySet<string>): void {
  const journal = reader.journal({ afterEntry: 0, limit: 1_000_000 });
  const outbox = reader.outbox({ afterRow: 0, limit: 1_000_000 });
  const lastSeq = reader.lastSeq();
  const waiting = new Map(outbox.map((row) => [`${row.kind}/${row.seq}`, row]));
  const gone = new Set([...delivered].map((name) => name.slice(0, name.lastIndexOf('/'))));
  for (const kind of ['event', 'alert'] as const) {
    const entries = journal.filter((entry) => (entry.kind === 'alert') === (kind === 'alert'));
    // No holes, no repetition, and the counter stands where the journal does.
    expect(entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: lastSeq[kind] }, (_, index) => index + 1),
    );
    for (const { seq, body } of entries) {
      const row = waiting.get(`${kind}/${seq}`);
      if (row === undefined) expect(gone).toContain(`${kind}/${seq}`);
      else expect(row.body).toBe(body);
    }
  }
  expect(outbox.every(({ kind, seq }) => seq <= lastSeq[kind])).toBe(true);
  // A batch is four records in a row or none of them.
  const batches = journal.filter(({ body }) => !body.includes('interrupted'));
  expect(batches.length % 4).toBe(0);
  for (let index = 0; index < batches.length; index += 4) {
    const ids = batches.slice(index, index + 4).map(({ kind, subjectId }) => `${kind} ${subjectId}`);
    const number = ids[0]!.replace('new event-', '');
    expect(ids).toEqual([
      `new event-${number}`,
      `update event-${number}`,
      `end event-${number}`,
      `alert alert-${number}`,
    ]);
  }
}

describe('a process killed with SIGKILL', () => {
  test('between commit and delivery leaves its rows with the same id, epoch and seq', async () => {
    const dataDir = tempDir();
    const child = startChild(dataDir, 'commit');
    await child.until('forty rows', (lines) => rowsOf(lines, 'rows').length === 40);
    await child.kill();

    const { store, rows } = await startStore(dataDir);
    expect(store.state().epoch).toBe(child.lines.find(({ step }) => step === 'open')!.epoch);
    const left = await store.readOutbox({ afterRow: 0, limit: 100 });
    expect(left.map(({ kind, seq, row }) => `${kind}/${seq}/${row}`)).toEqual(rowsOf(child.lines, 'rows'));
    expect(left.filter(({ kind }) => kind === 'alert').map(({ body }) => JSON.parse(body) as object)).toEqual(
      Array.from({ length: 10 }, (_, index) => alert(index + 1)),
    );
    expect(rows).toEqual([]);
    expect(store.state()).toMatchObject({ outboxRows: 40, lastSeq: { event: 30, alert: 10 } });
  });

  test('again and again, at any moment, never tears a batch, loses an alert or leaves a hole in seq', async () => {
    const dataDir = tempDir();
    const delivered = new Set<string>();
    let announced = 0;
    for (let round = 1; round <= 6; round += 1) {
      const child = startChild(dataDir, 'loop', round * 100_000);
      const enough = 30 + round * 37;
      await child.until(`${enough} rows`, (lines) => rowsOf(lines, 'rows').length >= enough);
      await child.kill();
      for (const name of rowsOf(child.lines, 'delivering')) delivered.add(name);
      const rows = rowsOf(child.lines, 'rows');
      announced += rows.length;
      const reader = look(dataDir);
      expectSound(reader, delivered);
      // What was announced is in the file.
      expect(reader.journalCount()).toBeGreaterThanOrEqual(announced);
      const [kind, seq] = rows.at(-1)!.split('/') as ['event' | 'alert', string];
      expect(reader.lastSeq()[kind]).toBeGreaterThanOrEqual(Number(seq));
      announced = reader.journalCount();
      reader.close();
    }
    const { store, commit, coded } = await startStore(dataDir);
    await commit(fullBatch(1));
    expect(coded('STORE_DAMAGED')).toEqual([]);
    await store.stop();
    readDatabase(dataDir, (reader) => expectSound(reader, delivered));
  });

  test('whose write-ahead log is then cut short loses only its last batches', async () => {
    const dataDir = tempDir();
    const child = startChild(dataDir, 'loop');
    await child.until('200 rows', (lines) => rowsOf(lines, 'rows').length >= 200);
    await child.kill();
    const wal = join(dataDir, 'vedette.db-wal');
    truncateSync(wal, Math.floor(statSync(wal).size * 0.6) + 123);

    const { store, commit, coded } = await startStore(dataDir);
    expect(coded('STORE_DAMAGED')).toEqual([]);
    await commit(fullBatch(999_999));
    await store.stop();
    readDatabase(dataDir, (reader) => {
      expectSound(reader, new Set(rowsOf(child.lines, 'delivering')));
      expect(reader.journalCount()).toBeGreaterThan(4);
    });
  });

  test('leaves events without an end, and the next start ends them in journal, view and outbox, once', async () => {
    const dataDir = tempDir();
    const child = startChild(dataDir, 'open-events');
    await child.until('five rows', (lines) => rowsOf(lines, 'rows').length === 5);
    await child.kill();

    const { store } = await startStore(dataDir);
    const outbox = await store.readOutbox({ afterRow: 5, limit: 10 });
    const ends = outbox.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(outbox.map(({ kind, seq }) => `${kind} ${seq}`)).toEqual(['event 6', 'event 7']);
    for (const [index, number] of [1, 3].entries()) {
      const last = change('update', number);
      expect(ends[index]).toEqual({
        ...last,
        type: 'end',
        endedAtMs: last.atMs,
        reason: 'interrupted',
        atMs: expect.any(Number),
        monoMs: expect.any(Number),
      });
      // Of now, not of the last life.
      expect(ends[index]!['atMs']).toBeGreaterThan(last.atMs);
      expect(ends[index]!['monoMs']).not.toBe(last.monoMs);
    }
    await store.stop();
    readDatabase(dataDir, (reader) => {
      expect(
        reader.journal({ afterEntry: 5, limit: 10 }).map(({ kind, subjectId }) => [kind, subjectId]),
      ).toEqual([
        ['end', 'event-1'],
        ['end', 'event-3'],
      ]);
      expect(
        reader.events({ limit: 10 }).map(({ id, endedAtMs, endReason }) => [id, endedAtMs, endReason]),
      ).toEqual([
        ['event-3', change('new', 3).atMs, 'interrupted'],
        ['event-2', change('end', 2).endedAtMs, undefined],
        ['event-1', change('update', 1).atMs, 'interrupted'],
      ]);
    });
    const again = await startStore(dataDir);
    expect(again.store.state()).toMatchObject({ outboxRows: 7, lastSeq: { event: 7 } });
  });
});

describe('a worker thread that dies', () => {
  /** Commits ten batches, the order to die given before the sixth; waits for all their rows. */
  async function commitThroughDeath(
    order: string,
  ): Promise<{ dataDir: string; harness: Harness; states: StoreState[] }> {
    const dataDir = tempDir();
    const states: StoreState[] = [];
    const onState = (state: StoreState): void => void states.push(state);
    const harness = await startStore(dataDir, { workerUrl: DYING_WORKER, onState });
    for (let number = 1; number <= 5; number += 1) await harness.commit(fullBatch(number));
    writeFileSync(join(dataDir, order), '');
    for (let number = 6; number <= 10; number += 1) harness.store.commit(fullBatch(number));
    harness.store.delivered([1, 2, 3]);
    await waitFor('all rows', () => harness.rows.length >= 40 && harness.store.state().outboxRows === 37);
    return { dataDir, harness, states };
  }

  test.each(['die-before', 'die-after', 'die-throwing', 'say-damaged'])(
    'at the moment "%s" is replaced, and its batches come exactly once and in order',
    async (order) => {
      const { dataDir, harness, states } = await commitThroughDeath(order);
      const { store, rows, records } = harness;
      expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
      const expected = Array.from({ length: 10 }, (_, index) => fullBatch(index + 1)).flatMap((batch) => [
        ...batch.events,
        ...batch.alerts,
      ]);
      expect(rows.map(({ body }) => JSON.parse(body) as object)).toEqual(expected);
      await waitFor('the problem to be over', () => store.state().problem === undefined);
      const told = records.filter(({ event }) =>
        ['store-problem', 'store-recovered'].includes(event as unknown as string),
      );
      expect(told.map(({ event }) => event as unknown as string)).toEqual([
        'store-problem',
        'store-recovered',
      ]);
      // Not before what waited is written.
      expect(states.at(-1)).toMatchObject({ problem: undefined, queued: 0 });
      expect(states.slice(1, -1).every(({ problem }) => problem !== undefined)).toBe(true);
      await store.stop();
      readDatabase(dataDir, (reader) => {
        expectSound(reader, new Set(['event/1/1', 'event/2/2', 'event/3/3']));
        expect(reader.journalCount()).toBe(40);
      });
    },
  );

  test('does not end the events that are still going on', async () => {
    const dataDir = tempDir();
    const { store, rows, commit } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit({ events: [change('new', 1)], alerts: [] });
    writeFileSync(join(dataDir, 'die-before'), '');
    await commit({ events: [change('update', 1)], alerts: [] });
    expect(rows).toHaveLength(2);
    expect(store.state().lastSeq.event).toBe(2);
    expect(look(dataDir).events({ limit: 1 })).toMatchObject([{ id: 'event-1', endedAtMs: undefined }]);
  });

  test('keeps a question that was asked of it for the next one', async () => {
    const dataDir = tempDir();
    const { store, rows, commit } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit(fullBatch(1));
    writeFileSync(join(dataDir, 'die-before'), '');
    store.commit(fullBatch(2));
    // After the write that kills it: answered by its successor.
    await Promise.resolve();
    const page = await store.readOutbox({ afterRow: 0, limit: 4 });
    expect(page).toEqual(rows.slice(0, 4));
  });

  test('claiming damage twice in a row has its file set aside, with nothing lost and nothing twice', async () => {
    const dataDir = tempDir();
    const { store, rows, commit, coded } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit(fullBatch(1));
    const { epoch } = store.state();
    writeFileSync(join(dataDir, 'say-damaged'), '2');
    await commit({ events: [], alerts: [alert(2)] });
    await commit({ events: [], alerts: [alert(3)] });
    const [setAside] = coded('STORE_DAMAGED').flatMap(
      (record) => (record['setAside'] as string | undefined) ?? [],
    );
    expect(readFileSync(setAside!).subarray(0, 15).toString()).toBe('SQLite format 3');
    expect(store.state()).toMatchObject({ epoch, lastSeq: { event: 3, alert: 3, gap: 0 }, outboxRows: 6 });
    expect(rows.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await store.readOutbox({ afterRow: 0, limit: 10 })).toEqual(rows);
  });

  test('and a file that is replaced meanwhile never give a row number out again', async () => {
    const dataDir = tempDir();
    const { store, rows, commit, coded } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit(fullBatch(1));
    store.delivered([1, 2, 3, 4]);
    await waitFor('an empty outbox', () => store.state().outboxRows === 0);
    writeFileSync(join(dataDir, 'say-damaged'), '2');
    store.delivered([4]);
    await waitFor('the file to be set aside', () =>
      coded('STORE_DAMAGED').some(({ salvaged }) => salvaged === 'all'),
    );
    await commit({ events: [], alerts: [alert(2)] });
    expect(rows.at(-1)).toMatchObject({ row: 5, kind: 'alert', seq: 2 });
  });
});

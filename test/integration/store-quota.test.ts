import { describe, expect, test } from 'vitest';
import type { Gap, OutboxRow } from '../../daemon/core/types.ts';
import type { Batch } from '../../daemon/store/messages.ts';
import type { Store } from '../../daemon/store/store.ts';
import { look, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, LIMITS } from '../fixtures/store/records.ts';
import { spoilTable } from '../fixtures/store/spoil.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** Bytes of the four messages of one full batch. */
const BATCH_BYTES = [...fullBatch(100).events, ...fullBatch(100).alerts]
  .map((record) => Buffer.byteLength(JSON.stringify(record)))
  .reduce((sum, bytes) => sum + bytes);

function limitsOf(bytes: number): typeof LIMITS {
  return { ...LIMITS, outboxMb: bytes / 1e6 };
}

/** What a message is, in a word, by its body. */
function kindOf({ kind, body }: OutboxRow): string {
  return kind === 'event' ? (JSON.parse(body) as { type: string }).type : kind;
}

function gapsOf(rows: readonly OutboxRow[]): Gap[] {
  return rows.filter(({ kind }) => kind === 'gap').map(({ body }) => JSON.parse(body) as Gap);
}

/** Commits and waits for the disk: what gives way at once is never announced. */
async function commitTo(store: Store, batch: Batch): Promise<void> {
  store.commit(batch);
  await waitFor('the disk', () => store.state().queued === 0);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** All numbers of a counter that these gaps name; each once. */
function named(gaps: readonly Gap[], counter: Gap['counter']): number[] {
  const ranges = gaps.filter((gap) => gap.counter === counter).flatMap((gap) => gap.ranges ?? []);
  const numbers = ranges.flatMap(([first, last]) => range(first, last)).sort((a, b) => a - b);
  expect(new Set(numbers).size).toBe(numbers.length);
  return numbers;
}

describe('an outbox beyond its quota', () => {
  test('lets the oldest updates go first, then the oldest new and end, then the oldest alerts', async () => {
    const dataDir = tempDir();
    const { store, coded } = await startStore(dataDir, { limits: limitsOf(10 * BATCH_BYTES) });
    const waiting = (): string[] =>
      readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 1000 })).map(
        (row) => `${kindOf(row)} ${row.seq}`,
      );
    const without = (word: string): string[] => waiting().filter((name) => !name.startsWith(word));
    for (const number of range(1, 12)) await commitTo(store, fullBatch(number));
    // Every batch is a new, an update and an end: updates have the numbers 2, 5, 8, …
    const after12 = waiting();
    expect(after12).not.toContain('update 2');
    expect(after12).toContain('update 35');
    expect(without('update')).toHaveLength(36);
    for (const number of range(13, 30)) await commitTo(store, { events: [], alerts: [alert(number)] });
    expect(waiting().filter((name) => name.startsWith('update'))).toEqual([]);
    expect(waiting().filter((name) => name.startsWith('alert'))).toHaveLength(30);
    // Then new and end from the oldest on.
    expect(waiting()).not.toContain('new 1');
    expect(waiting()).toContain('end 36');
    for (const number of range(31, 80)) await commitTo(store, { events: [], alerts: [alert(number)] });
    const alerts = waiting();
    expect(new Set(alerts.map((name) => name.split(' ')[0]))).toEqual(new Set(['alert']));
    expect(alerts.at(-1)).toBe('alert 80');
    expect(alerts).not.toContain('alert 1');
    expect(store.state().outboxBytes).toBeLessThanOrEqual(10 * BATCH_BYTES);
    const { updates, events, alerts: gone } = store.state().outboxDropped;
    expect([updates, events, gone]).toEqual([12, 24, 80 - alerts.length]);
    expect(coded('OUTBOX_FULL')).toHaveLength(1);
    expect(readDatabase(dataDir, (reader) => reader.journalCount())).toBe(12 * 4 + 68);
  });

  test('names exactly what went, in gaps that come when it is read, and each of them once', async () => {
    const { store, rows } = await startStore(tempDir(), { limits: limitsOf(10 * BATCH_BYTES) });
    for (const number of range(1, 60)) await commitTo(store, fullBatch(number));
    expect(gapsOf(rows)).toEqual([]);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 1000 });
    const gaps = gapsOf(outbox);
    expect(rows.slice(-gaps.length)).toEqual(outbox.slice(-gaps.length));
    const left = (kind: string): number[] => outbox.filter((row) => row.kind === kind).map(({ seq }) => seq);
    expect([...named(gaps, 'event'), ...left('event')].sort((a, b) => a - b)).toEqual(range(1, 180));
    expect([...named(gaps, 'alert'), ...left('alert')].sort((a, b) => a - b)).toEqual(range(1, 60));
    for (const { reason, first, last, count, ranges = [] } of gaps) {
      expect(reason).toBe('quota');
      expect([first, last]).toEqual([ranges[0]![0], ranges.at(-1)![1]]);
      expect(count).toBe(ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0));
    }
    // Asked again, nothing new.
    expect(await store.readOutbox({ afterRow: 0, limit: 1000 })).toEqual(outbox);
    expect(store.state().outboxRows).toBe(outbox.length);
  });

  test('spares what the publisher has in hand', async () => {
    const inHand = (): number[] => [1, 2, 4];
    const { store } = await startStore(tempDir(), { limits: limitsOf(BATCH_BYTES), inHand });
    for (const number of range(1, 20)) await commitTo(store, fullBatch(number));
    const outbox = await store.readOutbox({ afterRow: 0, limit: 1000 });
    expect(outbox.slice(0, 3).map(({ row }) => row)).toEqual([1, 2, 4]);
    expect(named(gapsOf(outbox), 'event')).not.toContain(2);
  });

  test('makes few gap messages of a long outage, and tells the rest as the first are delivered', async () => {
    const { store, rows } = await startStore(tempDir(), { limits: limitsOf(400_000) });
    for (const hundred of range(0, 59)) {
      const numbers = range(hundred * 100 + 1, hundred * 100 + 100);
      const events = numbers.flatMap((number) => [change('update', number), change('new', number)]);
      await commitTo(store, { events, alerts: [] });
    }
    // Every second message is an update: thousands of ranges of one number each, until the others go too.
    const gaps: Gap[] = [];
    const seen: number[] = [];
    for (;;) {
      const outbox = await store.readOutbox({ afterRow: 0, limit: 200 });
      const waiting = await store.readOutbox({ afterRow: 0, limit: 100_000 });
      expect(gapsOf(waiting).length).toBeLessThanOrEqual(16);
      if (outbox.length === 0) break;
      gaps.push(...gapsOf(outbox));
      seen.push(...outbox.filter(({ kind }) => kind === 'event').map(({ seq }) => seq));
      const before = store.state().outboxRows;
      store.delivered(outbox.map(({ row }) => row));
      await waitFor('the rows to leave', () => store.state().outboxRows < before);
    }
    expect(gaps.every(({ ranges = [] }) => ranges.length <= 256)).toBe(true);
    expect([...seen, ...named(gaps, 'event')].sort((a, b) => a - b)).toEqual(range(1, 12_000));
    expect(rows.filter(({ kind }) => kind === 'gap')).toHaveLength(gaps.length);
  });

  test('is brought down to a smaller one without a new message, in turns', async () => {
    const { store, rows } = await startStore(tempDir());
    for (const number of range(1, 1000)) store.commit(fullBatch(number));
    await waitFor('all rows', () => rows.length === 4000);
    store.setLimits(limitsOf(20 * BATCH_BYTES));
    await waitFor('the outbox to shrink', () => store.state().outboxBytes <= 20 * BATCH_BYTES);
    await commitTo(store, fullBatch(1001));
    const outbox = await store.readOutbox({ afterRow: 0, limit: 10_000 });
    const events = outbox.filter(({ kind }) => kind === 'event').map(({ seq }) => seq);
    expect([...events, ...named(gapsOf(outbox), 'event')].sort((a, b) => a - b)).toEqual(range(1, 3003));
  });

  test('tells its losses by itself once half of it is free', async () => {
    const dataDir = tempDir();
    const { store, rows, records } = await startStore(dataDir, { limits: limitsOf(5 * BATCH_BYTES) });
    for (const number of range(1, 9)) await commitTo(store, fullBatch(number));
    expect(look(dataDir).losses().length).toBeGreaterThan(0);
    store.delivered(rows.map(({ row }) => row));
    await waitFor('the gap', () => gapsOf(rows).length > 0);
    expect(look(dataDir).losses()).toEqual([]);
    expect(records.filter(({ event }) => String(event) === 'store-outbox-room')).toHaveLength(1);
  });

  test('has its losses carried over when its file is damaged', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir, { limits: limitsOf(5 * BATCH_BYTES) });
    for (const number of range(1, 9)) await commitTo(first.store, fullBatch(number));
    const losses = readDatabase(dataDir, (reader) => reader.losses());
    expect(losses.length).toBeGreaterThan(0);
    await first.store.stop();
    spoilTable(dataDir, 'journal');
    const { store, coded } = await startStore(dataDir);
    expect(coded('STORE_DAMAGED')).toMatchObject([{ salvaged: 'all' }]);
    expect(readDatabase(dataDir, (reader) => reader.losses())).toEqual(losses);
    const outbox = await store.readOutbox({ afterRow: 0, limit: 1000 });
    const events = outbox.filter(({ kind }) => kind === 'event').map(({ seq }) => seq);
    expect([...events, ...named(gapsOf(outbox), 'event')].sort((a, b) => a - b)).toEqual(range(1, 27));
  });
});

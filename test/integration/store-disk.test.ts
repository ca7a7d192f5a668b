import { appendFileSync, existsSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import type { StoreState } from '../../daemon/store/messages.ts';
import { DRAIN_MS } from '../../daemon/store/options.ts';
import { makeStore, smallDisk, startStore, testMounting } from '../fixtures/store/harness.ts';
import { alert, fullBatch, LIMITS, putFile, snapshot } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { SimClock } from '../support/sim-clock.ts';
import { waitFor } from '../support/wait.ts';

const never = new AbortController().signal;
const test = testMounting();

/** Leaves not one free block. */
function fill(path: string): string {
  const filler = join(path, 'filler');
  while (statfsSync(path).bavail > 0) {
    try {
      appendFileSync(filler, Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  return filler;
}

describe('a full disk', () => {
  test('holds batches in memory, shown and told once, and they go in order when there is room', async () => {
    const { path } = smallDisk('2m');
    const states: StoreState[] = [];
    let tries = 0;
    const clock: Clock = {
      ...systemClock,
      // As often as the disk answers, so that the test need not wait.
      after: (_ms, fn) => {
        tries += 1;
        return systemClock.after(1, fn);
      },
    };
    const onState = (state: StoreState): void => void states.push(state);
    const { store, rows, coded, records } = await startStore(path, { clock, onState });
    const filler = fill(path);
    for (let number = 1; number <= 200; number += 1) store.commit(fullBatch(number));
    await waitFor('the disk to refuse', () => store.state().problem?.code === 'STORE_COMMIT');
    const refused = rows.length;
    for (let number = 201; number <= 400; number += 1) store.commit(fullBatch(number));
    expect(store.state().problem!.message).toContain('no space left on its disk');
    expect(store.state().queued).toBeGreaterThanOrEqual(200);
    expect(refused).toBeLessThan(800);
    // What was there can still be read and sent.
    expect(await store.readOutbox({ afterRow: 0, limit: 5000 })).toEqual(rows);
    await waitFor('some more tries', () => tries > 5);

    rmSync(filler);
    await waitFor('all rows', () => rows.length === 1600, 60_000);
    const ids = rows
      .filter(({ kind }) => kind === 'alert')
      .map(({ body }) => (JSON.parse(body) as { id: string }).id);
    expect(ids).toEqual(Array.from({ length: 400 }, (_, index) => `alert-${index + 1}`));
    expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 1600 }, (_, index) => index + 1));
    expect(coded('STORE_COMMIT')).toHaveLength(1);
    expect(records.filter((record) => String(record['event']) === 'store-recovered')).toHaveLength(1);
    expect(states.map(({ problem }) => problem?.code)).toEqual([undefined, 'STORE_COMMIT', undefined]);
    await store.stop();
    expect(readDatabase(path, (reader) => reader.journalCount())).toBe(1600);
  });

  test('is tried again after its delay, not with every new batch, and can be read meanwhile', async () => {
    const { path } = smallDisk('2m');
    const clock = new SimClock();
    const { store, rows } = await startStore(path, { clock });
    const filler = fill(path);
    for (let number = 1; number <= 400; number += 1) store.commit(fullBatch(number));
    await waitFor('the disk to refuse', () => store.state().problem !== undefined);
    rmSync(filler);
    const before = rows.length;
    store.commit(fullBatch(401));
    // The thread answers in order: what had been sent with the first question is answered before the second.
    expect(await store.readOutbox({ afterRow: 0, limit: 5000 })).toEqual(rows);
    expect(await store.readOutbox({ afterRow: 0, limit: 5000 })).toEqual(rows);
    expect(rows.length).toBe(before);
    expect(store.state().problem).toBeDefined();
    await clock.advance(30_000);
    await waitFor('all rows', () => rows.length === 1604);
    expect(store.state().problem).toBeUndefined();
  });

  test('takes the oldest pictures before it holds up an alert, and says so', async () => {
    const { path } = smallDisk('16m');
    const { store, rows, commit, coded, records } = await startStore(path);
    const pictures = Array.from({ length: 60 }, (_, index) => {
      const { cropPath: _none, ...picture } = snapshot(index + 1);
      putFile(path, picture.path, Buffer.alloc(picture.bytes));
      return picture;
    });
    const { sha256, path: oldest } = pictures[0]!;
    await commit({
      events: [],
      alerts: [alert(1, { snapshot: { path: oldest, sha256 } })],
      snapshots: pictures,
    });
    fill(path);
    for (let number = 2; number <= 1000; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await waitFor('all alerts', () => rows.length === 1000, 60_000);
    expect(coded('STORE_COMMIT')).toEqual([]);
    await waitFor('the round', () => store.state().lastPrune !== undefined);
    // 4 MB at a time: 40 pictures of 100 kB.
    const { snapshots, lastPrune } = store.state();
    expect(lastPrune).toMatchObject({ forRoom: 40, undelivered: 1, byBytes: 0, upToMs: pictures[39]!.atMs });
    expect(snapshots).toEqual({ count: 20, bytes: 2_000_000 });
    expect(pictures.map((picture) => existsSync(join(path, picture.path)))).toEqual(
      pictures.map((_, index) => index >= 40),
    );
    const told = records.filter(({ event }) => String(event) === 'store-pruned');
    expect(told).toMatchObject([{ level: 40, forRoom: 40, undelivered: 1 }]);
  });

  test('whose pictures are all gone refuses as if there had been none', async () => {
    const { path } = smallDisk('4m');
    const { store, commit } = await startStore(path, { drainMs: 1 });
    const { cropPath: _none, ...picture } = snapshot(1);
    putFile(path, picture.path, Buffer.alloc(picture.bytes));
    await commit({ events: [], alerts: [alert(1)], snapshots: [picture] });
    fill(path);
    for (let number = 2; number <= 2000; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await waitFor('the disk to refuse', () => store.state().problem?.code === 'STORE_COMMIT');
    expect(existsSync(join(path, picture.path))).toBe(false);
  });

  test('at the start is a state, not an end: the daemon runs and its alerts wait for room', async () => {
    const { path } = smallDisk('2m');
    const filler = fill(path);
    const { store, rows } = await startStore(path);
    expect(store.state()).toMatchObject({ epoch: undefined, problem: { code: 'STORE_COMMIT' } });
    store.commit(fullBatch(1));
    const reading = store.readOutbox({ afterRow: 0, limit: 1 });
    rmSync(filler);
    await waitFor('the rows', () => rows.length === 4);
    expect(await reading).toBeDefined();
    await waitFor('the problem to be over', () => store.state().problem === undefined);
  });

  test('at the stop with nothing to write does not hold the daemon up', async () => {
    const { path } = smallDisk('2m');
    fill(path);
    // The clock stands still: only a stop that needs no time can end.
    const { store, coded } = await startStore(path, { clock: new SimClock() });
    expect(store.state().problem).toBeDefined();
    await store.stop();
    expect(coded('STORE_COMMIT')).toHaveLength(1);
  });

  test('that has refused for long is tried often at the stop, and takes what waits as soon as it has room', async () => {
    const { path } = smallDisk('2m');
    let waits: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (ms, fn) => {
        // The end of the drain does not come; tries come at once.
        if (ms === DRAIN_MS) return systemClock.after(2 ** 31 - 1, fn);
        waits.push(ms);
        return systemClock.after(1, fn);
      },
    };
    const { store, rows } = await startStore(path, { clock });
    const filler = fill(path);
    for (let number = 1; number <= 400; number += 1) store.commit(fullBatch(number));
    await waitFor('the delays to grow', () => Math.max(...waits) > 2 * DRAIN_MS);
    waits = [];
    const stopped = store.stop();
    await waitFor('some tries', () => waits.length > 20);
    expect(Math.max(...waits)).toBeLessThan(DRAIN_MS / 5);
    rmSync(filler);
    await stopped;
    expect(rows).toHaveLength(1600);
  });

  test('at the stop is given its time, and what could not be written is told', async () => {
    const { path } = smallDisk('2m');
    const clock = new SimClock();
    const { store, rows, coded } = await startStore(path, { clock, drainMs: 4000 });
    fill(path);
    for (let number = 1; number <= 400; number += 1) store.commit(fullBatch(number));
    await waitFor('the disk to refuse', () => store.state().problem !== undefined);
    const { queued } = store.state();
    let stopped = false;
    const stopping = store.stop().then(() => {
      stopped = true;
    });
    await clock.advance(3999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    await stopping;
    expect(coded('STORE_COMMIT').at(-1)!.msg).toContain(
      `stopping with ${queued} batches (${queued} alerts) not written`,
    );
    expect(rows.length / 4 + queued).toBe(400);
  });
});

test('losses of the quota that a full disk does not let be told are told when there is room', async () => {
  const { path } = smallDisk('2m');
  const limits = { ...LIMITS, outboxMb: 0.01 };
  const { store, rows } = await startStore(path, { limits, drainMs: 1 });
  for (let number = 1; number <= 30; number += 1) store.commit(fullBatch(number));
  await waitFor('the disk', () => store.state().queued === 0);
  const filler = fill(path);
  for (let number = 31; number <= 300; number += 1) store.commit(fullBatch(number));
  await waitFor('the disk to refuse', () => store.state().problem !== undefined);
  const full = await store.readOutbox({ afterRow: 0, limit: 1000 });
  expect(full.some(({ kind }) => kind === 'gap')).toBe(false);
  expect(full.length).toBeGreaterThan(0);
  rmSync(filler);
  await waitFor('all to be written', () => store.state().queued === 0, 60_000);
  const outbox = await store.readOutbox({ afterRow: 0, limit: 1000 });
  expect(outbox.filter(({ kind }) => kind === 'gap').length).toBeGreaterThan(0);
  expect(rows.filter(({ kind }) => kind === 'gap').length).toBeGreaterThan(0);
});

describe('a read-only file system', () => {
  test('is a data folder that cannot be used, empty or with a database in it', async () => {
    const { path, remount } = smallDisk('4m');
    remount('ro');
    const empty = makeStore(path);
    await expect(empty.store.start(never)).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: `data folder '${path}' cannot be used: read-only file system (EROFS); make it writable or choose another with --data`,
    });
    await expect(makeStore(join(path, 'below')).store.start(never)).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
    });
    remount('rw');
    const { store, commit } = await startStore(path);
    await commit(fullBatch(1));
    await store.stop();
    remount('ro');
    await expect(makeStore(path).store.start(never)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    expect(readdirSync(path).sort()).toEqual(['vedette.db', 'vedette.lock']);
  });
});

describe('a slow disk', () => {
  test('costs rows of pictures and updates only, and says how many', async () => {
    const { path } = smallDisk('2m');
    const { store, rows } = await startStore(path, { queueBatchesMax: 20 });
    const filler = fill(path);
    for (let number = 1; number <= 400; number += 1) store.commit(fullBatch(number));
    await waitFor('the disk to refuse', () => store.state().problem !== undefined);
    for (let number = 401; number <= 500; number += 1) {
      store.commit({ ...fullBatch(number), snapshots: [snapshot(number)] });
    }
    const { updatesDropped, snapshotsDropped } = store.state();
    expect(snapshotsDropped).toBe(100);
    expect(updatesDropped).toBeGreaterThanOrEqual(100);
    rmSync(filler);
    await waitFor('all but the updates', () => rows.length === 2000 - updatesDropped, 60_000);
    const bodies = rows.map(({ body }) => JSON.parse(body) as { id: string; type?: string });
    const count = (type: string | undefined): number => bodies.filter((body) => body.type === type).length;
    expect([count('new'), count('end'), count(undefined), count('update')]).toEqual([
      500,
      500,
      500,
      500 - updatesDropped,
    ]);
    expect(bodies.filter(({ type }) => type === undefined).map(({ id }) => id)).toEqual(
      Array.from({ length: 500 }, (_, index) => alert(index + 1).id),
    );
  });
});

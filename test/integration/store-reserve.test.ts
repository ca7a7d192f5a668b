import {
  appendFileSync,
  existsSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { Reserve } from '../../daemon/store/reserve.ts';
import { smallDisk, startStore, testMounting } from '../fixtures/store/harness.ts';
import { alert, LIMITS, putFile, snapshot } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { SimClock } from '../support/sim-clock.ts';
import { waitFor } from '../support/wait.ts';

const test = testMounting();
const RESERVE = { ...LIMITS, reserveMb: 2 };

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

function reserveBytes(path: string): number {
  const stats = statSync(join(path, 'reserve'), { throwIfNoEntry: false });
  // Really allocated: a hole would hold no room.
  if (stats !== undefined) expect(stats.blocks * 512).toBeGreaterThanOrEqual(stats.size);
  return stats?.size ?? 0;
}

describe('the reserve', () => {
  test('lets alerts commit on a full disk, and is kept again when the disk has room', async () => {
    const { path } = smallDisk('16m');
    const { store, rows, coded, records } = await startStore(path, { limits: RESERVE });
    await waitFor('the reserve', () => store.state().disk.reserve === 'kept');
    expect(reserveBytes(path)).toBe(2_000_000);
    const filler = fill(path);
    for (let number = 1; number <= 600; number += 1) store.commit({ events: [], alerts: [alert(number)] });
    await waitFor('all alerts', () => rows.length === 600);
    expect(store.state()).toMatchObject({ problem: undefined, disk: { reserve: 'given up' } });
    expect(existsSync(join(path, 'reserve'))).toBe(false);
    expect(coded('STORE_COMMIT')).toMatchObject([{ level: 40, event: 'store-reserve-used' }]);
    rmSync(filler);
    await waitFor('the reserve to be back', () => store.state().disk.reserve === 'kept', 60_000);
    expect(reserveBytes(path)).toBe(2_000_000);
    expect(records.filter(({ event }) => String(event) === 'store-reserve-kept')).toHaveLength(1);
    await store.stop();
    expect(readDatabase(path, (reader) => reader.journalCount())).toBe(600);
  });

  test('is given up only when there are no pictures to delete', async () => {
    const { path } = smallDisk('16m');
    const { store, rows, commit } = await startStore(path, { limits: RESERVE });
    await waitFor('the reserve', () => store.state().disk.reserve === 'kept');
    const { cropPath: _none, ...picture } = snapshot(1);
    putFile(path, picture.path, Buffer.alloc(1_000_000));
    await commit({ events: [], alerts: [alert(1)], snapshots: [picture] });
    fill(path);
    const states = new Set<string>();
    for (let number = 2; number <= 600; number += 1) {
      store.commit({ events: [], alerts: [alert(number)] });
      if (number % 50 !== 0) continue;
      await waitFor('the alerts', () => rows.length === number);
      states.add(
        `${existsSync(join(path, picture.path)) ? 'picture' : 'none'}, ${store.state().disk.reserve}`,
      );
    }
    expect([...states]).not.toContain('picture, given up');
    expect([...states].at(-1)).toBe('none, given up');
  });

  test('lets a database be opened on a full disk, and the first alerts in', async () => {
    const { path } = smallDisk('8m');
    const first = await startStore(path, { limits: RESERVE });
    await first.commit({ events: [], alerts: [alert(1)] });
    await waitFor('the reserve', () => first.store.state().disk.reserve === 'kept');
    await first.store.stop();
    fill(path);
    const { store, commit } = await startStore(path, { limits: RESERVE });
    expect(store.state()).toMatchObject({ problem: undefined, disk: { reserve: 'given up' } });
    await commit({ events: [], alerts: [alert(2)] });
    expect(store.state().problem).toBeUndefined();
  });

  test('is not made where there is not room for it twice, and does not stand in the way of anything', async () => {
    const { path } = smallDisk('3m');
    const { store, commit } = await startStore(path, { limits: RESERVE });
    await commit({ events: [], alerts: [alert(1)] });
    expect(store.state().disk.reserve).toBe('missing');
    expect(reserveBytes(path)).toBe(0);
    store.setLimits({ ...LIMITS, reserveMb: 0 });
    await waitFor('none to be wanted', () => store.state().disk.reserve === 'off');
    expect(existsSync(join(path, 'reserve'))).toBe(false);
    store.setLimits({ ...LIMITS, reserveMb: 0.5 });
    await waitFor('a smaller one', () => store.state().disk.reserve === 'kept');
    expect(reserveBytes(path)).toBe(500_000);
    store.setLimits({ ...LIMITS, reserveMb: 0.25 });
    await waitFor('a still smaller one', () => reserveBytes(path) === 250_000);
  });

  test('is to blame an I/O error on a full disk only when the disk is full, and damage never', () => {
    const { path } = smallDisk('4m');
    const options = { path: join(path, 'reserve'), reserveMb: 1, clock: new SimClock(), onChange: () => {} };
    const reserve = new Reserve(options);
    const blamed = (code: string): boolean => reserve.blames(Object.assign(new Error(code), { code }));
    const codes = ['SQLITE_FULL', 'ENOSPC', 'SQLITE_IOERR_SHMSIZE', 'SQLITE_CANTOPEN', 'SQLITE_IOERR_READ'];
    expect(codes.filter(blamed)).toEqual(['SQLITE_FULL', 'ENOSPC']);
    fill(path);
    expect(codes.filter(blamed)).toEqual(codes.slice(0, 4));
    expect(blamed('SQLITE_BUSY')).toBe(false);
  });

  test('is never written through a symbolic link', async () => {
    const { path } = smallDisk('16m');
    writeFileSync(join(path, 'precious'), 'x');
    symlinkSync(join(path, 'precious'), join(path, 'reserve'));
    const { store, commit } = await startStore(path, { limits: RESERVE });
    await commit({ events: [], alerts: [alert(1)] });
    expect(store.state().disk.reserve).toBe('missing');
    expect(statSync(join(path, 'precious')).size).toBe(1);
  });
});

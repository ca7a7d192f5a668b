// What the watchdog learns from the store: a hung disk is told, a disk that is only idle or refuses is not.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { fullBatch, limits } from '../fixtures/store/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('a write without an answer for a minute is a stuck store; an idle store and an answered one are not', async () => {
  const dataDir = tempDir();
  let aheadMs = 0;
  const clock = { ...systemClock, monoMs: () => systemClock.monoMs() + aheadMs };
  const workerUrl = new URL('../fixtures/store/dying-worker.ts', import.meta.url);
  const { store, commit } = await startStore(dataDir, { clock, workerUrl, drainMs: 100 });
  aheadMs += 3_600_000;
  expect(store.stuck()).toBeUndefined();
  await commit(fullBatch(1));
  aheadMs += 3_600_000;
  expect(store.stuck()).toBeUndefined();

  writeFileSync(join(dataDir, 'keep-silent'), '');
  store.commit(fullBatch(2));
  // The write leaves at the end of this turn.
  await Promise.resolve();
  expect(store.stuck()).toBeUndefined();
  aheadMs += 75_000;
  expect(store.stuck()).toMatch(/^store: no answer for 75 s \(limit 60 s\), the disk hangs$/);
});

test('rounds of pruning, told unasked, neither make a quiet store stuck nor hide one that is', async () => {
  const dataDir = tempDir();
  const picture = join(dataDir, 'media/yard/2026-01-01/120000-person-1-a.jpg');
  mkdirSync(dirname(picture), { recursive: true });
  writeFileSync(picture, 'a picture without a row');
  utimesSync(picture, 0, 0);
  let aheadMs = 0;
  const clock = { ...systemClock, monoMs: () => systemClock.monoMs() + aheadMs };
  const workerUrl = new URL('../fixtures/store/dying-worker.ts', import.meta.url);
  const { store } = await startStore(dataDir, { clock, workerUrl, drainMs: 100 });
  await waitFor('the first round', () => store.state().lastPrune);
  aheadMs += 3_600_000;
  expect(store.stuck()).toBeUndefined();

  store.setLimits(limits(10));
  expect(store.stuck()).toBeUndefined();

  writeFileSync(join(dataDir, 'keep-silent'), '');
  store.commit(fullBatch(1));
  await Promise.resolve();
  aheadMs += 75_000;
  expect(store.stuck()).toContain('store: no answer for 75 s');
});

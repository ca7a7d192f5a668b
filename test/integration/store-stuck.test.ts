// What the watchdog learns from the store: a hung disk is told, a disk that is only idle or refuses is not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { fullBatch } from '../fixtures/store/records.ts';
import { tempDir } from '../support/temp-dir.ts';

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

import { expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { ClockWatch } from '../../daemon/platform/clock-watch.ts';
import { look, startStore } from '../fixtures/store/harness.ts';
import { alert } from '../fixtures/store/records.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('a wall clock that is set while the daemon runs is a row of the journal between what was before and after', async () => {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  let jumpMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + jumpMs };
  let synchronised = false;
  const watch = new ClockWatch({
    clock,
    logger: memoryLogger().logger,
    journal: store,
    read: async () => ({ synchronised, realTimeClock: false }),
  });
  onTestFinished(() => watch.stop());
  await watch.start();
  await waitFor('the state of the clock', () => watch.report().state === 'unsynced');
  await commit({ events: [], alerts: [alert(1)] });
  jumpMs = 7_200_000;
  synchronised = true;
  const reader = look(dataDir);
  await waitFor('the correction', () => reader.journalCount() === 2);
  await waitFor('the new state', () => watch.report().state === 'synced');
  await commit({ events: [], alerts: [alert(2)] });

  const entries = reader.journal({ afterEntry: 0, limit: 9 });
  expect(entries.map(({ kind }) => kind)).toEqual(['alert', 'clock-correction', 'alert']);
  expect([entries[0]!.clock, entries[2]!.clock]).toEqual(['unsynced', 'synced']);
  const { beforeMs, afterMs, monoMs } = JSON.parse(entries[1]!.body) as Record<string, number>;
  expect(afterMs! - beforeMs!).toBeGreaterThan(7_199_000);
  expect(afterMs! - beforeMs!).toBeLessThan(7_201_000);
  expect(entries[1]!.atMs).toBe(Math.round(afterMs!));
  expect(entries[1]!.monoMs).toBe(monoMs);
});

test('the machine itself can be asked, whatever it answers', async () => {
  const states: string[] = [];
  const journal = { correctClock: () => {}, setClockState: (state: string) => void states.push(state) };
  const watch = new ClockWatch({ clock: systemClock, logger: memoryLogger().logger, journal });
  await watch.start();
  await watch.stop();
  expect(['synced', 'unsynced', 'unknown']).toContain(watch.report().state);
});

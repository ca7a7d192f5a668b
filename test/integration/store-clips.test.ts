// Clips in the store: they grow old with the pictures and are deleted with them, and a file and its row find each other again.
import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../daemon/core/types.ts';
import { DAY_MS, FORTNIGHT, HOUR_MS, startPruning } from '../fixtures/store/pruning.ts';
import { alert, pictureOnDisk, putFile, START_MS, snapshot } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

const DAY = 'media/porch/2026-06-01';

function clip(number: number, more: Partial<Snapshot> = {}): Snapshot {
  const { cropPath: _crop, ...file } = snapshot(number, { kind: 'clip', track: 0, ...more });
  return { ...file, path: `${DAY}/120000-0197c9a4-5f9c-7d10-8a2b-00000000000${number}.mp4` };
}

function clipOnDisk(dataDir: string, number: number, more: Partial<Snapshot> = {}): Snapshot {
  const made = clip(number, more);
  putFile(dataDir, made.path);
  return made;
}

test('a clip is deleted with the pictures of its age, when no waiting message names it', async () => {
  const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
  const pruning = startPruning(dataDir, clock, FORTNIGHT);
  const named = clipOnDisk(dataDir, 1);
  const other = clipOnDisk(dataDir, 2);
  const picture = pictureOnDisk(dataDir, 3);
  const { rows } = pruning.commit({
    snapshots: [named, other, picture],
    alerts: [alert(1, { clip: { path: named.path } })],
  });
  expect(pruning.pruner.totals.count).toBe(3);
  await clock.advance(15 * DAY_MS);
  expect([named, other, picture].map(({ path }) => existsSync(join(dataDir, path)))).toEqual([
    true,
    false,
    false,
  ]);
  pruning.delivered(rows.map(({ row }) => row));
  await clock.advance(HOUR_MS);
  expect(existsSync(join(dataDir, named.path))).toBe(false);
  expect(pruning.paths()).toEqual([]);
});

test('clips count into keepMb, the oldest of clips and pictures go first', async () => {
  const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
  const pruning = startPruning(dataDir, clock, { keepDays: 14, keepMb: 1 });
  const files = [
    clipOnDisk(dataDir, 1, { bytes: 600_000 }),
    pictureOnDisk(dataDir, 2, { bytes: 300_000 }),
    clipOnDisk(dataDir, 3, { bytes: 600_000 }),
  ];
  pruning.commit({ snapshots: files });
  await clock.advance(HOUR_MS);
  expect(files.map(({ path }) => existsSync(join(dataDir, path)))).toEqual([false, true, true]);
});

test('an alert names its clip as long as it is kept; it is no picture of its event', async () => {
  const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
  const pruning = startPruning(dataDir, clock, FORTNIGHT);
  const made = clipOnDisk(dataDir, 1);
  pruning.commit({ alerts: [alert(1, { clip: { path: made.path } })] });
  const seen = (): unknown => readDatabase(dataDir, (reader) => reader.alerts({ limit: 1 })[0]!.clip);
  expect(seen()).toBeUndefined();
  pruning.commit({ snapshots: [made] });
  expect(seen()).toEqual({ path: made.path });
  readDatabase(dataDir, (reader) => {
    expect(reader.snapshots({ limit: 9 })).toEqual([]);
    expect(reader.snapshotsOf('event-1')).toEqual([]);
  });
});

test('the sweep gives a whole clip without a row its row, and deletes what has another name', async () => {
  const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
  const longAgo = new Date(START_MS - 2 * HOUR_MS);
  const { path } = clipOnDisk(dataDir, 1);
  const foreign = `${DAY}/holiday.mp4`;
  putFile(dataDir, foreign);
  for (const one of [path, foreign]) utimesSync(join(dataDir, one), longAgo, longAgo);
  const pruning = startPruning(dataDir, clock, FORTNIGHT);
  await clock.advance(HOUR_MS / 4);
  expect(pruning.paths()).toEqual([path]);
  expect(readdirSync(join(dataDir, DAY))).toEqual([path.slice(DAY.length + 1)]);
  expect(readDatabase(dataDir, (reader) => reader.snapshots({ limit: 9 }))).toEqual([]);
});

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  counted,
  DAY_MS,
  FORTNIGHT,
  filesOf,
  HOUR_MS,
  keep,
  pathsOf,
  prunesOf,
  startPruning,
} from '../fixtures/store/pruning.ts';
import { putFile, START_MS } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

describe('the sweep', () => {
  const DAY = 'media/porch/2026-05-20';
  const longAgo = new Date(START_MS - 12 * DAY_MS);

  function putOld(dataDir: string, path: string, content?: string): void {
    putFile(dataDir, path, content);
    utimesSync(join(dataDir, path), longAgo, longAgo);
  }

  test('deletes what a crash left unfinished, and leaves what is young, unknown or has a row', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    putOld(dataDir, `${DAY}/120000-person-1-a1.jpg.tmp`);
    putOld(dataDir, `${DAY}/120000-person-2-a2-crop.jpg`);
    putOld(dataDir, `${DAY}/120000-person-3-a3.jpg`, '');
    const stays = [
      `${DAY}/notes.txt`,
      `${DAY}/deeper/120000-person-9-a9.tmp`,
      'media/porch/readme.jpg',
      'media/porch/.unfinished/120000-person-9-a9.jpg',
      'media/cover.jpg',
      'other/120000-person-9-a9.tmp',
    ];
    for (const path of stays) putOld(dataDir, path);
    const young = `${DAY}/120000-person-4-a4.jpg`;
    putFile(dataDir, young);
    utimesSync(join(dataDir, young), new Date(START_MS), new Date(START_MS - HOUR_MS / 2));
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    const pictures = keep(pruning, dataDir, 5, 6);
    utimesSync(join(dataDir, pictures[0]!.path), longAgo, longAgo);
    await clock.advance(HOUR_MS / 4);

    expect(readdirSync(join(dataDir, DAY)).sort()).toEqual(['120000-person-4-a4.jpg', 'deeper', 'notes.txt']);
    for (const path of [...stays, young])
      expect([path, existsSync(join(dataDir, path))]).toEqual([path, true]);
    expect(filesOf(dataDir, pictures)).toEqual([true, true, true, true]);
    expect(pruning.paths()).toEqual(pathsOf(pictures));
    expect(prunesOf(dataDir)).toMatchObject([
      { orphans: 3, adopted: 0, forgotten: 0, bytes: expect.any(Number) },
    ]);
  });

  test('gives a whole picture without a row its row, with what its name and its file tell', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const path = `${DAY}/120000-stop-sign-12-0a1b2c3d.jpg`;
    putOld(dataDir, path, 'abc');
    putOld(dataDir, path.replace('.jpg', '-crop.jpg'), 'defg');
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(HOUR_MS / 4);
    expect(pruning.pruner.totals).toEqual({ count: 1, bytes: 7 });
    expect(prunesOf(dataDir).map(counted)).toEqual([{ adopted: 1 }]);
    pruning.stop();
    expect(readDatabase(dataDir, (reader) => reader.snapshots({ limit: 9 }))).toEqual([
      {
        path,
        sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
        cropPath: path.replace('.jpg', '-crop.jpg'),
        camera: 'porch',
        track: 12,
        label: 'stop-sign',
        score: 0,
        box: { x: 0, y: 0, width: 1, height: 1 },
        atMs: longAgo.getTime(),
        bytes: 7,
        eventId: undefined,
      },
    ]);
    // From now on it grows old like any other, however old its file looks.
    const again = startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(13 * DAY_MS);
    expect(again.paths()).toEqual([path]);
    await clock.advance(2 * DAY_MS);
    expect(readdirSync(join(dataDir, DAY))).toEqual([]);
  });

  test('comes again every day', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(DAY_MS / 2);
    putOld(dataDir, `${DAY}/120000-person-1-a1.tmp`);
    await clock.advance(DAY_MS / 4);
    expect(existsSync(join(dataDir, DAY))).toBe(true);
    await clock.advance(DAY_MS / 2);
    expect(readdirSync(join(dataDir, DAY))).toEqual([]);
  });

  test('a thousand files take many turns', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    for (let number = 1; number <= 1000; number += 1) putOld(dataDir, `${DAY}/1-${number}.tmp`);
    startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(80);
    expect(readdirSync(join(dataDir, DAY)).length).toBeGreaterThan(500);
    await clock.advance(5000);
    expect(readdirSync(join(dataDir, DAY))).toEqual([]);
    expect(prunesOf(dataDir)).toMatchObject([{ orphans: 1000 }]);
  });

  test('forgets pictures whose file is gone; their crop goes with them', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    const pictures = keep(pruning, dataDir, 1, 3);
    for (const { path, cropPath } of pictures) {
      for (const one of [path, cropPath!]) utimesSync(join(dataDir, one), longAgo, longAgo);
    }
    rmSync(join(dataDir, pictures[1]!.path));
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([pictures[0]!.path, pictures[2]!.path]);
    expect(filesOf(dataDir, pictures)).toEqual([true, true, false, false, true, true]);
    expect(prunesOf(dataDir).map(counted)).toMatchObject([{ forgotten: 1, orphans: 1 }]);
    expect(pruning.pruner.totals).toEqual({ count: 2, bytes: 200_000 });
  });

  test('forgets nothing while the media folder is empty: its disk may not be mounted', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    keep(pruning, dataDir, 1, 3);
    renameSync(join(dataDir, 'media'), join(dataDir, 'away'));
    await clock.advance(2 * DAY_MS);
    mkdirSync(join(dataDir, 'media'));
    await clock.advance(2 * DAY_MS);
    expect(pruning.paths()).toHaveLength(3);
  });

  test('removes day folders that have been empty for an hour, but not that of today', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    for (const day of ['2026-05-30', '2026-06-01']) {
      mkdirSync(join(dataDir, 'media/porch', day), { recursive: true });
      utimesSync(join(dataDir, 'media/porch', day), longAgo, longAgo);
    }
    mkdirSync(join(dataDir, 'media/porch/2026-05-31'));
    utimesSync(join(dataDir, 'media/porch/2026-05-31'), new Date(START_MS), new Date(START_MS));
    mkdirSync(join(dataDir, 'media/porch/.unfinished'));
    utimesSync(join(dataDir, 'media/porch/.unfinished'), longAgo, longAgo);
    startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(HOUR_MS / 4);
    expect(readdirSync(join(dataDir, 'media/porch')).sort()).toEqual([
      '.unfinished',
      '2026-05-31',
      '2026-06-01',
    ]);
  });
});

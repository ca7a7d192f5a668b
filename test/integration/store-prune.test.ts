import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
import { alert, change, START_MS } from '../fixtures/store/records.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

describe('pruning by age', () => {
  test('deletes files and rows of pictures older than keepDays, leaves the others, and the journal has it', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    const first = keep(pruning, dataDir, 1, 40);
    await clock.advance(10 * DAY_MS);
    const later = keep(pruning, dataDir, 41, 42);
    await clock.advance(4 * DAY_MS);
    expect(pruning.paths()).toHaveLength(42);
    await clock.advance(HOUR_MS);

    expect(pruning.paths()).toEqual(pathsOf(later));
    expect(pruning.pruner.totals).toEqual({ count: 2, bytes: 200_000 });
    expect(new Set(filesOf(dataDir, first))).toEqual(new Set([false]));
    expect(new Set(filesOf(dataDir, later))).toEqual(new Set([true]));
    expect(prunesOf(dataDir).map(counted)).toEqual([
      { byAge: 40, bytes: 4_000_000, upToMs: first.at(-1)!.atMs },
    ]);
    expect(pruning.rounds).toEqual(prunesOf(dataDir));
    expect(new Set(pruning.endings)).toEqual(new Set([undefined]));
  });

  test('with keepDays 0 never deletes by age', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 1000 });
    keep(pruning, dataDir, 1, 3);
    await clock.advance(60 * DAY_MS);
    expect(pruning.paths()).toHaveLength(3);
  });

  test('is not fooled by a wall clock that jumps by years, forward or back', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(0)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    const pictures = keep(pruning, dataDir, 1, 3);
    // A board without a clock of its own learns the time.
    clock.jumpWall(START_MS);
    await clock.advance(13 * DAY_MS);
    clock.jumpWall(70 * 365 * DAY_MS);
    await clock.advance(23 * HOUR_MS);
    clock.jumpWall(-80 * 365 * DAY_MS);
    await clock.advance(HOUR_MS / 2);
    expect(pruning.paths()).toEqual(pathsOf(pictures));
    // And still they are deleted when their time has come.
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([]);
  });

  test('counts the time the daemon was away, but a day at most, whatever the wall clock says', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const first = startPruning(dataDir, clock, FORTNIGHT);
    keep(first, dataDir, 1, 1);
    await clock.advance(DAY_MS);
    first.stop();

    clock.jumpWall(20 * HOUR_MS);
    const second = startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(11 * DAY_MS + 5 * HOUR_MS);
    second.stop();
    // 13 days and an hour old. A clock that is wrong by fifty years at the start adds a day and not more.
    clock.jumpWall(50 * 365 * DAY_MS);
    const third = startPruning(dataDir, clock, { keepDays: 15, keepMb: 1000 });
    await clock.advance(22 * HOUR_MS);
    expect(third.paths()).toHaveLength(1);
    third.stop();
    // And one that has fallen back adds nothing.
    clock.jumpWall(-60 * 365 * DAY_MS);
    const fourth = startPruning(dataDir, clock, { keepDays: 15, keepMb: 1000 });
    await clock.advance(HOUR_MS / 2);
    expect(fourth.paths()).toHaveLength(1);
    await clock.advance(HOUR_MS);
    expect(fourth.paths()).toEqual([]);
  });

  test('after a crash counts the hour that was not written down', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const first = startPruning(dataDir, clock, FORTNIGHT);
    keep(first, dataDir, 1, 1);
    await clock.advance(13 * DAY_MS + HOUR_MS / 2);
    // As after SIGKILL: the clock is not saved.
    first.pruner.stop = () => undefined;
    first.stop();
    const second = startPruning(dataDir, clock, FORTNIGHT);
    await clock.advance(23 * HOUR_MS);
    expect(second.paths()).toHaveLength(1);
    await clock.advance(HOUR_MS);
    expect(second.paths()).toEqual([]);
  });

  test('spares what a message not yet delivered names, until it has been delivered', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    const pictures = keep(pruning, dataDir, 1, 40);
    const [one, two] = [pictures[2]!, pictures[30]!];
    const { rows } = pruning.commit({
      events: [change('new', 3, { snapshot: { path: one.path, sha256: one.sha256 } })],
      alerts: [alert(31, { snapshot: { path: two.path, sha256: two.sha256 } }), alert(5)],
    });
    await clock.advance(15 * DAY_MS);
    expect(pruning.paths()).toEqual([one.path, two.path]);
    pruning.delivered([rows[1]!.row]);
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([one.path]);
    expect(prunesOf(dataDir).map(({ byAge, undelivered }) => [byAge, undelivered])).toEqual([
      [38, 0],
      [1, 0],
    ]);
  });
});

describe('pruning by bytes', () => {
  test('deletes the oldest until the rest fits, in turns, and says so once', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 10 });
    const pictures = keep(pruning, dataDir, 1, 150);
    await clock.advance(20);
    // One turn is bounded: a commit comes in between.
    expect(pruning.paths().length).toBeGreaterThanOrEqual(150 - 16);
    expect(pruning.rounds).toEqual([]);
    pruning.commit({ alerts: [alert(1)] });
    await clock.advance(HOUR_MS / 2);
    // One more than needed: a hundredth below the limit.
    expect(pruning.paths()).toEqual(pathsOf(pictures).slice(51));
    expect(prunesOf(dataDir).map(counted)).toEqual([
      { byBytes: 51, bytes: 5_100_000, upToMs: pictures[50]!.atMs },
    ]);
  });

  test('takes pictures that undelivered messages name too, and counts them', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 1, keepMb: 1000 });
    const pictures = keep(pruning, dataDir, 1, 30);
    const named = pictures.slice(0, 20);
    pruning.commit({
      alerts: named.map(({ path, sha256 }, index) => alert(index + 1, { snapshot: { path, sha256 } })),
    });
    await clock.advance(2 * DAY_MS);
    expect(pruning.paths()).toEqual(pathsOf(named));
    pruning.pruner.setRetention({ keepDays: 1, keepMb: 1.55 });
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual(pathsOf(named).slice(5));
    expect(prunesOf(dataDir).map(counted).at(-1)).toMatchObject({ byBytes: 5, undelivered: 5 });
  });

  test('new limits hold at once, larger ones too', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, FORTNIGHT);
    keep(pruning, dataDir, 1, 20);
    await clock.advance(90_000);
    pruning.pruner.setRetention({ keepDays: 14, keepMb: 1.05 });
    await clock.advance(1000);
    expect(pruning.paths()).toHaveLength(10);
    pruning.pruner.setRetention({ keepDays: 14, keepMb: 2.05 });
    keep(pruning, dataDir, 21, 30);
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toHaveLength(20);
  });

  test('does not wait for the clock, and leaves room for the pictures to come', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 20 });
    keep(pruning, dataDir, 1, 200);
    await clock.advance(1000);
    expect(pruning.paths()).toHaveLength(200);
    keep(pruning, dataDir, 201, 201);
    await clock.advance(1000);
    expect(pruning.paths()).toHaveLength(198);
    keep(pruning, dataDir, 202, 203);
    await clock.advance(1000);
    expect(pruning.paths()).toHaveLength(200);
    expect(pruning.rounds).toHaveLength(1);
  });

  test('a file that is gone already is no trouble', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 1000 });
    const pictures = keep(pruning, dataDir, 1, 4);
    await clock.advance(HOUR_MS);
    rmSync(join(dataDir, pictures[0]!.path));
    rmSync(join(dataDir, pictures[1]!.cropPath!));
    pruning.pruner.setRetention({ keepDays: 0, keepMb: 0.15 });
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([pictures[3]!.path]);
    expect(filesOf(dataDir, pictures)).toEqual([...Array<boolean>(6).fill(false), true, true]);
    expect(new Set(pruning.endings)).toEqual(new Set([undefined]));
  });

  test('one file that cannot be deleted is told and holds up no other', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 1000 });
    const pictures = keep(pruning, dataDir, 1, 3);
    // Even root cannot unlink a folder.
    rmSync(join(dataDir, pictures[0]!.path));
    mkdirSync(join(dataDir, pictures[0]!.path));
    await clock.advance(HOUR_MS);
    pruning.pruner.setRetention({ keepDays: 0, keepMb: 0 });
    await clock.advance(1000);
    expect(pruning.paths()).toEqual([pictures[0]!.path]);
    expect(String(pruning.endings.at(-1))).toMatch(/EISDIR|EPERM/);
    rmSync(join(dataDir, pictures[0]!.path), { recursive: true });
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([]);
    expect(pruning.endings.at(-1)).toBeUndefined();
  });
});

describe('pruning and the world outside media/', () => {
  test.each(['the media folder', 'a camera', 'a day'])(
    '%s that is a symbolic link leads nowhere: nothing behind it is touched',
    async (what) => {
      const [dataDir, elsewhere, clock] = [tempDir(), tempDir(), new SimClock(START_MS)];
      const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 1000 });
      const pictures = keep(pruning, dataDir, 1, 2);
      const depth = ['the media folder', 'a camera', 'a day'].indexOf(what) + 1;
      const folder = join(dataDir, ...pictures[0]!.path.split('/').slice(0, depth));
      renameSync(folder, join(elsewhere, 'moved'));
      symlinkSync(join(elsewhere, 'moved'), folder);
      const before = readdirSync(elsewhere, { recursive: true }).sort();
      pruning.pruner.setRetention({ keepDays: 0, keepMb: 0 });
      await clock.advance(2 * DAY_MS);
      expect(readdirSync(elsewhere, { recursive: true }).sort()).toEqual(before);
      expect(String(pruning.endings.at(-1))).toContain('symbolic link');
      expect(pruning.paths()).toHaveLength(2);
    },
  );

  test('a picture that is a symbolic link is deleted, what it points at is not', async () => {
    const [dataDir, clock] = [tempDir(), new SimClock(START_MS)];
    const secret = join(tempDir(), 'secret');
    writeFileSync(secret, 'mine');
    const pruning = startPruning(dataDir, clock, { keepDays: 0, keepMb: 0 });
    const [picture] = keep(pruning, dataDir, 1, 1);
    rmSync(join(dataDir, picture!.path));
    symlinkSync(secret, join(dataDir, picture!.path));
    await clock.advance(HOUR_MS);
    expect(pruning.paths()).toEqual([]);
    expect(readdirSync(join(dataDir, 'media/porch/2026-06-01'))).toEqual([]);
    expect(existsSync(secret)).toBe(true);
  });
});

// Pictures written to a real disk: named only when whole, never in the way of anything else.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PictureFiles } from '../../daemon/camera/picture-files.ts';
import type { Snapshot } from '../../daemon/core/types.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { smallDisk, testMounting } from '../fixtures/store/harness.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { standing } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const AT_MS = Date.UTC(2026, 6, 31, 23, 59, 8, 700);
const JPEG = Buffer.alloc(20_000, 'whole picture');
const CROP = Buffer.alloc(4000, 'crop');

/** Looks at the disk as often as a test can wait for. */
const IMPATIENT: Clock = { ...systemClock, every: (_ms, fn) => systemClock.every(10, fn) };

function picturesIn(dataDir: string, reserveMb = 0) {
  const durable: Snapshot[] = [];
  const lost: Snapshot[] = [];
  const { logger, records } = memoryLogger();
  const files = new PictureFiles({
    camera: 'porch',
    dataDir,
    reserveMb,
    clock: IMPATIENT,
    logger,
    onDurable: (snapshot) => durable.push(snapshot),
    onLost: (snapshot) => lost.push(snapshot),
  });
  onTestFinished(() => files.close());
  const write = (jpeg = JPEG): Snapshot => {
    const stem = files.newPath({ label: 'person', track: 7, atMs: AT_MS });
    const [path, cropPath] = [`${stem}.jpg`, `${stem}-crop.jpg`];
    const sha256 = createHash('sha256').update(jpeg).digest('hex');
    const seen = { camera: 'porch', track: 7, label: 'person', score: 0.9, box: standing(0.5, 0.8) };
    const snapshot = { ...seen, path, cropPath, sha256, atMs: AT_MS, bytes: jpeg.length + CROP.length };
    files.write({
      snapshot,
      files: [
        { path: cropPath, jpeg: CROP },
        { path, jpeg },
      ],
    });
    return snapshot;
  };
  const opened = (): Promise<true> => waitFor('room for pictures', () => files.open);
  return { files, durable, lost, records, write, opened };
}

function everythingBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

describe('a picture on the disk', () => {
  test('has its name, its bytes, its hash, and is for the daemon and its group only', async () => {
    const dataDir = tempDir();
    const { files, durable, write, opened } = picturesIn(dataDir);
    files.start();
    await opened();
    const snapshot = write();
    await waitFor('the picture', () => durable.length === 1);
    expect(durable).toEqual([snapshot]);
    expect(snapshot.path).toMatch(/^media\/porch\/2026-07-31\/235908-person-7-[0-9a-f]{8}\.jpg$/);
    const path = join(dataDir, snapshot.path);
    const bytes = readFileSync(path);
    expect(bytes.equals(JPEG)).toBe(true);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(snapshot.sha256);
    expect(readFileSync(join(dataDir, snapshot.cropPath!)).equals(CROP)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    for (const folder of ['media', 'media/porch', 'media/porch/2026-07-31']) {
      expect(statSync(join(dataDir, folder)).mode & 0o777).toBe(0o750);
    }
    expect(everythingBelow(dataDir)).toHaveLength(2);
  });

  test('never has the name of another, and no label leads out of its folder', () => {
    const { files } = picturesIn(tempDir());
    const path = () => files.newPath({ label: '../../etc/Traffic light', track: 1, atMs: AT_MS });
    expect(path()).toMatch(/^media\/porch\/2026-07-31\/235908-______etc_traffic_light-1-[0-9a-f]{8}$/);
    expect(path()).not.toBe(path());
  });

  test('does not begin with what a power cut left behind', async () => {
    const dataDir = tempDir();
    const unfinished = join(dataDir, 'media/porch/.unfinished');
    mkdirSync(unfinished, { recursive: true });
    writeFileSync(join(unfinished, '235908-person-1-00000000.jpg'), 'half a pict');
    const { files, opened } = picturesIn(dataDir);
    files.start();
    await opened();
    expect(everythingBelow(dataDir)).toEqual([]);
  });

  test('that was taken is finished before the end', async () => {
    const { files, durable, write, opened } = picturesIn(tempDir());
    files.start();
    await opened();
    for (let count = 0; count < 5; count += 1) write();
    await files.close();
    expect(durable).toHaveLength(5);
    expect(files.open).toBe(false);
  });

  test('is refused when too many wait for the disk', async () => {
    const { files, durable, write, opened } = picturesIn(tempDir());
    files.start();
    await opened();
    let taken = 0;
    for (; files.open && taken < 100; taken += 1) write();
    expect(taken).toBe(8);
    await waitFor('the disk', () => durable.length === 8);
    expect(files.open).toBe(true);
  });
});

describe('a disk', () => {
  test('whose folder of pictures was taken away gets its pictures again, in a new one', async () => {
    const dataDir = tempDir();
    const { files, durable, write, opened } = picturesIn(dataDir);
    files.start();
    await opened();
    rmSync(join(dataDir, 'media'), { recursive: true });
    await waitFor('a picture', () => {
      if (files.open && durable.length === 0) write();
      return durable.length > 0;
    });
    expect(existsSync(join(dataDir, durable[0]!.path))).toBe(true);
  });

  test('that has less room than is kept for alerts gets no picture, and one line says so', async () => {
    const dataDir = tempDir();
    const { files, records } = picturesIn(dataDir, 1_000_000_000);
    files.start();
    await waitFor('the line', () => records.length > 0);
    await files.close();
    expect(files.open).toBe(false);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ code: 'SNAPSHOT_NOT_WRITTEN' });
    expect(records[0]!.msg).toMatch(
      /^pictures of camera 'porch' are not written: \d+ MB are free \(limit 1000000000, snapshots\.reserveMb\); trying again$/,
    );
  });

  test('that refuses is asked again later; what it refused is told and leaves nothing', async () => {
    const dataDir = tempDir();
    mkdirSync(join(dataDir, 'media/porch'), { recursive: true });
    const inTheWay = join(dataDir, 'media/porch/2026-07-31');
    writeFileSync(inTheWay, 'a file where the folder of the day should be');
    const { files, durable, lost, records, write, opened } = picturesIn(dataDir);
    files.start();
    for (let round = 1; round <= 3; round += 1) {
      await opened();
      write();
      await waitFor('the loss', () => lost.length === round);
    }
    expect(everythingBelow(dataDir)).toEqual([inTheWay]);
    rmSync(inTheWay);
    await opened();
    write();
    await waitFor('the picture', () => durable.length === 1);
    expect(records.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(/^pictures of camera 'porch' are not written: .*EEXIST.*; trying again$/),
      "pictures of camera 'porch' are written again",
    ]);
  });

  testMounting()('that is full in the middle of a picture keeps no half of it', async () => {
    const { path: dataDir } = smallDisk('1m');
    const { files, lost, write, opened } = picturesIn(dataDir);
    files.start();
    await opened();
    const { path, cropPath } = write(Buffer.alloc(2_000_000));
    await waitFor('the loss', () => lost.length === 1);
    for (const one of [path, cropPath!]) expect(existsSync(join(dataDir, one))).toBe(false);
    expect(everythingBelow(dataDir)).toEqual([]);
  });
});

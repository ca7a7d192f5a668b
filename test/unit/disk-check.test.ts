// The file system of the data folder: which mount it is on, how much room there is, and what a full, read-only or unsuited
// one is told as.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import {
  type DiskFacts,
  diskFindings,
  mountOf,
  nearestFolder,
  readDisk,
  writeFindings,
} from '../../daemon/platform/disk.ts';
import { tempDir } from '../support/temp-dir.ts';

const MOUNTS = [
  '22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw',
  '30 22 0:25 / /run rw,nosuid shared:12 - tmpfs tmpfs rw,size=10%',
  '40 22 179:1 / /boot/firmware rw - vfat /dev/mmcblk0p1 ro,errors=remount-ro',
  '50 22 8:1 / /mnt/my\\040disk rw - ext4 /dev/sda1 rw',
].join('\n');

describe('the mount of a path', () => {
  test('is the deepest one that holds it', () => {
    expect(mountOf('/var/lib/vedette', MOUNTS)).toEqual({
      point: '/',
      type: 'ext4',
      source: '/dev/mmcblk0p2',
      readOnly: false,
    });
    expect(mountOf('/running', MOUNTS)).toMatchObject({ point: '/' });
    expect(mountOf('/run/vedette', MOUNTS)).toMatchObject({ point: '/run', type: 'tmpfs' });
    expect(mountOf('/mnt/my disk/data', MOUNTS)).toMatchObject({
      point: '/mnt/my disk',
      source: '/dev/sda1',
    });
    expect(mountOf('/mnt', '')).toBeUndefined();
  });

  test('is read-only by its own options or those of the file system', () => {
    expect(mountOf('/boot/firmware/x', MOUNTS)).toMatchObject({ type: 'vfat', readOnly: true });
  });
});

function disk(changes: Partial<DiskFacts> & { type?: string; readOnly?: boolean } = {}): DiskFacts {
  const { type = 'ext4', readOnly = false, ...others } = changes;
  return {
    folder: '/data',
    mount: { point: '/', type, source: '/dev/mmcblk0p2', readOnly },
    card: 'SD',
    freeMb: 5000,
    totalMb: 30_000,
    freeInodes: 0.9,
    ...others,
  };
}

describe('room and kind', () => {
  test('enough room on an SD card is well', () => {
    expect(diskFindings(disk(), 200)).toMatchObject([
      { level: 'ok', message: '5000 of 30000 MB free on / (ext4, SD card)' },
    ]);
  });

  test('less than the reserve is a fault, less than twice of it a warning', () => {
    expect(diskFindings(disk({ freeMb: 199 }), 200)).toMatchObject([
      { level: 'fault', message: expect.stringContaining('less than snapshots.reserveMb, 200') },
    ]);
    expect(diskFindings(disk({ freeMb: 399 }), 200)).toMatchObject([{ level: 'warning' }]);
    expect(diskFindings(disk({ freeMb: 400 }), 200)).toMatchObject([{ level: 'ok' }]);
  });

  test('read-only is a fault; memory, FAT and network disks and few inodes are warnings', () => {
    expect(diskFindings(disk({ readOnly: true }), 200)[1]).toMatchObject({
      level: 'fault',
      subject: 'read-only',
    });
    for (const type of ['tmpfs', 'vfat', 'nfs4']) {
      expect(diskFindings(disk({ type }), 200)[1]).toMatchObject({
        level: 'warning',
        subject: 'file system',
      });
    }
    expect(diskFindings(disk({ freeInodes: 0.01 }), 200)[1]).toMatchObject({
      level: 'warning',
      message: '1.0 % of the inodes are free (limit 2 %)',
    });
    expect(diskFindings(disk({ freeInodes: undefined }), 200)).toHaveLength(1);
  });

  test('the disk of this machine can be read', async () => {
    const facts = await readDisk(tempDir());
    expect(facts.totalMb).toBeGreaterThan(0);
    expect(facts.mount).toBeDefined();
  });
});

describe('a write to the data folder', () => {
  test('is timed, and leaves nothing behind', async () => {
    const folder = tempDir();
    expect(await writeFindings(folder, systemClock)).toMatchObject([
      {
        level: expect.stringMatching(/ok|warning/),
        message: expect.stringContaining('64 KiB written and synced in'),
      },
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a folder that does not exist yet is not made', async () => {
    const above = tempDir();
    const folder = join(above, 'a/b');
    expect(await writeFindings(folder, systemClock)).toMatchObject([
      { level: 'ok', message: `${folder} does not exist yet; it can be made in ${above}` },
    ]);
    expect(readdirSync(above)).toEqual([]);
    expect(await nearestFolder(folder)).toBe(above);
  });

  test('a file in its place is a fault', async () => {
    const path = join(tempDir(), 'data');
    writeFileSync(path, '');
    expect(await writeFindings(path, systemClock)).toMatchObject([
      { level: 'fault', message: expect.stringContaining(`${path} cannot be written`) },
    ]);
  });
});

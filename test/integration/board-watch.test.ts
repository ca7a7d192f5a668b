// Room on the disk and throttling as health tells them, from real files.
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BoardWatch } from '../../daemon/platform/board-watch.ts';
import { SYSTEM_ROOTS, type SystemRoots } from '../../daemon/platform/system-files.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const FIRMWARE = 'devices/platform/soc/soc:firmware/get_throttled';

function watchOf(dataDir: string): { watch: BoardWatch; clock: SimClock; firmware: (bits: string) => void } {
  const clock = new SimClock();
  const root = tempDir();
  const roots: SystemRoots = { ...SYSTEM_ROOTS, sys: join(root, 'sys') };
  const watch = new BoardWatch({ dataDir, clock, roots });
  onTestFinished(() => watch.stop());
  const firmware = (bits: string): void => {
    mkdirSync(dirname(join(roots.sys, FIRMWARE)), { recursive: true });
    writeFileSync(join(roots.sys, FIRMWARE), bits);
  };
  return { watch, clock, firmware };
}

describe('the board watch', () => {
  test('tells the room on the disk of the data folder, and nothing of a board that does not throttle', async () => {
    const dataDir = tempDir();
    const { watch } = watchOf(dataDir);
    expect(watch.state()).toEqual({});
    await watch.look();
    const { blocks, bsize } = statfsSync(dataDir);
    expect(watch.state()).toEqual({
      disk: { freeBytes: expect.any(Number), totalBytes: blocks * bsize },
    });
    expect(watch.state().disk?.freeBytes).toBeGreaterThan(0);
  });

  test('looks again every minute: under-voltage comes, and stays as something that was', async () => {
    const { watch, clock, firmware } = watchOf(tempDir());
    firmware('0');
    await watch.start();
    await waitFor('the first look', () => watch.state().throttling);
    expect(watch.state().throttling).toEqual({ now: [], before: [] });
    firmware('50005');
    await clock.advance(60_000);
    await waitFor('the second look', () => watch.state().throttling?.now.length === 2);
    expect(watch.state().throttling).toEqual({
      now: ['under-voltage', 'throttled'],
      before: ['under-voltage', 'throttled'],
    });
  });

  test('a folder that has gone has no room to tell', async () => {
    const { watch } = watchOf(join(tempDir(), 'gone'));
    await watch.look();
    expect(watch.state()).toEqual({});
  });
});

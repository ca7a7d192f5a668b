// Pictures of a running daemon: what event and alert name is on the disk, whole, with the privacy masks in it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Alert, EventChange, SnapshotRef } from '../../daemon/core/types.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { freePort } from '../support/mosquitto.ts';
import { decodeJpeg } from '../support/pictures.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** A strip along the upper edge: no object of the scene is found by it alone. */
const MASK = { height: 0.2, name: 'sky' };

/** Bodies of what waits for a broker that is not there. */
function waiting<T>(dataDir: string, kind: 'event' | 'alert'): T[] {
  return readDatabase(dataDir, (reader) =>
    reader
      .outbox({ afterRow: 0, limit: 10_000 })
      .filter((row) => row.kind === kind)
      .map((row) => JSON.parse(row.body) as T),
  );
}

function isWhole(dataDir: string, { path, sha256 }: SnapshotRef): boolean {
  const file = join(dataDir, path);
  return existsSync(file) && createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
}

async function watched(
  snapshots: object,
): Promise<{ daemon: ReturnType<typeof startDaemon>; dataDir: string }> {
  const dataDir = tempDir();
  const { cameras, rules } = busyScene();
  const yard = (cameras as { yard: object }).yard;
  const points = [
    [0, 0],
    [1, 0],
    [1, MASK.height],
    [0, MASK.height],
  ];
  const config = writeConfig({
    mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` },
    cameras: { yard: { ...yard, masks: { [MASK.name]: { points } } } },
    rules,
    snapshots,
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await waitFor('the database', () => daemon.stderr().includes('database is open'));
  return { daemon, dataDir };
}

test('event and alert name a picture that is on the disk, with this hash, of the size that is looked at, masked', async () => {
  const { daemon, dataDir } = await watched({ reserveMb: 0, boxes: false });
  const alert = await waitFor(
    'an alert with a picture',
    () => waiting<Alert>(dataDir, 'alert').find(({ snapshot }) => snapshot !== undefined),
    60_000,
  );
  const { path, sha256 } = alert.snapshot!;
  expect(path).toMatch(/^media\/yard\/\d{4}-\d\d-\d\d\/\d{6}-(person|car|dog)-\d+-[0-9a-f]{8}\.jpg$/);
  expect(path).toContain(`-${alert.label}-`);
  await waitFor('the picture', () => isWhole(dataDir, { path, sha256 }));
  const events = waiting<EventChange>(dataDir, 'event').filter(({ id }) => id === alert.eventId);
  expect(events[0]).toMatchObject({ type: 'new', snapshot: { path, sha256 } });

  const picture = decodeJpeg(readFileSync(join(dataDir, path)));
  expect([picture.width, picture.height]).toEqual([1280, 720]);
  const masked = MASK.height * 720;
  let [dark, bright] = [0, 0];
  for (let x = 0; x < 1280; x += 1) {
    bright = Math.max(bright, ...picture.at(x, masked + 200));
    // But for the lowest block of the JPEG, which holds lines that are not masked.
    for (let y = 0; y < masked - 16; y += 1) dark = Math.max(dark, ...picture.at(x, y));
  }
  expect(dark).toBe(0);
  expect(bright).toBeGreaterThan(100);
  const crop = decodeJpeg(readFileSync(join(dataDir, path.replace('.jpg', '-crop.jpg'))));
  expect(crop.width).toBeLessThan(1280);

  daemon.kill('SIGINT');
  expect(await daemon.exited).toBe(0);
  // What was begun was finished: no name leads to nothing, and nothing is left without its name.
  const named = waiting<EventChange>(dataDir, 'event').flatMap(({ snapshot }) => snapshot ?? []);
  expect(named.filter((one) => !isWhole(dataDir, one))).toEqual([]);
  expect(readdirSync(join(dataDir, 'media/yard/.unfinished'))).toEqual([]);
});

test('alerts come without a picture where the disk has no room for any', async () => {
  const { daemon, dataDir } = await watched({ reserveMb: 1_000_000 });
  await waitFor('an alert', () => waiting<Alert>(dataDir, 'alert')[0], 60_000);
  daemon.kill('SIGINT');
  expect(await daemon.exited).toBe(0);
  const records = [...waiting<Alert>(dataDir, 'alert'), ...waiting<EventChange>(dataDir, 'event')];
  expect(records.filter(({ snapshot }) => snapshot !== undefined)).toEqual([]);
  expect(daemon.stderr()).toMatch(/pictures of camera 'yard' are not written: \d+ MB are free/);
  expect(readdirSync(join(dataDir, 'media/yard'))).toEqual(['.unfinished']);
});

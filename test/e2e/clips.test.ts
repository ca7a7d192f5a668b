// A rule with a clip in a running daemon: the alert names it before it is there, and then it is, with its row.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Alert } from '../../daemon/core/types.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { freePort } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { videoOf } from '../support/video.ts';
import { waitFor } from '../support/wait.ts';

const testClips = testNeeding({ programs: ['ffmpeg', 'ffprobe'] });

async function daemonWithClips() {
  const dataDir = tempDir();
  const { cameras, rules } = busyScene();
  const withClips = Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, { ...rule, clip: { beforeS: 2, afterS: 2 } }]),
  );
  const config = writeConfig({
    mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` },
    snapshots: { reserveMb: 0 },
    cameras,
    rules: withClips,
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  const alerts = (): Alert[] =>
    readDatabase(dataDir, (reader) =>
      reader
        .outbox({ afterRow: 0, limit: 10_000 })
        .flatMap(({ kind, body }) => (kind === 'alert' ? [JSON.parse(body) as Alert] : [])),
    );
  await waitFor('the database', () => daemon.stderr().includes('database is open'));
  return { daemon, dataDir, alerts };
}

testClips('an alert names a clip, which is written when its seconds are over', async () => {
  const { daemon, dataDir, alerts } = await daemonWithClips();
  const { id, camera, clip } = await waitFor('an alert', () => alerts()[0], 60_000);
  expect(clip?.path).toMatch(new RegExp(`^media/${camera}/\\d{4}-\\d\\d-\\d\\d/\\d{6}-${id}\\.mp4$`));
  const kept = await waitFor(
    'the clip and its row',
    () =>
      readDatabase(dataDir, (reader) =>
        reader.alerts({ limit: 10_000 }).find((alert) => alert.id === id && alert.clip !== undefined),
      ),
    60_000,
  );
  expect(kept.clip).toEqual(clip);
  const video = videoOf(join(dataDir, clip!.path));
  expect([video.width, video.height, video.fps]).toEqual([640, 360, 5]);
  expect(video.frames.length).toBeGreaterThan(5);
  daemon.kill('SIGINT');
  expect(await daemon.exited).toBe(0);
  // What was being written when it stopped is gone, and nothing half is under a name.
  expect(existsSync(join(dataDir, 'media/yard/.clips'))).toBe(true);
  expect(readdirSync(join(dataDir, 'media/yard/.clips'))).toEqual([]);
  expect(daemon.stderr()).not.toContain('CLIP_NOT_WRITTEN');
});

// Grouped alerts in a running daemon: one for whoever comes within the time, and nothing is lost when it stops meanwhile.
import { expect, test } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase, waitingAlerts } from '../support/database.ts';
import { freePort } from '../support/mosquitto.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('groups that are open when the daemon stops are told as they are', async () => {
  const dataDir = tempDir();
  const { cameras } = busyScene();
  const config = writeConfig({
    mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` },
    snapshots: { reserveMb: 0 },
    cameras,
    rules: {
      together: { trigger: { type: 'appear' }, groupS: 300 },
      each: { trigger: { type: 'appear' }, cooldownS: 0 },
    },
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await waitFor('the database', () => daemon.stderr().includes('database is open'), 60_000);
  await waitFor('two alerts of the other rule', () => waitingAlerts(dataDir) >= 2, 90_000);
  const rulesOf = (): string[] =>
    readDatabase(dataDir, (reader) => reader.alerts({ limit: 1000 }).map(({ rule }) => rule));
  expect(rulesOf()).not.toContain('together');
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
  expect(rulesOf().filter((rule) => rule === 'together')).toHaveLength(1);
  const count = readDatabase(dataDir, (reader) =>
    reader.alerts({ limit: 1000 }).find(({ rule }) => rule === 'together'),
  )?.count;
  expect(count).toBe(rulesOf().filter((rule) => rule === 'each').length);
});

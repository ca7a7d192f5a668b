// Nothing outlives the daemon, and Ctrl-C keeps what was committed.
import { expect, test } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { childrenOf, processesWith, startDaemon, waitForChildren } from '../support/daemon.ts';
import { alertIds, readDatabase, waitingAlerts } from '../support/database.ts';
import { freePort } from '../support/mosquitto.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** The issue asks for two seconds; the test only bounds liveness, `npm run bench` prints the time. */
const STOP_MS_MAX = 10_000;

async function unheardDaemon(): Promise<{
  daemon: ReturnType<typeof startDaemon>;
  dataDir: string;
  args: string[];
}> {
  const dataDir = tempDir();
  const config = writeConfig({ mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` }, ...busyScene() });
  const args = ['run', '--config', config, '--data', dataDir];
  const daemon = startDaemon(args);
  await waitFor('the database', () => daemon.stderr().includes('database is open'));
  return { daemon, dataDir, args };
}

test('detector and camera program die with a daemon that gets SIGKILL', async () => {
  const { daemon } = await unheardDaemon();
  const children = await waitForChildren(daemon.pid, 2);
  daemon.kill('SIGKILL');
  await daemon.exited;
  for (const { pid, command } of children) {
    await waitFor(`the end of ${command}`, () => !processesWith('').some((other) => other.pid === pid));
  }
});

test('Ctrl-C ends daemon and children, and every committed row is there at the next start', async () => {
  const { daemon, dataDir } = await unheardDaemon();
  const children = await waitForChildren(daemon.pid, 2);
  await waitFor('alerts nobody hears', () => waitingAlerts(dataDir) > 0, 60_000);
  const before = alertIds(dataDir);
  daemon.kill('SIGINT');
  await waitFor('the end', () => daemon.process.exitCode !== null, STOP_MS_MAX);
  expect(await daemon.exited).toBe(0);
  for (const { pid } of children) expect(processesWith('').some((other) => other.pid === pid)).toBe(false);

  expect(alertIds(dataDir).slice(0, before.length)).toEqual(before);
  expect(waitingAlerts(dataDir)).toBe(alertIds(dataDir).length);
  // A clean stop ends what was going on: no event stays open.
  readDatabase(dataDir, (reader) => {
    expect(reader.events({ limit: 1000 }).filter((event) => event.endedAtMs === undefined)).toEqual([]);
  });
});

test('a second Ctrl-C exits at once with 130, although a part has not stopped yet', async () => {
  const { daemon } = await unheardDaemon();
  // A frozen camera program does not hear TERM: a clean stop has to wait before it kills it.
  const scene = await waitFor('the camera program', () =>
    childrenOf(daemon.pid).find(({ command }) => command.includes(' scene ')),
  );
  process.kill(scene.pid, 'SIGSTOP');
  await waitFor('the end', () => {
    daemon.kill('SIGINT');
    return daemon.process.exitCode !== null;
  });
  expect(await daemon.exited).toBe(130);
});

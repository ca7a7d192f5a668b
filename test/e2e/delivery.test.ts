// Nothing lost: the daemon killed between commit and publish, the broker away while alerts fire. Real Mosquitto.
import { expect } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { alertIds, readDatabase, waitingAlerts } from '../support/database.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });

/** Alerts as a subscriber keeps them: a message sent twice counts once, at its first coming. */
function firstComings(subscriber: Subscriber): Record<string, unknown>[] {
  const seen = new Set<unknown>();
  return subscriber.jsonOn('/alert').filter((alert) => !seen.has(alert['id']) && seen.add(alert['id']));
}

function busyConfig(url: string): string {
  return writeConfig({ mqtt: { url, drainDelayS: 1, retryMaxS: 1, lateS: 5 }, ...busyScene() });
}

testBroker('an alert committed before the daemon was killed is delivered by the next one', async () => {
  const dataDir = tempDir();
  const broker = await Mosquitto.prepare();
  const args = ['run', '--config', busyConfig(broker.url), '--data', dataDir];

  const first = startDaemon(args);
  await waitFor('the database', () => first.stderr().includes('database is open'));
  await waitFor('an alert that cannot be published', () => waitingAlerts(dataDir) > 0, 60_000);
  first.kill('SIGKILL');
  await first.exited;
  const committed = alertIds(dataDir);
  const epoch = readDatabase(dataDir, (reader) => reader.epoch);
  expect(committed.length).toBeGreaterThan(0);

  await broker.restart();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const second = startDaemon(args);
  await waitFor(
    'the alerts of the first daemon',
    () => firstComings(subscriber).length >= committed.length,
    60_000,
  );
  const alerts = firstComings(subscriber).slice(0, committed.length);
  expect(alerts.map((alert) => alert['id'])).toEqual(committed);
  expect(alerts.map((alert) => alert['seq'])).toEqual(committed.map((_, index) => index + 1));
  expect(new Set(alerts.map((alert) => alert['epoch']))).toEqual(new Set([epoch]));
  // Every event the first daemon left open has its end.
  await subscriber.waitFor(
    'the end of an open event',
    ({ topic, payload }) => topic.endsWith('/event') && payload.includes('"end"'),
  );
  second.kill('SIGTERM');
  expect(await second.exited).toBe(0);
});

testBroker('every alert fired while the broker was away arrives afterwards, in order', async () => {
  const dataDir = tempDir();
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const daemon = startDaemon(['run', '--config', busyConfig(broker.url), '--data', dataDir]);
  await waitFor('a first alert', () => firstComings(subscriber).length > 0, 60_000);

  await broker.stop();
  const awayMs = systemClock.monoMs();
  await waitFor(
    'ten seconds without a broker, with alerts',
    () => systemClock.monoMs() - awayMs > 10_000 && waitingAlerts(dataDir) > 2,
    90_000,
  );
  const committed = alertIds(dataDir);
  await broker.restart();

  await waitFor('the backlog', () => firstComings(subscriber).length >= committed.length, 60_000);
  const alerts = firstComings(subscriber);
  expect(alerts.slice(0, committed.length).map((alert) => alert['id'])).toEqual(committed);
  expect(alerts.map((alert) => alert['seq'])).toEqual(alerts.map((_, index) => index + 1));
  expect(new Set(alerts.map((alert) => alert['epoch'])).size).toBe(1);
  const late = alerts.filter((alert) => alert['late'] === true);
  expect(late.length).toBeGreaterThan(0);
  for (const alert of late) expect(alert['delayedMs']).toBeGreaterThan(5000);
  await waitFor('an empty outbox', () => waitingAlerts(dataDir) === 0, 30_000);
  expect(subscriber.on('/status').at(-1)?.payload).toBe('online');
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
});

testBroker('the self-test of a running daemon comes back from the broker', async () => {
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const config = writeConfig({
    mqtt: { url: broker.url, drainDelayS: 0, healthS: 1, selfTestMinutes: 0.05 },
    ...busyScene(),
  });
  const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
  const verdict = await waitFor(
    'the verdict in health',
    () => subscriber.jsonOn('/health').find((health) => 'selfTest' in health)?.['selfTest'],
    60_000,
  );
  expect(verdict).toMatchObject({ ok: true, loopMs: expect.any(Number) });
  expect(daemon.stderr()).toMatch(/self-test: a detection came back from the broker after/);
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
});

// A rule with a topic of its own in a running daemon: its alerts come on `alert` and there, and leave the outbox.
import { expect, test } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { freePort } from '../support/mosquitto.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('an alert comes on the topic of its rule as well, and both are one message', async () => {
  const [dataDir, port] = [tempDir(), await freePort()];
  const { cameras, rules } = busyScene();
  const withTopic = Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, { ...rule, topic: `house/${name}` }]),
  );
  const config = writeConfig({
    device: { name: 'pi' },
    mqtt: { embedded: { enabled: true, port }, drainDelayS: 0 },
    snapshots: { reserveMb: 0 },
    cameras,
    rules: withTopic,
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await waitFor('the broker', () => daemon.stderr().includes('started'), 60_000);
  const subscriber = await Subscriber.connect({ url: `mqtt://127.0.0.1:${port}` });
  const copy = await waitFor(
    'an alert on the topic of its rule',
    () => subscriber.messages.find(({ topic }) => topic.startsWith('vedette/pi/house/')),
    60_000,
  );
  const { rule } = JSON.parse(copy.payload) as { rule: string };
  expect(copy).toMatchObject({ topic: `vedette/pi/house/${rule}`, qos: 1, retain: false });
  await waitFor('the same on alert', () =>
    subscriber.messages.some(
      ({ topic, payload }) => topic === 'vedette/pi/alert' && payload === copy.payload,
    ),
  );
  daemon.kill('SIGINT');
  expect(await daemon.exited).toBe(0);
  const topics = readDatabase(dataDir, (reader) => reader.alerts({ limit: 9 }).map((alert) => alert.topic));
  expect(topics).toContain(`house/${rule}`);
});

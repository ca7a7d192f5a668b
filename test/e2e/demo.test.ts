// `npm start` as somebody new runs it: nothing set up.
import { expect, test } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('the demo shows an alert on the screen, to a plain MQTT client and in the database', async () => {
  const dataDir = tempDir();
  const demo = startDaemon(['demo', '--data', dataDir, '--port', '0']);
  const url = await waitFor('the broker', () => /broker +(mqtt:\/\/\S+)/.exec(demo.stdout())?.[1]);
  const subscriber = await Subscriber.connect({ url });

  const line = await waitFor('an alert line', () => /^.*ALERT 1 .*$/m.exec(demo.stdout())?.[0], 60_000);
  expect(line).toMatch(
    /^\d\d:\d\d:\d\d {2}ALERT 1 \(warning\) {2}person entered porch at yard, score [01]\.\d\d$/,
  );
  expect(demo.stdout()).toMatch(/mosquitto_sub -h 127\.0\.0\.1 -p \d+ -v -t 'vedette\/[a-z0-9_-]+\/alert'/);

  await subscriber.waitForCount('/alert', 1);
  const alert = subscriber.jsonOn('/alert')[0]!;
  expect(alert).toMatchObject({
    v: 1,
    seq: 1,
    rule: 'person-at-porch',
    camera: 'yard',
    label: 'person',
    zone: 'porch',
  });
  expect(Object.keys(alert['latency'] as object)).toEqual([
    ...['prepareMs', 'waitMs', 'inferMs', 'trackMs', 'decideMs', 'commitMs', 'sendMs'],
  ]);
  expect(subscriber.jsonOn('/event').map((event) => event['id'])).toContain(alert['eventId']);
  expect(subscriber.on('/status')[0]).toMatchObject({ payload: 'online', retain: true });
  expect(subscriber.on('/camera/yard/status').at(-1)?.payload).toBe('online');
  const seen = subscriber
    .jsonOn('/camera/yard/detections')
    .find((one) => (one['detections'] as unknown[]).length > 0);
  expect(seen).toMatchObject({ v: 1, header: { frame_id: 'yard' } });

  readDatabase(dataDir, (reader) => {
    expect(reader.alerts({ limit: 10 }).map((row) => row.id)).toContain(alert['id']);
    expect(reader.events({ limit: 10 }).map((row) => row.id)).toContain(alert['eventId']);
    expect(reader.epoch).toBe(alert['epoch']);
  });

  demo.kill('SIGINT');
  expect(await demo.exited).toBe(0);
  expect(subscriber.on('/status').at(-1)?.payload).toBe('stopped');
  expect(demo.stderr()).toBe('');
});

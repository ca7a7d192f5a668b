// The flow of docs/recipes in a real Node-RED: alerts become HTTP calls, also those that came while it was away.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HttpSink } from '../support/http-sink.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { nodeRedProgram, startNodeRed } from '../support/node-red.ts';
import { alertBody, testPublisher } from '../support/publisher.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const FLOW = join(ROOT, 'docs/recipes/node-red-alerts.json');
const testMosquitto = testNeeding({ programs: ['mosquitto'] });
if (nodeRedProgram() === undefined) {
  if (process.env['CI'] === 'true') throw new Error('these tests need Node-RED, and CI skips nothing');
  console.warn('skipped: needs Node-RED (test/support/node-red.ts says how to install it)');
}
const testNodeRed = nodeRedProgram() === undefined ? test.skip : testMosquitto;

describe('the flow for Node-RED', () => {
  testNodeRed('turns alerts into HTTP calls, and those that came while it was away as well', async () => {
    const broker = await Mosquitto.start();
    const sink = await HttpSink.start();
    const { publisher, outbox } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    const publish = (id: string, severity: string): void =>
      publisher.outboxGrew([outbox.commit('alert', { ...alertBody(id), severity })]);
    const env = { MQTT_HOST: '127.0.0.1', MQTT_PORT: String(broker.port), ALERT_URL: `${sink.url}/alert` };
    const folder = tempDir();
    const first = await startNodeRed(FLOW, folder, env);
    // Subscribed a moment after it is connected: what comes in between nobody would keep.
    await waitFor('its first call', () => {
      if (sink.taken.length === 0) publish('a0', 'warning');
      return sink.taken.length > 0;
    });
    publish('a1', 'info');
    publish('a2', 'critical');
    await waitFor('the second', () => sink.taken.some(({ body }) => body.includes('"a2"')));
    await first.kill();
    publish('a3', 'warning');
    await waitFor('the broker to have it', () => outbox.rows.length === 0);
    await startNodeRed(FLOW, folder, env);
    await waitFor('the third', () => sink.taken.some(({ body }) => body.includes('"a3"')), 60_000);
    const calls = sink.taken.map(({ body }) => JSON.parse(body.toString('utf8')) as { id: string });
    expect(calls.filter(({ id }) => id !== 'a0')).toEqual([
      { id: 'a2', title: 'porch: critical', text: 'person entered door at porch' },
      { id: 'a3', title: 'porch: warning', text: 'person entered door at porch' },
    ]);
    expect(sink.taken[0]).toMatchObject({ method: 'POST', url: '/alert' });
  });
});

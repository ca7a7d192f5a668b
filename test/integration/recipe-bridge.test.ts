// docs/recipes/alert-bridge.ts as an owner runs it: a process of its own, a real broker that keeps its session, an HTTP server.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import type { Alert } from '../../daemon/core/types.ts';
import { HttpSink } from '../support/http-sink.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { alertBody, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const JPEG = new Uint8Array(5000).fill(7);

interface Bridge {
  /** Subscribed; from then on the broker keeps what comes. */
  ready(): Promise<void>;
  kill(): Promise<void>;
}

function startBridge(broker: Mosquitto, spool: string, env: NodeJS.ProcessEnv): Bridge {
  const child = spawn(process.execPath, [join(ROOT, 'docs/recipes/alert-bridge.ts')], {
    env: {
      ...process.env,
      MQTT_URL: broker.url,
      SPOOL: spool,
      CLIENT_ID: 'bridge',
      RETRY_MAX_S: '0.1',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  return {
    ready: () => waitFor(`the bridge: ${log}`, () => log.includes('waiting for')).then(() => {}),
    kill,
  };
}

async function startPublisher(broker: Mosquitto): Promise<TestPublisher> {
  const made = testPublisher({ url: broker.url });
  await made.publisher.start();
  await waitFor('the connection', () => made.publisher.state().connected);
  return made;
}

function publish({ outbox, publisher }: TestPublisher, fields: Partial<Alert> & { id: string }): void {
  publisher.outboxGrew([outbox.commit('alert', { ...alertBody(fields.id), ...fields })]);
}

describe('the bridge of the recipes', () => {
  testMosquitto('gives ntfy title, message, priority and the picture of the alert', async () => {
    const broker = await Mosquitto.start();
    const sink = await HttpSink.start();
    const made = await startPublisher(broker);
    const bridge = startBridge(broker, tempDir(), { NTFY_URL: `${sink.url}/door`, NTFY_TOKEN: 'tk_secret' });
    await bridge.ready();
    const sha256 = createHash('sha256').update(JPEG).digest('hex');
    made.picture('porch', { label: 'person', jpeg: JPEG });
    publish(made, { id: 'a1', severity: 'critical', snapshot: { path: 'media/x.jpg', sha256 } });
    publish(made, { id: 'a2', severity: 'info', message: 'jemand an der Tür' });
    const {
      camera: _camera,
      label: _label,
      zone: _zone,
      score: _score,
      eventId: _event,
      ...board
    } = alertBody('a3');
    const fault = { ...board, trigger: 'fault', fault: 'disk', count: 0, message: 'the disk is full' };
    made.publisher.outboxGrew([made.outbox.commit('alert', fault)]);
    const [first, second, third] = await sink.waitForTaken(3);
    expect(third).toMatchObject({ headers: { title: 'door' } });
    expect(third?.body.toString('utf8')).toBe('the disk is full');
    expect(first).toMatchObject({ method: 'PUT', url: '/door' });
    expect(first?.headers).toMatchObject({
      title: 'porch: door',
      message: 'person entered door at porch',
      priority: '5',
      filename: 'porch.jpg',
      authorization: 'Bearer tk_secret',
    });
    expect(first?.body.equals(Buffer.from(JPEG))).toBe(true);
    expect(second).toMatchObject({ method: 'POST', headers: { priority: '3', title: 'porch: door' } });
    expect(second?.body.toString('utf8')).toBe('jemand an der Tür');
  });

  testMosquitto(
    'tries a webhook again until it answers, and leaves out a picture it does not want',
    async () => {
      const broker = await Mosquitto.start();
      const sink = await HttpSink.start();
      const made = await startPublisher(broker);
      const bridge = startBridge(broker, tempDir(), { WEBHOOK_URL: sink.url });
      await bridge.ready();
      let attempts = 0;
      sink.answer = ({ body }) => {
        attempts += 1;
        if (attempts <= 3) return 503;
        return body.toString('utf8').includes('"picture":null') ? 200 : 413;
      };
      const sha256 = createHash('sha256').update(JPEG).digest('hex');
      made.picture('porch', { label: 'person', jpeg: JPEG });
      publish(made, { id: 'a1', snapshot: { path: 'media/x.jpg', sha256 } });
      const [taken] = await sink.waitForTaken(1);
      expect(attempts).toBe(5);
      expect(JSON.parse(taken?.body.toString('utf8') ?? '')).toMatchObject({
        title: 'porch: door',
        message: 'person entered door at porch',
        alert: { id: 'a1', severity: 'warning', seq: 1 },
        picture: null,
      });
    },
  );

  testMosquitto('loses nothing and repeats nothing that it knows, whoever is away or killed', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const sink = await HttpSink.start();
    const made = await startPublisher(broker);
    const spool = tempDir();
    const env = { WEBHOOK_URL: sink.url };
    const first = startBridge(broker, spool, env);
    await first.ready();
    sink.answer = () => 503;
    publish(made, { id: 'a1' });
    publish(made, { id: 'a2' });
    await waitFor('an attempt', () => sink.requests.length > 1);
    await first.kill();
    publish(made, { id: 'a3' });
    await waitFor('the broker to have it', () => made.outbox.rows.length === 0);
    sink.answer = () => 200;
    startBridge(broker, spool, env);
    await sink.waitForTaken(3);
    publish(made, { id: 'a3' });
    publish(made, { id: 'a4' });
    await sink.waitForTaken(4);
    const ids = sink.taken.map(
      ({ body }) => (JSON.parse(body.toString('utf8')) as { alert: Alert }).alert.id,
    );
    expect(ids).toEqual(['a1', 'a2', 'a3', 'a4']);
  });
});

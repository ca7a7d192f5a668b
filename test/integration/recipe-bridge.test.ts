// docs/recipes/alert-bridge.ts as an owner runs it: a process of its own, a real broker that keeps its session, an HTTP server.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished } from 'vitest';
import type { Alert } from '../../daemon/core/types.ts';
import { Digest } from '../../daemon/publish/digest.ts';
import { digestPayload } from '../../daemon/publish/payloads.ts';
import { HttpSink } from '../support/http-sink.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { alertBody, EPOCH, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const JPEG = new Uint8Array(5000).fill(7);

interface Bridge {
  /** Subscribed; from then on the broker keeps what comes. */
  ready(): Promise<void>;
  /** What it has said so far. */
  log(): string;
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
    log: () => log,
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

/** Whoever publishes what the test says, as it stands. */
async function startStranger(broker: Mosquitto): Promise<MqttClient> {
  const client = await connectAsync(broker.url);
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** As the daemon sends it when `mqtt.late` says so. */
function digestOf(seqs: readonly number[], atMs: number): string {
  const [first, ...others] = seqs.map((seq) => ({
    row: seq,
    epoch: EPOCH,
    kind: 'alert' as const,
    seq,
    atMs: atMs + seq,
    body: JSON.stringify(alertBody(`late-${seq}`, atMs + seq)),
  }));
  const digest = new Digest(first!);
  for (const row of others) digest.add(row);
  return digestPayload(digest, { nowMs: atMs + 3_600_000, lateMs: 30_000 });
}

interface Hooked {
  readonly alert: Partial<Alert> & { readonly first?: number; readonly last?: number };
  readonly picture: string | null;
}

/** What the webhook was given, in order. */
function hooked(sink: HttpSink): Hooked[] {
  return sink.taken.map(({ body }) => JSON.parse(body.toString('utf8')) as Hooked);
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
    expect(hooked(sink).map(({ alert }) => alert.id)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  testMosquitto('delivers every digest once, also one that shares numbers with another', async () => {
    const broker = await Mosquitto.start();
    const sink = await HttpSink.start();
    const stranger = await startStranger(broker);
    const spool = tempDir();
    const env = { WEBHOOK_URL: sink.url };
    const first = startBridge(broker, spool, env);
    await first.ready();
    const publishDigest = (seqs: readonly number[], atMs = 1_800_000_000_000): Promise<unknown> =>
      stranger.publishAsync('vedette/pi/alert', digestOf(seqs, atMs), { qos: 1 });
    await publishDigest([1, 2]);
    await publishDigest([4, 5]);
    // The connection was lost before its acknowledgement: a new one stands for more, or for less.
    await publishDigest([3, 4, 5]);
    await publishDigest([4, 5]);
    // An older data folder was put back, and gives the numbers out once more.
    await publishDigest([1, 2], 1_800_000_900_000);
    await sink.waitForTaken(4);
    // Killed before it has noted the last, it would rightly deliver that again.
    await waitFor('all to be noted', () => !readdirSync(spool).some((name) => name.endsWith('.json')));
    await first.kill();
    const second = startBridge(broker, spool, env);
    await second.ready();
    await publishDigest([1, 2], 1_800_000_900_000);
    await publishDigest([6, 7]);
    await sink.waitForTaken(5);
    const numbers = hooked(sink).map(({ alert }) => [alert.first, alert.last]);
    const expected = [
      [1, 2],
      [4, 5],
      [3, 5],
      [1, 2],
      [6, 7],
    ];
    expect(numbers).toEqual(expected);
  });

  testMosquitto('leaves out what is no alert with a warning, and goes on', async () => {
    const broker = await Mosquitto.start();
    const sink = await HttpSink.start();
    const made = await startPublisher(broker);
    const stranger = await startStranger(broker);
    const bridge = startBridge(broker, tempDir(), { WEBHOOK_URL: sink.url });
    await bridge.ready();
    const strange = ['null', '5', '"text"', '[]', '{}', '{"message":7}', '{"message":"no id"}', '{'];
    for (const text of strange) await stranger.publishAsync('vedette/pi/alert', text, { qos: 1 });
    publish(made, { id: 'a1' });
    await sink.waitForTaken(1);
    expect(hooked(sink)).toMatchObject([{ alert: { id: 'a1' } }]);
    const warnings = (): string[] => bridge.log().match(/(?<=not an alert, left out: ).*/g) ?? [];
    await waitFor('the warnings', () => warnings().length >= strange.length);
    expect(warnings()).toEqual(strange);
  });

  testMosquitto("has the picture too where it listens to a rule's own topic", async () => {
    const broker = await Mosquitto.start();
    const sink = await HttpSink.start();
    const stranger = await startStranger(broker);
    const topic = 'vedette/pi/camera/porch/label/person/snapshot';
    await stranger.publishAsync(topic, Buffer.from(JPEG), { retain: true });
    const env = { WEBHOOK_URL: sink.url, ALERT_TOPIC: 'vedette/pi/house/door' };
    const bridge = startBridge(broker, tempDir(), env);
    await bridge.ready();
    const sha256 = createHash('sha256').update(JPEG).digest('hex');
    const alert = { ...alertBody('a1'), snapshot: { topic, path: 'media/x.jpg', sha256 } };
    await stranger.publishAsync('vedette/pi/house/door', JSON.stringify(alert), { qos: 1 });
    await sink.waitForTaken(1);
    expect(hooked(sink)[0]?.picture).toBe(Buffer.from(JPEG).toString('base64'));
  });

  testMosquitto(
    'delivers an alert once where the connection is renewed while it waits for its picture',
    async () => {
      const broker = await Mosquitto.start({ persistent: true });
      const sink = await HttpSink.start();
      const made = await startPublisher(broker);
      const bridge = startBridge(broker, tempDir(), { WEBHOOK_URL: sink.url });
      await bridge.ready();
      // Its picture never comes.
      publish(made, { id: 'a1', snapshot: { path: 'media/x.jpg', sha256: '0'.repeat(64) } });
      await waitFor('the broker to have it', () => made.outbox.rows.length === 0);
      // The bridge has not acknowledged it: the broker sends it again, before the next.
      await broker.restart();
      publish(made, { id: 'a2' });
      await waitFor('the next', () => hooked(sink).some(({ alert }) => alert.id === 'a2'), 60_000);
      expect(hooked(sink).map(({ alert }) => alert.id)).toEqual(['a1', 'a2']);
    },
  );
});

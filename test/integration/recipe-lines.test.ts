// Every command line of docs/recipes.md that begins with mosquitto_sub, as it stands there, against a real broker.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { countPayload } from '../../daemon/publish/state.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { alertBody, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const LINES = [...readFileSync(join(ROOT, 'docs/recipes.md'), 'utf8').matchAll(/^mosquitto_sub .*$/gm)].map(
  ([line]) => line,
);
const testLine = testNeeding({ programs: ['mosquitto', 'mosquitto_sub', 'mosquitto_pub', 'jq', 'bash'] });

interface Running {
  output(): string;
  readonly folder: string;
  readonly exited: Promise<void>;
  kill(): Promise<void>;
}

/** The line of the document that contains `part`, with the broker of the test. */
function run(broker: Mosquitto, part: string): Running {
  const [line, ...others] = LINES.filter((candidate) => candidate.includes(part));
  if (line === undefined || others.length > 0)
    throw new Error(`not one line with '${part}' in ${LINES.join('\n')}`);
  const folder = tempDir();
  const command = line.replaceAll('-h localhost', `-h 127.0.0.1 -p ${broker.port}`);
  const script = join(folder, 'line.sh');
  writeFileSync(script, command);
  const child = spawn('bash', [script], {
    cwd: folder,
    detached: true,
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/bin` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    // The whole pipe.
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  return { output: () => output, folder, exited, kill };
}

async function start(): Promise<{ broker: Mosquitto; made: TestPublisher }> {
  const broker = await Mosquitto.start();
  const made = testPublisher({ url: broker.url });
  await made.publisher.start();
  await waitFor('the connection', () => made.publisher.state().connected);
  return { broker, made };
}

const count = (many: number): string => countPayload({ count: many, active: 0, scoreMax: 0.9, atMs: 0 });
const DOOR = 'camera/porch/zone/door/person';

describe('the command lines of the recipes', () => {
  testLine('print alerts, also those that came while nobody printed', async () => {
    const { broker, made } = await start();
    const first = run(broker, '-i hall');
    await waitFor('the first alert', () => {
      if (first.output() === '') made.alert('a1');
      return first.output() !== '';
    });
    expect(first.output()).toMatch(/^\S+Z warning person entered door at porch\n/);
    await first.kill();
    const { outbox, publisher } = made;
    publisher.outboxGrew([outbox.commit('alert', { ...alertBody('a2'), message: 'meanwhile' })]);
    await waitFor('the broker to have it', () => outbox.rows.length === 0);
    const second = run(broker, '-i hall');
    await waitFor('what came meanwhile', () => second.output().includes(' warning meanwhile\n'));
  });

  testLine('show who is where and end', async () => {
    const { broker, made } = await start();
    made.retained.set(DOOR, count(2));
    made.retained.set('camera/porch/label/person', count(3));
    const other = await Subscriber.connect({ url: broker.url });
    await other.waitForCount('label/person', 1);
    const line = run(broker, 'label/+');
    await line.exited;
    expect(line.output().split('\n').sort().slice(1)).toEqual([
      `vedette/pi/camera/porch/label/person ${count(3)}`,
      `vedette/pi/${DOOR} ${count(2)}`,
    ]);
  });

  testLine('name the cameras that see nothing', async () => {
    const { broker, made } = await start();
    made.cameraStatus('porch', 'online');
    made.cameraStatus('lane', 'offline');
    const other = await Subscriber.connect({ url: broker.url });
    await other.waitForCount('lane/status', 1);
    const line = run(broker, 'camera/+/status');
    await line.exited;
    expect(line.output()).toBe('vedette/pi/camera/lane/status offline\n');
  });

  testLine('fetch a picture', async () => {
    const { broker, made } = await start();
    const jpeg = new Uint8Array(3000).fill(10);
    made.picture('porch', { label: 'person', jpeg });
    const line = run(broker, 'person.jpg');
    await line.exited;
    expect(readFileSync(join(line.folder, 'person.jpg')).equals(Buffer.from(jpeg))).toBe(true);
  });

  testLine('switch a light', async () => {
    const { broker, made } = await start();
    const light = await Subscriber.connect({ url: broker.url, filters: ['hall/#'] });
    made.retained.set(DOOR, count(0));
    run(broker, 'hall/light');
    await light.waitFor('light off', ({ payload }) => payload === 'OFF');
    made.retained.set(DOOR, count(1));
    await light.waitFor('light on', ({ payload }) => payload === 'ON');
  });

  testLine('are all tried here', () => {
    expect(LINES).toHaveLength(5);
  });
});

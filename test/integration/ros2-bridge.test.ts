// docs/ros2/vedette_bridge.py as a robot runs it, against a real broker and a real publisher. ROS 2 itself is a stand-in
// (test/fixtures/ros2): message classes that check their fields as the generated ones do, and a publisher that prints.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { encode } from 'cbor2';
import { connectAsync } from 'mqtt';
import { describe, expect, onTestFinished } from 'vitest';
import type { MqttConfig } from '../../daemon/config/types.ts';
import type { Observation } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { observationOf, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testBridge = testNeeding({ programs: ['mosquitto'], pythonModules: ['paho.mqtt.client', 'cbor2'] });

interface Published {
  readonly topic: string;
  readonly message: {
    readonly header: { stamp: { sec: number; nanosec: number }; frame_id: string };
    readonly detections: readonly { id: string; bbox: object; results: readonly object[] }[];
  };
}

interface Bridge {
  readonly published: readonly Published[];
  stderr(): string;
  stop(): Promise<number | null>;
}

/** It has said `until` when this resolves: subscribed, unless told otherwise. */
async function startBridge(
  broker: { readonly port: number },
  parameters: Readonly<Record<string, string>>,
  until = 'subscribed to',
): Promise<Bridge> {
  const given = { host: '127.0.0.1', port: String(broker.port), ...parameters };
  const args = Object.entries(given).flatMap(([name, value]) => ['-p', `${name}:=${value}`]);
  const child = spawn(
    '/usr/bin/python3',
    [join(ROOT, 'docs/ros2/vedette_bridge.py'), '--ros-args', ...args],
    {
      env: { ...process.env, PYTHONPATH: join(ROOT, 'test/fixtures/ros2'), PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await waitFor(
    'the bridge',
    () => {
      if (child.exitCode !== null) throw new Error(`the bridge ended: ${stderr}`);
      return stderr.includes(until);
    },
    60_000,
  );
  return {
    get published() {
      const lines = stdout.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Published);
    },
    stderr: () => stderr,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

async function startPublisher(
  broker: Mosquitto,
  detectionsFormat: MqttConfig['detectionsFormat'],
): Promise<TestPublisher> {
  const made = testPublisher({ url: broker.url, config: { detectionsFormat }, device: 'porch-pi' });
  await made.publisher.start();
  await waitFor('the connection', () => made.publisher.state().connected);
  return made;
}

const AT_MS = 1_780_348_443_087;

/** A confirmed person, a candidate, and somebody who is hidden just now. */
function scene(camera: string): Observation {
  const seen = observationOf(camera, 4711);
  const box = { x: 0.4, y: 0.25, width: 0.1, height: 0.5 };
  return {
    ...seen,
    stamp: { ...seen.stamp, atMs: AT_MS },
    tracks: [
      trackView({ id: 7, label: 'person', score: 0.75, box, confirmed: true }),
      trackView({ id: 8, label: 'dog', score: 0.5, box, confirmed: false }),
      trackView({ id: 9, label: 'person', score: 0, box, confirmed: true }),
    ],
  };
}

const feedOf = (sec: string, frameId: string): string =>
  `{"header":{"stamp":{"sec":${sec},"nanosec":0},"frame_id":${frameId}},"detections":[]}`;

/** What Vedette never sends; each makes another kind of exception. */
const NO_MESSAGES: Readonly<Record<'json' | 'cbor', readonly (string | Buffer)[]>> = {
  json: [
    ...['', '{', '[]', '{"header":{}}', '7', '['.repeat(100_000)],
    ...[feedOf('Infinity', '"porch"'), feedOf('1', '7'), Buffer.alloc(5000, 0xff)],
  ],
  // Nothing, a map that is cut, one without keys, 100,000 lists one in the other, and a fraction of 1 by 0.
  cbor: [
    '',
    ...['a266686561', 'a0', '81'.repeat(100_000), 'd81e820100'].map((hex) => Buffer.from(hex, 'hex')),
  ],
};
const EMPTY_FEED = {
  json: feedOf('1', '"porch"'),
  cbor: Buffer.from(encode({ header: { stamp: { sec: 1, nanosec: 0 }, frame_id: 'porch' }, detections: [] })),
};

describe('the bridge to ROS 2', () => {
  for (const format of ['json', 'cbor'] as const) {
    testBridge(`publishes what comes as ${format} as Detection2DArray, in pixels`, async () => {
      const broker = await Mosquitto.start();
      const bridge = await startBridge(broker, { format, width: '640', height: '384' });
      const { publisher } = await startPublisher(broker, format);
      publisher.detections(scene('porch'));
      publisher.detections(scene('2nd-yard'));
      await waitFor('both', () => bridge.published.length === 2, 60_000);
      const [porch, yard] = bridge.published;
      expect(porch).toMatchObject({
        topic: 'vedette/porch_pi/porch/detections',
        message: { header: { stamp: { sec: 1780348443, nanosec: 87_000_000 }, frame_id: 'porch' } },
      });
      expect(yard).toMatchObject({
        topic: 'vedette/porch_pi/_2nd_yard/detections',
        message: { header: { frame_id: '2nd-yard' } },
      });
      // Neither the candidate nor the one who is hidden.
      const [person, ...others] = porch!.message.detections;
      expect(others).toEqual([]);
      const close = (value: number): unknown => expect.closeTo(value, 3);
      expect(person).toMatchObject({
        header: porch!.message.header,
        id: '7',
        bbox: {
          center: { position: { x: close(288), y: close(192) }, theta: 0 },
          size_x: close(64),
          size_y: close(192),
        },
        results: [{ hypothesis: { class_id: 'person', score: 0.75 } }],
      });
      expect(await bridge.stop(), bridge.stderr()).toBe(0);
    });
  }

  testBridge('shows candidates and hidden objects to whoever asks for them', async () => {
    const broker = await Mosquitto.start();
    const bridge = await startBridge(broker, { unconfirmed: 'true', unseen: 'true', camera: 'porch' });
    const { publisher } = await startPublisher(broker, 'json');
    publisher.detections(scene('yard'));
    publisher.detections(scene('porch'));
    await waitFor('one', () => bridge.published.length > 0, 60_000);
    expect(bridge.published).toHaveLength(1);
    expect(bridge.published[0]!.message.detections.map(({ id }) => id)).toEqual(['7', '8', '9']);
  });

  testBridge('stamps by its own clock where the clocks differ', async () => {
    const broker = await Mosquitto.start();
    const bridge = await startBridge(broker, { stamp: 'age' });
    const { publisher } = await startPublisher(broker, 'json');
    // Taken two seconds ago by the monotonic clock; the wall clock of the board is of another year.
    const seen = scene('porch');
    const takenMs = systemClock.nowMs() - 2000;
    const monoMs = systemClock.monoMs() - 2000;
    publisher.detections({ ...seen, stamp: { ...seen.stamp, monoMs } });
    await waitFor('it', () => bridge.published.length === 1, 60_000);
    const { sec, nanosec } = bridge.published[0]!.message.header.stamp;
    const stampMs = sec * 1000 + nanosec / 1e6;
    expect(stampMs).toBeGreaterThan(takenMs - 1000);
    expect(stampMs).toBeLessThan(systemClock.nowMs() - 1000);
  });

  for (const format of ['json', 'cbor'] as const) {
    testBridge(`passes over what is no message of Vedette with one warning each, as ${format}`, async () => {
      const broker = await Mosquitto.start();
      const bridge = await startBridge(broker, { format });
      const { publisher } = await startPublisher(broker, format);
      const foreign = await connectAsync(broker.url);
      onTestFinished(() => foreign.endAsync(true));
      const end = format === 'cbor' ? '/cbor' : '';
      for (const payload of NO_MESSAGES[format])
        await foreign.publishAsync(`vedette/porch-pi/camera/porch/detections${end}`, payload, { qos: 1 });
      // A message as it should be, on a topic that is none in ROS.
      const payload = EMPTY_FEED[format];
      await foreign.publishAsync(`vedette/my house/camera/porch/detections${end}`, payload, { qos: 1 });
      publisher.detections(scene('porch'));
      await waitFor('the real one', () => bridge.published.length > 0, 60_000);
      expect(bridge.published).toMatchObject([{ topic: 'vedette/porch_pi/porch/detections' }]);
      const warnings = (): readonly string[] => bridge.stderr().match(/^warning .*$/gm) ?? [];
      // They come by another pipe than what is published.
      await waitFor('the last warning', () => warnings().at(-1)?.includes('my house'));
      expect(warnings()).toHaveLength(NO_MESSAGES[format].length + 1);
      for (const warning of warnings()) {
        expect(warning).toMatch(/^warning vedette\/.*: message passed over: \w+/);
        // Some errors quote the message, and that may be of any size.
        expect(warning.length).toBeLessThan(400);
      }
      expect(warnings().at(-1)).toContain('no name in ROS: vedette/my house/porch/detections');
    });
  }

  testBridge('says that the broker refuses it, and does not say that it is subscribed', async () => {
    const broker = await Mosquitto.start({ user: 'robot', password: 'right' });
    const bridge = await startBridge(
      broker,
      { user: 'robot', password: 'wrong' },
      `the broker 127.0.0.1:${broker.port} refuses the connection`,
    );
    expect(bridge.stderr()).toMatch(/refuses the connection, trying again: .*not authori[sz]ed/i);
    // It tries again by itself, to the same end.
    await waitFor('another attempt', () => bridge.stderr().match(/refuses the connection/g)!.length > 1);
    expect(bridge.stderr()).not.toContain('subscribed');
  });

  testBridge('says that the broker refuses the subscription', async () => {
    const broker = await Aedes.createBroker({
      authorizeSubscribe: (_client, _subscription, callback) => callback(null, null),
    });
    const server = createServer(broker.handle);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      broker.close();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const refusal = 'the broker refuses the subscription to vedette/+/camera/porch/detections: ';
    const bridge = await startBridge({ port }, { camera: 'porch' }, refusal);
    expect(bridge.stderr()).not.toContain('subscribed');
  });

  testBridge('comes back by itself when the broker does', async () => {
    const broker = await Mosquitto.start();
    const bridge = await startBridge(broker, {});
    await broker.kill();
    await broker.restart();
    await waitFor('it', () => bridge.stderr().match(/subscribed to/g)?.length === 2, 60_000);
    const { publisher } = await startPublisher(broker, 'json');
    publisher.detections(scene('porch'));
    await waitFor('a message', () => bridge.published.length === 1, 60_000);
  });
});

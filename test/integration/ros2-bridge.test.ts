// docs/ros2/vedette_bridge.py as a robot runs it, against a real broker and a real publisher. ROS 2 itself is a stand-in
// (test/fixtures/ros2): message classes that check their fields as the generated ones do, and a publisher that prints.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
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

/** Subscribed when this resolves. */
async function startBridge(broker: Mosquitto, parameters: Readonly<Record<string, string>>): Promise<Bridge> {
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
      return stderr.includes('subscribed to');
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

  testBridge('passes over what is no message of Vedette and goes on', async () => {
    const broker = await Mosquitto.start();
    const bridge = await startBridge(broker, {});
    const { publisher } = await startPublisher(broker, 'json');
    const foreign = await connectAsync(broker.url);
    onTestFinished(() => foreign.endAsync(true));
    for (const payload of ['{', '[]', '{"header":{}}', '7']) {
      await foreign.publishAsync('vedette/porch-pi/camera/porch/detections', payload, { qos: 1 });
    }
    publisher.detections(scene('porch'));
    await waitFor('the real one', () => bridge.published.length === 1, 60_000);
    expect(bridge.stderr().match(/no message of Vedette/g)).toHaveLength(4);
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

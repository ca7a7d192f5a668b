// The publisher's connection and the retained topics, against real brokers.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { embeddedBroker } from '../support/embedded.ts';
import type { LogRecord } from '../support/logger.ts';
import { freePort, Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { observationOf, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { listen, portOf, proxyTo } from '../support/tcp.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

function warnings(records: readonly LogRecord[]): LogRecord[] {
  return records.filter(({ code }) => code === 'MQTT_CONNECT');
}

describe('connection', () => {
  testMosquitto('a broker that is down at the start is found when it comes up, told once each', async () => {
    const broker = await Mosquitto.prepare();
    const { publisher, records, alert } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    expect(publisher.state()).toMatchObject({ connected: false, reconnects: 0 });
    expect(publisher.state().reason).toMatch(/ECONNREFUSED/);
    alert('while-down');
    await broker.restart();
    const subscriber = await Subscriber.connect({ url: broker.url });
    await waitFor('the connection', () => publisher.state().connected);
    alert('while-up');
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('while-up'));
    expect(warnings(records)).toHaveLength(1);
    expect(records.filter(({ msg }) => msg.startsWith('connected'))).toHaveLength(1);
  });

  testMosquitto('a refused password is told once with what to do, retried, and never logged', async () => {
    const broker = await Mosquitto.start({ user: 'vedette', password: 'right' });
    let attempts = 0;
    const url = (): string => {
      attempts += 1;
      return broker.url;
    };
    const secret = 'wr0ng-s3cret';
    const { publisher, records } = testPublisher({ url, config: { user: 'vedette', password: secret } });
    await publisher.start();
    await waitFor('several attempts', () => attempts >= 5);
    expect(warnings(records)).toHaveLength(1);
    expect(warnings(records)[0]?.msg).toMatch(/check mqtt\.user and mqtt\.password/);
    expect(JSON.stringify(records)).not.toContain(secret);
    expect(JSON.stringify(publisher.state())).not.toContain(secret);
    expect(publisher.state().connected).toBe(false);
  });

  testMosquitto('a broker that wants a password and gets none says so', async () => {
    const broker = await Mosquitto.start({ user: 'vedette', password: 'right' });
    const { publisher, records } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    expect(warnings(records)[0]?.msg).toMatch(/wants a user and a password/);
  });

  testMosquitto('the right password is accepted', async () => {
    const broker = await Mosquitto.start({ user: 'vedette', password: 'right' });
    const { publisher } = testPublisher({
      url: broker.url,
      config: { user: 'vedette', password: 'right' },
    });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
  });

  for (const scheme of ['mqtt', 'mqtts', 'ws', 'wss']) {
    test(`a server that accepts and says nothing to ${scheme} is given up and tried again`, async () => {
      let connections = 0;
      const server = await listen(() => {
        connections += 1;
      });
      const { publisher, records } = testPublisher({
        url: `${scheme}://127.0.0.1:${portOf(server)}`,
        config: { connectTimeoutS: 1 },
      });
      await publisher.start();
      await waitFor('a second attempt', () => connections >= 2);
      expect(warnings(records)).toHaveLength(1);
      expect(warnings(records)[0]?.msg).toMatch(/connack timeout/);
      await publisher.stop();
    });
  }

  test('a server that answers with something else than MQTT is given up and tried again', async () => {
    let connections = 0;
    const server = await listen((socket) => {
      connections += 1;
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const { publisher } = testPublisher({ url: `mqtt://127.0.0.1:${portOf(server)}` });
    await publisher.start();
    await waitFor('a second attempt', () => connections >= 2);
    expect(publisher.state().connected).toBe(false);
  });

  test('a url that cannot be used is a state, not a crash', async () => {
    const { publisher, records } = testPublisher({ url: 'mqtt://127.0.0.1:99999' });
    await publisher.start();
    expect(publisher.state().connected).toBe(false);
    expect(warnings(records)).toHaveLength(1);
  });

  test('stop while no broker answers ends the attempts for good', async () => {
    const port = await freePort();
    const clock = new SimClock();
    let attempts = 0;
    const url = (): string => {
      attempts += 1;
      return `mqtt://127.0.0.1:${port}`;
    };
    const { publisher, records } = testPublisher({ url, clock });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    await clock.advance(1000);
    await publisher.stop();
    const attemptsThen = attempts;
    await clock.advance(60_000);
    await publisher.stop();
    expect(attempts).toBe(attemptsThen);
    expect(warnings(records)).toHaveLength(1);
  });
});

describe('retained topics', () => {
  testMosquitto('a killed daemon leaves a retained offline', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.connect({ url: broker.url });
    const child = spawn(process.execPath, ['--input-type=module', '-e', childSource(broker.url)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await subscriber.waitFor('online', ({ payload }) => payload === 'online');
    child.kill('SIGKILL');
    await subscriber.waitFor('offline', ({ payload }) => payload === 'offline');
    const late = await Subscriber.connect({ url: broker.url });
    const [status] = await late.waitForCount('pi/status', 1);
    expect(status).toStrictEqual({ topic: 'vedette/pi/status', payload: 'offline', qos: 1, retain: true });
  });

  testMosquitto('a clean stop leaves a retained stopped, and no last will', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { publisher } = testPublisher({ url: broker.url });
    await publisher.start();
    await subscriber.waitFor('online', ({ payload }) => payload === 'online');
    await publisher.stop();
    const late = await Subscriber.connect({ url: broker.url });
    const [status] = await late.waitForCount('pi/status', 1);
    expect(status).toStrictEqual({ topic: 'vedette/pi/status', payload: 'stopped', qos: 1, retain: true });
    await subscriber.waitFor('stopped', ({ payload }) => payload === 'stopped');
    expect(subscriber.on('pi/status').map(({ payload }) => payload)).toEqual(['online', 'stopped']);
  });

  testMosquitto(
    'says goodbye also when acknowledgements are missing, so that no last will follows',
    async () => {
      const broker = await Mosquitto.start();
      const proxy = await proxyTo(broker.port);
      const { publisher, alert } = testPublisher({ url: proxy.url });
      const subscriber = await Subscriber.connect({ url: broker.url });
      await publisher.start();
      alert('first');
      await subscriber.waitForCount('/alert', 1);
      proxy.mute();
      alert('unacknowledged');
      await publisher.stop();
      // A broker closes on DISCONNECT; it would not notice the end of the publisher's side behind this proxy.
      await waitFor('the goodbye', () => proxy.closedByBroker() === 1);
      await subscriber.waitFor('stopped', ({ payload }) => payload === 'stopped');
      expect(subscriber.on('pi/status').map(({ payload }) => payload)).toEqual(['online', 'stopped']);
    },
  );

  testMosquitto('after a broker came back empty the whole tree is there again', async () => {
    const broker = await Mosquitto.start();
    const { publisher, cameraStatus } = testPublisher({ url: broker.url });
    cameraStatus('porch', 'online');
    cameraStatus('yard', 'disabled');
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    await broker.kill();
    await waitFor('the loss', () => !publisher.state().connected);
    cameraStatus('porch', 'offline');
    await broker.restart();
    await waitFor('the connection', () => publisher.state().connected);
    expect(publisher.state().reconnects).toBe(1);
    // Handed to the broker after the tree, so that the tree is complete when this has come.
    const subscriber = await Subscriber.connect({ url: broker.url });
    cameraStatus('marker', 'online');
    await subscriber.waitForCount('marker/status', 1);
    const tree = subscriber.messages.map(({ topic, payload }) => [topic, payload]);
    expect(tree).toContainEqual(['vedette/pi/status', 'online']);
    expect(tree).toContainEqual(['vedette/pi/camera/porch/status', 'offline']);
    expect(tree).toContainEqual(['vedette/pi/camera/yard/status', 'disabled']);
    expect(subscriber.jsonOn('/health').at(-1)).toMatchObject({
      v: 1,
      device: 'pi',
      mqtt: { connected: true, reconnects: 1 },
    });
    expect(subscriber.on('/health')[0]?.retain).toBe(true);
  });

  testMosquitto('health comes again every healthS', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const { publisher } = testPublisher({ url: broker.url, clock, config: { healthS: 30 } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    await subscriber.waitForCount('/health', 1);
    await clock.advance(60_000);
    expect(await subscriber.waitForCount('/health', 3)).toHaveLength(3);
  });

  const brokers: readonly [string, typeof test, () => Promise<{ url: string; port: number }>][] = [
    ['mosquitto', testMosquitto, () => Mosquitto.start()],
    ['the embedded broker', test, embeddedBroker],
  ];
  for (const [name, testHere, start] of brokers) {
    testHere(`${name} that still holds a dead connection ends up with online, not offline`, async () => {
      const broker = await start();
      const proxy = await proxyTo(broker.port);
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { publisher } = testPublisher({ url: proxy.url });
      await publisher.start();
      await subscriber.waitForCount('pi/status', 1);
      proxy.cut();
      await subscriber.waitForCount('pi/status', 3);
      expect(subscriber.on('pi/status').map(({ payload }) => payload)).toEqual([
        'online',
        'offline',
        'online',
      ]);
      const late = await Subscriber.connect({ url: broker.url });
      const [status] = await late.waitForCount('pi/status', 1);
      expect(status).toMatchObject({ payload: 'online', retain: true });
    });
  }
});

describe('perception feed', () => {
  testMosquitto('is sent at once when connected, and never kept while offline', async () => {
    const broker = await Mosquitto.prepare();
    const { publisher } = testPublisher({ url: broker.url });
    await publisher.start();
    publisher.detections(observationOf('porch', 1));
    await broker.restart();
    const subscriber = await Subscriber.connect({ url: broker.url });
    await waitFor('the connection', () => publisher.state().connected);
    publisher.detections(observationOf('porch', 2));
    const [message] = await subscriber.waitForCount('porch/detections', 1);
    expect(message).toMatchObject({ qos: 0, retain: false });
    expect(JSON.parse(message?.payload ?? '')).toMatchObject({ header: { frame_id: 'porch', seq: 2 } });
    const late = await Subscriber.connect({ url: broker.url });
    await late.waitForCount('pi/status', 1);
    expect(late.on('/detections')).toEqual([]);
  });

  testMosquitto('is dropped and counted when the connection is too slow; alerts are not', async () => {
    const broker = await Mosquitto.start();
    const { publisher, alert } = testPublisher({ url: broker.url });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    broker.freeze();
    const frames = 20_000;
    for (let frame = 1; frame <= frames; frame += 1) publisher.detections(observationOf('porch', frame));
    const { feedDropped } = publisher.state();
    expect(feedDropped).toBeGreaterThan(frames / 2);
    alert('in-between');
    broker.thaw();
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('in-between'));
    expect(subscriber.on('/detections')).toHaveLength(frames - feedDropped);
  });

  testMosquitto('is silent when the configuration says so', async () => {
    const broker = await Mosquitto.start();
    const { publisher, cameraStatus } = testPublisher({ url: broker.url, config: { detections: false } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    publisher.detections(observationOf('porch'));
    cameraStatus('marker', 'online');
    await subscriber.waitForCount('marker/status', 1);
    expect(subscriber.on('/detections')).toEqual([]);
  });
});

/** A program that runs a Publisher until it is killed. */
function childSource(url: string): string {
  const path = (file: string): string => JSON.stringify(join(ROOT, 'daemon', file));
  return `
    import { healthReportOf } from ${path('../test/support/health-report.ts')};
    import { Publisher } from ${path('publish/publisher.ts')};
    import { RetainedTree } from ${path('publish/retained.ts')};
    import { systemClock } from ${path('platform/clock.ts')};
    import { createLogger } from ${path('platform/logger.ts')};
    import { configSchema } from ${path('config/schema.ts')};
    const outbox = { read: async () => [], delivered: () => {} };
    const logger = createLogger({ level: 'error', format: 'json' });
    const config = configSchema.shape.mqtt.parse({ url: ${JSON.stringify(url)} });
    const health = () => healthReportOf(publisher.state(), 1);
    const retained = new RetainedTree({ memory: { known: () => [], change: () => {} } });
    const publisher = new Publisher({ config, device: 'pi', retained, logger, clock: systemClock, outbox, health });
    await publisher.start();
    setInterval(() => {}, 1000);
  `;
}

// The embedded broker with real MQTT clients and raw sockets.
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { EmbeddedBroker, type EmbeddedBrokerOptions } from '../../daemon/publish/embedded-broker.ts';
import { brokerFindings } from '../../daemon/publish/probe.ts';
import { type LogRecord, memoryLogger } from '../support/logger.ts';
import { freePort } from '../support/mosquitto.ts';
import { testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { waitFor } from '../support/wait.ts';

const SECRET = 's3cret-pass';

function brokerWith(options: Partial<EmbeddedBrokerOptions>): {
  broker: EmbeddedBroker;
  records: LogRecord[];
} {
  const { logger, records } = memoryLogger();
  const broker = new EmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    nextFreePort: false,
    logger,
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => broker.stop());
  return { broker, records };
}

async function started(options: Partial<EmbeddedBrokerOptions> = {}): Promise<EmbeddedBroker> {
  const { broker } = brokerWith(options);
  await broker.start();
  return broker;
}

async function occupy(): Promise<{ port: number; release: () => Promise<void> }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const release = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, release };
}

function client(url: string, options: IClientOptions = {}): MqttClient {
  const mqtt = connect(url, { reconnectPeriod: 0, ...options });
  onTestFinished(() => void mqtt.end(true));
  return mqtt;
}

function until(mqtt: MqttClient, event: 'connect' | 'close'): Promise<void> {
  return new Promise((resolve) => mqtt.once(event, () => resolve()));
}

/** 0, or the return code of the refusal. */
function returnCode(url: string, options: IClientOptions = {}): Promise<unknown> {
  const mqtt = client(url, options);
  return new Promise((resolve) => {
    mqtt.on('connect', () => resolve(0));
    mqtt.on('error', (error) => resolve((error as { code?: unknown }).code));
  });
}

function rawSocket(port: number): { socket: Socket; closed: Promise<unknown[]> } {
  const socket = connectSocket(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  onTestFinished(() => void socket.destroy());
  return { socket, closed: once(socket, 'close') };
}

test('carries alerts from the publisher to a subscriber, and retained state to a later one', async () => {
  const broker = await started();
  const { publisher, outbox, alert, cameraStatus } = testPublisher({ url: () => broker.url });
  const subscriber = await Subscriber.connect({ url: broker.url });
  await publisher.start();
  cameraStatus('porch', 'online');
  alert('a1');
  await subscriber.waitForCount('/alert', 1);
  await waitFor('an empty outbox', () => outbox.rows.length === 0);
  const late = await Subscriber.connect({ url: broker.url });
  expect((await late.waitForCount('porch/status', 1))[0]).toMatchObject({ payload: 'online', retain: true });
});

describe('port', () => {
  test('a busy port is told once and taken when it is free', async () => {
    const busy = await occupy();
    const clock = new SimClock();
    const { broker, records } = brokerWith({ port: busy.port, clock });
    await broker.start();
    for (let attempt = 0; attempt < 5; attempt += 1) await clock.advance(30_000);
    expect(broker.listening).toBe(false);
    expect(records.filter(({ code }) => code === 'MQTT_EMBEDDED_PORT')).toHaveLength(1);
    await busy.release();
    await waitFor('the port', async () => {
      await clock.advance(30_000);
      return broker.listening;
    });
    expect(await returnCode(`mqtt://127.0.0.1:${busy.port}`)).toBe(0);
  });

  test('the demo takes the next free one', async () => {
    const busy = await occupy();
    const { broker, records } = brokerWith({ port: busy.port, nextFreePort: true });
    await broker.start();
    expect(broker.port).toBeGreaterThan(busy.port);
    expect(broker.port).toBeLessThanOrEqual(busy.port + 20);
    expect(broker.url).toBe(`mqtt://127.0.0.1:${broker.port}`);
    expect(await returnCode(broker.url)).toBe(0);
    expect(records.filter(({ code }) => code === 'MQTT_EMBEDDED_PORT')).toHaveLength(0);
  });

  test('stop ends the search for a port', async () => {
    const busy = await occupy();
    const clock = new SimClock();
    const { broker } = brokerWith({ port: busy.port, clock });
    await broker.start();
    await broker.stop();
    await busy.release();
    await clock.advance(60_000);
    expect(broker.listening).toBe(false);
    expect(await returnCode(`mqtt://127.0.0.1:${busy.port}`)).toBe('ECONNREFUSED');
  });
});

describe('protection', () => {
  test.each([
    { host: '0.0.0.0' },
    { host: '::' },
    { host: '192.168.1.5', user: 'vedette' },
    { host: '0.0.0.0', password: SECRET },
    { host: '127.0.0.01' },
    { host: '::ffff:192.168.1.5' },
  ])('an address that others can reach is refused without user and password: %j', async (options) => {
    const { broker } = brokerWith(options);
    await expect(broker.start()).rejects.toMatchObject({ code: 'MQTT_EMBEDDED_UNPROTECTED' });
    expect(broker.listening).toBe(false);
    await broker.stop();
  });

  test.each(['127.0.0.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost'])(
    'an address of this machine needs no password: %s',
    async (host) => {
      const { broker } = brokerWith({ host });
      await broker.start();
    },
  );

  test.each(['0.0.0.0', '::', '::1', '127.0.0.1'])(
    'the doctor looks for it where the publisher does: %s',
    async (host) => {
      const port = await freePort();
      const { broker } = brokerWith({ host, port });
      const config = configSchema.shape.mqtt.parse({ embedded: { enabled: true, host, port } });
      const probe = { config, device: 'pi', daemonRuns: true, clock: systemClock };
      const findings = await brokerFindings(probe, new AbortController().signal);
      expect(findings).toMatchObject([{ level: 'fault', subject: broker.url }]);
    },
  );

  test('with user and password it may listen everywhere', async () => {
    const broker = await started({ host: '0.0.0.0', user: 'vedette', password: SECRET });
    expect(broker.url).toBe(`mqtt://127.0.0.1:${broker.port}`);
    expect(await returnCode(broker.url, { username: 'vedette', password: SECRET })).toBe(0);
  });

  test('clients without the right user and password are refused with return code 4', async () => {
    const broker = await started({ user: 'vedette', password: SECRET });
    const wrong: IClientOptions[] = [
      {},
      { username: 'vedette' },
      { username: 'vedette', password: '' },
      { username: 'vedette', password: `${SECRET}x` },
      { username: 'vedette', password: SECRET.slice(0, -1) },
      { username: 'Vedette', password: SECRET },
      { username: SECRET, password: 'vedette' },
    ];
    for (const options of wrong) expect(await returnCode(broker.url, options)).toBe(4);
    expect(await returnCode(broker.url, { username: 'vedette', password: SECRET })).toBe(0);
  });

  test('the publisher says what to do when its password is wrong', async () => {
    const broker = await started({ user: 'vedette', password: SECRET });
    const { publisher, records } = testPublisher({
      url: broker.url,
      config: { user: 'vedette', password: 'no' },
    });
    await publisher.start();
    const warning = await waitFor('the warning', () => records.find(({ code }) => code === 'MQTT_CONNECT'));
    expect(warning).toMatchObject({ reasonCode: 4 });
    expect(warning.msg).toMatch(/mqtt\.password/);
  });
});

describe('limits', () => {
  test('a packet above the limit ends its connection, before any password', async () => {
    const broker = await started({ user: 'vedette', password: SECRET });
    // Would be closed first if it were for what takes too long to say who it is.
    const silent = rawSocket(broker.port);
    await once(silent.socket, 'connect');
    const { socket, closed } = rawSocket(broker.port);
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
    await closed;
    // A CONNECT of MQTT 3.1.1 with the client id `x` and no password.
    silent.socket.write(Buffer.from('\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x', 'latin1'));
    const [answer] = await Promise.race([once(silent.socket, 'data'), silent.closed]);
    expect(answer).toEqual(Buffer.from([0x20, 2, 0, 4]));
  });

  test('a message just under a mebibyte passes, one above it does not, and others stay connected', async () => {
    const broker = await started();
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['big'] });
    const mqtt = client(broker.url);
    await until(mqtt, 'connect');
    mqtt.publish('big', Buffer.alloc(1024 * 1024 - 100, 0x61));
    await subscriber.waitForCount('big', 1);
    mqtt.publish('big', Buffer.alloc(1024 * 1024 + 1, 0x61));
    await until(mqtt, 'close');
    const other = client(broker.url);
    await until(other, 'connect');
    other.publish('big', 'end');
    await subscriber.waitForCount('big', 2);
    expect(subscriber.messages[1]?.payload).toBe('end');
    expect(subscriber.subscriptions).toBe(1);
  });

  test('the 101st connection is closed', async () => {
    const broker = await started();
    const sockets = Array.from({ length: 100 }, () => rawSocket(broker.port));
    await Promise.all(sockets.map(({ socket }) => once(socket, 'connect')));
    await rawSocket(broker.port).closed;
    expect(sockets.every(({ socket }) => !socket.destroyed)).toBe(true);
  });

  test('retained topics are limited; the one too many ends its connection', async () => {
    const broker = await started();
    const mqtt = client(broker.url);
    await until(mqtt, 'connect');
    const closed = until(mqtt, 'close');
    for (let index = 0; index < 10_000; index += 1) mqtt.publish(`t/${index}`, 'x', { retain: true });
    await new Promise((resolve) => mqtt.publish('t/0', 'again', { retain: true, qos: 1 }, resolve));
    expect(mqtt.connected).toBe(true);
    mqtt.publish('t/one-too-many', 'x', { retain: true });
    await closed;
  });

  test('no session is kept for an absent client', async () => {
    const broker = await started();
    const options: IClientOptions = { clean: false, clientId: 'absent' };
    const first = client(broker.url, options);
    await until(first, 'connect');
    await first.subscribeAsync('vedette/#', { qos: 1 });
    await first.endAsync();
    const second = client(broker.url, options);
    const sessionPresent = new Promise((resolve) =>
      second.once('connect', (connack) => resolve(connack.sessionPresent)),
    );
    expect(await sessionPresent).toBe(false);
  });
});

test('stop closes every connection, silent ones too, and frees the port', async () => {
  const port = await freePort();
  const { broker, records } = brokerWith({ port });
  await broker.start();
  const silent = rawSocket(port);
  const mqtt = client(broker.url);
  await until(mqtt, 'connect');
  const mqttClosed = until(mqtt, 'close');
  await broker.stop();
  await Promise.all([silent.closed, mqttClosed]);
  // Closed by the stop, not by the broker's own timeout for clients that say nothing.
  expect(records.filter(({ msg }) => msg.includes('did not arrive in time'))).toEqual([]);
  await broker.stop();
  const next = await started({ port });
  expect(next.port).toBe(port);
});

describe('subscribers', () => {
  test('hear what is retained and what is not, in whatever order it comes in one piece', async () => {
    const { url } = await started();
    const subscriber = await Subscriber.connect({ url: url!, filters: ['#'], notByContract: 'made up' });
    const publisher = client(url!);
    await until(publisher, 'connect');
    for (let round = 0; round < 10; round += 1) {
      publisher.stream.cork();
      publisher.publish('feed', `${round} before`);
      publisher.publish('state', `${round}`, { retain: true });
      publisher.publish('feed', `${round} after`);
      publisher.stream.uncork();
    }
    await publisher.publishAsync('end', '', { qos: 1 });
    await subscriber.waitForCount('end', 1);
    const rounds = Array.from({ length: 10 }, (_, round) => String(round));
    expect(subscriber.on('state').map(({ payload }) => payload)).toEqual(rounds);
    expect(subscriber.on('feed')).toHaveLength(20);
  });

  test('are not held up for long by one that does not read', async () => {
    const { url } = await started();
    const frozen = client(url!);
    await until(frozen, 'connect');
    await frozen.subscribeAsync('#');
    frozen.stream.pause();
    const subscriber = await Subscriber.connect({ url: url!, filters: ['end'], notByContract: 'made up' });
    const publisher = client(url!, { keepalive: 5 });
    await until(publisher, 'connect');
    const large = Buffer.alloc(200_000);
    for (let count = 0; count < 150; count += 1) publisher.publish('large', large);
    await publisher.publishAsync('end', '', { qos: 1 });
    await subscriber.waitForCount('end', 1);
    expect(publisher.connected).toBe(true);
  });
});

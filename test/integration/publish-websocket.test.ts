// MQTT over WebSocket, plain and with TLS: a real WebSocket server in front of a real Mosquitto.
import { describe, expect } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import type { MqttConfig } from '../../daemon/config/types.ts';
import { Authority } from '../support/certificates.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { observationOf, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { waitFor } from '../support/wait.ts';
import { webSocketTo } from '../support/websocket.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const testTls = testNeeding({ programs: ['mosquitto', 'openssl'] });

function publisherTo(url: string, tls: Partial<MqttConfig['tls']> = {}): TestPublisher {
  const full = configSchema.shape.mqtt.parse({ url, tls });
  return testPublisher({ url, config: { ...full, drainDelayS: 0, retryMaxS: 1 } });
}

async function warningOf({ publisher, records }: TestPublisher): Promise<{ code: unknown; msg: string }> {
  await publisher.start();
  const { code, msg } = await waitFor('the warning', () => records.find(({ level }) => level >= 40));
  return { code, msg };
}

describe('ws', () => {
  testMosquitto('delivers over the path of the url, reconnects, and says goodbye', async () => {
    const broker = await Mosquitto.start();
    const bridge = await webSocketTo(broker.port, { path: '/mqtt' });
    const { publisher, alert } = publisherTo(bridge.url);
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    expect(publisher.state()).toMatchObject({ protocol: '5', tls: false });
    expect(bridge.subprotocol()).toBe('mqtt');
    await broker.restart();
    await waitFor('the reconnect', () => publisher.state().reconnects === 1);
    const subscriber = await Subscriber.connect({ url: broker.url });
    alert('by-web');
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('by-web'));
    await publisher.stop();
    await subscriber.waitFor('stopped', ({ payload }) => payload === 'stopped');
    const late = await Subscriber.connect({ url: broker.url });
    const [status] = await late.waitForCount('pi/status', 1);
    expect(status).toMatchObject({ payload: 'stopped', retain: true });
  });

  testMosquitto('sends every packet as one message, without compression', async () => {
    const broker = await Mosquitto.start();
    const bridge = await webSocketTo(broker.port);
    const { publisher } = publisherTo(bridge.url);
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    await subscriber.waitForCount('/health', 1);
    const before = bridge.messages.length;
    for (let frame = 1; frame <= 5; frame += 1) {
      publisher.detections(observationOf('porch', frame));
      await subscriber.waitForCount('/detections', frame);
    }
    // MQTT 3.1.1, 2.2: the first byte of a PUBLISH of QoS 0 is 0x30.
    const feed = bridge.messages.slice(before).filter(([first]) => first === 0x30);
    expect(feed).toHaveLength(5);
    expect(bridge.messages.slice(before)).toHaveLength(5);
    expect(bridge.extensions).toEqual([]);
  });

  testMosquitto('a connection that is too slow drops the perception feed and counts it', async () => {
    const broker = await Mosquitto.start();
    const bridge = await webSocketTo(broker.port);
    const { publisher, alert } = publisherTo(bridge.url);
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    bridge.pause();
    const frames = 20_000;
    for (let frame = 1; frame <= frames; frame += 1) publisher.detections(observationOf('porch', frame));
    const { feedDropped } = publisher.state();
    expect(feedDropped).toBeGreaterThan(frames / 2);
    alert('in-between');
    bridge.resume();
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('in-between'));
    expect(subscriber.on('/detections')).toHaveLength(frames - feedDropped);
  });

  testMosquitto('a path that the server does not know is told with its answer', async () => {
    const broker = await Mosquitto.start();
    const bridge = await webSocketTo(broker.port, { path: '/mqtt' });
    expect(await warningOf(publisherTo(bridge.url.replace('/mqtt', '/elsewhere')))).toMatchObject({
      code: 'MQTT_CONNECT',
      msg: expect.stringMatching(/Unexpected server response: 400/),
    });
  });

  testMosquitto('a server that is not there is found when it comes', async () => {
    const broker = await Mosquitto.prepare();
    const bridge = await webSocketTo(broker.port);
    const { publisher, records } = publisherTo(bridge.url);
    await publisher.start();
    await waitFor('the warning', () => records.some(({ code }) => code === 'MQTT_CONNECT'));
    await broker.restart();
    await waitFor('the connection', () => publisher.state().connected);
    expect(records.filter(({ code }) => code === 'MQTT_CONNECT')).toHaveLength(1);
  });
});

describe('wss', () => {
  testTls('verifies the certificate against the CA and the name', async () => {
    const broker = await Mosquitto.start();
    const authority = new Authority();
    const { caFile } = authority;
    const tls = authority.issue({ subjects: ['127.0.0.1', 'broker.home'] });
    const bridge = await webSocketTo(broker.port, { tls });
    expect(await warningOf(publisherTo(bridge.url))).toMatchObject({
      code: 'MQTT_TLS',
      msg: expect.stringMatching(/not signed by a public CA/),
    });
    expect(await warningOf(publisherTo(bridge.url, { caFile, serverName: 'other' }))).toMatchObject({
      code: 'MQTT_TLS',
      msg: expect.stringMatching(/not for mqtt\.tls\.serverName: 'other'/),
    });
    for (const serverName of [undefined, 'broker.home']) {
      const { publisher } = publisherTo(bridge.url, { caFile, ...(serverName && { serverName }) });
      await publisher.start();
      await waitFor('the connection', () => publisher.state().connected);
      expect(publisher.state()).toMatchObject({ protocol: '5', tls: true });
      await publisher.stop();
    }
  });
});

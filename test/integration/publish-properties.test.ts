// What MQTT 5 adds to messages, as a client of MQTT 5 sees it behind a real Mosquitto, and brokers that take less than all.
import { connect, type IPublishPacket } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TopicAliases } from '../../daemon/publish/properties.ts';
import { holdToContract } from '../support/contract.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike } from '../support/pictures.ts';
import { EPOCH, observationOf, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { proxyTo } from '../support/tcp.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const JPEG = jpegLike(1, 100);

/** Everything below `vedette`, as packets of MQTT 5. */
async function watcher(url: string): Promise<IPublishPacket[]> {
  const packets: IPublishPacket[] = [];
  const client = connect(url, { protocolVersion: 5, reconnectPeriod: 0 });
  onTestFinished(() => client.endAsync(true));
  holdToContract(client, { qos: 0 });
  client.on('message', (_topic, _payload, packet) => packets.push(packet));
  await client.subscribeAsync('vedette/#');
  return packets;
}

describe('properties of MQTT 5', () => {
  testMosquitto('say what a message is, which one, and how long it is worth something', async () => {
    const broker = await Mosquitto.start();
    const packets = await watcher(broker.url);
    const { publisher, alert, picture } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    alert('with-properties');
    publisher.detections(observationOf('porch'));
    picture('porch', { label: 'person', jpeg: JPEG });
    const seen = (suffix: string): Promise<unknown> =>
      waitFor(suffix, () => {
        const { properties } = packets.find(({ topic }) => topic.endsWith(suffix)) ?? {};
        return properties && { ...properties, userProperties: { ...properties.userProperties } };
      });
    const text = { payloadFormatIndicator: true, userProperties: {} };
    expect(await seen('pi/status')).toEqual({ ...text, contentType: 'text/plain' });
    expect(await seen('/health')).toEqual({ ...text, contentType: 'application/json' });
    expect(await seen('/alert')).toEqual({
      ...text,
      contentType: 'application/json',
      userProperties: { epoch: EPOCH, seq: '1' },
    });
    expect(await seen('porch/snapshot')).toEqual({ contentType: 'image/jpeg', userProperties: {} });
    // A broker subtracts the time that it held the message.
    expect(await seen('/detections')).toMatchObject({
      contentType: 'application/json',
      messageExpiryInterval: 5,
    });
  });

  for (const [protocol, names] of [
    ['5', 3],
    ['3.1.1', 51],
  ] as const) {
    testMosquitto(
      `the name of a feed goes out ${names} times for two cameras, two connections and 51 frames in ${protocol}`,
      async () => {
        const broker = await Mosquitto.start();
        let sent = '';
        const proxy = await proxyTo(broker.port, (bytes) => {
          sent += bytes.toString('latin1');
          return 'pass';
        });
        const subscriber = await Subscriber.connect({ url: broker.url });
        const { publisher } = testPublisher({ url: proxy.url, config: { protocol } });
        await publisher.start();
        for (let connection = 1; connection <= 2; connection += 1) {
          await waitFor('the connection', () => publisher.state().connected);
          for (let frame = 1; frame <= 25; frame += 1) publisher.detections(observationOf('porch', frame));
          if (connection === 1) {
            publisher.detections(observationOf('yard'));
            await subscriber.waitForCount('yard/detections', 1);
            proxy.cut();
            await waitFor('the loss', () => !publisher.state().connected);
          }
        }
        await subscriber.waitForCount('porch/detections', 50);
        // The name of one camera twice and of the other once: nothing of an alias outlives its connection.
        const feed = sent.match(/vedette\/pi\/camera\/(porch|yard)\/detections/g) ?? [];
        expect(feed).toHaveLength(names);
      },
    );
  }

  test('topics without a number keep their names, whoever else has one', () => {
    const aliases = new TopicAliases(2);
    expect(['a', 'b', 'c', 'a', 'c', 'b'].map((topic) => aliases.for(topic))).toEqual([
      { topic: 'a', alias: 1 },
      { topic: 'b', alias: 2 },
      { topic: 'c' },
      { topic: '', alias: 1 },
      { topic: 'c' },
      { topic: '', alias: 2 },
    ]);
    expect(new TopicAliases(0).for('a')).toEqual({ topic: 'a' });
  });
});

describe('a broker that takes less', () => {
  testMosquitto('and retains nothing gets the state without it, and no empty messages', async () => {
    const broker = await Mosquitto.start({ lines: ['retain_available false'] });
    const packets = await watcher(broker.url);
    const { publisher, records, alert, cameraStatus, retained, outbox } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    cameraStatus('porch', 'online');
    retained.clear('camera/porch/status');
    alert('through');
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    const seen = packets.map(({ topic, payload }) => `${topic} ${payload.length > 0}`);
    expect(seen).toContain('vedette/pi/camera/porch/status true');
    expect(seen).not.toContain('vedette/pi/camera/porch/status false');
    expect(packets.some(({ retain }) => retain)).toBe(false);
    const warnings = records.filter(({ code }) => code === 'MQTT_CONNECT').map(({ msg }) => msg);
    expect(warnings).toEqual([
      'the broker keeps no retained messages: who subscribes later does not see the state until it changes',
    ]);
  });

  testMosquitto(
    'and has QoS 0 only delivers, in order; a row leaves when a later ping was answered',
    async () => {
      const broker = await Mosquitto.start({ lines: ['max_qos 0'] });
      const proxy = await proxyTo(broker.port);
      const packets = await watcher(broker.url);
      const { publisher, records, alert, outbox } = testPublisher({ url: proxy.url });
      await publisher.start();
      await waitFor('the connection', () => publisher.state().connected);
      for (let index = 0; index < 100; index += 1) alert(`a${index}`);
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
      const ids = (): string[] =>
        packets
          .filter(({ topic }) => topic.endsWith('/alert'))
          .map(({ payload }) => JSON.parse(String(payload)).id);
      await waitFor('the alerts', () => ids().length === 100);
      expect(ids()).toEqual(Array.from({ length: 100 }, (_, index) => `a${index}`));
      proxy.mute();
      alert('without an answer');
      await waitFor('the last', () => ids().length === 101);
      expect(outbox.rows).toHaveLength(1);
      const warnings = records.filter(({ code }) => code === 'MQTT_CONNECT').map(({ msg }) => msg);
      expect(warnings).toEqual([
        'the broker takes QoS 0 only: a message counts as delivered when the broker has answered a ping sent after it',
      ]);
    },
  );
});

// MQTT 5 and 3.1.1: which one is spoken, what a broker says of itself and why it ends a connection. Real brokers, and a
// server of a few bytes for the reasons that Mosquitto 2.0 never gives.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { embeddedBroker } from '../support/embedded.ts';
import type { LogRecord } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { observationOf, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { listen, portOf, proxyTo } from '../support/tcp.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

function warnings(records: readonly LogRecord[]): string[] {
  return records.filter(({ code }) => code === 'MQTT_CONNECT').map(({ msg }) => msg);
}

/** A broker that answers a CONNECT with these packets; counts connections by the version that they asked for. */
async function answering(
  answer: (version: number) => readonly number[] | 'close',
): Promise<{ url: string; asked: number[] }> {
  const asked: number[] = [];
  const server = await listen((socket) => {
    socket.on('error', () => {});
    socket.once('data', (packet) => {
      // Fixed header, one byte of length while short, 'MQTT' with its length, then the version (MQTT 5, 3.1).
      const version = packet[packet.indexOf('MQTT') + 4]!;
      asked.push(version);
      const bytes = answer(version);
      if (bytes === 'close') socket.destroy();
      else socket.write(Buffer.from(bytes));
    });
  });
  return { url: `mqtt://127.0.0.1:${portOf(server)}`, asked };
}

const ACCEPTED_5 = [0x20, 3, 0, 0, 0];
const ACCEPTED_4 = [0x20, 2, 0, 0];

describe('the version', () => {
  for (const protocol of ['auto', '5', '3.1.1'] as const) {
    testMosquitto(`with ${protocol} at Mosquitto delivers`, async () => {
      const broker = await Mosquitto.start();
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { publisher, alert, records } = testPublisher({ url: broker.url, config: { protocol } });
      await publisher.start();
      await waitFor('the connection', () => publisher.state().connected);
      const spoken = protocol === 'auto' ? '5' : protocol;
      expect(publisher.state().protocol).toBe(spoken);
      expect(records.at(-1)?.msg).toBe(`connected to ${broker.url} with MQTT ${spoken}`);
      alert('in-any-version');
      await subscriber.waitFor('the alert', ({ payload }) => payload.includes('in-any-version'));
    });
  }

  test('auto at a broker that refuses 5 becomes 3.1.1 at once, without a warning, and stays', async () => {
    const broker = await embeddedBroker();
    const { publisher, records } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    expect(publisher.state().protocol).toBe('3.1.1');
    expect(records.map(({ msg }) => msg)).toEqual([`connected to ${broker.url} with MQTT 3.1.1`]);
  });

  test('auto remembers a refusal of 5 over reconnects', async () => {
    const { url, asked } = await answering((version) =>
      // Refused as by a broker of MQTT 5 that has 5 switched off; 3.1.1 is accepted, then the rubbish ends it.
      version === 5 ? [0x20, 3, 0, 0x84, 0] : [...ACCEPTED_4, 0xff, 0xff, 0xff, 0xff, 0xff],
    );
    const { publisher, records } = testPublisher({ url });
    await publisher.start();
    await waitFor('four connections', () => asked.length >= 4);
    expect(asked.slice(0, 4)).toEqual([5, 4, 4, 4]);
    expect(warnings(records).filter((msg) => msg.includes('refused'))).toEqual([]);
  });

  test('auto at a broker that closes instead of refusing tries the other version next, and 5 once more', async () => {
    const { url, asked } = await answering((version) => (version === 5 ? 'close' : ACCEPTED_4));
    const { publisher } = testPublisher({ url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    expect(asked).toEqual([5, 4, 5, 4]);
    expect(publisher.state().protocol).toBe('3.1.1');
  });

  test('auto is not left in 3.1.1, without reason 16, by a network that was cut before the answer', async () => {
    let attempts = 0;
    const { url, asked } = await answering((version) => {
      attempts += 1;
      if (attempts === 1) return 'close';
      return version === 5 ? ACCEPTED_5 : ACCEPTED_4;
    });
    const { publisher, records } = testPublisher({ url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    expect(asked).toEqual([5, 4, 5]);
    expect(publisher.state().protocol).toBe('5');
    expect(records.at(-1)?.msg).toBe(`connected to ${url} with MQTT 5`);
  });

  test('a refused version that the configuration insists on is told', async () => {
    const broker = await embeddedBroker();
    const { publisher, records } = testPublisher({ url: broker.url, config: { protocol: '5' } });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    expect(warnings(records)).toEqual([
      expect.stringMatching(/unacceptable protocol version \(1\): .* set mqtt\.protocol to auto;/),
    ]);
    expect(publisher.state()).toMatchObject({ connected: false, protocol: '5' });
  });
});

describe('reasons in words', () => {
  testMosquitto('a wrong password over MQTT 5', async () => {
    const broker = await Mosquitto.start({ user: 'vedette', password: 'right' });
    const config = { user: 'vedette', password: 'wrong' };
    const { publisher, records } = testPublisher({ url: broker.url, config });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    expect(warnings(records)).toEqual([
      expect.stringMatching(
        /: connection refused: not authorized \(0x87\): check mqtt\.user and mqtt\.password, and the broker's access list; events and alerts wait/,
      ),
    ]);
  });

  test('a session taken over is told with the name, and not fought for', async () => {
    const { url, asked } = await answering(() => [...ACCEPTED_5, 0xe0, 2, 0x8e, 0]);
    const clock = new SimClock();
    const { publisher, records } = testPublisher({ url, clock, config: { retryMaxS: 3600 } });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    expect(warnings(records)).toEqual([
      expect.stringMatching(
        /connection lost: the broker ended it: session taken over \(0x8E\): another client uses the name vedette-pi, give each board its own device\.name;/,
      ),
    ]);
    await clock.advance(3_500_000);
    expect(asked).toEqual([5]);
    await clock.advance(100_000);
    await waitFor('the next attempt', () => asked.length === 2);
  });

  test("a broker's own text is shown, up to a limit and without its control characters", async () => {
    const text = Buffer.from(`quota of house 7\n${'x'.repeat(300)}`);
    // Reason string is property 0x1F (MQTT 5, 3.14.2.2.3).
    const properties = [0x1f, text.length >> 8, text.length & 0xff, ...text];
    const length = [(properties.length & 0x7f) | 0x80, properties.length >> 7];
    const rest = [0x97, ...length, ...properties];
    const packet = [0xe0, (rest.length & 0x7f) | 0x80, rest.length >> 7, ...rest];
    const { url } = await answering(() => [...ACCEPTED_5, ...packet]);
    const { publisher, records } = testPublisher({ url });
    await publisher.start();
    await waitFor('the warning', () => warnings(records).length > 0);
    const [warning] = warnings(records);
    expect(warning).toContain('quota exceeded (0x97): "quota of house 7\\nxxx');
    expect(warning!.length).toBeLessThan(600);
  });

  testMosquitto(
    'two clients of one name at Mosquitto 2.0, which gives no reason, are suspected',
    async () => {
      const broker = await Mosquitto.start();
      const one = testPublisher({ url: broker.url });
      const two = testPublisher({ url: broker.url });
      await one.publisher.start();
      await two.publisher.start();
      const suspicion = /times in a row \(another client with the name vedette-pi\?\)/;
      await waitFor('the suspicion', () =>
        warnings([...one.records, ...two.records]).some((m) => suspicion.test(m)),
      );
    },
  );
});

describe('limits of the broker', () => {
  testMosquitto('no more messages are on their way than its receive maximum', async () => {
    const broker = await Mosquitto.start({ lines: ['max_inflight_messages 3'] });
    const proxy = await proxyTo(broker.port);
    const subscriber = await Subscriber.connect({ url: broker.url, qos: 0 });
    const { publisher, alert, outbox } = testPublisher({ url: proxy.url, config: { windowMax: 16 } });
    await publisher.start();
    alert('acknowledged');
    await waitFor('the acknowledgement', () => outbox.rows.length === 0);
    proxy.mute();
    for (let index = 0; index < 10; index += 1) alert(`muted-${index}`);
    // Sent after the alerts, so that all that had been sent has come when this has.
    publisher.detections(observationOf('porch'));
    await subscriber.waitForCount('/detections', 1);
    const ids = subscriber.jsonOn('/alert').map(({ id }) => id);
    expect(ids).toEqual(['acknowledged', 'muted-0', 'muted-1', 'muted-2']);
  });

  testMosquitto(
    'alerts come in order, and state between them, through a receive maximum of two',
    async () => {
      const broker = await Mosquitto.start({ lines: ['max_inflight_messages 2'] });
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { publisher, alert, cameraStatus, outbox } = testPublisher({
        url: broker.url,
        config: { windowMax: 16 },
      });
      await publisher.start();
      alert('first');
      await waitFor('the acknowledgement', () => outbox.rows.length === 0);
      broker.freeze();
      for (let index = 2; index <= 60; index += 1) alert(`alert-${index}`);
      cameraStatus('porch', 'online');
      broker.thaw();
      await subscriber.waitForCount('/alert', 60);
      const seqs = subscriber.jsonOn('/alert').map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
      // Behind the window that was on its way, before all that followed it.
      const topics = subscriber.messages.map(({ topic }) => topic);
      expect(topics.indexOf('vedette/pi/camera/porch/status')).toBeLessThan(
        topics.lastIndexOf('vedette/pi/alert'),
      );
    },
  );

  testMosquitto('many cameras come through a receive maximum of one', async () => {
    const broker = await Mosquitto.start({ lines: ['max_inflight_messages 1'] });
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { publisher, alert, cameraStatus } = testPublisher({ url: broker.url });
    for (let index = 0; index < 32; index += 1) cameraStatus(`cam-${index}`, 'online');
    alert('behind');
    await publisher.start();
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('behind'));
    await waitFor('all cameras', () => subscriber.on('/status').length === 33);
    expect(publisher.state().reconnects).toBe(0);
  });

  testMosquitto(
    'a row that its access list refuses is offered again, when it may have been mended',
    async () => {
      const accessList = join(tempDir(), 'access');
      const allow = (topics: readonly string[]): void =>
        writeFileSync(accessList, topics.map((topic) => `topic ${topic}\n`).join(''), { mode: 0o600 });
      allow(['read #', 'write vedette/pi/status', 'write vedette/pi/health']);
      const broker = await Mosquitto.start({ lines: [`acl_file ${accessList}`] });
      const subscriber = await Subscriber.connect({ url: broker.url });
      let retry = (): void => undefined;
      const clock: Clock = {
        ...systemClock,
        after: (ms, fn) => {
          if (ms === 300_000) retry = fn;
          return systemClock.after(ms, fn);
        },
      };
      const { publisher, outbox, records, alert } = testPublisher({ url: broker.url, clock });
      alert('first');
      alert('second');
      await publisher.start();
      await waitFor('the refusal', () => warnings(records).length > 0);
      expect(warnings(records)).toEqual([
        'alert 1 not delivered: not authorized (0x87); kept in the outbox, tried again every 5 minutes',
      ]);
      allow(['read #', 'write #']);
      broker.reload();
      await waitFor('both alerts', () => {
        retry();
        return subscriber.on('/alert').length >= 2;
      });
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
      const ids = subscriber.on('/alert').map(({ payload }) => (JSON.parse(payload) as { id: string }).id);
      // The list may be read between the two.
      expect(ids.sort()).toEqual(['first', 'second']);
      expect(publisher.state()).toMatchObject({ connected: true, reconnects: 0 });
    },
  );

  testMosquitto('a row larger than its packet limit is kept and told, and the others pass', async () => {
    const broker = await Mosquitto.start({ lines: ['max_packet_size 2000'] });
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { publisher, outbox, records, alert } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    const large = alert('x'.repeat(3000));
    alert('small');
    await subscriber.waitFor('the small one', ({ payload }) => payload.includes('small'));
    await waitFor('the small row gone', () => outbox.rows.length === 1);
    expect(outbox.rows).toEqual([large]);
    expect(warnings(records)).toEqual([
      expect.stringMatching(
        /^alert 1 not delivered: \d+ bytes are more than the broker takes \(2000\); kept in the outbox/,
      ),
    ]);
    expect(publisher.state()).toMatchObject({ connected: true, reconnects: 0 });
  });
});

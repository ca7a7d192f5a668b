// Delivery of the outbox through real brokers: order, window, drain delay, acknowledgements, stop.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { startStore } from '../fixtures/store/harness.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { alertBody, EPOCH, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { storeOutbox } from '../support/store-outbox.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

function ids(subscriber: Subscriber): unknown[] {
  return subscriber.jsonOn('/alert').map(({ id }) => id);
}

describe('delivery', () => {
  testMosquitto(
    'events, alerts and gaps come in the order of their rows and then leave the outbox',
    async () => {
      const broker = await Mosquitto.start();
      const { publisher, outbox } = testPublisher({ url: broker.url });
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { camera, label, score, atMs, monoMs } = alertBody('a1');
      outbox.commit('event', {
        ...{ id: 'e1', type: 'new', camera, label, score, box: { x: 0, y: 0, width: 1, height: 1 } },
        ...{ zones: [], zonesEntered: [], track: 1, startedAtMs: atMs, atMs, monoMs },
      });
      outbox.commit('alert', alertBody('a1'));
      outbox.commit('gap', { counter: 'event', reason: 'damaged', detail: 'x', atMs });
      await publisher.start();
      await subscriber.waitForCount('/gap', 1);
      const sent = subscriber.messages.filter(({ topic }) => /(event|alert|gap)$/.test(topic));
      expect(sent.map(({ topic }) => topic)).toEqual([
        'vedette/pi/event',
        'vedette/pi/alert',
        'vedette/pi/gap',
      ]);
      expect(sent.every(({ qos, retain }) => qos === 1 && !retain)).toBe(true);
      expect(subscriber.jsonOn('/event')[0]).toMatchObject({ v: 1, id: 'e1', epoch: EPOCH, seq: 1 });
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
    },
  );

  testMosquitto('a row that an older daemon has left is delivered as what it was then', async () => {
    const dataDir = tempDir();
    const old = new Database(join(dataDir, 'vedette.db'));
    old.exec(readFileSync(join(ROOT, 'test/fixtures/store/version-4.sql'), 'utf8'));
    old.close();
    const { store } = await startStore(dataDir);
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { publisher } = testPublisher({ url: broker.url, source: storeOutbox(store) });
    await publisher.start();
    await subscriber.waitForCount('/alert', 1);
    const [message] = subscriber.jsonOn('/alert');
    expect(message).toMatchObject({ id: 'alert-1', trigger: 'enter', zone: 'door', count: 1, because: [] });
    await waitFor('an empty outbox', () => store.state().outboxRows === 0);
  });

  testMosquitto('fresh rows go out without reading the store', async () => {
    const broker = await Mosquitto.start();
    const { publisher, outbox, alert } = testPublisher({ url: broker.url });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    alert('first');
    await subscriber.waitForCount('/alert', 1);
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    const { reads } = outbox;
    for (let index = 0; index < 50; index += 1) alert(`fresh-${index}`);
    await subscriber.waitForCount('/alert', 51);
    expect(outbox.reads).toBe(reads);
  });

  testMosquitto('the retained tree comes first, the outbox only after the drain delay', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const { publisher, alert, cameraStatus } = testPublisher({
      url: broker.url,
      clock,
      config: { drainDelayS: 3 },
    });
    const subscriber = await Subscriber.connect({ url: broker.url });
    cameraStatus('porch', 'online');
    alert('waiting');
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    alert('announced-in-the-delay');
    await clock.advance(2999);
    // What was sent before this marker has come before it.
    cameraStatus('marker', 'online');
    await subscriber.waitForCount('marker/status', 1);
    expect(ids(subscriber)).toEqual([]);
    expect(subscriber.messages.map(({ topic }) => topic)).toEqual([
      'vedette/pi/status',
      'vedette/pi/camera/porch/status',
      'vedette/pi/health',
      'vedette/pi/camera/marker/status',
    ]);
    await clock.advance(1);
    await subscriber.waitForCount('/alert', 2);
    expect(ids(subscriber)).toEqual(['waiting', 'announced-in-the-delay']);
  });

  testMosquitto('no more than the window is sent to a broker that does not acknowledge', async () => {
    const broker = await Mosquitto.start();
    const { publisher, outbox, alert } = testPublisher({ url: broker.url, config: { windowMax: 4 } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    alert('0');
    await subscriber.waitForCount('/alert', 1);
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    broker.freeze();
    for (let index = 1; index <= 20; index += 1) alert(String(index));
    expect(publisher.state().inFlight).toBe(4);
    expect(outbox.rows).toHaveLength(20);
    broker.thaw();
    await subscriber.waitForCount('/alert', 21);
    expect(ids(subscriber)).toEqual(Array.from({ length: 21 }, (_, index) => String(index)));
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    expect(publisher.state().inFlight).toBe(0);
  });

  testMosquitto(
    'a broker killed while alerts come gets every unacknowledged one afterwards, in order',
    async () => {
      const broker = await Mosquitto.start();
      const clock = new SimClock();
      const config = { windowMax: 4, drainDelayS: 60, lateS: 30 };
      const { publisher, outbox, alert } = testPublisher({ url: broker.url, clock, config });
      const subscriber = await Subscriber.connect({ url: broker.url, persistent: true });
      await publisher.start();
      await waitFor('the connection', () => publisher.state().connected);
      await clock.advance(60_000);
      alert('acknowledged');
      await subscriber.waitForCount('/alert', 1);
      await waitFor('an empty outbox', () => outbox.rows.length === 0);

      broker.freeze();
      for (let index = 2; index <= 10; index += 1) alert(`row-${index}`);
      expect(publisher.state().inFlight).toBe(4);
      await broker.kill();
      await waitFor('the loss', () => !publisher.state().connected);
      expect(publisher.state().inFlight).toBe(0);
      for (let index = 11; index <= 300; index += 1) alert(`row-${index}`);
      expect(outbox.rows).toHaveLength(299);

      await broker.restart();
      await subscriber.subscribed(2);
      await waitFor('the connection', async () => {
        await clock.advance(1000);
        return publisher.state().connected;
      });
      alert('row-301');
      await clock.advance(60_000);
      await subscriber.waitForCount('/alert', 301);
      const alerts = subscriber.jsonOn('/alert');
      expect(alerts.map(({ seq }) => seq)).toEqual(Array.from({ length: 301 }, (_, index) => index + 1));
      expect(alerts.slice(1).map(({ id }) => id)).toEqual(
        Array.from({ length: 300 }, (_, index) => `row-${index + 2}`),
      );
      expect(alerts.every(({ epoch }) => epoch === EPOCH)).toBe(true);
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
    },
  );

  testMosquitto('an alert older than lateS says so, a fresh one does not', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const { publisher, outbox } = testPublisher({ url: broker.url, clock, config: { lateS: 30 } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    for (const [id, agoMs] of [
      ['old', 40_000],
      ['fresh', 0],
    ] as const) {
      outbox.commit('alert', alertBody(id, clock.nowMs() - agoMs), clock.nowMs() - agoMs);
    }
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    await clock.advance(0);
    await subscriber.waitForCount('/alert', 2);
    expect(subscriber.jsonOn('/alert')).toMatchObject([
      { id: 'old', late: true, delayedMs: 40_000 },
      { id: 'fresh', late: false, delayedMs: 0 },
    ]);
  });

  testMosquitto('a row that cannot be read is kept, told once, and holds up nothing', async () => {
    const broker = await Mosquitto.start();
    const { publisher, outbox, records } = testPublisher({ url: broker.url, config: { windowMax: 1 } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    outbox.commit('alert', '{');
    outbox.commit('alert', '{');
    outbox.commit('alert', alertBody('sound'));
    await publisher.start();
    await subscriber.waitForCount('/alert', 1);
    await waitFor('the rest', () => outbox.rows.length === 2);
    expect(records.filter(({ code }) => code === 'INTERNAL')).toHaveLength(1);
  });

  testMosquitto('an outbox that cannot be read is told once and read again later', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const { publisher, outbox, records } = testPublisher({ url: broker.url, clock });
    const subscriber = await Subscriber.connect({ url: broker.url });
    outbox.commit('alert', alertBody('stored'));
    outbox.broken = true;
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    await clock.advance(5000);
    expect(outbox.reads).toBeGreaterThan(2);
    expect(records.filter(({ code }) => code === 'INTERNAL')).toHaveLength(1);
    outbox.broken = false;
    await clock.advance(1000);
    await subscriber.waitForCount('/alert', 1);
  });
});

describe('stop', () => {
  testMosquitto('waits for the acknowledgements of what is on its way', async () => {
    const broker = await Mosquitto.start();
    const { publisher, outbox, alert } = testPublisher({ url: broker.url, config: { windowMax: 16 } });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    alert('first');
    await subscriber.waitForCount('/alert', 1);
    for (let index = 0; index < 16; index += 1) alert(`last-${index}`);
    const inFlight = publisher.state().inFlight;
    expect(inFlight).toBeGreaterThan(0);
    await publisher.stop();
    await subscriber.waitFor('stopped', ({ payload }) => payload === 'stopped');
    await waitFor('acknowledged rows gone', () => outbox.rows.length <= 17 - inFlight);
    expect(publisher.state()).toMatchObject({ connected: false, inFlight: 0 });
  });

  testMosquitto('does not wait for a broker that hangs, and keeps what it did not acknowledge', async () => {
    const broker = await Mosquitto.start();
    const { publisher, outbox, alert } = testPublisher({ url: broker.url });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    alert('first');
    await subscriber.waitForCount('/alert', 1);
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    broker.freeze();
    alert('kept');
    await publisher.stop();
    expect(outbox.rows.map(({ seq }) => seq)).toEqual([2]);
    alert('after the stop');
    expect(publisher.state().inFlight).toBe(0);
  });

  test('before a start does nothing', async () => {
    const { publisher } = testPublisher({ url: 'mqtt://127.0.0.1:1' });
    await publisher.stop();
    expect(publisher.state().connected).toBe(false);
  });
});

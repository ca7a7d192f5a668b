// Messages that nobody subscribes to, at a real Mosquitto: it says so in MQTT 5, and in 3.1.1 it does not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startStore } from '../fixtures/store/harness.ts';
import { fullBatch } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { alertBody, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { storeOutbox } from '../support/store-outbox.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

async function connected({ publisher }: TestPublisher, clock: SimClock): Promise<void> {
  await publisher.start();
  await waitFor('the connection', () => publisher.state().connected);
  await clock.advance(0);
}

/** Lets time pass in small steps, so that answers can come in between, until `check` holds. */
async function pass(clock: SimClock, what: string, stepMs: number, check: () => boolean): Promise<void> {
  await waitFor(what, async () => {
    await clock.advance(stepMs);
    return check();
  });
}

function eventBody(id: string): object {
  const { camera, label, score, atMs, monoMs } = alertBody(id);
  return {
    ...{ id, type: 'new', camera, label, score, box: { x: 0, y: 0, width: 1, height: 1 } },
    ...{ zones: [], zonesEntered: [], track: 1, startedAtMs: atMs, atMs, monoMs },
  };
}

function seqs(subscriber: Subscriber, suffix: string): unknown[] {
  return subscriber.jsonOn(suffix).map(({ seq }) => seq);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

describe('a kind that nobody subscribes to', () => {
  testMosquitto(
    'waits, while another kind flows on, and comes in order when somebody subscribes',
    async () => {
      const broker = await Mosquitto.start();
      const clock = new SimClock();
      const one = testPublisher({ url: broker.url, clock });
      const { publisher, outbox, alert, records } = one;
      const events = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/event'] });
      for (let index = 1; index <= 200; index += 1) {
        outbox.commit('alert', alertBody(`a${index}`));
        outbox.commit('event', eventBody(`e${index}`));
      }
      await connected(one, clock);
      await events.waitForCount('/event', 200);
      expect(seqs(events, '/event')).toEqual(upTo(200));
      await waitFor('the hold', () => publisher.state().held.includes('alert'));
      await waitFor('the events gone', () => outbox.rows.length === 200);
      alert('a201');
      publisher.outboxGrew([outbox.commit('event', eventBody('e201'))]);
      await events.waitForCount('/event', 201);
      const alerts = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
      await pass(clock, 'the held alerts', 1000, () => alerts.on('/alert').length === 201);
      expect(seqs(alerts, '/alert')).toEqual(upTo(201));
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
      expect(publisher.state()).toMatchObject({ held: [], unheard: 0 });
      expect(records.filter(({ kind }) => kind === 'alert').map(({ msg }) => msg)).toEqual([
        'nobody subscribes to alert: waits in the outbox until somebody does, 300 s at most',
        'somebody subscribes to alert again',
      ]);
    },
  );

  testMosquitto('10,000 of them are given up after unheardS, later ones after their own time', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const one = testPublisher({ url: broker.url, clock, config: { unheardS: 300 } });
    const { publisher, outbox, alert } = one;
    for (let index = 1; index <= 10_000; index += 1) outbox.commit('alert', alertBody(`a${index}`));
    await connected(one, clock);
    await waitFor('the hold', () => publisher.state().held.length === 1);
    const before = clock.monoMs();
    const { reads } = outbox;
    while (clock.monoMs() - before < 290_000) await pass(clock, 'time', 1000, () => true);
    alert('later');
    expect(publisher.state().unheard).toBe(0);
    await pass(clock, 'the end of the wait', 1000, () => publisher.state().unheard === 10_000);
    expect(outbox.unheardSeqs).toEqual(upTo(10_000).map((seq) => `alert ${seq}`));
    expect(one.records.filter(({ msg }) => /given up and marked as unheard/.test(msg))).toHaveLength(1);
    expect(outbox.reads - reads).toBeLessThan(100);
    await waitFor('the rest', () => outbox.rows.length === 1);
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
    await pass(clock, 'the later one', 1000, () => subscriber.on('/alert').length === 1);
    expect(seqs(subscriber, '/alert')).toEqual([10_001]);
  });

  testMosquitto('waits for ever with unheardS 0', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const one = testPublisher({ url: broker.url, clock, config: { unheardS: 0 } });
    one.outbox.commit('alert', alertBody('patient'));
    await connected(one, clock);
    await waitFor('the hold', () => one.publisher.state().held.length === 1);
    for (let hour = 0; hour < 24; hour += 1) await clock.advance(3_600_000);
    expect(one.outbox.rows).toHaveLength(1);
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
    await pass(clock, 'the alert', 1000, () => subscriber.on('/alert').length === 1);
  });

  testMosquitto('a subscriber away with a session that the broker keeps counts as there', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const one = testPublisher({ url: broker.url, clock });
    const subscriber = await Subscriber.connect({
      url: broker.url,
      filters: ['vedette/+/alert'],
      persistent: true,
    });
    await subscriber.close();
    one.outbox.commit('alert', alertBody('kept'));
    await connected(one, clock);
    await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
  });

  testMosquitto('does not make the one that the broker refused before it wait for ever', async () => {
    const accessList = join(tempDir(), 'access');
    const allow = (topic: string): void =>
      writeFileSync(accessList, `topic read #\ntopic write ${topic}\n`, { mode: 0o600 });
    allow('vedette/pi/health');
    const broker = await Mosquitto.start({ lines: [`acl_file ${accessList}`] });
    const clock = new SimClock();
    const one = testPublisher({ url: broker.url, clock, config: { unheardS: 0 } });
    const { alert, outbox, publisher, records } = one;
    const before = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
    await connected(one, clock);
    alert('refused');
    await waitFor('the refusal', () => records.some(({ msg }) => /^alert 1 not delivered/.test(msg)));
    allow('#');
    broker.reload();
    await waitFor('the broker to take alerts', () => {
      alert('taken');
      return before.on('/alert').length > 0;
    });
    await before.close();
    await waitFor('the hold', () => {
      alert('nobody is there');
      return publisher.state().held.includes('alert');
    });
    // Past the five minutes after which it is offered again.
    await clock.advance(310_000);
    expect(publisher.state().held).toEqual(['alert']);
    const after = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
    await pass(clock, 'an empty outbox', 1000, () => outbox.rows.length === 0);
    expect(seqs(after, '/alert')).toContain(1);
    expect(publisher.state().reconnects).toBe(0);
  });

  testMosquitto('is not known in 3.1.1: the broker acknowledges, and the message is gone', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const one = testPublisher({ url: broker.url, clock, config: { protocol: '3.1.1' } });
    one.outbox.commit('alert', alertBody('unheard'));
    await connected(one, clock);
    await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
    expect(one.publisher.state()).toMatchObject({ held: [], unheard: 0 });
  });
});

testMosquitto('what is given up is marked in the database, with nothing left in the outbox', async () => {
  const dataDir = tempDir();
  const { store } = await startStore(dataDir);
  for (let number = 1; number <= 200; number += 1) store.commit(fullBatch(number));
  await waitFor('the commits', () => store.state().outboxRows === 800);
  const broker = await Mosquitto.start();
  const clock = new SimClock();
  const one = testPublisher({ url: broker.url, clock, source: storeOutbox(store), config: { unheardS: 60 } });
  await connected(one, clock);
  await pass(clock, 'the end of the wait', 1000, () => store.state().outboxRows === 0);
  expect(one.publisher.state()).toMatchObject({ held: [], unheard: 800 });
  await store.stop();
  const { alerts, events } = readDatabase(dataDir, (reader) => ({
    alerts: reader.alerts({ sinceMs: 0, limit: 1000 }),
    events: reader.events({ sinceMs: 0, limit: 1000 }),
  }));
  expect(alerts.filter(({ unheardAtMs }) => unheardAtMs !== undefined)).toHaveLength(200);
  expect(events.map(({ unheard }) => unheard)).toEqual(Array.from({ length: 200 }, () => 3));
});

// Alerts of a rule with a topic of its own, at a real broker: the same message twice, and when its row leaves the outbox.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { embeddedBroker } from '../support/embedded.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { alertBody, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const DAY_MS = 86_400_000;

function gateAlert({ outbox, publisher }: TestPublisher, id: string, atMs = systemClock.nowMs()): OutboxRow {
  const row = outbox.commit('alert', { ...alertBody(id, atMs), topic: 'house/gate' }, atMs);
  publisher.outboxGrew([row]);
  return row;
}

async function connected({ publisher }: TestPublisher): Promise<void> {
  await publisher.start();
  await waitFor('the connection', () => publisher.state().connected);
}

function idsOn(subscriber: Subscriber, topic: string): unknown[] {
  return subscriber.jsonOn(topic).map(({ id }) => id);
}

/** A clock whose five minutes until a refused message is offered again pass when the test says so. */
function impatientClock(): { clock: Clock; retry: () => void } {
  let retry = (): void => undefined;
  const clock: Clock = {
    ...systemClock,
    after: (ms, fn) => {
      if (ms === 300_000) retry = fn;
      return systemClock.after(ms, fn);
    },
  };
  return { clock, retry: () => retry() };
}

test('the same message comes on alert and on the topic of its rule, with MQTT 3.1.1 too', async () => {
  const broker = await embeddedBroker();
  const subscriber = await Subscriber.connect({ url: broker.url! });
  const one = testPublisher({ url: broker.url! });
  await connected(one);
  one.alert('plain');
  gateAlert(one, 'gate');
  await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
  await subscriber.waitForCount('/house/gate', 1);
  expect(idsOn(subscriber, 'vedette/pi/alert')).toEqual(['plain', 'gate']);
  const copies = subscriber.messages.filter(({ payload }) => payload.includes('"gate"'));
  expect(new Set(copies.map(({ payload }) => payload)).size).toBe(1);
  expect(copies.map(({ topic }) => topic).sort()).toEqual(['vedette/pi/alert', 'vedette/pi/house/gate']);
});

testMosquitto('it is heard when somebody subscribes to either, and held when nobody does', async () => {
  const broker = await Mosquitto.start();
  const gate = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/house/#'] });
  const one = testPublisher({ url: broker.url });
  await connected(one);
  gateAlert(one, 'first');
  await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
  expect(idsOn(gate, '/house/gate')).toEqual(['first']);
  expect(one.publisher.state()).toMatchObject({ held: [], unheard: 0 });
  await gate.close();
  const all = await Subscriber.connect({ url: broker.url, filters: ['vedette/+/alert'] });
  gateAlert(one, 'second');
  await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
  await all.close();
  // The broker may still take the one that has left for somebody who listens.
  await waitFor('the hold', () => {
    if (one.outbox.rows.length === 0) gateAlert(one, 'third');
    return one.publisher.state().held.includes('alert');
  });
  expect(one.outbox.rows).toHaveLength(1);
});

testMosquitto('what its topic refuses stays in the outbox, and is not repeated on alert', async () => {
  const accessList = join(tempDir(), 'access');
  const allow = (...topics: readonly string[]): void =>
    writeFileSync(accessList, topics.map((topic) => `topic ${topic}\n`).join(''), { mode: 0o600 });
  const always = ['read #', 'write vedette/pi/status', 'write vedette/pi/health', 'write vedette/pi/alert'];
  allow(...always);
  const broker = await Mosquitto.start({ lines: [`acl_file ${accessList}`] });
  const subscriber = await Subscriber.connect({ url: broker.url });
  const { clock, retry } = impatientClock();
  const one = testPublisher({ url: broker.url, clock });
  await connected(one);
  gateAlert(one, 'gate');
  one.alert('plain');
  await waitFor('the other alert gone', () => one.outbox.rows.length === 1);
  await subscriber.waitForCount('/alert', 2);
  for (let times = 0; times < 3; times += 1) {
    retry();
    gateAlert(one, `again-${times}`);
    await subscriber.waitForCount('/alert', 3 + times);
  }
  expect(one.outbox.rows).toHaveLength(4);
  expect(one.records.find(({ level }) => level === 40)?.['msg']).toMatch(
    /^alert 1 not delivered: on vedette\/pi\/house\/gate: not authorized \(0x87\); kept in the outbox/,
  );
  allow(...always, 'write vedette/pi/house/gate');
  broker.reload();
  await waitFor('an empty outbox', () => {
    retry();
    return one.outbox.rows.length === 0;
  });
  await subscriber.waitForCount('/house/gate', 4);
  expect(idsOn(subscriber, 'vedette/pi/alert').sort()).toEqual(
    ['again-0', 'again-1', 'again-2', 'gate', 'plain'].sort(),
  );
  expect(one.publisher.state().reconnects).toBe(0);
});

testMosquitto('a late one is in no digest', async () => {
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const one = testPublisher({ url: broker.url, config: { late: 'digest' } });
  const longAgo = systemClock.nowMs() - DAY_MS;
  for (const id of ['a', 'b']) one.outbox.commit('alert', alertBody(id, longAgo), longAgo);
  gateAlert(one, 'gate', longAgo);
  await connected(one);
  await waitFor('an empty outbox', () => one.outbox.rows.length === 0);
  await subscriber.waitForCount('/house/gate', 1);
  expect(subscriber.jsonOn('vedette/pi/alert')).toMatchObject([
    { type: 'digest', count: 2 },
    { id: 'gate', late: true },
  ]);
});

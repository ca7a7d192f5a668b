// What becomes of late messages, by mqtt.late: a real store's file, a real Mosquitto.
import { describe, expect } from 'vitest';
import type { MqttConfig } from '../../daemon/config/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { type Harness, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { storeOutbox } from '../support/store-outbox.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const NUMBERS = 300;

interface World extends Harness, Pick<TestPublisher, 'publisher'> {
  readonly dataDir: string;
  readonly broker: Mosquitto;
  readonly subscriber: Subscriber;
}

/** A store that holds `NUMBERS` events of three changes and as many alerts, all late, and everything to deliver them. */
async function world(late: MqttConfig['late'], drainDelayS = 0): Promise<World> {
  const dataDir = tempDir();
  let grew: TestPublisher['publisher']['outboxGrew'] = () => undefined;
  const harness = await startStore(dataDir, { onOutbox: (rows) => grew(rows) });
  for (let number = 1; number <= NUMBERS; number += 1) harness.store.commit(fullBatch(number));
  await waitFor('the commits', () => harness.store.state().outboxRows === 4 * NUMBERS);
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const source = storeOutbox(harness.store);
  const { publisher } = testPublisher({ url: broker.url, config: { late, drainDelayS }, source });
  grew = (rows) => publisher.outboxGrew(rows);
  return { ...harness, dataDir, broker, subscriber, publisher };
}

async function drained({ store }: World): Promise<void> {
  await waitFor('an empty outbox', () => store.state().outboxRows === 0);
}

/** All numbers of these ranges. */
function numbersIn(ranges: unknown): number[] {
  return (ranges as [number, number][]).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

describe('late messages', () => {
  testMosquitto('with drop-updates: what comes and what a gap names are all numbers, each once', async () => {
    const one = await world('drop-updates');
    await one.publisher.start();
    await drained(one);
    const events = one.subscriber.jsonOn('/event');
    expect(events.filter(({ type }) => type === 'update')).toEqual([]);
    const gaps = one.subscriber.jsonOn('/gap');
    expect(gaps.every(({ reason, counter }) => reason === 'late' && counter === 'event')).toBe(true);
    const named = gaps.flatMap(({ ranges }) => numbersIn(ranges));
    expect(gaps.reduce((sum, { count }) => sum + Number(count), 0)).toBe(named.length);
    expect(named).toHaveLength(NUMBERS);
    const came = events.map(({ seq }) => Number(seq));
    expect([...came, ...named].sort((a, b) => a - b)).toEqual(upTo(3 * NUMBERS));
    expect(one.subscriber.jsonOn('/alert').map(({ seq }) => seq)).toEqual(upTo(NUMBERS));
  });

  testMosquitto('with digest: one message for each kind, and fresh ones as they are', async () => {
    const one = await world('digest');
    await one.publisher.start();
    await drained(one);
    const now = { atMs: systemClock.nowMs(), startedAtMs: systemClock.nowMs() };
    one.store.commit({ events: [change('new', 9999, now)], alerts: [alert(9999, now)] });
    await one.subscriber.waitFor('the fresh alert', ({ payload }) => payload.includes('alert-9999'));
    const alerts = one.subscriber.jsonOn('/alert');
    expect(alerts).toMatchObject([
      {
        type: 'digest',
        seq: NUMBERS,
        first: 1,
        last: NUMBERS,
        count: NUMBERS,
        ranges: [[1, NUMBERS]],
        late: true,
      },
      { seq: NUMBERS + 1, id: 'alert-9999', late: false },
    ]);
    expect(alerts[0]).toMatchObject({ groups: [{ rule: 'door-at-night', camera: 'porch', count: NUMBERS }] });
    expect(one.subscriber.jsonOn('/event')).toMatchObject([
      { type: 'digest', ranges: [[1, 3 * NUMBERS]] },
      { type: 'new', seq: 3 * NUMBERS + 1 },
    ]);
  });

  testMosquitto('with digest: a broker that dies before it acknowledged loses nothing', async () => {
    const one = await world('digest', 1);
    await one.publisher.start();
    await waitFor('the connection', () => one.publisher.state().connected);
    one.broker.freeze();
    await waitFor('the digest on its way', () => one.publisher.state().inFlight > 0);
    await one.broker.kill();
    await waitFor('the loss', () => !one.publisher.state().connected);
    expect(one.store.state().outboxRows).toBe(4 * NUMBERS);
    await one.broker.restart();
    await one.subscriber.subscribed(2);
    await drained(one);
    const ranges = one.subscriber.jsonOn('/alert').flatMap((digest) => numbersIn(digest['ranges']));
    expect([...new Set(ranges)]).toEqual(upTo(NUMBERS));
  });

  testMosquitto('more holes than one gap can name make several', async () => {
    const { store, dataDir } = await world('deliver');
    // Every third change is an update: as many ranges as updates.
    const waiting = readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 9999 }));
    const updates = waiting.filter(({ body }) => body.includes('"update"')).map(({ row }) => row);
    store.passOver(updates);
    await waitFor('the gaps', () => store.state().lastSeq.gap > 0);
    await store.stop();
    const gaps = readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 9999 })).filter(
      ({ kind }) => kind === 'gap',
    );
    const ranges = gaps.map(({ body }) => (JSON.parse(body) as { ranges: unknown[] }).ranges);
    expect(ranges.map(({ length }) => length)).toEqual([256, NUMBERS - 256]);
    expect(ranges.flatMap(numbersIn)).toHaveLength(NUMBERS);
  });

  testMosquitto('updates that are left out twice, as after a crash, are named once', async () => {
    const { store, dataDir } = await world('deliver');
    const rows = await store.readOutbox({ afterRow: 0, limit: 1000 });
    const updates = rows.filter(({ body }) => body.includes('"update"')).map(({ row }) => row);
    store.passOver(updates);
    store.passOver(updates.slice(0, 10));
    await waitFor('the gap', () => store.state().lastSeq.gap > 0);
    store.passOver(updates);
    await store.stop();
    const waiting = readDatabase(dataDir, (reader) => reader.outbox({ afterRow: 0, limit: 9999 }));
    const gaps = waiting.filter(({ kind }) => kind === 'gap');
    expect(gaps).toHaveLength(1);
    expect(JSON.parse(gaps[0]?.body ?? '')).toMatchObject({ reason: 'late', count: updates.length });
    expect(waiting).toHaveLength(4 * NUMBERS - updates.length + 1);
  });
});

// The self-test over a real broker and the outbox: the loop time, and for every stage that can fail its name.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { selfTestAlert } from '../../daemon/core/self-test.ts';
import type { Alert } from '../../daemon/core/types.ts';
import { SelfTest, type SelfTestOptions } from '../../daemon/publish/self-test.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

interface World extends TestPublisher {
  readonly selfTest: SelfTest;
  readonly clock: SimClock;
  readonly warnings: () => string[];
}

let ids = 0;

async function worldOf(url: string, options: Partial<SelfTestOptions> = {}): Promise<World> {
  const clock = new SimClock();
  const { logger, records } = memoryLogger();
  const commit = (alert: Alert): void => {
    const row = world.outbox.commit('self-test', alert);
    selfTest.committed(row);
    world.publisher.outboxGrew([row]);
  };
  const judge = (): Alert | undefined => {
    ids += 1;
    return selfTestAlert({ newId: () => `id-${ids}`, atMs: clock.nowMs(), monoMs: clock.monoMs() });
  };
  const selfTest = new SelfTest({
    clock,
    logger,
    everyMinutes: 60,
    judge,
    commit,
    withdraw: (row) => world.outbox.delivered([row]),
    waiting: () => world.outbox.rows.length,
    ...options,
  });
  const world = testPublisher({
    url,
    clock,
    channels: [selfTest],
    latency: { sent: () => undefined, acknowledged: (row) => selfTest.acknowledged(row) },
  });
  await selfTest.start();
  await world.publisher.start();
  const warnings = (): string[] => records.filter(({ level }) => level === 40).map(({ msg }) => msg);
  return { ...world, selfTest, clock, warnings };
}

describe('the self-test', () => {
  testMosquitto('reports the loop time, stage by stage, and disturbs no alert topic', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { selfTest, clock, publisher, outbox, warnings } = await worldOf(broker.url);
    await waitFor('the connection', () => publisher.state().connected);
    await clock.advance(60_000);
    const report = await waitFor('the verdict', () => selfTest.report);
    expect(report).toMatchObject({ ok: true, loopMs: expect.any(Number) });
    expect(Object.keys(report.stagesMs)).toEqual(['rules', 'store', 'broker', 'return']);
    await waitFor('an empty outbox', () => outbox.rows.length === 0);
    await subscriber.waitForCount('/self-test', 1);
    expect(subscriber.jsonOn('/self-test')[0]).toMatchObject({ v: 1, seq: 1, id: `id-${ids}` });
    expect([...subscriber.on('/alert'), ...subscriber.on('/event')]).toEqual([]);
    await clock.advance(3_600_000);
    await waitFor('the next one', () => selfTest.report !== report);
    expect(selfTest.report?.ok).toBe(true);
    expect(warnings()).toEqual([]);
  });

  testMosquitto('without a broker fails at once, leaves nothing in the outbox and says so once', async () => {
    const broker = await Mosquitto.prepare();
    const { selfTest, clock, publisher, outbox, warnings } = await worldOf(broker.url);
    await clock.advance(60_000);
    expect(selfTest.report).toMatchObject({ ok: false, failedStage: 'broker' });
    await clock.advance(2 * 3_600_000);
    expect(outbox.rows).toEqual([]);
    expect(warnings()).toEqual([
      'self-test: an alert would not arrive now: broker: there is no connection to the broker',
    ]);
    await broker.restart();
    await waitFor('the connection', async () => {
      await clock.advance(1000);
      return publisher.state().connected;
    });
    await clock.advance(3_600_000);
    await waitFor('a good one', () => selfTest.report?.ok);
  });

  testMosquitto('an access list that swallows messages is found: they do not return', async () => {
    // Mosquitto answers what its list forbids to write as if it had been taken, with MQTT 3.1.1.
    const list = join(tempDir(), 'acl');
    writeFileSync(list, 'topic readwrite vedette/+/status\ntopic read #\n', { mode: 0o644 });
    const broker = await Mosquitto.start({ lines: [`acl_file ${list}`] });
    const { selfTest, clock, publisher, outbox } = await worldOf(broker.url);
    await waitFor('the connection', () => publisher.state().connected);
    await clock.advance(60_000);
    await waitFor('its row to be settled', async () => {
      await clock.advance(1000);
      return selfTest.report;
    });
    expect(selfTest.report).toMatchObject({ ok: false });
    expect(['broker', 'return']).toContain(selfTest.report?.failedStage);
    await waitFor('nothing to be left of it', () => outbox.rows.length === 0);
  });

  testMosquitto('names the store and the rules when they are at fault', async () => {
    const broker = await Mosquitto.start();
    const stuck = await worldOf(broker.url, { commit: () => undefined });
    await waitFor('the connection', () => stuck.publisher.state().connected);
    await stuck.clock.advance(60_000);
    expect(stuck.selfTest.report).toBeUndefined();
    await stuck.clock.advance(90_000);
    expect(stuck.selfTest.report).toMatchObject({ ok: false, failedStage: 'store' });
    const silent = await worldOf(broker.url, { judge: () => undefined });
    await silent.clock.advance(60_000);
    expect(silent.selfTest.report).toMatchObject({ ok: false, failedStage: 'rules' });
  });

  testMosquitto('a message of somebody else on its topic is not taken for its own', async () => {
    const broker = await Mosquitto.start();
    const { selfTest, clock, publisher } = await worldOf(broker.url, { commit: () => undefined });
    const forger = testPublisher({ url: broker.url, device: 'forger' });
    await forger.publisher.start();
    await waitFor('both', () => publisher.state().connected && forger.publisher.state().connected);
    await clock.advance(60_000);
    const topic = 'vedette/pi/self-test';
    const subscriber = await Subscriber.connect({ url: broker.url, notByContract: 'a forged self-test' });
    forger.retained.setTopic(topic, `{"id":"id-${ids}"}`);
    await subscriber.waitForCount('/self-test', 1);
    forger.retained.clearTopic(topic);
    expect(selfTest.report).toBeUndefined();
  });
});

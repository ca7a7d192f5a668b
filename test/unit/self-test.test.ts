// The self-test call by call: what counts as its row and as its return. Over a real broker: integration/self-test.test.ts.
import { expect, test } from 'vitest';
import { selfTestAlert } from '../../daemon/core/self-test.ts';
import type { Alert, OutboxRow } from '../../daemon/core/types.ts';
import { SelfTest } from '../../daemon/publish/self-test.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

const ROW = 7;

/** One that is under way: committed, not yet acknowledged. */
async function underWay() {
  const clock = new SimClock();
  const { logger, records } = memoryLogger();
  const committed: Alert[] = [];
  const selfTest = new SelfTest({
    clock,
    logger,
    everyMinutes: 60,
    judge: () => selfTestAlert({ newId: () => 'own', atMs: clock.nowMs(), monoMs: clock.monoMs() }),
    commit: (alert) => committed.push(alert),
    withdraw: () => undefined,
    waiting: () => 3,
  });
  await selfTest.start();
  selfTest.opened();
  await clock.advance(60_000);
  const body = JSON.stringify(committed[0]);
  const row: OutboxRow = { row: ROW, epoch: 'e', kind: 'self-test', seq: 1, atMs: clock.nowMs(), body };
  selfTest.committed(row);
  const [subscription] = selfTest.subscriptions('pi');
  const returned = (payload: string): void =>
    subscription!.onMessage({
      topic: 'vedette/pi/self-test',
      payload: Buffer.from(payload),
      retain: false,
    });
  return { selfTest, clock, records, returned };
}

test('what returns with another id is not its own', async () => {
  const { selfTest, returned } = await underWay();
  returned('{"id":"other"}');
  expect(selfTest.report).toBeUndefined();
  returned('{"id":"own"}');
  expect(selfTest.report).toMatchObject({ ok: true });
});

test('the acknowledgement of another row is not its own', async () => {
  const { selfTest, clock, records } = await underWay();
  selfTest.acknowledged(ROW + 1);
  await clock.advance(90_000);
  expect(selfTest.report).toMatchObject({ ok: false, failedStage: 'broker' });
  expect(records.at(-1)?.msg).toContain('not passed after 90 s, 3 messages wait in the outbox');
});

test('what was acknowledged and does not return was lost on the way back', async () => {
  const { selfTest, clock } = await underWay();
  selfTest.acknowledged(ROW);
  await clock.advance(90_000);
  expect(selfTest.report).toMatchObject({ ok: false, failedStage: 'return' });
});

test('another interval holds from when it is set, and 0 ends it', async () => {
  const { selfTest, clock, returned } = await underWay();
  returned('{"id":"own"}');
  const first = selfTest.report;
  selfTest.repeatEvery(1);
  await clock.advance(60_000 + 90_000);
  const second = selfTest.report;
  expect(second).not.toBe(first);
  selfTest.repeatEvery(0);
  await clock.advance(24 * 3_600_000);
  expect(selfTest.report).toBe(second);
  expect(selfTest.subscriptions('pi')).toEqual([]);
});

// When everything is published again because somebody else has taken it away: after a pause that grows, and never because of
// what another daemon of our name says of itself.
import { expect, test } from 'vitest';
import type { Session } from '../../daemon/publish/channel.ts';
import { AGAIN_MS_MAX, AGAIN_MS_MIN, PEACE_MS, WipeWatch } from '../../daemon/publish/wipe-watch.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

const TOPIC = 'vedette/pi/status';
const SESSION = { device: 'pi' } as Session;

function world() {
  const clock = new SimClock();
  const { logger, records } = memoryLogger();
  const againMonoMs: number[] = [];
  const watch = new WipeWatch({ clock, logger, publishAgain: () => void againMonoMs.push(clock.monoMs()) });
  const [subscription] = watch.subscriptions('pi');
  const hear = (word: string, retain = false): void =>
    subscription!.onMessage({ topic: TOPIC, payload: Buffer.from(word), retain });
  watch.opened(SESSION);
  return { clock, watch, hear, againMonoMs, records, filter: subscription?.filter };
}

test.each(['', 'offline', 'stopped'])(
  "'%s' on our own status has everything published again",
  async (word) => {
    const { clock, hear, againMonoMs, filter } = world();
    expect(filter).toBe(TOPIC);
    hear(word);
    await clock.advance(AGAIN_MS_MIN - 1);
    expect(againMonoMs).toHaveLength(0);
    await clock.advance(1);
    expect(againMonoMs).toHaveLength(1);
  },
);

test('what we say ourselves, and what was kept from before, has not', async () => {
  const { clock, watch, hear, againMonoMs } = world();
  hear('online');
  hear('offline', true);
  // Before the end, which takes back what waits.
  await clock.advance(AGAIN_MS_MAX);
  expect(againMonoMs).toEqual([]);
  watch.leaving();
  hear('stopped');
  await clock.advance(AGAIN_MS_MAX);
  expect(againMonoMs).toEqual([]);
});

test('a connection that is lost meanwhile is enough by itself', async () => {
  const { clock, watch, hear, againMonoMs } = world();
  hear('');
  watch.closed();
  watch.opened(SESSION);
  await clock.advance(AGAIN_MS_MAX);
  expect(againMonoMs).toEqual([]);
});

test('one who clears for ever is answered ever more seldom, and named once', async () => {
  const { clock, hear, againMonoMs, records } = world();
  for (let second = 0; second < 6 * 3600; second += 1) {
    hear('');
    await clock.advance(1000);
  }
  // Half the longest pause on average, once it has grown.
  expect(againMonoMs.length).toBeLessThan(300);
  expect(againMonoMs.length).toBeGreaterThan(20);
  const pauses = againMonoMs.slice(1).map((atMs, index) => atMs - againMonoMs[index]!);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(AGAIN_MS_MIN);
  expect(records.filter(({ code }) => code === 'MQTT_CONNECT')).toHaveLength(1);
  await clock.advance(PEACE_MS + 1);
  const before = againMonoMs.length;
  hear('');
  await clock.advance(AGAIN_MS_MIN);
  expect(againMonoMs).toHaveLength(before + 1);
});

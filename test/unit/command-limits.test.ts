// How often, and what is remembered of it: token buckets and answered requests, in simulated time.
import { describe, expect, test } from 'vitest';
import { AnsweredRequests } from '../../daemon/publish/answered-requests.ts';
import { Commands } from '../../daemon/publish/commands.ts';
import type { Connection } from '../../daemon/publish/connection.ts';
import { TokenBucket } from '../../daemon/publish/token-bucket.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { waitFor } from '../support/wait.ts';

describe('a bucket', () => {
  test('gives its burst at once and then so many a second', async () => {
    const clock = new SimClock();
    const bucket = new TokenBucket({ burst: 3, perS: 2 }, clock);
    const taken = (): number => Array.from({ length: 10 }, () => bucket.take()).filter(Boolean).length;
    expect(taken()).toBe(3);
    expect(bucket.waitMs).toBe(500);
    await clock.advance(1000);
    expect(taken()).toBe(2);
    await clock.advance(3_600_000);
    expect(bucket.waitMs).toBe(0);
    expect(taken()).toBe(3);
  });
});

describe('answered requests', () => {
  test('tell one that comes again from another with its id', () => {
    const answered = new AnsweredRequests(new SimClock());
    expect(answered.look('a', 'events 1')).toBe('new');
    answered.begin('a', 'events 1');
    expect(answered.look('a', 'events 1')).toBe('pending');
    answered.end('a', 'the answer');
    expect(answered.look('a', 'events 1')).toEqual({ answer: 'the answer' });
    expect(answered.look('a', 'events 2')).toBe('other');
  });

  test('are forgotten after ten minutes', async () => {
    const clock = new SimClock();
    const answered = new AnsweredRequests(clock);
    answered.begin('a', 'r');
    answered.end('a', 'x');
    await clock.advance(9 * 60_000);
    answered.begin('b', 'r');
    expect(answered.look('a', 'r')).toEqual({ answer: 'x' });
    await clock.advance(60_001);
    expect(answered.look('a', 'r')).toBe('new');
    expect(answered.look('b', 'r')).toBe('pending');
  });

  test('are at most 256, and 4 MiB together, the oldest go first', () => {
    const answered = new AnsweredRequests(new SimClock());
    for (let n = 0; n < 300; n += 1) answered.begin(`id${n}`, 'r');
    const known = (): number =>
      Array.from({ length: 300 }, (_, n) => answered.look(`id${n}`, 'r')).filter(
        (verdict) => verdict !== 'new',
      ).length;
    expect(known()).toBe(256);
    expect(answered.look('id43', 'r')).toBe('new');
    answered.end('id298', 'x'.repeat(3 * 1024 * 1024));
    expect(known()).toBe(256);
    answered.end('id299', 'x'.repeat(2 * 1024 * 1024));
    expect(known()).toBe(1);
    answered.end('id0', 'gone long ago');
  });
});

test('answers that a broker does not acknowledge are held to 8 MiB, however often they are asked for', async () => {
  const clock = new SimClock();
  const { logger } = memoryLogger();
  const commands = new Commands({
    switches: { cameras: () => ['porch'], set: () => false, say: () => undefined },
    requests: {
      messages: async () => ({ epoch: 'e', lastSeq: 0, rows: [] }),
      payloadOf: () => '',
      cameras: () => ['porch'],
      picture: async () => ({ jpeg: new Uint8Array(500_000), width: 64, height: 32, atMs: 0 }),
    },
    clock,
    logger,
  });
  const unacknowledged: string[] = [];
  const publish = (_topic: string, payload: string): number => unacknowledged.push(payload);
  commands.opened({ device: 'pi', connection: { publish } as unknown as Connection });
  const [, , requests] = commands.subscriptions('pi');
  const payload = Buffer.from(JSON.stringify({ id: 'p', camera: 'porch' }));
  const ask = (): void =>
    requests!.onMessage({ topic: 'vedette/pi/request/snapshot', payload, retain: false });
  ask();
  await waitFor('the answer', () => unacknowledged.length === 1);
  for (let times = 0; times < 50; times += 1) ask();
  expect(unacknowledged.length).toBe(Math.floor((8 * 1024 * 1024) / unacknowledged[0]!.length));
  expect(commands.dropped).toBe(51 - unacknowledged.length);
});

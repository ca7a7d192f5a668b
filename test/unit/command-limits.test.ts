// How much is taken and answered: token buckets, answered requests, and the limits of the channel, in simulated time.
import { describe, expect, test } from 'vitest';
import { AnsweredRequests } from '../../daemon/publish/answered-requests.ts';
import { matchesFilter } from '../../daemon/publish/channel.ts';
import { Commands } from '../../daemon/publish/commands.ts';
import type { Connection } from '../../daemon/publish/connection.ts';
import type { RequestSources } from '../../daemon/publish/requests.ts';
import { TokenBucket } from '../../daemon/publish/token-bucket.ts';
import { NO_LIMITS, storedPayload, storedRow } from '../support/commands.ts';
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

interface Channel {
  readonly commands: Commands;
  /** Answers as published, none of them acknowledged. */
  readonly answers: string[];
  ask(verb: string, request: object): void;
  /** The payload comes on this path below the device. */
  receive(path: string, payload: string): void;
  /** Waits for so many answers; the newest. */
  answer(count: number): Promise<unknown>;
}

/** The channel on a connection that writes down what it is given. */
function channel(requests: Partial<RequestSources>, limits = NO_LIMITS): Channel {
  const { logger } = memoryLogger();
  const commands = new Commands({
    switches: { cameras: () => ['porch'], set: () => false, say: () => undefined },
    requests: {
      why: async () => ({ alerts: [], tracks: [], notes: [], more: false }),
      backtest: async () => '{}',
      messages: async () => ({ epoch: 'e', lastSeq: 0, rows: [] }),
      payloadOf: storedPayload,
      cameras: () => ['porch'],
      picture: async () => ({ jpeg: new Uint8Array(500_000), width: 64, height: 32, atMs: 0 }),
      ...requests,
    },
    clock: new SimClock(),
    logger,
    limits,
  });
  const answers: string[] = [];
  const publish = (_topic: string, payload: string): number => answers.push(payload);
  commands.opened({ device: 'pi', connection: { publish } as unknown as Connection });
  const receive = (path: string, text: string): void => {
    const message = { topic: `vedette/pi/${path}`, payload: Buffer.from(text), retain: false };
    for (const { filter, onMessage } of commands.subscriptions('pi')) {
      if (matchesFilter(filter, message.topic)) onMessage(message);
    }
  };
  return {
    commands,
    answers,
    receive,
    ask: (verb, request) => receive(`request/${verb}`, JSON.stringify(request)),
    answer: async (count) => {
      await waitFor('the answers', () => answers.length >= count);
      return JSON.parse(answers.at(-1)!) as unknown;
    },
  };
}

describe('the channel', () => {
  test('does not take the count of a label called set, which comes back to it, for a command', () => {
    const { answers, receive } = channel({});
    receive('camera/porch/label/set', '{"v":1,"count":0,"active":0,"scoreMax":0}');
    expect(answers).toEqual([]);
    receive('camera/porch/labels/set', 'ON');
    expect(answers).toHaveLength(1);
  });

  test('holds answers that a broker does not acknowledge to 8 MiB, however often they are asked for', async () => {
    const { commands, answers, ask, answer } = channel({});
    const request = { id: 'p', camera: 'porch' };
    ask('snapshot', request);
    await answer(1);
    for (let times = 0; times < 50; times += 1) ask('snapshot', request);
    expect(answers.length).toBe(Math.floor((8 * 1024 * 1024) / answers[0]!.length));
    expect(commands.dropped).toBe(51 - answers.length);
  });

  test('carries out eight requests at a time', async () => {
    const { ask, answer } = channel({ messages: () => new Promise(() => undefined) });
    for (let n = 1; n <= 9; n += 1) ask('events', { id: `r${n}`, counter: 'alert', afterSeq: 0 });
    expect(await answer(1)).toMatchObject({
      id: 'r9',
      error: {
        code: 'COMMAND_LIMITED',
        message: '8 requests are being carried out, no more at a time: try again later',
      },
    });
  });

  test('takes no more messages of any kind than its limit', async () => {
    const { ask, answer } = channel({}, { ...NO_LIMITS, overall: { burst: 2, perS: 1 } });
    for (let n = 1; n <= 3; n += 1) ask('nonsense', { id: `r${n}` });
    expect(await answer(3)).toMatchObject({
      id: 'r3',
      error: {
        code: 'COMMAND_LIMITED',
        message: expect.stringContaining('too many commands and requests: 2'),
      },
    });
  });

  test('answers with as many messages as half a megabyte holds, and says that there are more', async () => {
    const message = 'x'.repeat(200_000);
    const rows = [1, 2, 3, 4].map(storedRow);
    const messages = async () => ({ epoch: 'e', lastSeq: 4, rows });
    const { ask, answer } = channel({ messages, payloadOf: ({ seq }) => JSON.stringify({ seq, message }) });
    ask('events', { id: 'a', counter: 'alert', afterSeq: 0 });
    expect(await answer(1)).toMatchObject({ more: true, messages: [{ seq: 1 }, { seq: 2 }] });
  });

  test('does not answer with a picture that a broker might not take', async () => {
    const picture = async () => ({ jpeg: new Uint8Array(716_801), width: 64, height: 32, atMs: 0 });
    const { ask, answer } = channel({ picture });
    ask('snapshot', { id: 'a', camera: 'porch' });
    expect(await answer(1)).toMatchObject({ ok: false, error: { code: 'CAMERA_NO_PICTURE' } });
  });
});

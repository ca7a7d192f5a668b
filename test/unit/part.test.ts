// Parts: started in order, stopped in reverse, exchanged for others while the daemon runs.
import { expect, test } from 'vitest';
import { type Part, Replaceable, runParts } from '../../daemon/platform/part.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

function parts(...names: readonly string[]): { calls: string[]; list: Part[] } {
  const calls: string[] = [];
  const list = names.map((name) => ({
    name,
    start: async () => void calls.push(`start ${name}`),
    stop: async () => void calls.push(`stop ${name}`),
  }));
  return { calls, list };
}

function run(list: readonly Part[], signal: AbortSignal, onReady?: () => void): Promise<void> {
  const { logger } = memoryLogger();
  const rest = { clock: new SimClock(), logger, stopDeadlineMs: 1000 };
  return runParts({ parts: list, signal, ...rest, ...(onReady === undefined ? {} : { onReady }) });
}

test('a normal stop unwinds in reverse', async () => {
  const { calls, list } = parts('store', 'publisher');
  const stop = new AbortController();
  await run(list, stop.signal, () => stop.abort());
  expect(calls).toEqual(['start store', 'start publisher', 'stop publisher', 'stop store']);
});

test('a failed start unwinds what had begun, the failed part included', async () => {
  const { calls, list } = parts('store');
  const broken: Part = { ...list[0]!, name: 'broken', start: () => Promise.reject(new Error('no disk')) };
  await expect(run([...list, broken], new AbortController().signal)).rejects.toThrow('no disk');
  expect(calls).toEqual(['start store', 'stop store', 'stop store']);
});

test('a part that takes the place of another starts after that one has stopped, and is the one stopped at the end', async () => {
  const { calls, list } = parts('old', 'new');
  const place = new Replaceable('place', list[0]!);
  await place.start(new AbortController().signal);
  await place.replace(list[1]!);
  expect(place.current).toBe(list[1]);
  await place.stop();
  expect(calls).toEqual(['start old', 'stop old', 'start new', 'stop new']);
});

test('a place may become empty and be filled again', async () => {
  const { calls, list } = parts('first', 'second');
  const place = new Replaceable<Part | undefined>('place', list[0]!);
  await place.start(new AbortController().signal);
  await place.replace(undefined);
  await place.replace(list[1]!);
  await place.stop();
  expect(calls).toEqual(['start first', 'stop first', 'start second', 'stop second']);
});

test('a stop during an exchange waits for it and starts nothing more', async () => {
  const { calls, list } = parts('next');
  const slow = Promise.withResolvers<void>();
  const old: Part = { name: 'old', start: async () => undefined, stop: () => slow.promise };
  const place = new Replaceable<Part>('place', old);
  const stopping = new AbortController();
  await place.start(stopping.signal);
  const exchanged = place.replace(list[0]!);
  stopping.abort();
  const stopped = place.stop();
  slow.resolve();
  await exchanged;
  await stopped;
  expect(calls).toEqual(['stop next']);
});

// A part that only beats: while it runs, with the moment, and once more when it stops.
import { expect, test } from 'vitest';
import { Pulse } from '../../daemon/platform/pulse.ts';
import { SimClock } from '../support/sim-clock.ts';

test('it beats from its start to its stop, and says once that it is over', async () => {
  const clock = new SimClock();
  const told: string[] = [];
  const pulse = new Pulse({
    name: 'test',
    everyMs: 250,
    clock,
    onBeat: ({ atMs, monoMs }) => {
      expect([atMs, monoMs]).toEqual([clock.nowMs(), clock.monoMs()]);
      told.push('beat');
    },
    onStop: () => told.push('stop'),
  });
  await clock.advance(1000);
  await pulse.stop();
  expect(told).toEqual([]);
  await pulse.start(new AbortController().signal);
  await clock.advance(1000);
  expect(told).toEqual(['beat', 'beat', 'beat', 'beat']);
  await pulse.stop();
  await pulse.stop();
  await clock.advance(1000);
  expect(told.slice(4)).toEqual(['stop']);
});

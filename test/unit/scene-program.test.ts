// The camera program's loop without a process: pacing on a simulated clock, back-pressure, the end.
import { expect, test } from 'vitest';
import { runScene } from '../../daemon/scene/program.ts';
import { SimClock } from '../support/sim-clock.ts';

const SMALL = { width: 320, height: 192, fps: 5, pace: 'realtime' } as const;

/** Lets everything that is ready to run do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

test('frame n is written n / fps after the first', async () => {
  const clock = new SimClock();
  const startMs = clock.monoMs();
  const times: number[] = [];
  const done = runScene(
    { ...SMALL, frames: 4 },
    {
      clock,
      signal: new AbortController().signal,
      write: async () => {
        times.push(clock.monoMs() - startMs);
      },
    },
  );
  await settle();
  for (let i = 0; i < 8; i++) await clock.advance(100);
  await done;
  expect(times).toEqual([0, 200, 400, 600]);
});

test('a slow reader holds the next frame back, and none is skipped', async () => {
  const clock = new SimClock();
  const frames: number[] = [];
  const takers: (() => void)[] = [];
  const done = runScene(
    { ...SMALL, frames: 3 },
    {
      clock,
      signal: new AbortController().signal,
      write: (_frame, truth) => {
        frames.push(truth.frame);
        return new Promise<void>((resolve) => takers.push(resolve));
      },
    },
  );
  await settle();
  await clock.advance(2000);
  expect(frames).toEqual([0]);
  takers[0]?.();
  await settle();
  expect(frames).toEqual([0, 1]);
  takers[1]?.();
  await settle();
  // The clock of the scene goes on from the stall at the usual rate, without a burst.
  expect(frames).toEqual([0, 1]);
  await clock.advance(200);
  takers[2]?.();
  await done;
  expect(frames).toEqual([0, 1, 2]);
});

test('it ends when the signal aborts, also while it waits', async () => {
  const clock = new SimClock();
  const stop = new AbortController();
  let written = 0;
  const done = runScene(
    { ...SMALL, frames: 0 },
    {
      clock,
      signal: stop.signal,
      write: async () => {
        written++;
      },
    },
  );
  await settle();
  await clock.advance(200);
  stop.abort();
  await done;
  expect(written).toBe(2);
});

test('a reader that is gone is a quiet end, any other error is not', async () => {
  const run = (code: string): Promise<void> =>
    runScene(
      { ...SMALL, frames: 0, pace: 'fast' },
      {
        clock: new SimClock(),
        signal: new AbortController().signal,
        write: () => Promise.reject(Object.assign(new Error(code), { code })),
      },
    );
  await run('EPIPE');
  await expect(run('EIO')).rejects.toThrow('EIO');
});

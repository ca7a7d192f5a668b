// The watch of the wall clock, on a clock that a test moves.
import { expect, onTestFinished, test } from 'vitest';
import { type ClockCorrection, type ClockState, ClockWatch } from '../../daemon/platform/clock-watch.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

interface World {
  readonly clock: SimClock;
  readonly watch: ClockWatch;
  readonly corrections: ClockCorrection[];
  readonly states: ClockState[];
  readonly warnings: () => number;
  /** What the machine answers. */
  synchronised: boolean | undefined;
  asked: number;
}

async function startWatch(synchronised: boolean | undefined, nowMs?: number): Promise<World> {
  const clock = new SimClock(nowMs);
  const { logger, records } = memoryLogger();
  const [corrections, states]: [ClockCorrection[], ClockState[]] = [[], []];
  const world: World = {
    clock,
    watch: new ClockWatch({
      clock,
      logger,
      journal: {
        correctClock: (correction) => void corrections.push(correction),
        setClockState: (state) => void states.push(state),
      },
      read: async () => {
        world.asked += 1;
        return { synchronised: world.synchronised, realTimeClock: false };
      },
    }),
    corrections,
    states,
    warnings: () => records.filter(({ event }) => String(event) === 'clock-corrected').length,
    synchronised,
    asked: 0,
  };
  onTestFinished(() => world.watch.stop());
  await world.watch.start();
  await clock.advance(1);
  return world;
}

test('a board without a battery starts in the past; its first synchronisation is one correction, and then it is synced', async () => {
  const start = Date.UTC(2026, 2, 1);
  const world = await startWatch(false, start);
  expect(world.states).toEqual(['unsynced']);
  await world.clock.advance(10_000);
  world.clock.jumpWall(90 * 24 * 3_600_000);
  world.synchronised = true;
  await world.clock.advance(2000);
  expect(world.corrections).toHaveLength(1);
  const { beforeMs, afterMs } = world.corrections[0]!;
  expect(afterMs - beforeMs).toBe(90 * 24 * 3_600_000);
  expect(beforeMs - start).toBeLessThan(13_000);
  expect(world.states).toEqual(['unsynced', 'synced']);
  expect(world.warnings()).toBe(1);
  expect(world.watch.report()).toEqual({ state: 'synced', offsetMs: 90 * 24 * 3_600_000, corrections: 1 });
});

test('a step of a second or less is none, small ones that add up to more are one', async () => {
  const world = await startWatch(true);
  for (let step = 1; step <= 4; step += 1) {
    world.clock.jumpWall(300);
    await world.clock.advance(5000);
    expect(world.corrections.length).toBe(step < 4 ? 0 : 1);
  }
  expect(world.watch.report().offsetMs).toBe(1200);
});

test('backward and forward are both told, each once, and the sum of them', async () => {
  const world = await startWatch(true);
  world.clock.jumpWall(-3_600_000);
  await world.clock.advance(60_000);
  world.clock.jumpWall(3_605_000);
  await world.clock.advance(60_000);
  expect(world.corrections.map(({ beforeMs, afterMs }) => afterMs - beforeMs)).toEqual([
    -3_600_000, 3_605_000,
  ]);
  expect(world.watch.report()).toEqual({ state: 'synced', offsetMs: 5000, corrections: 2 });
});

test('hours without a step are no correction, and the machine is not asked all the time', async () => {
  const world = await startWatch(true);
  await world.clock.advance(3_600_000);
  expect(world.corrections).toEqual([]);
  expect(world.asked).toBeLessThanOrEqual(7);
});

test('where nothing can say the state is unknown, but a time that cannot be is not synced', async () => {
  const unknown = await startWatch(undefined);
  expect([unknown.states, unknown.watch.report().state]).toEqual([[], 'unknown']);
  const wrong = await startWatch(undefined, Date.UTC(1970, 0, 1, 0, 5));
  expect(wrong.states).toEqual(['unsynced']);
});

test('nothing is told after the stop', async () => {
  const world = await startWatch(true);
  await world.watch.stop();
  world.clock.jumpWall(60_000);
  await world.clock.advance(60_000);
  expect(world.corrections).toEqual([]);
});

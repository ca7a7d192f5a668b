import { expect, test } from 'vitest';
import { takeServiceEnvironment } from '../../daemon/platform/notify.ts';
import { Watchdog, type WatchdogOptions } from '../../daemon/platform/watchdog.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

interface Trial {
  readonly clock: SimClock;
  readonly watchdog: Watchdog;
  /** What the service manager was told, in order. */
  readonly told: string[];
  readonly log: () => string[];
}

function trial(options: Partial<WatchdogOptions> = {}): Trial {
  const clock = new SimClock();
  const { logger, records } = memoryLogger();
  const told: string[] = [];
  const notifier: WatchdogOptions['notifier'] = {
    state: (state) => void told.push(state),
    status: (text) => void told.push(`status ${text}`),
    ping: () => void told.push('ping'),
    settled: async () => undefined,
  };
  const describe = (): string => 'all is well';
  const watchdog = new Watchdog({
    notifier,
    pingMs: 30_000,
    probes: [],
    describe,
    clock,
    logger,
    ...options,
  });
  return { clock, watchdog, told, log: () => records.map(({ msg }) => msg) };
}

test('the start says ready with a status, the stop says stopping, and between them a ping goes out per interval', async () => {
  const { clock, watchdog, told } = trial();
  await watchdog.start();
  await clock.advance(29_000);
  expect(told).toEqual(['status all is well', 'READY']);
  await clock.advance(61_000);
  await watchdog.stop();
  await clock.advance(90_000);
  expect(told).toEqual(['status all is well', 'READY', 'ping', 'ping', 'ping', 'STOPPING']);
});

test('no ping goes out where the service manager wants none', async () => {
  const { clock, watchdog, told } = trial({ pingMs: undefined });
  await watchdog.start();
  await clock.advance(120_000);
  expect(told).toEqual(['status all is well', 'READY']);
});

test('a stuck part ends the pings, is told once with its first reason, and pings go on soon after it is over', async () => {
  let seconds = 0;
  const { clock, watchdog, told, log } = trial({
    probes: [
      { name: 'store', stuck: () => (seconds > 0 ? `store: no answer for ${seconds++} s` : undefined) },
      { name: 'detector', stuck: () => undefined },
    ],
  });
  await watchdog.start();
  await clock.advance(31_000);
  told.length = 0;
  seconds = 61;
  await clock.advance(45_000);
  expect(told).toEqual(['status stuck: store: no answer for 61 s']);
  expect(log()).toEqual(['no progress, the watchdog is not fed: store: no answer for 61 s']);
  seconds = 0;
  await clock.advance(8000);
  expect(told.slice(1)).toEqual(['status all is well', 'ping']);
  expect(log().slice(1)).toEqual(['progress again, the watchdog is fed']);
});

test('the status is told when it changes, and not more often than every five seconds', async () => {
  let cameras = 0;
  const { clock, watchdog, told } = trial({ pingMs: undefined, describe: () => `${cameras} cameras` });
  await watchdog.start();
  for (cameras = 1; cameras <= 10; cameras += 1) await clock.advance(1000);
  await clock.advance(60_000);
  expect(told.filter((line) => line.startsWith('status'))).toEqual([
    'status 0 cameras',
    'status 5 cameras',
    'status 10 cameras',
    'status 11 cameras',
  ]);
});

test('what the service manager asks for is taken out of the environment, so that no child sees it', () => {
  const env = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '12', HOME: '/' };
  expect(takeServiceEnvironment(env, 12)).toEqual({ socket: '/run/notify', pingMs: 30_000 });
  expect(env).toEqual({ HOME: '/' });
});

test('a watchdog that is meant for another process, for none, or not a number asks for no pings', () => {
  const asked = (env: NodeJS.ProcessEnv): number | undefined => takeServiceEnvironment(env, 12).pingMs;
  expect(asked({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '13' })).toBeUndefined();
  expect(asked({ WATCHDOG_USEC: '60000000' })).toBe(30_000);
  expect(asked({})).toBeUndefined();
  for (const usec of ['0', '-1', 'soon', 'Infinity', ''])
    expect(asked({ WATCHDOG_USEC: usec })).toBeUndefined();
  expect(takeServiceEnvironment({ NOTIFY_SOCKET: '' }, 12).socket).toBeUndefined();
});

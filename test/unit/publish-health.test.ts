// What the health report takes from the parts, as far as it is not a plain copy.
import { expect, test } from 'vitest';
import { LatencyLedger } from '../../daemon/platform/latency.ts';
import { type HealthSources, healthReport, type StoreSource } from '../../daemon/publish/health.ts';
import { SimClock } from '../support/sim-clock.ts';

const STORE: StoreSource = {
  queued: 0,
  outboxRows: 2,
  outboxBytes: 900,
  outboxDropped: { updates: 3, events: 2, alerts: 1 },
  updatesDropped: 0,
  commitMs: { p50: 1.234, p99: 5.678 },
  problem: undefined,
  snapshots: { count: 7, bytes: 7000 },
  snapshotsDropped: 2,
  history: { written: 9, dropped: 1, factsDropped: 2, tracesDropped: 3, bytes: 900, problem: undefined },
  pruneProblem: undefined,
  disk: { reserve: 'kept', walBytes: 4096, walHeld: undefined },
};

function sources(store: StoreSource): HealthSources {
  return {
    device: 'pi',
    version: '0.1.0',
    clock: new SimClock(),
    board: { state: () => ({ disk: { freeBytes: 5, totalBytes: 10 } }) },
    clockWatch: { report: () => ({ state: 'unsynced', offsetMs: 60_000, corrections: 1 }) },
    loop: { read: () => ({ delayP50Ms: 1, delayP99Ms: 2, delayMaxMs: 3 }) },
    latency: new LatencyLedger(new SimClock()),
    store: { state: () => store },
    outlet: {
      selfTest: undefined,
      state: () => ({
        connected: true,
        reconnects: 0,
        inFlight: 0,
        held: [],
        unheard: 0,
        aside: 0,
        feedDropped: 0,
        picturesDropped: 3,
        protocol: '5',
        tls: true,
      }),
    },
    detector: { state: () => ({ state: 'ready', restarts: 0, recycled: 0, rssBytes: 1 }) },
    cameras: [],
    ladder: { state: () => undefined },
  };
}

test('the pictures in the data folder are counted, and it is told why old ones stay', () => {
  expect(healthReport(sources(STORE)).history).toEqual({
    written: 9,
    dropped: 1,
    factsDropped: 2,
    tracesDropped: 3,
    bytes: 900,
  });
  expect(healthReport(sources(STORE)).snapshots).toEqual({ count: 7, bytes: 7000, dropped: 2 });
  const stuck = { ...STORE, pruneProblem: 'media/porch: permission denied' };
  expect(healthReport(sources(stuck)).snapshots.problem).toBe('media/porch: permission denied');
});

test('the library in use is told, and why another one is not; what is only for the doctor is not', () => {
  const ready = {
    ...{ provider: 'cpu', threads: 1, model: { name: 'nano' } },
    fallbacks: [{ provider: 'cuda', reason: 'no GPU', advice: 'buy one' }],
    runtime: { file: '/opt/lib.so', version: '1.30.0', bundled: true, problem: 'it is broken' },
  };
  const state = { state: 'ready', restarts: 0, recycled: 0, rssBytes: 1 };
  const report = (changes: object) =>
    healthReport({ ...sources(STORE), detector: { state: () => ({ ...state, ...changes }) } }).detector;
  expect(report({ ready })).toMatchObject({
    fallbacks: [{ provider: 'cuda', reason: 'no GPU' }],
    runtime: { version: '1.30.0', library: '/opt/lib.so', bundled: true, problem: 'it is broken' },
  });
  expect(report({ ready }).fallbacks[0]).not.toHaveProperty('advice');
  expect(report({})).not.toHaveProperty('runtime');
  expect(
    report({ state: 'starting', starting: { provider: 'tensorrt', forS: 7, limitMs: 1500 } }),
  ).toMatchObject({
    state: 'starting',
    starting: { provider: 'tensorrt', forS: 7, limitS: 2 },
  });
});

test('what waits for delivery is told in rows and bytes, and what gave way in one number', () => {
  expect(healthReport(sources(STORE)).store).toMatchObject({
    outboxRows: 2,
    outboxBytes: 900,
    outboxDropped: 6,
  });
});

test('the room held for alerts is told, and who keeps the write-ahead log from being emptied', () => {
  expect(healthReport(sources(STORE)).store).toMatchObject({ reserve: 'kept', walBytes: 4096 });
  expect(healthReport(sources(STORE)).store).not.toHaveProperty('problem');
  const held = { ...STORE, disk: { ...STORE.disk, walHeld: 'process 7 has been reading' } };
  expect(healthReport(sources(held)).store.problem).toBe('process 7 has been reading');
  const full = { ...held, problem: { message: 'no space left' } };
  expect(healthReport(sources(full)).store.problem).toBe('no space left');
});

test('it is told whether the clock is right, and how far it was set', () => {
  expect(healthReport(sources(STORE)).clock).toEqual({ state: 'unsynced', offsetMs: 60_000, corrections: 1 });
});

test('the connection is told with its version of MQTT, TLS and dropped pictures', () => {
  expect(healthReport(sources(STORE)).mqtt).toMatchObject({ protocol: '5', tls: true, picturesDropped: 3 });
});

test('the room on the disk and what the board says of its power stand beside the temperature', () => {
  expect(healthReport(sources(STORE))).toMatchObject({ disk: { freeBytes: 5, totalBytes: 10 } });
  expect(healthReport(sources(STORE))).not.toHaveProperty('throttling');
});

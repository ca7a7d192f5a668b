// history.db within its limits: by age on the database's own clock, by bytes, in turns, with its pages given back; and read
// once in the background. A real file, a clock that the test moves.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { History } from '../../daemon/store/history.ts';
import { HistoryFeed } from '../../daemon/store/history-feed.ts';
import type { HistoryStatus } from '../../daemon/store/history-messages.ts';
import type { StoreLimits } from '../../daemon/store/messages.ts';
import { pathsIn } from '../../daemon/store/paths.ts';
import { observation } from '../fixtures/store/observations.ts';
import { LIMITS } from '../fixtures/store/records.ts';
import { spoilPage } from '../fixtures/store/spoil.ts';
import { trace } from '../fixtures/store/traces.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

const DAY_MS = 86_400_000;

interface World {
  readonly history: History;
  readonly clock: SimClock;
  write(count: number): HistoryStatus;
  /** Traces of this many tracks, `bytes` each, as one batch; of tracks written before they are the newer. */
  trace(tracks: { readonly first: number; readonly count: number }, bytes: number): HistoryStatus;
  traces(): number;
  rows(): { first: number | null; last: number | null; count: number };
}

function world(dataDir: string, limits: Partial<StoreLimits>, clock = new SimClock()): World {
  const history = new History({
    paths: pathsIn(dataDir),
    writer: `writer-${clock.monoMs()}`,
    bootId: 'boot',
    clock,
    ageClockMs: () => Math.round(clock.monoMs()),
    limits: { ...LIMITS, ...limits },
  });
  onTestFinished(() => history.close());
  const feed = new HistoryFeed({ clock, logger: memoryLogger().logger, onDue: () => {} });
  let frame = 0;
  const write = (count: number): HistoryStatus => {
    let status: HistoryStatus | undefined;
    for (let left = count; left > 0; left -= 200) {
      for (let one = 0; one < Math.min(200, left); one += 1) {
        frame += 1;
        feed.observed(observation(frame));
      }
      status = history.write(feed.takeAll()!);
    }
    return status!;
  };
  const putTraces: World['trace'] = ({ first, count }, bytes) => {
    const body = { zones: [{ zone: 'x'.repeat(bytes), seconds: 1 }] };
    feed.traced(Array.from({ length: count }, (_, at) => trace(first + at, body)));
    return history.write(feed.takeAll()!);
  };
  const read = (sql: string): unknown => {
    const db = new Database(join(dataDir, 'history.db'), { readonly: true });
    const row = db.prepare(sql).get();
    db.close();
    return row;
  };
  const rows = () =>
    read('SELECT min(row) AS first, max(row) AS last, count(*) AS count FROM observations') as ReturnType<
      World['rows']
    >;
  const traces = () => (read('SELECT count(*) AS count FROM traces') as { count: number }).count;
  return { history, clock, write, rows, trace: putTraces, traces };
}

test('observations older than their days go, whatever the wall clock says, and only these', async () => {
  const { clock, write, rows } = world(tempDir(), { historyKeepDays: 2 });
  write(1000);
  await clock.advance(DAY_MS);
  clock.jumpWall(400 * DAY_MS);
  write(1000);
  await clock.advance(DAY_MS - 3_600_000);
  expect(rows().count).toBe(2000);
  await clock.advance(4 * 3_600_000);
  expect(rows()).toEqual({ first: 1001, last: 2000, count: 1000 });
  await clock.advance(3 * DAY_MS);
  expect(rows().count).toBe(0);
  write(10);
  expect(rows()).toEqual({ first: 2001, last: 2010, count: 10 });
});

test('beyond its megabytes the oldest observations go, to one percent below, and the file shrinks when the limit does', async () => {
  const dataDir = tempDir();
  const { history, clock, write, rows } = world(dataDir, { historyKeepMb: 2 });
  const { bytes } = write(40_000);
  expect(bytes).toBeGreaterThan(2_000_000);
  await clock.advance(60_000);
  const { first, last } = rows();
  expect([first! > 1, last]).toEqual([true, 40_000]);
  const after = write(1).bytes;
  expect(after).toBeLessThanOrEqual(2_000_000);
  expect(after).toBeGreaterThan(1_900_000);
  const before = statSync(join(dataDir, 'history.db')).size;
  history.setLimits({ ...LIMITS, historyKeepMb: 1 });
  await clock.advance(120_000);
  expect(write(1).bytes).toBeLessThan(1_000_000);
  history.close();
  expect(statSync(join(dataDir, 'history.db')).size).toBeLessThan(before / 1.5);
});

test('with 0 megabytes everything goes, traces too, the file shrinks, and a reload begins anew', async () => {
  const dataDir = tempDir();
  const limits = { historyKeepMb: 10, tracesKeepMb: 10 };
  const { history, clock, write, rows, trace: put, traces } = world(dataDir, limits);
  write(100);
  // A large and a small one share a page: more is counted for them than they take, and for the observations less than nothing.
  for (let first = 1; first <= 600; first += 2) {
    put({ first, count: 1 }, 1800);
    put({ first: first + 1, count: 1 }, 1);
  }
  const before = write(1).bytes;
  history.setLimits({ ...LIMITS, ...limits, historyKeepMb: 0 });
  await clock.advance(60_000);
  expect([rows().count, traces()]).toEqual([0, 0]);
  history.setLimits({ ...LIMITS, ...limits });
  expect(write(10)).toMatchObject({ written: 10, problem: '' });
  history.close();
  expect(statSync(join(dataDir, 'history.db')).size).toBeLessThan(before / 3);
});

test('traces that have a page each keep to their own megabytes and take none of those of the observations', async () => {
  const { clock, write, rows, trace: put, traces } = world(tempDir(), { historyKeepMb: 1, tracesKeepMb: 2 });
  write(1000);
  for (let first = 1; first <= 900; first += 100) {
    put({ first, count: 100 }, 1400);
    await clock.advance(2000);
  }
  expect(write(1).bytes).toBeLessThan(3_000_000);
  expect(rows().count).toBe(1001);
  expect(traces()).toBeGreaterThan(400);
});

test('traces that grew, and take more room than was estimated, go when no observation is left that could', async () => {
  const limits = { historyKeepMb: 1, tracesKeepMb: 3 };
  const { clock, write, trace: put, traces } = world(tempDir(), limits);
  for (let first = 1; first <= 900; first += 10) {
    for (const bytes of [1400, 2100, 2800, 3600]) put({ first, count: 10 }, bytes);
    await clock.advance(500);
  }
  await clock.advance(60_000);
  expect(write(1).bytes).toBeLessThanOrEqual(4_000_000);
  expect(traces()).toBeGreaterThan(100);
});

test('pruning that a kill cuts short goes on with the next life', async () => {
  const dataDir = tempDir();
  const first = world(dataDir, { historyKeepMb: 2 });
  first.write(40_000);
  await first.clock.advance(100);
  const left = first.rows().count;
  expect(left).toBeLessThan(40_000);
  first.history.close();
  const second = world(dataDir, { historyKeepMb: 2 }, first.clock);
  expect(second.write(1).bytes).toBeGreaterThan(2_000_000);
  await second.clock.advance(60_000);
  expect(second.write(1).bytes).toBeLessThanOrEqual(2_000_000);
});

test('a smaller limit holds at once, also while the file is read for damage', async () => {
  const { history, clock, write, rows } = world(tempDir(), {});
  write(20_000);
  await clock.advance(60_200);
  history.setLimits({ ...LIMITS, historyKeepMb: 1 });
  await clock.advance(200);
  expect(rows().count).toBeLessThan(20_000);
});

test('damage that nothing has met yet is found by reading the file once, a minute after the start', async () => {
  const dataDir = tempDir();
  const first = world(dataDir, {});
  first.write(20_000);
  first.history.close();
  const path = join(dataDir, 'history.db');
  spoilPage(path, Math.floor(statSync(path).size / 4096 / 2));
  const second = world(dataDir, {}, first.clock);
  expect(second.write(10)).toMatchObject({ written: 10, problem: '' });
  await second.clock.advance(50_000);
  expect(second.write(10)).not.toHaveProperty('damage');
  await second.clock.advance(60_000);
  const status = second.write(10);
  expect(status.damage).toMatch(/^history\.db was damaged .* is kept as '.*history\.db\.damaged-/);
  expect(status).toMatchObject({ written: 10, problem: '' });
  expect(second.rows().count).toBe(10);
});

// Facts and traces in history.db: written with the observations of their time, never missed silently, kept to a budget.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { CAMERA_FAULTS } from '../../daemon/core/camera-status.ts';
import type { Fact } from '../../daemon/core/types.ts';
import { History } from '../../daemon/store/history.ts';
import { HistoryFeed } from '../../daemon/store/history-feed.ts';
import type { StoreLimits } from '../../daemon/store/messages.ts';
import { pathsIn } from '../../daemon/store/paths.ts';
import { checkHistory } from '../../daemon/store/verify-history.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { observation } from '../fixtures/store/observations.ts';
import { LIMITS } from '../fixtures/store/records.ts';
import { rootPage, spoilPage } from '../fixtures/store/spoil.ts';
import { trace } from '../fixtures/store/traces.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

const DAY_MS = 86_400_000;

function rowsOf<T>(dataDir: string, sql: string): T[] {
  const db = new Database(join(dataDir, 'history.db'), { readonly: true });
  try {
    return db.prepare<[], T>(sql).all();
  } finally {
    db.close();
  }
}

function findings(dataDir: string): string[] {
  return [...checkHistory(join(dataDir, 'history.db'))].flatMap((told) =>
    'message' in told ? [told.message] : [],
  );
}

const armed = (camera: string, is: boolean): Fact => ({ kind: 'armed', camera, armed: is });
const online = (camera: string): Fact => ({ kind: 'status', camera, status: 'online' });

/** One history and its feed without a thread between them. */
function world(dataDir: string, limits: Partial<StoreLimits> = {}) {
  const clock = new SimClock();
  const options = { writer: 'writer', bootId: 'boot', clock, limits: { ...LIMITS, ...limits } };
  const ageClockMs = (): number => Math.round(clock.monoMs());
  const history = new History({ ...options, paths: pathsIn(dataDir), ageClockMs });
  onTestFinished(() => history.close());
  const feed = new HistoryFeed({ clock, logger: memoryLogger().logger, onDue: () => {} });
  const learn = (fact: Fact): void => feed.learned(fact, { atMs: clock.nowMs(), monoMs: clock.monoMs() });
  const flush = (): void => {
    const batch = feed.takeAll();
    if (batch !== undefined) feed.heard(history.write(batch));
  };
  const facts = (): string[] =>
    rowsOf<{ words: string }>(
      dataDir,
      "SELECT kind || ' ' || coalesce((SELECT name FROM names WHERE id = camera), '-') || ' ' || value AS words FROM facts ORDER BY row",
    ).map(({ words }) => words);
  return { clock, history, feed, learn, flush, facts };
}

test('facts and traces are in the file beside observations, one life of the daemon after the other', async () => {
  const dataDir = tempDir();
  for (const life of [1, 2]) {
    const { store } = await startStore(dataDir);
    store.learned(armed('porch', life === 1), { atMs: 1000.4, monoMs: 10.5 });
    store.learned({ kind: 'fault', fault: 'disk', active: true }, { atMs: 1001, monoMs: 11 });
    store.learned(online('gate'), { atMs: 1002, monoMs: 12 });
    store.traced([trace(life), trace(9, { eventId: undefined as never })]);
    store.traced([trace(life, { looks: 21 })]);
    await store.stop();
  }
  expect(rowsOf(dataDir, 'SELECT run, at_ms, mono_ms, kind, camera, value FROM facts ORDER BY row')).toEqual([
    { run: 1, at_ms: 1000, mono_ms: 10.5, kind: 'armed', camera: 0, value: '1' },
    { run: 1, at_ms: 1001, mono_ms: 11, kind: 'fault', camera: null, value: 'disk:1' },
    { run: 1, at_ms: 1002, mono_ms: 12, kind: 'status', camera: 1, value: 'online' },
    { run: 2, at_ms: 1000, mono_ms: 10.5, kind: 'armed', camera: 0, value: '0' },
    { run: 2, at_ms: 1001, mono_ms: 11, kind: 'fault', camera: null, value: 'disk:1' },
    { run: 2, at_ms: 1002, mono_ms: 12, kind: 'status', camera: 1, value: 'online' },
  ]);
  const traces = rowsOf<{ run: number; track: number; event_id: string; body: string }>(
    dataDir,
    'SELECT run, track, event_id, body FROM traces ORDER BY row',
  );
  expect(traces.map(({ run, track, event_id }) => [run, track, event_id])).toEqual([
    [1, 1, 'event-1'],
    [1, 9, null],
    [2, 2, 'event-2'],
    [2, 9, null],
  ]);
  expect(JSON.parse(traces[0]!.body)).toEqual(trace(1, { looks: 21 }));
  const [{ bytes }] = rowsOf<{ bytes: number }>(dataDir, 'SELECT bytes FROM trace_total') as [
    { bytes: number },
  ];
  // Four of these fill a page; 120 bytes are their indexes.
  expect(bytes).toBe(traces.length * (4096 / 4 + 120));
  expect(findings(dataDir)).toEqual(['0 observations, 6 facts, 4 traces: all can be read back']);
});

test('an empty frame is kept when the last one kept of its camera is half a minute old', () => {
  const { feed, flush } = world(tempDir());
  const empty = { tracks: [], ended: [] };
  for (let frame = 1; frame <= 400; frame += 1) feed.observed(observation(frame, empty));
  feed.observed(observation(401, { ...empty, camera: 'gate' }));
  flush();
  // At 5 frames a second: the first, 30 s later, 60 s later; and the first of the other.
  expect(feed.state.written).toBe(4);
  feed.observed(observation(420));
  for (let frame = 421; frame <= 570; frame += 1) feed.observed(observation(frame, empty));
  flush();
  expect(feed.state.written).toBe(6);
});

test('that nobody looks any more is kept, and the first empty frame after it', () => {
  const { feed, flush } = world(tempDir());
  const empty = { tracks: [], ended: [] };
  feed.observed(observation(1, empty));
  feed.observed({ ...observation(2, empty), frameless: true });
  feed.observed(observation(3, empty));
  feed.observed(observation(4, empty));
  flush();
  expect(feed.state.written).toBe(3);
});

test('facts wait for a disk that refuses, and what could not wait is counted and told again', async () => {
  const dataDir = tempDir();
  const { feed, learn, flush, facts, clock } = world(dataDir);
  learn(armed('porch', true));
  learn(online('porch'));
  const refused = { type: 'history', written: 0, dropped: 0, kept: false, bytes: 0 } as const;
  feed.takeAll();
  feed.heard({ ...refused, problem: 'no space left on the disk' });
  for (let count = 0; count < 600; count += 1) learn(armed('gate', count % 2 === 1));
  expect(feed.state.factsDropped).toBe(602 - 512);
  feed.traced([trace(1)]);
  feed.takeAll();
  feed.heard({ ...refused, problem: 'no space left on the disk' });
  expect(feed.state.tracesDropped).toBe(1);
  await clock.advance(10);
  flush();
  const [first, second] = facts();
  expect([first, second, facts().at(-1)]).toEqual(['armed porch 1', 'status porch online', 'armed gate 1']);
  expect(facts()).toHaveLength(514);
});

test('a thread that dies with facts in hand has them told again', () => {
  const dataDir = tempDir();
  const { feed, learn, flush, facts } = world(dataDir);
  learn(armed('porch', false));
  feed.takeAll();
  feed.threadEnded();
  flush();
  expect(facts()).toEqual(['armed porch 0']);
});

test('a history that begins anew in the middle of a life is told all that stands', () => {
  const dataDir = tempDir();
  const { history, feed, learn, flush, facts } = world(dataDir);
  learn(armed('porch', true));
  learn(armed('porch', false));
  learn(online('porch'));
  flush();
  history.close();
  const path = join(dataDir, 'history.db');
  for (const table of ['facts', 'names']) spoilPage(path, rootPage(path, table));
  for (let count = 0; count < 3; count += 1) {
    feed.observed(observation(count + 1));
    flush();
  }
  expect(facts()).toEqual(['armed porch 0', 'status porch online']);
});

test('an owner who wants history later gets it with all that stands', () => {
  const dataDir = tempDir();
  const { history, feed, learn, flush, facts } = world(dataDir, { historyKeepMb: 0 });
  learn(armed('porch', true));
  flush();
  expect(existsSync(join(dataDir, 'history.db'))).toBe(false);
  expect(feed.state).toMatchObject({ factsDropped: 0, problem: undefined });
  history.setLimits(LIMITS);
  feed.observed(observation(1));
  flush();
  expect(facts()).toEqual(['armed porch 1']);
});

test('traces keep to their own budget, the oldest go first, and observations stay', async () => {
  const dataDir = tempDir();
  const { feed, flush, clock } = world(dataDir, { tracesKeepMb: 1 });
  for (let track = 1; track <= 2000; track += 1) {
    feed.observed(observation(track));
    feed.traced([trace(track)]);
    if (track % 200 === 0) flush();
  }
  await clock.advance(60_000);
  const [kept] = rowsOf<{ bytes: number; count: number; first: number; last: number }>(
    dataDir,
    'SELECT (SELECT bytes FROM trace_total) AS bytes, count(*) AS count, min(track) AS first, max(track) AS last FROM traces',
  );
  expect(kept!.bytes).toBeLessThanOrEqual(1_000_000);
  expect(kept!.bytes).toBeGreaterThan(900_000);
  expect([kept!.last, kept!.last - kept!.first + 1]).toEqual([2000, kept!.count]);
  expect(rowsOf(dataDir, 'SELECT count(*) AS count FROM observations')).toEqual([{ count: 2000 }]);
});

test('traces and facts leave with the observations of their time; what stood then stays', async () => {
  const dataDir = tempDir();
  const { feed, learn, flush, facts, clock } = world(dataDir, { historyKeepDays: 1 });
  const look = (): void => {
    const stamp = { frame: 1, atMs: clock.nowMs(), monoMs: clock.monoMs() };
    feed.observed(observation(1, { stamp }));
    const [startedAtMs, atMs] = [clock.nowMs(), clock.nowMs()];
    feed.traced([trace(Math.round(clock.monoMs() / DAY_MS), { startedAtMs, atMs })]);
  };
  learn(armed('porch', true));
  learn(online('porch'));
  learn(armed('gate', false));
  learn({ kind: 'fault', fault: 'disk', active: true });
  learn({ kind: 'fault', fault: 'disk', active: false });
  learn({ kind: 'fault', fault: 'detector', active: true });
  look();
  learn(armed('porch', false));
  flush();
  await clock.advance(2 * 3_600_000);
  await clock.advance(DAY_MS);
  learn(armed('porch', true));
  look();
  flush();
  await clock.advance(3_600_000);
  expect(facts()).toEqual([
    ...['status porch online', 'armed gate 0', 'fault - disk:0', 'fault - detector:1', 'armed porch 1'],
  ]);
  expect(rowsOf(dataDir, 'SELECT track FROM traces')).toEqual([{ track: 1 }]);
});

test('verify takes every status that a camera can have', () => {
  const statuses = ['disabled', 'online', ...CAMERA_FAULTS] as const;
  const dataDir = tempDir();
  const { learn, flush, history, facts } = world(dataDir);
  for (const status of statuses) learn({ kind: 'status', camera: status, status });
  flush();
  expect(facts()).toHaveLength(6);
  history.close();
  expect(findings(dataDir)).toEqual(['0 observations, 6 facts, 0 traces: all can be read back']);
});

test.each([
  ["UPDATE facts SET value = 'maybe' WHERE row = 1", "fact 1: armed cannot be 'maybe'"],
  ["UPDATE facts SET kind = 'status', value = 'onlin' WHERE row = 1", "fact 1: status cannot be 'onlin'"],
  ['UPDATE facts SET camera = 77 WHERE row = 1', 'fact 1: its camera or its life of the daemon is not known'],
  ["UPDATE traces SET body = '{}' WHERE row = 1", 'trace 1: its text does not fit its row'],
  ["UPDATE traces SET body = 'x' WHERE row = 1", 'trace 1: its text does not fit its row'],
])('verify finds it when somebody did: %s', (sql, found) => {
  const dataDir = tempDir();
  const { feed, learn, flush, history } = world(dataDir);
  learn(armed('porch', true));
  feed.traced([trace(1)]);
  flush();
  history.close();
  const db = new Database(join(dataDir, 'history.db'));
  db.exec(sql);
  db.close();
  expect(findings(dataDir)).toEqual([found]);
});

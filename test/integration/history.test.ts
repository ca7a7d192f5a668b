// history.db: what the cameras saw, kept beside the events without ever standing in their way.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { decodeBody } from '../../daemon/store/observation-codec.ts';
import { verifyFolder } from '../../daemon/store/verify.ts';
import { smallDisk, startStore, testMounting } from '../fixtures/store/harness.ts';
import { observation } from '../fixtures/store/observations.ts';
import { fullBatch, LIMITS } from '../fixtures/store/records.ts';
import { PAGE_BYTES, rootPage, spoilPage } from '../fixtures/store/spoil.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const DEADLINE_MS = 60_000;

function look<T>(dataDir: string, see: (db: Database.Database) => T): T {
  const db = new Database(join(dataDir, 'history.db'), { readonly: true });
  try {
    return see(db);
  } finally {
    db.close();
  }
}

function countIn(dataDir: string): number {
  return look(
    dataDir,
    (db) => db.prepare<[], number>('SELECT count(*) FROM observations').pluck().get() ?? 0,
  );
}

/** What verify says of the history, and faults of anything else. */
function verified(dataDir: string): string[] {
  return [...verifyFolder({ dataDir, pictures: false })].flatMap(({ check, finding }) =>
    finding !== undefined && (check === 'history' || finding.level === 'fault')
      ? [`${check}: ${finding.message}`]
      : [],
  );
}

test('what was observed is in the file within seconds, as it was, one life of the daemon after the other', async () => {
  const dataDir = tempDir();
  for (const life of [0, 1]) {
    const { store } = await startStore(dataDir);
    const from = life * 300 + 1;
    for (let frame = from; frame < from + 300; frame += 1) store.observed(observation(frame));
    store.observed(observation(from + 300, { tracks: [], ended: [] }));
    await waitFor('the first batch', () => store.state().history.written >= 256, DEADLINE_MS);
    await store.stop();
  }
  expect(countIn(dataDir)).toBe(600);
  look(dataDir, (db) => {
    expect(db.prepare('SELECT count(*) FROM runs').pluck().get()).toBe(2);
    expect(db.pragma('auto_vacuum', { simple: true })).toBe(2);
    const names = db.prepare<[number], string>('SELECT name FROM names WHERE id = ?').pluck();
    const { body, camera, at_ms, mono_ms } = db
      .prepare<[], { body: Buffer; camera: number; at_ms: number; mono_ms: number }>(
        'SELECT * FROM observations WHERE row = 470',
      )
      .get()!;
    const head = { camera: names.get(camera)!, atMs: at_ms, monoMs: mono_ms };
    const back = decodeBody(new DataView(body.buffer, body.byteOffset, body.length), head, (id) =>
      names.get(id),
    );
    const { stages: _stages, ...expected } = observation(470);
    expect(back).toMatchObject({ camera: 'porch', stamp: expected.stamp, ended: [47] });
    expect(back.tracks[0]).toMatchObject({ id: 48, label: 'person', score: 0.75, velocity: [0.25, -0.5] });
  });
  expect(verified(dataDir)).toEqual(['history: 600 observations, 0 facts, 0 traces: all can be read back']);
});

test('a burst of events costs no observation', async () => {
  const dataDir = tempDir();
  const { store, rows } = await startStore(dataDir);
  for (let number = 1; number <= 200; number += 1) {
    store.commit(fullBatch(number));
    for (let frame = 1; frame <= 4; frame += 1) store.observed(observation(number * 4 + frame));
  }
  await waitFor('all messages', () => rows.length === 800, DEADLINE_MS);
  await waitFor('the observations', () => store.state().history.written >= 768, DEADLINE_MS);
  expect(store.state().history).toMatchObject({ dropped: 0, problem: undefined });
});

test('a history that is damaged is set aside, a new one begins, and events do not notice', async () => {
  const dataDir = tempDir();
  const first = await startStore(dataDir);
  for (let frame = 1; frame <= 256; frame += 1) first.store.observed(observation(frame));
  await waitFor('a batch', () => first.store.state().history.written === 256, DEADLINE_MS);
  await first.store.stop();
  const path = join(dataDir, 'history.db');
  spoilPage(path, rootPage(path, 'names'));
  const second = await startStore(dataDir);
  let frame = 0;
  await waitFor(
    'a batch in the new file',
    () => {
      frame += 64;
      for (let count = 1; count <= 64; count += 1) second.store.observed(observation(frame + count));
      return second.store.state().history.written > 0;
    },
    DEADLINE_MS,
  );
  await second.commit(fullBatch(1));
  expect(second.coded('STORE_DAMAGED')).toMatchObject([{ event: 'history-damaged' }]);
  await second.store.stop();
  expect(readdirSync(dataDir).filter((name) => name.startsWith('history.db.damaged-'))).not.toEqual([]);
  expect(verified(dataDir)).toEqual([expect.stringMatching(/^history: .*all can be read back/)]);
});

test.each([
  ['PRAGMA application_id = 7', /is not a vedette history/],
  ['PRAGMA user_version = 9', /version 9/],
  [
    'UPDATE observations SET body = substr(body, 2) WHERE row = 3',
    /observation 3: an observation of 39 bytes should have/,
  ],
  ['UPDATE observations SET camera = 77 WHERE row = 3', /observation 3: its camera has no name/],
  ['DELETE FROM runs', /its life of the daemon is not known/],
])('verify finds it when somebody did: %s', async (sql, found) => {
  const dataDir = tempDir();
  const { store } = await startStore(dataDir);
  for (let frame = 1; frame <= 5; frame += 1) store.observed(observation(frame));
  await store.stop();
  const db = new Database(join(dataDir, 'history.db'));
  db.exec(sql);
  db.close();
  expect(verified(dataDir).join('\n')).toMatch(found);
});

test('verify finds a page of noise in the history', async () => {
  const dataDir = tempDir();
  const { store } = await startStore(dataDir);
  for (let frame = 1; frame <= 200; frame += 1) store.observed(observation(frame));
  await store.stop();
  const path = join(dataDir, 'history.db');
  expect(PAGE_BYTES).toBe(4096);
  spoilPage(path, rootPage(path, 'observations'));
  expect(verified(dataDir)[0]).toMatch(/^history: /);
  expect(verified(dataDir).join('\n')).not.toMatch(/can be read back/);
});

testMounting()(
  'on a disk with little room observations stop, alerts go on; with room again both do',
  async () => {
    const { path, remount } = smallDisk('24m');
    const { store, commit, records } = await startStore(path);
    for (let frame = 1; frame <= 256; frame += 1) store.observed(observation(frame));
    await waitFor('the problem', () => store.state().history.problem, DEADLINE_MS);
    expect(store.state().history.problem).toBe('the disk has less than 32 MB free, kept for alerts');
    await commit(fullBatch(1));
    expect(readdirSync(path)).not.toContain('history.db');
    remount('size=64m');
    for (let frame = 1; frame <= 256; frame += 1) store.observed(observation(frame));
    await waitFor('observations again', () => store.state().history.written > 0, DEADLINE_MS);
    expect(store.state().history).toMatchObject({ problem: undefined, dropped: 256 });
    expect(records.filter(({ event }) => event === 'history-problem')).toHaveLength(1);
    await store.stop();
  },
);

test('no history is kept where the owner wants none, and none is missed', async () => {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir, { limits: { ...LIMITS, historyKeepMb: 0 } });
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  for (let frame = 1; frame <= 256; frame += 1) store.observed(observation(frame));
  await commit(fullBatch(1));
  await store.stop();
  expect(readdirSync(dataDir)).not.toContain('history.db');
  expect(verified(dataDir)).toEqual(['history: no observations yet']);
});

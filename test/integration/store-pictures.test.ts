import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { look, startChild, startStore } from '../fixtures/store/harness.ts';
import { prunesOf } from '../fixtures/store/pruning.ts';
import { alert, change, fullBatch, limits, pictureOnDisk, snapshot } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const refOf = ({ path, sha256 } = snapshot(1)): { path: string; sha256: string } => ({ path, sha256 });
const DYING_WORKER = new URL('../fixtures/store/dying-worker.ts', import.meta.url);

describe('pictures', () => {
  test('are committed with their batch and read back as they were given', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    const [whole, bare] = [pictureOnDisk(dataDir, 1), pictureOnDisk(dataDir, 2)];
    const { cropPath: _crop, eventId: _event, ...alone } = bare;
    await commit({ ...fullBatch(1), snapshots: [whole, alone] });
    expect(store.state()).toMatchObject({
      snapshots: { count: 2, bytes: 200_000 },
      snapshotsDropped: 0,
      recordsRefused: 0,
      lastPrune: undefined,
      pruneProblem: undefined,
    });
    const reader = look(dataDir);
    expect(reader.snapshots({ limit: 9 })).toEqual([
      { ...alone, cropPath: undefined, eventId: undefined },
      whole,
    ]);
    expect(reader.snapshots({ limit: 9, sinceMs: bare.atMs })).toHaveLength(1);
    expect(reader.snapshots({ limit: 1 })).toMatchObject([{ path: bare.path }]);
    expect(reader.snapshotsOf('event-1')).toEqual([whole]);
    expect(reader.snapshotsOf('event-9')).toEqual([]);
    await store.stop();
    const again = await startStore(dataDir);
    expect(again.store.state().snapshots).toEqual({ count: 2, bytes: 200_000 });
  });

  test('that come alone, without event or alert, are kept as well', async () => {
    const dataDir = tempDir();
    const { store } = await startStore(dataDir);
    store.commit({ events: [], alerts: [], snapshots: [pictureOnDisk(dataDir, 1)] });
    await waitFor('the picture', () => store.state().snapshots.count === 1);
  });

  test('told twice are kept once', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    await commit({ ...fullBatch(1), snapshots: [pictureOnDisk(dataDir, 1), snapshot(1, { bytes: 7 })] });
    await commit({ ...fullBatch(2), snapshots: [snapshot(1, { camera: 'yard' })] });
    expect(store.state()).toMatchObject({ snapshots: { count: 1, bytes: 100_000 }, recordsRefused: 0 });
    expect(look(dataDir).snapshots({ limit: 9 })).toEqual([snapshot(1)]);
  });

  test.each([
    ['path', '/etc/passwd'],
    ['path', 'media/porch/../../vedette.db'],
    ['path', 'media/../vedette.lock'],
    ['path', 'vedette.db'],
    ['cropPath', '../outside.jpg'],
    ['cropPath', '/etc/shadow'],
  ] as const)('with the %s %s are refused by name, and their neighbours are kept', async (field, path) => {
    const dataDir = tempDir();
    const { store, rows, commit, coded } = await startStore(dataDir);
    const hostile = snapshot(1, { [field]: path });
    await commit({ ...fullBatch(1), snapshots: [hostile, pictureOnDisk(dataDir, 2)] });
    expect(look(dataDir).snapshots({ limit: 9 })).toEqual([snapshot(2)]);
    expect(store.state()).toMatchObject({ recordsRefused: 1, lastSeq: { gap: 0 } });
    expect(rows).toHaveLength(4);
    expect(coded('INTERNAL').map(({ msg }) => msg)).toEqual([
      `snapshot '${hostile.path}' is not kept (its path is not media/<camera>/<day>/<file>)`,
    ]);
  });

  test('that do not fit otherwise are refused, and nothing else is', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    const odd = [
      snapshot(1, { score: Number.NaN }),
      snapshot(2, { sha256: 'short' }),
      snapshot(3, { bytes: -1 }),
    ];
    await commit({ ...fullBatch(1), snapshots: [...odd, pictureOnDisk(dataDir, 4, { score: 1.0000001 })] });
    expect(store.state()).toMatchObject({ recordsRefused: 3, snapshots: { count: 1 } });
    expect(look(dataDir).snapshots({ limit: 9 })).toMatchObject([{ score: 1 }]);
  });

  test('are named by their event and alert while they are kept', async () => {
    const dataDir = tempDir();
    const { commit } = await startStore(dataDir);
    const [first, better] = [refOf(snapshot(1)), refOf(snapshot(2))];
    await commit({
      events: [
        change('new', 1, { snapshot: first }),
        change('new', 2),
        change('new', 3, { snapshot: first }),
      ],
      alerts: [alert(1, { snapshot: first }), alert(2)],
    });
    const reader = look(dataDir);
    const named = (): unknown[] =>
      [...reader.events({ limit: 9 }), ...reader.alerts({ limit: 9 })].map(({ id, snapshot }) => [
        id,
        snapshot,
      ]);
    // Their files are not durable yet: nothing to show.
    expect(named()).toEqual(
      ['event-3', 'event-2', 'event-1', 'alert-2', 'alert-1'].map((id) => [id, undefined]),
    );
    await commit({
      events: [change('update', 1, { snapshot: better }), change('end', 3)],
      alerts: [],
      snapshots: [pictureOnDisk(dataDir, 1), pictureOnDisk(dataDir, 2)],
    });
    expect(named()).toEqual([
      ['event-3', first],
      ['event-2', undefined],
      ['event-1', better],
      ['alert-2', undefined],
      ['alert-1', first],
    ]);
  });

  test('of an event that a crash left open are named by its end', async () => {
    const dataDir = tempDir();
    const first = await startStore(dataDir);
    await first.commit({ events: [change('new', 1, { snapshot: refOf() })], alerts: [] });
    await first.store.stop();
    const { store } = await startStore(dataDir);
    const [end] = await store.readOutbox({ afterRow: 1, limit: 1 });
    expect(JSON.parse(end!.body)).toMatchObject({ type: 'end', reason: 'interrupted', snapshot: refOf() });
  });

  test('can be kept in a database of version 1 once it has been opened', async () => {
    const dataDir = tempDir();
    const old = new Database(join(dataDir, 'vedette.db'));
    old.exec(readFileSync(join(ROOT, 'test/fixtures/store/version-1.sql'), 'utf8'));
    old.close();
    const { store, commit } = await startStore(dataDir);
    expect(store.state()).toMatchObject({ epoch: '00112233445566ff', outboxRows: 1 });
    await commit({ ...fullBatch(2), snapshots: [pictureOnDisk(dataDir, 2)] });
    expect(readDatabase(dataDir, (reader) => [reader.snapshots({ limit: 9 }), reader.lastSeq()])).toEqual([
      [snapshot(2)],
      { event: 6, alert: 2, gap: 0, 'self-test': 0 },
    ]);
  });

  test('are counted once when the thread dies after their commit', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    await commit({ ...fullBatch(1), snapshots: [pictureOnDisk(dataDir, 1)] });
    writeFileSync(join(dataDir, 'die-after'), '');
    await commit({ ...fullBatch(2), snapshots: [pictureOnDisk(dataDir, 2)] });
    expect(store.state().snapshots).toEqual({ count: 2, bytes: 200_000 });
  });
});

describe('retention', () => {
  test('changes while the store runs, and state, journal and files agree on what was deleted', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir);
    const pictures = Array.from({ length: 30 }, (_, index) => pictureOnDisk(dataDir, index + 1));
    await commit({ ...fullBatch(1), snapshots: pictures });
    store.setLimits(limits(1.05));
    await waitFor('the round', () => store.state().lastPrune !== undefined);
    const { snapshots, lastPrune } = store.state();
    expect(snapshots).toEqual({ count: 10, bytes: 1_000_000 });
    expect(lastPrune).toMatchObject({ byBytes: 20, bytes: 2_000_000, upToMs: pictures[19]!.atMs });
    expect(lastPrune!.atMs).toBeGreaterThan(0);
    expect(pictures.map(({ path }) => existsSync(join(dataDir, path)))).toEqual(
      pictures.map((_, index) => index >= 20),
    );
    expect(prunesOf(dataDir)).toMatchObject([{ byBytes: 20 }]);
    const [entry] = look(dataDir).journal({ afterEntry: 4, limit: 9 });
    expect(entry).toMatchObject({ kind: 'prune', subjectId: undefined, seq: undefined });
  });

  test('changed while the thread is dead holds for the next one', async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    const pictures = Array.from({ length: 20 }, (_, index) => pictureOnDisk(dataDir, index + 1));
    await commit({ ...fullBatch(1), snapshots: pictures });
    writeFileSync(join(dataDir, 'die-before'), '');
    store.commit(fullBatch(2));
    await waitFor('the thread to be gone', () => store.state().problem !== undefined);
    store.setLimits(limits(1.05));
    await waitFor('the round', () => store.state().snapshots.count === 10);
  });

  test('what cannot be deleted is told once, and when it is over', async () => {
    const dataDir = tempDir();
    const { store, commit, records } = await startStore(dataDir);
    const picture = snapshot(1);
    mkdirSync(join(dataDir, picture.path), { recursive: true });
    await commit({ ...fullBatch(1), snapshots: [picture] });
    store.setLimits(limits(0));
    await waitFor('the problem', () => store.state().pruneProblem !== undefined);
    store.setLimits(limits(0, 13));
    store.setLimits(limits(1000));
    await waitFor('the end of the problem', () => store.state().pruneProblem === undefined);
    const events = records.map(({ event }) => String(event)).filter((event) => event.includes('prune'));
    expect(events).toEqual(['store-prune-problem', 'store-prune-recovered']);
  });
});

describe('a damaged database', () => {
  test("gives its pictures to the new file: none is taken for nobody's", async () => {
    const dataDir = tempDir();
    const { store, commit } = await startStore(dataDir, { workerUrl: DYING_WORKER });
    const pictures = [1, 2, 3].map((number) => pictureOnDisk(dataDir, number));
    await commit({ ...fullBatch(1), snapshots: pictures });
    const clock = (): unknown => peekClock(dataDir);
    const before = clock();
    writeFileSync(join(dataDir, 'say-damaged'), '2');
    await commit(fullBatch(2));
    await commit(fullBatch(3));
    await waitFor('the new file', () => store.state().problem === undefined);
    // All three batches are in the journal: what waited was carried over with its entries.
    expect(
      readDatabase(dataDir, (reader) => [reader.journalCount(), reader.snapshots({ limit: 9 })]),
    ).toEqual([12, [...pictures].reverse()]);
    expect(store.state().snapshots).toEqual({ count: 3, bytes: 300_000 });
    expect(clock()).toBeGreaterThanOrEqual(Number(before));
  });
});

function peekClock(dataDir: string): unknown {
  const db = new Database(join(dataDir, 'vedette.db'), { readonly: true });
  try {
    return db
      .prepare(
        'SELECT max(age_clock_ms) FROM (SELECT age_clock_ms FROM retention UNION SELECT age_clock_ms FROM snapshots)',
      )
      .pluck()
      .get();
  } finally {
    db.close();
  }
}

describe('a process killed with SIGKILL while it prunes', () => {
  test('leaves no file without a row, and the journal in the end has every picture once', async () => {
    const dataDir = tempDir();
    const count = 800;
    // A tenth of them, and what a round goes below its limit.
    const keepMb = count / 100 + 0.09;
    const pictures = Array.from({ length: count }, (_, index) => pictureOnDisk(dataDir, index + 1));
    const first = await startStore(dataDir);
    await first.commit({ ...fullBatch(1), snapshots: pictures });
    await first.store.stop();
    const onDisk = (): number => pictures.filter(({ path }) => existsSync(join(dataDir, path))).length;

    for (const left of [760, 660, 560]) {
      const child = startChild(dataDir, 'prune', keepMb);
      await child.until(`${left} pictures on disk`, () => onDisk() <= left);
      await child.kill();
      const rows = new Set(
        readDatabase(dataDir, (reader) => reader.snapshots({ limit: count })).map(({ path }) => path),
      );
      const files = pictures.filter(({ path }) => existsSync(join(dataDir, path)));
      expect(files.filter(({ path }) => !rows.has(path))).toEqual([]);
      expect(files.length).toBeGreaterThan(count / 10);
    }
    const last = await startStore(dataDir, { limits: limits(keepMb) });
    await waitFor('the last round', () => last.store.state().lastPrune !== undefined);
    expect(last.store.state().snapshots).toEqual({ count: count / 10, bytes: count * 10_000 });
    expect(onDisk()).toBe(count / 10);
    const deleted = prunesOf(dataDir);
    expect(deleted.reduce((sum, { byBytes }) => sum + byBytes, 0)).toBe((count * 9) / 10);
    expect(deleted.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(count * 90_000);
    expect(deleted.at(-1)!.upToMs).toBe(pictures[(count * 9) / 10 - 1]!.atMs);
  });

  test('before the row of a picture was written: the picture gets its row back', async () => {
    const dataDir = tempDir();
    const picture = pictureOnDisk(dataDir, 1);
    for (const path of [picture.path, picture.cropPath!]) {
      utimesSync(join(dataDir, path), new Date(0), new Date(Date.UTC(2026, 0, 1)));
    }
    const { store } = await startStore(dataDir);
    await waitFor('the sweep', () => store.state().lastPrune !== undefined);
    expect(store.state()).toMatchObject({ snapshots: { count: 1 }, lastPrune: { adopted: 1 } });
    expect(look(dataDir).snapshots({ limit: 1 })).toMatchObject([
      { path: picture.path, cropPath: picture.cropPath, sha256: picture.sha256, camera: 'porch', track: 1 },
    ]);
  });
});

// `vedette verify`: every kind of damage, planted once in a sound data folder, is found by name; a sound one is sound,
// also while the daemon writes, after a kill, a refused record, a quota and a damaged file.
import { cpSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../daemon/core/types.ts';
import { verifyFolder } from '../../daemon/store/verify.ts';
import { startChild, startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, LIMITS, pictureOnDisk } from '../fixtures/store/records.ts';
import { spoilTable } from '../fixtures/store/spoil.ts';
import { runToEnd } from '../support/daemon.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** `check: level: message` of everything that is not well. */
function faultsOf(dataDir: string): string[] {
  const told = [...verifyFolder({ dataDir, pictures: true })];
  return told.flatMap(({ check, finding }) =>
    finding === undefined || finding.level === 'ok' ? [] : [`${check}: ${finding.level}: ${finding.message}`],
  );
}

interface Sound {
  readonly dataDir: string;
  readonly pictures: readonly Snapshot[];
}

const template = mkdtempSync(join(tmpdir(), 'vedette-test-'));
afterAll(() => rmSync(template, { recursive: true }));
let pictures: readonly Snapshot[] | undefined;

/** A copy of a folder that is made once. */
async function sound(): Promise<Sound> {
  pictures ??= await makeSound(template);
  const dataDir = tempDir();
  cpSync(template, dataDir, { recursive: true });
  return { dataDir, pictures };
}

/** Five events with their alerts, three pictures, some messages delivered, one event open, one interrupted. */
async function makeSound(dataDir: string): Promise<readonly Snapshot[]> {
  const first = await startStore(dataDir);
  const pictures = [1, 2, 3].map((number) => pictureOnDisk(dataDir, number));
  const { path, sha256 } = pictures[0]!;
  for (let number = 1; number <= 5; number += 1) await first.commit(fullBatch(number));
  await first.commit({
    events: [change('new', 6, { snapshot: { path, sha256 } }), change('update', 6)],
    alerts: [alert(6, { snapshot: { path, sha256 } })],
    snapshots: pictures,
  });
  first.store.delivered(first.rows.slice(0, 12).map(({ row }) => row));
  await first.store.stop();
  const second = await startStore(dataDir);
  await second.commit({ events: [change('new', 7)], alerts: [] });
  await second.store.stop();
  return pictures;
}

/** Changes the file as no daemon would. */
function plant(dataDir: string, sql: string): void {
  const db = new Database(join(dataDir, 'vedette.db'));
  const trigger = db
    .prepare("SELECT sql FROM sqlite_master WHERE name = 'journal_append_only'")
    .pluck()
    .get() as string;
  db.exec('DROP TRIGGER journal_append_only');
  db.exec(sql);
  if (!sql.includes('DROP TRIGGER')) db.exec(trigger);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

test('a sound folder has no fault, and says of every check what it saw', async () => {
  const { dataDir } = await sound();
  expect(faultsOf(dataDir)).toEqual([]);
  const told = [...verifyFolder({ dataDir, pictures: true })].flatMap(({ check, finding }) =>
    finding === undefined ? [] : [`${check}: ${finding.message}`],
  );
  expect(told).toEqual(
    expect.arrayContaining([
      'folder: no daemon uses the folder',
      'numbers: events 1 to 19: none is missing',
      'numbers: alerts 1 to 6: none is missing',
      'events: 7 events are as their last entries say',
      'alerts: 6 alerts are as their entries say',
      'pictures: 3 pictures are what they were',
    ]),
  );
});

describe('every kind of damage is found', () => {
  const TRIGGER = 'DROP TRIGGER IF EXISTS journal_append_only';
  test.each<[what: string, sql: string, found: RegExp]>([
    [
      'an entry is gone',
      "DELETE FROM journal WHERE kind = 'update' AND seq = 5",
      /numbers: fault: the journal has no entry for event 5$/,
    ],
    [
      'an entry without a number is gone',
      `INSERT INTO journal (kind, at_ms, mono_ms, boot_id, body) VALUES ('prune', 1, 1, '', '{}'), ('prune', 1, 1, '', '{}');
      DELETE FROM journal WHERE entry = (SELECT max(entry) - 1 FROM journal)`,
      /journal: fault: entries? \d+ of the journal/,
    ],
    [
      'the last entry is gone',
      "DELETE FROM journal WHERE kind = 'alert' AND seq = 6",
      /numbers: fault: the journal has no entry for alert 6$/,
    ],
    [
      'a counter went back',
      "UPDATE counters SET last_seq = 17 WHERE kind = 'event'",
      /numbers: fault: event 18 is in the journal, but the counter is at 17/,
    ],
    [
      'the counter of gaps went back',
      "INSERT INTO outbox (kind, seq, at_ms, body, bytes, worth) VALUES ('gap', 9, 1, '{}', 2, 3)",
      /numbers: fault: gap 9 waits/,
    ],
    [
      'the beginning is wrong',
      'UPDATE journal_start SET alert_seq = 3',
      /numbers: fault: alert 1 is in the journal, which should begin after 3/,
    ],
    [
      'an entry was edited',
      `UPDATE journal SET body = json_set(body, '$.id', 'event-x') WHERE entry = 1`,
      /journal: fault: entry 1 \(new event-1\) does not match its body/,
    ],
    [
      'an event was edited',
      "UPDATE events SET label = 'dog' WHERE id = 'event-2'",
      /events: fault: event event-2: label is "dog", its entry says "person"/,
    ],
    [
      'an event lost its end',
      "UPDATE events SET ended_at_ms = NULL WHERE id = 'event-2'",
      /events: fault: event event-2: ended_at_ms is null/,
    ],
    [
      'an event is gone',
      "DELETE FROM events WHERE id = 'event-3'",
      /events: fault: event event-3: .*its row is missing/,
    ],
    [
      'an event came from nowhere',
      "INSERT INTO events SELECT 'event-x', camera, label, track, score, box, zones, zones_entered, started_at_ms, updated_at_ms, ended_at_ms, end_reason, NULL, NULL, 0, 0 FROM events LIMIT 1",
      /events: fault: event event-x has no entry/,
    ],
    [
      'an alert was edited',
      "UPDATE alerts SET message = 'nothing' WHERE seq = 4",
      /alerts: fault: alert alert-4 \(number 4\): message is "nothing"/,
    ],
    [
      'an alert is gone',
      'DELETE FROM alerts WHERE seq = 4',
      /alerts: fault: alert alert-4 .*its row is missing/,
    ],
    [
      'a message has no entry',
      "INSERT INTO outbox (kind, seq, at_ms, body, bytes, worth) VALUES ('alert', 77, 1, '{}', 2, 2)",
      /outbox: fault: message \d+ \(alert 77\) waits for delivery, but has no entry/,
    ],
    [
      'a message was edited',
      "UPDATE outbox SET body = '{}', bytes = 2 WHERE row = (SELECT min(row) FROM outbox)",
      /outbox: fault: .* is not what the journal has/,
    ],
    [
      'a message is miscounted',
      'UPDATE outbox SET bytes = 1 WHERE row = (SELECT min(row) FROM outbox)',
      /outbox: fault: .*its length/,
    ],
    ['the trigger is gone', TRIGGER, /tables: fault: trigger journal_append_only is missing/],
    ['an index is gone', 'DROP INDEX events_started', /tables: fault: index events_started is missing/],
    ['a table is not ours', 'CREATE TABLE notes (x)', /tables: fault: table notes is not ours/],
    [
      'the application id is foreign',
      'PRAGMA application_id = 7',
      /database: fault: .* is not a vedette database/,
    ],
    ['the version is newer', 'PRAGMA user_version = 99', /database: fault: .* has version 99/],
  ])('%s', async (_what, sql, found) => {
    const { dataDir } = await sound();
    plant(dataDir, sql);
    expect(faultsOf(dataDir).join('\n')).toMatch(new RegExp(found.source, 'm'));
  });

  test('a page of a table is noise', async () => {
    const { dataDir } = await sound();
    spoilTable(dataDir, 'alerts');
    const faults = faultsOf(dataDir);
    expect(faults[0]).toMatch(/^database: fault: /);
    expect(faults.join('\n')).toMatch(/alerts: fault: not all of it can be read/);
  });

  test('the file is no database', async () => {
    const { dataDir } = await sound();
    writeFileSync(join(dataDir, 'vedette.db'), Buffer.alloc(8192, 7));
    expect(faultsOf(dataDir)).toEqual([expect.stringMatching(/^database: fault: .*not a database/)]);
  });

  test('a picture is gone, changed, cut short, or somewhere else', async () => {
    const { dataDir, pictures } = await sound();
    const [one, two, three] = pictures.map(({ path }) => join(dataDir, path)) as [string, string, string];
    writeFileSync(one, 'another picture');
    truncateSync(two, 0);
    rmSync(three);
    const faults = faultsOf(dataDir);
    expect(faults).toHaveLength(3);
    expect(faults[0]).toMatch(/pictures: fault: .*-1-a1\.jpg: its content has changed/);
    expect(faults[1]).toMatch(/pictures: fault: .*-2-a2\.jpg: its content has changed/);
    expect(faults[2]).toBe(
      'pictures: warning: 1 pictures are gone from the disk, their rows are still there',
    );
    rmSync(join(dataDir, 'media/porch'), { recursive: true });
    symlinkSync(tempDir(), join(dataDir, 'media/porch'));
    expect(faultsOf(dataDir).join('\n')).toMatch(/symbolic link|are gone/);
  });

  test('the reserve has holes', async () => {
    const { dataDir } = await sound();
    rmSync(join(dataDir, 'reserve'), { force: true });
    writeFileSync(join(dataDir, 'reserve'), '');
    truncateSync(join(dataDir, 'reserve'), 8_000_000);
    expect(faultsOf(dataDir)).toEqual([
      expect.stringMatching(/^folder: fault: .*reserve' reserves 0\.0 of its 8\.0 MB/),
    ]);
  });
});

test('a store that writes, prunes and delivers meanwhile is sound at every moment', async () => {
  const dataDir = tempDir();
  const child = startChild(dataDir, 'loop');
  await child.until('many batches', (lines) => lines.length > 50);
  // From another process: this one reads what the child prints.
  for (let round = 0; round < 4; round += 1) {
    const { code, stdout } = await runToEnd(['verify', '--data', dataDir]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining(`a daemon uses the folder (process ${child.pid})`),
    ]);
  }
  await child.kill();
  expect(faultsOf(dataDir)).toEqual([]);
});

test('a record that was refused and a quota that was reached leave a sound folder', async () => {
  const dataDir = tempDir();
  const { store, commit, rows } = await startStore(dataDir, { limits: { ...LIMITS, outboxMb: 0.005 } });
  await commit({ events: [change('new', 1, { score: Number.NaN }), change('new', 2)], alerts: [] });
  for (let number = 3; number < 30; number += 1) store.commit(fullBatch(number));
  store.commit(fullBatch(30));
  await waitFor('the last batch', () => store.state().queued === 0 && store.state().lastSeq.alert === 28);
  expect(rows.some(({ body }) => body.includes('refused'))).toBe(true);
  await store.stop();
  expect(faultsOf(dataDir)).toEqual([]);
});

test('a damaged database that was replaced leaves a sound folder and the old file in sight', async () => {
  const { dataDir } = await sound();
  spoilTable(dataDir, 'alerts');
  const { store, commit } = await startStore(dataDir);
  await commit(fullBatch(50));
  await store.stop();
  expect(faultsOf(dataDir)).toEqual([
    expect.stringMatching(/^folder: warning: set aside as damaged: vedette\.db\.damaged-/),
  ]);
});

test('the command prints every finding, and ends with 1 for a fault, 78 without a database', async () => {
  const { dataDir } = await sound();
  const good = await runToEnd(['verify', '--data', dataDir]);
  expect([good.code, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toMatch(/^ok +folder .*\n[\s\S]*\n\d+ ok, 0 warnings, 0 faults\n$/);
  plant(dataDir, "UPDATE events SET label = 'dog' WHERE id = 'event-2'");
  const bad = await runToEnd(['verify', '--data', dataDir, '--json', '--no-pictures']);
  expect([bad.code, bad.stderr]).toEqual([1, 'vedette: verify: faults in: events\n']);
  const report = JSON.parse(bad.stdout) as { ok: boolean; findings: { check: string; level: string }[] };
  expect(report).toMatchObject({ v: 1, ok: false, data: dataDir, counts: { warning: 0, fault: 1 } });
  expect(report.findings.some(({ check }) => check === 'pictures')).toBe(false);
  const none = await runToEnd(['verify', '--data', tempDir()]);
  expect([none.code, none.stdout]).toEqual([78, '']);
  expect(none.stderr).toMatch(/no database at/);
});

// `vedette events` as an owner runs it: the program itself, on real databases, beside a store that writes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Alert } from '../../daemon/core/types.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { manyEvents } from '../fixtures/store/many-events.ts';
import { alert, change, fullBatch, pictureOnDisk, START_MS } from '../fixtures/store/records.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

interface Listed {
  readonly id: string;
  readonly endedAt?: string | null;
  readonly snapshot: { readonly path: string } | null;
}

/** Runs it to its end, which must be a good one, and reads its lines. */
async function list(dataDir: string, ...args: readonly string[]): Promise<Listed[]> {
  const { code, stdout, stderr } = await runToEnd([
    'events',
    '--data',
    dataDir,
    '--format',
    'jsonl',
    ...args,
  ]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(?:no \w+\n)?$/)]);
  return linesOf(stdout);
}

function linesOf(stdout: string): Listed[] {
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Listed]));
}

/** Three cameras' events and alerts, of four hours. */
async function house(): Promise<string> {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  const picture = pictureOnDisk(dataDir, 1);
  store.commit({ events: [], alerts: [], snapshots: [picture] });
  const ref = { path: picture.path, sha256: picture.sha256 };
  await commit({ events: [change('new', 1, { snapshot: ref })], alerts: [alert(1, { snapshot: ref })] });
  await commit(fullBatch(3600));
  const yard = { camera: 'yard', label: 'car', zonesEntered: ['drive'] };
  await commit({
    events: [change('new', 7200, yard), change('end', 7200, yard)],
    alerts: [alert(7200, { ...yard, rule: 'car-in-drive', severity: 'critical', zone: 'drive' })],
  });
  await commit({ events: [change('new', 10_800, { camera: 'attic', zonesEntered: [] })], alerts: [] });
  await store.stop();
  return dataDir;
}

const ALL = ['event-1', 'event-3600', 'event-7200', 'event-10800'];

test('events are listed from the oldest to the newest, with what the filters let through', async () => {
  const dataDir = await house();
  const ids = async (...args: readonly string[]): Promise<string[]> =>
    (await list(dataDir, ...args)).map(({ id }) => id);
  expect(await ids()).toEqual(ALL);
  expect(await ids('-n', '2')).toEqual(ALL.slice(2));
  expect(await ids('--camera', 'yard', '--camera', 'attic')).toEqual(['event-7200', 'event-10800']);
  expect(await ids('--label', 'car')).toEqual(['event-7200']);
  expect(await ids('--zone', 'door')).toEqual(['event-1', 'event-3600']);
  expect(await ids('--rule', 'door-at-night', '--severity', 'warning')).toEqual(['event-1', 'event-3600']);
  expect(await ids('--severity', 'critical')).toEqual(['event-7200']);
  expect(await ids('--id', 'alert-3600', '--id', 'event-1')).toEqual(['event-1', 'event-3600']);
  const [from, to] = [1, 3].map((hours) => new Date(START_MS + hours * 3_600_000).toISOString());
  expect(await ids('--since', from!, '--until', to!)).toEqual(['event-3600', 'event-7200']);
  expect(await ids('--alerts')).toEqual(['alert-1', 'alert-3600', 'alert-7200']);
  expect(await ids('--alerts', '--zone', 'drive', '--rule', 'car-in-drive')).toEqual(['alert-7200']);
  expect(await ids('--alerts', '--id', 'event-3600')).toEqual(['alert-3600']);
  expect(await ids('--camera', 'cellar')).toEqual([]);
  const [first] = await list(dataDir, '--id', 'event-1');
  expect(first).toMatchObject({ snapshot: { path: 'media/porch/2026-06-01/120000-person-1-a1.jpg' } });
});

test('an alert of several objects goes with each of their events, and one of nobody with none', async () => {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  const group = {
    eventIds: ['event-1', 'event-2'],
    count: 2,
    trigger: 'cross',
    line: 'gate',
    from: 'street',
    to: 'yard',
  };
  const {
    eventId: _event,
    label: _label,
    zone: _zone,
    score: _score,
    camera: _camera,
    stages: _stages,
    ...bare
  } = alert(3);
  await commit({
    events: [change('new', 1), change('end', 1), change('new', 2), change('end', 2)],
    alerts: [
      alert(1, group as Partial<Alert>),
      { ...bare, trigger: 'fault', fault: 'disk', count: 0, rule: 'blind', message: 'the disk is full' },
    ],
  });
  await store.stop();
  const ids = async (...args: readonly string[]): Promise<string[]> =>
    (await list(dataDir, ...args)).map(({ id }) => id);
  expect(await ids('--id', 'alert-1')).toEqual(['event-1', 'event-2']);
  expect(await ids('--rule', 'door-at-night')).toEqual(['event-1', 'event-2']);
  expect(await ids('--alerts', '--id', 'event-2')).toEqual(['alert-1']);
  expect(await list(dataDir)).toMatchObject([{ alerts: 1 }, { alerts: 1 }]);
  const [crossed, fault] = await list(dataDir, '--alerts');
  expect(crossed).toMatchObject({ ...group, camera: 'porch', fault: null });
  expect(fault).toMatchObject({
    eventId: null,
    eventIds: [],
    camera: null,
    label: null,
    score: null,
    fault: 'disk',
  });
  const table = (await runToEnd(['events', '--data', dataDir, '--alerts'])).stdout;
  expect(table).toMatch(/porch +cross +gate +person 2× +0\.90 +event-1 +person/);
  expect(table).toMatch(/blind +- +fault disk +- +- +- +- +the disk is full/);
  const csv = (await runToEnd(['events', '--data', dataDir, '--alerts', '--format', 'csv'])).stdout;
  expect(csv).toContain(',cross,2,event-1 event-2,gate,street,yard,,\r\n');
  expect(csv).toContain(',fault,0,,,,,disk,\r\n');
  expect((await runToEnd(['verify', '--data', dataDir])).code).toBe(0);
});

test('what cannot be understood is one sentence and exit code 64', async () => {
  const dataDir = await house();
  for (const [args, words] of [
    [['--since', 'yesterday'], /duration before now/],
    [['--since', '1h', '--until', '2h'], /--since must be before --until/],
    [['--follow', '--until', '2026-01-01'], /leave one out/],
    [['--severity', 'high'], /--severity.*info, warning, critical.*'high'/],
    [['--format', 'xml'], /table, json, jsonl, csv/],
    [['--limit', '-1'], /whole number/],
    [['--output', 'x.txt'], /--format/],
    [['--follow', '--output', 'x.csv'], /--follow/],
    [['--follow', '--format', 'json'], /jsonl/],
    [['porch'], /too many arguments/],
  ] as const) {
    const { code, stdout, stderr } = await runToEnd(['events', '--data', dataDir, ...args]);
    expect([args, code, stdout]).toEqual([args, 64, '']);
    expect(stderr).toMatch(words);
  }
});

test('a missing, a foreign and a damaged database are one clear sentence each', async () => {
  const [missing, foreign, damaged] = [tempDir(), tempDir(), await house()];
  writeFileSync(join(foreign, 'vedette.db'), 'no database at all, and long enough to look at'.repeat(100));
  writeFileSync(join(damaged, 'vedette.db'), Buffer.alloc(8192, 7), { flag: 'r+' });
  for (const [dataDir, exit, words] of [
    [missing, 78, /^vedette: no database at '.*vedette\.db': name the data folder.*\n$/],
    [foreign, 1, /^vedette: database '.*' cannot be read: file is not a database\n$/],
    [damaged, 1, /^vedette: database '.*' cannot be read: file is not a database\n$/],
  ] as const) {
    const { code, stdout, stderr } = await runToEnd(['events', '--data', dataDir]);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toMatch(words);
  }
  expect(readdirSync(missing)).toEqual([]);
});

test('a database of any size is exported in the memory of a page, whole, under its name only when complete', async () => {
  const dataDir = tempDir();
  manyEvents(dataDir, 120_000);
  const file = join(tempDir(), 'all.csv');
  // All rows together would need several times this heap.
  const env = { NODE_OPTIONS: '--max-old-space-size=24 --max-semi-space-size=1' };
  const exported = startDaemon(['events', '--data', dataDir, '--output', file], { env });
  await waitFor('the temporary file', () => readdirSync(join(file, '..')).length > 0);
  expect(existsSync(file)).toBe(false);
  expect([await exported.exited, exported.stdout()]).toEqual([0, '']);
  expect(exported.stderr()).toMatch(/120000 events written to .*all\.csv\n$/);
  const lines = readFileSync(file, 'utf8').split('\r\n');
  expect(lines).toHaveLength(120_002);
  expect(new Set(lines.map((line) => line.split(',')[0])).size).toBe(120_002);
  expect(readdirSync(join(file, '..'))).toEqual(['all.csv']);
});

test('an export that is stopped or cannot be written leaves what was there', async () => {
  const dataDir = tempDir();
  manyEvents(dataDir, 120_000);
  const file = join(tempDir(), 'all.json');
  writeFileSync(file, 'before');
  const exported = startDaemon(['events', '--data', dataDir, '--output', file]);
  await waitFor('the temporary file', () => readdirSync(join(file, '..')).length > 1);
  exported.kill('SIGINT');
  expect(await exported.exited).toBe(1);
  expect(exported.stderr()).toMatch(/stopped after \d+ events: not everything was written/);
  expect(readdirSync(join(file, '..'))).toEqual(['all.json']);
  expect(readFileSync(file, 'utf8')).toBe('before');
  const nowhere = await runToEnd(['events', '--data', dataDir, '--output', join(file, 'x.csv')]);
  expect([nowhere.code, nowhere.stderr]).toEqual([
    1,
    expect.stringMatching(/x\.csv' cannot be written: ENOTDIR/),
  ]);
});

test('follow shows what begins and what ends while the store writes, and ends well on Ctrl-C', async () => {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  await commit({ events: [change('new', 1)], alerts: [] });
  const following = startDaemon([
    'events',
    '--data',
    dataDir,
    '--follow',
    '--format',
    'jsonl',
    '--camera',
    'porch',
  ]);
  const seen = (): string[] =>
    linesOf(following.stdout()).map(({ id, endedAt }) => `${id} ${endedAt === null ? 'open' : 'ended'}`);
  await waitFor('the event that was there', () => seen().length === 1);
  await commit({ events: [change('new', 2), change('new', 3, { camera: 'yard' })], alerts: [] });
  await waitFor('the event that began', () => seen().length === 2);
  await commit({
    events: [change('update', 1), change('end', 2), ...fullBatch(4).events],
    alerts: [alert(4)],
  });
  await commit({ events: [change('end', 1)], alerts: [] });
  await waitFor('what ended', () => seen().length >= 5);
  await store.stop();
  following.kill('SIGINT');
  expect([await following.exited, following.stderr()]).toEqual([0, '']);
  expect(seen().sort()).toEqual([
    'event-1 ended',
    'event-1 open',
    'event-2 ended',
    'event-2 open',
    'event-4 ended',
  ]);
});

test('follow goes on with the new file when the daemon has replaced a damaged one', async () => {
  const dataDir = tempDir();
  const first = await startStore(dataDir);
  await first.commit(fullBatch(1));
  const following = startDaemon(['events', '--data', dataDir, '--alerts', '--follow', '--format', 'jsonl']);
  const seen = (): string[] => linesOf(following.stdout()).map(({ id }) => id);
  await waitFor('the first alert', () => seen().length === 1);
  await first.store.stop();
  const text = readFileSync(join(dataDir, 'vedette.db'));
  // A copy: the follower has the file itself open, and would see a damage of it.
  execFileSync('mv', [join(dataDir, 'vedette.db'), join(dataDir, 'aside')]);
  writeFileSync(join(dataDir, 'vedette.db'), Buffer.concat([Buffer.alloc(4096, 7), text.subarray(4096)]));
  const second = await startStore(dataDir);
  expect(second.coded('STORE_DAMAGED')).toHaveLength(1);
  await second.commit(fullBatch(2));
  await waitFor('the alert of the new file', () => seen().includes('alert-2'));
  following.kill('SIGTERM');
  expect(await following.exited).toBe(0);
  expect(following.stderr()).toMatch(/replaced its database/);
});

test('a reader that leaves ends it without a word, with --follow at the next line', async () => {
  const dataDir = tempDir();
  manyEvents(dataDir, 2000);
  const { commit } = await startStore(dataDir);
  for (const args of [['--format', 'json', '-n', '0'], ['--follow']]) {
    // A pipe of the shell: what Node gives a child is a socket.
    const script = join(ROOT, 'test/fixtures/events/first-line.sh');
    const command = [process.execPath, join(ROOT, 'daemon/main.ts'), 'events', '-d', dataDir, ...args];
    const child = spawn(script, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await once(child.stdout, 'data');
    await commit(fullBatch(args.length * 100_000));
    await waitFor('its end', () => stderr.includes('exit code'));
    expect([args, stderr]).toEqual([args, 'exit code 0\n']);
  }
});

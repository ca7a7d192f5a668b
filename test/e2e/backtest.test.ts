// What a real daemon has kept, tried again: by the rules it ran with nothing differs; by others just what they change. On the
// command line, and asked for over MQTT while the daemon runs.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeWeek } from '../fixtures/store/history-week.ts';
import { Commander } from '../support/commands.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { childrenOf, processesWith, type RunningDaemon, runToEnd, startDaemon } from '../support/daemon.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const DEADLINE_MS = 120_000;

interface Report {
  readonly differs: boolean;
  readonly observations: number;
  readonly leftOut: number;
  readonly totals: { readonly kept: number; readonly added: number; readonly removed: number };
  readonly added: readonly { readonly rule: string; readonly eventId?: string }[];
  readonly removed: readonly { readonly rule: string; readonly reason?: string }[];
}

interface House {
  readonly config: string;
  readonly data: string;
  readonly document: { rules: Record<string, object>; cameras: Record<string, object> };
  daemon: RunningDaemon;
}

/** A daemon whose scene fires many rules, with an embedded broker. */
function startHouse(): House {
  const scene = busyScene() as House['document'];
  const embedded = { enabled: true, port: 0 };
  const base = { device: { name: 'pi' }, log: { format: 'json' }, mqtt: { embedded, drainDelayS: 0 } };
  const config = writeConfig({ ...base, ...scene });
  const data = tempDir();
  const daemon = startDaemon(['run', '--config', config, '--data', data]);
  return { config, data, document: { ...base, ...scene }, daemon };
}

function alertsIn(data: string): number {
  return readDatabase(data, (reader) => reader.alerts({ limit: 10_000 }).length);
}

const said = (daemon: RunningDaemon): number => daemon.stderr().split('"part":"alert"').length - 1;

async function alerts({ daemon }: House, count: number): Promise<void> {
  await waitFor(`${count} alerts`, () => said(daemon) >= count, DEADLINE_MS);
}

async function stop({ daemon }: House, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  daemon.kill(signal);
  expect(await daemon.exited).toBe(signal === 'SIGTERM' ? 0 : null);
}

async function backtest(
  { data }: House,
  config: string,
  ...more: string[]
): Promise<{ code: number | null; report: Report; stderr: string }> {
  const args = ['backtest', '--config', config, '--data', data, '--since', '1h', '--json', ...more];
  const { code, stdout, stderr } = await runToEnd(args);
  return { code, report: stdout === '' ? ({} as Report) : (JSON.parse(stdout) as Report), stderr };
}

function changed(house: House, change: (document: House['document']) => void): string {
  const document = structuredClone(house.document);
  change(document);
  return writeConfig(document);
}

describe('the history of a real daemon', () => {
  test('gives the same alerts by the same rules, over a restart and a kill, and others by others', async () => {
    const house = startHouse();
    await alerts(house, 8);
    // The observations of its last seconds are lost, its alerts are not.
    await stop(house, 'SIGKILL');
    house.daemon = startDaemon(['run', '--config', house.config, '--data', house.data]);
    await alerts(house, 6);
    await stop(house);
    const fired = alertsIn(house.data);
    expect(fired).toBeGreaterThanOrEqual(12);

    const same = await backtest(house, house.config);
    const { leftOut } = same.report;
    expect(same.report.totals).toEqual({ kept: fired - leftOut, added: 0, removed: 0 });
    expect(leftOut).toBeLessThan(fired / 2);
    expect(same).toMatchObject({ code: 0, stderr: '' });

    const quiet = changed(house, ({ rules }) => {
      for (const rule of Object.values(rules)) Object.assign(rule, { cooldownS: 3600 });
    });
    const { code, report, stderr } = await backtest(house, quiet);
    expect(code).toBe(1);
    expect(stderr).toMatch(/other alerts would have fired: 0 added, \d+ removed/);
    // A cooldown does not outlive the daemon.
    expect(report.totals.kept).toBeGreaterThan(1);
    expect(report.totals.kept).toBeLessThanOrEqual(16);
    expect(report.totals.kept + report.totals.removed).toBe(fired - leftOut);
    expect(report.removed[0]?.reason).toMatch(/into the cooldown, now 3600 s/);

    const all = { trigger: { type: 'enter', zone: 'everywhere' }, cooldownS: 0 };
    const wide = changed(house, ({ rules, cameras }) => {
      const zones = (cameras['yard'] as { zones: Record<string, object> }).zones;
      zones['everywhere'] = {
        points: [
          [0, 0],
          [1, 0],
          [1, 1],
          [0, 1],
        ],
      };
      rules['anywhere'] = all;
    });
    const more = await backtest(house, wide, '--rule', 'anywhere');
    expect(more.code).toBe(1);
    expect(more.report.totals).toMatchObject({ kept: 0, removed: 0 });
    expect(more.report.added.length).toBeGreaterThan(2);
    expect(more.report.added.every(({ eventId }) => eventId !== undefined)).toBe(true);
  });

  test('is asked for over MQTT: the rules of the request, an answer, one at a time, nothing left behind', async () => {
    const house = startHouse();
    await alerts(house, 4);
    const url = /"broker":"(mqtt:[^"]+)"/.exec(house.daemon.stderr())?.[1] ?? '';
    const commander = await Commander.connect(url);
    await waitFor('the history', () => house.daemon.stderr().includes('"part":"alert"'), DEADLINE_MS);

    const wrong = 'door:\n  trigger: { type: enter, zone: nowhere }\n  cooldownS: -1\n';
    const refused = await commander.ask('request/backtest', { id: 'wrong', rules: wrong });
    expect(refused.body).toMatchObject({ ok: false, error: { code: 'CONFIG_INVALID' } });
    const { message } = refused.body['error'] as { message: string };
    expect(message).toMatch(/rules:3:14 rules\.door\.cooldownS/);

    const rules = 'left:\n  trigger: { type: enter, zone: strip0 }\n  cooldownS: 0\n';
    await waitFor(
      'an observation to be kept',
      async () => {
        const asked = await commander.ask('request/backtest', { id: `new-${said(house.daemon)}`, rules });
        return asked.body['ok'] === true;
      },
      DEADLINE_MS,
    );
    const again = await commander.ask('request/backtest', { id: 'again', since: '1h', camera: 'yard' });
    const report = again.body['report'] as Report;
    expect(report.totals).toMatchObject({ added: 0, removed: 0 });
    expect(report.observations).toBeGreaterThan(0);

    await commander.send('request/backtest', { id: 'b1', rules });
    await commander.send('request/backtest', { id: 'b2', rules });
    const answers = [await commander.answer(), await commander.answer()];
    const limited = answers.find(({ body }) => body['ok'] === false);
    expect(limited?.body).toMatchObject({ error: { code: 'COMMAND_LIMITED' } });
    await stop(house);
    expect(processesWith('backtest', house.data)).toEqual([]);
  });

  test('a daemon that stops ends the backtest that it runs', async () => {
    const house = startHouse();
    await alerts(house, 1);
    const url = /"broker":"(mqtt:[^"]+)"/.exec(house.daemon.stderr())?.[1] ?? '';
    const commander = await Commander.connect(url);
    await commander.send('request/backtest', { id: 'b1' });
    const child = (): boolean =>
      childrenOf(house.daemon.pid).some(({ command }) => command.includes('backtest'));
    await waitFor('the child', child, DEADLINE_MS);
    await stop(house);
    expect(processesWith('backtest', house.data)).toEqual([]);
  });
});

describe('the command', () => {
  test('tells errors of the configuration with their lines, and has its own code for each kind of end', async () => {
    const data = tempDir();
    const good = writeConfig(busyScene());
    const bad = join(tempDir(), 'new.yaml');
    writeFileSync(bad, `${readFileSync(good, 'utf8')}\nrules2: {}\n`);
    expect(await runToEnd(['backtest', '--config', bad, '--data', data])).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/^new\.yaml:\d+:1 rules2/),
    });
    expect(await runToEnd(['backtest', '--config', good, '--data', data])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no database at'),
    });
    const turned = ['--since', '1h', '--until', '2h'];
    expect(
      await runToEnd(['backtest', '--config', good, '--data', data, '--since', '2100-01-01']),
    ).toMatchObject({
      code: 64,
    });
    expect(await runToEnd(['backtest', '--config', good, '--data', data, ...turned])).toMatchObject({
      code: 64,
      stderr: 'vedette: --since must be before --until\n',
    });
  });

  test('ends on Ctrl-C at once, with a code that says neither same nor other', async () => {
    const data = tempDir();
    await writeWeek(data, { rows: 500_000, untilMs: Date.UTC(2026, 5, 1), lengthMs: 3 * 86_400_000 });
    const config = writeConfig(busyScene());
    const times = ['--since', '2026-01-01', '--until', '2027-01-01'];
    const running = startDaemon(['backtest', '--config', config, '--data', data, ...times]);
    const reads = (): boolean =>
      readdirSync(`/proc/${running.pid}/fd`).some((fd) => targetOf(running.pid, fd).endsWith('history.db'));
    await waitFor('the history to be read', reads, DEADLINE_MS);
    running.kill('SIGINT');
    expect(await running.exited).toBe(2);
    expect(running.stdout()).toBe('');
    expect(running.stderr()).toMatch(/^vedette: stopped after \d+ of \d+ observations\n$/);
  });
});

function targetOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    // Closed meanwhile.
    return '';
  }
}

// A running daemon explains its alerts: by the command beside it, over MQTT, and by the command after its restart. Real camera
// program, real detector, real broker, real files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { CONDITION_KINDS } from '../../daemon/core/trace-types.ts';
import type { WhyAnswer } from '../../daemon/store/why-messages.ts';
import { Commander } from '../support/commands.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { alertIds } from '../support/database.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });
const DEADLINE_MS = 90_000;

async function why(dataDir: string, ...args: readonly string[]): Promise<WhyAnswer> {
  const { code, stdout, stderr } = await runToEnd(['why', '--json', '--data', dataDir, ...args]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as WhyAnswer;
}

/** By which score the looks of each trace were counted. */
function scoreMins(dataDir: string): unknown[] {
  const db = new Database(join(dataDir, 'history.db'), { readonly: true });
  try {
    return db.prepare("SELECT DISTINCT json_extract(body, '$.scoreMin') FROM traces").pluck().all();
  } finally {
    db.close();
  }
}

testBroker('a daemon explains its alerts while it runs, over MQTT, and after a restart', async () => {
  const dataDir = tempDir();
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const config = writeConfig({ mqtt: { url: broker.url, drainDelayS: 0 }, ...busyScene() });
  const args = ['run', '--config', config, '--data', dataDir];
  const first = startDaemon(args);
  await waitFor('an alert', () => subscriber.jsonOn('/alert')[0], DEADLINE_MS);
  const [id] = alertIds(dataDir);
  const during = await waitFor(
    'the trace of its object',
    async () => {
      const answer = await why(dataDir, id!);
      return answer.tracks.length > 0 && answer;
    },
    DEADLINE_MS,
  );
  const [alert] = during.alerts;
  expect(alert).toMatchObject({ id, camera: 'yard', trigger: 'enter' });
  const tested = alert!.because.map(({ what }) => what);
  expect(tested).toEqual(CONDITION_KINDS.filter((kind) => tested.includes(kind)));
  expect(tested).toEqual(expect.arrayContaining(['label', 'confirmed', 'trigger', 'armed']));
  expect(alert!.because.every(({ held }) => held)).toBe(true);
  const [track] = during.tracks;
  expect(track!.trace.rules.some(({ firings }) => firings.some(({ alertId }) => alertId === id))).toBe(true);
  expect(track!.why[1]).toMatch(/seen in \d+ looks?, median [01]\.\d\d at best, 0\.\d\d is needed/);

  const device = subscriber.messages.find(({ topic }) => topic.endsWith('/alert'))!.topic.split('/')[1]!;
  const commander = await Commander.connect(broker.url, device);
  const { body } = await commander.ask('request/why', { id: 'w1', of: id });
  expect(body).toMatchObject({ ok: true, alerts: [alert] });

  first.kill('SIGTERM');
  expect(await first.exited).toBe(0);
  const second = startDaemon(args);
  await waitFor('the database', () => second.stderr().includes('database is open'), DEADLINE_MS);
  const after = await why(dataDir, id!);
  expect(after.alerts).toEqual(during.alerts);
  expect(after.tracks[0]!.trace).toMatchObject({
    track: track!.trace.track,
    startedAtMs: track!.trace.startedAtMs,
  });
  expect(after.tracks[0]!.trace.endedAtMs).toBeGreaterThanOrEqual(track!.trace.atMs);
  writeFileSync(config, readFileSync(config, 'utf8').concat('\ntrack: { scoreMin: 0.99 }\n'));
  second.kill('SIGHUP');
  await waitFor('a trace by the new configuration', () => scoreMins(dataDir).includes(0.99), DEADLINE_MS);
  second.kill('SIGTERM');
  expect(await second.exited).toBe(0);
});

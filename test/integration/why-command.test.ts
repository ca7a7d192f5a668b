// `vedette why` as an owner runs it: the program itself on real databases, beside a store that writes and after it.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Condition } from '../../daemon/core/trace-types.ts';
import type { WhyAnswer } from '../../daemon/store/why-messages.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { alert, change, fullBatch, LIMITS, START_MS } from '../fixtures/store/records.ts';
import { trace } from '../fixtures/store/traces.ts';
import { runToEnd } from '../support/daemon.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const MINUTE_MS = 60_000;
const BECAUSE: readonly Condition[] = [
  { what: 'label', held: true, value: 'person', limit: 'person' },
  { what: 'trigger', held: true, value: 'inside', limit: 'inside', place: 'door' },
];

async function why(
  dataDir: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await runToEnd(['why', '--data', dataDir, ...args]);
  return { code: code ?? -1, out: stdout, err: stderr };
}

async function whyJson(dataDir: string, ...args: readonly string[]): Promise<WhyAnswer> {
  const { code, out, err } = await why(dataDir, '--json', ...args);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as WhyAnswer;
}

const tracksOf = ({ tracks }: WhyAnswer): number[] => tracks.map(({ trace: { track } }) => track);

/** Two events with an alert each, a track at the yard that became none, an alert of nobody. */
async function fill(dataDir: string): Promise<Awaited<ReturnType<typeof startStore>>> {
  const harness = await startStore(dataDir);
  const { store, commit } = harness;
  await commit({ ...fullBatch(1), alerts: [alert(1, { because: BECAUSE })] });
  await commit(fullBatch(2));
  const { eventId: _eventId, zone: _zone, label: _label, score: _score, ...nobody } = alert(3);
  const absence = {
    ...nobody,
    rule: 'quiet',
    trigger: 'absence',
    camera: 'yard',
    message: 'nobody in the yard',
  } as const;
  const because: Condition[] = [{ what: 'trigger', held: true, value: 60, limit: 60, unit: 's' }];
  await commit({ events: [], alerts: [{ ...absence, atMs: START_MS + 3 * MINUTE_MS, because }] });
  const {
    eventId: _none,
    confirmedAtMs: _never,
    ...faint
  } = trace(4, { camera: 'yard', label: 'cat', medianMax: 0.4 });
  store.traced([trace(1), trace(2), faint]);
  return harness;
}

test('an alert is told with each of its conditions, then the story of its object; the beginning of its id is enough', async () => {
  const dataDir = tempDir();
  const { store } = await fill(dataDir);
  await store.stop();
  const { out, code } = await why(dataDir, 'alert-1');
  expect(code).toBe(0);
  const [head, label, enter, empty, track, looks, , door, loiter] = out.split('\n');
  expect(head).toMatch(/^rule 'door-at-night' fired at 2026-06-01 .*: person at the door \(1\)$/);
  expect([label, enter, empty]).toEqual([
    '  + label: person (person is looked for)',
    "  + enter: was in zone 'door'",
    '',
  ]);
  expect(track).toMatch(/^track 1 at porch: person, from 2026-06-01 /);
  expect(looks).toMatch(/^ {2}person seen in 19 looks, median 0\.76 at best, 0\.70 is needed/);
  expect(door).toMatch(/^ {2}rule 'door': fired at .* \(alert alert-1\)$/);
  expect(loiter).toMatch(
    /^ {2}rule 'loiter': track 1, person 0\.76, stayed 1\.4 s of 2\.0 s in zone 'door' \(at /,
  );
});

test('an event is told while the store writes, and after it, the same', async () => {
  const dataDir = tempDir();
  const { store } = await fill(dataDir);
  await waitFor('the traces', () => store.state().history.bytes > 0, 30_000);
  const during = await whyJson(dataDir, 'event-2');
  expect(tracksOf(during)).toEqual([2]);
  expect(during).toMatchObject({ alerts: [], notes: [], more: false });
  await store.stop();
  expect(await whyJson(dataDir, 'event-2')).toEqual(during);
});

test('a time has all tracks newest first, those that became no event too, and alerts that no object made', async () => {
  const dataDir = tempDir();
  await (await fill(dataDir)).store.stop();
  const all = await whyJson(dataDir, '--since', '2026-06-01T00:00Z');
  expect(tracksOf(all)).toEqual([4, 2, 1]);
  expect(all.tracks[0]).toMatchObject({ eventId: null });
  expect(all.tracks[0]!.why[1]).toMatch(/it was never confirmed, so it is no event$/);
  expect(all.alerts).toMatchObject([{ id: 'alert-3', trigger: 'absence', camera: 'yard' }]);
  expect(all.alerts[0]!.why).toEqual([
    expect.stringMatching(/^rule 'quiet' fired at .*: nobody in the yard$/),
    '+ absence: nobody there for 60.0 s (60.0 s is wanted)',
  ]);
  expect(tracksOf(await whyJson(dataDir, '--camera', 'porch'))).toEqual([2, 1]);
  expect(tracksOf(await whyJson(dataDir, '--label', 'cat'))).toEqual([4]);
  expect(
    tracksOf(await whyJson(dataDir, '--since', '2026-06-01T12:02Z', '--until', '2026-06-01T12:03Z')),
  ).toEqual([2]);
  const ofRule = await whyJson(dataDir, '--rule', 'loiter', '--limit', '2');
  expect([tracksOf(ofRule), ofRule.more]).toEqual([[4, 2], true]);
  expect(ofRule.tracks[0]!.trace.rules.map(({ rule }) => rule)).toEqual(['loiter']);
  expect((await whyJson(dataDir, '--rule', 'quiet')).alerts).toHaveLength(1);
  const { out } = await why(dataDir, '--since', '2026-06-01T00:00Z', '--limit', '1');
  expect(out).toMatch(/\n\nthere is more: a shorter time, or a larger --limit\n$/);
});

test('what cannot be told is said: an unknown id, several, nothing seen, and no or another command', async () => {
  const dataDir = tempDir();
  await (await fill(dataDir)).store.stop();
  const unknown = await why(dataDir, 'event-9');
  expect([unknown.code, unknown.err]).toEqual([
    1,
    expect.stringMatching(/^vedette: no event or alert 'event-9': /),
  ]);
  const several = await why(dataDir, 'event');
  expect(several.err).toBe("vedette: several begin with 'event': event event-2, event event-1\n");
  expect((await why(dataDir, 'a%')).err).toMatch(/no event or alert 'a%'/);
  expect((await why(dataDir, '--camera', 'attic')).out).toBe(
    'nothing was seen, and no rule fired without an object\n',
  );
  expect(await why(dataDir)).toMatchObject({ code: 64, err: expect.stringMatching(/why what\?/) });
  expect(await why(dataDir, 'event-1', '--since', '1h')).toMatchObject({ code: 64 });
  expect(await why(tempDir(), 'event-1')).toMatchObject({
    code: 78,
    err: expect.stringMatching(/no database at/),
  });
  const begun = tempDir();
  new Database(join(begun, 'vedette.db')).pragma('journal_mode = WAL');
  expect(await why(begun, 'event-1')).toMatchObject({
    code: 78,
    err: expect.stringMatching(/there is nothing in database '.*' yet/),
  });
});

test('an event without a trace is told what may have become of it: not kept, gone with age, not written yet', async () => {
  const dataDir = tempDir();
  const without = await startStore(dataDir, { limits: { ...LIMITS, historyKeepMb: 0 } });
  await without.commit(fullBatch(1));
  await without.store.stop();
  expect((await whyJson(dataDir, 'event-1')).notes).toEqual([
    expect.stringMatching(/^there is no history: /),
  ]);
  // The daemon is just making the file.
  const begun = new Database(join(dataDir, 'history.db'));
  begun.pragma('journal_mode = WAL');
  expect((await whyJson(dataDir, 'event-1')).notes).toEqual([
    expect.stringMatching(/^there is no history: /),
  ]);
  expect(await runToEnd(['verify', '--data', dataDir])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/no observations yet/),
  });
  begun.close();
  const none = await startStore(dataDir, { limits: { ...LIMITS, tracesKeepMb: 0 } });
  none.store.traced([trace(1)]);
  await none.store.stop();
  expect((await whyJson(dataDir, 'event-1')).notes).toEqual([expect.stringMatching(/^no traces are kept: /)]);
  const { store, commit } = await startStore(dataDir);
  store.traced([trace(30)]);
  await commit({
    events: [change('new', 40 * 60), change('end', 50 * 60, { id: 'event-3000' })],
    alerts: [],
  });
  await store.stop();
  const notes = async (id: string): Promise<readonly string[]> => (await whyJson(dataDir, id)).notes;
  expect(await notes('event-1')).toEqual([
    expect.stringMatching(/^traces begin at .*: what was before is gone/),
  ]);
  expect(await notes('event-2400')).toEqual([
    expect.stringMatching(/^nothing is written of event event-2400 yet/),
  ]);
  const db = new Database(join(dataDir, 'vedette.db'));
  db.exec("UPDATE events SET ended_at_ms = 1 WHERE id = 'event-2400'");
  db.close();
  expect(await notes('event-2400')).toEqual([expect.stringMatching(/^nothing was kept of event event-2400/)]);
});

// Why no alert, and why one, on a recorded case: looks at people go through the rules and into real files as in the daemon, and
// the program itself explains them, beside the daemon's store and after a restart.
import { expect, test } from 'vitest';
import type { Observation } from '../../daemon/core/types.ts';
import type { WhyAnswer } from '../../daemon/store/why-messages.ts';
import { runToEnd } from '../support/daemon.ts';
import { configOf, framesOf, HOUSE_MS, startLife } from '../support/recorded-house.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NO_STAGES } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const DEADLINE_MS = 30_000;
const SCORE_MIN = 0.5;
const THRESHOLD = 0.7;
/** Ten looks at somebody in the dusk; two of them score too low to count. */
const FAINT = [0.62, 0.62, 0.45, 0.66, 0.64, 0.61, 0.48, 0.63, 0.62, 0.65];

/** The right half of the picture is the door. */
function house(rules: object): object {
  const door = [
    [0.5, 0],
    [1, 0],
    [1, 1],
    [0.5, 1],
  ];
  const porch = { source: { type: 'scene' }, zones: { door: { points: door } } };
  return { cameras: { porch }, rules, mqtt: { url: 'mqtt://localhost' } };
}

const RULES = {
  'at-door': { trigger: { type: 'enter', zone: 'door' }, labels: ['person'], scoreMin: 0.75, cooldownS: 60 },
  loiter: { trigger: { type: 'dwell', zone: 'door', forS: 2 }, labels: ['person'] },
  night: {
    trigger: { type: 'enter', zone: 'door' },
    labels: ['person'],
    schedule: [{ days: ['sun'] }],
  },
  cars: { trigger: { type: 'appear' }, labels: ['car'] },
};

/** The median of the last ten scores, those too low being misses, padded with zeros to three. */
function medianOf(scores: readonly number[]): number {
  const last = scores.slice(-10).map((score) => (score < SCORE_MIN ? 0 : score));
  while (last.length < 3) last.push(0);
  last.sort((a, b) => a - b);
  return (last[(last.length - 1) >> 1]! + last[last.length >> 1]!) / 2;
}

/** One look a frame at somebody who stands at the door from second `fromS` on, and is gone with the frame after. */
function looksAt(track: number, scores: readonly number[], fromS: number): Observation[] {
  const frames = scores.map((score, index): Observation => {
    const s = fromS + index * 0.2;
    const scoreMedian = medianOf(scores.slice(0, index + 1));
    const view = {
      ...{ id: track, label: 'person', score, scoreMedian, threshold: THRESHOLD, stationary: false },
      ...{ confirmed: scoreMedian >= THRESHOLD, velocity: [0, 0] as const },
      box: { x: 0.7, y: 0.4, width: 0.1, height: 0.3 },
      startedAtMs: HOUSE_MS + fromS * 1000,
      startedMonoMs: 5000 + fromS * 1000,
    };
    const stamp = { frame: index + 1, atMs: HOUSE_MS + s * 1000, monoMs: 5000 + s * 1000 };
    return { camera: 'porch', stamp, tracks: [view], ended: [], stages: NO_STAGES };
  });
  const { stamp } = frames.at(-1)!;
  const after = { frame: stamp.frame + 1, atMs: stamp.atMs + 200, monoMs: stamp.monoMs + 200 };
  return [...frames, { camera: 'porch', stamp: after, tracks: [], ended: [track], stages: NO_STAGES }];
}

async function why(dataDir: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(['why', '--data', dataDir, ...args], {
    env: { TZ: 'UTC' },
  });
  expect([code, stderr]).toEqual([0, '']);
  // The rules have the time zone of this process, the program that of its environment.
  return stdout.replaceAll(/[A-Z][a-z]{2} \d\d:\d\d is outside/g, 'Mon 12:00 is outside');
}

test('why no alert: ten looks, two of them too low, never confirmed', async () => {
  const dataDir = tempDir();
  const life = await startLife(dataDir, configOf(house(RULES)));
  life.see(looksAt(12, FAINT, 10));
  await life.stop();
  expect(life.alerts).toEqual([]);
  expect(await why(dataDir, '--camera', 'porch')).toBe(
    [
      'track 12 at porch: person, from 2026-06-01 12:00:10 +00:00, until 12:00:12',
      '  person seen in 10 looks, median 0.62 at best, 0.70 is needed; highest score 0.66; 2 looks had less than 0.50; it was never confirmed, so it is no event',
      "  it was 2.0 s in 'door'",
      "  rules 'at-door', 'loiter', 'night': track 12, person, median score 0.62, 0.70 is needed (at 12:00:10)",
      "  rule 'cars': track 12, person, car is looked for (at 12:00:10)",
      '',
    ].join('\n'),
  );
});

test('why an alert, with each condition and its numbers, and why none of the other rules; the same after a restart', async () => {
  const dataDir = tempDir();
  const config = configOf(house(RULES));
  const life = await startLife(dataDir, config);
  life.see(looksAt(13, [0.82, 0.81, 0.8, 0.83, 0.8, 0.81, 0.82, 0.8], 20));
  await waitFor('the alert', () => life.store.state().outboxRows > 0, DEADLINE_MS);
  await waitFor('the trace', () => life.store.state().history.bytes > 0, DEADLINE_MS);
  const [alert] = life.alerts;
  const during = await why(dataDir, alert!.id);
  expect(during.split('\n')).toEqual([
    "rule 'at-door' fired at 2026-06-01 12:00:20 +00:00: person entered door at porch",
    '  + label: person (person is looked for)',
    '  + confirmed: median score 0.81 (0.70 is needed)',
    "  + enter: was in zone 'door'",
    '  + score: score 0.81, 0.75 is wanted by the rule',
    '  + armed: was armed',
    '  + cooldown: had not fired before (cooldown 60.0 s)',
    '',
    'track 13 at porch: person, from 2026-06-01 12:00:20 +00:00, until 12:00:21',
    '  person seen in 8 looks, median 0.81 at best, 0.70 is needed; highest score 0.83; confirmed at 12:00:20',
    "  it was 1.6 s in 'door'",
    `  rule 'at-door': fired at 12:00:20 (alert ${alert!.id})`,
    "  rule 'loiter': track 13, person 0.81, stayed 1.4 s of 2.0 s in zone 'door' (at 12:00:21)",
    "  rule 'night': track 13, person 0.81, Mon 12:00 is outside sun 00:00 to 24:00 (at 12:00:20)",
    "  rule 'cars': track 13, person, car is looked for (at 12:00:20)",
    '',
  ]);
  await life.stop();
  const second = await startLife(dataDir, config, 100);
  second.see(
    framesOf([{ track: 13, fromS: 101, toS: 103, x: 0.2 }]).filter(({ tracks }) => tracks.length > 0),
  );
  await second.stop();
  expect(await why(dataDir, alert!.id)).toBe(during);
  expect(await why(dataDir, alert!.eventId!)).toBe(during.slice(during.indexOf('track 13')));
});

test('somebody who comes again within the cooldown is told how long ago the rule had fired', async () => {
  const dataDir = tempDir();
  const life = await startLife(dataDir, configOf(house({ 'at-door': RULES['at-door'] })));
  const scores = [0.82, 0.81, 0.8, 0.83];
  life.see(looksAt(1, scores, 20));
  life.see(looksAt(2, scores, 32));
  life.learn({ kind: 'armed', camera: 'porch', armed: false }, 99);
  life.see(looksAt(3, scores, 100));
  await life.stop();
  const answer = JSON.parse(await why(dataDir, '--rule', 'at-door', '--json')) as WhyAnswer;
  expect(answer.tracks.map(({ why: sentences }) => sentences.at(-1))).toEqual([
    "rule 'at-door': track 3, person 0.81, was disarmed, and the rule fires while armed (at 12:01:40)",
    "rule 'at-door': track 2, person 0.81, silent: the rule had fired 12.0 s before, its cooldown is 60.0 s (at 12:00:32)",
    `rule 'at-door': fired at 12:00:20 (alert ${life.alerts[0]!.id})`,
  ]);
});

test('a rule that nobody fires is explained by its alert', async () => {
  const dataDir = tempDir();
  const quiet = { trigger: { type: 'absence', forS: 30 }, labels: ['person'] };
  const life = await startLife(dataDir, configOf(house({ quiet })));
  life.see(looksAt(1, [0.82, 0.81, 0.8, 0.83], 1));
  const stamp = { frame: 500, atMs: HOUSE_MS + 60_000, monoMs: 65_000 };
  life.see([{ camera: 'porch', stamp, tracks: [], ended: [], stages: NO_STAGES }]);
  await life.stop();
  const { alerts } = JSON.parse(await why(dataDir, '--since', '2026-06-01', '--json')) as WhyAnswer;
  expect(alerts.map(({ why: sentences }) => sentences.slice(0, 4))).toEqual([
    [
      expect.stringMatching(/^rule 'quiet' fired at 2026-06-01 12:00:31 \+00:00: /),
      '+ label: person is looked for',
      '+ absence: 0 objects (the rule waits for 0)',
      '+ absence: nobody there for 30.0 s (30.0 s is wanted)',
    ],
  ]);
});

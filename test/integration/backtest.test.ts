// Other rules on what a real Store has kept: what each change of the configuration adds and removes, and nothing else.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BacktestReport } from '../../daemon/cli/backtest-report.ts';
import { runBacktest } from '../../daemon/cli/backtest-run.ts';
import type { Config } from '../../daemon/config/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { configOf, framesOf, HOUSE_MS, live, startLife, type Visit } from '../support/recorded-house.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const RIGHT = [
  [0.5, 0],
  [1, 0],
  [1, 1],
  [0.5, 1],
];
const RULE = { trigger: { type: 'enter', zone: 'door' }, cooldownS: 10 };

interface Document {
  readonly rule?: object;
  readonly rules?: object;
  readonly points?: readonly (readonly number[])[];
  readonly track?: object;
  readonly camera?: object;
}

/** Two cameras with a zone `door` on the right half, and one rule. */
function house({ rule = {}, rules, points = RIGHT, track = {}, camera = {} }: Document = {}): Config {
  const zones = { door: { points, inertia: 1, margin: 0 } };
  const cameras = Object.fromEntries(
    ['porch', 'yard'].map((name) => [name, { source: { type: 'scene' }, zones, ...camera }]),
  );
  return configOf({ cameras, track, rules: rules ?? { door: { ...RULE, ...rule } } });
}

/** Persons, a cat and a car, on two cameras, one every twenty seconds; one is never sure enough. */
const VISITS: readonly Visit[] = [
  { track: 1, fromS: 1, toS: 6, x: [0.2, 0.8] },
  { track: 2, fromS: 21, toS: 26, x: 0.75, label: 'cat' },
  { track: 3, fromS: 41, toS: 46, x: 0.55, score: 0.75 },
  { track: 4, fromS: 61, toS: 66, x: 0.8, score: 0.6 },
  { track: 5, fromS: 81, toS: 86, x: 0.9 },
  { camera: 'yard', track: 1, fromS: 81, toS: 86, x: 0.9, label: 'car' },
];

async function backtest(
  dataDir: string,
  config: Config,
  more: { fromS?: number; toS?: number; cameras?: string[]; rules?: string[] } = {},
): Promise<BacktestReport> {
  const { fromS = -3600, toS = 36_000, ...filter } = more;
  return runBacktest({
    ...{ config, dataDir, sinceMs: HOUSE_MS + fromS * 1000, untilMs: HOUSE_MS + toS * 1000 },
    ...{ clock: systemClock, signal: new AbortController().signal, onProgress: () => undefined },
    ...filter,
  });
}

/** `track@camera` of each, and why where it is told. */
function words({ kept, added, removed }: BacktestReport): Record<'kept' | 'added' | 'removed', string[]> {
  const word = ({ camera, subject }: { camera?: string; subject?: { track: number } }): string =>
    `${subject?.track}@${camera}`;
  return {
    kept: kept.map(({ fired }) => word(fired)),
    added: added.map((alert) => word(alert)),
    removed: removed.map((alert) => `${word(alert)}${alert.reason === undefined ? '' : `: ${alert.reason}`}`),
  };
}

describe('a backtest', () => {
  test('with the same configuration keeps every alert, adds none and removes none', async () => {
    const dataDir = tempDir();
    const fired = await live(dataDir, house(), VISITS);
    expect(fired).toHaveLength(5);
    const report = await backtest(dataDir, house());
    expect(words(report)).toEqual({
      kept: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'],
      added: [],
      removed: [],
    });
    expect(report.rules).toEqual([{ rule: 'door', fired: 5, wouldFire: 5, kept: 5, added: 0, removed: 0 }]);
    expect(report).toMatchObject({ damage: { count: 0 }, unkept: 0, silences: [] });
    expect(report.kept.every(({ fired: one, would }) => one.atMs === Math.round(would.atMs))).toBe(true);
  });

  test.each<[string, Document, { kept?: string[]; added?: string[]; removed?: string[] }]>([
    [
      'a longer cooldown removes what comes within it',
      { rule: { cooldownS: 30 } },
      {
        kept: ['1@porch', '3@porch', '5@porch', '1@yard'],
        removed: ['2@porch: 18 s into the cooldown, now 30 s'],
      },
    ],
    [
      'a label that is not looked for any more',
      { rule: { labels: ['person', 'car'] } },
      {
        kept: ['1@porch', '3@porch', '5@porch', '1@yard'],
        removed: ["2@porch: the rule does not look for 'cat' now"],
      },
    ],
    [
      'a camera that is not looked at any more',
      { rule: { cameras: ['porch'] } },
      {
        kept: ['1@porch', '2@porch', '3@porch', '5@porch'],
        removed: ["1@yard: the rule does not look at camera 'yard' now"],
      },
    ],
    [
      'a higher score',
      { rule: { scoreMin: 0.8 } },
      {
        kept: ['1@porch', '2@porch', '5@porch', '1@yard'],
        removed: ["3@porch: its score 0.75 is below the rule's 0.80 now"],
      },
    ],
    [
      'a higher threshold: what was confirmed is not any more',
      { track: { threshold: 0.8 } },
      {
        kept: ['1@porch', '2@porch', '5@porch', '1@yard'],
        removed: ['3@porch: its score 0.75 does not confirm it now (0.80)'],
      },
    ],
    [
      'a lower threshold: what was not confirmed is now',
      { track: { thresholds: { person: 0.55 } } },
      { kept: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'], added: ['4@porch'] },
    ],
    [
      'the same of one camera alone',
      { camera: { threshold: 0.55 } },
      { kept: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'], added: ['4@porch'] },
    ],
    [
      'a zone drawn elsewhere',
      {
        points: [
          [0.7, 0],
          [1, 0],
          [1, 1],
          [0.7, 1],
        ],
      },
      { kept: ['1@porch', '2@porch', '5@porch', '1@yard'], removed: ['3@porch'] },
    ],
    [
      'a rule of another name is another rule',
      { rules: { gate: RULE } },
      {
        added: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'],
        removed: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'].map(
          (one) => `${one}: there is no rule 'door' now`,
        ),
      },
    ],
  ])('tells what changes by %s', async (_, change, { kept = [], added = [], removed = [] }) => {
    const dataDir = tempDir();
    await live(dataDir, house(), VISITS);
    expect(words(await backtest(dataDir, house(change)))).toEqual({ kept, added, removed });
  });

  test('names the event of an object that makes another alert now', async () => {
    const dataDir = tempDir();
    await live(dataDir, house(), VISITS);
    const { added } = await backtest(
      dataDir,
      house({ rules: { left: { ...RULE, cooldownS: 0 }, door: RULE } }),
    );
    expect(added).toHaveLength(5);
    expect(added[0]?.eventId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('knows that tracks and cooldowns do not outlive the daemon, and when it did not run', async () => {
    const dataDir = tempDir();
    const config = house({ rule: { cooldownS: 3600 } });
    const lives = [VISITS.slice(0, 1), [{ track: 1, fromS: 301, toS: 306, x: 0.8 }]];
    for (const visits of lives) expect(await live(dataDir, config, visits)).toHaveLength(1);
    const report = await backtest(dataDir, config);
    expect(words(report)).toEqual({ kept: ['1@porch', '1@porch'], added: [], removed: [] });
    expect(report.silences).toEqual([
      { why: 'stopped', fromMs: HOUSE_MS + 6200, untilMs: HOUSE_MS + 301_000 },
    ]);
  });

  test('of a time within knows visits and cooldowns that began before it', async () => {
    const dataDir = tempDir();
    const config = house({ rule: { cooldownS: 120 } });
    const visits: Visit[] = [
      { track: 1, fromS: 1, toS: 40, x: 0.8 },
      { track: 2, fromS: 60, toS: 70, x: 0.8 },
      { track: 3, fromS: 140, toS: 150, x: 0.8 },
    ];
    expect(await live(dataDir, config, visits)).toHaveLength(2);
    expect(words(await backtest(dataDir, config, { fromS: 20 }))).toMatchObject({
      kept: ['3@porch'],
      added: [],
    });
    const before = await backtest(dataDir, config, { fromS: 20, toS: 100 });
    expect(words(before)).toEqual({ kept: [], added: [], removed: [] });
  });

  test('knows when cameras were armed and online', async () => {
    const dataDir = tempDir();
    const config = house({ rule: { cooldownS: 0 } });
    const life = await startLife(dataDir, config);
    const visits = [1, 2, 3].map((track) => ({ track, fromS: track * 300, toS: track * 300 + 5, x: 0.8 }));
    const frames = framesOf(visits);
    const upTo = (s: number): void => {
      const at = frames.findIndex(({ stamp }) => stamp.atMs >= HOUSE_MS + s * 1000);
      life.see(frames.splice(0, at));
    };
    upTo(500);
    life.learn({ kind: 'armed', camera: 'porch', armed: false }, 500);
    upTo(640);
    life.learn({ kind: 'armed', camera: 'porch', armed: true }, 640);
    upTo(650);
    life.learn({ kind: 'status', camera: 'porch', status: 'offline' }, 650);
    life.learn({ kind: 'status', camera: 'porch', status: 'online' }, 850);
    frames.splice(
      0,
      frames.findIndex(({ stamp }) => stamp.atMs >= HOUSE_MS + 850_000),
    );
    life.see(frames);
    await life.stop();
    expect(life.alerts).toHaveLength(2);
    const report = await backtest(dataDir, config);
    expect(words(report)).toEqual({ kept: ['1@porch', '3@porch'], added: [], removed: [] });
    expect(report.withoutFacts).toBe(0);
    expect(report.silences).toEqual([
      { why: 'offline', camera: 'porch', fromMs: HOUSE_MS + 650_000, untilMs: HOUSE_MS + 850_000 },
    ]);
  });

  test('a group that is open where the history ends, and was told later, is not told as another alert', async () => {
    const dataDir = tempDir();
    const config = house({ rule: { groupS: 8 } });
    const life = await startLife(dataDir, config);
    life.see(framesOf([{ track: 1, fromS: 1, toS: 6, x: [0.2, 0.8] }]));
    // Nothing more is seen, and the time of the group passes.
    life.pass(30);
    await life.stop();
    expect(life.alerts).toHaveLength(1);
    const report = await backtest(dataDir, config);
    expect(report.untilMs).toBeLessThan(life.alerts[0]!.atMs);
    expect(words(report)).toEqual({ kept: [], added: [], removed: [] });
  });

  test('of one camera, or one rule, counts nothing else', async () => {
    const dataDir = tempDir();
    await live(dataDir, house(), VISITS);
    const all = house({ rules: { gate: RULE, door: RULE } });
    const yard = await backtest(dataDir, all, { cameras: ['yard'] });
    expect(words(yard)).toEqual({ kept: ['1@yard'], added: ['1@yard'], removed: [] });
    const gate = await backtest(dataDir, all, { rules: ['gate'] });
    expect(gate.rules.map(({ rule, added, fired }) => [rule, added, fired])).toEqual([['gate', 5, 0]]);
  });

  test('leaves out what fired before the database knows, pruned or set aside', async () => {
    const dataDir = tempDir();
    await live(dataDir, house(), VISITS);
    const db = new Database(join(dataDir, 'vedette.db'));
    // As pruning by age leaves it.
    for (const table of ['journal', 'alerts'])
      db.exec(`DELETE FROM ${table} WHERE at_ms < ${HOUSE_MS + 40_000}`);
    db.exec('UPDATE journal_start SET entry = 5, alert_seq = 2, event_seq = 5');
    db.close();
    const report = await backtest(dataDir, house());
    expect(words(report)).toEqual({ kept: ['3@porch', '5@porch', '1@yard'], added: [], removed: [] });
    expect(report.sinceMs).toBeGreaterThan(HOUSE_MS + 40_000);
  });

  test('leaves damaged rows out, and counts and names them', async () => {
    const dataDir = tempDir();
    await live(dataDir, house(), VISITS);
    const db = new Database(join(dataDir, 'history.db'));
    db.exec('UPDATE observations SET body = substr(body, 2) WHERE row IN (3, 40)');
    db.exec('UPDATE observations SET camera = 999 WHERE row = 5');
    db.close();
    const report = await backtest(dataDir, house());
    expect(words(report)).toMatchObject({ kept: ['1@porch', '2@porch', '3@porch', '5@porch', '1@yard'] });
    expect(report.damage).toEqual({
      count: 3,
      examples: [
        expect.stringMatching(/^observation 3: an observation of 39 bytes should have \d+$/),
        'observation 5: its camera has no name',
        expect.stringMatching(/^observation 40: /),
      ],
    });
  });

  test('goes on while the daemon writes, and ends where the history ends', async () => {
    const dataDir = tempDir();
    const life = await startLife(dataDir, house());
    life.see(framesOf(VISITS.slice(0, 3)));
    await waitFor('the first observations', () => life.store.state().history.written > 0);
    const report = await backtest(dataDir, house());
    expect(words(report)).toMatchObject({ added: [], removed: [] });
    expect(report.untilMs).toBeLessThan(HOUSE_MS + 60_000);
    await life.stop();
  });
});

describe('every kind of rule', () => {
  const LINE = {
    kerb: {
      points: [
        [0.5, 0],
        [0.5, 1],
      ],
      sides: ['street', 'garden'],
      inertia: 1,
      margin: 0,
    },
  };
  const RULES: Readonly<Record<string, object>> = {
    enters: { trigger: { type: 'enter', zone: 'door' }, cooldownS: 0 },
    exits: { trigger: { type: 'exit', zone: 'door' }, cooldownS: 0 },
    stays: { trigger: { type: 'dwell', zone: 'door', forS: 3 }, cooldownS: 10, cooldownPer: 'track' },
    crosses: { trigger: { type: 'cross', line: 'kerb', to: 'street' }, cooldownS: 0 },
    many: { trigger: { type: 'count', zone: 'door', atLeast: 2, forS: 1 }, cooldownS: 0 },
    few: { trigger: { type: 'count', atMost: 0, forS: 20 }, cooldownS: 0 },
    none: { trigger: { type: 'absence', forS: 30 }, cooldownS: 0 },
    seen: { trigger: { type: 'appear' }, labels: ['cat'], cooldownS: 5, cooldownPer: 'rule' },
    family: { trigger: { type: 'enter', zone: 'door' }, groupS: 8, cooldownS: 0 },
    rests: { trigger: { type: 'stationary', zone: 'door', forS: 1 }, cooldownS: 0 },
    gone: { trigger: { type: 'removed', forS: 1 }, cooldownS: 0 },
    through: { trigger: { type: 'sequence', zones: ['left', 'door'], withinS: 20 }, cooldownS: 0 },
    dead: { trigger: { type: 'fault', of: ['offline'], forS: 10 }, cooldownS: 0 },
    noon: { trigger: { type: 'appear' }, schedule: [{ from: '12:00', to: '12:01' }], cooldownS: 0 },
  };
  const ZONES = {
    door: { points: RIGHT, inertia: 1, margin: 0 },
    left: {
      points: [
        [0, 0],
        [0.5, 0],
        [0.5, 1],
        [0, 1],
      ],
      inertia: 2,
      margin: 0.02,
    },
  };
  const config = (): Config => house({ rules: RULES, camera: { lines: LINE, zones: ZONES } });
  const visit = fc.record({
    camera: fc.constantFrom('porch', 'yard'),
    label: fc.constantFrom('person', 'cat'),
    fromS: fc.integer({ min: 0, max: 600 }).map((fifths) => fifths / 5),
    lengthS: fc.integer({ min: 1, max: 60 }).map((fifths) => fifths / 5),
    x: fc.tuple(
      fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      fc.double({ min: 0.1, max: 0.9, noNaN: true }),
    ),
    score: fc.double({ min: 0.5, max: 1, noNaN: true }),
  });

  test('tried on what it made itself keeps every alert, adds none and removes none', async () => {
    const rules = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { minLength: 4, maxLength: 14 }), async (visits) => {
        const dataDir = tempDir();
        // Two who stand there together, whatever the others do.
        const walker = {
          camera: 'yard',
          label: 'cat',
          fromS: 125,
          lengthS: 8,
          x: [0.2, 0.8] as [number, number],
          score: 0.9,
        };
        const two = {
          camera: 'porch',
          label: 'person',
          fromS: 130,
          lengthS: 5,
          x: [0.8, 0.8] as [number, number],
          score: 0.9,
        };
        const seen = [...visits, walker, two, two].map(({ lengthS, ...one }, index) => {
          return { ...one, track: index + 1, toS: one.fromS + lengthS };
        });
        const fired = await live(dataDir, config(), seen, { offlineS: [40, 70] });
        for (const { rule } of fired) rules.add(rule);
        const report = await backtest(dataDir, config());
        expect(words(report)).toMatchObject({ added: [], removed: [] });
        // What fell due after the last that was seen is beyond the history.
        expect(report.kept).toHaveLength(fired.filter(({ atMs }) => atMs < report.untilMs).length);
        expect(report.unkept).toBe(0);
      }),
      { numRuns: Number(process.env['BACKTEST_RUNS'] ?? 12), endOnFailure: true },
    );
    expect([...rules].sort()).toEqual(Object.keys(RULES).sort());
  });
});

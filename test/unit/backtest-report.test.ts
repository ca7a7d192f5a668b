// What a backtest says: the text for people, the bar while it runs, and what it cannot know.
import { describe, expect, test } from 'vitest';
import { backtestNotes } from '../../daemon/cli/backtest-notes.ts';
import { type BacktestReport, reportJson, reportText } from '../../daemon/cli/backtest-report.ts';
import { barLine } from '../../daemon/cli/progress.ts';
import { localTime } from '../../daemon/platform/local-time.ts';
import { configOf, HOUSE_MS } from '../support/recorded-house.ts';

const SOURCES = { config: 'new.yaml', data: '/d', version: '1.2.3', notes: [], list: false };
const ALERT = { rule: 'door', trigger: 'enter', severity: 'warning', camera: 'porch', count: 1 } as const;

function reportOf(more: Partial<BacktestReport> = {}): BacktestReport {
  return {
    ...{ sinceMs: HOUSE_MS, untilMs: HOUSE_MS + 1000, askedSinceMs: HOUSE_MS, historyFromMs: HOUSE_MS },
    ...{ observations: 7, withoutFacts: 0, damage: { count: 0, examples: [] }, silences: [], unkept: 0 },
    ...{ camerasSeen: ['porch'], rules: [], kept: [], added: [], removed: [] },
    ...more,
  };
}

const added = (number: number) => ({ ...ALERT, atMs: HOUSE_MS + number, message: `number ${number}` });

describe('the text', () => {
  test('has a row for every rule, and the alerts that differ with their reasons', () => {
    const rules = [{ rule: 'door', fired: 12, wouldFire: 2, kept: 1, added: 1, removed: 11 }];
    const gone = { ...added(5), id: 'alert-5', eventId: 'event-5', reason: 'because' };
    const text = reportText(reportOf({ rules, added: [added(1)], removed: [gone] }), SOURCES);
    expect(text.split('\n')).toEqual([
      `new.yaml: 7 observations from ${localTime(HOUSE_MS)} to ${localTime(HOUSE_MS)}`.replace(
        / to .*/,
        ` to ${localTime(HOUSE_MS + 1000)}`,
      ),
      '',
      'RULE  FIRED  WOULD FIRE  KEPT  ADDED  REMOVED',
      'door     12           2     1      1       11',
      '',
      'added:',
      `  ${localTime(HOUSE_MS)}  door: number 1  -`,
      '',
      'removed:',
      `  ${localTime(HOUSE_MS)}  door: number 5  event-5`,
      '      because',
      '',
      '1 added, 1 removed, 0 kept',
      '',
    ]);
  });

  test('of many alerts shows the first, all with --list, and steers no terminal', () => {
    const many = Array.from({ length: 30 }, (_, number) => added(number));
    const report = reportOf({ added: [{ ...added(0), message: '\u001b[2J\r\nboo' }, ...many] });
    expect(reportText(report, SOURCES)).toMatch(/number 18 .*\n {2}… and 11 more \(--list\)\n/);
    const all = reportText(report, { ...SOURCES, list: true });
    expect(all).toMatch(/number 29/);
    expect(all).not.toMatch(/more/);
    expect(all).toContain('[2J boo');
    expect(all).not.toContain('\u001b');
  });

  test('says when nobody looked', () => {
    const times = { fromMs: HOUSE_MS, untilMs: HOUSE_MS + 90_000 };
    const silences = [
      { why: 'stopped', ...times },
      { why: 'offline', camera: 'porch', ...times },
      { why: 'unkept', camera: 'yard', ...times },
    ] as const;
    const span = `from ${localTime(HOUSE_MS)} to ${localTime(HOUSE_MS + 90_000)}`;
    const text = reportText(reportOf({ silences }), SOURCES);
    expect(text).toContain(`the daemon did not run ${span}\n`);
    expect(text).toContain(`camera 'porch' did not see (offline, frozen or blind) ${span}\n`);
    expect(text).toContain(`nothing was kept of camera 'yard' ${span}\n`);
    expect(text).toMatch(/\nno difference: 0 added, 0 removed, 0 kept\n$/);
  });
});

test('the document has every list, the newest of it where it is cut', () => {
  const many = Array.from({ length: 5 }, (_, number) => added(number));
  const report = reportOf({ added: many });
  const whole = reportJson(report, SOURCES) as { added: unknown[]; cut: boolean; differs: boolean };
  expect(whole).toMatchObject({ v: 1, cut: false, differs: true, totals: { added: 5 } });
  const cut = reportJson(report, SOURCES, 2) as { added: { message: string }[]; cut: boolean };
  expect(cut).toMatchObject({ cut: true, totals: { added: 5 } });
  expect(cut.added.map(({ message }) => message)).toEqual(['number 3', 'number 4']);
});

describe('the bar', () => {
  test.each([
    [0, 0, '[--------------------------------]   0 %'],
    [0.5, 400, '[################----------------]  50 %'],
    [0.25, 3000, '[########------------------------]  25 %  9 s left'],
    [0.01, 3000, '[--------------------------------]   1 %  5 min left'],
    [1.5, 3000, '[################################] 100 %  0 s left'],
  ])('at %d after %d ms', (share, tookMs, line) => {
    expect(barLine(share, tookMs)).toBe(line);
  });
});

describe('what cannot be known', () => {
  const document = { cameras: { porch: { source: { type: 'scene' } } }, rules: {} };
  const config = configOf(document);
  const rules = [{ rule: 'door', fired: 0, wouldFire: 0, kept: 0, added: 0, removed: 0 }];

  test('is said of settings that make tracks, where they differ from those of the daemon', () => {
    const masks = {
      hedge: {
        points: [
          [0, 0],
          [1, 0],
          [1, 1],
        ],
      },
    };
    const other = configOf({
      ...document,
      detector: { model: 'another' },
      track: { lostMs: 4000, threshold: 0.5 },
      cameras: {
        porch: { source: { type: 'scene' }, masks, detect: { enabled: false } },
        new: document.cameras.porch,
      },
    });
    const running = { file: '/etc/vedette/vedette.yaml', config };
    expect(backtestNotes(reportOf(), other, running)).toEqual([
      'track.lostMs, detector.model, cameras.porch.masks differ from /etc/vedette/vedette.yaml: tracks were made with the old settings, this change is not tried',
    ]);
    expect(backtestNotes(reportOf(), config, running)).toEqual([]);
  });

  test('is said of the history: too short, from an older vedette, damaged, without a camera', () => {
    const report = reportOf({
      ...{ askedSinceMs: HOUSE_MS - 5000, withoutFacts: 3, unkept: 2, camerasSeen: [], rules },
      damage: { count: 9, examples: ['observation 1: oh'] },
    });
    expect(backtestNotes(report, config, undefined)).toEqual([
      `what is older than ${localTime(HOUSE_MS)} was pruned, or never kept`,
      '3 of these observations are from an older vedette, which did not keep what was armed and online: taken as armed and online',
      '9 observations are damaged and were left out: observation 1: oh',
      '2 alerts that fired while nothing was kept are left out',
      "nothing was seen by camera 'porch': what its rules would do is not known",
    ]);
  });
});

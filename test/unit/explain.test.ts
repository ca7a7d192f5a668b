// Conditions, traces and alerts in words: every kind, every trigger, held or not.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { conditionWords } from '../../daemon/core/condition-words.ts';
import { type ExplainedAlert, explainAlert, explainTrack } from '../../daemon/core/explain.ts';
import type { TriggerType } from '../../daemon/core/rule-types.ts';
import { CONDITION_KINDS, type Condition, type TrackTrace } from '../../daemon/core/trace-types.ts';
import { START_MS } from '../fixtures/store/records.ts';
import { trace } from '../fixtures/store/traces.ts';

const TIMES = {
  full: (atMs: number): string => new Date(atMs).toISOString().slice(0, 19),
  short: (atMs: number): string => new Date(atMs).toISOString().slice(11, 19),
};
const TRIGGERS = {
  ...{ enter: 1, exit: 1, dwell: 1, cross: 1, count: 1, absence: 1, appear: 1, sequence: 1 },
  ...{ stationary: 1, removed: 1, fault: 1 },
} satisfies Record<TriggerType, 1>;
const TRIGGER_TYPES = Object.keys(TRIGGERS) as TriggerType[];

const s = { unit: 's' } as const;
const door = { place: 'door' };

test.each<[TriggerType, Omit<Condition, 'what'>, string]>([
  ['enter', { held: true, value: 'inside', limit: 'inside', ...door }, "was in zone 'door'"],
  ['enter', { held: false, value: 'outside', limit: 'inside', ...door }, "was not in zone 'door'"],
  ['exit', { held: true, value: 'left', limit: 'left', ...door }, "left zone 'door'"],
  ['exit', { held: false, value: 'inside', limit: 'left', ...door }, "did not leave zone 'door'"],
  ['exit', { held: false, value: 'outside', limit: 'left', ...door }, "was not in zone 'door'"],
  ['dwell', { held: false, value: 1.4, limit: 2, ...s, ...door }, "stayed 1.4 s of 2.0 s in zone 'door'"],
  ['dwell', { held: false, value: 1.99, limit: 2, ...s, ...door }, "stayed 1.9 s of 2.0 s in zone 'door'"],
  [
    'dwell',
    { held: true, value: 2.04, limit: 2, ...s, ...door },
    "stayed 2.0 s (2.0 s is wanted) in zone 'door'",
  ],
  ['cross', { held: true, value: 'street', limit: 'street', place: 'kerb' }, "crossed line 'kerb' to street"],
  [
    'cross',
    { held: false, value: 'not crossed', limit: 'any side', place: 'kerb' },
    "did not cross line 'kerb'",
  ],
  [
    'cross',
    { held: false, value: 'garden', limit: 'street', place: 'kerb' },
    "crossed line 'kerb' to garden, and the rule waits for street",
  ],
  [
    'count',
    { held: true, value: 3, limit: 3, unit: 'objects', place: 'drive' },
    "3 objects in zone 'drive' (the rule waits for 3)",
  ],
  ['count', { held: true, value: 5, limit: 5, ...s }, 'so many for 5.0 s (5.0 s is wanted)'],
  ['absence', { held: true, value: 0, limit: 0, unit: 'objects' }, '0 objects (the rule waits for 0)'],
  ['absence', { held: true, value: 60, limit: 60, ...s }, 'nobody there for 60.0 s (60.0 s is wanted)'],
  ['appear', { held: true, value: 'there', limit: 'there' }, 'was seen'],
  ['sequence', { held: true, value: 'gate, door', limit: 'gate, door' }, 'went through zones gate, door'],
  [
    'sequence',
    { held: false, value: 'gate', limit: 'gate, door' },
    'went through only gate of zones gate, door',
  ],
  ['sequence', { held: false, value: 'none', limit: 'gate, door' }, 'went through none of zones gate, door'],
  ['stationary', { held: false, value: 12, limit: 60, ...s }, 'stood still 12.0 s of 60.0 s'],
  ['removed', { held: true, value: 'gone', limit: 60, ...s }, 'had stood still for 60.0 s, and is gone'],
  [
    'removed',
    { held: false, value: 80, limit: 60, ...s, ...door },
    "stood still 80.0 s of 60.0 s in zone 'door', and had not left",
  ],
  ['fault', { held: true, value: 'offline', limit: 'offline' }, 'offline was reported'],
  ['fault', { held: true, value: 30, limit: 30, ...s }, 'lasted 30.0 s (30.0 s is wanted)'],
])('a trigger of %s: %j', (trigger, condition, words) => {
  expect(conditionWords({ what: 'trigger', ...condition }, trigger)).toBe(words);
});

test.each<[Condition, string]>([
  [{ what: 'label', held: true, value: 'person', limit: 'any' }, 'person (anything is looked for)'],
  [{ what: 'label', held: false, value: 'car', limit: 'person, dog' }, 'person or dog is looked for'],
  [{ what: 'confirmed', held: false, value: 0.62, limit: 0.7 }, 'median score 0.62, 0.70 is needed'],
  [{ what: 'score', held: false, value: 0.71, limit: 0.8 }, 'score 0.71, 0.80 is wanted by the rule'],
  [
    { what: 'size', held: false, value: 0.04, limit: 0.1, unit: 'height' },
    'height 4.0 % of the picture, 10.0 % at least',
  ],
  [
    { what: 'size', held: false, value: 0.4, limit: 0.1, unit: 'width' },
    'width 40.0 % of the picture, 10.0 % at most',
  ],
  [
    { what: 'armed', held: false, value: 'disarmed', limit: 'armed' },
    'was disarmed, and the rule fires while armed',
  ],
  [
    { what: 'armed', held: true, value: 'armed', limit: 'always' },
    'armed or not does not matter to the rule',
  ],
  [
    { what: 'schedule', held: false, value: 'Sat 14:10', limit: '22:00 to 06:00' },
    'Sat 14:10 is outside 22:00 to 06:00',
  ],
  [
    { what: 'cooldown', held: false, value: 12.3, limit: 60, unit: 's' },
    'silent: the rule had fired 12.3 s before, its cooldown is 60.0 s',
  ],
])('a condition: %j', (condition, words) => {
  expect(conditionWords(condition, 'enter')).toBe(words);
});

test('every kind of condition has words with every trigger, whatever it says', () => {
  const value = fc.oneof(fc.double({ noNaN: true, min: 0, max: 1e6 }), fc.string());
  const unit = fc.constantFrom<Condition['unit']>('s', 'objects', 'width', 'height', undefined);
  fc.assert(
    fc.property(
      fc.constantFrom(...CONDITION_KINDS),
      fc.constantFrom(...TRIGGER_TYPES),
      fc.record({
        held: fc.boolean(),
        value,
        limit: value,
        unit,
        place: fc.option(fc.string(), { nil: undefined }),
      }),
      (what, trigger, rest) => {
        const words = conditionWords({ what, ...rest } as Condition, trigger);
        expect(words).not.toMatch(/undefined|NaN|\[object/);
        expect(words.trim()).not.toBe('');
      },
    ),
  );
});

describe('a track', () => {
  test('is told with its looks, its places, and a sentence for each rule', () => {
    expect(explainTrack(trace(12), TIMES)).toEqual([
      'track 12 at porch: person, from 2026-06-01T12:12:00, until 12:12:04',
      'person seen in 19 looks, median 0.76 at best, 0.70 is needed; highest score 0.81; 2 looks had less than 0.50; not seen in 1 more; confirmed at 12:12:00',
      "it was 1.4 s in 'door'",
      "rule 'door': fired at 12:12:01 (alert alert-12)",
      "rule 'loiter': track 12, person 0.76, stayed 1.4 s of 2.0 s in zone 'door' (at 12:12:02)",
    ]);
  });

  test('that never became an event is told why: too low a score', () => {
    const { eventId: _eventId, endedAtMs: _ended, confirmedAtMs: _confirmed, ...rest } = trace(12);
    const faint: TrackTrace = {
      ...rest,
      ...{ looks: 10, good: 8, low: 2, missed: 0, scoreMax: 0.68, medianMax: 0.62, zones: [] },
      rules: [
        {
          ...{ rule: 'door', trigger: 'enter', fired: 0, firings: [] },
          nearest: {
            atMs: START_MS,
            conditions: [
              { what: 'label', held: true, value: 'person', limit: 'person' },
              { what: 'confirmed', held: false, value: 0.62, limit: 0.7 },
            ],
          },
        },
        { rule: 'other', trigger: 'enter', fired: 0, firings: [] },
      ],
    };
    expect(explainTrack(faint, TIMES)).toEqual([
      'track 12 at porch: person, from 2026-06-01T12:12:00, still there at 12:12:04',
      'person seen in 10 looks, median 0.62 at best, 0.70 is needed; highest score 0.68; 2 looks had less than 0.50; it was never confirmed, so it is no event',
      'it was in no zone',
      "rule 'door': track 12, person, median score 0.62, 0.70 is needed (at 12:00:00)",
      "rule 'other': did not come to look at it",
    ]);
  });

  test('on which a rule fired often is told with the last times, groups, and what kept it quiet after', () => {
    const rules: TrackTrace['rules'] = [
      {
        ...{ rule: 'door', trigger: 'enter', fired: 9 },
        firings: [{ atMs: START_MS, alertId: 'a1' }, { atMs: START_MS + 1000 }],
        nearest: {
          atMs: START_MS + 5000,
          conditions: [
            { what: 'score', held: true, value: 0.8, limit: 0 },
            { what: 'cooldown', held: false, value: 4, limit: 60, unit: 's' },
          ],
        },
      },
    ];
    expect(explainTrack(trace(12, { rules }), TIMES).slice(3)).toEqual([
      "rule 'door': fired 9 times, the last of them at 12:00:00 (alert a1), at 12:00:01 (in a group, told as one alert)",
      "rule 'door': not again: track 12, person 0.80, silent: the rule had fired 4.0 s before, its cooldown is 60.0 s (at 12:00:05)",
    ]);
  });
});

test('an alert is told with its message and each of its conditions', () => {
  const alert: ExplainedAlert = {
    ...{
      id: 'a1',
      rule: 'door',
      trigger: 'dwell' as const,
      message: 'person at the door',
      atMs: START_MS,
      count: 3,
    },
    eventIds: ['e1', 'e2', 'e3'],
    because: [
      { what: 'label', held: true, value: 'person', limit: 'person' },
      { what: 'trigger', held: true, value: 2.1, limit: 2, unit: 's', place: 'door' },
    ],
  };
  expect(explainAlert(alert, TIMES)).toEqual([
    "rule 'door' fired at 2026-06-01T12:00:00: person at the door",
    'it stands for 3 objects',
    '+ label: person (person is looked for)',
    "+ dwell: stayed 2.1 s (2.0 s is wanted) in zone 'door'",
  ]);
  expect(explainAlert({ ...alert, count: 1, because: [] }, TIMES).at(-1)).toBe(
    'its conditions were not kept (an older vedette made it)',
  );
});

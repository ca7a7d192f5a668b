// What the engine says of an object afterwards: how well it was seen, and how near each rule came to firing.
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { FIRINGS_KEPT_MAX } from '../../daemon/core/trace-types.ts';
import { at, momentOf, Stage } from '../support/rule-stage.ts';

const ENTER = { type: 'enter', zone: 'door' } as const;
/** The first condition that did not hold where the only rule came nearest, and how many held before it. */
function nearestOf(stage: Stage) {
  const [rule] = stage.traces.at(-1)?.rules ?? [];
  const conditions = rule?.nearest?.conditions ?? [];
  return { ...conditions.at(-1), after: conditions.filter(({ held }) => held).map(({ what }) => what) };
}

describe('the trace of an object', () => {
  test('is told at its end: how it was seen, and where it was for how long', () => {
    const stage = new Stage([{ trigger: ENTER }]);
    stage.walk(1, ['away'], { score: 0.4, scoreMedian: 0.3, confirmed: false });
    stage.walk(2, ['path', 'both'], { scoreMedian: 0.85 });
    stage.walk(4, ['both'], { score: 0 });
    stage.walk(5, ['door', 'door', undefined]);
    expect(stage.traces.at(-1)).toMatchObject({
      ...{ camera: 'porch', track: 1, label: 'person', eventId: stage.events[0]?.id },
      ...{ looks: 6, good: 4, low: 1, missed: 1, scoreMax: 0.9, medianMax: 0.9, threshold: 0.7 },
      confirmedAtMs: momentOf(2).atMs,
      atMs: momentOf(7).atMs,
      endedAtMs: momentOf(7).atMs,
      zones: [
        { zone: 'path', seconds: 3 },
        { zone: 'door', seconds: 4 },
      ],
    });
  });

  test('is told when a rule fires, and names the alert', () => {
    const stage = new Stage([{ trigger: ENTER }]);
    stage.walk(1, ['door']);
    expect(stage.traces).toHaveLength(1);
    expect(stage.traces[0]?.rules).toMatchObject([
      { rule: 'r0', fired: 1, firings: [{ atMs: momentOf(1).atMs, alertId: stage.alerts[0]?.id }] },
    ]);
    expect(stage.traces[0]).not.toHaveProperty('endedAtMs');
  });

  test('is told once a minute while it is there', () => {
    const stage = new Stage([{ trigger: ENTER }]);
    for (let second = 0; second < 200; second += 1) stage.see(second, [at('away')]);
    expect(stage.traces.map(({ atMs }) => (atMs - momentOf(0).atMs) / 1000)).toEqual([60, 120, 180]);
  });

  test('is told also of what was never confirmed, with the best median', () => {
    const stage = new Stage([{ trigger: ENTER }]);
    for (const scoreMedian of [0.3, 0.62, 0.5]) {
      stage.walk(scoreMedian, ['door'], { scoreMedian, confirmed: false });
    }
    stage.see(2, []);
    expect(stage.traces).toMatchObject([{ medianMax: 0.62, threshold: 0.7 }]);
    expect(stage.traces[0]).not.toHaveProperty('eventId');
    expect(nearestOf(stage)).toMatchObject({ what: 'confirmed', held: false, value: 0.62, limit: 0.7 });
  });

  test('names only the last firings', () => {
    const stage = new Stage([{ trigger: ENTER }]);
    for (let visit = 0; visit < 20; visit += 1) stage.walk(2 * visit, ['door', 'away']);
    stage.see(50, []);
    const [rule] = stage.traces.at(-1)!.rules;
    expect(rule?.fired).toBe(20);
    expect(rule?.firings).toHaveLength(FIRINGS_KEPT_MAX);
    expect(rule?.firings.at(-1)?.atMs).toBe(momentOf(38).atMs);
  });

  test('of a group names its alert for every firing in it once it is told', () => {
    const stage = new Stage([{ trigger: ENTER, groupS: 2 }]);
    stage.see(1, [at('door'), at('away', { id: 2 })]);
    stage.see(2, [at('door'), at('door', { id: 2 })]);
    stage.see(4, [at('door'), at('door', { id: 2 })]);
    stage.see(5, []);
    const ended = stage.traces.filter(({ endedAtMs }) => endedAtMs !== undefined);
    expect(ended.flatMap(({ rules }) => rules[0]?.firings.map(({ alertId }) => alertId))).toEqual([
      stage.alerts[0]?.id,
      stage.alerts[0]?.id,
    ]);
  });
});

describe('the nearest that a rule came', () => {
  const near = (rule: Partial<Rule>, play: (stage: Stage) => void) => {
    const stage = new Stage([rule]);
    play(stage);
    stage.see(100, []);
    return nearestOf(stage);
  };
  const BEFORE = ['label', 'confirmed'];

  test('names the label, where that is the reason', () => {
    const told = near({ trigger: ENTER, labels: ['cat'] }, (stage) => stage.walk(1, ['door']));
    expect(told).toMatchObject({ what: 'label', value: 'person', limit: 'cat', after: [] });
  });

  test('of a stay is the longest one', () => {
    const trigger = { type: 'dwell', zone: 'door', forS: 5 } as const;
    const told = near({ trigger }, (stage) =>
      stage.walk(1, ['door', 'door', 'door', 'away', 'door', 'door']),
    );
    expect(told).toMatchObject({
      ...{ what: 'trigger', held: false, value: 2, limit: 5, unit: 's', place: 'door' },
      after: BEFORE,
    });
  });

  test('of a rest that was too short says how long it was', () => {
    const trigger = { type: 'removed', forS: 60 } as const;
    const told = near({ trigger }, (stage) => {
      stage.see(1, [at('away', { stationary: true })]);
      stage.see(41, [at('away', { stationary: true })]);
    });
    expect(told).toMatchObject({ what: 'trigger', value: 40, limit: 60, unit: 's' });
  });

  test('of a crossing says to which side', () => {
    const trigger = { type: 'cross', line: 'gate', to: 'west' } as const;
    const told = near({ trigger }, (stage) => stage.walk(1, ['path', 'both']));
    expect(told).toMatchObject({ what: 'trigger', value: 'east', limit: 'west', place: 'gate' });
  });

  test('of a sequence says the zones that were reached', () => {
    const trigger = { type: 'sequence', zones: ['path', 'door', 'path'], withinS: 60 } as const;
    const told = near({ trigger }, (stage) => stage.walk(1, ['path', 'door']));
    expect(told).toMatchObject({ what: 'trigger', value: 'path, door', limit: 'path, door, path' });
  });

  test.each([
    ['score', { scoreMin: 0.95 }, { value: 0.9, limit: 0.95, after: [...BEFORE, 'trigger'] }],
    ['size', { size: { heightMin: 0.5 } }, { value: 0.3, limit: 0.5, unit: 'height' }],
    ['armed', { while: 'disarmed' }, { value: 'armed', limit: 'disarmed' }],
    ['schedule', { schedule: [{ from: '20:00' }] }, { value: 'Mon 12:00', limit: '20:00 to 24:00' }],
  ] as const)('names the %s, with the number', (what, rule, expected) => {
    const told = near({ trigger: ENTER, ...rule }, (stage) => stage.walk(1, ['away', 'door', 'away']));
    expect(told).toMatchObject({ what, held: false, ...expected });
  });

  test('of what was held back later still says how long it was so', () => {
    const dwell = { trigger: { type: 'dwell', zone: 'door', forS: 3 } } as const;
    const stage = new Stage([
      { ...dwell, scoreMin: 0.95 },
      { ...dwell, cooldownS: 60 },
    ]);
    stage.see(1, [at('door', { id: 2 })]);
    stage.see(4, [at('door', { id: 2 })]);
    stage.walk(5, ['door', 'door', 'door', 'door', 'door', undefined]);
    const { rules } = stage.traces.find(({ track, endedAtMs }) => track === 1 && endedAtMs !== undefined)!;
    const triggers = rules.map(({ nearest }) => nearest?.conditions.find(({ what }) => what === 'trigger'));
    expect(triggers).toMatchObject([
      { held: true, value: 3, limit: 3 },
      { held: true, value: 3, limit: 3 },
    ]);
    expect(rules[1]?.nearest?.conditions.at(-1)).toMatchObject({ what: 'cooldown', value: 4 });
  });

  test('names the cooldown, and how long ago the last alert was', () => {
    const stage = new Stage([{ trigger: ENTER, cooldownS: 60 }]);
    stage.walk(1, ['door', undefined]);
    stage.walk(11, ['door', undefined], { id: 2 });
    expect(nearestOf(stage)).toMatchObject({
      what: 'cooldown',
      held: false,
      value: 10,
      limit: 60,
      unit: 's',
    });
  });

  test('is of the moment at which it came that near', () => {
    const stage = new Stage([{ trigger: ENTER, scoreMin: 0.95 }]);
    stage.walk(1, ['away', 'door']);
    stage.walk(3, ['door', 'door', undefined], { scoreMedian: 0.8 });
    const [rule] = stage.traces.at(-1)!.rules;
    expect(rule?.nearest?.atMs).toBe(momentOf(2).atMs);
  });
});

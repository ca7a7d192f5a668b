// What holds a rule back, and what becomes of that later: filters, the armed state, the schedule, other rules.
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../daemon/core/rule-types.ts';
import type { TrackView } from '../../daemon/core/types.ts';
import { at, Stage } from '../support/rule-stage.ts';

const ENTER = { type: 'enter', zone: 'door' } as const;
const stageOf = (rule: Partial<Rule>) => new Stage([{ trigger: ENTER, cameras: ['porch'], ...rule }]);
const box = (width: number, height: number) => ({ x: 0.7 - width / 2, y: 0.4 - height, width, height });

describe('filters', () => {
  const CASES: readonly [string, Partial<Rule>, Partial<TrackView>, Partial<TrackView>][] = [
    ['labels', { labels: ['cat', 'dog'] }, { label: 'person' }, { label: 'dog' }],
    ['scoreMin', { scoreMin: 0.8 }, { scoreMedian: 0.799 }, { scoreMedian: 0.8 }],
    ['size.widthMin', { size: { widthMin: 0.1 } }, { box: box(0.09, 0.3) }, { box: box(0.1, 0.3) }],
    ['size.widthMax', { size: { widthMax: 0.2 } }, { box: box(0.21, 0.3) }, { box: box(0.2, 0.3) }],
    ['size.heightMin', { size: { heightMin: 0.2 } }, { box: box(0.1, 0.19) }, { box: box(0.1, 0.2) }],
    ['size.heightMax', { size: { heightMax: 0.25 } }, { box: box(0.1, 0.3) }, { box: box(0.1, 0.25) }],
  ];

  test.each(CASES)('%s lets through what reaches it, and nothing else', (_, rule, wrong, right) => {
    const stage = stageOf(rule);
    stage.walk(1, ['door'], { id: 1, ...wrong });
    expect(stage.seconds).toEqual([]);
    stage.walk(2, ['door'], { id: 2, ...right });
    expect(stage.seconds).toEqual([2]);
  });

  test('cameras are the only ones that are looked at', () => {
    const stage = stageOf({});
    stage.see(1, [at('door')], { camera: 'yard' });
    stage.see(2, [at('door')]);
    expect(stage.seconds).toEqual([2]);
  });

  test('are met by who stands there with the first look in which they are', () => {
    const stage = stageOf({ scoreMin: 0.8, size: { heightMin: 0.2 } });
    stage.walk(1, ['door'], { scoreMedian: 0.7, box: box(0.1, 0.1) });
    stage.walk(2, ['door'], { box: box(0.1, 0.1) });
    stage.walk(3, ['door', 'door'], { box: box(0.1, 0.2) });
    expect(stage.seconds).toEqual([3]);
  });

  test.each([
    ['a crossing', { type: 'cross', line: 'gate' }, ['path', 'both', 'both']],
    ['an exit', { type: 'exit', zone: 'path' }, ['path', 'away', 'away']],
    ['a sequence', { type: 'sequence', zones: ['path', 'door'], withinS: 60 }, ['path', 'both', 'both']],
  ] as const)('must be met in the one look that is %s', (_, trigger, spots) => {
    const stage = stageOf({ trigger, scoreMin: 0.8 });
    stage.walk(1, spots.slice(0, 2), { scoreMedian: 0.7 });
    stage.walk(3, spots.slice(2), { scoreMedian: 0.9 });
    expect(stage.seconds).toEqual([]);
    stage.walk(4, spots, { scoreMedian: 0.9, id: 2 });
    expect(stage.seconds).toEqual([5]);
  });
});

describe('while', () => {
  test('disarmed fires only at home', () => {
    const stage = stageOf({ while: 'disarmed' });
    stage.walk(1, ['door', 'away']);
    stage.arm(3, false);
    stage.walk(4, ['door', 'away']);
    stage.arm(6, true);
    stage.walk(7, ['door']);
    expect(stage.seconds).toEqual([4]);
  });

  test('always does not ask, and does not name it as a condition', () => {
    const stage = stageOf({ while: 'always' });
    stage.arm(1, false);
    stage.walk(2, ['door']);
    expect(stage.seconds).toEqual([2]);
    expect(stage.alerts[0]?.because.map(({ what }) => what)).not.toContain('armed');
  });

  test('is of one camera each', () => {
    const stage = stageOf({});
    stage.arm(1, false, 'yard');
    stage.walk(2, ['door']);
    expect(stage.seconds).toEqual([2]);
  });
});

describe('a rule that is not in force', () => {
  const disarmedUntil = (second: number, trigger: Rule['trigger'], prepare: (stage: Stage) => void) => {
    const stage = stageOf({ trigger });
    stage.arm(0, false);
    prepare(stage);
    stage.arm(second, true);
    return stage;
  };

  test.each([
    ['enter', ENTER],
    ['appear', { type: 'appear' }],
    ['dwell', { type: 'dwell', zone: 'door', forS: 2 }],
    ['stationary', { type: 'stationary', forS: 2 }],
  ] as const)('has seen who was there for long enough: %s', (_, trigger) => {
    const fields = { stationary: true };
    const stage = disarmedUntil(4, trigger, (one) => {
      one.walk(1, ['door', 'door', 'door'], fields);
    });
    stage.walk(5, ['door', 'door', 'door', 'door'], fields);
    expect(stage.seconds).toEqual([]);
  });

  test('counts the whole stay of who has not yet stayed for long enough', () => {
    const stage = disarmedUntil(3, { type: 'dwell', zone: 'door', forS: 4 }, (one) => {
      one.walk(1, ['door', 'door']);
    });
    stage.walk(3, ['door', 'door', 'door', 'door']);
    expect(stage.seconds).toEqual([5]);
  });

  test('loses what happened meanwhile, and counts from where everybody is', () => {
    const trigger = { type: 'cross', line: 'gate' } as const;
    const stage = disarmedUntil(3, trigger, (one) => one.walk(1, ['path', 'both']));
    stage.walk(3, ['both', 'path']);
    expect(stage.seconds).toEqual([4]);
  });

  test('counts absence from when it comes into force', () => {
    const stage = disarmedUntil(100, { type: 'absence', forS: 10 }, (one) => one.pass(90));
    stage.pass(200);
    expect(stage.seconds).toEqual([110]);
  });

  test('tells of a crowd that is there when the house is armed', () => {
    const trigger = { type: 'count', atLeast: 2, forS: 0 } as const;
    const crowd = [at('door'), at('away', { id: 2 })];
    const stage = disarmedUntil(5, trigger, (one) => one.see(1, crowd));
    stage.see(6, crowd);
    stage.see(7, crowd);
    expect(stage.seconds).toEqual([5]);
  });
});

describe('a schedule', () => {
  const evening = { schedule: [{ from: '12:01', to: '12:02' }] };

  test('is kept to the second, its end not included', () => {
    const stage = stageOf({ ...evening, cooldownPer: 'track' });
    for (const [index, second] of [59.9, 60, 119.9, 120].entries()) {
      stage.see(second, [at('door', { id: index + 1 })]);
    }
    expect(stage.seconds).toEqual([60, 119.9]);
  });

  test('has seen who stands there when its window opens', () => {
    const stage = stageOf(evening);
    stage.see(50, [at('door')]);
    stage.see(70, [at('door')]);
    stage.see(71, [at('away')]);
    stage.see(72, [at('door')]);
    expect(stage.seconds).toEqual([72]);
  });

  test('lets absence count within one of its windows', () => {
    const stage = stageOf({ ...evening, trigger: { type: 'absence', forS: 30 } });
    stage.pass(600);
    expect(stage.seconds).toEqual([90]);
  });

  test('lets nothing be absent for longer than its windows are', () => {
    const stage = stageOf({ ...evening, trigger: { type: 'absence', forS: 61 } });
    stage.pass(600);
    expect(stage.seconds).toEqual([]);
  });
});

describe('rules that change', () => {
  test('keep what they know under their name and trigger, whatever else changes', () => {
    const dwell = { trigger: { type: 'dwell', zone: 'door', forS: 4 } } as const;
    const stage = new Stage([dwell]);
    stage.walk(1, ['door', 'door']);
    stage.rule([
      { trigger: ENTER, name: 'new' },
      { ...dwell, name: 'r0', severity: 'critical' },
    ]);
    stage.walk(3, ['door', 'door', 'door']);
    expect(stage.alerts.map(({ rule }) => rule)).toEqual(['new', 'r0']);
    expect(stage.seconds).toEqual([3, 5]);
  });

  test('begin anew with another trigger', () => {
    const stage = stageOf({ trigger: { type: 'dwell', zone: 'door', forS: 4 } });
    stage.walk(1, ['door', 'door']);
    stage.rule([{ trigger: { type: 'dwell', zone: 'door', forS: 3 } }]);
    stage.walk(3, ['door', 'door', 'door', 'door']);
    expect(stage.seconds).toEqual([6]);
  });

  test('with other labels see who is of these labels and there already', () => {
    const stage = stageOf({ labels: ['cat'] });
    stage.walk(1, ['door']);
    stage.rule([{ trigger: ENTER, labels: ['cat', 'person'] }]);
    stage.walk(2, ['door', 'door']);
    expect(stage.seconds).toEqual([2]);
  });

  test('that are new count absence from now on', () => {
    const stage = new Stage([]);
    stage.pass(100);
    stage.rule([{ trigger: { type: 'absence', forS: 10 }, cameras: ['porch'] }]);
    stage.pass(200);
    expect(stage.seconds).toEqual([110]);
  });
});

// What follows when a rule fires: cooldowns, groups, and what the alert carries.
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { at, momentOf, type Spot, Stage, secondOf } from '../support/rule-stage.ts';

const ENTER = { trigger: { type: 'enter', zone: 'door' } } as const satisfies Partial<Rule>;
const stageOf = (...rules: Partial<Rule>[]) => new Stage(rules.map((rule) => ({ ...ENTER, ...rule })));

describe('a cooldown', () => {
  test('lets fire again at its end to the millisecond', () => {
    const stage = stageOf({ cooldownS: 5 });
    for (const second of [1, 5.998, 6]) {
      stage.see(second, [at('door', { id: second * 1000 })]);
    }
    expect(stage.seconds).toEqual([1, 6]);
  });

  test('is not made longer by what it keeps quiet', () => {
    const stage = stageOf({ cooldownS: 5 });
    for (let id = 1; id <= 12; id += 1) stage.see(id, [at('door', { id })]);
    expect(stage.seconds).toEqual([1, 6, 11]);
  });

  test('keeps quiet for good: a visit that began in it is not told when it is over', () => {
    const stage = stageOf({ cooldownS: 3 });
    stage.walk(1, ['door', 'away', 'door', 'door', 'door', 'door', 'door']);
    expect(stage.seconds).toEqual([1]);
  });

  test.each([
    ['camera', [1, 1]],
    ['rule', [1]],
  ] as const)('per %s', (cooldownPer, seconds) => {
    const stage = stageOf({ cooldownS: 60, cooldownPer });
    stage.see(1, [at('door')]);
    stage.see(1, [at('door')], { camera: 'yard' });
    stage.see(2, [at('door'), at('door', { id: 2 })]);
    expect(stage.seconds).toEqual(seconds);
  });

  test('per track lets everybody fire once', () => {
    const stage = stageOf({ cooldownS: 60, cooldownPer: 'track' });
    stage.see(1, [at('door'), at('away', { id: 2 })]);
    stage.see(2, [at('away'), at('door', { id: 2 })]);
    stage.see(3, [at('door'), at('away', { id: 2 })]);
    expect(stage.seconds).toEqual([1, 2]);
    stage.see(62, [at('away')]);
    stage.see(63, [at('door')]);
    expect(stage.seconds).toEqual([1, 2, 63]);
  });

  test('per zone is shared by all rules that count it so, and by no other', () => {
    const zone = { cooldownS: 60, cooldownPer: 'zone' } as const;
    const stage = stageOf(
      zone,
      { ...zone, trigger: { type: 'dwell', zone: 'door', forS: 1 } },
      { ...zone, trigger: { type: 'enter', zone: 'path' } },
      { trigger: { type: 'exit', zone: 'door' }, cooldownS: 60 },
    );
    stage.walk(1, ['door', 'door', 'both', 'path']);
    expect(stage.alerts.map(({ rule }) => rule)).toEqual(['r0', 'r2', 'r3']);
  });

  test('is its own for every rule', () => {
    const stage = stageOf({ cooldownS: 60 }, { cooldownS: 60 });
    stage.walk(1, ['door']);
    expect(stage.alerts.map(({ rule }) => rule)).toEqual(['r0', 'r1']);
  });

  test('of a zone is taken by what was due first, however late time is told', () => {
    const late = { cooldownS: 60, cooldownPer: 'zone', cameras: ['porch'] } as const;
    const stage = stageOf(
      { ...late, trigger: { type: 'absence', zone: 'door', forS: 20 } },
      { ...late, trigger: { type: 'count', zone: 'door', atMost: 0, forS: 10 } },
    );
    stage.pass(50);
    expect(stage.alerts.map(({ rule }) => rule)).toEqual(['r1']);
  });

  test('runs on when the rules are taken up anew', () => {
    const stage = stageOf({ cooldownS: 60 });
    stage.walk(1, ['door']);
    stage.rule([{ ...ENTER, cooldownS: 60, severity: 'info' }]);
    stage.walk(2, ['away', 'door']);
    expect(stage.seconds).toEqual([1]);
    stage.walk(61, ['away', 'door']);
    expect(stage.seconds).toEqual([1, 62]);
  });
});

describe('a group', () => {
  const family = (rule: Partial<Rule> = {}) => stageOf({ groupS: 5, ...rule });

  test('is one alert with all its objects, told when its time is over', () => {
    const stage = family();
    stage.see(1, [at('door', { scoreMedian: 0.8 })]);
    stage.see(2, [at('door'), at('door', { id: 2, scoreMedian: 0.95 })]);
    stage.see(3, [at('door', { id: 2 }), at('door', { id: 3, label: 'cat' })]);
    expect(stage.alerts).toEqual([]);
    stage.pass(6);
    const ids = stage.events.filter(({ type }) => type === 'new').map(({ id }) => id);
    expect(stage.alerts).toMatchObject([
      { count: 3, label: 'person', score: 0.95, eventId: ids[0], eventIds: ids },
    ]);
    expect(stage.alerts[0]?.message).toBe('3 objects: person entered door at porch');
    expect(stage.seconds).toEqual([6]);
    expect(stage.alerts[0]).not.toHaveProperty('stages');
  });

  test('of one is an alert as any other, only later', () => {
    const stage = family();
    stage.walk(1, ['door']);
    stage.see(30, []);
    expect(stage.alerts).toMatchObject([{ count: 1, message: 'person entered door at porch' }]);
    expect(stage.alerts[0]).not.toHaveProperty('eventIds');
    expect(stage.seconds).toEqual([6]);
  });

  test('counts who comes twice once', () => {
    const stage = family();
    stage.walk(1, ['door', 'away', 'door', 'away', 'door']);
    stage.pass(6);
    expect(stage.alerts).toMatchObject([{ count: 1 }]);
  });

  test('is over to the millisecond: who comes then begins the next', () => {
    const stage = family();
    stage.see(1, [at('door', { id: 1 })]);
    stage.see(5.999, [at('door', { id: 2 })]);
    stage.see(6, [at('door', { id: 3 })]);
    stage.pass(60);
    expect(stage.alerts.map((alert) => [secondOf(alert), alert.count])).toEqual([
      [6, 2],
      [11, 1],
    ]);
  });

  test('lets its cooldown count from its first object', () => {
    const stage = family({ cooldownS: 10 });
    for (const second of [1, 4, 7, 10.5, 11]) stage.see(second, [at('door', { id: second * 10 })]);
    stage.finish();
    expect(stage.alerts.map(({ count }) => count)).toEqual([2, 1]);
  });

  test('is one for every rule and camera', () => {
    const stage = stageOf({ groupS: 5 }, { groupS: 5 });
    stage.see(1, [at('door')]);
    stage.see(2, [at('door')], { camera: 'yard' });
    stage.pass(60);
    expect(stage.alerts.map(({ rule, camera }) => `${rule} ${camera}`).sort()).toEqual(
      ['porch', 'yard'].flatMap((camera) => [`r0 ${camera}`, `r1 ${camera}`]).sort(),
    );
  });

  test('that is open is told as it is when the daemon stops, or when the rules change', () => {
    const stage = family();
    stage.see(1, [at('door'), at('door', { id: 2 })]);
    expect(stage.finish()).toMatchObject([{ count: 2 }]);
    stage.see(10, [at('door', { id: 3 })]);
    expect(stage.rule([ENTER])).toMatchObject([{ count: 1 }]);
    stage.pass(60);
    expect(stage.alerts).toHaveLength(2);
  });

  test('is not told of who was quiet in a cooldown of their own', () => {
    const stage = family({ cooldownS: 60, cooldownPer: 'track' });
    stage.see(1, [at('door')]);
    stage.see(2, [at('door'), at('door', { id: 2 })]);
    stage.see(8, [at('away'), at('away', { id: 2 })]);
    stage.see(9, [at('away'), at('away', { id: 2 }), at('door', { id: 3 })]);
    stage.see(10, [at('door'), at('door', { id: 2 })]);
    stage.pass(60);
    expect(stage.alerts.map((alert) => [secondOf(alert), alert.count])).toEqual([
      [6, 2],
      [14, 1],
    ]);
  });
});

describe('an alert', () => {
  const picture = { path: 'media/porch/a.jpg', sha256: 'a'.repeat(64) };

  test('carries severity, topic and picture as the rule says', () => {
    const stage = stageOf(
      { severity: 'critical', topic: 'house/door' },
      { severity: 'info', snapshot: false },
    );
    stage.walk(1, ['door'], { snapshot: picture });
    expect(stage.alerts[0]).toMatchObject({ severity: 'critical', topic: 'house/door', snapshot: picture });
    expect(stage.alerts[1]).toMatchObject({ severity: 'info' });
    expect(stage.alerts[1]).not.toHaveProperty('snapshot');
    expect(stage.alerts[1]).not.toHaveProperty('topic');
  });

  test('has every condition of its rule, with its number', () => {
    const stage = stageOf({
      labels: ['person', 'cat'],
      scoreMin: 0.8,
      size: { heightMin: 0.2 },
      schedule: [{ from: '08:00', to: '20:00' }],
      cooldownS: 5,
    });
    stage.walk(1, ['door']);
    expect(stage.alerts[0]?.because).toEqual([
      { what: 'label', held: true, value: 'person', limit: 'person, cat' },
      { what: 'confirmed', held: true, value: 0.9, limit: 0.7 },
      { what: 'trigger', held: true, value: 'inside', limit: 'inside', place: 'door' },
      { what: 'score', held: true, value: 0.9, limit: 0.8 },
      { what: 'size', held: true, value: 0.3, limit: 0.2, unit: 'height' },
      { what: 'armed', held: true, value: 'armed', limit: 'armed' },
      { what: 'schedule', held: true, value: 'Mon 12:00', limit: '08:00 to 20:00' },
      { what: 'cooldown', held: true, value: 'never', limit: 5, unit: 's' },
    ]);
  });

  test('says how long ago the last one was', () => {
    const stage = stageOf({ cooldownS: 5 });
    stage.walk(1, ['door', 'away', 'away', 'away', 'away', 'away', 'door']);
    expect(stage.alerts[1]?.because.at(-1)).toEqual({
      ...{ what: 'cooldown', held: true, value: 6, limit: 5, unit: 's' },
    });
  });

  test('is made with the stage times of its frame', () => {
    const stage = stageOf({});
    const look = (second: number, spot: Spot, inferMs: number): void => {
      const stamp = { frame: 1 + second * 10, ...momentOf(second) };
      const stages = { prepareMs: 1, waitMs: 2, inferMs, trackMs: 4 };
      stage.take(stage.decider.observe({ camera: 'porch', stamp, tracks: [at(spot)], ended: [], stages }));
    };
    look(1, 'away', 30);
    look(2, 'door', 31);
    look(3, 'door', 32);
    expect(stage.alerts.map(({ stages }) => stages)).toEqual([
      { prepareMs: 1, waitMs: 2, inferMs: 31, trackMs: 4 },
    ]);
  });
});

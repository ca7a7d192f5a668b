// The text of an alert: the default of each trigger, and what an owner may name.
import { describe, expect, test } from 'vitest';
import type { Rule, Trigger } from '../../daemon/core/rule-types.ts';
import { at, Stage } from '../support/rule-stage.ts';

/** The text of the only alert when one person walks from the path through the gate to the door and goes. */
function textOf(trigger: Trigger, rule: Partial<Rule> = {}): string | undefined {
  const stage = new Stage([{ trigger, while: 'always', cooldownS: 600, cameras: ['porch'], ...rule }]);
  stage.see(1, [at('path')]);
  stage.see(3.25, [at('both')]);
  stage.see(5.5, [at('both', { stationary: true })]);
  stage.see(8, []);
  stage.learn(8, { kind: 'fault', fault: 'disk', active: true });
  stage.pass(100);
  expect(stage.alerts).toHaveLength(1);
  return stage.alerts[0]?.message;
}

describe('without a message of its own a rule says a sentence', () => {
  test.each([
    [{ type: 'enter', zone: 'door' }, 'person entered door at porch'],
    [{ type: 'exit', zone: 'door' }, 'person left door at porch'],
    [{ type: 'dwell', zone: 'path', forS: 4 }, 'person has been in path at porch for 4.5 s'],
    [{ type: 'cross', line: 'gate' }, 'person crossed gate to east at porch'],
    [{ type: 'count', zone: 'door', atLeast: 1, forS: 0 }, '1 person in door at porch'],
    [{ type: 'count', atLeast: 1, forS: 2 }, '1 person in porch for 2 s'],
    [{ type: 'count', atMost: 0, forS: 2 }, '0 objects in porch for 2 s'],
    [{ type: 'absence', zone: 'door', forS: 60 }, 'no object in door at porch for 60 s'],
    [{ type: 'appear' }, 'person at porch'],
    [{ type: 'sequence', zones: ['path', 'door'], withinS: 9 }, 'person went from path to door at porch'],
    [{ type: 'stationary', forS: 0 }, 'person has come to rest at porch'],
    [{ type: 'removed', forS: 0 }, 'person that had rested at porch is gone'],
    [{ type: 'fault', of: ['disk'], forS: 30 }, 'the disk does not work'],
  ] as const)('$type', (trigger, text) => {
    expect(textOf(trigger)).toBe(text);
  });
});

describe('in a message of its own', () => {
  test('every name is filled in', () => {
    const message = '{rule}|{label}|{camera}|{zone}|{score}|{count}|{time}';
    expect(textOf({ type: 'enter', zone: 'door' }, { name: 'door-rule', message })).toBe(
      'door-rule|person|porch|door|0.90|1|12:00',
    );
    expect(textOf({ type: 'cross', line: 'gate' }, { message: '{line}: {from} to {to}' })).toBe(
      'gate: west to east',
    );
    expect(textOf({ type: 'dwell', zone: 'path', forS: 1 }, { message: 'since {seconds} s' })).toBe(
      'since 2.3 s',
    );
    expect(textOf({ type: 'fault', of: ['disk'], forS: 0 }, { message: '{fault}!' })).toBe('disk!');
  });

  test('a name that does not apply is left out, and what is no name stays', () => {
    expect(textOf({ type: 'appear' }, { message: '[{zone}{line}{seconds}{fault}] {Label} {} {a-b}' })).toBe(
      '[] {Label} {} {a-b}',
    );
  });

  test('names in what is filled in are not filled in again', () => {
    const stage = new Stage([{ trigger: { type: 'appear' }, message: '{label} at {camera}' }]);
    stage.walk(1, ['away'], { label: '{camera}' });
    expect(stage.alerts[0]?.message).toBe('{camera} at porch');
  });

  test('the time is that of the place', () => {
    expect(textOf({ type: 'absence', zone: 'door', forS: 60 }, { message: '{time}' })).toBe('12:01');
  });
});

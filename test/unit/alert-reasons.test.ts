// Why an alert would not fire by other rules, or fired by them alone: the first condition that tells it.
import { describe, expect, test } from 'vitest';
import type { FiredAlert } from '../../daemon/core/alert-comparison.ts';
import { AlertReasons } from '../../daemon/core/alert-reasons.ts';
import type { WouldAlert } from '../../daemon/core/backtest.ts';
import type { DecisionScene } from '../../daemon/core/decision-scene.ts';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { trace } from '../fixtures/store/traces.ts';

/** A Monday, at noon in UTC. */
const AT_MS = Date.UTC(2026, 5, 1, 12);
const RULE: Rule = {
  ...{ name: 'door', trigger: { type: 'enter', zone: 'steps' }, scoreMin: 0, while: 'armed', cooldownS: 60 },
  ...{ cooldownPer: 'camera', groupS: 0, severity: 'warning', snapshot: true },
};
const WOULD: WouldAlert = {
  ...{ rule: 'door', trigger: 'enter', severity: 'warning', camera: 'porch', label: 'person', zone: 'steps' },
  ...{ score: 0.75, count: 1, message: '', atMs: AT_MS },
  subject: { camera: 'porch', track: 1, startedAtMs: AT_MS - 1000 },
};
const FIRED: FiredAlert = { ...WOULD, id: 'a', eventId: 'e' };

function reasons(rule: Partial<Rule>, would: readonly WouldAlert[] = [], threshold = 0.7): AlertReasons {
  const scene: DecisionScene = {
    rules: [{ ...RULE, ...rule }],
    places: new Map([['porch', { zones: [], lines: [] }]]),
    location: { timeZone: 'UTC' },
  };
  return new AlertReasons({ scene, threshold: () => threshold, would });
}

const earlier = (s: number, more: Partial<WouldAlert> = {}): WouldAlert => {
  return { ...WOULD, atMs: AT_MS - s * 1000, ...more };
};

describe('a removed alert', () => {
  test.each<[Partial<Rule>, string | undefined]>([
    [{}, undefined],
    [{ name: 'gate' }, "there is no rule 'door' now"],
    [{ cameras: ['yard'] }, "the rule does not look at camera 'porch' now"],
    [
      { trigger: { type: 'dwell', zone: 'steps', forS: 2 } },
      "the rule is one of 'dwell' now, not of 'enter'",
    ],
    [{ trigger: { type: 'enter', zone: 'path' } }, "the rule looks at zone 'path' now, not at 'steps'"],
    [{ labels: ['cat'] }, "the rule does not look for 'person' now"],
    [{ scoreMin: 0.8 }, "its score 0.75 is below the rule's 0.80 now"],
    [{ scoreMin: 0.75 }, undefined],
    [{ schedule: [{ from: '22:00', to: '06:00' }] }, 'Mon 12:00 is outside its schedule now'],
    [{ schedule: [{ from: '11:00', to: '13:00' }] }, undefined],
  ])('by a rule with %j', (rule, reason) => {
    expect(reasons(rule).removed(FIRED)).toBe(reason);
  });

  test('that a higher threshold does not confirm, or of a camera that is gone', () => {
    expect(reasons({}, [], 0.8).removed(FIRED)).toBe('its score 0.75 does not confirm it now (0.80)');
    expect(reasons({}).removed({ ...FIRED, camera: 'shed' })).toBe("there is no camera 'shed' now");
  });

  test.each<[Rule['cooldownPer'], Partial<WouldAlert>, boolean]>([
    ['camera', {}, true],
    ['camera', { camera: 'yard' }, false],
    ['rule', { camera: 'yard' }, true],
    ['zone', {}, true],
    ['zone', { zone: 'path' }, false],
    ['track', {}, true],
    ['track', { subject: { camera: 'porch', track: 2, startedAtMs: 0 } }, false],
  ])('within a cooldown per %s after %j', (cooldownPer, more, silences) => {
    const would = [earlier(90, more), earlier(50, more), earlier(-10, more)];
    const reason = reasons({ cooldownPer }, would).removed(FIRED);
    expect(reason).toBe(silences ? '50 s into the cooldown, now 60 s' : undefined);
  });

  test('that belongs to a group now', () => {
    const group = earlier(-5, { count: 3 });
    expect(reasons({ groupS: 10 }, [group]).removed(FIRED)).toBe('in a group of 3 now');
    expect(reasons({ groupS: 4 }, [group]).removed(FIRED)).toBeUndefined();
  });
});

test('an added alert is told by the trace of its object, where the rule was there then', () => {
  const loiter = { ...WOULD, rule: 'loiter' };
  expect(reasons({}).added(loiter, trace(1))).toBe("then: stayed 1.4 s of 2.0 s in zone 'door'");
  expect(reasons({}).added(WOULD, trace(1))).toBeUndefined();
  expect(reasons({}).added({ ...WOULD, rule: 'new' }, trace(1))).toBeUndefined();
  expect(reasons({}).added(loiter, undefined)).toBeUndefined();
});

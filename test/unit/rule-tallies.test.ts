// Tallies where cameras differ, and after a reload: whom a rule counts, where, and from when on.
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { at, Stage } from '../support/rule-stage.ts';
import { sceneOf } from '../support/rule-worlds.ts';
import { ruleOf } from '../support/tracks.ts';

const named = (rule: Partial<Rule>): Rule => ruleOf({ name: 'r0', ...rule });

describe('a zone that only one camera has', () => {
  const empty = { type: 'count', zone: 'door', atMost: 0, forS: 5 } as const;

  test.each([[empty], [{ type: 'absence', zone: 'door', forS: 5 } as const]])(
    'is not empty at the other: %j',
    (trigger) => {
      const scene = sceneOf([named({ trigger })]);
      const places = new Map([...scene.places, ['yard', { zones: [], lines: [] }]]);
      const stage = new Stage([]);
      stage.take(stage.decider.reconfigure({ ...scene, places }));
      stage.see(1, [at('door')]);
      stage.see(1, [], { camera: 'yard' });
      stage.pass(60);
      expect(stage.seconds).toEqual([]);
      stage.see(61, []);
      stage.pass(90);
      expect(stage.alerts.map((alert) => alert.camera)).toEqual(['porch']);
    },
  );
});

describe('a rule that is about others after a reload', () => {
  const absence = (labels: string[]): Partial<Rule> => ({
    trigger: { type: 'absence', forS: 100 },
    cameras: ['porch'],
    labels,
  });

  test('counts from then on', () => {
    const stage = new Stage([absence(['cat'])]);
    stage.see(1, [at('door', { label: 'dog' })]);
    stage.see(90, [at('door', { label: 'dog' })]);
    stage.see(91, []);
    stage.rule([absence(['dog'])]);
    stage.pass(180);
    expect(stage.seconds).toEqual([]);
    stage.pass(300);
    expect(stage.alerts).toHaveLength(1);
    expect(stage.seconds[0]).toBeGreaterThanOrEqual(191);
  });

  test('goes on where only its effects are others', () => {
    const stage = new Stage([absence(['cat'])]);
    stage.see(1, []);
    stage.see(91, []);
    stage.rule([{ ...absence(['cat']), severity: 'info' }]);
    stage.pass(150);
    expect(stage.seconds).toHaveLength(1);
    expect(stage.seconds[0]).toBeLessThanOrEqual(101);
  });
});

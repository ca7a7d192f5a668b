// What must hold of the rule engine whatever the configuration and whatever is seen.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { LAG_MS } from '../../daemon/core/rules.ts';
import type { Alert } from '../../daemon/core/types.ts';
import { CAMERAS, history, rules, type Step, sceneOf, Told } from '../support/rule-worlds.ts';

const RUNS = { numRuns: 400 };

test('no configuration and no history throws, with traces or without, and traces change nothing', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      const plain = new Told(list).all(steps);
      expect(new Told(list, true).all(steps).essence).toEqual(plain.essence);
    }),
    RUNS,
  );
});

test('every event that began ends once, after the last of its updates', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      const told = new Told(list).all(steps);
      // The cameras are taken away: everything that is open ends.
      for (const camera of CAMERAS) told.step(emptied(camera, steps));
      const lives = Map.groupBy(told.events, ({ id }) => id);
      for (const life of lives.values()) {
        const types = life.map(({ type }) => type);
        expect([types[0], types.at(-1)]).toEqual(['new', 'end']);
        expect(types.slice(1, -1).every((type) => type === 'update')).toBe(true);
      }
    }),
    RUNS,
  );
});

test('a cooldown is never cut short', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      // What falls due on one camera may be told after what another has seen: of both, neither clock is compared.
      const lone = list.map((rule) => ({
        ...rule,
        groupS: 0,
        ...(isTally(rule) ? { cooldownPer: 'camera' as const } : {}),
      }));
      const { alerts } = new Told(lone).all(steps);
      for (const rule of lone) {
        const runs = Map.groupBy(
          alerts.filter((alert) => isOf(rule, alert)),
          (alert) => placeOf(rule, alert),
        );
        for (const run of runs.values()) {
          const times = run.map(({ monoMs }) => monoMs).sort((a, b) => a - b);
          for (const [index, time] of times.slice(1).entries()) {
            expect(time - times[index]!).toBeGreaterThanOrEqual(rule.cooldownS * 1000);
          }
        }
      }
    }),
    RUNS,
  );
});

test('time may pass in any steps: advancing in between changes no alert and no event', () => {
  fc.assert(
    fc.property(rules, history, fc.integer({ min: 100, max: 3000 }), (list, steps, everyMs) => {
      // Of two cameras whose clocks nobody compares, either may be told of first: then a cooldown of both holds the other.
      const apart = list.map((rule) => (rule.cooldownPer === 'rule' ? { ...rule, cooldownS: 0 } : rule));
      const at = lastOf(steps);
      const end: Step = { kind: 'advance', moment: { atMs: at.atMs + 120_000, monoMs: at.monoMs + 120_000 } };
      const once = new Told(apart).all([...steps, end]);
      const often = new Told(apart).all([...withAdvances(steps, everyMs), end]);
      expect(often.essence).toEqual(once.essence);
      const changes = ({ events }: Told) =>
        events.map(({ type, track, camera }) => `${camera} ${track} ${type}`).sort();
      expect(changes(often)).toEqual(changes(once));
    }),
    RUNS,
  );
});

test('looks at which nothing is there say nothing: a history without them gives the same alerts', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      const apart = list.map((rule) => ({ ...rule, cooldownPer: 'camera' as const }));
      const kept = asHistoryKeeps(steps);
      const at = lastOf(steps);
      const end: Step = { kind: 'advance', moment: { atMs: at.atMs + LAG_MS, monoMs: at.monoMs + LAG_MS } };
      expect(new Told(apart).all([...kept, end]).essence).toEqual(
        new Told(apart).all([...steps, end]).essence,
      );
    }),
    RUNS,
  );
});

test('the order of objects in one look changes nothing but who is named first', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      // Which of two objects a cooldown lets through depends on the order: none here.
      const free = list.map((rule) => ({ ...rule, cooldownS: 0 }));
      const reversed = steps.map((step): Step => {
        if (step.kind !== 'see') return step;
        const { observation } = step;
        const tracks = [...observation.tracks].reverse();
        return {
          kind: 'see',
          observation: { ...observation, tracks, ended: [...observation.ended].reverse() },
        };
      });
      const fired = (told: Told) =>
        told.alerts.map(({ rule, camera, monoMs, count }) => `${rule} ${camera} ${monoMs} ${count}`).sort();
      expect(fired(new Told(free).all(reversed))).toEqual(fired(new Told(free).all(steps)));
    }),
    RUNS,
  );
});

test('what needs an armed house never fires while it is not, and the other way round', () => {
  fc.assert(
    fc.property(rules, history, (list, steps) => {
      const told = new Told(list.map((rule) => ({ ...rule, groupS: 0 })));
      const armed = new Map<string, boolean>(CAMERAS.map((camera) => [camera, true]));
      for (const step of steps) {
        const before = told.alerts.length;
        told.step(step);
        for (const { rule: name, camera } of told.alerts.slice(before)) {
          const rule = list.find((one) => one.name === name)!;
          if (camera === undefined || rule.while === 'always') continue;
          // What was due before the fact is told with it.
          expect(armed.get(camera)).toBe(rule.while === 'armed');
        }
        if (step.kind === 'learn' && step.fact.kind === 'armed') armed.set(step.fact.camera, step.fact.armed);
      }
    }),
    RUNS,
  );
});

test('the same rules taken up again, at any moment, change nothing', () => {
  fc.assert(
    fc.property(rules, history, fc.nat(60), (list, steps, when) => {
      // A group that is open is told at once when rules are taken up.
      const lone = list.map((rule) => ({ ...rule, groupS: 0 }));
      const told = new Told(lone);
      for (const [index, step] of steps.entries()) {
        if (index === when) told.take(told.decider.reconfigure(sceneOf(lone)));
        told.step(step);
      }
      expect(told.essence).toEqual(new Told(lone).all(steps).essence);
    }),
    RUNS,
  );
});

function isTally({ trigger }: Rule): boolean {
  return trigger.type === 'count' || trigger.type === 'absence';
}

function isOf(rule: Rule, alert: Alert): boolean {
  return alert.rule === rule.name;
}

function placeOf({ cooldownPer }: Rule, { camera, eventId, fault }: Alert): string {
  if (cooldownPer === 'rule') return '';
  return cooldownPer === 'track' ? `${eventId}` : `${camera ?? fault}`;
}

function lastOf(steps: readonly Step[]) {
  const last = steps.at(-1)!;
  return last.kind === 'see' ? last.observation.stamp : last.moment;
}

function emptied(camera: string, steps: readonly Step[]): Step {
  const { atMs, monoMs } = lastOf(steps);
  const stamp = { frame: 999, atMs: atMs + 1, monoMs: monoMs + 1 };
  return {
    kind: 'see',
    observation: {
      camera,
      stamp,
      tracks: [],
      ended: [],
      stages: { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 },
    },
  };
}

/** Without looks at which nothing is there, but for the first, and the first after a time without frames. */
function asHistoryKeeps(steps: readonly Step[]): Step[] {
  const blind = new Set<string>(CAMERAS);
  return steps.filter((step) => {
    if (step.kind !== 'see') return true;
    const { camera, tracks, ended, frameless } = step.observation;
    const isKept = tracks.length + ended.length > 0 || blind.has(camera);
    if (frameless === true) blind.add(camera);
    else blind.delete(camera);
    return isKept;
  });
}

/** The same steps, with time told every so often in between. */
function withAdvances(steps: readonly Step[], everyMs: number): Step[] {
  const result: Step[] = [];
  let told = 0;
  for (const step of steps) {
    const { atMs, monoMs } = step.kind === 'see' ? step.observation.stamp : step.moment;
    if (told === 0) told = monoMs;
    for (told += everyMs; told < monoMs; told += everyMs) {
      result.push({ kind: 'advance', moment: { atMs: atMs - (monoMs - told), monoMs: told } });
    }
    told = Math.min(told - everyMs, monoMs);
    result.push(step);
  }
  return result;
}

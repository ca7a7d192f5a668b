// Rules without an object of their own: so many, nobody, something broken. To the millisecond, however rarely time is told.
import { describe, expect, test } from 'vitest';
import { CAMERA_FAULTS, SIGHT_FAULTS } from '../../daemon/core/camera-status.ts';
import type { Rule, Trigger } from '../../daemon/core/rule-types.ts';
import type { CameraStatus, TrackView } from '../../daemon/core/types.ts';
import { at, type Spot, Stage } from '../support/rule-stage.ts';
import { sceneOf } from '../support/rule-worlds.ts';
import { ruleOf } from '../support/tracks.ts';

const stageOf = (trigger: Trigger, rule: Partial<Rule> = {}, options = {}) =>
  new Stage([{ trigger, ...rule }], options);
const crowd = (spots: readonly Spot[], fields: Partial<TrackView> = {}) =>
  spots.map((spot, index) => at(spot, { id: index + 1, ...fields }));
const named = (rule: Partial<Rule>): Rule => ruleOf({ name: 'r0', ...rule });
const online = { kind: 'status', camera: 'porch', status: 'online' } as const;

describe('count at least', () => {
  const three = (forS = 0, zone?: string) => stageOf({ type: 'count', zone, atLeast: 3, forS });

  test('fires once, for all of them, and again only after there were fewer', () => {
    const stage = three();
    const alerts = stage.see(1, crowd(['away', 'door', 'path']));
    stage.see(2, crowd(['away', 'door', 'path', 'both']));
    stage.see(3, crowd(['away', 'door']));
    stage.see(4, crowd(['away', 'door', 'path']));
    expect(stage.seconds).toEqual([1, 4]);
    expect(alerts[0]).toMatchObject({ count: 3, message: '3 person in porch' });
    expect(alerts[0]?.eventIds).toEqual(stage.events.slice(0, 3).map(({ id }) => id));
    expect(alerts[0]?.eventId).toBe(stage.events[0]?.id);
  });

  test('in a zone counts who is in it', () => {
    const stage = three(0, 'door');
    stage.see(1, crowd(['door', 'both', 'path']));
    expect(stage.seconds).toEqual([]);
    stage.see(2, crowd(['door', 'both', 'both']));
    expect(stage.seconds).toEqual([2]);
  });

  test('for so long: fires with the moment at which it had lasted, also between two looks', () => {
    const stage = three(10);
    stage.see(1, crowd(['away', 'door', 'path']));
    stage.see(14, crowd(['away', 'door', 'path']));
    expect(stage.seconds).toEqual([11]);
    expect(stage.alerts[0]).toMatchObject({ count: 3, message: '3 person in porch for 10 s' });
    expect(stage.alerts[0]).not.toHaveProperty('stages');
  });

  test('for so long: fires on time alone, of those who were seen last', () => {
    const stage = three(10);
    stage.see(1, crowd(['away', 'door', 'path']));
    stage.pass(10.999);
    expect(stage.seconds).toEqual([]);
    stage.pass(11);
    expect(stage.seconds).toEqual([11]);
    expect(stage.alerts[0]?.eventIds).toHaveLength(3);
  });

  test('for so long: begins anew after one look with fewer', () => {
    const stage = three(10);
    stage.see(1, crowd(['away', 'door', 'path']));
    stage.see(9, crowd(['away', 'door']));
    stage.see(10, crowd(['away', 'door', 'path']));
    stage.see(19, crowd(['away', 'door', 'path']));
    expect(stage.seconds).toEqual([]);
  });

  test('counts only what the rule is about', () => {
    const stage = stageOf(
      { type: 'count', atLeast: 2, forS: 0 },
      { labels: ['cat'], scoreMin: 0.8, size: { heightMin: 0.2 } },
    );
    const cat = at('door', { id: 1, label: 'cat' });
    stage.see(1, [
      cat,
      at('door', { id: 2 }),
      at('door', { id: 3, label: 'cat', confirmed: false }),
      at('door', { id: 4, label: 'cat', scoreMedian: 0.79 }),
      at('door', { id: 5, label: 'cat', box: { ...cat.box, height: 0.1 } }),
    ]);
    expect(stage.seconds).toEqual([]);
    stage.see(2, [cat, at('door', { id: 6, label: 'cat' })]);
    expect(stage.seconds).toEqual([2]);
  });
});

describe('count at most', () => {
  const guard = (options = {}) =>
    stageOf({ type: 'count', atMost: 1, forS: 5 }, { cameras: ['porch'] }, options);

  test('fires once it has lasted, and again only after there were more', () => {
    const stage = guard();
    stage.see(1, crowd(['away', 'door']));
    stage.see(2, crowd(['away']));
    stage.pass(60);
    stage.see(70, crowd(['away', 'door']));
    stage.see(71, []);
    stage.pass(80);
    expect(stage.seconds).toEqual([7, 76]);
    expect(stage.alerts[0]).toMatchObject({ count: 1 });
    expect(stage.alerts[0]).not.toHaveProperty('eventId');
  });

  test('waits for a camera that sees', () => {
    const stage = guard({ sees: false });
    stage.see(1, []);
    stage.pass(60);
    expect(stage.seconds).toEqual([]);
    stage.learn(60, online);
    stage.pass(70);
    expect(stage.seconds).toEqual([65]);
  });
});

describe('absence', () => {
  const absence = (rule: Partial<Rule> = {}) => stageOf({ type: 'absence', zone: 'door', forS: 10 }, rule);

  test('fires once when nothing was there for so long, and again after something was there', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.see(5, crowd(['door']));
    stage.see(6, crowd(['away']));
    stage.pass(100);
    stage.see(101, crowd(['both']));
    stage.see(102, []);
    stage.pass(200);
    expect(stage.seconds).toEqual([16, 112]);
    expect(stage.alerts[0]).toMatchObject({
      ...{ camera: 'porch', zone: 'door', count: 0, trigger: 'absence' },
      message: 'no object in door at porch for 10 s',
    });
    expect(stage.alerts[0]).not.toHaveProperty('label');
    expect(stage.alerts[0]).not.toHaveProperty('score');
  });

  test('begins with the first look at an online camera, also where nothing was ever seen', () => {
    const stage = stageOf({ type: 'absence', forS: 10 }, { cameras: ['porch'] }, { sees: false });
    stage.see(1, []);
    stage.pass(50);
    stage.learn(50, online);
    stage.pass(100);
    expect(stage.seconds).toEqual([60]);
  });

  test('does not begin where nobody ever looked, and not again where nobody looks any more', () => {
    const stage = stageOf({ type: 'absence', forS: 10 }, { cameras: ['porch'] }, { sees: false });
    stage.learn(0, online);
    stage.pass(50);
    stage.see(50, []);
    stage.see(51, [], { frameless: true });
    stage.learn(55, online);
    stage.pass(100);
    expect(stage.seconds).toEqual([]);
  });

  test('stands still while the detector does not run', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.learn(9, { kind: 'fault', fault: 'detector', active: true });
    stage.pass(50);
    stage.learn(60, { kind: 'fault', fault: 'detector', active: false });
    stage.pass(100);
    expect(stage.seconds).toEqual([70]);
  });

  test('that was due before the detector died is told', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.learn(11, { kind: 'fault', fault: 'detector', active: true });
    expect(stage.seconds).toEqual([10]);
  });

  test('is watched on every camera of its own', () => {
    const stage = absence();
    stage.see(5, crowd(['door']), { camera: 'yard' });
    stage.pass(11);
    expect(stage.alerts.map(({ camera }) => camera)).toEqual(['porch']);
  });

  test('goes on while the camera looks elsewhere: it sees', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.learn(5, { kind: 'status', camera: 'porch', status: 'moved' });
    stage.pass(50);
    expect(stage.seconds).toEqual([10]);
  });

  test.each(['offline', 'disabled', 'frozen', 'blind'] as const)(
    'stands still while the camera is %s, and begins anew after',
    (status) => {
      const stage = absence({ cameras: ['porch'] });
      stage.learn(9, { kind: 'status', camera: 'porch', status });
      stage.pass(50);
      stage.learn(60, online);
      stage.pass(69.9);
      expect(stage.seconds).toEqual([]);
      stage.pass(70);
      expect(stage.seconds).toEqual([70]);
    },
  );

  test('does not take a picture without frames for an empty one', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.see(5, crowd(['door']));
    stage.see(6, [], { frameless: true });
    stage.pass(100);
    expect(stage.seconds).toEqual([]);
    stage.see(100, []);
    stage.pass(110);
    expect(stage.seconds).toEqual([110]);
  });

  test('only of what the rule is about', () => {
    const stage = absence({ cameras: ['porch'], labels: ['cat'] });
    stage.see(5, crowd(['door']));
    stage.see(9, crowd(['door'], { label: 'cat', confirmed: false }));
    stage.pass(10);
    expect(stage.seconds).toEqual([10]);
    expect(stage.alerts[0]?.message).toBe('no cat in door at porch for 10 s');
  });

  test('says the wall clock of the moment at which it fell due', () => {
    const stage = absence({ cameras: ['porch'] });
    stage.pass(3600);
    expect(stage.alerts[0]?.atMs).toBe(Date.UTC(2026, 5, 1, 12, 0, 10));
  });
});

describe('fault', () => {
  const fault = (rule: Partial<Rule> = {}) =>
    stageOf(
      { type: 'fault', of: [...CAMERA_FAULTS, 'detector', 'disk'], forS: 30 },
      { while: 'always', ...rule },
    );
  const told = (stage: Stage) => stage.alerts.map(({ message }) => message);
  const status = (camera: string, word: CameraStatus) => ({ kind: 'status', camera, status: word }) as const;
  const broken = (what: 'detector' | 'disk', active = true) =>
    ({ kind: 'fault', fault: what, active }) as const;

  test('tells of a camera that has been offline for so long, once for every outage', () => {
    const stage = fault();
    stage.learn(10, status('porch', 'offline'));
    stage.pass(37.9);
    expect(stage.seconds).toEqual([]);
    stage.pass(500);
    stage.learn(500, status('porch', 'online'));
    stage.learn(510, status('porch', 'offline'));
    stage.pass(600);
    expect(stage.seconds).toEqual([40, 540]);
    expect(stage.alerts[0]).toMatchObject({ camera: 'porch', fault: 'offline', message: 'porch is offline' });
  });

  test('is silent about what is mended in time', () => {
    const stage = fault();
    stage.learn(10, status('porch', 'offline'));
    stage.learn(39.9, status('porch', 'online'));
    stage.learn(50, broken('disk'));
    stage.learn(79, broken('disk', false));
    stage.pass(600);
    expect(stage.seconds).toEqual([]);
  });

  test.each(SIGHT_FAULTS)(
    'tells of a camera that has been %s for so long, and not of one that is not any more',
    (word) => {
      const stage = fault();
      stage.learn(10, status('porch', word));
      stage.learn(20, status('yard', word));
      stage.learn(49, status('yard', 'online'));
      stage.pass(100);
      expect(stage.seconds).toEqual([40]);
      expect(stage.alerts[0]).toMatchObject({ camera: 'porch', fault: word, message: `porch is ${word}` });
    },
  );

  test('a camera that was covered and is then torn off is two alerts, whatever the cooldown', () => {
    const stage = fault({ cooldownS: 3600 });
    stage.learn(10, status('porch', 'blind'));
    stage.learn(50, status('porch', 'offline'));
    stage.pass(200);
    expect(told(stage)).toEqual(['porch is blind', 'porch is offline']);
  });

  test('does not call a disabled camera broken', () => {
    const stage = fault();
    stage.learn(10, status('porch', 'offline'));
    stage.learn(20, status('porch', 'disabled'));
    stage.pass(600);
    expect(stage.seconds).toEqual([]);
  });

  test('of the daemon has no camera', () => {
    const stage = fault({ cameras: ['yard'] });
    stage.learn(10, broken('detector'));
    stage.learn(11, status('porch', 'offline'));
    stage.pass(100);
    expect(told(stage)).toEqual(['the detector does not work']);
    expect(stage.alerts[0]).not.toHaveProperty('camera');
  });

  test('of one kind does not keep another quiet', () => {
    const stage = fault({ cooldownS: 3600 });
    stage.learn(10, broken('detector'));
    stage.learn(20, broken('disk'));
    stage.learn(30, status('porch', 'offline'));
    stage.learn(30, status('yard', 'offline'));
    stage.pass(100);
    expect(stage.alerts.map(({ fault: what, camera }) => camera ?? what)).toEqual([
      'detector',
      'disk',
      'porch',
      'yard',
    ]);
  });

  test('keeps quiet about the same again within its cooldown', () => {
    const stage = fault({ cooldownS: 3600 });
    for (const second of [10, 100]) {
      stage.learn(second, broken('disk'));
      stage.pass(second + 60);
      stage.learn(second + 60, broken('disk', false));
    }
    expect(stage.seconds).toEqual([40]);
  });

  test('is told also while nobody has armed the house, unless it says otherwise', () => {
    const [always, armed] = [fault(), fault({ while: 'armed' })];
    for (const stage of [always, armed]) {
      stage.arm(1, false, 'porch');
      stage.arm(1, false, 'yard');
      stage.learn(10, status('porch', 'offline'));
      stage.pass(100);
    }
    expect([always.seconds, armed.seconds]).toEqual([[40], []]);
  });

  test('knows what was broken before the rule was there, and tells it when it has lasted', () => {
    const stage = new Stage([]);
    stage.learn(10, broken('disk'));
    stage.pass(20);
    stage.rule([{ trigger: { type: 'fault', of: ['disk'], forS: 30 }, while: 'always' }]);
    stage.pass(100);
    expect(stage.seconds).toEqual([40]);
  });

  test('knows nothing of a camera that was taken out and comes back: it is another one', () => {
    const rules = [named({ trigger: { type: 'fault', of: ['offline'], forS: 60 }, while: 'always' })];
    const both = sceneOf(rules);
    const alone = { ...both, places: new Map([...both.places].filter(([camera]) => camera === 'porch')) };
    for (const goneAt of [40, 200]) {
      const stage = new Stage(rules);
      stage.learn(10, status('yard', 'offline'));
      stage.pass(goneAt);
      stage.take(stage.decider.reconfigure(alone));
      const before = stage.alerts.length;
      stage.pass(100_000);
      stage.take(stage.decider.reconfigure(both));
      stage.learn(100_001, status('yard', 'offline'));
      stage.pass(100_050);
      expect(stage.seconds.slice(before)).toEqual([]);
      stage.pass(100_200);
      expect(stage.seconds.slice(before)).toEqual([100_061]);
    }
  });
});

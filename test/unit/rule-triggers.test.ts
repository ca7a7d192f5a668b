// When exactly each trigger fires that is about one object at a time, and when it fires again.
import { describe, expect, test } from 'vitest';
import type { Trigger } from '../../daemon/core/rule-types.ts';
import { at, Stage } from '../support/rule-stage.ts';

const stageOf = (trigger: Trigger) => new Stage([{ trigger }]);

describe('enter', () => {
  const enter = () => stageOf({ type: 'enter', zone: 'door' });

  test('fires once a visit, and again for the next one', () => {
    const stage = enter();
    stage.walk(1, ['away', 'door', 'door', 'away', 'door', 'door']);
    expect(stage.seconds).toEqual([2, 5]);
  });

  test('fires for everybody on their own', () => {
    const stage = enter();
    stage.see(1, [at('door', { id: 1 }), at('door', { id: 2 }), at('path', { id: 3 })]);
    stage.see(2, [at('door', { id: 1 }), at('door', { id: 2 }), at('both', { id: 3 })]);
    expect(stage.seconds).toEqual([1, 1, 2]);
  });

  test('fires with the confirmation of who has walked in before it', () => {
    const stage = enter();
    stage.walk(1, ['away', 'door', 'door'], { confirmed: false });
    stage.walk(4, ['door', 'door']);
    expect(stage.seconds).toEqual([4]);
  });

  test('takes a number that a restarted camera uses again for somebody else', () => {
    const stage = enter();
    stage.walk(1, ['door']);
    stage.walk(2, ['door'], { startedMonoMs: 51_500 });
    expect(stage.seconds).toEqual([1, 2]);
  });
});

describe('exit', () => {
  const exit = () => stageOf({ type: 'exit', zone: 'door' });

  test('fires when somebody has left the zone, not when they come', () => {
    const stage = exit();
    stage.walk(1, ['away', 'door', 'door', 'away', 'away', 'door', 'away']);
    expect(stage.seconds).toEqual([4, 7]);
  });

  test('fires when a track ends in the zone, and points at its event, which ends with it', () => {
    const stage = exit();
    stage.walk(1, ['door', undefined]);
    expect(stage.seconds).toEqual([2]);
    expect(stage.alerts[0]?.eventId).toBe(stage.events[0]?.id);
    expect(stage.alerts[0]).toMatchObject({ label: 'person', zone: 'door', trigger: 'exit' });
  });

  test('does not fire when a track ends elsewhere', () => {
    const stage = exit();
    stage.walk(1, ['door', 'away', undefined]);
    expect(stage.seconds).toEqual([2]);
  });

  test('does not take a camera without frames for leaving', () => {
    const stage = exit();
    stage.walk(1, ['door']);
    stage.see(2, [], { frameless: true });
    expect(stage.seconds).toEqual([]);
  });

  test('does not fire for who is hidden in the zone, as long as the track goes on', () => {
    const stage = exit();
    stage.walk(1, ['door']);
    stage.walk(2, ['away', 'away'], { score: 0 });
    stage.walk(4, ['door']);
    expect(stage.seconds).toEqual([]);
  });

  test('does not fire for what was never confirmed', () => {
    const stage = exit();
    stage.walk(1, ['door', 'away', 'door', undefined], { confirmed: false });
    expect(stage.seconds).toEqual([]);
  });
});

describe('dwell', () => {
  const dwell = (forS = 2) => stageOf({ type: 'dwell', zone: 'door', forS });

  test('fires once a visit, with the look in which the time is reached', () => {
    const stage = dwell();
    stage.walk(1, ['away', 'door', 'door', 'door', 'door', 'door', 'away', 'door', 'door', 'door']);
    expect(stage.seconds).toEqual([4, 10]);
    expect(stage.alerts[0]?.message).toBe('person has been in door at porch for 2 s');
  });

  test('begins anew when somebody leaves before', () => {
    const stage = dwell(3);
    stage.walk(1, ['door', 'door', 'door', 'away', 'door', 'door', 'door']);
    expect(stage.seconds).toEqual([]);
    stage.walk(8, ['door']);
    expect(stage.seconds).toEqual([8]);
  });

  test('counts looks in which somebody in the zone is hidden, and fires when they are seen again', () => {
    const stage = dwell(3);
    stage.walk(1, ['door']);
    stage.walk(2, ['door', 'door', 'door', 'door'], { score: 0 });
    stage.walk(6, ['door']);
    expect(stage.seconds).toEqual([6]);
    expect(stage.alerts[0]?.because.find(({ what }) => what === 'trigger')?.value).toBe(5);
  });

  test('counts the time before the object was confirmed', () => {
    const stage = dwell(2);
    stage.walk(1, ['door', 'door'], { confirmed: false });
    stage.walk(3, ['door']);
    expect(stage.seconds).toEqual([3]);
  });

  test('does not fire on time alone: nobody knows whether they are still there', () => {
    const stage = dwell(2);
    stage.walk(1, ['door']);
    stage.pass(60);
    expect(stage.seconds).toEqual([]);
  });

  test('does not fire without a frame, whatever is said of who was there in the last one', () => {
    const stage = dwell(2);
    stage.walk(1, ['door', 'door']);
    stage.see(3, [at('door')], { frameless: true });
    expect(stage.seconds).toEqual([]);
    stage.walk(4, ['door']);
    expect(stage.seconds).toEqual([4]);
  });

  test('with no time at all is as enter', () => {
    const stage = dwell(0);
    stage.walk(1, ['away', 'door', 'door', 'away', 'door']);
    expect(stage.seconds).toEqual([2, 5]);
  });
});

describe('cross', () => {
  const cross = (to?: string) => stageOf({ type: 'cross', line: 'gate', to });

  test('fires at each crossing, and says from where to where', () => {
    const stage = cross();
    stage.walk(1, ['path', 'both', 'both', 'path']);
    expect(stage.seconds).toEqual([2, 4]);
    expect(stage.alerts[0]).toMatchObject({ line: 'gate', from: 'west', to: 'east' });
    expect(stage.alerts[1]).toMatchObject({ line: 'gate', from: 'east', to: 'west' });
    expect(stage.alerts[0]?.message).toBe('person crossed gate to east at porch');
  });

  test('fires at each crossing also when they follow look upon look', () => {
    const stage = cross();
    stage.walk(1, ['path', 'both', 'path', 'both']);
    expect(stage.seconds).toEqual([2, 3, 4]);
  });

  test('fires only to the side that is asked for', () => {
    const stage = cross('west');
    stage.walk(1, ['path', 'both', 'path', 'both', 'both', 'path']);
    expect(stage.seconds).toEqual([3, 6]);
  });

  test('does not fire for who first appears beyond the line', () => {
    const stage = cross();
    stage.walk(1, ['both', 'both']);
    expect(stage.seconds).toEqual([]);
  });

  test('does not tell later what was crossed before the object was confirmed', () => {
    const stage = cross();
    stage.walk(1, ['path', 'both'], { confirmed: false });
    stage.walk(3, ['both', 'both']);
    expect(stage.seconds).toEqual([]);
  });

  test('fires for who crosses behind a tree, when they are seen again', () => {
    const stage = cross();
    stage.walk(1, ['path']);
    stage.walk(2, ['both', 'both'], { score: 0 });
    stage.walk(4, ['both']);
    expect(stage.seconds).toEqual([4]);
  });
});

describe('appear', () => {
  test('fires once for every object, with its confirmation, wherever it is', () => {
    const stage = stageOf({ type: 'appear' });
    stage.walk(1, ['away', 'away'], { confirmed: false });
    stage.walk(3, ['away', 'door', 'away']);
    stage.see(6, [at('away'), at('path', { id: 2 })]);
    expect(stage.seconds).toEqual([3, 6]);
    expect(stage.alerts[0]).not.toHaveProperty('zone');
  });

  test('fires again for who was lost and found as another', () => {
    const stage = stageOf({ type: 'appear' });
    stage.walk(1, ['away', undefined]);
    stage.walk(3, ['away'], { id: 2 });
    expect(stage.seconds).toEqual([1, 3]);
  });
});

describe('sequence', () => {
  const sequence = (...zones: string[]) => stageOf({ type: 'sequence', zones, withinS: 4 });

  test('fires with the entry into the last zone, and names the first and the last', () => {
    const stage = sequence('path', 'door');
    stage.walk(1, ['away', 'path', 'away', 'door', 'door']);
    expect(stage.seconds).toEqual([4]);
    expect(stage.alerts[0]).toMatchObject({ zone: 'door', from: 'path', to: 'door' });
  });

  test('does not fire in the other order', () => {
    const stage = sequence('path', 'door');
    stage.walk(1, ['door', 'away', 'path', 'away']);
    expect(stage.seconds).toEqual([]);
  });

  test.each([
    ['in time to the millisecond', 4, [5]],
    ['a moment too late', 4.001, []],
  ])('counts from the first entry to the last: %s', (_, tookS, fired) => {
    const stage = sequence('path', 'door');
    stage.see(1, [at('path')]);
    stage.see(1 + tookS, [at('door')]);
    expect(stage.seconds).toEqual(fired);
  });

  test('begins anew with every entry into the first zone', () => {
    const stage = sequence('path', 'door');
    stage.see(1, [at('path')]);
    stage.see(4, [at('away')]);
    stage.see(6, [at('path')]);
    stage.see(9, [at('door')]);
    expect(stage.seconds).toEqual([9]);
  });

  test('counts from when the first zone was entered, however long somebody stays there', () => {
    const stage = sequence('path', 'door');
    stage.walk(1, ['path', 'path', 'path', 'path', 'path', 'door']);
    expect(stage.seconds).toEqual([]);
  });

  test('fires once for every time it is completed', () => {
    const stage = sequence('path', 'door');
    stage.walk(1, ['path', 'door', 'door', 'path', 'door', 'away', 'door']);
    expect(stage.seconds).toEqual([2, 5]);
  });

  test('goes there and back', () => {
    const stage = sequence('door', 'path', 'door');
    stage.walk(1, ['door', 'path', 'door']);
    expect(stage.seconds).toEqual([3]);
  });

  test('takes who appears in the first zone as having entered it', () => {
    const stage = sequence('path', 'door');
    stage.walk(1, ['path'], { confirmed: false });
    stage.walk(2, ['both']);
    expect(stage.seconds).toEqual([2]);
  });

  test('is of one object: two that take a zone each make none', () => {
    const stage = sequence('path', 'door');
    stage.see(1, [at('path', { id: 1 })]);
    stage.see(2, [at('path', { id: 1 }), at('door', { id: 2 })]);
    expect(stage.seconds).toEqual([]);
  });
});

// What has come to rest, and what had and is gone: a parked car never alerts twice.
import { describe, expect, test } from 'vitest';
import type { Trigger } from '../../daemon/core/rule-types.ts';
import type { TrackView } from '../../daemon/core/types.ts';
import { at, type Spot, Stage } from '../support/rule-stage.ts';

const stageOf = (trigger: Trigger) => new Stage([{ trigger }]);
const car = (spot: Spot, stationary: boolean, fields: Partial<TrackView> = {}) => [
  at(spot, { label: 'car', stationary, ...fields }),
];

describe('stationary', () => {
  test('fires once when an object comes to rest, however long it stays', () => {
    const stage = stageOf({ type: 'stationary', forS: 0 });
    stage.see(1, car('away', false));
    for (let second = 2; second < 3600; second += 10) stage.see(second, car('away', true));
    expect(stage.seconds).toEqual([2]);
    expect(stage.alerts[0]?.message).toBe('car has come to rest at porch');
  });

  test('fires only for an object that rests for so long', () => {
    const stage = stageOf({ type: 'stationary', forS: 60 });
    stage.see(1, car('away', true));
    stage.see(60, car('away', true));
    expect(stage.seconds).toEqual([]);
    stage.see(61, car('away', true));
    expect(stage.seconds).toEqual([61]);
  });

  test('fires again when the object has moved and rests again', () => {
    const stage = stageOf({ type: 'stationary', forS: 2 });
    for (const [second, rests] of [true, true, true, false, true, true, true].entries()) {
      stage.see(1 + second, car('away', rests));
    }
    expect(stage.seconds).toEqual([3, 7]);
  });

  test('in a zone counts only rest in that zone', () => {
    const stage = stageOf({ type: 'stationary', zone: 'door', forS: 2 });
    stage.see(1, car('away', true));
    stage.see(5, car('away', true));
    stage.see(6, car('door', true));
    stage.see(8, car('door', true));
    expect(stage.seconds).toEqual([8]);
    expect(stage.alerts[0]?.zone).toBe('door');
  });

  test('a person who hides it does not make it rest anew', () => {
    const stage = stageOf({ type: 'stationary', forS: 0 });
    stage.see(1, car('away', true));
    stage.see(2, car('away', true, { score: 0 }));
    stage.see(3, car('away', true));
    expect(stage.seconds).toEqual([1]);
  });
});

describe('removed', () => {
  const removed = (zone?: string, forS = 0) => stageOf({ type: 'removed', zone, forS });

  test('fires when a track ends that rested, and points at its event', () => {
    const stage = removed();
    stage.see(1, car('door', false));
    stage.see(2, car('door', true));
    stage.see(3, []);
    expect(stage.seconds).toEqual([3]);
    expect(stage.alerts[0]?.eventId).toBe(stage.events[0]?.id);
    expect(stage.alerts[0]?.message).toBe('car that had rested at porch is gone');
  });

  test('fires once when it moves off, not again at its end', () => {
    const stage = removed();
    stage.see(1, car('away', true));
    stage.see(2, car('path', false));
    stage.see(3, car('both', false));
    stage.see(4, []);
    expect(stage.seconds).toEqual([2]);
  });

  test('fires again when it has rested elsewhere and leaves that place too', () => {
    const stage = removed();
    stage.see(1, car('away', true));
    stage.see(2, car('path', false));
    stage.see(3, car('both', true));
    stage.see(4, []);
    expect(stage.seconds).toEqual([2, 4]);
  });

  test('does not fire for what shakes where it stands', () => {
    const stage = removed();
    const { box } = at('away');
    stage.see(1, car('away', true));
    stage.see(2, car('away', false, { box: { ...box, x: box.x + 0.02 } }));
    stage.see(3, car('away', true));
    expect(stage.seconds).toEqual([]);
  });

  test('does not fire for what never rested, or not for so long', () => {
    const stage = removed(undefined, 60);
    stage.see(1, car('away', false));
    stage.see(2, []);
    stage.see(10, car('away', true, { id: 2 }));
    stage.see(69, car('away', true, { id: 2 }));
    stage.see(70, []);
    expect(stage.seconds).toEqual([]);
  });

  test('does not take a camera without frames for an empty drive', () => {
    const stage = removed();
    stage.see(1, car('door', true));
    stage.see(2, [], { frameless: true });
    expect(stage.seconds).toEqual([]);
  });

  test('of a zone fires when it leaves the zone, and not while it moves within', () => {
    const stage = removed('path');
    stage.see(1, car('path', true));
    stage.see(2, car('both', false));
    expect(stage.seconds).toEqual([]);
    stage.see(3, car('door', false));
    stage.see(4, []);
    expect(stage.seconds).toEqual([3]);
  });

  test('of a zone is not about what rested elsewhere', () => {
    const stage = removed('door');
    stage.see(1, car('away', true));
    stage.see(2, []);
    expect(stage.seconds).toEqual([]);
  });
});

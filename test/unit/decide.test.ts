import { describe, expect, test } from 'vitest';
import { Decider, type Decision } from '../../daemon/core/decide.ts';
import { UPDATE_INTERVAL_MS_MIN } from '../../daemon/core/events.ts';
import type { Rule } from '../../daemon/core/rule-types.ts';
import type { Observation, TrackView } from '../../daemon/core/types.ts';
import {
  DOOR,
  LOCATION,
  observation,
  placesOf,
  ruleOf,
  stampOf,
  standing,
  trackView,
} from '../support/tracks.ts';

const RULE = ruleOf({
  labels: ['person'],
  cooldownS: 10,
  message: '{label} entered {zone} at {camera} ({score}, {rule}, {other})',
});
const OUTSIDE = standing(0.2, 0.8);
const INSIDE = standing(0.7, 0.8);

function decider(rule: Partial<Rule> = {}) {
  let count = 0;
  const newId = () => {
    count += 1;
    return `id-${count}`;
  };
  const rules = [{ ...RULE, ...rule }];
  return new Decider({ rules, places: placesOf([DOOR]), location: LOCATION, newId });
}

/** Feeds one track through the given boxes, a frame each. */
function feed(
  target: Decider,
  boxes: readonly (typeof OUTSIDE)[],
  fields: Partial<TrackView> = {},
  from = 1,
) {
  return boxes.map((box, index) =>
    target.observe(observation(from + index, [trackView({ id: 1, box, ...fields })])),
  );
}

function judged(target: Decider, seen: Observation, armed: boolean): Decision {
  target.learn({ kind: 'armed', camera: 'porch', armed }, seen.stamp);
  return target.observe(seen);
}

/** Feeds one track through the given boxes, with the house armed or not at each. */
function feedArmed(target: Decider, steps: readonly (readonly [box: typeof OUTSIDE, armed: boolean])[]) {
  return steps.map(([box, armed], index) =>
    judged(target, observation(1 + index, [trackView({ id: 1, box })]), armed),
  );
}

describe('a house that is not armed', () => {
  test('has events and no alerts', () => {
    const decisions = feedArmed(decider(), [
      [OUTSIDE, false],
      [INSIDE, false],
    ]);
    expect(decisions.flatMap(({ alerts }) => alerts)).toEqual([]);
    expect(decisions[0]?.events).toMatchObject([{ type: 'new' }]);
  });

  test('has seen who stands in a zone when it is armed again; only who enters anew is told', () => {
    const decisions = feedArmed(decider(), [
      [INSIDE, false],
      [INSIDE, true],
      [INSIDE, true],
      [OUTSIDE, true],
      [INSIDE, true],
    ]);
    expect(decisions.map(({ alerts }) => alerts.length)).toEqual([0, 0, 0, 0, 1]);
  });

  test('tells who comes back after having left while it was not armed', () => {
    const decisions = feedArmed(decider({ cooldownS: 0 }), [
      [INSIDE, true],
      [OUTSIDE, false],
      [INSIDE, true],
    ]);
    expect(decisions.map(({ alerts }) => alerts.length)).toEqual([1, 0, 1]);
  });

  test('does not tell later what a filter of the rule held back meanwhile', () => {
    const target = decider({ scoreMin: 0.8 });
    const weak = trackView({ id: 1, box: INSIDE, scoreMedian: 0.75 });
    expect(judged(target, observation(1, [weak]), false).alerts).toEqual([]);
    expect(judged(target, observation(2, [{ ...weak, scoreMedian: 0.85 }]), true).alerts).toEqual([]);
  });

  test('begins no cooldown', () => {
    const decisions = feedArmed(decider({ cooldownS: 3600 }), [
      [INSIDE, false],
      [OUTSIDE, true],
      [INSIDE, true],
    ]);
    expect(decisions.map(({ alerts }) => alerts.length)).toEqual([0, 0, 1]);
  });
});

describe('the rule "enter"', () => {
  test('fires once when a confirmed object crosses into the zone', () => {
    const decisions = feed(decider(), [OUTSIDE, OUTSIDE, INSIDE, INSIDE, INSIDE]);
    expect(decisions.map((decision) => decision.alerts.length)).toEqual([0, 0, 1, 0, 0]);
    expect(decisions[2]?.alerts[0]).toMatchObject({
      rule: 'person-at-door',
      zone: 'door',
      camera: 'porch',
      label: 'person',
      severity: 'warning',
      message: 'person entered door at porch (0.90, person-at-door, {other})',
      atMs: stampOf(3).atMs,
    });
  });

  test('fires for an object that is first confirmed inside the zone', () => {
    const target = decider();
    expect(feed(target, [INSIDE, INSIDE], { confirmed: false }).flatMap(({ alerts }) => alerts)).toEqual([]);
    expect(feed(target, [INSIDE], {}, 3).flatMap(({ alerts }) => alerts)).toHaveLength(1);
  });

  test('points at the event of its object, which is told in the same decision', () => {
    const [decision] = feed(decider(), [INSIDE]);
    expect(decision?.events[0]).toMatchObject({ type: 'new', zones: ['door'], zonesEntered: ['door'] });
    expect(decision?.alerts[0]?.eventId).toBe(decision?.events[0]?.id);
  });

  test('fires again for a new visit after the cooldown, and not during it', () => {
    const target = decider({ cooldownS: 1 });
    const visit = [OUTSIDE, INSIDE];
    const at = (from: number) => feed(target, visit, {}, from).flatMap(({ alerts }) => alerts).length;
    expect([at(1), at(3), at(9)]).toEqual([1, 0, 1]);
  });

  test('a visit that began in the cooldown stays silent to its end', () => {
    const target = decider({ cooldownS: 1 });
    feed(target, [INSIDE, OUTSIDE]);
    expect(feed(target, new Array(20).fill(INSIDE), {}, 3).flatMap(({ alerts }) => alerts)).toEqual([]);
  });

  test.each([
    ['another label', {}, { label: 'car' }],
    ['another camera', { cameras: ['garden'] }, {}],
    ['a score below scoreMin', { scoreMin: 0.95 }, {}],
    ['an object not seen in this frame', {}, { score: 0 }],
  ])('does not fire for %s', (_, rule, fields) => {
    expect(feed(decider(rule), [OUTSIDE, INSIDE], fields).flatMap(({ alerts }) => alerts)).toEqual([]);
  });

  test('fires when the score is reached only inside the zone', () => {
    const target = decider({ scoreMin: 0.8 });
    expect(feed(target, [INSIDE], { scoreMedian: 0.7 })[0]?.alerts).toEqual([]);
    expect(feed(target, [INSIDE], { scoreMedian: 0.85 }, 2)[0]?.alerts).toHaveLength(1);
  });

  test('cooldowns of two cameras are apart', () => {
    const places = placesOf([DOOR], ['porch', 'garden']);
    const target = new Decider({ rules: [RULE], places, location: LOCATION, newId: () => 'id' });
    const alerts = ['porch', 'garden'].flatMap(
      (camera) => target.observe({ ...observation(1, [trackView({ id: 1, box: INSIDE })]), camera }).alerts,
    );
    expect(alerts.map((alert) => alert.camera)).toEqual(['porch', 'garden']);
  });
});

describe('the life of an event', () => {
  test('is new, then end, with one id', () => {
    const target = decider();
    const [first] = feed(target, [OUTSIDE]);
    const last = target.observe(observation(9, [], [1]));
    expect(first?.events).toMatchObject([{ id: 'id-1', type: 'new', startedAtMs: stampOf(0).atMs }]);
    expect(last.events).toMatchObject([{ id: 'id-1', type: 'end', endedAtMs: stampOf(9).atMs, zones: [] }]);
  });

  test('never begins for an unconfirmed track, and its end is silent', () => {
    const target = decider();
    const decisions = feed(target, [INSIDE, INSIDE], { confirmed: false });
    decisions.push(target.observe(observation(9, [], [1])));
    expect(decisions.flatMap(({ events }) => events)).toEqual([]);
  });

  test('updates when zones change, at most once in UPDATE_INTERVAL_MS_MIN', () => {
    const boxes = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? OUTSIDE : INSIDE));
    const changes = feed(decider(), boxes).flatMap(({ events }) => events);
    const times = changes.map((change) => change.monoMs);
    expect(changes.length).toBeGreaterThan(3);
    for (const [index, time] of times.slice(1).entries()) {
      expect(time - times[index]!).toBeGreaterThanOrEqual(UPDATE_INTERVAL_MS_MIN);
    }
  });

  test('remembers every zone entered, also between two tellings', () => {
    const target = decider();
    feed(target, [OUTSIDE, INSIDE, OUTSIDE]);
    expect(target.observe(observation(4, [], [1])).events[0]).toMatchObject({
      zones: [],
      zonesEntered: ['door'],
    });
  });

  test('a better score is told, a trifle is not', () => {
    const target = decider();
    feed(target, [OUTSIDE], { score: 0.7, scoreMedian: 0.7 });
    expect(feed(target, [OUTSIDE], { score: 0.72, scoreMedian: 0.7 }, 10)[0]?.events).toEqual([]);
    expect(feed(target, [OUTSIDE], { score: 0.9, scoreMedian: 0.7 }, 11)[0]?.events).toMatchObject([
      { type: 'update', score: 0.9 },
    ]);
  });

  test('the same track number on two cameras is two events', () => {
    const target = decider();
    const on = (camera: string) =>
      target.observe({ ...observation(1, [trackView({ id: 1, box: OUTSIDE })]), camera }).events[0]?.id;
    expect([on('porch'), on('garden')]).toEqual(['id-1', 'id-2']);
  });
});

describe('the picture of an event', () => {
  const picture = (name: string) => ({ path: `media/porch/${name}.jpg`, sha256: name.repeat(64) });
  const durable = (track: number) => ({
    ...picture('a'),
    ...{ camera: 'porch', track, label: 'person', score: 0.9, box: OUTSIDE, atMs: 0, bytes: 1 },
  });

  test('is named from its beginning to its end, and by the alerts meanwhile', () => {
    const target = decider();
    const [first, second] = feed(target, [OUTSIDE, INSIDE], { snapshot: picture('a') });
    expect(first?.events[0]?.snapshot).toEqual(picture('a'));
    expect(second?.alerts[0]?.snapshot).toEqual(picture('a'));
    expect(target.observe(observation(9, [], [1])).events[0]?.snapshot).toEqual(picture('a'));
  });

  test('is absent while there is none', () => {
    const target = decider();
    const decisions = [...feed(target, [INSIDE]), target.observe(observation(9, [], [1]))];
    const records = decisions.flatMap(({ events, alerts }) => [...events, ...alerts]);
    expect(records.map(({ snapshot }) => snapshot)).toEqual([undefined, undefined, undefined]);
  });

  test('is told again when it is a better one, as often as any update', () => {
    const target = decider();
    feed(target, [OUTSIDE], { snapshot: picture('a') });
    expect(feed(target, [OUTSIDE], { snapshot: picture('b') }, 2)[0]?.events).toEqual([]);
    expect(feed(target, [OUTSIDE], { snapshot: picture('b') }, 10)[0]?.events).toMatchObject([
      { type: 'update', snapshot: picture('b') },
    ]);
    expect(feed(target, [OUTSIDE], { snapshot: picture('b') }, 20)[0]?.events).toEqual([]);
  });

  test('stays the last one known, also when the track names none any more', () => {
    const target = decider();
    feed(target, [OUTSIDE], { snapshot: picture('a') });
    feed(target, [OUTSIDE], { snapshot: picture('b'), score: 0 }, 2);
    feed(target, [OUTSIDE], {}, 3);
    expect(target.observe(observation(9, [], [1])).events[0]?.snapshot).toEqual(picture('b'));
  });

  test('finds its event while that goes on and shortly after, and else has none', () => {
    const target = decider();
    expect(target.eventOf(durable(1))).toEqual(durable(1));
    feed(target, [OUTSIDE]);
    expect(target.eventOf(durable(1))).toEqual({ ...durable(1), eventId: 'id-1' });
    target.observe(observation(9, [], [1]));
    expect(target.eventOf(durable(1))).toEqual({ ...durable(1), eventId: 'id-1' });
    expect(target.eventOf({ ...durable(1), camera: 'garden' }).eventId).toBeUndefined();
  });

  test('finds the event of the newer track where a camera counts from 1 again', () => {
    const target = decider();
    for (const frame of [1, 3]) {
      feed(target, [OUTSIDE], {}, frame);
      target.observe(observation(frame + 1, [], [1]));
    }
    expect(target.eventOf(durable(1)).eventId).toBe('id-2');
  });

  test('knows only so many events that are over', () => {
    const target = decider();
    for (let id = 1; id <= 65; id += 1) {
      target.observe(observation(id, [trackView({ id, box: OUTSIDE })]));
      target.observe(observation(id, [], [id]));
    }
    expect(target.eventOf(durable(1)).eventId).toBeUndefined();
    expect(target.eventOf(durable(2)).eventId).toBe('id-2');
  });
});

describe('other rules and zones while the daemon runs', () => {
  const scene = { places: placesOf([DOOR]), location: LOCATION };

  test('end no event, keep the cooldown, and do not alert again on who stands there', () => {
    const target = decider();
    const first = feed(target, [INSIDE]);
    target.reconfigure({ ...scene, rules: [{ ...RULE, cooldownS: 0, message: 'other' }] });
    const decisions = feed(target, [INSIDE, OUTSIDE, INSIDE], {}, 2);
    expect(decisions.map(({ alerts }) => alerts.length)).toEqual([0, 0, 1]);
    expect(decisions[2]?.alerts[0]?.message).toBe('other');
    expect(decisions[2]?.alerts[0]?.eventId).toBe(first[0]?.events[0]?.id);
  });

  test('let a rule that now looks at another zone see who already stands there', () => {
    const target = decider({ cooldownS: 0 });
    feed(target, [INSIDE]);
    const yard = { ...DOOR, name: 'yard' };
    target.reconfigure({
      rules: [{ ...RULE, cooldownS: 0, trigger: { type: 'enter', zone: 'yard' } }],
      places: placesOf([DOOR, yard]),
      location: LOCATION,
    });
    expect(feed(target, [INSIDE], {}, 2)[0]?.alerts.map(({ zone }) => zone)).toEqual(['yard']);
  });
});

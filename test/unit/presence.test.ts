// Counts and motion: what is told of who is there, and that it is told once.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Count,
  LABELS_MAX,
  Presence,
  type PresenceChange,
  QUIET_MS,
  SCORE_INTERVAL_MS_MIN,
  SCORE_STEP,
} from '../../daemon/core/presence.ts';
import type { Zone } from '../../daemon/core/rule-types.ts';
import type { Observation, TrackView } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { DOOR, NO_STAGES, observation, placesOf, stampOf, standing, trackView } from '../support/tracks.ts';

const OUTSIDE = standing(0.2, 0.8);
const INSIDE = standing(0.7, 0.8);

/** What a subscriber holds: the newest state by place. */
class Told {
  readonly states = new Map<string, Count | boolean>();
  /** All changes, in order. */
  readonly changes: PresenceChange[] = [];

  take(changes: readonly PresenceChange[]): readonly PresenceChange[] {
    for (const change of changes) {
      this.changes.push(change);
      if (change.state === undefined) this.states.delete(keyOf(change));
      else this.states.set(keyOf(change), change.state);
    }
    return changes;
  }

  count(key: string): Partial<Count> | undefined {
    const state = this.states.get(key);
    if (typeof state !== 'object') return undefined;
    return { count: state.count, active: state.active };
  }
}

function keyOf(change: PresenceChange): string {
  if (change.kind === 'motion') return `${change.camera}/motion`;
  return [change.camera, change.zone ?? [], change.label].flat().join('/');
}

interface Options {
  readonly zones?: readonly Zone[];
  readonly labels?: readonly string[];
}

function porch({ zones = [DOOR], labels = ['person'] }: Options = {}) {
  const presence = new Presence();
  const told = new Told();
  const scene = { cameras: ['porch'], places: placesOf(zones), labels };
  told.take(presence.rearrange(scene, stampOf(0)));
  told.take(presence.cameraStatus('porch', 'online', stampOf(0)));
  const whereabouts = new Whereabouts(scene.places);
  const take = (seen: Observation) => told.take(presence.observe(seen, whereabouts.observe(seen)));
  const see = (frame: number, ...tracks: TrackView[]) => take(observation(frame, tracks));
  return { presence, told, scene, whereabouts, take, see };
}

const at = (x: number, fields: Partial<TrackView> = {}): TrackView =>
  trackView({ id: 1, box: standing(x, 0.8), ...fields });

describe('counts', () => {
  test('are zero from the start for every label that is published', () => {
    const { told } = porch({ labels: ['cat', 'person'] });
    expect([...told.states.keys()].sort()).toEqual([
      'porch/cat',
      'porch/door/cat',
      'porch/door/person',
      'porch/motion',
      'porch/person',
    ]);
    expect(told.states.get('porch/door/cat')).toEqual({
      count: 0,
      active: 0,
      scoreMax: 0,
      atMs: stampOf(0).atMs,
    });
    expect(told.states.get('porch/motion')).toBe(false);
  });

  test('follow objects into a zone and away', () => {
    const { told, see } = porch();
    see(1, trackView({ id: 1, box: OUTSIDE }));
    expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
    expect(told.count('porch/door/person')).toEqual({ count: 0, active: 0 });
    see(2, trackView({ id: 1, box: INSIDE }), trackView({ id: 2, box: OUTSIDE }));
    expect(told.count('porch/person')).toEqual({ count: 2, active: 1 });
    expect(told.count('porch/door/person')).toEqual({ count: 1, active: 1 });
    see(3);
    expect(told.count('porch/person')).toEqual({ count: 0, active: 0 });
    expect(told.count('porch/door/person')).toEqual({ count: 0, active: 0 });
  });

  test('of a zone hold while a box trembles on its edge', () => {
    const { told, see } = porch({ zones: [{ ...DOOR, inertia: 2, margin: 0.02 }] });
    for (let frame = 1; frame < 50; frame += 1) see(frame, at(frame % 5 < 3 ? 0.505 : 0.49));
    const tellings = told.changes.filter((change) => keyOf(change) === 'porch/door/person');
    expect(tellings.map(({ state }) => (state as Count).count)).toEqual([0, 1]);
  });

  test('leave out what is not confirmed and keep what is not seen for a moment', () => {
    const { told, see } = porch();
    see(1, at(0.2, { confirmed: false }));
    expect(told.count('porch/person')).toEqual({ count: 0, active: 0 });
    see(2, at(0.2));
    see(3, at(0.2, { score: 0 }));
    expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
  });

  test('name a label that was not announced as soon as it is there, under its name for topics', () => {
    const { told, see } = porch();
    see(1, at(0.7, { label: 'Stop Sign' }));
    expect(told.count('porch/stop_sign')).toEqual({ count: 1, active: 0 });
    expect(told.count('porch/door/stop_sign')).toEqual({ count: 1, active: 0 });
    see(2);
    expect(told.count('porch/stop_sign')).toEqual({ count: 0, active: 0 });
  });

  test('say nothing while nothing changes', () => {
    const { see } = porch();
    see(1, at(0.2));
    for (let frame = 2; frame < 100; frame += 1) expect(see(frame, at(0.2))).toEqual([]);
  });

  test('do not follow every trembling of the score', () => {
    const { told, see } = porch();
    for (let frame = 1; frame <= 300; frame += 1)
      see(frame, at(0.2, { scoreMedian: frame % 2 ? 0.95 : 0.7 }));
    const tellings = told.changes.filter((change) => keyOf(change) === 'porch/person');
    // A minute at five frames a second.
    expect(tellings.length).toBeLessThanOrEqual(62);
    expect(tellings.length).toBeGreaterThan(10);
    const calm = porch();
    for (let frame = 1; frame <= 300; frame += 1)
      calm.see(frame, at(0.2, { scoreMedian: frame % 2 ? 0.9 : 0.87 }));
    expect(calm.told.changes.filter((change) => keyOf(change) === 'porch/person')).toHaveLength(2);
  });
});

describe('motion', () => {
  test('is on while something moves and off some quiet seconds later', () => {
    const { presence, told, see } = porch();
    see(1, at(0.2, { confirmed: false }));
    expect(told.states.get('porch/motion')).toBe(false);
    see(2, at(0.25, { confirmed: false }));
    expect(told.states.get('porch/motion')).toBe(true);
    const { monoMs, atMs } = stampOf(2);
    told.take(presence.settle({ monoMs: monoMs + QUIET_MS - 1, atMs }));
    expect(told.states.get('porch/motion')).toBe(true);
    told.take(presence.settle({ monoMs: monoMs + QUIET_MS, atMs }));
    expect(told.states.get('porch/motion')).toBe(false);
  });

  test('is on while the gate sees something move, object or not', () => {
    const { presence, told } = porch();
    const look = (frame: number, motion: boolean): void => {
      const observation = {
        camera: 'porch',
        stamp: stampOf(frame),
        tracks: [],
        ended: [],
        stages: NO_STAGES,
        motion,
      };
      told.take(presence.observe(observation, []));
    };
    look(1, false);
    expect(told.states.get('porch/motion')).toBe(false);
    look(2, true);
    expect(told.states.get('porch/motion')).toBe(true);
    look(3, false);
    expect(told.states.get('porch/motion')).toBe(true);
    look(2 + QUIET_MS / 200, false);
    expect(told.states.get('porch/motion')).toBe(false);
  });

  test('is not made by a box that trembles', () => {
    const { told, see } = porch();
    for (let frame = 1; frame < 50; frame += 1) see(frame, at(frame % 2 ? 0.2 : 0.215));
    expect(told.states.get('porch/motion')).toBe(false);
    expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
  });

  test('is seen in a slow walk, which moves less than a step from frame to frame', () => {
    const { told, see } = porch();
    for (let frame = 1; frame < 50; frame += 1) see(frame, at(0.2 + frame * 0.01));
    expect(told.states.get('porch/motion')).toBe(true);
    expect(told.count('porch/person')).toEqual({ count: 1, active: 1 });
  });

  test('is told per object: at rest, and how often it set out', () => {
    const { presence, see } = porch();
    expect(presence.movementOf('porch', 1)).toBeUndefined();
    see(1, at(0.2));
    see(2, at(0.4));
    see(3, at(0.6));
    expect(presence.movementOf('porch', 1)).toEqual({ active: true, score: 0.9, still: 0, starts: 1 });
    for (let frame = 4; frame < 40; frame += 1) see(frame, at(0.6, { score: 0 }));
    expect(presence.movementOf('porch', 1)).toEqual({ active: false, score: 0.9, still: 36, starts: 1 });
    see(40, at(0.8));
    expect(presence.movementOf('porch', 1)).toMatchObject({ active: true, starts: 2 });
  });
});

describe('an object that its tracker holds for stationary', () => {
  test('does not move, however its box trembles', () => {
    const { told, see, presence } = porch();
    for (let frame = 1; frame < 50; frame += 1) see(frame, at(frame % 2 ? 0.2 : 0.3, { stationary: true }));
    expect(told.states.get('porch/motion')).toBe(false);
    expect(presence.movementOf('porch', 1)).toMatchObject({ active: false, still: 48, starts: 0 });
  });

  test('comes to rest at once, and moves from the moment in which it sets out', () => {
    const { told, see, presence } = porch();
    see(1, at(0.2));
    see(2, at(0.4));
    expect(presence.movementOf('porch', 1)).toMatchObject({ active: true, starts: 1 });
    see(3, at(0.4, { stationary: true }));
    expect(presence.movementOf('porch', 1)).toMatchObject({ active: false, starts: 1 });
    expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
    see(100, at(0.4, { stationary: true }));
    see(101, at(0.41));
    expect(presence.movementOf('porch', 1)).toMatchObject({ active: true, still: 0, starts: 2 });
    expect(told.states.get('porch/motion')).toBe(true);
  });
});

describe('a camera', () => {
  test('whose worker was started again numbers other objects the same: none of them has moved', () => {
    const { presence, told, see } = porch();
    see(1, at(0.2));
    see(2, at(0.8, { startedMonoMs: stampOf(2).monoMs }));
    expect(told.states.get('porch/motion')).toBe(false);
    expect(presence.movementOf('porch', 1)).toMatchObject({ still: 0, starts: 0 });
  });

  test('that sees no end of labels tells of so many', () => {
    const { told, see } = porch({ zones: [], labels: [] });
    for (let label = 1; label <= LABELS_MAX + 10; label += 1)
      see(label, at(0.2, { label: `label ${label}` }));
    expect([...told.states.keys()].filter((key) => key.includes('/label_'))).toHaveLength(LABELS_MAX);
  });

  test.each(['offline', 'disabled', 'frozen', 'blind'] as const)(
    'that is %s sees nobody, and tracks that end afterwards bring nobody back',
    (status) => {
      const { presence, told, see } = porch();
      see(1, at(0.2), at(0.7, { id: 2 }));
      see(2, at(0.4), at(0.7, { id: 2 }));
      told.take(presence.cameraStatus('porch', status, stampOf(3)));
      expect(told.count('porch/person')).toEqual({ count: 0, active: 0 });
      expect(told.states.get('porch/motion')).toBe(false);
      expect(see(4, at(0.7, { id: 2 }))).toEqual([]);
      told.take(presence.cameraStatus('porch', 'online', stampOf(5)));
      see(6, at(0.7, { id: 2 }));
      expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
      expect(told.states.get('porch/motion')).toBe(false);
    },
  );

  test('that was moved sees who is there', () => {
    const { presence, told, see } = porch();
    see(1, at(0.2));
    told.take(presence.cameraStatus('porch', 'moved', stampOf(2)));
    expect(told.count('porch/person')).toEqual({ count: 1, active: 0 });
  });

  test('that comes back from a video played ahead of the clock rests and moves by the clock again', () => {
    const { presence, told, see } = porch();
    const anHourAhead = 18_000;
    for (let frame = 1; frame <= anHourAhead; frame += 300) see(frame, at(0.2 + (frame % 2) * 0.3));
    told.take(presence.cameraStatus('porch', 'offline', stampOf(10)));
    told.take(presence.cameraStatus('porch', 'online', stampOf(11)));
    see(12, at(0.2, { id: 2 }));
    see(13, at(0.5, { id: 2 }));
    expect(told.states.get('porch/motion')).toBe(true);
    see(13 + QUIET_MS / 200, at(0.5, { id: 2, scoreMedian: 0.8 }));
    expect(told.states.get('porch/motion')).toBe(false);
    expect(told.states.get('porch/person')).toMatchObject({ count: 1, active: 0, scoreMax: 0.8 });
  });

  test('that is removed takes all it has told with it', () => {
    const { presence, told, see } = porch({ labels: ['person'] });
    see(1, at(0.7, { label: 'cat' }));
    told.take(presence.rearrange({ cameras: [], places: new Map(), labels: ['person'] }, stampOf(2)));
    expect(told.states).toEqual(new Map());
    expect(see(3, at(0.7))).toEqual([]);
  });

  test('whose zones change clears those that go and counts anew in those that come', () => {
    const { presence, told, see, scene, whereabouts } = porch();
    see(1, at(0.7));
    const gate = { ...DOOR, name: 'gate' };
    told.take(presence.rearrange({ ...scene, places: placesOf([gate]) }, stampOf(2)));
    expect(told.count('porch/door/person')).toBeUndefined();
    whereabouts.rearrange(placesOf([gate]));
    see(3, at(0.7));
    expect(told.count('porch/gate/person')).toEqual({ count: 1, active: 0 });
    expect(told.changes.filter((change) => keyOf(change) === 'porch/person')).toHaveLength(2);
  });
});

test('whatever is seen, the newest told is the truth, and nothing is told twice', () => {
  const frames = fc.array(
    fc.record({
      tracks: fc.uniqueArray(
        fc.record({
          id: fc.integer({ min: 1, max: 5 }),
          x: fc.constantFrom(0.2, 0.22, 0.45, 0.7, 0.9),
          confirmed: fc.boolean(),
          label: fc.constantFrom('person', 'cat', 'Cat'),
          scoreMedian: fc.double({ min: 0.5, max: 1, noNaN: true }),
        }),
        { selector: ({ id }) => id },
      ),
      stepMs: fc.integer({ min: 1, max: 7000 }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(frames, (steps) => {
      const { told, take } = porch();
      let monoMs = stampOf(0).monoMs;
      for (const { tracks, stepMs } of steps) {
        monoMs += stepMs;
        const views = tracks.map(({ x, ...fields }) => at(x, fields));
        take({ ...observation(1, views), stamp: { frame: 1, atMs: monoMs, monoMs } });
        expectTruth(told, views);
      }
      expectNoRepeats(told);
    }),
  );
});

function expectTruth({ states }: Told, views: readonly TrackView[]): void {
  for (const zone of ['', 'door/']) {
    for (const label of ['person', 'cat']) {
      const there = views.filter(
        (view) =>
          view.confirmed &&
          view.label.toLowerCase() === label &&
          (zone === '' || view.box.x + view.box.width / 2 > 0.5),
      );
      const state = states.get(`porch/${zone}${label}`) as Count | undefined;
      expect(state?.count ?? 0).toBe(there.length);
      expect(state?.active ?? 0).toBeLessThanOrEqual(there.length);
      expect((state?.scoreMax ?? 0) > 0).toBe(there.length > 0);
    }
  }
}

function expectNoRepeats({ changes }: Told): void {
  const newest = new Map<string, Count | boolean | undefined>();
  for (const change of changes) {
    const key = keyOf(change);
    const before = newest.get(key);
    newest.set(key, change.state);
    if (typeof before !== 'object' || typeof change.state !== 'object') {
      expect(change.state).not.toBe(before);
      continue;
    }
    const { count, active, scoreMax, atMs } = change.state;
    if (count !== before.count || active !== before.active) continue;
    expect(Math.abs(scoreMax - before.scoreMax)).toBeGreaterThanOrEqual(SCORE_STEP);
    expect(atMs - before.atMs).toBeGreaterThanOrEqual(SCORE_INTERVAL_MS_MIN);
  }
}

// Random configurations of rules and random histories for them, for property tests of the engine: arbitrary, but of the shapes
// that the schema lets through. Times are whole milliseconds; a history is a list of steps, fed to a Decider in order.
import fc from 'fast-check';
import { Decider, type Decision } from '../../daemon/core/decide.ts';
import type { DecisionScene } from '../../daemon/core/decision-scene.ts';
import type { Rule, Trigger } from '../../daemon/core/rule-types.ts';
import type { Alert, EventChange, Fact, Moment, Observation, TrackView } from '../../daemon/core/types.ts';
import { LOCATION, NO_STAGES, ruleOf } from './tracks.ts';

export const CAMERAS = ['porch', 'yard'] as const;
const ZONES = ['door', 'path'] as const;
const LABELS = ['person', 'cat'] as const;
/** Of the boxes' bottom centre: door is the right half, path the lower half; the line runs down the middle. */
const SQUARE = {
  door: [
    [0.5, 0],
    [1, 0],
    [1, 1],
    [0.5, 1],
  ],
  path: [
    [0, 0.5],
    [1, 0.5],
    [1, 1],
    [0, 1],
  ],
} as const;
/** A Monday at noon, UTC. */
const START_MS = Date.UTC(2026, 5, 1, 12);

export type Step =
  | { readonly kind: 'see'; readonly observation: Observation }
  | { readonly kind: 'learn'; readonly fact: Fact; readonly moment: Moment }
  | { readonly kind: 'advance'; readonly moment: Moment };

const zone = fc.constantFrom(...ZONES);
const maybeZone = fc.option(zone, { nil: undefined });
const seconds = fc.integer({ min: 0, max: 20 });

const trigger: fc.Arbitrary<Trigger> = fc.oneof(
  fc.record({ type: fc.constantFrom('enter' as const, 'exit' as const), zone }),
  fc.record({ type: fc.constant('dwell' as const), zone, forS: seconds }),
  fc.record({
    type: fc.constant('cross' as const),
    line: fc.constant('gate'),
    to: fc.option(fc.constantFrom('west', 'east'), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('count' as const),
    zone: maybeZone,
    atLeast: fc.integer({ min: 1, max: 3 }),
    forS: seconds,
  }),
  fc.record({
    type: fc.constant('count' as const),
    zone: maybeZone,
    atMost: fc.integer({ min: 0, max: 2 }),
    forS: seconds,
  }),
  fc.record({ type: fc.constant('absence' as const), zone: maybeZone, forS: seconds.map((s) => s + 1) }),
  fc.constant({ type: 'appear' as const }),
  fc.record({
    type: fc.constant('sequence' as const),
    zones: fc.constantFrom(['door', 'path'], ['path', 'door'], ['door', 'path', 'door']),
    withinS: seconds.map((s) => s + 1),
  }),
  fc.record({
    type: fc.constantFrom('stationary' as const, 'removed' as const),
    zone: maybeZone,
    forS: seconds,
  }),
  fc.record({
    type: fc.constant('fault' as const),
    of: fc.constantFrom(
      ['offline'] as const,
      ['detector', 'disk'] as const,
      ['offline', 'detector', 'disk'] as const,
    ),
    forS: seconds,
  }),
);

const window = fc.constantFrom(
  { from: '12:00', to: '12:01' },
  { from: '11:00', to: '13:00', days: ['mon'] as const },
  { from: '23:00', to: '12:00' },
);

/** Rules named r0, r1, …; no two look at the same thing in the same way, or they do. */
export const rules: fc.Arbitrary<readonly Rule[]> = fc
  .array(
    fc.record({
      trigger,
      cameras: fc.option(fc.subarray([...CAMERAS], { minLength: 1 }), { nil: undefined }),
      labels: fc.option(fc.subarray([...LABELS], { minLength: 1 }), { nil: undefined }),
      scoreMin: fc.constantFrom(0, 0.75),
      size: fc.option(fc.constantFrom({ heightMin: 0.2 }, { widthMax: 0.15 }), { nil: undefined }),
      schedule: fc.option(fc.array(window, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 4 }),
      while: fc.constantFrom('armed' as const, 'disarmed' as const, 'always' as const),
      cooldownS: seconds,
      cooldownPer: fc.constantFrom('rule' as const, 'camera' as const, 'zone' as const, 'track' as const),
      groupS: fc.constantFrom(0, 0, 3),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) =>
    list.map((fields, index) => {
      const together = ['count', 'absence', 'fault'].includes(fields.trigger.type);
      const zoned = 'zone' in fields.trigger || fields.trigger.type === 'sequence';
      const fits = together ? fields.cooldownPer !== 'track' : fields.cooldownPer !== 'zone' || zoned;
      return ruleOf({
        ...fields,
        name: `r${index}`,
        groupS: together ? 0 : fields.groupS,
        cooldownPer: fits ? fields.cooldownPer : 'camera',
      });
    }),
  );

interface Look {
  readonly camera: (typeof CAMERAS)[number];
  readonly afterMs: number;
  readonly what: number;
  readonly objects: readonly Seen[];
}

interface Seen {
  readonly id: number;
  readonly x: number;
  readonly y: number;
  readonly score: number;
  readonly confirmed: boolean;
  readonly stationary: boolean;
}

const seen: fc.Arbitrary<Seen> = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  x: fc.integer({ min: 1, max: 9 }).map((n) => n / 10),
  y: fc.integer({ min: 4, max: 10 }).map((n) => n / 10),
  score: fc.constantFrom(0, 0.6, 0.9),
  confirmed: fc.boolean(),
  stationary: fc.boolean(),
});

const look: fc.Arbitrary<Look> = fc.record({
  camera: fc.constantFrom(...CAMERAS),
  afterMs: fc.integer({ min: 1, max: 6000 }),
  what: fc.nat(19),
  objects: fc.uniqueArray(seen, { maxLength: 3, selector: ({ id }) => id }),
});

/** Both cameras are online from the start; then looks, facts and the passing of time, in order. */
export const history: fc.Arbitrary<readonly Step[]> = fc.array(look, { maxLength: 60 }).map(stepsOf);

function stepsOf(looks: readonly Look[]): readonly Step[] {
  let monoMs = 1000;
  const moment = (): Moment => ({ atMs: START_MS + monoMs, monoMs });
  const steps: Step[] = CAMERAS.map((camera) => ({
    kind: 'learn',
    fact: { kind: 'status', camera, status: 'online' },
    moment: moment(),
  }));
  const live = new Map<string, Map<number, TrackView>>();
  for (const [frame, { camera, afterMs, what, objects }] of looks.entries()) {
    monoMs += afterMs;
    if (what === 0)
      steps.push({
        kind: 'learn',
        fact: { kind: 'armed', camera, armed: frame % 2 === 0 },
        moment: moment(),
      });
    else if (what === 1) {
      const status = frame % 2 === 0 ? 'offline' : 'online';
      steps.push({ kind: 'learn', fact: { kind: 'status', camera, status }, moment: moment() });
    } else if (what === 2) {
      steps.push({
        kind: 'learn',
        fact: { kind: 'fault', fault: frame % 4 < 2 ? 'disk' : 'detector', active: frame % 2 === 0 },
        moment: moment(),
      });
    } else
      steps.push({
        kind: 'see',
        observation: seenAt(camera, frame + 1, objects, moment(), live, what === 3),
      });
  }
  return steps;
}

function seenAt(
  camera: string,
  frame: number,
  objects: readonly Seen[],
  { atMs, monoMs }: Moment,
  live: Map<string, Map<number, TrackView>>,
  frameless: boolean,
): Observation {
  const before = live.get(camera) ?? new Map<number, TrackView>();
  const now = new Map<number, TrackView>();
  for (const { id, x, y, score, confirmed, stationary } of frameless ? [] : objects) {
    const known = before.get(id);
    now.set(id, {
      id,
      // A number stands for one label: the tracker does not change its mind here.
      label: LABELS[id % 2]!,
      score,
      scoreMedian: score === 0 ? 0.8 : score,
      box: { x: x - 0.05, y: y - 0.3, width: 0.1, height: 0.3 },
      confirmed: confirmed || known?.confirmed === true,
      threshold: 0.5,
      stationary,
      velocity: [0, 0],
      startedAtMs: known?.startedAtMs ?? atMs,
      startedMonoMs: known?.startedMonoMs ?? monoMs,
    });
  }
  live.set(camera, now);
  const ended = [...before.keys()].filter((id) => !now.has(id));
  // Nobody tells that no frame came while nothing was there.
  const isFrameless = frameless && ended.length > 0;
  return {
    camera,
    stamp: { frame, atMs, monoMs },
    tracks: [...now.values()],
    ended,
    ...(isFrameless ? { frameless: true } : {}),
    stages: NO_STAGES,
  };
}

export function sceneOf(list: readonly Rule[]): DecisionScene {
  const steady = { anchor: 'bottom', inertia: 1, margin: 0 } as const;
  const places = {
    zones: ZONES.map((name) => ({ name, points: SQUARE[name], ...steady })),
    lines: [
      {
        name: 'gate',
        points: [
          [0.45, 0],
          [0.45, 1],
        ],
        sides: ['east', 'west'],
        ...steady,
      },
    ],
  } as const;
  return { rules: list, places: new Map(CAMERAS.map((camera) => [camera, places])), location: LOCATION };
}

/** What a Decider has said, in order. */
export class Told {
  readonly events: EventChange[] = [];
  readonly alerts: Alert[] = [];
  readonly decider: Decider;
  #ids = 0;

  constructor(list: readonly Rule[], traces = false) {
    const newId = (): string => {
      this.#ids += 1;
      return String(this.#ids);
    };
    this.decider = new Decider({
      ...sceneOf(list),
      newId,
      ...(traces ? { traces: { scoreMin: () => 0.5 } } : {}),
    });
  }

  /** All steps, and the end. */
  all(steps: readonly Step[]): this {
    for (const step of steps) this.step(step);
    this.take(this.decider.finish());
    return this;
  }

  step(step: Step): void {
    if (step.kind === 'see') this.take(this.decider.observe(step.observation));
    else if (step.kind === 'learn') this.take(this.decider.learn(step.fact, step.moment));
    else this.take(this.decider.advance(step.moment));
  }

  take({ events, alerts }: Decision): void {
    this.events.push(...events);
    this.alerts.push(...alerts);
  }

  /** Alerts without ids, told apart by what an owner sees of them; in an order of their own. */
  get essence(): string[] {
    return this.alerts
      .map(({ id: _id, eventId: _event, eventIds: _events, stages: _stages, because: _because, ...rest }) =>
        JSON.stringify(rest, Object.keys(rest).sort()),
      )
      .sort();
  }
}

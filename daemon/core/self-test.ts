// The synthetic detection of the self-test: one confirmed object in the only zone of a camera that does not exist, judged by
// the same rule engine as every other. Pure; ids are passed in. Main thread.
import { Decider } from './decide.ts';
import type { Rule, Zone } from './rule-types.ts';
import type { Alert, Observation } from './types.ts';

/** Name of the camera and the rule; both are marked so that nobody takes them for real. */
const NAME = 'self-test';
const ZONE: Zone = {
  name: NAME,
  anchor: 'bottom',
  inertia: 1,
  margin: 0,
  points: [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ],
};
const RULE: Rule = {
  name: NAME,
  trigger: { type: 'enter', zone: NAME },
  scoreMin: 0,
  while: 'always',
  cooldownS: 0,
  cooldownPer: 'rule',
  groupS: 0,
  snapshot: false,
  severity: 'info',
  message: 'self-test',
};

export interface SelfTestMoment {
  readonly newId: () => string;
  readonly atMs: number;
  readonly monoMs: number;
}

/** What the rules make of it; undefined when they did not fire (a bug). */
export function selfTestAlert({ newId, atMs, monoMs }: SelfTestMoment): Alert | undefined {
  const decider = new Decider({
    rules: [RULE],
    places: new Map([[NAME, { zones: [ZONE], lines: [] }]]),
    location: { timeZone: 'UTC' },
    newId,
  });
  const observation: Observation = {
    camera: NAME,
    stamp: { frame: 1, atMs, monoMs },
    tracks: [
      {
        id: 1,
        label: NAME,
        score: 1,
        scoreMedian: 1,
        box: { x: 0.4, y: 0.4, width: 0.2, height: 0.2 },
        confirmed: true,
        threshold: 1,
        stationary: false,
        velocity: [0, 0],
        startedAtMs: atMs,
        startedMonoMs: monoMs,
      },
    ],
    ended: [],
    stages: { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 },
  };
  return decider.observe(observation).alerts[0];
}

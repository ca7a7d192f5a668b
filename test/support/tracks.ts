// Short-hands for the shapes of the domain in tests.
import type { Location, Places, Rule, Zone } from '../../daemon/core/rule-types.ts';
import type {
  Box,
  Detection,
  FrameStamp,
  Observation,
  TrackOptions,
  TrackView,
} from '../../daemon/core/types.ts';

export const NO_STAGES = { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 };

/** The defaults of the configuration, with one threshold for all labels. */
export const TRACK_OPTIONS: TrackOptions = {
  scoreMin: 0.5,
  threshold: () => 0.6,
  iouMin: 0.2,
  lostMs: 2000,
  unconfirmedLostMs: 1000,
  stationaryS: 10,
  stationaryLostMs: 30_000,
  bounds: {},
  frameAspect: 16 / 9,
};

/** A box by its bottom centre, where an object stands. */
export function standing(x: number, y: number, width = 0.1, height = 0.3): Box {
  return { x: x - width / 2, y: y - height, width, height };
}

export function person(score: number, box: Box): Detection {
  return { label: 'person', score, box };
}

/** Frame n of a camera at 5 frames a second. */
export function stampOf(frame: number, intervalMs = 200): FrameStamp {
  return { frame, atMs: 1_800_000_000_000 + frame * intervalMs, monoMs: 1000 + frame * intervalMs };
}

export function trackView(fields: Partial<TrackView> & { id: number; box: Box }): TrackView {
  return {
    label: 'person',
    score: 0.9,
    scoreMedian: 0.9,
    confirmed: true,
    threshold: 0.7,
    stationary: false,
    velocity: [0, 0],
    startedAtMs: stampOf(0).atMs,
    startedMonoMs: stampOf(0).monoMs,
    ...fields,
  };
}

export function observation(
  frame: number,
  tracks: readonly TrackView[],
  ended: readonly number[] = [],
): Observation {
  return { camera: 'porch', stamp: stampOf(frame), tracks, ended, stages: NO_STAGES };
}

/** The lower right quarter of the frame. */
export const DOOR: Zone = {
  name: 'door',
  anchor: 'bottom',
  inertia: 1,
  margin: 0,
  points: [
    [0.5, 0.5],
    [1, 0.5],
    [1, 1],
    [0.5, 1],
  ],
};

/** Zones of cameras, without lines. */
export function placesOf(
  zones: readonly Zone[],
  cameras: readonly string[] = ['porch'],
): ReadonlyMap<string, Places> {
  return new Map(cameras.map((camera) => [camera, { zones, lines: [] }]));
}

export const LOCATION: Location = { timeZone: 'UTC' };

/** Somebody enters the door: the simplest rule. */
export function ruleOf(fields: Partial<Rule> = {}): Rule {
  return {
    name: 'person-at-door',
    trigger: { type: 'enter', zone: 'door' },
    scoreMin: 0,
    while: 'armed',
    cooldownS: 0,
    cooldownPer: 'camera',
    groupS: 0,
    severity: 'warning',
    snapshot: true,
    ...fields,
  };
}

// People who meet, cross, overtake and hide behind things, on the ground of the built-in scene and through its camera, as
// boxes: the truth of each look, and what an imperfect detector makes of it. Seeded; no pixels.
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Detection, FrameStamp, TrackOptions, TrackView } from '../../daemon/core/types.ts';
import { mixSeed, Random } from '../../daemon/scene/random.ts';
import { Route } from '../../daemon/scene/route.ts';
import { MotMeter, type MotScores } from './mot-metrics.ts';
import { type Actor, HALF_SEEN, type Screen, SEEN_MIN, STREET_ASPECT, showing, trembling } from './street.ts';
import { TRACK_OPTIONS } from './tracks.ts';

export interface CrossingScene {
  readonly name: string;
  readonly actors: readonly Actor[];
  readonly screens?: readonly Screen[];
}

const person = (route: Route, startS = 0): Actor => ({ label: 'person', route, startS });
const from = (x: number, z: number): Route => new Route(x, z);
const TREE: Screen = { x0: -0.45, x1: 0.45, z: 5, height: 4 };
const VAN: Screen = { x0: -1.1, x1: 1.1, z: 5, height: 2.4 };

/** Left is below zero; z grows away from the house. */
export const CROSSING_SCENES: readonly CrossingScene[] = [
  {
    name: 'head on, one behind the other',
    actors: [person(from(-4, 6).to(4, 6, 1.3)), person(from(4, 6.5).to(-4, 6.5, 1.3))],
  },
  {
    name: 'head on, a walker and a runner',
    actors: [person(from(-4, 6).to(4, 6, 1.2)), person(from(6, 6.8).to(-4, 6.8, 3))],
  },
  {
    name: 'at a right angle',
    actors: [person(from(-4, 6.5).to(4, 6.5, 1.3)), person(from(0.2, 10.5).to(0.2, 3.8, 1.3))],
  },
  {
    name: 'at a slant',
    actors: [person(from(-4, 5.6).to(4, 8, 1.4)), person(from(4, 5.6).to(-4, 8, 1.2))],
  },
  {
    name: 'overtaking',
    actors: [person(from(-4, 6).to(4, 6, 0.9)), person(from(-5.5, 6.6).to(5, 6.6, 1.8))],
  },
  {
    name: 'overtaken in front',
    actors: [person(from(-4, 6.7).to(4, 6.7, 1)), person(from(-6, 6).to(5, 6, 2.2))],
  },
  {
    name: 'meeting and turning back',
    actors: [
      person(from(-4, 6).to(-0.5, 6, 1.3).to(-4, 6, 1.3)),
      person(from(4, 6.2).to(0.5, 6.2, 1.3).to(4, 6.2, 1.3)),
    ],
  },
  {
    name: 'meeting, talking, going on',
    actors: [
      person(from(-4, 6).to(-0.4, 6, 1.3).wait(4, 0).to(4, 6, 1.3)),
      person(from(4, 6.4).to(0.4, 6.4, 1.3).wait(4, 0).to(-4, 6.4, 1.3)),
    ],
  },
  { name: 'behind a tree', actors: [person(from(-4, 6).to(4, 6, 1.2))], screens: [TREE] },
  { name: 'behind a van', actors: [person(from(-4, 6).to(4, 6, 1.4))], screens: [VAN] },
  {
    name: 'crossing behind a tree',
    actors: [person(from(-4, 6).to(4, 6, 1.3)), person(from(4, 6.6).to(-4, 6.6, 1.3))],
    screens: [TREE],
  },
  {
    name: 'turning back behind a tree',
    actors: [person(from(-4, 6).to(0, 6, 1.3).to(-4, 6, 1.3)), person(from(4, 7).to(-4, 7, 1.1), 2.5)],
    screens: [TREE],
  },
  {
    name: 'a pair meets one',
    actors: [
      person(from(-4, 5.8).to(4, 5.8, 1.2)),
      person(from(-4.7, 6.4).to(4, 6.4, 1.2)),
      person(from(4, 6.1).to(-4.5, 6.1, 1.3)),
    ],
  },
  {
    name: 'three from three sides',
    actors: [
      person(from(-4, 6.2).to(4, 6.2, 1.2)),
      person(from(4, 6.9).to(-4, 6.9, 1.4)),
      person(from(0.3, 11).to(0.3, 4, 1.5)),
    ],
  },
  {
    name: 'a dog across the way',
    actors: [person(from(-4, 6).to(4, 6, 1.2)), { label: 'dog', route: from(5, 6.3).to(-4, 5.8, 2) }],
  },
  {
    name: 'a car in front of two',
    actors: [
      person(from(-4, 9.5).to(4, 9.5, 1.2)),
      person(from(4, 10.2).to(-4, 10.2, 1.4)),
      { label: 'car', route: from(-12, 8).to(12, 8, 6) },
    ],
  },
];

export interface Detector {
  readonly seed: number;
  readonly fps: number;
  /** Share of visible objects that are not found. */
  readonly misses?: number;
  /** Deviation of each side of a box, as a share of the object's width or height. */
  readonly jitter?: number;
  /** What tracks say before they are confirmed does not count. */
  readonly confirmedOnly?: boolean;
}

/** What tracks boxes: the tracker, or one it is compared with. */
export type Following = (detections: readonly Detection[], stamp: FrameStamp) => readonly TrackView[];

export function trackerOf(options: Partial<TrackOptions> = {}): Following {
  const tracker = new Tracker({ ...TRACK_OPTIONS, frameAspect: STREET_ASPECT, ...options });
  return (detections, stamp) => tracker.step(detections, stamp).tracks;
}

/** Runs a scene; what counts is what tracks say in the looks in which they were found. */
export function runCrossing(
  scene: CrossingScene,
  { seed, fps, misses = 0.1, jitter = 0.03, confirmedOnly = false }: Detector,
  follow: Following = trackerOf(),
): MotScores {
  const random = new Random(mixSeed(seed, 77));
  const meter = new MotMeter();
  const lastS = Math.max(...scene.actors.map(({ route, startS = 0 }) => startS + route.durationS));
  for (let frame = 0; frame <= lastS * fps; frame += 1) {
    const shown = showing(scene, frame / fps);
    const detections: Detection[] = [];
    for (const { label, box, visible } of shown) {
      if (visible < SEEN_MIN || random.next() < misses) continue;
      const score = visible < HALF_SEEN ? random.range(0.25, 0.6) : random.range(0.6, 0.95);
      detections.push({ label, score, box: trembling(box, jitter, random) });
    }
    const monoMs = 1000 + (frame * 1000) / fps;
    const tracks = follow(detections, { frame: frame + 1, atMs: monoMs, monoMs });
    meter.look({
      truth: shown.filter(({ visible }) => visible >= SEEN_MIN),
      spared: shown.filter(({ visible }) => visible < SEEN_MIN),
      told: tracks.filter(({ score, confirmed }) => score > 0 && (confirmed || !confirmedOnly)),
    });
  }
  return meter.scores;
}

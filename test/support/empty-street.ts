// The empty street of the built-in camera while its light or its weather changes, and a house whose rules want to know of whoever
// comes: motion gate, regions, bundled model, tracker and rules, in the frames' own time. Nobody comes, so every alert is a false one.
import { parseConfig } from '../../daemon/config/load.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { Decider } from '../../daemon/core/decide.ts';
import type { Alert } from '../../daemon/core/types.ts';
import type { Happening, HappeningKind } from '../../daemon/scene/happenings.ts';
import { SCENE_TIMES, type SceneOptions } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { Looking } from './looking.ts';
import { NO_STAGES } from './tracks.ts';

/**
 * What an owner may want to be told of, with the least that makes it an alert. One car is always there, parked: it may be told
 * once, when the camera begins, and was not taken away.
 */
const HOUSE = `
cameras:
  yard:
    source: { type: scene }
    zones:
      garden: { points: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]] }
rules:
  somebody:
    trigger: { type: appear }
    labels: [person, bicycle, motorcycle, bus, truck, bird, cat, dog]
    cooldownS: 0
  in-the-garden:
    trigger: { type: count, zone: garden, atLeast: 1, forS: 0 }
    labels: [person, dog, cat]
    cooldownS: 0
  car:
    trigger: { type: appear }
    labels: [car]
    cooldownS: 0
  car-taken:
    trigger: { type: removed, forS: 10 }
    labels: [car]
    cooldownS: 0
`;

/** Frames a second, as cameras do by default. */
const FPS = 5;
const DARK = ['night', 'dusk'] as const;

/** What goes on, far more often than a camera meets it; another house, and another hour, for another seed. */
export const VARIANTS = {
  'light switch': (seed, seconds) => ({
    time: DARK[(seed - 1) % 2]!,
    happenings: repeated('light-switch', seconds, 17, 7.3),
  }),
  sunrise: (_seed, seconds) => ({ time: 'day', happenings: repeated('sunrise', seconds, seconds, seconds) }),
  headlights: (seed, seconds) => ({
    time: DARK[(seed - 1) % 2]!,
    happenings: repeated('headlights', seconds, 31, 21),
  }),
  rain: (seed) => ({ time: SCENE_TIMES[(seed - 1) % 3]!, rain: true }),
  infrared: (_seed, seconds) => ({ time: 'dusk', happenings: repeated('infrared', seconds, 40, 20) }),
} as const satisfies Readonly<Record<string, (seed: number, seconds: number) => Partial<SceneOptions>>>;
export type Variant = keyof typeof VARIANTS;
export const VARIANT_NAMES = Object.keys(VARIANTS) as Variant[];

/** For so many seconds, the last of them in each span of `everyS`. */
function repeated(kind: HappeningKind, seconds: number, everyS: number, lastsS: number): Happening[] {
  return Array.from({ length: Math.floor(seconds / everyS) }, (_, i) => {
    const fromS = i * everyS + everyS - lastsS;
    return { kind, fromS, untilS: fromS + lastsS };
  });
}

/** By then the model has found the parked car, where it does. */
const PARKED_KNOWN_MS = 60_000;

export interface Watched {
  readonly alerts: readonly Alert[];
  /** In words: every one but that of the parked car, which is told once. */
  readonly falseAlerts: readonly string[];
  readonly frames: number;
  /** Frames with a look, runs of the model. */
  readonly looked: number;
  readonly inferences: number;
  /** Times that the motion gate learnt the background anew. */
  readonly recalibrations: number;
}

export interface Watch {
  readonly variant: Variant;
  readonly seed: number;
  readonly seconds: number;
  /** People, dogs and cars, to see that the house would tell of them. */
  readonly actors: boolean;
}

/** Through the way of a frame and the rules of the house. */
export async function watchStreet({ variant, seed, seconds, actors }: Watch): Promise<Watched> {
  const scene = new Scene({ ...VARIANTS[variant](seed, seconds), seed, actors, fps: FPS });
  const { width, height } = scene.options;
  const config = houseConfig();
  const looking = await Looking.open({
    width,
    height,
    gate: { regions: true, fullLookS: config.cameras['yard']!.motion.fullLookS },
    inferencesPerS: 2 * FPS,
  });
  let ids = 0;
  const newId = (): string => {
    ids += 1;
    return String(ids);
  };
  const decider = new Decider({ ...decisionScene(config), newId });
  const alerts: Alert[] = [];
  const frames = seconds * FPS;
  try {
    decider.learn({ kind: 'status', camera: 'yard', status: 'online' }, { atMs: 0, monoMs: 0 });
    for (let n = 0; n < frames; n += 1) {
      const { tMs } = scene.render(n);
      const stamp = { frame: n + 1, atMs: tMs, monoMs: tMs };
      const step = await looking.see(scene.frame, stamp.frame, tMs);
      alerts.push(...decider.observe({ ...step, camera: 'yard', stamp, stages: NO_STAGES }).alerts);
      alerts.push(...decider.advance(stamp).alerts);
    }
    alerts.push(...decider.finish().alerts);
  } finally {
    await looking.release();
  }
  const { looked, inferences, motion } = looking;
  const { recalibrations } = motion;
  return { alerts, falseAlerts: falseOf(alerts), frames, looked, inferences, recalibrations };
}

function falseOf(alerts: readonly Alert[]): string[] {
  const parked = alerts.find(({ rule, monoMs }) => rule === 'car' && monoMs <= PARKED_KNOWN_MS);
  return alerts
    .filter((alert) => alert !== parked)
    .map(({ rule, monoMs }) => `${rule} at ${(monoMs / 1000).toFixed(1)} s`);
}

function houseConfig(): Config {
  const options = { fileName: 'house.yaml', folder: '/', env: {}, semanticChecks: checkConfig };
  return parseConfig(HOUSE, options).config;
}

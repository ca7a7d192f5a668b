// A house with the built-in camera and the rules of its owner, judged twice: by what the bundled model sees, and by the truth.
// The same tracker and the same rules for both, so that what differs is what was seen.
import { parseConfig } from '../../daemon/config/load.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { Decider } from '../../daemon/core/decide.ts';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Alert, Detection } from '../../daemon/core/types.ts';
import type { SceneOptions } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { PERIOD_S } from '../../daemon/scene/script.ts';
import type { TruthFrame, TruthObject } from '../../daemon/scene/truth.ts';
import { SceneSight } from './scene-sight.ts';
import { NO_STAGES } from './tracks.ts';

/** As an owner would write it. Cooldowns are short, so that everybody who comes is one alert. */
const HOUSE = `
cameras:
  yard:
    source: { type: scene }
    zones:
      porch: { points: [[0.5, 0.84], [0.9, 0.84], [0.9, 1], [0.5, 1]] }
      pavement: { points: [[0, 0.56], [0.84, 0.56], [0.84, 0.76], [0, 0.76]] }
    lines:
      gate: { points: [[0.18, 0.76], [0.36, 0.76]], sides: [pavement, garden] }
      street: { points: [[0.42, 0.5], [0.42, 0.78]], sides: [right, left] }
rules:
  person-at-door:
    trigger: { type: enter, zone: porch }
    labels: [person]
    cooldownS: 3
  rings:
    trigger: { type: dwell, zone: porch, forS: 3 }
    labels: [person]
    cooldownS: 3
  comes-in:
    trigger: { type: cross, line: gate, to: garden }
    labels: [person]
    cooldownS: 3
  visitor:
    trigger: { type: sequence, zones: [pavement, porch], withinS: 30 }
    labels: [person]
    cooldownS: 3
  passes-by:
    trigger: { type: cross, line: street }
    labels: [person]
    cooldownPer: track
    cooldownS: 3
  dog:
    trigger: { type: appear }
    labels: [dog]
    cooldownS: 10
`;

/** An object may alert as soon as this much of it is seen, and must when it is scoreable. */
const VISIBLE_MIN = 0.1;
const SURE = 0.95;

export interface Judged {
  readonly rule: string;
  readonly atS: number;
}

export interface SceneRun {
  /** Alerts of what the model saw. */
  readonly seen: readonly Judged[];
  /** Alerts that must come: of objects that a detector may fairly be asked for. */
  readonly due: readonly Judged[];
  /** Alerts that are no false ones: of everything that can be seen at all. */
  readonly fair: readonly Judged[];
}

const FPS = 5;

/** Plays the script of one seed from its beginning. */
export async function judgeScene(
  options: Partial<SceneOptions> & { readonly cycles: number },
): Promise<SceneRun> {
  const { cycles, ...sceneOptions } = options;
  const scene = new Scene({ ...sceneOptions, fps: FPS });
  const sight = await SceneSight.open(scene.options);
  const { thresholds } = sight.model;
  const runs = { seen: new House(thresholds), due: new House({}), fair: new House({}) };
  try {
    for (let frame = 0; frame < cycles * PERIOD_S * FPS; frame += 1) {
      const truth = scene.render(frame);
      runs.seen.look(truth, await sight.look(scene.frame));
      runs.due.look(
        truth,
        truthOf(truth, ({ scoreable }) => scoreable),
      );
      runs.fair.look(
        truth,
        truthOf(truth, ({ visible }) => visible >= VISIBLE_MIN),
      );
    }
  } finally {
    await sight.release();
  }
  return { seen: runs.seen.alerts, due: runs.due.alerts, fair: runs.fair.alerts };
}

/** Perfect boxes around what is seen of them. */
function truthOf({ objects }: TruthFrame, isAsked: (object: TruthObject) => boolean): Detection[] {
  return objects.flatMap((object) => {
    const box = object.boxSeen;
    return box === undefined || !isAsked(object) ? [] : [{ label: object.label, score: SURE, box }];
  });
}

class House {
  readonly alerts: Judged[] = [];
  readonly #tracker: Tracker;
  readonly #decider: Decider;

  constructor(thresholds: Readonly<Record<string, number>>) {
    const config = houseConfig();
    this.#tracker = new Tracker({
      ...config.track,
      threshold: (label) => thresholds[label] ?? 0.7,
      frameAspect: 16 / 9,
    });
    let ids = 0;
    const newId = (): string => {
      ids += 1;
      return String(ids);
    };
    this.#decider = new Decider({ ...decisionScene(config), newId });
  }

  look({ frame, tMs }: TruthFrame, detections: readonly Detection[]): void {
    const stamp = { frame: frame + 1, atMs: tMs, monoMs: tMs };
    const { tracks, ended } = this.#tracker.step(detections, stamp);
    const { alerts } = this.#decider.observe({ camera: 'yard', stamp, tracks, ended, stages: NO_STAGES });
    this.alerts.push(...alerts.map(judgedOf));
  }
}

function judgedOf({ rule, monoMs }: Alert): Judged {
  return { rule, atS: monoMs / 1000 };
}

function houseConfig(): Config {
  const options = { fileName: 'house.yaml', folder: '/', env: {}, semanticChecks: checkConfig };
  return parseConfig(HOUSE, options).config;
}

/** How many of `alerts` find one of their rule in `others` within so many seconds, one each; and those that find none. */
export function matched(
  alerts: readonly Judged[],
  others: readonly Judged[],
  withinS: number,
): { readonly count: number; readonly missing: readonly Judged[] } {
  const free = [...others];
  const missing = alerts.filter(({ rule, atS }) => {
    const near = free
      .filter((other) => other.rule === rule && Math.abs(other.atS - atS) <= withinS)
      .sort((a, b) => Math.abs(a.atS - atS) - Math.abs(b.atS - atS))[0];
    if (near === undefined) return true;
    free.splice(free.indexOf(near), 1);
    return false;
  });
  return { count: alerts.length - missing.length, missing };
}

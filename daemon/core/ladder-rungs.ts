// The rungs of the ladder: what is given up, in which order, and by which cameras. The one table of it; which cameras are of
// which class, and which rungs mean anything in a given household, is worked out here. Pure.
import { type DecisionScene, looksAt } from './decision-scene.ts';
import { type Effort, FULL_EFFORT } from './effort.ts';

/** `alert`: a rule of severity warning or critical looks at it, or its priority is high; `low`: its priority is. */
export type CameraClass = 'low' | 'normal' | 'alert';

export type Rung =
  | { readonly gives: 'rate'; readonly of: CameraClass; readonly step: string }
  | { readonly gives: 'regions'; readonly of: CameraClass; readonly step: string }
  | { readonly gives: 'model'; readonly step: string };

/** Rung 0 is none of them; on rung n the first n hold together. Alert-class cameras come last, then the model of all. */
export const RUNGS: readonly Rung[] = [
  { gives: 'rate', of: 'low', step: 'low-class cameras at half their rate' },
  { gives: 'rate', of: 'normal', step: 'normal-class cameras at half their rate' },
  { gives: 'regions', of: 'low', step: 'low-class cameras without regions' },
  { gives: 'regions', of: 'normal', step: 'normal-class cameras without regions' },
  { gives: 'rate', of: 'alert', step: 'alert-class cameras at half their rate' },
  { gives: 'regions', of: 'alert', step: 'alert-class cameras without regions' },
  { gives: 'model', step: 'the lighter model' },
];

/** Rung 0 in words. */
export const FULL_EFFORT_STEP = 'full effort';
/** Share of `detect.fps` on a rung that gives rate. */
const REDUCED_RATE = 0.5;
/**
 * How much more the detector has to do one rung up, with regions again; it cannot be reckoned, but their budget is twice
 * `detect.fps` unless configured.
 */
const REGIONS_RATIO = 2;

/** What the ladder has to know of a camera. */
export interface LadderCamera {
  readonly name: string;
  readonly class: CameraClass;
  /** Asked of its source, frames per second. */
  readonly fps: number;
  /** Whether it looks at regions when nothing is given up. */
  readonly regions: boolean;
}

export interface LadderMeans {
  /** False: always full effort. */
  readonly enabled: boolean;
  /** Why there is no lighter model; undefined: there is one. */
  readonly withoutLighter: string | undefined;
  /** How many times the work of the lighter model the full one makes, at least 1. */
  readonly modelRatio: number;
}

/** Why a rung of the table is not there. */
export interface SkippedRung {
  readonly step: string;
  readonly reason: string;
}

/** The ladder as `health` tells it. */
export interface LadderState {
  /** 0: full effort; `of`: rungs there are here. */
  readonly rung: number;
  readonly of: number;
  /** What the lowest rung in force gives up, in words. */
  readonly step: string;
  /** Why the last step was made, with figures; absent before the first. */
  readonly reason?: string;
  /** Since the last step, or since the start. */
  readonly sinceS: number;
  /** As measured last: the hottest sensor, the time the detector ran, and the camera that lost most of its frames (shares). */
  readonly hottestC?: number;
  readonly busyShare?: number;
  readonly lostShare?: number;
  readonly cameras: Readonly<Record<string, Effort & { readonly class: CameraClass }>>;
  /** Rungs that would change nothing here, and why. */
  readonly skipped: readonly SkippedRung[];
}

/** The class of a camera by what the rules want of it. */
export function classOf(
  camera: string,
  priority: 'low' | 'normal' | 'high',
  { rules, places }: Pick<DecisionScene, 'rules' | 'places'>,
): CameraClass {
  const matters = rules.some(
    (rule) =>
      rule.severity !== 'info' && rule.trigger.type !== 'fault' && looksAt(rule, camera, places.get(camera)),
  );
  if (matters || priority === 'high') return 'alert';
  return priority;
}

/** The ladder of one household: its rungs, and what each means for every camera. */
export class LadderPlan {
  readonly cameras: readonly LadderCamera[];
  readonly rungs: readonly Rung[];
  readonly skipped: readonly SkippedRung[];
  readonly #modelRatio: number;

  /** Rungs that would change nothing are left out: a step down must be felt. */
  constructor(cameras: readonly LadderCamera[], { enabled, withoutLighter, modelRatio }: LadderMeans) {
    this.cameras = cameras;
    this.#modelRatio = modelRatio;
    if (!enabled) {
      this.rungs = [];
      this.skipped = [];
      return;
    }
    const reasons = RUNGS.map((rung) => reasonToSkip(rung, cameras, withoutLighter));
    this.rungs = RUNGS.filter((_, index) => reasons[index] === undefined);
    this.skipped = RUNGS.flatMap(({ step }, index) => {
      const reason = reasons[index];
      return reason === undefined ? [] : [{ step, reason }];
    });
  }

  get of(): number {
    return this.rungs.length;
  }

  /** What holds on rung `rung`, 0..of, in words. */
  stepAt(rung: number): string {
    return this.rungs[rung - 1]?.step ?? FULL_EFFORT_STEP;
  }

  effortOf(camera: LadderCamera, rung: number): Effort {
    const given = this.rungs.slice(0, rung).filter((held) => 'of' in held && held.of === camera.class);
    return {
      rate: given.some(({ gives }) => gives === 'rate') ? REDUCED_RATE : FULL_EFFORT.rate,
      regions: !given.some(({ gives }) => gives === 'regions'),
    };
  }

  usesLighterModel(rung: number): boolean {
    return this.rungs.slice(0, rung).some(({ gives }) => gives === 'model');
  }

  /** How many times the work of `rung` (1..of) the rung above it makes, at least 1. */
  loadRatioAbove(rung: number): number {
    const { gives } = this.rungs[rung - 1]!;
    if (gives === 'regions') return REGIONS_RATIO;
    if (gives === 'model') return this.#modelRatio;
    const work = (at: number): number =>
      this.cameras.reduce((sum, camera) => sum + camera.fps * this.effortOf(camera, at).rate, 0);
    return work(rung - 1) / work(rung);
  }

  /** The rung that gives up most of what rung `rung` of `before` gave up, and no more. */
  rungAfter(before: LadderPlan, rung: number): number {
    const lowest = before.rungs[rung - 1];
    if (lowest === undefined) return 0;
    const reach = RUNGS.indexOf(lowest);
    return this.rungs.filter((held) => RUNGS.indexOf(held) <= reach).length;
  }
}

function reasonToSkip(
  rung: Rung,
  cameras: readonly LadderCamera[],
  withoutLighter: string | undefined,
): string | undefined {
  if (rung.gives === 'model') return withoutLighter;
  const concerned = cameras.filter((camera) => camera.class === rung.of);
  if (concerned.length === 0) return `no ${rung.of}-class camera`;
  if (rung.gives === 'regions' && !concerned.some(({ regions }) => regions))
    return `no ${rung.of}-class camera looks at regions`;
  return undefined;
}

// Clips: which alerts come with a video of some seconds, where it will be, and how long each camera has to remember. Pure;
// camera/clips.ts makes them.
import { looksAt } from './decision-scene.ts';
import type { ClipSpan, Places, Rule } from './rule-types.ts';
import type { Alert } from './types.ts';

/** One clip to be made. */
export interface ClipOrder {
  readonly camera: string;
  /** Below the data folder. */
  readonly path: string;
  /** First and last moment, by the stamps of the camera's frames. */
  readonly fromMonoMs: number;
  readonly toMonoMs: number;
  /** Of the alert, for the row of the file. */
  readonly atMs: number;
  readonly label?: string;
  readonly score?: number;
  readonly eventId?: string;
}

/**
 * The clip of an alert, undefined for one of the whole daemon: no camera saw it. Its name,
 * `media/<camera>/<day>/<time>-<id of the alert>.mp4` in UTC, is known before the file is there.
 */
function clipOrder(alert: Alert, { beforeS, afterS }: ClipSpan): ClipOrder | undefined {
  const { camera, id, atMs, monoMs, label, score, eventId } = alert;
  if (camera === undefined) return undefined;
  const [day, time] = new Date(atMs).toISOString().split('T') as [string, string];
  return {
    camera,
    path: `media/${camera}/${day}/${time.slice(0, 8).replaceAll(':', '')}-${id}.mp4`,
    fromMonoMs: monoMs - beforeS * 1000,
    toMonoMs: monoMs + afterS * 1000,
    atMs,
    ...(label === undefined ? {} : { label }),
    ...(score === undefined ? {} : { score }),
    ...(eventId === undefined ? {} : { eventId }),
  };
}

/** Which alerts of a configuration come with a clip, and what its cameras have to remember for that. */
export class ClipPlan {
  readonly #rules: readonly Rule[];
  readonly #places: ReadonlyMap<string, Places>;

  constructor({ rules, places }: { rules: readonly Rule[]; places: ReadonlyMap<string, Places> }) {
    this.#rules = rules.filter(({ clip }) => clip !== undefined);
    this.#places = places;
  }

  /** Of rules that want clips. */
  get names(): readonly string[] {
    return this.#rules.map(({ name }) => name);
  }

  /** The clip of an alert; undefined where its rule wants none. */
  orderOf(alert: Alert): ClipOrder | undefined {
    const clip = this.#rules.find(({ name }) => name === alert.rule)?.clip;
    return clip === undefined ? undefined : clipOrder(alert, clip);
  }

  /** How many seconds of pictures a camera has to remember; 0 where no rule wants a clip of it. */
  secondsOf(camera: string): number {
    const places = this.#places.get(camera);
    return this.#rules.reduce((longest, { clip, ...rule }) => {
      if (clip === undefined || !looksAt(rule, camera, places)) return longest;
      return Math.max(longest, clip.beforeS + clip.afterS);
    }, 0);
  }
}

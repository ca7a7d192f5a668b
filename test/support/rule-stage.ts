// A stage for tests of rules: two cameras with the zones 'door' (right half) and 'path' (lower half) and the line 'gate' between
// west and east; who stands where at which second is told look by look, and every alert is kept. Time is seconds from a Monday
// noon, UTC.
import { Decider, type Decision } from '../../daemon/core/decide.ts';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { LAG_MS } from '../../daemon/core/rules.ts';
import type { TrackTrace } from '../../daemon/core/trace-types.ts';
import type { Alert, EventChange, Fact, Moment, Observation, TrackView } from '../../daemon/core/types.ts';
import { sceneOf } from './rule-worlds.ts';
import { NO_STAGES, ruleOf, standing, trackView } from './tracks.ts';

const NOON_MS = Date.UTC(2026, 5, 1, 12);
const MONO_MS = 50_000;

/** Where somebody can stand: in no zone, in one, in both; all but `door` and `both` are west of the gate. */
export const SPOTS = {
  away: [0.2, 0.4],
  door: [0.7, 0.4],
  path: [0.2, 0.8],
  both: [0.7, 0.8],
} as const;
export type Spot = keyof typeof SPOTS;

/** A confirmed person at a spot; `fields` make it another. */
export function at(spot: Spot, fields: Partial<TrackView> = {}): TrackView {
  const [x, y] = SPOTS[spot];
  return trackView({ id: 1, box: standing(x, y), ...fields });
}

export function momentOf(second: number): Moment {
  return { atMs: NOON_MS + second * 1000, monoMs: MONO_MS + second * 1000 };
}

/** The second of something that has a time. */
export function secondOf({ monoMs }: Pick<Alert, 'monoMs'>): number {
  return (monoMs - MONO_MS) / 1000;
}

export interface Seeing {
  readonly camera?: string;
  readonly frameless?: true;
}

export class Stage {
  readonly alerts: Alert[] = [];
  readonly events: EventChange[] = [];
  readonly traces: TrackTrace[] = [];
  readonly decider: Decider;
  readonly #there = new Map<string, Map<number, TrackView>>();
  #ids = 0;

  /** Rules named r0, r1, … where they have no name of their own. Every camera sees nothing at 0; unless `sees` is false. */
  constructor(rules: readonly Partial<Rule>[], { sees = true } = {}) {
    const newId = (): string => {
      this.#ids += 1;
      return `id-${this.#ids}`;
    };
    this.decider = new Decider({ ...sceneOf(named(rules)), newId, traces: { scoreMin: () => 0.5 } });
    if (!sees) return;
    for (const camera of ['porch', 'yard']) {
      this.learn(0, { kind: 'status', camera, status: 'online' });
      this.see(0, [], { camera });
    }
  }

  /** A look at that second: those who were there before and are not now have gone with it. */
  see(second: number, tracks: readonly TrackView[], seeing: Seeing = {}): readonly Alert[] {
    return this.take(this.decider.observe(this.#lookAt(second, tracks, seeing)));
  }

  /** One person, look by look: a second apart, from `second` on. Undefined: not there. */
  walk(second: number, spots: readonly (Spot | undefined)[], fields: Partial<TrackView> = {}): Alert[] {
    return spots.flatMap((spot, i) => this.see(second + i, spot === undefined ? [] : [at(spot, fields)]));
  }

  learn(second: number, fact: Fact): readonly Alert[] {
    return this.take(this.decider.learn(fact, momentOf(second)));
  }

  arm(second: number, armed: boolean, camera = 'porch'): void {
    this.learn(second, { kind: 'armed', camera, armed });
  }

  /** Time passes until that second; the engine believes it so much later. */
  pass(second: number): readonly Alert[] {
    return this.take(this.decider.advance(momentOf(second + LAG_MS / 1000)));
  }

  finish(): readonly Alert[] {
    return this.take(this.decider.finish());
  }

  /** Other rules, the same places. */
  rule(rules: readonly Partial<Rule>[]): readonly Alert[] {
    return this.take(this.decider.reconfigure(sceneOf(named(rules))));
  }

  /** Seconds of all alerts so far. */
  get seconds(): number[] {
    return this.alerts.map(secondOf);
  }

  take({ alerts, events, traces }: Decision): readonly Alert[] {
    this.alerts.push(...alerts);
    this.events.push(...events);
    this.traces.push(...traces);
    return alerts;
  }

  #lookAt(
    second: number,
    tracks: readonly TrackView[],
    { camera = 'porch', frameless }: Seeing,
  ): Observation {
    const before = this.#there.get(camera) ?? new Map<number, TrackView>();
    const now = new Map(tracks.map((track) => [track.id, track]));
    this.#there.set(camera, now);
    return {
      camera,
      stamp: { frame: 1 + second * 10, ...momentOf(second) },
      tracks,
      ended: [...before.keys()].filter((id) => !now.has(id)),
      stages: NO_STAGES,
      ...(frameless === undefined ? {} : { frameless }),
    };
  }
}

function named(rules: readonly Partial<Rule>[]): Rule[] {
  return rules.map((rule, index) => ruleOf({ name: `r${index}`, ...rule }));
}

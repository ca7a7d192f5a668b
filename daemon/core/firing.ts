// A rule that fires: what the engine says of it, and the alert that is made of it. Pure; ids are passed in. Main thread.
import { alertText } from './alert-text.ts';
import type { FaultKind, Rule } from './rule-types.ts';
import type { Condition } from './trace-types.ts';
import type { Scene } from './triggers.ts';
import type { Alert, Moment, StageTimes, TrackView } from './types.ts';

/** One rule that fires, at a moment. */
export interface Firing extends Moment {
  readonly rule: Rule;
  /** Undefined where the whole daemon is meant. */
  readonly camera: string | undefined;
  /** The objects it is about, the one that counts most first; none where nobody is there, or something is broken. */
  readonly tracks: readonly TrackView[];
  readonly scene: Scene;
  readonly fault?: FaultKind;
  /** Objects there; the number of `tracks`, but for a rule that nobody is there for. */
  readonly count: number;
  /** How long that was so, in seconds, where the rule asks for it. */
  readonly seconds?: number;
  readonly because: readonly Condition[];
  /** A frame made it fire, and not time alone. */
  readonly byFrame: boolean;
  /** Where it is noted for the trace. */
  readonly notes?: FiringNote[];
}

export interface FiringNote {
  readonly atMs: number;
  alertId?: string;
}

/** What an alert has beside what the rule says. */
export interface AlertParts {
  readonly id: string;
  /** Events of its objects, in their order. */
  readonly eventIds: readonly string[];
  readonly stages?: StageTimes | undefined;
  /** The moment as its owner's clock shows it. */
  readonly time: string;
}

export function alertOf(firing: Firing, { id, eventIds, stages, time }: AlertParts): Alert {
  const { rule, camera, tracks, scene, fault, count, because, atMs, monoMs } = firing;
  const [first] = tracks;
  const score = tracks.length === 0 ? undefined : Math.max(...tracks.map(({ scoreMedian }) => scoreMedian));
  const { from, to, zone, line } = scene;
  const [eventId] = eventIds;
  return {
    id,
    ...(eventId === undefined ? {} : { eventId }),
    ...(eventIds.length > 1 ? { eventIds } : {}),
    count,
    rule: rule.name,
    trigger: rule.trigger.type,
    severity: rule.severity,
    ...(camera === undefined ? {} : { camera }),
    ...(first === undefined ? {} : { label: first.label }),
    ...(zone === undefined ? {} : { zone }),
    ...(line === undefined ? {} : { line }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(fault === undefined ? {} : { fault }),
    ...(score === undefined ? {} : { score }),
    message: alertText(rule, {
      ...scene,
      camera,
      label: first?.label,
      score,
      fault,
      count,
      time,
      seconds: firing.seconds,
    }),
    atMs,
    monoMs,
    ...(stages === undefined ? {} : { stages }),
    ...(first?.snapshot === undefined || !rule.snapshot ? {} : { snapshot: first.snapshot }),
    ...(rule.topic === undefined ? {} : { topic: rule.topic }),
    because,
  };
}

// The decision trace: why a rule fired or did not, with the numbers it was decided on. Types, and the order of the conditions.
// Made by the rule engine, kept in history.db, told by `vedette why`.
import type { TriggerType } from './rule-types.ts';

/**
 * What is tested, in this order; a rule stops at the first that does not hold. The trigger comes before what may hold it
 * back: of somebody at the door whose score was too low, that is what an owner wants to read, not that it was also elsewhere.
 */
export const CONDITION_KINDS = [
  'label',
  'confirmed',
  'trigger',
  'score',
  'size',
  'armed',
  'schedule',
  'cooldown',
] as const;
export type ConditionKind = (typeof CONDITION_KINDS)[number];

/** One condition as it was tested. `value` was seen, `limit` was wanted; their meaning goes with `what`. */
export interface Condition {
  readonly what: ConditionKind;
  readonly held: boolean;
  /** Numbers are scores, fractions, counts or seconds, as `unit` says; text is a name, or names joined by ', '. */
  readonly value: number | string;
  readonly limit: number | string;
  /** Of `value` and `limit`; absent for scores and names. */
  readonly unit?: 's' | 'objects' | 'width' | 'height';
  /** Zone or line that the condition is about. */
  readonly place?: string;
}

/** What became of one rule on one track. */
export interface RuleTrace {
  readonly rule: string;
  readonly trigger: TriggerType;
  /** Times it fired, those that joined a group included. The last ones, at most FIRINGS_KEPT_MAX. */
  readonly fired: number;
  readonly firings: readonly { readonly atMs: number; readonly alertId?: string }[];
  /** The furthest it got without firing: conditions in order, the last is the first that did not hold. */
  readonly nearest?: { readonly atMs: number; readonly conditions: readonly Condition[] };
}

/** Firings named in a trace. */
export const FIRINGS_KEPT_MAX = 5;

/** One track from first look to last, and every rule that looked at it. Written when an alert fires and at its end. */
export interface TrackTrace {
  readonly camera: string;
  readonly track: number;
  readonly label: string;
  readonly eventId?: string;
  readonly startedAtMs: number;
  readonly startedMonoMs: number;
  /** Wall clock of the observation it was written with. */
  readonly atMs: number;
  /** Absent while it is there. */
  readonly endedAtMs?: number;
  /** Observations of it: in all, with a score from `track.scoreMin`, with a lower one, without one (not seen). */
  readonly looks: number;
  readonly good: number;
  readonly low: number;
  readonly missed: number;
  /** `track.scoreMin` of then. */
  readonly scoreMin?: number;
  readonly scoreMax: number;
  readonly medianMax: number;
  /** The median that confirms it; 0 where that is not known. */
  readonly threshold: number;
  readonly confirmedAtMs?: number;
  /** Zones it has been in, with the time in each. */
  readonly zones: readonly { readonly zone: string; readonly seconds: number }[];
  readonly rules: readonly RuleTrace[];
}

// What can be asked of `vedette why`, and what it answers: the same for the command and for request/why. Both threads.
import type { TriggerType } from '../core/rule-types.ts';
import type { Condition, TrackTrace } from '../core/trace-types.ts';
import { type ErrorCode, VedetteError } from '../platform/errors.ts';

/** One event or alert by its id or the beginning of it; or what was in a time. What is absent does not limit. */
export interface WhyQuery {
  readonly id?: string | undefined;
  readonly camera?: string | undefined;
  readonly label?: string | undefined;
  readonly rule?: string | undefined;
  /** Wall clock milliseconds; `untilMs` is not included. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Tracks, and alerts without one, at most. */
  readonly limit: number;
  /** Only so many of the newest tracks of that time are looked through; absent: all. */
  readonly scanMax?: number;
}

/** An alert that is asked for, or that has no object of its own. */
export interface AlertAnswer {
  readonly id: string;
  readonly rule: string;
  readonly trigger: TriggerType;
  readonly camera: string | null;
  readonly at: string;
  readonly because: readonly Condition[];
  /** Plain sentences. */
  readonly why: readonly string[];
}

export interface TrackAnswer {
  readonly eventId: string | null;
  readonly startedAt: string;
  readonly trace: TrackTrace;
  readonly why: readonly string[];
}

/** Newest first. */
export interface WhyAnswer {
  readonly alerts: readonly AlertAnswer[];
  readonly tracks: readonly TrackAnswer[];
  /** What is not there to be told, and why. */
  readonly notes: readonly string[];
  /** There is more than the limit. */
  readonly more: boolean;
}

/** Why there is no answer. */
export interface WhyProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Throws what stands in the way of an answer. */
export function answered(answer: WhyAnswer | WhyProblem): WhyAnswer {
  if ('code' in answer) throw new VedetteError(answer.code, answer.message);
  return answer;
}

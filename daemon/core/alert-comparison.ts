// The alerts that fired and those that other rules would have made of the same history: which are the same, which are new,
// which are missing, and why where that is cheap to tell. Pure.
import type { Subject, WouldAlert } from './backtest.ts';

/** An alert as it fired. */
export interface FiredAlert extends Omit<WouldAlert, 'trigger' | 'severity'> {
  readonly id: string;
  readonly trigger: string;
  readonly severity: string;
  readonly eventId?: string;
}

export interface Kept {
  readonly fired: FiredAlert;
  readonly would: WouldAlert;
}

export interface Comparison {
  /** In order of time, as the others. */
  readonly kept: readonly Kept[];
  readonly added: readonly WouldAlert[];
  readonly removed: readonly FiredAlert[];
}

export interface RuleCount {
  readonly rule: string;
  readonly fired: number;
  readonly wouldFire: number;
  readonly kept: number;
  readonly added: number;
  readonly removed: number;
}

/** Apart by no more than this they are one, whatever object they are about. */
export const SAME_MS = 1000;
/** Starts of one track, as two tables have them. */
const START_TOLERANCE_MS = 1000;

/**
 * The same are alerts of one rule and camera that fired within a second of each other, the nearest first; of what is left then,
 * those about the same object. Each is the same as one other at most.
 */
export function compareAlerts(fired: readonly FiredAlert[], would: readonly WouldAlert[]): Comparison {
  const kept: Kept[] = [];
  const leftFired: FiredAlert[] = [];
  const leftWould: WouldAlert[] = [];
  const theirs = groups(would);
  for (const [key, ours] of groups(fired)) {
    const pairs = pairsOf(ours, theirs.get(key) ?? []);
    kept.push(...pairs.kept);
    leftFired.push(...pairs.fired);
    leftWould.push(...pairs.would);
    theirs.delete(key);
  }
  for (const alerts of theirs.values()) leftWould.push(...alerts);
  return {
    kept: kept.sort((a, b) => a.would.atMs - b.would.atMs),
    added: leftWould.sort(inTime),
    removed: leftFired.sort(inTime),
  };
}

/** One row for every rule that there is, or that fired; those of the configuration first, in its order. */
export function countRules(rules: readonly string[], { kept, added, removed }: Comparison): RuleCount[] {
  const names = new Set([...rules, ...removed.map(({ rule }) => rule).sort()]);
  const of = (alerts: readonly { readonly rule: string }[], name: string): number =>
    alerts.reduce((sum, { rule }) => sum + (rule === name ? 1 : 0), 0);
  const keptOf = kept.map(({ fired }) => fired);
  return [...names].map((rule) => {
    const [same, more, less] = [of(keptOf, rule), of(added, rule), of(removed, rule)];
    return { rule, fired: same + less, wouldFire: same + more, kept: same, added: more, removed: less };
  });
}

function groups<T extends { readonly rule: string; readonly camera?: string }>(
  alerts: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const alert of alerts) {
    const key = `${alert.rule} ${alert.camera ?? ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alert]);
    else group.push(alert);
  }
  return groups;
}

/** Of one rule and camera. */
function pairsOf(
  fired: FiredAlert[],
  would: WouldAlert[],
): { kept: Kept[]; fired: FiredAlert[]; would: WouldAlert[] } {
  fired.sort(inTime);
  would.sort(inTime);
  const kept: Kept[] = [];
  const free = new Set(would);
  const alone: FiredAlert[] = [];
  let from = 0;
  for (const one of fired) {
    while (from < would.length && would[from]!.atMs < one.atMs - SAME_MS) from += 1;
    let best: WouldAlert | undefined;
    for (let at = from; at < would.length && would[at]!.atMs <= one.atMs + SAME_MS; at += 1) {
      const other = would[at]!;
      if (free.has(other) && (best === undefined || distance(one, other) < distance(one, best))) best = other;
    }
    if (best === undefined) alone.push(one);
    else {
      free.delete(best);
      kept.push({ fired: one, would: best });
    }
  }
  const byTrack = Map.groupBy(free, ({ subject }) => subject?.track);
  const left = alone.filter((one) => {
    const other = byTrack
      .get(one.subject?.track)
      ?.find((alert) => free.has(alert) && isSameSubject(one.subject, alert.subject));
    if (other === undefined) return true;
    free.delete(other);
    kept.push({ fired: one, would: other });
    return false;
  });
  return { kept, fired: left, would: [...free] };
}

/** Milliseconds; the same object counts as nearer than any other. */
function distance(one: FiredAlert, other: WouldAlert): number {
  const apartMs = Math.abs(one.atMs - other.atMs);
  return isSameSubject(one.subject, other.subject) ? apartMs : apartMs + SAME_MS;
}

function isSameSubject(a: Subject | undefined, b: Subject | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.track === b.track && Math.abs(a.startedAtMs - b.startedAtMs) <= START_TOLERANCE_MS;
}

function inTime(a: { readonly atMs: number }, b: { readonly atMs: number }): number {
  return a.atMs - b.atMs;
}

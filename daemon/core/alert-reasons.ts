// Why an alert that fired would not fire by other rules, as far as it can be told from the alert and the rules alone: the first
// condition that it breaks, in the order in which the engine tests them. And why one that would fire did not: the condition
// that failed then, from the trace of its object. Pure.
import type { FiredAlert } from './alert-comparison.ts';
import type { BacktestOptions, WouldAlert } from './backtest.ts';
import { conditionWords } from './condition-words.ts';
import type { DecisionScene } from './decision-scene.ts';
import type { Rule, Trigger } from './rule-types.ts';
import { Schedule } from './schedule.ts';
import type { TrackTrace } from './trace-types.ts';

export interface ReasonContext {
  readonly scene: DecisionScene;
  readonly threshold: BacktestOptions['threshold'];
  /** What would have fired instead, in order of time. */
  readonly would: readonly WouldAlert[];
}

/** Explains what is missing; undefined where it is about where the object was, or when. */
export class AlertReasons {
  readonly #scene: DecisionScene;
  readonly #threshold: ReasonContext['threshold'];
  readonly #rules: ReadonlyMap<string, Rule>;
  readonly #would: ReadonlyMap<string, readonly WouldAlert[]>;

  constructor({ scene, threshold, would }: ReasonContext) {
    this.#scene = scene;
    this.#threshold = threshold;
    this.#rules = new Map(scene.rules.map((rule) => [rule.name, rule]));
    this.#would = Map.groupBy(would, ({ rule }) => rule);
  }

  /** What the trace of its object says of the rule as it was then; undefined where there was no such rule. */
  added({ rule }: WouldAlert, trace: TrackTrace | undefined): string | undefined {
    const then = trace?.rules.find((one) => one.rule === rule);
    const failed = then?.nearest?.conditions.at(-1);
    if (then === undefined || failed === undefined || failed.held) return undefined;
    return `then: ${conditionWords(failed, then.trigger)}`;
  }

  removed(alert: FiredAlert): string | undefined {
    const rule = this.#rules.get(alert.rule);
    if (rule === undefined) return `there is no rule '${alert.rule}' now`;
    return (
      this.#ofCamera(alert, rule) ??
      ofTrigger(alert, rule.trigger) ??
      this.#ofObject(alert, rule) ??
      this.#ofSchedule(alert, rule) ??
      this.#ofTime(alert, rule)
    );
  }

  #ofCamera({ camera }: FiredAlert, rule: Rule): string | undefined {
    if (camera === undefined) return undefined;
    if (!this.#scene.places.has(camera)) return `there is no camera '${camera}' now`;
    if (rule.cameras?.includes(camera) === false) return `the rule does not look at camera '${camera}' now`;
    return undefined;
  }

  #ofObject({ camera, label, score }: FiredAlert, rule: Rule): string | undefined {
    if (label === undefined || camera === undefined) return undefined;
    if (rule.labels?.includes(label) === false) return `the rule does not look for '${label}' now`;
    if (score === undefined) return undefined;
    const threshold = this.#threshold(camera, label) ?? 0;
    // Scores are kept with less digits than they are decided on.
    if (score + 1e-6 < threshold)
      return `its score ${score.toFixed(2)} does not confirm it now (${threshold.toFixed(2)})`;
    if (score + 1e-6 < rule.scoreMin)
      return `its score ${score.toFixed(2)} is below the rule's ${rule.scoreMin.toFixed(2)} now`;
    return undefined;
  }

  #ofSchedule({ atMs }: FiredAlert, { schedule }: Rule): string | undefined {
    if (schedule === undefined) return undefined;
    const here = new Schedule(schedule, this.#scene.location);
    return here.covers(atMs) ? undefined : `${here.words(atMs)} is outside its schedule now`;
  }

  /** Another alert of the rule may have begun a cooldown, or stands for a group that has this one in it. */
  #ofTime(alert: FiredAlert, rule: Rule): string | undefined {
    const would = this.#would.get(rule.name) ?? [];
    const group = would.find(({ atMs }) => atMs >= alert.atMs && atMs - alert.atMs <= rule.groupS * 1000);
    if (group !== undefined && group.count > 1) return `in a group of ${group.count} now`;
    const before = would.findLast((one) => one.atMs < alert.atMs && sharesCooldown(alert, one, rule));
    if (before === undefined) return undefined;
    const agoS = (alert.atMs - before.atMs) / 1000;
    if (agoS >= rule.cooldownS) return undefined;
    return `${agoS.toFixed(0)} s into the cooldown, now ${rule.cooldownS} s`;
  }
}

function sharesCooldown(one: FiredAlert, other: WouldAlert, { cooldownPer }: Rule): boolean {
  if (cooldownPer === 'rule') return true;
  if (one.camera !== other.camera) return false;
  if (cooldownPer === 'zone') return one.zone === other.zone;
  return cooldownPer === 'camera' || one.subject?.track === other.subject?.track;
}

function ofTrigger({ trigger, zone, line }: FiredAlert, now: Trigger): string | undefined {
  if (trigger !== now.type) return `the rule is one of '${now.type}' now, not of '${trigger}'`;
  if (zone !== undefined && 'zone' in now && now.zone !== undefined && now.zone !== zone)
    return `the rule looks at zone '${now.zone}' now, not at '${zone}'`;
  if (line !== undefined && 'line' in now && now.line !== line)
    return `the rule looks at line '${now.line}' now, not at '${line}'`;
  return undefined;
}

// One rule made ready: its filters, tested against an object in the order of CONDITION_KINDS, and told with their numbers.
// Pure. Tests allocate nothing. Not for: the trigger (triggers.ts, standing.ts) and the cooldown (turns.ts).

import type { Location, Rule, SizeBounds } from './rule-types.ts';
import { Schedule, scheduleText } from './schedule.ts';
import { CONDITION_KINDS, type Condition, type ConditionKind } from './trace-types.ts';
import type { Box, TrackView } from './types.ts';

/** Places of the conditions in CONDITION_KINDS; `none` comes after all of them. */
export const RANK = Object.fromEntries(
  [...CONDITION_KINDS, 'none'].map((kind, place) => [kind, place]),
) as Readonly<Record<ConditionKind | 'none', number>>;

/** Of a camera, or of the whole daemon. */
export interface Arming {
  armed: boolean;
  /** Monotonic time of the last change. */
  armedSinceMonoMs: number;
}

export class Filters {
  readonly rule: Rule;
  readonly schedule: Schedule | undefined;
  readonly #labels: ReadonlySet<string> | undefined;

  constructor(rule: Rule, location: Location) {
    this.rule = rule;
    this.schedule = rule.schedule === undefined ? undefined : new Schedule(rule.schedule, location);
    this.#labels = rule.labels === undefined ? undefined : new Set(rule.labels);
  }

  hasLabel(label: string): boolean {
    return this.#labels === undefined || this.#labels.has(label);
  }

  /** An object that the rule is about, if the trigger and the time are right. */
  matches({ label, confirmed, scoreMedian, box }: TrackView): boolean {
    return confirmed && this.hasLabel(label) && scoreMedian >= this.rule.scoreMin && this.hasSize(box);
  }

  hasSize(box: Box): boolean {
    const { size } = this.rule;
    return size === undefined || wrongSide(size, box) === undefined;
  }

  /** The same objects match, as far as they are looked at one by one. */
  isAboutSame({ rule: { labels, scoreMin, size } }: Filters): boolean {
    const { rule } = this;
    return (
      JSON.stringify([rule.labels, rule.scoreMin, rule.size]) === JSON.stringify([labels, scoreMin, size])
    );
  }

  /** Rank of the first condition behind the trigger that does not hold, the cooldown aside; else RANK.none. */
  firstFailed({ scoreMedian, box }: TrackView, arming: Arming, atMs: number): number {
    if (scoreMedian < this.rule.scoreMin) return RANK.score;
    if (!this.hasSize(box)) return RANK.size;
    return this.held(arming, atMs);
  }

  /** RANK.armed, RANK.schedule, or RANK.none where both let it fire. */
  held(arming: Arming, atMs: number): number {
    if (!this.isArmed(arming)) return RANK.armed;
    return this.schedule === undefined || this.schedule.covers(atMs) ? RANK.none : RANK.schedule;
  }

  /** Whether the armed state lets it fire. */
  isArmed({ armed }: Arming): boolean {
    const { while: state } = this.rule;
    return state === 'always' || (state === 'armed') === armed;
  }

  labelCondition(label: string): Condition {
    const limit = this.rule.labels?.join(', ') ?? 'any';
    return { what: 'label', held: this.hasLabel(label), value: label, limit };
  }

  scoreCondition(scoreMedian: number): Condition {
    const { scoreMin } = this.rule;
    return { what: 'score', held: scoreMedian >= scoreMin, value: scoreMedian, limit: scoreMin };
  }

  /** The first bound that does not hold, else one that does; undefined without bounds. */
  sizeCondition(box: Pick<Box, 'width' | 'height'>): Condition | undefined {
    const { size } = this.rule;
    if (size === undefined) return undefined;
    const wrong = wrongSide(size, box);
    const unit =
      wrong?.unit ?? (size.heightMin === undefined && size.heightMax === undefined ? 'width' : 'height');
    const [min, max] = unit === 'width' ? [size.widthMin, size.widthMax] : [size.heightMin, size.heightMax];
    const value = box[unit];
    const limit = min !== undefined && (value < min || max === undefined) ? min : (max ?? 0);
    return { what: 'size', held: wrong === undefined, value, limit, unit };
  }

  armedCondition(arming: Arming): Condition {
    const value = arming.armed ? 'armed' : 'disarmed';
    return { what: 'armed', held: this.isArmed(arming), value, limit: this.rule.while };
  }

  scheduleCondition(atMs: number): Condition | undefined {
    if (this.schedule === undefined) return undefined;
    const limit = scheduleText(this.rule.schedule ?? []);
    return { what: 'schedule', held: this.schedule.covers(atMs), value: this.schedule.words(atMs), limit };
  }
}

/** Whether what a rule remembers is still worth something under its other configuration. */
export function isSameTrigger(a: Rule, b: Rule): boolean {
  return a.name === b.name && JSON.stringify(a.trigger) === JSON.stringify(b.trigger);
}

export function confirmedCondition(scoreMedian: number, threshold: number, held: boolean): Condition {
  return { what: 'confirmed', held, value: scoreMedian, limit: threshold };
}

/** The cooldown, where there is one. */
export function cooldownCondition({ rule }: Filters, sinceS: number | undefined): Condition[] {
  const { cooldownS } = rule;
  if (cooldownS === 0) return [];
  return [{ what: 'cooldown', held: true, value: sinceS ?? 'never', limit: cooldownS, unit: 's' }];
}

function wrongSide(
  { widthMin = 0, widthMax = 1, heightMin = 0, heightMax = 1 }: SizeBounds,
  { width, height }: Pick<Box, 'width' | 'height'>,
): { unit: 'width' | 'height' } | undefined {
  if (width < widthMin || width > widthMax) return WIDTH;
  return height < heightMin || height > heightMax ? HEIGHT : undefined;
}

const WIDTH = { unit: 'width' } as const;
const HEIGHT = { unit: 'height' } as const;

// How far one track has got with one rule: what the trigger remembers, whether the rule has had its say, and for the decision
// trace the nearest it came without firing. Numbers only, changed in place: a look allocates nothing. Pure.
import { confirmedCondition, type Filters, RANK } from './filters.ts';
import type { FiringNote } from './firing.ts';
import { type Condition, FIRINGS_KEPT_MAX, type RuleTrace } from './trace-types.ts';
import { emptyMemory, type Memory, type ObjectTrigger } from './triggers.ts';
import type { OwnTurn } from './turns.ts';
import type { TrackView } from './types.ts';

export class Progress implements OwnTurn {
  readonly memory: Memory = emptyMemory();
  /** The rule has had its say for as long as its trigger holds. */
  spent = false;
  firedMonoMs = Number.NaN;
  readonly notes: FiringNote[] = [];
  #fired = 0;
  /** Rank of the first condition that failed when it came nearest; −1 before the first look. */
  #rank = -1;
  /** How near the trigger came. */
  #reached = 0;
  /** Since the cooldown began. */
  #sinceS = 0;
  #atMs = 0;
  #scoreMedian = 0;
  #width = 0;
  #height = 0;
  #isArmed = true;
  #crossing: Memory['crossing'];

  /** Notes a look in which the condition with this rank was the first that failed, if it never came nearer. */
  failed(rank: number, reached: number, { track, atMs, armed, sinceS = 0 }: Seen): void {
    if (rank < this.#rank || (rank === this.#rank && !this.#isNearer(rank, reached, track))) return;
    this.#rank = rank;
    this.#reached = reached;
    this.#sinceS = sinceS;
    this.#atMs = atMs;
    this.#scoreMedian = track.scoreMedian;
    this.#width = track.box.width;
    this.#height = track.box.height;
    this.#isArmed = armed;
    this.#crossing = this.memory.crossing;
  }

  fires(note: FiringNote): void {
    this.#fired += 1;
    this.notes.push(note);
    if (this.notes.length > FIRINGS_KEPT_MAX) this.notes.shift();
  }

  trace(filters: Filters, trigger: ObjectTrigger, view: TrackView): RuleTrace {
    const { rule } = filters;
    const nearest = this.#fired > 0 || this.#rank < 0 ? undefined : this.#conditions(filters, trigger, view);
    return {
      rule: rule.name,
      trigger: rule.trigger.type,
      fired: this.#fired,
      firings: this.notes.map((note) => ({ ...note })),
      ...(nearest === undefined ? {} : { nearest: { atMs: this.#atMs, conditions: nearest } }),
    };
  }

  /** Of two looks that failed at the same condition the one with the better number is nearer; else the later one. */
  #isNearer(rank: number, reached: number, { scoreMedian }: TrackView): boolean {
    if (rank === RANK.trigger) return reached > this.#reached;
    if (rank === RANK.confirmed || rank === RANK.score) return scoreMedian > this.#scoreMedian;
    return true;
  }

  #conditions(filters: Filters, trigger: ObjectTrigger, { label, threshold }: TrackView): Condition[] {
    const box = { width: this.#width, height: this.#height };
    const isPast = (rank: number): boolean => this.#rank > rank;
    const arming = { armed: this.#isArmed, armedSinceMonoMs: 0 };
    const memory = { ...this.memory, crossing: this.#crossing };
    const { cooldownS } = filters.rule;
    const all: (Condition | undefined)[] = [
      filters.labelCondition(label),
      confirmedCondition(this.#scoreMedian, threshold, isPast(RANK.confirmed)),
      trigger.condition(isPast(RANK.trigger), this.#reached, memory),
      filters.scoreCondition(this.#scoreMedian),
      filters.sizeCondition(box),
      filters.armedCondition(arming),
      filters.scheduleCondition(this.#atMs),
      { what: 'cooldown', held: false, value: this.#sinceS, limit: cooldownS, unit: 's' },
    ];
    return all.slice(0, this.#rank + 1).filter((condition) => condition !== undefined);
  }
}

/** What a look is noted with. */
export interface Seen {
  readonly track: TrackView;
  readonly atMs: number;
  readonly armed: boolean;
  /** Seconds since the cooldown began that keeps it quiet. */
  readonly sinceS?: number | undefined;
}

// Whose turn it is to fire: the cooldown of each rule, and its open group. Pure.
import type { Rule } from './rule-types.ts';

/** Cooldown that a track carries with it, for rules that count it per track. */
export interface OwnTurn {
  firedMonoMs: number;
}

export interface Turn {
  readonly rule: Rule;
  /** Undefined for the whole daemon. */
  readonly camera: string | undefined;
  readonly zone: string | undefined;
  readonly monoMs: number;
  readonly own?: OwnTurn | undefined;
}

export type TurnOutcome = 'fires' | 'joins' | 'quiet';

export class Turns {
  /** When something fired last, by what its cooldown is counted for; grows with the configuration, not with time. */
  readonly #fired = new Map<string, number>();
  /** When the group of a rule on a camera was opened. */
  readonly #opened = new Map<string, number>();

  /** Seconds since the cooldown that would hold this turn began; undefined where none has. */
  secondsSince(turn: Turn): number | undefined {
    const fired = this.#last(turn);
    // Two cameras may have clocks that differ: a video that plays fast has its own.
    return fired === undefined ? undefined : Math.abs(turn.monoMs - fired) / 1000;
  }

  /** Takes the turn, unless the cooldown keeps it quiet: then for good. */
  take(turn: Turn): TurnOutcome {
    const { rule, monoMs, own } = turn;
    const group = `${rule.name}/${turn.camera ?? ''}`;
    const opened = this.#opened.get(group);
    if (rule.groupS > 0 && opened !== undefined && monoMs - opened < rule.groupS * 1000 && monoMs >= opened) {
      return 'joins';
    }
    const seconds = this.secondsSince(turn);
    if (seconds !== undefined && seconds < rule.cooldownS) return 'quiet';
    if (rule.cooldownPer === 'track' && own !== undefined) own.firedMonoMs = monoMs;
    else this.#fired.set(keyOf(turn), monoMs);
    if (rule.groupS > 0) this.#opened.set(group, monoMs);
    return 'fires';
  }

  /** Groups that were open have been told: what comes begins another. */
  closeGroups(): void {
    this.#opened.clear();
  }

  #last(turn: Turn): number | undefined {
    const { rule, own } = turn;
    if (rule.cooldownPer !== 'track' || own === undefined) return this.#fired.get(keyOf(turn));
    return Number.isNaN(own.firedMonoMs) ? undefined : own.firedMonoMs;
  }
}

/** A zone's cooldown is shared by all rules that count it so. */
function keyOf({ rule, camera = '', zone = '' }: Turn): string {
  switch (rule.cooldownPer) {
    case 'rule':
      return rule.name;
    case 'zone':
      return `zone/${camera}/${zone}`;
    default:
      return `${rule.name}/${camera}`;
  }
}

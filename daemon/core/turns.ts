// Whose turn it is to fire: the cooldown of each rule, and its open group. Pure.
import type { FaultKind, Rule } from './rule-types.ts';

/** Cooldown that a track carries with it, for rules that count it per track. */
export interface OwnTurn {
  firedMonoMs: number;
}

export interface Turn {
  readonly rule: Rule;
  /** Undefined for the whole daemon. */
  readonly camera: string | undefined;
  readonly zone: string | undefined;
  /** What is broken, if it is that. */
  readonly fault?: FaultKind | undefined;
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
    const { rule, monoMs } = turn;
    const own = rule.cooldownPer === 'track' ? turn.own : undefined;
    const seconds = this.secondsSince(turn);
    const isQuiet = seconds !== undefined && seconds < rule.cooldownS;
    // The cooldown of the others began with the group; who has one of their own is in it or not, whoever the group is of.
    if (this.#isGroupOpen(turn) && (own === undefined || !isQuiet)) {
      if (own !== undefined) own.firedMonoMs = monoMs;
      return 'joins';
    }
    if (isQuiet) return 'quiet';
    if (own !== undefined) own.firedMonoMs = monoMs;
    else this.#fired.set(keyOf(turn), monoMs);
    if (rule.groupS > 0) this.#opened.set(groupOf(turn), monoMs);
    return 'fires';
  }

  /** Groups that were open have been told: what comes begins another. */
  closeGroups(): void {
    this.#opened.clear();
  }

  #isGroupOpen(turn: Turn): boolean {
    const { rule, monoMs } = turn;
    if (rule.groupS === 0) return false;
    const opened = this.#opened.get(groupOf(turn));
    return opened !== undefined && monoMs >= opened && monoMs - opened < rule.groupS * 1000;
  }

  #last(turn: Turn): number | undefined {
    const { rule, own } = turn;
    if (rule.cooldownPer !== 'track' || own === undefined) return this.#fired.get(keyOf(turn));
    return Number.isNaN(own.firedMonoMs) ? undefined : own.firedMonoMs;
  }
}

function groupOf({ rule, camera = '' }: Turn): string {
  return `${rule.name}/${camera}`;
}

/** A zone's cooldown is shared by all rules that count it so. A full disk and a dead detector are two things, as cameras and their faults are. */
function keyOf({ rule, camera = '', zone = '', fault = 'offline' }: Turn): string {
  switch (rule.cooldownPer) {
    case 'rule':
      return rule.name;
    case 'zone':
      return `zone/${camera}/${zone}`;
    default:
      return fault === 'offline' ? `${rule.name}/${camera}` : `${rule.name}/${camera}/${fault}`;
  }
}

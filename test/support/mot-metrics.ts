// How well tracks follow the truth: MOTA and identity switches (CLEAR MOT: Bernardin and Stiefelhagen 2008) and IDF1 (Ristani
// et al. 2016), over looks in which both are known. A pair is a match where their boxes overlap by half (IoU ≥ 0.5, as in the
// MOT challenges).
import { Assignment } from '../../daemon/core/assignment.ts';
import { iou } from '../../daemon/core/geometry.ts';
import type { Box } from '../../daemon/core/types.ts';

export interface Seen<Id> {
  readonly id: Id;
  readonly box: Box;
}

/** One look: who was there and who was told. */
export interface Look {
  readonly truth: readonly Seen<string>[];
  readonly told: readonly Seen<number>[];
  /** Who was there but could not be asked for (hidden): found or not, it does not count. */
  readonly spared?: readonly Seen<string>[];
}

export interface MotScores {
  /**
   * 2 IDTP / (truth + told): of the one pairing of truths and tracks, over all looks, that agrees most often. 1 where
   * everybody has one id from the first look to the last.
   */
  readonly idf1: number;
  /** 1 − (misses + false ones + switches) / truth. */
  readonly mota: number;
  /** Looks at which a truth is matched by another track than last time. */
  readonly switches: number;
  readonly misses: number;
  readonly strangers: number;
  /** Boxes of truth. */
  readonly truths: number;
  /** Tracks told, and truths: how often somebody was taken for somebody new. */
  readonly tracks: number;
  readonly people: number;
}

/** Over several runs: means of the ratios, sums of the counts. */
export function meanOf(scores: readonly MotScores[]): MotScores {
  const sum = (key: keyof MotScores): number => scores.reduce((total, one) => total + one[key], 0);
  return {
    idf1: sum('idf1') / scores.length,
    mota: sum('mota') / scores.length,
    switches: sum('switches'),
    misses: sum('misses'),
    strangers: sum('strangers'),
    truths: sum('truths'),
    tracks: sum('tracks'),
    people: sum('people'),
  };
}

const OVERLAP_MIN = 0.5;
const ALONE = 0;

export class MotMeter {
  #misses = 0;
  #strangers = 0;
  #switches = 0;
  #truths = 0;
  #told = 0;
  /** By truth: the track that matched it last. */
  readonly #lastTrack = new Map<string, number>();
  /** The pairs of the look before. */
  #pairs = new Map<string, number>();
  /** By truth and track: looks in which they overlap enough. */
  readonly #agreements = new Map<string, Map<number, number>>();
  readonly #tracks = new Set<number>();

  look({ truth, told: all, spared = [] }: Look): void {
    const pairs = this.#match(truth, all);
    const matched = new Set(pairs.values());
    const told = all.filter(
      ({ id, box }) => matched.has(id) || !spared.some((other) => iou(other.box, box) >= OVERLAP_MIN),
    );
    this.#truths += truth.length;
    this.#told += told.length;
    this.#misses += truth.length - pairs.size;
    this.#strangers += told.length - pairs.size;
    for (const [id, track] of pairs) {
      const last = this.#lastTrack.get(id);
      if (last !== undefined && last !== track) this.#switches += 1;
      this.#lastTrack.set(id, track);
    }
    this.#pairs = pairs;
    for (const { id } of told) this.#tracks.add(id);
    for (const { id, box } of truth) {
      const agreed = this.#agreements.get(id) ?? new Map<number, number>();
      this.#agreements.set(id, agreed);
      for (const other of told) {
        if (iou(box, other.box) >= OVERLAP_MIN) agreed.set(other.id, (agreed.get(other.id) ?? 0) + 1);
      }
    }
  }

  get scores(): MotScores {
    const agreed = this.#bestAgreement();
    const wrong = this.#misses + this.#strangers + this.#switches;
    return {
      idf1: this.#truths + this.#told === 0 ? 1 : (2 * agreed) / (this.#truths + this.#told),
      mota: this.#truths === 0 ? 1 : 1 - wrong / this.#truths,
      switches: this.#switches,
      misses: this.#misses,
      strangers: this.#strangers,
      truths: this.#truths,
      tracks: this.#tracks.size,
      people: this.#agreements.size,
    };
  }

  /** CLEAR MOT: pairs of the look before that still overlap stay, the others are assigned by overlap. */
  #match(truth: readonly Seen<string>[], told: readonly Seen<number>[]): Map<string, number> {
    const pairs = new Map<string, number>();
    for (const { id, box } of truth) {
      const kept = told.find((other) => other.id === this.#pairs.get(id));
      if (kept !== undefined && iou(box, kept.box) >= OVERLAP_MIN) pairs.set(id, kept.id);
    }
    const taken = new Set(pairs.values());
    const rows = truth.filter(({ id }) => !pairs.has(id));
    const columns = told.filter(({ id }) => !taken.has(id));
    const costs = rows.map(({ box }) =>
      columns.map((other) => {
        const overlap = iou(box, other.box);
        return overlap >= OVERLAP_MIN ? -overlap : ALONE;
      }),
    );
    for (const [row, column] of assigned(costs)) pairs.set(rows[row]!.id, columns[column]!.id);
    return pairs;
  }

  /** IDTP: looks in which truths agree with tracks, when each has one partner for good. */
  #bestAgreement(): number {
    const tracks = [...this.#tracks];
    const counts = [...this.#agreements.values()].map((agreed) => tracks.map((id) => agreed.get(id) ?? 0));
    let sum = 0;
    for (const [row, column] of assigned(counts.map((row) => row.map((count) => -count))))
      sum += counts[row]![column]!;
    return sum;
  }
}

/** The cheapest pairs [row, column] of costs below zero. */
function assigned(costs: readonly (readonly number[])[]): [number, number][] {
  const columns = costs[0]?.length ?? 0;
  if (columns === 0) return [];
  const assignment = new Assignment(costs.length, columns);
  const width = assignment.begin(costs.length, columns);
  for (const [row, line] of costs.entries()) assignment.costs.set(line, row * width);
  assignment.solve(ALONE);
  const pairs: [number, number][] = [];
  for (let column = 0; column < columns; column += 1) {
    const row = assignment.rowOf[column]!;
    if (row >= 0) pairs.push([row, column]);
  }
  return pairs;
}

// One track: what is known of an object between two looks. Owned and changed by the tracker alone; what others get is a view.
// Pure.
import { BoxMotion } from './box-motion.ts';
import { shareWithin } from './geometry.ts';
import { LabelVote } from './label-kin.ts';
import { ScoreHistory } from './score-history.ts';
import { Stillness } from './stillness.ts';
import type { Box, Detection, FrameStamp, TrackOptions, TrackView } from './types.ts';

const STILL = [0, 0] as const;
const UNLOOKED = { unlooked: true } as const;
const NOTHING = {} as const;
/** What was seen last of an object at rest lies within its place, even when half of it was hidden. If less does, it has set out. */
const AT_PLACE = 0.5;

export class Track {
  readonly id: number;
  readonly motion: BoxMotion;
  /** As it was last found. */
  box: Box;
  /** Of the look taken last; 0 when it was not found in it. */
  score: number;
  confirmed = false;
  seenMonoMs: number;
  /** Looks in a row in which it was not found. */
  missed = 0;
  /** When somebody last looked at where it should be, found or not. */
  lookedMonoMs: number;
  /** In the look taken last nobody looked at where it should be. */
  #unlooked = false;
  readonly #startedAtMs: number;
  readonly #startedMonoMs: number;
  readonly #scores = new ScoreHistory();
  readonly #still: Stillness;
  /** Where it came to rest; where it is while it has not. */
  #place: Box;
  readonly #vote: LabelVote;
  readonly #options: TrackOptions;

  constructor(id: number, { label, score, box }: Detection, stamp: FrameStamp, options: TrackOptions) {
    this.id = id;
    this.#options = options;
    this.box = box;
    this.#place = box;
    this.score = score;
    this.seenMonoMs = stamp.monoMs;
    this.lookedMonoMs = stamp.monoMs;
    this.#startedAtMs = stamp.atMs;
    this.#startedMonoMs = stamp.monoMs;
    this.motion = new BoxMotion(box, options.frameAspect);
    this.#still = new Stillness(this.motion.x, this.motion.y, this.motion.size, stamp.monoMs);
    this.#vote = new LabelVote(label, score);
    this.#remember(score);
  }

  get label(): string {
    return this.#vote.label;
  }

  get stationary(): boolean {
    return this.#still.resting;
  }

  /** Seconds since it was last found; 0 when the clock says that was later. */
  secondsUnseen(monoMs: number): number {
    return Math.max(0, monoMs - this.seenMonoMs) / 1000;
  }

  /** How long it may go unseen. */
  get patienceMs(): number {
    const { lostMs, unconfirmedLostMs, stationaryLostMs } = this.#options;
    if (!this.confirmed) return Math.min(lostMs, unconfirmedLostMs);
    const isAtPlace = this.stationary && shareWithin(this.box, this.#place) >= AT_PLACE;
    return isAtPlace ? Math.max(lostMs, stationaryLostMs) : lostMs;
  }

  /** This was found where it is. */
  found({ label, score, box }: Detection, monoMs: number): void {
    const { motion } = this;
    this.#looked(monoMs);
    const certain = score >= this.#options.scoreMin;
    // A weak box may be half of it: what is at rest is there, no more than that.
    const moves = certain || !this.stationary;
    if (moves) {
      motion.correct(box, this.secondsUnseen(monoMs), certain);
      this.box = box;
    }
    this.score = score;
    this.missed = 0;
    this.seenMonoMs = Math.max(this.seenMonoMs, monoMs);
    if (!this.stationary) this.#place = box;
    if (moves)
      this.#still.look(motion.x, motion.y, motion.size, this.seenMonoMs, this.#options.stationaryS * 1000);
    // Called one thing for good once it is an object to others: an event does not change what it is about.
    if (certain && !this.confirmed) this.#vote.add(label, score);
    this.#remember(certain ? score : 0);
  }

  /** A look was taken and it was not there. */
  notFound(monoMs: number): void {
    this.#looked(monoMs);
    this.score = 0;
    this.missed += 1;
    this.#remember(0);
  }

  /** A look was taken at other parts of the picture: nothing is known, and nothing is held against it. */
  notLookedAt(): void {
    this.score = 0;
    this.#unlooked = true;
  }

  /** Where it should be by now, cut off nowhere: at rest where it was seen last. */
  expected(monoMs: number): Box {
    if (this.stationary) return this.box;
    const { motion } = this;
    motion.predict(this.secondsUnseen(monoMs));
    const { frameAspect } = this.#options;
    const width = motion.width / frameAspect;
    const { height } = motion;
    return { x: motion.x / frameAspect - width / 2, y: motion.y - height / 2, width, height };
  }

  #looked(monoMs: number): void {
    this.lookedMonoMs = Math.max(this.lookedMonoMs, monoMs);
    this.#unlooked = false;
  }

  #remember(score: number): void {
    this.#scores.add(score);
    if (this.#scores.median >= this.#options.threshold(this.label)) this.confirmed = true;
  }

  view(): TrackView {
    const { motion, stationary, label } = this;
    return {
      id: this.id,
      label,
      score: this.score,
      scoreMedian: this.#scores.median,
      box: this.box,
      confirmed: this.confirmed,
      threshold: this.#options.threshold(label),
      stationary,
      velocity: stationary ? STILL : [motion.speedX, motion.speedY],
      startedAtMs: this.#startedAtMs,
      startedMonoMs: this.#startedMonoMs,
      ...(this.#unlooked ? UNLOOKED : NOTHING),
    };
  }
}

// Keeps the pictures within their limits: the oldest go first, by age and by bytes, and when the disk is full. In rounds
// (rounds.ts); pictures that are too many do not wait for the clock. Each round that deletes something is a row of the
// journal. Worker thread.
import type Database from 'better-sqlite3';
import type { Clock } from '../platform/clock.ts';
import type { AgeClock } from './age-clock.ts';
import { codeOf } from './failures.ts';
import type { Journal } from './journal.ts';
import type { Media } from './media.ts';
import type { PictureTotals, PruneRound, Retention } from './messages.ts';
import { MEGABYTE } from './options.ts';
import { type Doomed, PictureKeeper } from './picture-keeper.ts';
import type { PictureRow, Pictures } from './pictures.ts';
import { Rounds, SLACK } from './rounds.ts';
import { sweep } from './sweep.ts';

export interface PrunerOptions {
  readonly db: Database.Database;
  readonly pictures: Pictures;
  readonly media: Media;
  readonly ageClock: AgeClock;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly retention: Retention;
  /** A turn is over: the totals may have changed. `round`: what the round deleted, once it is in the journal. */
  onTurn(round: PruneRound | undefined): void;
  /** How a round ended: what stopped it or could not be deleted, undefined when it went through. */
  onEnd(trouble: unknown): void;
}

const SWEEP_MS = 24 * 3_600_000;
const SAVE_MS = 3_600_000;
/** A turn of deleting ends at the first of the two. */
const TURN_MS = 10;
const TURN_PICTURES = 16;
/** Files that resist before a round gives up: they are tried again ten minutes later. */
const FAILURES_MAX = 16;
/** What a full disk takes from the pictures at a time. */
const ROOM_BYTES = 4_000_000;
const ROOM_PICTURES_MAX = 256;
const DAY_MS = 24 * 3_600_000;

/** `wait`: too old, but a message that names it has not been delivered. */
type Verdict = 'keep' | 'wait' | 'byAge' | 'byBytes';

export class Pruner {
  readonly #options: PrunerOptions;
  readonly #keeper: PictureKeeper;
  readonly #rounds: Rounds;
  #retention: Retention;
  #sweptMonoMs = -Infinity;
  #savedMonoMs = -Infinity;
  /** The last round met files that resist: they make no round but those by the clock. */
  #troubled = false;
  /** Pictures up to this row have given their files for room, on a disk too full to delete their rows. */
  #roomAfterRow = 0;

  constructor(options: PrunerOptions) {
    this.#options = options;
    this.#retention = options.retention;
    this.#keeper = new PictureKeeper(options);
    this.#rounds = new Rounds({
      clock: options.clock,
      round: () => this.#round(),
      onEnd: (trouble) => this.#ended(trouble ?? this.#keeper.takeFailure()),
    });
  }

  get totals(): PictureTotals {
    return this.#keeper.totals;
  }

  /** Pictures have got their rows. */
  added(pictures: PictureTotals): void {
    this.#keeper.added(pictures);
    if (this.totals.bytes > this.#bytesMax && !this.#troubled) this.#rounds.begin();
  }

  /** The first round sweeps too, and begins when the store's first commits have had their turn. */
  start(): void {
    this.#rounds.start();
  }

  /** Holds at once: a round under way by the old limits is broken off. */
  setRetention(retention: Retention): void {
    this.#retention = retention;
    this.#rounds.beginAnew();
  }

  /**
   * For a commit that found the disk full: deletes some of the oldest pictures, named by waiting messages or not, for an
   * alert is worth more than a picture. False when that made no room. Throws when the database is damaged.
   */
  makeRoom(): boolean {
    const { pictures, media } = this.#options;
    if (!media.sharesDisk()) return false;
    const doomed: Doomed[] = [];
    let freed = 0;
    for (const picture of pictures.oldest(this.#roomAfterRow, ROOM_PICTURES_MAX)) {
      const bytes = this.#keeper.deleteFiles(picture);
      if (bytes === undefined) continue;
      freed += bytes;
      doomed.push({ ...picture, reason: 'forRoom' });
      if (freed >= ROOM_BYTES) break;
    }
    try {
      this.#keeper.deleteRows(doomed);
      this.#roomAfterRow = 0;
    } catch (error) {
      if (codeOf(error) !== 'SQLITE_FULL') throw error;
      this.#roomAfterRow = doomed.at(-1)?.row ?? 0;
    }
    // A round of its own tells it.
    this.#rounds.begin();
    return freed > 0;
  }

  stop(): void {
    this.#rounds.stop();
    this.#saveClock();
  }

  #saveClock(): void {
    try {
      this.#options.ageClock.save();
      this.#savedMonoMs = this.#options.clock.monoMs();
    } catch {
      // A full disk. What is missing at the next start is taken for time away.
    }
  }

  get #bytesMax(): number {
    return this.#retention.keepMb * MEGABYTE;
  }

  #ended(trouble: unknown): void {
    this.#troubled = trouble !== undefined;
    this.#options.onEnd(trouble);
  }

  /** The owner hears of every turn, for each changes the totals. */
  *#round(): Generator<void> {
    this.#keeper.takeFailure();
    for (const _turn of this.#prune()) {
      this.#options.onTurn(undefined);
      yield;
    }
    const round = this.#keeper.endRound();
    if (round !== undefined) this.#options.onTurn(round);
  }

  *#prune(): Generator<void> {
    const monoMs = this.#options.clock.monoMs();
    if (monoMs - this.#savedMonoMs >= SAVE_MS) this.#saveClock();
    if (this.totals.bytes > this.#bytesMax) {
      yield* this.#deleteOldest((picture, bytes) => this.#judgeBytes(picture, bytes));
    }
    yield* this.#deleteOldest((picture) => this.#judgeAge(picture));
    if (monoMs - this.#sweptMonoMs < SWEEP_MS) return;
    yield* sweep({ ...this.#options, keeper: this.#keeper });
    this.#sweptMonoMs = monoMs;
  }

  /** Goes over the pictures from the oldest on until one is judged `keep`. `bytes`: of all pictures at that moment. */
  *#deleteOldest(judge: (picture: PictureRow, bytes: number) => Verdict): Generator<void> {
    const { pictures, clock } = this.#options;
    for (let afterRow = 0; ; ) {
      const endMs = clock.monoMs() + TURN_MS;
      const doomed: Doomed[] = [];
      let bytes = this.totals.bytes;
      let goesOn = false;
      for (const picture of pictures.oldest(afterRow, TURN_PICTURES)) {
        const verdict = judge(picture, bytes);
        goesOn = verdict !== 'keep' && this.#keeper.failures < FAILURES_MAX;
        if (verdict === 'keep' || !goesOn) break;
        afterRow = picture.row;
        if (verdict !== 'wait' && this.#keeper.deleteFiles(picture) !== undefined) {
          doomed.push({ ...picture, reason: verdict });
          bytes -= picture.bytes;
        }
        if (clock.monoMs() >= endMs) break;
      }
      this.#keeper.deleteRows(doomed);
      if (!goesOn) return;
      yield;
    }
  }

  #judgeBytes(picture: PictureRow, bytes: number): Verdict {
    if (bytes <= this.#bytesMax * (1 - SLACK)) return 'keep';
    return this.#judgeAge(picture) === 'byAge' ? 'byAge' : 'byBytes';
  }

  #judgeAge({ path, ageClockMs }: PictureRow): Verdict {
    const { keepDays } = this.#retention;
    const ageMs = this.#options.ageClock.nowMs() - ageClockMs;
    if (keepDays === 0 || ageMs <= keepDays * DAY_MS) return 'keep';
    return this.#options.pictures.isAwaited(path) ? 'wait' : 'byAge';
  }
}

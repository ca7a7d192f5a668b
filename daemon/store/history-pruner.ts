// Keeps history.db within its limits, by age and by bytes (traces have a budget of their own, and facts and traces leave with
// the observations of their time), and reads all of it once after it was opened, so that damage is
// found before somebody needs it. In rounds (rounds.ts), a few hundred rows a turn. Worker thread.
import type Database from 'better-sqlite3';
import type { Clock, Timer } from '../platform/clock.ts';
import { AgeMarks } from './age-marks.ts';
import { HistoryFollowers } from './history-followers.ts';
import type { StoreLimits } from './messages.ts';
import { MEGABYTE } from './options.ts';
import { Rounds, SLACK } from './rounds.ts';

export interface HistoryPrunerOptions {
  readonly db: Database.Database;
  readonly clock: Clock;
  readonly ageClockMs: () => number;
  /** What stopped a round; it is tried again with the next. */
  onTrouble(error: unknown): void;
}

type HistoryLimits = Pick<StoreLimits, 'historyKeepDays' | 'historyKeepMb' | 'tracesKeepMb'>;

const TURN_ROWS = 256;
/** Free pages beyond this part of the file are given back to the disk; fewer are used again soon. */
const FREE_PART = 0.1;
const TURN_PAGES = 64;
/** After the start the disk has better things to do. */
const CHECK_AFTER_MS = 60_000;

export class HistoryPruner {
  readonly #options: HistoryPrunerOptions;
  readonly #lowest: Database.Statement<[], number | null>;
  readonly #delete: Database.Statement<[number]>;
  readonly #read: Database.Statement<[number], { row: number }>;
  readonly #marks: AgeMarks;
  readonly #followers: HistoryFollowers;
  readonly #rounds: Rounds;
  #limits: HistoryLimits = { historyKeepDays: 0, historyKeepMb: Infinity, tracesKeepMb: Infinity };
  #checkDue: Timer | undefined;
  #checkedTo: number | undefined = 0;
  #checkFromMonoMs: number;

  constructor(options: HistoryPrunerOptions) {
    const { db, clock, ageClockMs } = options;
    this.#options = options;
    this.#marks = new AgeMarks({ db, marks: 'ages', rows: 'observations', key: 'row', clock, ageClockMs });
    this.#followers = new HistoryFollowers(db);
    this.#rounds = new Rounds({
      clock,
      round: () => this.#round(),
      onEnd: (trouble) => {
        if (trouble !== undefined) options.onTrouble(trouble);
      },
    });
    this.#lowest = db.prepare<[], number | null>('SELECT min(row) FROM observations').pluck();
    this.#delete = db.prepare('DELETE FROM observations WHERE row < ?');
    // The length makes SQLite follow a body to its last page.
    this.#read = db.prepare<[number], { row: number }>(
      `SELECT row, camera, length(body) AS bytes, substr(body, -1) AS last FROM observations WHERE row > ? ORDER BY row LIMIT ${TURN_ROWS}`,
    );
    this.#checkFromMonoMs = clock.monoMs() + CHECK_AFTER_MS;
    // A clock that began anew with another vedette.db stands before these: nothing is older than now.
    db.prepare('UPDATE ages SET age_clock_ms = min(age_clock_ms, ?)').run(ageClockMs());
  }

  /** Of the file, without its free pages. */
  get bytes(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size');
  }

  start(): void {
    this.#checkDue = this.#options.clock.after(CHECK_AFTER_MS, () => this.#rounds.begin());
    this.#rounds.start();
  }

  /** Holds at once: a round under way by the old limits is broken off. The check of rows goes on where it was. */
  setLimits({ historyKeepDays, historyKeepMb, tracesKeepMb }: HistoryLimits): void {
    this.#limits = { historyKeepDays, historyKeepMb, tracesKeepMb };
    this.#rounds.beginAnew();
  }

  /** A batch has been written. */
  wrote(): void {
    const isOver = this.#observationBytes > this.#bytesMax || this.#followers.bytes > this.#tracesBytesMax;
    if (isOver) this.#rounds.begin();
  }

  stop(): void {
    this.#checkDue?.stop();
    this.#rounds.stop();
  }

  get #bytesMax(): number {
    return this.#limits.historyKeepMb * MEGABYTE;
  }

  get #tracesBytesMax(): number {
    // Traces explain observations: where none of these are kept, none of those are.
    return this.#limits.historyKeepMb === 0 ? 0 : this.#limits.tracesKeepMb * MEGABYTE;
  }

  /** Of everything but traces. */
  get #observationBytes(): number {
    return this.bytes - this.#followers.bytes;
  }

  #pragma(name: string): number {
    return Number(this.#options.db.pragma(name, { simple: true }));
  }

  *#round(): Generator<void> {
    this.#marks.note();
    const old = this.#marks.lastOlderThan(this.#limits.historyKeepDays);
    while (old > 0 && this.#deleteSome(old)) yield;
    // Before the observations: these must not give way for traces that go anyway.
    if (this.#followers.bytes > this.#tracesBytesMax) {
      while (this.#followers.bytes > this.#tracesBytesMax * (1 - SLACK) && this.#followers.deleteOldest())
        yield;
    }
    if (this.#observationBytes > this.#bytesMax) {
      while (this.#observationBytes > this.#bytesMax * (1 - SLACK) && this.#deleteOldest()) yield;
    }
    while (this.#followers.deleteSome()) yield;
    this.#forget();
    yield* this.#giveBack();
    yield* this.#check();
  }

  /** Where no observation is left, traces take more room than was estimated, and nothing is left for them to explain. */
  #deleteOldest(): boolean {
    return this.#deleteSome(Infinity) || this.#followers.deleteOldest();
  }

  /** Deletes the oldest rows up to `last`, not more than a turn's; false when there were none. */
  #deleteSome(last: number): boolean {
    const lowest = this.#lowest.get() ?? undefined;
    if (lowest === undefined || lowest > last) return false;
    this.#delete.run(Math.min(lowest + TURN_ROWS, last + 1));
    return true;
  }

  /** Ages and lives of the daemon that no row needs any more. */
  #forget(): void {
    const lowest = this.#lowest.get();
    if (lowest === null || lowest === undefined) return;
    this.#options.db.exec(`
      DELETE FROM ages WHERE row < ${lowest};
      DELETE FROM runs WHERE id < (SELECT run FROM observations WHERE row = ${lowest})`);
  }

  *#giveBack(): Generator<void> {
    const { db } = this.#options;
    while (this.#pragma('freelist_count') > FREE_PART * this.#pragma('page_count') + TURN_PAGES) {
      db.pragma(`incremental_vacuum(${TURN_PAGES})`);
      yield;
    }
  }

  /** Reads every row, once; throws what SQLite throws for a damaged page. */
  *#check(): Generator<void> {
    if (this.#options.clock.monoMs() < this.#checkFromMonoMs) return;
    if (this.#checkedTo === 0) yield* this.#followers.check();
    while (this.#checkedTo !== undefined) {
      const rows = this.#read.all(this.#checkedTo);
      this.#checkedTo = rows.at(-1)?.row;
      yield;
    }
  }
}

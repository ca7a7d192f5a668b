// How old rows are that have no age of their own: once an hour the newest row of a table is written down with the age clock
// of that moment; what is before it is at least as old. Worker thread.
import type Database from 'better-sqlite3';
import type { Clock } from '../platform/clock.ts';

export interface AgeMarksOptions {
  readonly db: Database.Database;
  /** Where marks are kept (column `age_clock_ms`), of which table, and the key of both. */
  readonly marks: 'ages' | 'journal_ages';
  readonly rows: 'observations' | 'journal';
  readonly key: 'row' | 'entry';
  readonly clock: Clock;
  readonly ageClockMs: () => number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export class AgeMarks {
  readonly #options: AgeMarksOptions;
  readonly #note: Database.Statement<[number]>;
  readonly #lastBefore: Database.Statement<[number], number | null>;
  #notedMonoMs = -Infinity;

  constructor(options: AgeMarksOptions) {
    const { db, marks, rows, key } = options;
    this.#options = options;
    this.#note = db.prepare(`
      INSERT OR IGNORE INTO ${marks} (${key}, age_clock_ms)
      SELECT ${key}, ? FROM ${rows} ORDER BY ${key} DESC LIMIT 1`);
    this.#lastBefore = db
      .prepare<[number], number | null>(`SELECT max(${key}) FROM ${marks} WHERE age_clock_ms < ?`)
      .pluck();
  }

  /** To be called now and then; writes at most once an hour. */
  note(): void {
    const { clock, ageClockMs } = this.#options;
    if (clock.monoMs() - this.#notedMonoMs < HOUR_MS) return;
    this.#note.run(ageClockMs());
    this.#notedMonoMs = clock.monoMs();
  }

  /** The last row that is older than so many days, 0 without any. `keepDays` 0 keeps all. */
  lastOlderThan(keepDays: number): number {
    if (keepDays === 0) return 0;
    return this.#lastBefore.get(this.#options.ageClockMs() - keepDays * DAY_MS) ?? 0;
  }
}

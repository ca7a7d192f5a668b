// The clock by which pictures grow old: time this database has seen pass. Runs with the monotonic clock; the wall clock
// counts only for the time the daemon was away, and for a day at most, so that no jump of it (a board without a clock
// of its own, a wrong time server) deletes a picture early. Worker thread.
import type Database from 'better-sqlite3';
import type { Clock } from '../platform/clock.ts';

/** Most that one absence adds. A board that is off for longer keeps its pictures for longer. */
const AWAY_MS_MAX = 24 * 3_600_000;

interface Saved {
  readonly age_clock_ms: number;
  readonly wall_ms: number | null;
}

export class AgeClock {
  readonly #clock: Clock;
  readonly #save: Database.Statement<[number, number]>;
  readonly #startMs: number;
  readonly #startMonoMs: number;

  constructor(db: Database.Database, clock: Clock) {
    this.#clock = clock;
    this.#save = db.prepare('UPDATE retention SET age_clock_ms = ?, wall_ms = ?');
    const saved = db.prepare<[], Saved>('SELECT age_clock_ms, wall_ms FROM retention').get();
    const nowMs = clock.nowMs();
    const awayMs = nowMs - (saved?.wall_ms ?? nowMs);
    this.#startMs = (saved?.age_clock_ms ?? 0) + Math.min(AWAY_MS_MAX, Math.max(0, awayMs));
    this.#startMonoMs = clock.monoMs();
  }

  /** Whole milliseconds; never runs backward within one life of the daemon. */
  nowMs(): number {
    return Math.round(this.#startMs + this.#clock.monoMs() - this.#startMonoMs);
  }

  /** Writes it down, for the next start: at least once an hour. */
  save(): void {
    this.#save.run(this.nowMs(), Math.round(this.#clock.nowMs()));
  }
}

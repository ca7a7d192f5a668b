// Traces and facts of history.db leave with the observations of their time: what is older than the oldest of these explains
// nothing and stands for nothing. Of the facts the last of each kind and camera before it stays, so that a backtest knows
// what stood then. Some rows at a time; the pruner makes the turns. Worker thread.
import type Database from 'better-sqlite3';

const TURN_ROWS = 64;

/** The oldest observation: its life of the daemon and its clocks. */
interface Oldest {
  readonly run: number;
  readonly atMs: number;
  readonly monoMs: number;
}

export class HistoryFollowers {
  readonly #bytes: Database.Statement<[], number>;
  readonly #oldest: Database.Statement<[], Oldest>;
  readonly #deleteOldest: Database.Statement<[]>;
  readonly #deleteTraces: Database.Statement<[Oldest]>;
  readonly #deleteFacts: Database.Statement<[Oldest]>;
  readonly #read: readonly Database.Statement<[number], { row: number }>[];

  constructor(db: Database.Database) {
    this.#bytes = db.prepare<[], number>('SELECT bytes FROM trace_total').pluck();
    this.#oldest = db.prepare(
      'SELECT run, at_ms AS atMs, mono_ms AS monoMs FROM observations ORDER BY row LIMIT 1',
    );
    this.#deleteOldest = db.prepare(
      `DELETE FROM traces WHERE row IN (SELECT row FROM traces ORDER BY at_ms LIMIT ${TURN_ROWS})`,
    );
    // The wall clock may have been set within a life of the daemon: a trace then stays a little longer or shorter.
    this.#deleteTraces = db.prepare(`
      DELETE FROM traces WHERE row IN (
        SELECT row FROM traces WHERE run < @run OR (run = @run AND at_ms < @atMs) LIMIT ${TURN_ROWS})`);
    this.#deleteFacts = db.prepare(`
      DELETE FROM facts WHERE run < @run OR (run = @run AND mono_ms < @monoMs AND row NOT IN (
        SELECT max(row) FROM facts WHERE run = @run AND mono_ms <= @monoMs
        GROUP BY kind, camera, iif(kind = 'fault', substr(value, 1, instr(value, ':')), '')))`);
    // Asked for its last byte, SQLite follows a text to its last page.
    this.#read = [
      `SELECT row, run, substr(CAST(body AS BLOB), -1) FROM traces WHERE row > ? ORDER BY row LIMIT ${TURN_ROWS}`,
      `SELECT row, run, kind, value FROM facts WHERE row > ? ORDER BY row LIMIT ${TURN_ROWS}`,
    ].map((sql) => db.prepare<[number], { row: number }>(sql));
  }

  /** Of all traces. */
  get bytes(): number {
    return this.#bytes.get() ?? 0;
  }

  /** Deletes a turn of the oldest traces, whatever there is to observe; false when there was none. */
  deleteOldest(): boolean {
    return this.#deleteOldest.run().changes > 0;
  }

  /** Deletes what is older than the oldest observation, a turn of it; false when there was nothing. */
  deleteSome(): boolean {
    const oldest = this.#oldest.get();
    if (oldest === undefined) return false;
    return this.#deleteTraces.run(oldest).changes + this.#deleteFacts.run(oldest).changes > 0;
  }

  /** Reads every row; throws what SQLite throws for a damaged page. */
  *check(): Generator<void> {
    for (const statement of this.#read) {
      for (let rows = statement.all(0); rows.length > 0; rows = statement.all(rows.at(-1)!.row)) yield;
    }
  }
}

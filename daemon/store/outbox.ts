// The outbox table and the counters: messages wait here, in order, until they are delivered. Every call runs inside the
// caller's transaction or is a single statement; nothing here waits. Worker thread.
import type Database from 'better-sqlite3';
import type { OutboxKind, OutboxRow } from '../core/types.ts';

/** One message before it has its place. */
export interface Message {
  readonly kind: OutboxKind;
  readonly atMs: number;
  /** JSON. */
  readonly body: string;
}

interface CounterRow {
  readonly kind: OutboxKind;
  readonly last_seq: number;
}

export class Outbox {
  readonly #next: Database.Statement<[OutboxKind], { last_seq: number }>;
  readonly #insert: Database.Statement<[OutboxKind, number, number, string]>;
  readonly #read: Database.Statement<[number, number], OutboxRow>;
  readonly #delete: Database.Statement<[number]>;
  readonly #count: Database.Statement<[], number>;
  readonly #counters: Database.Statement<[], CounterRow>;
  readonly #lastRow: Database.Statement<[], number>;

  constructor(db: Database.Database) {
    this.#next = db.prepare<[OutboxKind], { last_seq: number }>(
      'UPDATE counters SET last_seq = last_seq + 1 WHERE kind = ? RETURNING last_seq',
    );
    this.#insert = db.prepare('INSERT INTO outbox (kind, seq, at_ms, body) VALUES (?, ?, ?, ?)');
    this.#read = db.prepare<[number, number], OutboxRow>(
      'SELECT row, kind, seq, at_ms AS atMs, body FROM outbox WHERE row > ? ORDER BY row LIMIT ?',
    );
    this.#delete = db.prepare('DELETE FROM outbox WHERE row = ?');
    this.#count = db.prepare<[], number>('SELECT count(*) FROM outbox').pluck();
    this.#counters = db.prepare<[], CounterRow>('SELECT kind, last_seq FROM counters');
    this.#lastRow = db.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").pluck();
  }

  /** The next number of a counter. */
  nextSeq(kind: OutboxKind): number {
    const row = this.#next.get(kind);
    if (row === undefined) throw new Error(`counter '${kind}' is missing from the database`);
    return row.last_seq;
  }

  /** Appends a message under a number from `nextSeq`. */
  add(message: Message, seq: number): OutboxRow {
    const { kind, atMs, body } = message;
    const { lastInsertRowid } = this.#insert.run(kind, seq, Math.round(atMs), body);
    return { row: Number(lastInsertRowid), kind, seq, atMs: Math.round(atMs), body };
  }

  /** Rows after `afterRow` in order of delivery. */
  read(afterRow: number, limit: number): OutboxRow[] {
    return this.#read.all(afterRow, limit);
  }

  /** Deletes delivered rows; returns how many were still there. */
  remove(rows: readonly number[]): number {
    let removed = 0;
    for (const row of rows) removed += this.#delete.run(row).changes;
    return removed;
  }

  /** Rows waiting. Walks the table: once per open. */
  count(): number {
    return this.#count.get() ?? 0;
  }

  lastSeq(): Record<OutboxKind, number> {
    const last: Record<OutboxKind, number> = { event: 0, alert: 0, gap: 0 };
    for (const { kind, last_seq } of this.#counters.all()) last[kind] = last_seq;
    return last;
  }

  /** Highest row ever given out by this file. */
  lastRow(): number {
    return this.#lastRow.get() ?? 0;
  }
}

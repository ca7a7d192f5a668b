// The outbox table and the counters: messages wait here, in order, until they are delivered. Every call runs inside the
// caller's transaction or is a single statement; nothing here waits. Worker thread.
import type Database from 'better-sqlite3';
import type { Gap, OutboxKind, OutboxRow } from '../core/types.ts';
import { VedetteError } from '../platform/errors.ts';
import { GAP_RANGES_MAX } from './losses.ts';

/** One message before it has its place. */
export interface Message {
  readonly kind: OutboxKind;
  readonly atMs: number;
  /** JSON. */
  readonly body: string;
}

/** How much is in the outbox. */
export interface OutboxTotals {
  readonly rows: number;
  /** Of the bodies. */
  readonly bytes: number;
}

interface CounterRow {
  readonly kind: OutboxKind;
  readonly last_seq: number;
}

interface GivenUp {
  readonly kind: OutboxKind;
  readonly seq: number;
  readonly id: string | null;
  readonly bytes: number;
}

type RowColumns = Omit<OutboxRow, 'row' | 'epoch'> & { readonly row: number | null };

/** @row NULL: the next free. Sets `worth` as the schema explains it. */
export const INSERT_OUTBOX = `
  INSERT INTO outbox (row, kind, seq, at_ms, body, bytes, worth)
  VALUES (@row, @kind, @seq, @atMs, @body, octet_length(@body), CASE
    WHEN @kind IN ('gap', 'self-test') THEN 3 WHEN @kind = 'alert' THEN 2 WHEN @body ->> '$.type' = 'update' THEN 0 ELSE 1 END)
  RETURNING row, bytes`;

/** Columns of an OutboxRow. */
export const OUTBOX_ROW = 'row, (SELECT epoch FROM meta) AS epoch, kind, seq, at_ms AS atMs, body';

export class Outbox {
  readonly #db: Database.Database;
  readonly #next: Database.Statement<[OutboxKind], { last_seq: number }>;
  readonly #insert: Database.Statement<[RowColumns], { row: number; bytes: number }>;
  readonly #read: Database.Statement<[number, number], OutboxRow>;
  readonly #delete: Database.Statement<[number], GivenUp>;
  readonly #markAlert: Database.Statement<[number, number]>;
  readonly #markEvent: Database.Statement<[string | null]>;
  readonly #totals: Database.Statement<[], OutboxTotals>;
  readonly #counters: Database.Statement<[], CounterRow>;
  readonly #lastRow: Database.Statement<[], number>;
  #epoch: string | undefined;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#next = db.prepare<[OutboxKind], { last_seq: number }>(
      'UPDATE counters SET last_seq = last_seq + 1 WHERE kind = ? RETURNING last_seq',
    );
    this.#insert = db.prepare(INSERT_OUTBOX);
    this.#read = db.prepare<[number, number], OutboxRow>(
      `SELECT ${OUTBOX_ROW} FROM outbox WHERE row > ? ORDER BY row LIMIT ?`,
    );
    this.#delete = db.prepare<[number], GivenUp>(
      "DELETE FROM outbox WHERE row = ? RETURNING kind, seq, body ->> '$.id' AS id, bytes",
    );
    this.#markAlert = db.prepare('UPDATE alerts SET unheard_at_ms = ? WHERE seq = ?');
    this.#markEvent = db.prepare('UPDATE events SET unheard = unheard + 1 WHERE id = ?');
    // From the index alone: the bodies may be many megabytes.
    this.#totals = db.prepare<[], OutboxTotals>(
      'SELECT count(*) AS rows, coalesce(sum(bytes), 0) AS bytes FROM outbox INDEXED BY outbox_worth',
    );
    this.#counters = db.prepare<[], CounterRow>('SELECT kind, last_seq FROM counters');
    this.#lastRow = db.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").pluck();
  }

  /** The next number of a counter. */
  nextSeq(kind: OutboxKind): number {
    const row = this.#next.get(kind);
    if (row === undefined)
      throw new VedetteError('STORE_DAMAGED', `counter '${kind}' is missing from the database`, { kind });
    return row.last_seq;
  }

  /** Appends a message under a number from `nextSeq`. */
  add(message: Message, seq: number): OutboxRow {
    const { kind, body } = message;
    const atMs = Math.round(message.atMs);
    const { row } = this.#insert.get({ row: null, kind, seq, atMs, body })!;
    return { row, epoch: this.epoch, kind, seq, atMs, body };
  }

  /** Of this file; no file ever changes its own. */
  get epoch(): string {
    this.#epoch ??= this.#db.prepare('SELECT epoch FROM meta').pluck().get() as string;
    return this.#epoch;
  }

  /** Rows after `afterRow` in order of delivery. */
  read(afterRow: number, limit: number): OutboxRow[] {
    return this.#read.all(afterRow, limit);
  }

  /** Deletes delivered rows; returns what was still there. */
  remove(rows: readonly number[]): OutboxTotals {
    return this.#take(rows, () => {});
  }

  /** Deletes rows that nobody was there to hear, and marks their alerts and events. Returns what was still there. */
  giveUp(rows: readonly number[], atMs: number): OutboxTotals {
    return this.#take(rows, ({ kind, seq, id }) => {
      if (kind === 'alert') this.#markAlert.run(Math.round(atMs), seq);
      if (kind === 'event') this.#markEvent.run(id);
    });
  }

  /** Deletes events that are not to be sent any more; returns what was still there, and the gaps that are to say so. */
  passOver(rows: readonly number[]): OutboxTotals & { readonly gaps: readonly Omit<Gap, 'atMs'>[] } {
    const seqs: number[] = [];
    const taken = this.#take(rows, ({ seq }) => seqs.push(seq));
    const ranges = rangesOf(seqs.toSorted((a, b) => a - b));
    const gaps: Omit<Gap, 'atMs'>[] = [];
    for (let from = 0; from < ranges.length; from += GAP_RANGES_MAX)
      gaps.push(lateGap(ranges.slice(from, from + GAP_RANGES_MAX)));
    return { ...taken, gaps };
  }

  #take(rows: readonly number[], each: (row: GivenUp) => void): OutboxTotals {
    const taken = { rows: 0, bytes: 0 };
    for (const row of rows) {
      const gone = this.#delete.get(row);
      if (gone === undefined) continue;
      taken.rows += 1;
      taken.bytes += gone.bytes;
      each(gone);
    }
    return taken;
  }

  /** What waits. Walks an index: once per open. */
  totals(): OutboxTotals {
    return this.#totals.get() ?? { rows: 0, bytes: 0 };
  }

  lastSeq(): Record<OutboxKind, number> {
    const last = noSeq();
    for (const { kind, last_seq } of this.#counters.all()) last[kind] = last_seq;
    return last;
  }

  /** Highest row ever given out by this file. */
  lastRow(): number {
    return this.#lastRow.get() ?? 0;
  }
}

/** Of a file that has given out no number. */
export function noSeq(): Record<OutboxKind, number> {
  return { event: 0, alert: 0, gap: 0, 'self-test': 0 };
}

function lateGap(ranges: readonly [number, number][]): Omit<Gap, 'atMs'> {
  return {
    counter: 'event',
    reason: 'late',
    first: ranges[0]![0],
    last: ranges.at(-1)![1],
    count: ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0),
    ranges,
    detail: 'updates left out because they were late (mqtt.late)',
  };
}

/** Runs of ascending numbers, as [first, last]. */
export function rangesOf(numbers: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

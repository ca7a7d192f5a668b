// Which numbers the quota took from the outbox, exactly, until gap messages tell it: a table of ranges, kept in the
// transaction that takes the messages. Every call runs inside the caller's transaction. Worker thread.
import type Database from 'better-sqlite3';
import type { Gap } from '../core/types.ts';

type Counter = Gap['counter'];

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Ranges in one gap message: some kilobytes of JSON. */
export const GAP_RANGES_MAX = 256;

export class Losses {
  readonly #any: Database.Statement<[], number>;
  readonly #before: Database.Statement<[Counter, number], Range>;
  readonly #after: Database.Statement<[Counter, number], Range>;
  readonly #insert: Database.Statement<[Counter, number, number]>;
  readonly #extend: Database.Statement<[number, Counter, number]>;
  readonly #delete: Database.Statement<[Counter, number]>;
  readonly #oldest: Database.Statement<[Counter], Range>;

  constructor(db: Database.Database) {
    this.#any = db.prepare<[], number>('SELECT EXISTS (SELECT 1 FROM losses)').pluck();
    this.#before = db.prepare<[Counter, number], Range>(
      'SELECT first, last FROM losses WHERE counter = ? AND first <= ? ORDER BY first DESC LIMIT 1',
    );
    this.#after = db.prepare<[Counter, number], Range>(
      'SELECT first, last FROM losses WHERE counter = ? AND first = ?',
    );
    this.#insert = db.prepare('INSERT INTO losses (counter, first, last) VALUES (?, ?, ?)');
    this.#extend = db.prepare('UPDATE losses SET last = ? WHERE counter = ? AND first = ?');
    this.#delete = db.prepare('DELETE FROM losses WHERE counter = ? AND first = ?');
    this.#oldest = db.prepare<[Counter], Range>(
      `SELECT first, last FROM losses WHERE counter = ? ORDER BY first LIMIT ${GAP_RANGES_MAX}`,
    );
  }

  /** True while some have not been told. */
  get any(): boolean {
    return this.#any.get() === 1;
  }

  /** A message has been taken; ranges that touch become one. */
  add(counter: Counter, seq: number): void {
    const before = this.#before.get(counter, seq);
    if (before !== undefined && before.last >= seq) return;
    const after = this.#after.get(counter, seq + 1);
    if (after !== undefined) this.#delete.run(counter, after.first);
    const last = after?.last ?? seq;
    if (before?.last === seq - 1) this.#extend.run(last, counter, before.first);
    else this.#insert.run(counter, seq, last);
  }

  /** Takes as many as one gap message can tell, the lowest first; undefined when there are none. */
  takeGap(atMs: number): Gap | undefined {
    for (const counter of ['event', 'alert'] as const) {
      const ranges = this.#oldest.all(counter);
      if (ranges.length === 0) continue;
      for (const { first } of ranges) this.#delete.run(counter, first);
      return gapOf(counter, ranges, atMs);
    }
    return undefined;
  }
}

function gapOf(counter: Counter, ranges: readonly Range[], atMs: number): Gap {
  const count = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return {
    counter,
    reason: 'quota',
    atMs,
    first: ranges[0]!.first,
    last: ranges.at(-1)!.last,
    count,
    ranges: ranges.map(({ first, last }) => [first, last]),
    detail: `${count} ${counter === 'event' ? 'changes of events' : 'alerts'} gave way: more waited for delivery than store.outboxMb allows`,
  };
}

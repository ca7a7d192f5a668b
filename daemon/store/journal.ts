// The journal table: appends what happened, beside both clocks and what is known of them, and finds messages again by
// their numbers. Every call is a single statement or runs inside the caller's transaction. Worker thread.
import type Database from 'better-sqlite3';
import type { EventType, OutboxRow } from '../core/types.ts';
import type { ClockState } from '../platform/clock-watch.ts';
import type { MessagesPage, MessagesQuery } from './messages.ts';
import type { Outbox } from './outbox.ts';

export interface JournalEntry {
  readonly kind: EventType | 'alert' | 'clock-correction' | 'prune';
  /** Of the event or alert; only these have a `seq`. */
  readonly subjectId?: string;
  readonly seq?: number;
  readonly atMs: number;
  readonly monoMs: number;
  /** JSON. */
  readonly body: string;
}

interface Columns extends Omit<JournalEntry, 'subjectId' | 'seq'> {
  readonly subjectId: string | null;
  readonly seq: number | null;
  readonly bootId: string;
  readonly clock: ClockState;
}

const INSERT = `
  INSERT INTO journal (kind, subject_id, seq, at_ms, mono_ms, boot_id, clock, body)
  VALUES (@kind, @subjectId, @seq, @atMs, @monoMs, @bootId, @clock, @body)`;

/** Which entries have numbers of a counter. A query repeats this of its index: SQLite takes a partial index only then. */
export const CONDITION = { event: "kind IN ('new', 'update', 'end')", alert: "kind = 'alert'" } as const;

/** Boot of an entry that was carried over from a damaged file: which one it was is not known. */
export const CARRIED = 'unknown';

/** Most messages of one answer. */
export const MESSAGES_MAX = 1000;

export class Journal {
  /** What is known of the wall clock; goes beside every entry. */
  clock: ClockState = 'unknown';
  readonly #bootId: string;
  readonly #insert: Database.Statement<[Columns]>;
  readonly #refuse: Database.Statement<[MessagesQuery['counter'], number]>;
  readonly #outbox: Outbox;
  readonly #messages: Readonly<
    Record<MessagesQuery['counter'], Database.Statement<[number, number], OutboxRow>>
  >;

  constructor(db: Database.Database, outbox: Outbox, bootId: string) {
    this.#bootId = bootId;
    this.#outbox = outbox;
    this.#insert = db.prepare(INSERT);
    this.#refuse = db.prepare('INSERT INTO refused (counter, seq) VALUES (?, ?)');
    const messages = (counter: MessagesQuery['counter']): Database.Statement<[number, number], OutboxRow> =>
      db.prepare(`
        SELECT 0 AS row, (SELECT epoch FROM meta) AS epoch, '${counter}' AS kind, seq, at_ms AS atMs, body
        FROM journal WHERE ${CONDITION[counter]} AND seq > ? ORDER BY seq LIMIT ?`);
    this.#messages = { event: messages('event'), alert: messages('alert') };
  }

  add(entry: JournalEntry): void {
    this.#insert.run({
      ...entry,
      subjectId: entry.subjectId ?? null,
      seq: entry.seq ?? null,
      atMs: Math.round(entry.atMs),
      bootId: this.#bootId,
      clock: this.clock,
    });
  }

  /** This number will have no entry: its record does not fit. */
  refuse(counter: MessagesQuery['counter'], seq: number): void {
    this.#refuse.run(counter, seq);
  }

  /** Messages of a counter beyond `afterSeq`, ascending, at most MESSAGES_MAX: all that the journal still has. */
  messages({ counter, afterSeq, limit }: MessagesQuery): MessagesPage {
    const count = Math.min(MESSAGES_MAX, Math.max(0, Math.floor(limit)));
    const rows = this.#messages[counter].all(afterSeq, count);
    return { epoch: this.#outbox.epoch, lastSeq: this.#outbox.lastSeq()[counter], rows };
  }
}

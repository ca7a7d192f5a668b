// Keeps events, alerts and the journal within their days and megabytes. The journal goes from its beginning, entry by
// entry in order, and with an entry what it stands for: so what is left is whole, and a check of it begins after the
// numbers that journal_start names. In rounds (rounds.ts). Worker thread.
import type Database from 'better-sqlite3';
import type { Clock } from '../platform/clock.ts';
import type { AgeClock } from './age-clock.ts';
import { AgeMarks } from './age-marks.ts';
import type { Journal } from './journal.ts';
import type { RecordRound, StoreLimits } from './messages.ts';
import { MEGABYTE } from './options.ts';
import { relaxed } from './relaxed.ts';
import { Rounds, SLACK } from './rounds.ts';

export interface RecordPrunerOptions {
  readonly db: Database.Database;
  readonly journal: Journal;
  readonly ageClock: AgeClock;
  readonly clock: Clock;
  readonly limits: StoreLimits;
  /** What stopped a round; it is tried again with the next. */
  onTrouble(error: unknown): void;
}

/** A turn deletes at most so many entries: a few milliseconds on a small board. */
const TURN_ENTRIES = 64;

interface Entry {
  readonly entry: number;
  readonly kind: string;
  readonly subjectId: string | null;
  readonly seq: number | null;
  readonly atMs: number;
  /** Its message has not been delivered, or its event has not ended. */
  readonly needed: 0 | 1;
}

const OLDEST = `
  SELECT entry, kind, subject_id AS subjectId, seq, at_ms AS atMs,
    CASE WHEN kind IN ('new', 'update', 'end') THEN
      EXISTS (SELECT 1 FROM outbox WHERE outbox.kind = 'event' AND outbox.seq = journal.seq)
        OR EXISTS (SELECT 1 FROM events WHERE id = subject_id AND ended_at_ms IS NULL)
    WHEN kind = 'alert' THEN
      EXISTS (SELECT 1 FROM outbox WHERE outbox.kind = 'alert' AND outbox.seq = journal.seq)
    ELSE 0 END AS needed
  FROM journal WHERE entry <= ? ORDER BY entry LIMIT ${TURN_ENTRIES}`;

const MOVE_START = `
  UPDATE journal_start SET entry = @entry, round = @round,
    event_seq = max(event_seq, @eventSeq), alert_seq = max(alert_seq, @alertSeq)`;

type Reason = 'byAge' | 'byBytes';
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class RecordPruner {
  readonly #options: RecordPrunerOptions;
  readonly #oldest: Database.Statement<[number], Entry>;
  readonly #deleteEntries: Database.Statement<[number]>;
  readonly #deleteEvent: Database.Statement<[string | null]>;
  readonly #deleteAlert: Database.Statement<[number | null]>;
  readonly #moveStart: Database.Statement<[Record<string, number | string>]>;
  readonly #marks: AgeMarks;
  readonly #rounds: Rounds;
  #limits: StoreLimits;
  #round: Mutable<RecordRound>;
  /** The oldest entry is still needed: no commit makes a round before the next by the clock. */
  #blocked = false;

  constructor(options: RecordPrunerOptions) {
    const { db } = options;
    this.#options = options;
    this.#marks = new AgeMarks({
      db,
      marks: 'journal_ages',
      rows: 'journal',
      key: 'entry',
      clock: options.clock,
      ageClockMs: () => options.ageClock.nowMs(),
    });
    this.#rounds = new Rounds({
      clock: options.clock,
      round: () => this.#prune(),
      onEnd: (trouble) => {
        if (trouble !== undefined) options.onTrouble(trouble);
      },
    });
    this.#limits = options.limits;
    this.#oldest = db.prepare<[number], Entry>(OLDEST);
    this.#deleteEntries = db.prepare('DELETE FROM journal WHERE entry <= ?');
    this.#deleteEvent = db.prepare('DELETE FROM events WHERE id = ? AND ended_at_ms IS NOT NULL');
    this.#deleteAlert = db.prepare('DELETE FROM alerts WHERE seq = ?');
    this.#moveStart = db.prepare(MOVE_START);
    // What a crash has cut short is told with the next round.
    const left = db.prepare<[], string | null>('SELECT round FROM journal_start').pluck().get();
    this.#round = { ...nothing(), ...(JSON.parse(left ?? '{}') as Partial<RecordRound>) };
  }

  start(): void {
    this.#rounds.start();
  }

  /** Holds at once: a round under way by the old limits is broken off. */
  setLimits(limits: StoreLimits): void {
    this.#limits = limits;
    this.#rounds.beginAnew();
  }

  /** A commit is done; the file has so many bytes, free pages and all. */
  wrote(fileBytes: number): void {
    if (fileBytes > this.#bytesMax && !this.#blocked && this.#bytes > this.#bytesMax) this.#rounds.begin();
  }

  stop(): void {
    this.#rounds.stop();
  }

  get #bytesMax(): number {
    return this.#limits.eventsKeepMb * MEGABYTE;
  }

  /** Of the database, without its free pages: these are used again before it grows. */
  get #bytes(): number {
    const pragma = (name: string): number => Number(this.#options.db.pragma(name, { simple: true }));
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
  }

  *#prune(): Generator<void> {
    yield* this.#deleteOldest();
    this.#tell();
  }

  *#deleteOldest(): Generator<void> {
    this.#blocked = false;
    this.#marks.note();
    const old = this.#marks.lastOlderThan(this.#limits.eventsKeepDays);
    while (old > 0 && this.#deleteSome(old, 'byAge')) yield;
    if (this.#bytes <= this.#bytesMax) return;
    while (this.#bytes > this.#bytesMax * (1 - SLACK)) {
      if (!this.#deleteSome(Number.MAX_SAFE_INTEGER, 'byBytes')) {
        this.#blocked = true;
        return;
      }
      yield;
    }
  }

  /** Deletes the oldest entries up to `last`, a turn's at most, but none from the first on that is needed. */
  #deleteSome(last: number, reason: Reason): boolean {
    const entries = this.#oldest.all(last);
    const needed = entries.findIndex((entry) => entry.needed === 1);
    const doomed = needed === -1 ? entries : entries.slice(0, needed);
    const newest = doomed.at(-1);
    if (newest === undefined) return false;
    const { db } = this.#options;
    const round = { ...this.#round };
    let [eventSeq, alertSeq] = [0, 0];
    relaxed(db, () => {
      this.#deleteEntries.run(newest.entry);
      for (const { kind, subjectId, seq } of doomed) {
        if (kind === 'alert') {
          round.alerts += this.#deleteAlert.run(seq).changes;
          alertSeq = seq ?? alertSeq;
        } else if (seq !== null) {
          // The row of an event stays as long as its end.
          if (kind === 'end') round.events += this.#deleteEvent.run(subjectId).changes;
          eventSeq = seq;
        }
      }
      round[reason] += doomed.length;
      round.upToMs = newest.atMs;
      this.#moveStart.run({ entry: newest.entry, eventSeq, alertSeq, round: JSON.stringify(round) });
      this.#forget(newest.entry);
    });
    this.#round = round;
    return needed === -1;
  }

  /** What only belonged to entries that are gone. */
  #forget(entry: number): void {
    this.#options.db.exec(`
      DELETE FROM journal_ages WHERE entry <= ${entry};
      DELETE FROM refused WHERE seq <= (SELECT iif(counter = 'event', event_seq, alert_seq) FROM journal_start)`);
  }

  /** Writes into the journal what is gone from it. */
  #tell(): void {
    const { db, journal, clock } = this.#options;
    if (this.#round.byAge + this.#round.byBytes === 0) return;
    relaxed(db, () => {
      const sql = 'SELECT entry, event_seq AS eventSeq, alert_seq AS alertSeq FROM journal_start';
      const start = db.prepare<[], Pick<RecordRound, 'entry' | 'eventSeq' | 'alertSeq'>>(sql).get()!;
      const body = JSON.stringify({ ...this.#round, ...start });
      journal.add({ kind: 'prune', atMs: clock.nowMs(), monoMs: clock.monoMs(), body });
      db.exec('UPDATE journal_start SET round = NULL');
    });
    this.#round = nothing();
  }
}

function nothing(): Mutable<RecordRound> {
  return { byAge: 0, byBytes: 0, events: 0, alerts: 0, entry: 0, eventSeq: 0, alertSeq: 0, upToMs: 0 };
}

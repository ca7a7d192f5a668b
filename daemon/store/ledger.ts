// Writes what happened: journal, event view, alert, outbox and picture rows of many batches in one transaction, with
// numbers from the counters in the file. Synchronous from BEGIN to COMMIT; never awaits. Worker thread.
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { StoredSwitch } from '../core/switches.ts';
import type { Alert, EventChange, Gap, OutboxKind, OutboxRow } from '../core/types.ts';
import type { ClockCorrection, ClockState } from '../platform/clock-watch.ts';
import { reasonOf } from '../platform/errors.ts';
import { isMisfit } from './failures.ts';
import { Journal } from './journal.ts';
import type { InterruptedEnd, NumberedBatch, PictureTotals, Refusal, TopicsChange } from './messages.ts';
import { Outbox, type OutboxTotals } from './outbox.ts';
import { Pictures } from './pictures.ts';
import { type Dropped, Quota, type QuotaLimits } from './quota.ts';
import { relaxed } from './relaxed.ts';
import { Remembered } from './remembered.ts';
import { clampScore, endOf, Views } from './views.ts';

export interface LedgerOptions {
  readonly db: Database.Database;
  readonly writer: string;
  readonly bootId: string;
  readonly nowMs: () => number;
  readonly monoMs: () => number;
  /** Of this moment; the age of a picture counts from it. */
  readonly ageClockMs: () => number;
}

export interface LedgerWrite {
  readonly batches: readonly NumberedBatch[];
  /** Outbox rows to delete, and those of which nobody heard. */
  readonly delivered: readonly number[];
  readonly unheard?: readonly number[];
  readonly passedOver?: readonly number[];
  readonly switches?: readonly StoredSwitch[];
  readonly topics?: TopicsChange;
  /** Written beside the journal's rows; as before when absent. */
  readonly clock?: ClockState;
  /** Without limits nothing gives way. */
  readonly quota?: QuotaLimits;
}

export interface LedgerResult {
  /** New outbox rows in order. */
  readonly rows: readonly OutboxRow[];
  /** Messages that gave way to the quota. */
  readonly dropped: Dropped;
  readonly refused: readonly Refusal[];
  /** What waits in the outbox now. */
  readonly waiting: OutboxTotals;
  /** Pictures that got a row. */
  readonly pictures: PictureTotals;
  /** Counters and highest row, as this transaction leaves them. */
  readonly lastSeq: Readonly<Record<OutboxKind, number>>;
  readonly lastRow: number;
}

/** One record of a batch with the counter it takes its number from. */
type Item =
  | { readonly counter: 'event'; readonly record: EventChange | InterruptedEnd }
  | { readonly counter: 'alert'; readonly record: Alert };

const NONE_DROPPED: Dropped = { updates: 0, events: 0, alerts: 0 };

export class Ledger {
  readonly outbox: Outbox;
  readonly pictures: Pictures;
  readonly journal: Journal;
  readonly remembered: Remembered;
  readonly #options: LedgerOptions;
  readonly #quota: Quota;
  readonly #views: Views;
  readonly #lastBatch: Database.Statement<[string], number>;
  readonly #setLastBatch: Database.Statement<[string, number]>;
  readonly #write: Database.Transaction<(write: LedgerWrite) => LedgerResult>;
  readonly #endAll: Database.Transaction<() => OutboxRow[]>;
  readonly #tellAll: Database.Transaction<() => OutboxRow[]>;
  /** Inside another transaction these are savepoints: all of it or nothing. */
  readonly #addAll: Database.Transaction<(items: readonly Item[]) => OutboxRow[]>;
  #waiting: OutboxTotals;

  constructor(options: LedgerOptions) {
    const { db } = options;
    this.#options = options;
    this.outbox = new Outbox(db);
    this.#quota = new Quota(db, this.outbox);
    this.pictures = new Pictures(db);
    this.journal = new Journal(db, this.outbox, options.bootId);
    this.remembered = new Remembered(db);
    this.#views = new Views(db);
    this.#lastBatch = db
      .prepare<[string], number>('SELECT writer_batch FROM meta WHERE writer_id = ?')
      .pluck();
    this.#setLastBatch = db.prepare('UPDATE meta SET writer_id = ?, writer_batch = ?');
    this.#addAll = db.transaction((items: readonly Item[]) => items.map((item) => this.#add(item)));
    this.#write = db.transaction((write: LedgerWrite) => this.#writeAll(write));
    this.#endAll = db.transaction(() => this.#endOpenEvents());
    this.#tellAll = db.transaction(() => this.#quota.tell(options.nowMs()));
    this.#waiting = this.outbox.totals();
  }

  /**
   * Commits the batches in order and deletes the delivered rows, in one transaction. A batch that this writer has
   * committed before is passed over, so that a write may be repeated after a crash of the thread. Throws with nothing
   * done when the disk refuses; a record that can never fit is replaced by a gap and does not hold up the others.
   */
  write(write: LedgerWrite): LedgerResult {
    const result = this.#makesNothing(write)
      ? relaxed(this.#options.db, () => this.#writeAll(write))
      : this.#write.immediate(write);
    this.#waiting = result.waiting;
    return result;
  }

  /**
   * It only takes delivered rows from the outbox: if a power cut undoes that, they are delivered once more. Gives out no
   * number, which would be given out again.
   */
  #makesNothing({ batches, passedOver = [], switches = [], topics, quota }: LedgerWrite): boolean {
    const remembers = switches.length + (topics?.added.length ?? 0) + (topics?.removed.length ?? 0);
    if (batches.length + passedOver.length + remembers > 0 || this.#quota.untold) return false;
    return quota === undefined || this.#waiting.bytes <= quota.bytesMax;
  }

  /** What waits in the outbox. */
  get waiting(): OutboxTotals {
    return this.#waiting;
  }

  /** Writes an `end` for every event without one. Only at the daemon's start: all of them are leftovers then. */
  endOpenEvents(): readonly OutboxRow[] {
    return this.#appended(this.#endAll.immediate());
  }

  /** Appends gap messages for what the quota took and none has told yet; mostly there is nothing to tell. */
  tellLosses(): readonly OutboxRow[] {
    return this.#quota.untold ? this.#appended(this.#tellAll.immediate()) : [];
  }

  #appended(rows: readonly OutboxRow[]): readonly OutboxRow[] {
    this.#waiting = plus(this.#waiting, rows);
    return rows;
  }

  #writeAll(write: LedgerWrite): LedgerResult {
    const { batches, switches = [], topics, clock } = write;
    const { writer } = this.#options;
    this.journal.clock = clock ?? this.journal.clock;
    const done = this.#lastBatch.get(writer) ?? 0;
    const rows: OutboxRow[] = [];
    const refused: Refusal[] = [];
    const pictures = { count: 0, bytes: 0 };
    for (const batch of batches) {
      if (batch.number <= done) continue;
      this.#writeBatch(batch, rows, refused);
      this.#writePictures(batch, pictures, refused);
      for (const alert of batch.selfTests ?? []) rows.push(this.#addSelfTest(alert));
      for (const correction of batch.corrections ?? []) this.#writeCorrection(correction);
    }
    const last = batches.at(-1)?.number ?? 0;
    if (last > done) this.#setLastBatch.run(writer, last);
    this.remembered.keep(switches, topics);
    return {
      ...this.#settle(rows, write),
      refused,
      pictures,
      lastSeq: this.outbox.lastSeq(),
      lastRow: this.outbox.lastRow(),
    };
  }

  /** What becomes of the outbox with these rows added. */
  #settle(
    batches: readonly OutboxRow[],
    { delivered, unheard = [], passedOver = [], quota }: LedgerWrite,
  ): Pick<LedgerResult, 'rows' | 'dropped' | 'waiting'> {
    const atMs = this.#options.nowMs();
    const late = this.outbox.passOver(passedOver);
    const added = [...batches, ...late.gaps.map((gap) => this.addGap({ ...gap, atMs }))];
    const left = less(
      plus(this.#waiting, added),
      this.outbox.remove(delivered),
      this.outbox.giveUp(unheard, atMs),
      late,
    );
    if (quota === undefined) return { rows: added, dropped: NONE_DROPPED, waiting: left };
    const { gone, dropped, rows } = this.#quota.enforce(left.bytes, added.length, quota);
    // With room again the losses are told at once: the publisher may not read for long.
    const tells = left.bytes < quota.bytesMax / 2 && this.#quota.untold;
    const gaps = tells ? this.#quota.tell(atMs) : [];
    return {
      rows: [...added.filter(({ row }) => !rows.has(row)), ...gaps],
      dropped,
      waiting: plus(less(left, gone), gaps),
    };
  }

  #writeBatch(batch: NumberedBatch, rows: OutboxRow[], refused: Refusal[]): void {
    const items: Item[] = [
      ...batch.events.map((record) => ({ counter: 'event', record }) as const),
      ...batch.alerts.map((record) => ({ counter: 'alert', record }) as const),
    ];
    try {
      rows.push(...this.#addAll(items));
    } catch (error) {
      if (!isMisfit(error)) throw error;
      // One record is at fault: its neighbours are not, and an alert is never lost for another's sake.
      for (const item of items) this.#addOrRefuse(item, rows, refused);
    }
  }

  /** A picture that does not fit is told and left to the sweep; nothing else of the batch is held up. */
  #writePictures(
    { snapshots = [] }: NumberedBatch,
    added: { count: number; bytes: number },
    refused: Refusal[],
  ): void {
    for (const snapshot of snapshots) {
      try {
        const picture = { ...snapshot, score: clampScore(snapshot.score) };
        if (!this.pictures.add(picture, this.#options.ageClockMs())) continue;
        added.count += 1;
        added.bytes += snapshot.bytes;
      } catch (error) {
        if (!isMisfit(error)) throw error;
        refused.push({ counter: 'snapshot', path: String(snapshot.path), reason: reasonOf(error) });
      }
    }
  }

  #writeCorrection(correction: ClockCorrection): void {
    this.journal.add({
      kind: 'clock-correction',
      atMs: correction.afterMs,
      monoMs: correction.monoMs,
      body: JSON.stringify(correction),
    });
  }

  #addOrRefuse(item: Item, rows: OutboxRow[], refused: Refusal[]): void {
    try {
      rows.push(...this.#addAll([item]));
    } catch (error) {
      if (!isMisfit(error)) throw error;
      const { counter } = item;
      const refusal = {
        counter,
        id: String(item.record.id),
        seq: this.outbox.nextSeq(counter),
        reason: reasonOf(error),
      };
      refused.push(refusal);
      this.journal.refuse(counter, refusal.seq);
      rows.push(
        this.addGap({
          counter,
          reason: 'refused',
          atMs: this.#options.nowMs(),
          first: refusal.seq,
          last: refusal.seq,
          count: 1,
          detail: `${counter} ${refusal.id} did not fit the database: ${refusal.reason}`,
        }),
      );
    }
  }

  /** Appends a gap message. */
  addGap(gap: Gap): OutboxRow {
    const message = { kind: 'gap', atMs: gap.atMs, body: JSON.stringify(gap) } as const;
    return this.outbox.add(message, this.outbox.nextSeq('gap'));
  }

  #add(item: Item): OutboxRow {
    const { counter, record } = item;
    const seq = this.outbox.nextSeq(counter);
    const body = JSON.stringify(record);
    this.journal.add({
      kind: counter === 'alert' ? 'alert' : item.record.type,
      subjectId: record.id,
      seq,
      atMs: record.atMs,
      monoMs: record.monoMs,
      body,
    });
    if (counter === 'alert') this.#views.addAlert(item.record, seq);
    else this.#views.changeEvent(item.record);
    return this.outbox.add({ kind: counter, atMs: record.atMs, body }, seq);
  }

  /** Nothing happened: neither the journal nor the alerts know of it. */
  #addSelfTest(alert: Alert): OutboxRow {
    const message = { kind: 'self-test', atMs: alert.atMs, body: JSON.stringify(alert) } as const;
    return this.outbox.add(message, this.outbox.nextSeq('self-test'));
  }

  #endOpenEvents(): OutboxRow[] {
    const { nowMs, monoMs } = this.#options;
    const now = { atMs: nowMs(), monoMs: monoMs() };
    const ends = this.#views
      .openEvents()
      .map((event): Item => ({ counter: 'event', record: endOf(event, now) }));
    return this.#addAll(ends);
  }
}

/** Bytes as SQLite counts them: octet_length(body). */
function plus(outbox: OutboxTotals, added: readonly OutboxRow[]): OutboxTotals {
  const bytes = added.reduce((sum, { body }) => sum + Buffer.byteLength(body), outbox.bytes);
  return { rows: outbox.rows + added.length, bytes };
}

/** `outbox` without what has `gone` from it. */
function less(outbox: OutboxTotals, ...gone: readonly OutboxTotals[]): OutboxTotals {
  return gone.reduce(
    (left, { rows, bytes }) => ({ rows: left.rows - rows, bytes: left.bytes - bytes }),
    outbox,
  );
}

/** This boot's id, 'unknown' where the kernel does not tell. Monotonic times compare only within one boot. */
export function readBootId(path = '/proc/sys/kernel/random/boot_id'): string {
  try {
    return readFileSync(path, 'utf8').trim() || 'unknown';
  } catch {
    return 'unknown';
  }
}

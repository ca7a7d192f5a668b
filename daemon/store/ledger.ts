// Writes what happened: journal, event view, alert, outbox and picture rows of many batches in one transaction, with
// numbers from the counters in the file. Synchronous from BEGIN to COMMIT; never awaits. Worker thread.
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { StoredSwitch } from '../core/switches.ts';
import type {
  Alert,
  ClockState,
  EventChange,
  Gap,
  OutboxKind,
  OutboxRow,
  SnapshotRef,
} from '../core/types.ts';
import { reasonOf } from '../platform/errors.ts';
import { isMisfit } from './failures.ts';
import { Journal } from './journal.ts';
import type {
  ClockCorrection,
  InterruptedEnd,
  NumberedBatch,
  PictureTotals,
  Refusal,
  TopicsChange,
} from './messages.ts';
import { Outbox, type OutboxTotals } from './outbox.ts';
import { Pictures } from './pictures.ts';
import { Remembered } from './remembered.ts';

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
}

export interface LedgerResult {
  /** New outbox rows in order. */
  readonly rows: readonly OutboxRow[];
  readonly refused: readonly Refusal[];
  /** What the outbox holds more than before; fewer than 0 when more was delivered. */
  readonly grown: OutboxTotals;
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

interface OpenEvent {
  readonly id: string;
  readonly camera: string;
  readonly label: string;
  readonly track: number;
  readonly score: number;
  readonly box: string;
  readonly zones: string;
  readonly zones_entered: string;
  readonly started_at_ms: number;
  readonly updated_at_ms: number;
  readonly snapshot_path: string | null;
  readonly snapshot_sha256: string | null;
}

// An end that has been written stays, whatever comes late.
const UPSERT_EVENT = `
  INSERT INTO events (id, camera, label, track, score, box, zones, zones_entered,
                      started_at_ms, updated_at_ms, ended_at_ms, end_reason, snapshot_path, snapshot_sha256)
  VALUES (@id, @camera, @label, @track, @score, @box, @zones, @zonesEntered,
          @startedAtMs, @updatedAtMs, @endedAtMs, @endReason, @snapshotPath, @snapshotSha256)
  ON CONFLICT (id) DO UPDATE SET
    label = excluded.label, score = excluded.score, box = excluded.box, zones = excluded.zones,
    zones_entered = excluded.zones_entered, updated_at_ms = excluded.updated_at_ms,
    ended_at_ms = coalesce(excluded.ended_at_ms, ended_at_ms),
    end_reason = coalesce(excluded.end_reason, end_reason),
    snapshot_path = coalesce(excluded.snapshot_path, snapshot_path),
    snapshot_sha256 = coalesce(excluded.snapshot_sha256, snapshot_sha256)`;

const INSERT_ALERT = `
  INSERT INTO alerts (id, event_id, seq, rule, severity, camera, label, zone, score, message, at_ms, mono_ms, stages,
                      snapshot_path, snapshot_sha256)
  VALUES (@id, @eventId, @seq, @rule, @severity, @camera, @label, @zone, @score, @message, @atMs, @monoMs, @stages,
          @snapshotPath, @snapshotSha256)`;

export class Ledger {
  readonly outbox: Outbox;
  readonly pictures: Pictures;
  readonly journal: Journal;
  readonly remembered: Remembered;
  readonly #options: LedgerOptions;
  readonly #event: Database.Statement<[Record<string, unknown>]>;
  readonly #alert: Database.Statement<[Record<string, unknown>]>;
  readonly #openEvents: Database.Statement<[], OpenEvent>;
  readonly #lastBatch: Database.Statement<[string], number>;
  readonly #setLastBatch: Database.Statement<[string, number]>;
  readonly #write: Database.Transaction<(write: LedgerWrite) => LedgerResult>;
  readonly #endAll: Database.Transaction<() => OutboxRow[]>;
  /** Inside another transaction these are savepoints: all of it or nothing. */
  readonly #addAll: Database.Transaction<(items: readonly Item[]) => OutboxRow[]>;

  constructor(options: LedgerOptions) {
    const { db } = options;
    this.#options = options;
    this.outbox = new Outbox(db);
    this.pictures = new Pictures(db);
    this.journal = new Journal(db, this.outbox, options.bootId);
    this.remembered = new Remembered(db);
    this.#event = db.prepare(UPSERT_EVENT);
    this.#alert = db.prepare(INSERT_ALERT);
    this.#openEvents = db.prepare<[], OpenEvent>(
      'SELECT * FROM events WHERE ended_at_ms IS NULL ORDER BY id',
    );
    this.#lastBatch = db
      .prepare<[string], number>('SELECT writer_batch FROM meta WHERE writer_id = ?')
      .pluck();
    this.#setLastBatch = db.prepare('UPDATE meta SET writer_id = ?, writer_batch = ?');
    this.#addAll = db.transaction((items: readonly Item[]) => items.map((item) => this.#add(item)));
    this.#write = db.transaction((write: LedgerWrite) => this.#writeAll(write));
    this.#endAll = db.transaction(() => this.#endOpenEvents());
  }

  /**
   * Commits the batches in order and deletes the delivered rows, in one transaction. A batch that this writer has
   * committed before is passed over, so that a write may be repeated after a crash of the thread. Throws with nothing
   * done when the disk refuses; a record that can never fit is replaced by a gap and does not hold up the others.
   */
  write(write: LedgerWrite): LedgerResult {
    return this.#write.immediate(write);
  }

  /** Writes an `end` for every event without one. Only at the daemon's start: all of them are leftovers then. */
  endOpenEvents(): readonly OutboxRow[] {
    return this.#endAll.immediate();
  }

  #writeAll(write: LedgerWrite): LedgerResult {
    const { batches, delivered, unheard = [], passedOver = [], switches = [], topics, clock } = write;
    const { writer, nowMs } = this.#options;
    this.journal.clock = clock ?? this.journal.clock;
    const done = this.#lastBatch.get(writer) ?? 0;
    const rows: OutboxRow[] = [];
    const refused: Refusal[] = [];
    const pictures = { count: 0, bytes: 0 };
    for (const batch of batches) {
      if (batch.number <= done) continue;
      this.#writeBatch(batch, rows, refused);
      this.#writePictures(batch, pictures, refused);
      for (const correction of batch.corrections ?? []) this.#writeCorrection(correction);
    }
    const last = batches.at(-1)?.number ?? 0;
    if (last > done) this.#setLastBatch.run(writer, last);
    this.remembered.keep(switches, topics);
    const late = this.outbox.passOver(passedOver);
    const gone = [this.outbox.remove(delivered), this.outbox.giveUp(unheard, nowMs()), late];
    if (late.rows > 0) rows.push(this.addGap({ ...late.gap, atMs: nowMs() }));
    return {
      rows,
      refused,
      grown: {
        rows: gone.reduce((sum, totals) => sum - totals.rows, rows.length),
        bytes: gone.reduce((sum, totals) => sum - totals.bytes, bytesOf(rows)),
      },
      pictures,
      lastSeq: this.outbox.lastSeq(),
      lastRow: this.outbox.lastRow(),
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
    if (counter === 'alert') this.#alert.run(alertColumns(item.record, seq));
    else this.#event.run(eventColumns(item.record));
    return this.outbox.add({ kind: counter, atMs: record.atMs, body }, seq);
  }

  #endOpenEvents(): OutboxRow[] {
    const { nowMs, monoMs } = this.#options;
    const ends = this.#openEvents.all().map((event): Item => {
      const record: InterruptedEnd = {
        id: event.id,
        type: 'end',
        camera: event.camera,
        label: event.label,
        score: event.score,
        box: JSON.parse(event.box) as EventChange['box'],
        zones: JSON.parse(event.zones) as string[],
        zonesEntered: JSON.parse(event.zones_entered) as string[],
        track: event.track,
        startedAtMs: event.started_at_ms,
        atMs: nowMs(),
        monoMs: monoMs(),
        endedAtMs: event.updated_at_ms,
        ...(event.snapshot_path === null || event.snapshot_sha256 === null
          ? {}
          : { snapshot: { path: event.snapshot_path, sha256: event.snapshot_sha256 } }),
        reason: 'interrupted',
      };
      return { counter: 'event', record };
    });
    return this.#addAll(ends);
  }
}

/** As SQLite counts them: octet_length(body). */
function bytesOf(rows: readonly OutboxRow[]): number {
  return rows.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}

function eventColumns(change: EventChange | InterruptedEnd): Record<string, unknown> {
  const endedAtMs = change.endedAtMs ?? (change.type === 'end' ? change.atMs : undefined);
  return {
    id: change.id,
    camera: change.camera,
    label: change.label,
    track: change.track,
    score: clampScore(change.score),
    box: JSON.stringify(change.box),
    zones: JSON.stringify(change.zones),
    zonesEntered: JSON.stringify(change.zonesEntered),
    startedAtMs: Math.round(change.startedAtMs),
    updatedAtMs: Math.round(change.atMs),
    endedAtMs: endedAtMs === undefined ? null : Math.round(endedAtMs),
    endReason: 'reason' in change ? change.reason : null,
    ...snapshotColumns(change.snapshot),
  };
}

function alertColumns({ snapshot, ...alert }: Alert, seq: number): Record<string, unknown> {
  return {
    ...alert,
    seq,
    score: clampScore(alert.score),
    atMs: Math.round(alert.atMs),
    stages: JSON.stringify(alert.stages),
    ...snapshotColumns(snapshot),
  };
}

function snapshotColumns(snapshot: SnapshotRef | undefined): Record<string, unknown> {
  return { snapshotPath: snapshot?.path ?? null, snapshotSha256: snapshot?.sha256 ?? null };
}

/** Dequantized scores may leave 0..1 by a rounding error; that must not cost an alert. NaN stays and is refused. */
function clampScore(score: number): number {
  return Math.min(1, Math.max(0, score));
}

/** This boot's id, 'unknown' where the kernel does not tell. Monotonic times compare only within one boot. */
export function readBootId(path = '/proc/sys/kernel/random/boot_id'): string {
  try {
    return readFileSync(path, 'utf8').trim() || 'unknown';
  } catch {
    return 'unknown';
  }
}

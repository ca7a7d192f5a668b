// A look into vedette.db for tools and tests, while the daemon runs or not: read-only, never locks the writer out, never
// sets anything aside. Synchronous; not for the daemon's main thread.
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { OutboxKind, OutboxRow } from '../core/types.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { isDamage } from './failures.ts';
import { refuseNewer } from './migrations.ts';
import { APPLICATION_ID } from './schema.ts';

/** One event as of its last change. Times are wall clock milliseconds. */
export interface EventRecord {
  readonly id: string;
  readonly camera: string;
  readonly label: string;
  readonly track: number;
  readonly score: number;
  readonly zonesEntered: readonly string[];
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** Undefined while it lasts. */
  readonly endedAtMs: number | undefined;
  /** `interrupted`: the daemon ended it at its next start. */
  readonly endReason: string | undefined;
}

export interface AlertRecord {
  readonly id: string;
  readonly eventId: string;
  readonly seq: number;
  readonly rule: string;
  readonly severity: string;
  readonly camera: string;
  readonly label: string;
  readonly zone: string;
  readonly score: number;
  readonly message: string;
  readonly atMs: number;
}

/** One entry of the journal. `subjectId` and `seq` are undefined for kinds without them. */
export interface JournalRecord {
  readonly entry: number;
  readonly kind: string;
  readonly subjectId: string | undefined;
  readonly seq: number | undefined;
  readonly atMs: number;
  readonly monoMs: number;
  readonly bootId: string;
  readonly body: string;
}

export interface ListOptions {
  /** Newest first, this many at most. */
  readonly limit: number;
  /** Only those that started (events) or fired (alerts) at this time or later. */
  readonly sinceMs?: number;
}

export interface StoreReader {
  readonly epoch: string;
  events(options: ListOptions): EventRecord[];
  alerts(options: ListOptions): AlertRecord[];
  /** Journal entries after `afterEntry`, oldest first. */
  journal(range: { afterEntry: number; limit: number }): JournalRecord[];
  journalCount(): number;
  /** Messages not yet delivered, in order. */
  outbox(range: { afterRow: number; limit: number }): OutboxRow[];
  outboxCount(): number;
  lastSeq(): Record<OutboxKind, number>;
  close(): void;
}

const EVENTS = `
  SELECT id, camera, label, track, score, zones_entered AS zonesEntered, started_at_ms AS startedAtMs,
         updated_at_ms AS updatedAtMs, ended_at_ms AS endedAtMs, end_reason AS endReason
  FROM events WHERE started_at_ms >= ? ORDER BY started_at_ms DESC, id DESC LIMIT ?`;
const ALERTS = `
  SELECT id, event_id AS eventId, seq, rule, severity, camera, label, zone, score, message, at_ms AS atMs
  FROM alerts WHERE at_ms >= ? ORDER BY at_ms DESC, seq DESC LIMIT ?`;
const JOURNAL = `
  SELECT entry, kind, subject_id AS subjectId, seq, at_ms AS atMs, mono_ms AS monoMs, boot_id AS bootId, body
  FROM journal WHERE entry > ? ORDER BY entry LIMIT ?`;
const OUTBOX = 'SELECT row, kind, seq, at_ms AS atMs, body FROM outbox WHERE row > ? ORDER BY row LIMIT ?';

type WithNull<T> = { [K in keyof T]: T[K] | null };
type EventRow = WithNull<Omit<EventRecord, 'zonesEntered'>> & { zonesEntered: string };

/**
 * Opens the database file read-only. Throws DATA_DIR_UNUSABLE (missing, not ours, not readable), STORE_DAMAGED or
 * STORE_NEWER. The folder must be writable for SQLite's shared memory file, or the daemon must be running.
 */
export function openReadOnly(path: string): StoreReader {
  if (!existsSync(path)) {
    throw new VedetteError(
      'DATA_DIR_UNUSABLE',
      `no database at '${path}': name the data folder of the daemon with --data`,
      { path },
    );
  }
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
      throw new VedetteError('DATA_DIR_UNUSABLE', `'${path}' is not a vedette database`, { path });
    }
    refuseNewer(db);
    return reader(db);
  } catch (error) {
    db?.close();
    if (error instanceof VedetteError) throw error;
    const code = isDamage(error) ? 'STORE_DAMAGED' : 'DATA_DIR_UNUSABLE';
    throw new VedetteError(code, `database '${path}' cannot be read: ${reasonOf(error)}`, { path }, error);
  }
}

function reader(db: Database.Database): StoreReader {
  const events = db.prepare<[number, number], EventRow>(EVENTS);
  const alerts = db.prepare<[number, number], AlertRecord>(ALERTS);
  const journal = db.prepare<[number, number], WithNull<JournalRecord>>(JOURNAL);
  const outbox = db.prepare<[number, number], OutboxRow>(OUTBOX);
  const journalCount = db.prepare<[], number>('SELECT count(*) FROM journal').pluck();
  const outboxCount = db.prepare<[], number>('SELECT count(*) FROM outbox').pluck();
  const counters = db.prepare<[], [OutboxKind, number]>('SELECT kind, last_seq FROM counters').raw();
  return {
    epoch: String(db.prepare('SELECT epoch FROM meta').pluck().get()),
    events: ({ limit, sinceMs = 0 }) =>
      events.all(sinceMs, limit).map(
        (row) =>
          ({
            ...withoutNull(row),
            zonesEntered: JSON.parse(row.zonesEntered) as string[],
          }) as unknown as EventRecord,
      ),
    alerts: ({ limit, sinceMs = 0 }) => alerts.all(sinceMs, limit),
    journal: ({ afterEntry, limit }) =>
      journal.all(afterEntry, limit).map((row) => withoutNull(row) as unknown as JournalRecord),
    journalCount: () => journalCount.get() ?? 0,
    outbox: ({ afterRow, limit }) => outbox.all(afterRow, limit),
    outboxCount: () => outboxCount.get() ?? 0,
    lastSeq: () => ({ event: 0, alert: 0, gap: 0, ...Object.fromEntries(counters.all()) }),
    close: () => void db.close(),
  };
}

/** NULL is only for SQL: absent values are undefined. */
function withoutNull(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? undefined]));
}

// A look into the database of a running or stopped daemon: read-only, and what the tests ask of every table.
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import type { OutboxKind, OutboxRow, Snapshot } from '../../daemon/core/types.ts';
import type { ClockState } from '../../daemon/platform/clock-watch.ts';
import { type ListedOf, Listing, type ListKind } from '../../daemon/store/listing.ts';
import type { Recall } from '../../daemon/store/messages.ts';
import { noSeq, OUTBOX_ROW } from '../../daemon/store/outbox.ts';
import { connectReadOnly, recordOf } from '../../daemon/store/read.ts';
import { Remembered } from '../../daemon/store/remembered.ts';

/** One entry of the journal. `subjectId` and `seq` are undefined for kinds without them. */
interface JournalRecord {
  readonly entry: number;
  readonly kind: string;
  readonly subjectId: string | undefined;
  readonly seq: number | undefined;
  readonly atMs: number;
  readonly monoMs: number;
  readonly bootId: string;
  /** What was known of the wall clock. */
  readonly clock: ClockState;
  readonly body: string;
}

/** Numbers `first` to `last` of a counter. */
interface Loss {
  readonly counter: 'event' | 'alert';
  readonly first: number;
  readonly last: number;
}

interface ListOptions {
  /** Newest first, this many at most. */
  readonly limit: number;
  /** Only those that started (events), fired (alerts) or were taken (pictures) at this time or later. */
  readonly sinceMs?: number;
}

export interface StoreReader {
  readonly epoch: string;
  events(options: ListOptions): ListedOf['events'][];
  alerts(options: ListOptions): ListedOf['alerts'][];
  /** Pictures on disk. */
  snapshots(options: ListOptions): Snapshot[];
  /** Pictures on disk of one event, oldest first. */
  snapshotsOf(eventId: string): Snapshot[];
  /** Journal entries after `afterEntry`, oldest first. */
  journal(range: { afterEntry: number; limit: number }): JournalRecord[];
  journalCount(): number;
  /** Messages not yet delivered, in order. */
  outbox(range: { afterRow: number; limit: number }): OutboxRow[];
  outboxCount(): number;
  lastSeq(): Record<OutboxKind, number>;
  /** Numbers that the quota took and no gap message names yet. */
  losses(): Loss[];
  recall(): Recall;
  close(): void;
}

const SNAPSHOTS = `
  SELECT path, sha256, crop_path AS cropPath, camera, track, label, score, box, at_ms AS atMs, bytes, event_id AS eventId
  FROM snapshots`;
const NEWEST_SNAPSHOTS = `${SNAPSHOTS} WHERE kind = 'picture' AND at_ms >= ? ORDER BY at_ms DESC, row DESC LIMIT ?`;
const EVENT_SNAPSHOTS = `${SNAPSHOTS} WHERE kind = 'picture' AND event_id = ? ORDER BY row`;
const JOURNAL = `
  SELECT entry, kind, subject_id AS subjectId, seq, at_ms AS atMs, mono_ms AS monoMs, boot_id AS bootId, clock, body
  FROM journal WHERE entry > ? ORDER BY entry LIMIT ?`;
const OUTBOX = `SELECT ${OUTBOX_ROW} FROM outbox WHERE row > ? ORDER BY row LIMIT ?`;

/** Opens a database file read-only, for the questions above. Throws as `connectReadOnly`. */
export function openReader(path: string): StoreReader {
  const db = connectReadOnly(path);
  const snapshots = db.prepare<[number, number], object>(NEWEST_SNAPSHOTS);
  const eventSnapshots = db.prepare<[string], object>(EVENT_SNAPSHOTS);
  const journal = db.prepare<[number, number], object>(JOURNAL);
  const outbox = db.prepare<[number, number], OutboxRow>(OUTBOX);
  const journalCount = db.prepare<[], number>('SELECT count(*) FROM journal').pluck();
  const outboxCount = db.prepare<[], number>('SELECT count(*) FROM outbox').pluck();
  const counters = db.prepare<[], [OutboxKind, number]>('SELECT kind, last_seq FROM counters').raw();
  const losses = db.prepare<[], Loss>('SELECT counter, first, last FROM losses ORDER BY counter, first');
  const remembered = new Remembered(db);
  return {
    epoch: String(db.prepare('SELECT epoch FROM meta').pluck().get()),
    events: (options) => newest(db, 'events', options),
    alerts: (options) => newest(db, 'alerts', options),
    snapshots: ({ limit, sinceMs = 0 }) =>
      snapshots.all(sinceMs, limit).map((row) => recordOf<Snapshot>(row, ['box'])),
    snapshotsOf: (eventId) => eventSnapshots.all(eventId).map((row) => recordOf<Snapshot>(row, ['box'])),
    journal: ({ afterEntry, limit }) =>
      journal.all(afterEntry, limit).map((row) => recordOf<JournalRecord>(row, [])),
    journalCount: () => journalCount.get() ?? 0,
    outbox: ({ afterRow, limit }) => outbox.all(afterRow, limit),
    outboxCount: () => outboxCount.get() ?? 0,
    lastSeq: () => ({ ...noSeq(), ...Object.fromEntries(counters.all()) }),
    losses: () => losses.all(),
    recall: () => remembered.recall(),
    close: () => void db.close(),
  };
}

function newest<K extends ListKind>(
  db: Database.Database,
  kind: K,
  { limit, sinceMs }: ListOptions,
): ListedOf[K][] {
  return [...new Listing(db, kind, { sinceMs }).pages(limit)].flat().reverse();
}

/** Opens the data folder's database, reads, closes. */
export function readDatabase<T>(dataDir: string, read: (reader: StoreReader) => T): T {
  const reader = openReader(join(dataDir, 'vedette.db'));
  try {
    return read(reader);
  } finally {
    reader.close();
  }
}

/** Ids of all alerts ever committed, in order of their seq. */
export function alertIds(dataDir: string): string[] {
  return readDatabase(dataDir, (reader) =>
    reader
      .alerts({ limit: 10_000 })
      .sort((a, b) => a.seq - b.seq)
      .map((alert) => alert.id),
  );
}

/** Alerts still waiting for the broker. */
export function waitingAlerts(dataDir: string): number {
  return readDatabase(
    dataDir,
    (reader) => reader.outbox({ afterRow: 0, limit: 10_000 }).filter((row) => row.kind === 'alert').length,
  );
}

// Reads out of a damaged database what must not be lost: its epoch, its counters, the unsent messages and the losses
// among them, their events and those without an end, pictures, switches, retained topics; and makes a new database of
// them. Opens the damaged file read-only: it stays as evidence. Worker thread.
import { rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Gap, OutboxKind, OutboxRow } from '../core/types.ts';
import { createPrivate } from '../platform/file-lock.ts';
import { newEpoch } from '../platform/ids.ts';
import { addRecords } from './carried.ts';
import { codeOf, isDamage, tryRecord } from './failures.ts';
import type { DamageReport } from './messages.ts';
import { migrate, versionOf } from './migrations.ts';
import { INSERT_OUTBOX, Outbox } from './outbox.ts';
import { COUNTED, ENDABLE, GONE_BACK, NAMED, NUMBER_MAX, SENDABLE } from './soundness.ts';

interface Meta {
  readonly epoch: string;
  readonly writer_id: string | null;
  readonly writer_batch: number;
}

/** A message as the damaged file has it; its epoch is another row, which may be lost. */
type Unsent = Omit<OutboxRow, 'epoch'>;

type Row = Readonly<Record<string, string | number | null>>;

/** What could be read. */
export interface Salvage {
  readonly meta: Meta | undefined;
  readonly lastSeq: Partial<Record<OutboxKind, number>>;
  readonly outbox: readonly Unsent[];
  /** Every row of the outbox could be read and can be sent. */
  readonly outboxWhole: boolean;
  /** The highest row, also of those that cannot be sent. */
  readonly lastRow: number;
  /** Those without an end, and those that waiting messages are of. */
  readonly events: readonly Row[];
  /** Without their rows the pictures would be swept away as nobody's. */
  readonly snapshots: readonly Row[];
  /** The clock by which they grow old. */
  readonly retention: readonly Row[];
  /** Lost numbers that no gap message names yet; with `lossesWhole` all of them could be read. */
  readonly losses: readonly Row[];
  readonly lossesWhole: boolean;
  readonly switches: readonly Row[];
  readonly retainedTopics: readonly Row[];
}

export interface ReplacementOptions {
  readonly path: string;
  readonly salvage: Salvage;
  /** Rows up to this one are known to the publisher: no new row may carry their number. */
  readonly lastRow: number;
  readonly nowMs: number;
  /** For the gap messages: what happened to the file. */
  readonly reason: string;
}

const EMPTY: Salvage = {
  meta: undefined,
  lastSeq: {},
  outbox: [],
  outboxWhole: false,
  lastRow: 0,
  events: [],
  snapshots: [],
  retention: [],
  losses: [],
  lossesWhole: false,
  switches: [],
  retainedTopics: [],
};

/** Of the events named in a JSON array also those that have ended. */
const WANTED_EVENTS = `
  SELECT * FROM events NOT INDEXED
  WHERE (ended_at_ms IS NULL OR id IN (SELECT value FROM json_each(?))) AND ${ENDABLE}`;

/** Reads all it can. Throws only what is not damage (no memory, no disk space): then nothing has been decided. */
export function salvageFrom(path: string): Salvage {
  // Opening an empty database would make SQLite delete its write-ahead log.
  if (statSync(path).size === 0) return EMPTY;
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    // A file that is shorter than its header says would not be read at all (lockBtree, src/btree.c).
    db.unsafeMode(true);
    db.pragma('writable_schema = ON');
    const meta = readSome<Meta>(db, `SELECT epoch, writer_id, writer_batch FROM meta WHERE ${NAMED}`).rows[0];
    const outbox = readOutbox(db);
    const losses = readSome<Row>(db, 'SELECT * FROM losses');
    return {
      meta,
      lastSeq: readCounters(db),
      ...outbox,
      events: readSome<Row>(db, WANTED_EVENTS, JSON.stringify(eventIdsOf(outbox.outbox))).rows,
      snapshots: readRows<Row & { row: number }>(db, 'SELECT * FROM snapshots').rows,
      retention: readSome<Row>(db, 'SELECT * FROM retention').rows,
      losses: losses.rows,
      // There was no such table before version 3, nor losses.
      lossesWhole: losses.whole || versionOf(db) < 3,
      switches: readSome<Row>(db, 'SELECT * FROM switches').rows,
      retainedTopics: readSome<Row>(db, 'SELECT * FROM retained_topics').rows,
    };
  } catch (error) {
    if (isUnreadable(error)) return EMPTY;
    throw error;
  } finally {
    db?.close();
  }
}

/** A message that cannot be sent is as one that cannot be read: to be told by a gap. */
function readOutbox(db: Database.Database): Pick<Salvage, 'outbox' | 'outboxWhole' | 'lastRow'> {
  const { rows, whole } = readRows<Unsent & { sendable: number | null }>(
    db,
    `SELECT row, kind, seq, at_ms AS atMs, body, ${SENDABLE} AS sendable FROM outbox`,
  );
  const outbox = rows.filter(({ sendable }) => sendable === 1);
  return {
    outbox: outbox.map(({ sendable: _sendable, ...row }) => row),
    outboxWhole: whole && outbox.length === rows.length,
    lastRow: rows.findLast(({ row }) => row <= NUMBER_MAX)?.row ?? 0,
  };
}

/** The events that these messages are of. */
function eventIdsOf(messages: readonly Unsent[]): string[] {
  const ids = new Set<string>();
  for (const { kind, body } of messages) {
    if (kind === 'event') tryRecord(() => ids.add(String((JSON.parse(body) as { id?: unknown }).id)));
  }
  return [...ids];
}

/** Those that can be believed: none when one has gone back. */
function readCounters(db: Database.Database): Partial<Record<OutboxKind, number>> {
  if (readSome(db, `SELECT 1 FROM counters WHERE ${GONE_BACK}`).rows.length > 0) return {};
  const { rows } = readSome<{ kind: OutboxKind; last_seq: number }>(
    db,
    `SELECT kind, last_seq FROM counters WHERE ${COUNTED}`,
  );
  return Object.fromEntries(rows.map(({ kind, last_seq }) => [kind, last_seq]));
}

/** Rows of a table in order, read from the other end too: a bad page in the middle hides only itself. */
function readRows<T extends { row: number }>(
  db: Database.Database,
  sql: string,
): { rows: T[]; whole: boolean } {
  const forward = readSome<T>(db, `${sql} ORDER BY row`);
  const backward = forward.whole ? [] : readSome<T>(db, `${sql} ORDER BY row DESC`).rows;
  const rows = new Map([...forward.rows, ...backward].map((row) => [row.row, row]));
  return { rows: [...rows.values()].sort((a, b) => a.row - b.row), whole: forward.whole };
}

/** Rows of a query up to the first that cannot be read. */
function readSome<T>(
  db: Database.Database,
  sql: string,
  ...params: readonly string[]
): { rows: T[]; whole: boolean } {
  const rows: T[] = [];
  try {
    for (const row of db.prepare(sql).iterate(...params)) rows.push(row as T);
    return { rows, whole: true };
  } catch (error) {
    if (isUnreadable(error)) return { rows, whole: false };
    throw error;
  }
}

/** SQLITE_ERROR: the table is gone from a damaged schema. */
function isUnreadable(error: unknown): boolean {
  return isDamage(error) || codeOf(error) === 'SQLITE_ERROR';
}

/**
 * Makes a complete new database at `path`, durable when this returns. Everything salvaged: the same epoch, counters and
 * rows. Otherwise a new epoch, a gap per counter first, then the rows that could be read under new numbers.
 */
export function makeReplacement(options: ReplacementOptions): Pick<DamageReport, 'salvaged' | 'outboxRows'> {
  const { path, salvage, nowMs } = options;
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  createPrivate(path);
  if (isWhole(salvage) && fillWhole(options, salvage.meta))
    return { salvaged: 'all', outboxRows: salvage.outbox.length };
  // Rows that looked whole may not have fitted: begin again from an empty file.
  for (const suffix of ['', '-journal']) rmSync(`${path}${suffix}`, { force: true });
  createPrivate(path);
  const outbox = salvage.outbox.filter(holdsInNewEpoch);
  fill(path, newEpoch(), nowMs, (db) => fillNew(db, options, outbox));
  return { salvaged: outbox.length > 0 ? 'some' : 'none', outboxRows: outbox.length };
}

/**
 * Numbers in a gap are of the epoch it is sent with: in another they would name messages that are still to come. Whatever
 * of the old epoch has not come is told by the gap that the new one begins with.
 */
function holdsInNewEpoch({ kind, body }: Unsent): boolean {
  if (kind !== 'gap') return true;
  try {
    return (JSON.parse(body) as Partial<Gap>).first === undefined;
  } catch {
    return false;
  }
}

function isWhole(salvage: Salvage): salvage is Salvage & { meta: Meta } {
  const { meta, lastSeq, outbox, outboxWhole, lossesWhole } = salvage;
  if (meta === undefined || !outboxWhole || !lossesWhole) return false;
  const kinds: readonly OutboxKind[] = ['event', 'alert', 'gap'];
  if (kinds.some((kind) => lastSeq[kind] === undefined)) return false;
  return outbox.every((row) => row.seq <= (lastSeq[row.kind] ?? 0));
}

function fillWhole(options: ReplacementOptions, meta: Meta): boolean {
  const { path, salvage, nowMs, lastRow } = options;
  return fill(path, meta.epoch, nowMs, (db) => {
    const add = db.prepare(INSERT_OUTBOX);
    for (const row of salvage.outbox) if (!tryRecord(() => add.get(row))) return false;
    if (!addRows(db, 'losses', salvage.losses)) return false;
    for (const [kind, seq] of Object.entries(salvage.lastSeq)) setCounter(db, kind, seq);
    // The batches of the running daemon that are in these rows must not come twice.
    const { writer_id, writer_batch } = meta;
    const remember = db.prepare('UPDATE meta SET writer_id = ?, writer_batch = ?');
    if (!tryRecord(() => remember.run(writer_id, writer_batch))) return false;
    setLastRow(db, Math.max(lastRow, salvage.lastRow));
    addViews(db, salvage, salvage.outbox);
    return true;
  });
}

function fillNew(db: Database.Database, options: ReplacementOptions, unsent: readonly Unsent[]): boolean {
  const { salvage, nowMs, lastRow, reason } = options;
  const outbox = new Outbox(db);
  setLastRow(db, Math.max(lastRow, salvage.lastRow));
  for (const counter of ['event', 'alert'] as const) {
    const gap: Gap = {
      counter,
      reason: 'damaged',
      atMs: nowMs,
      ...(salvage.meta === undefined ? {} : { epochBefore: salvage.meta.epoch }),
      ...(salvage.lastSeq[counter] === undefined ? {} : { lastBefore: salvage.lastSeq[counter] }),
      detail: reason,
    };
    outbox.add({ kind: 'gap', atMs: nowMs, body: JSON.stringify(gap) }, outbox.nextSeq('gap'));
  }
  const carried: OutboxRow[] = [];
  for (const row of unsent) {
    tryRecord(db.transaction(() => carried.push(outbox.add(row, outbox.nextSeq(row.kind)))));
  }
  addViews(db, salvage, carried);
  return true;
}

/** Opens, migrates and fills the file in one transaction; false when `work` gave up. */
function fill(path: string, epoch: string, nowMs: number, work: (db: Database.Database) => boolean): boolean {
  const db = new Database(path);
  try {
    db.pragma('synchronous = FULL');
    migrate(db, { epoch, nowMs });
    return db.transaction(() => work(db)).immediate();
  } finally {
    db.close();
  }
}

function setCounter(db: Database.Database, kind: string, seq: number): void {
  db.prepare('UPDATE counters SET last_seq = ? WHERE kind = ?').run(seq, kind);
}

/** Rows of the outbox go on after `row`. SQLite lets sqlite_sequence be written like any table (autoinc.html). */
export function setLastRow(db: Database.Database, row: number): void {
  db.prepare("DELETE FROM sqlite_sequence WHERE name = 'outbox'").run();
  db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)").run(row);
}

/**
 * Events so that they can be ended, or go on; pictures so that they are kept and grow old. A row that cannot be read
 * back is left to the damaged file.
 */
function addViews(
  db: Database.Database,
  { events, snapshots, retention, switches, retainedTopics }: Salvage,
  waiting: readonly Unsent[],
): void {
  addRows(db, 'switches', switches);
  addRows(db, 'retained_topics', retainedTopics);
  addRows(db, 'events', events);
  addRecords(db, waiting);
  addRows(db, 'snapshots', snapshots);
  addRows(db, 'retention', retention);
  // The clock must not stand before the pictures it measures, whatever of its own row could be read.
  db.exec(
    'UPDATE retention SET age_clock_ms = max(age_clock_ms, (SELECT coalesce(max(age_clock_ms), 0) FROM snapshots))',
  );
}

/** False when a row did not fit; the others are added all the same. */
function addRows(db: Database.Database, table: string, rows: readonly Row[]): boolean {
  let whole = true;
  for (const row of rows) {
    const names = Object.keys(row);
    const values = names.map((name) => `@${name}`);
    const sql = `INSERT OR REPLACE INTO ${table} (${names.join(', ')}) VALUES (${values.join(', ')})`;
    whole = tryRecord(() => db.prepare(sql).run(row)) && whole;
  }
  return whole;
}

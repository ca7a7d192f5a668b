// The words between the store's two threads, and the words it tells the other parts. Plain data only: everything here
// crosses a structured clone. Types only, no code. Both threads.
import type { Alert, EventChange, OutboxKind, OutboxRow, Snapshot } from '../core/types.ts';
import type { ErrorCode } from '../platform/errors.ts';

/** What must become durable together. */
export interface Batch {
  readonly events: readonly EventChange[];
  readonly alerts: readonly Alert[];
  /** Pictures whose files are durable. */
  readonly snapshots?: readonly Snapshot[];
}

/** A batch with its place in what one Store has been given; numbers grow, with holes where a batch was emptied. */
export interface NumberedBatch extends Batch {
  readonly number: number;
}

/** An `end` the store writes itself for an event that a crash left open. */
export interface InterruptedEnd extends EventChange {
  readonly type: 'end';
  readonly reason: 'interrupted';
}

export interface StoreProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface StoreState {
  /** Name of the database file; undefined until it has been opened. Goes out beside every seq. */
  readonly epoch: string | undefined;
  readonly path: string;
  /** Batches not yet confirmed by the disk. */
  readonly queued: number;
  readonly outboxRows: number;
  readonly lastSeq: Readonly<Record<OutboxKind, number>>;
  readonly updatesDropped: number;
  /** Records that did not fit the tables, replaced by a gap (a bug; see the log). */
  readonly recordsRefused: number;
  /** Durations of the last 256 transactions, fsync included; undefined before the first. */
  readonly commitMs: { readonly p50: number; readonly p99: number } | undefined;
  /** When the last transaction was confirmed; undefined before the first. For the watchdog. */
  readonly committedMonoMs: number | undefined;
  /** Database and write-ahead log together. */
  readonly bytes: number;
  readonly problem: StoreProblem | undefined;
}

/** Given to the worker thread as its workerData. */
export interface OpenTask {
  /** Absolute path. */
  readonly dataDir: string;
  /** Id of the Store; with a batch's number it makes a repeated write harmless. */
  readonly writer: string;
  /** True until this Store has opened the file once: only then are open events leftovers of a crash. */
  readonly endOpenEvents: boolean;
  /** Highest outbox row this Store knows of; rows above it come back with `opened`. Undefined before the first open. */
  readonly lastRow: number | undefined;
  /** Times in a row the file was found damaged while running: 0 quick check, 1 full check, 2 set aside unasked. */
  readonly damages: number;
}

export interface WriteRequest {
  readonly type: 'write';
  readonly id: number;
  readonly batches: readonly NumberedBatch[];
  /** Outbox rows to delete. */
  readonly delivered: readonly number[];
}

export interface ReadRequest {
  readonly type: 'read';
  readonly id: number;
  readonly afterRow: number;
  readonly limit: number;
}

export type Request = WriteRequest | ReadRequest | { readonly type: 'close' };

/** How the file stands, sent with every change of it. */
export interface FileStatus {
  readonly outboxRows: number;
  readonly lastSeq: Readonly<Record<OutboxKind, number>>;
  /** Highest outbox row ever handed out by this file. */
  readonly lastRow: number;
  /** Database and write-ahead log together. */
  readonly bytes: number;
}

/** A file was set aside. */
export interface DamageReport {
  readonly reason: string;
  /** Where the damaged file is now. */
  readonly setAside: string;
  /** `all`: same epoch, nothing lost. Otherwise a new epoch began and gap rows say so. */
  readonly salvaged: 'all' | 'some' | 'none';
  readonly outboxRows: number;
}

/** One record that did not fit the tables, replaced by a gap. */
export interface Refusal {
  readonly counter: 'event' | 'alert';
  readonly id: string;
  readonly seq: number;
  readonly reason: string;
}

export interface Opened {
  readonly type: 'opened';
  readonly epoch: string;
  readonly status: FileStatus;
  /** Outbox rows above the task's `lastRow`, empty on the first open. */
  readonly rows: readonly OutboxRow[];
  /** Events left open by a crash and ended now. */
  readonly eventsEnded: number;
  readonly damage?: DamageReport;
}

/** The file could not be opened; the thread ends. */
export interface NotOpened {
  readonly type: 'not-opened';
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Written {
  readonly type: 'written';
  readonly id: number;
  readonly rows: readonly OutboxRow[];
  readonly refused: readonly Refusal[];
  readonly status: FileStatus;
  /** Duration of the transaction, fsync included. */
  readonly commitMs: number;
}

/** Nothing of the request happened; it may be sent again. */
export interface Failed {
  readonly type: 'failed';
  readonly id: number;
  readonly code: string;
  readonly message: string;
}

/** The file gave wrong answers; the thread ends, and the next one checks the file. */
export interface Damaged {
  readonly type: 'damaged';
  readonly message: string;
}

export interface Rows {
  readonly type: 'rows';
  readonly id: number;
  readonly rows: readonly OutboxRow[];
}

export type Reply = Opened | NotOpened | Written | Failed | Damaged | Rows;

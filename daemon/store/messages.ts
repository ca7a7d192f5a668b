// The words between the store's two threads, and the words it tells the other parts. Plain data only: everything here
// crosses a structured clone. Types only, no code. Both threads.
import type { StoredSwitch } from '../core/switches.ts';
import type { Alert, EventChange, OutboxKind, OutboxRow, Snapshot } from '../core/types.ts';
import type { ClockCorrection, ClockState } from '../platform/clock-watch.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { HistoryBatch, HistoryState, HistoryStatus } from './history-messages.ts';
import type { Dropped, QuotaLimits } from './quota.ts';
import type { WhyAnswer, WhyProblem, WhyQuery } from './why-messages.ts';

/** What must become durable together. */
export interface Batch {
  readonly events: readonly EventChange[];
  readonly alerts: readonly Alert[];
  /** Pictures whose files are durable. */
  readonly snapshots?: readonly Snapshot[];
  /** Synthetic alerts of the self-test: they only pass through the outbox. */
  readonly selfTests?: readonly Alert[];
  /** Only from `correctClock`; each becomes the body of a `clock-correction` row of the journal. */
  readonly corrections?: readonly ClockCorrection[];
}

/** What earlier lives of the daemon left to remember. */
export interface Recall {
  readonly switches: readonly StoredSwitch[];
  /** Absolute topics with a retained message of ours at the broker. */
  readonly retainedTopics: readonly string[];
}

/** Topics that got a retained message, and those whose message was cleared. */
export interface TopicsChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface MessagesQuery {
  readonly counter: 'event' | 'alert';
  /** Messages with a higher `seq`. */
  readonly afterSeq: number;
  readonly limit: number;
}

/** Messages again, whether they were delivered or not. */
export interface MessagesPage {
  readonly epoch: string;
  /** Last number given out, whatever is in `rows`. */
  readonly lastSeq: number;
  /** Ascending by `seq`, without those that the journal has no more. Their `row` is 0. */
  readonly rows: readonly OutboxRow[];
}

/** How long pictures are kept; both limits hold. */
export interface Retention {
  /** Days of the store's own age clock (docs/store.md); 0 sets no limit. */
  readonly keepDays: number;
  /** Megabytes (1,000,000 bytes) of all pictures together. */
  readonly keepMb: number;
}

/** What the configuration lets the store keep. */
export interface StoreLimits {
  readonly pictures: Retention;
  /** Megabytes (1,000,000 bytes) of messages that may wait for delivery. */
  readonly outboxMb: number;
  /** Megabytes of the disk kept for alerts; 0 keeps none. */
  readonly reserveMb: number;
  /** Of events, alerts and the journal: days of the age clock (0: no limit), megabytes of vedette.db. */
  readonly eventsKeepDays: number;
  readonly eventsKeepMb: number;
  /** Of observations: days of the age clock (0: no limit), megabytes of history.db (0: none are kept). */
  readonly historyKeepDays: number;
  readonly historyKeepMb: number;
  /** Megabytes of traces, beside those of observations (0: none are kept). */
  readonly tracesKeepMb: number;
}

/** The file that holds room on the disk: `missing` while it is being made or has no room, `given up` to the database. */
export type ReserveState = 'kept' | 'missing' | 'given up' | 'off';

/** What stands between the store and its disk. */
export interface DiskState {
  readonly reserve: ReserveState;
  /** Of the write-ahead log. */
  readonly walBytes: number;
  /** Who keeps the write-ahead log from being emptied, in words; undefined when nobody does. */
  readonly walHeld: string | undefined;
}

/** How many pictures have a row, and the bytes of their files. */
export interface PictureTotals {
  readonly count: number;
  readonly bytes: number;
}

/** What a round of pruning changed: the body of a `prune` row of the journal. */
export interface PruneRound {
  /** Pictures older than `keepDays`. */
  readonly byAge: number;
  /** The oldest pictures beyond `keepMb`. */
  readonly byBytes: number;
  /** The oldest pictures, when the database had no room. */
  readonly forRoom: number;
  /** Of these three, pictures that a message not yet delivered names. */
  readonly undelivered: number;
  /** Rows whose file was gone. */
  readonly forgotten: number;
  /** Files without a row that were no whole picture: deleted. */
  readonly orphans: number;
  /** Pictures without a row that have got one: written just before a power cut, or older than the database. */
  readonly adopted: number;
  /** Of all files deleted. */
  readonly bytes: number;
  /** When the youngest of these pictures was taken (wall clock); absent when only others went. */
  readonly upToMs?: number;
}

/** What a round deleted from the journal: the body of a `prune` row; that of pictures has no `entry`. */
export interface RecordRound {
  /** Entries: older than `eventsKeepDays`, beyond `eventsKeepMb`. */
  readonly byAge: number;
  readonly byBytes: number;
  /** Events and alerts that went with them. */
  readonly events: number;
  readonly alerts: number;
  /** Entries up to this one are gone, and these numbers with them: the journal begins after them. */
  readonly entry: number;
  readonly eventSeq: number;
  readonly alertSeq: number;
  /** When the last of them was written, by the wall clock of then. */
  readonly upToMs: number;
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
  /** Of the messages in them. */
  readonly outboxBytes: number;
  /** Messages that gave way to the quota since the daemon's start; gap messages name them. */
  readonly outboxDropped: Dropped;
  readonly lastSeq: Readonly<Record<OutboxKind, number>>;
  /** Highest outbox row ever handed out. */
  readonly lastRow: number;
  readonly updatesDropped: number;
  /** Pictures whose row gave way to events and alerts while the disk was slow; their files are removed later. */
  readonly snapshotsDropped: number;
  readonly snapshots: PictureTotals;
  /** The last round that changed something; undefined when there was none since the daemon's start. */
  readonly lastPrune: (PruneRound & { readonly atMs: number }) | undefined;
  /** What keeps the last round of pruning from its work; undefined when it went through. */
  readonly pruneProblem: string | undefined;
  /** Records that did not fit the tables: a gap takes the place of an event or alert (a bug; see the log). */
  readonly recordsRefused: number;
  /** Durations of the last 256 transactions that made messages, fsync included; undefined before the first. */
  readonly commitMs: { readonly p50: number; readonly p99: number } | undefined;
  /** When the last transaction was confirmed; undefined before the first. For the watchdog. */
  readonly committedMonoMs: number | undefined;
  /** Database and write-ahead log together. */
  readonly bytes: number;
  readonly disk: DiskState;
  readonly history: HistoryState;
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
  readonly limits: StoreLimits;
  readonly clock: ClockState;
}

export interface WriteRequest {
  readonly type: 'write';
  readonly id: number;
  readonly batches: readonly NumberedBatch[];
  /** Outbox rows to delete. */
  readonly delivered: readonly number[];
  /** Outbox rows to delete and to mark as heard by nobody. */
  readonly unheard: readonly number[];
  /** Outbox rows to be left out, named in a gap. */
  readonly passedOver: readonly number[];
  readonly switches: readonly StoredSwitch[];
  readonly topics: TopicsChange;
  readonly clock: ClockState;
  readonly quota: QuotaLimits;
  /** Questions up to this id have been answered for so long that `quota.inHand` tells what came of their rows. */
  readonly settledId: number;
}

export interface ReadRequest {
  readonly type: 'read';
  readonly id: number;
  readonly afterRow: number;
  readonly limit: number;
}

export interface FindRequest extends MessagesQuery {
  readonly type: 'find';
  readonly id: number;
}

export interface WhyRequest {
  readonly type: 'why';
  readonly id: number;
  readonly query: WhyQuery;
}

/** Asks for something and changes nothing. */
export type Question = ReadRequest | FindRequest | WhyRequest;

export type Request =
  | WriteRequest
  | Question
  | HistoryBatch
  | { readonly type: 'limits'; readonly limits: StoreLimits }
  | { readonly type: 'close' };

/** How the file stands, sent with every change of it. */
export interface FileStatus {
  readonly outboxRows: number;
  readonly outboxBytes: number;
  readonly lastSeq: Readonly<Record<OutboxKind, number>>;
  /** Highest outbox row ever handed out by this file. */
  readonly lastRow: number;
  /** Database and write-ahead log together. */
  readonly bytes: number;
  readonly disk: DiskState;
  readonly snapshots: PictureTotals;
}

/** A file was replaced. */
export interface DamageReport {
  readonly reason: string;
  /** Where the damaged file is now; undefined when there was nothing to keep. */
  readonly setAside: string | undefined;
  /** `all`: same epoch, nothing lost. Otherwise a new epoch began and gap rows say so. */
  readonly salvaged: 'all' | 'some' | 'none';
  readonly outboxRows: number;
}

/** One record that did not fit the tables. An event or alert is replaced by a gap under its `seq`. */
export type Refusal = { readonly reason: string } & (
  | { readonly counter: 'event' | 'alert'; readonly id: string; readonly seq: number }
  | { readonly counter: 'snapshot'; readonly path: string }
);

export interface Opened {
  readonly type: 'opened';
  readonly epoch: string;
  readonly status: FileStatus;
  readonly recall: Recall;
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
  /** Messages that gave way to others. */
  readonly dropped: Dropped;
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
  /** Gap messages that this question has made of losses, and how the file stands with them; absent mostly. */
  readonly made?: { readonly rows: readonly OutboxRow[]; readonly status: FileStatus };
}

export interface Found {
  readonly type: 'found';
  readonly id: number;
  /** Of a FindRequest the page, of a WhyRequest the rest. */
  readonly found: MessagesPage | WhyAnswer | WhyProblem;
}

/** Pruning, unasked: after each turn, and when a round ends. */
export interface Pruned {
  readonly type: 'pruned';
  readonly snapshots: PictureTotals;
  /** What the round changed, as the journal has it; absent while it goes on and when that was nothing. */
  readonly round?: PruneRound & { readonly atMs: number };
  /** At the end of a round: what stands in its way, '' when nothing does. */
  readonly problem?: string;
}

/** Unasked, when it changes. */
export interface DiskChanged {
  readonly type: 'disk';
  readonly disk: DiskState;
}

export type Reply =
  | Opened
  | NotOpened
  | Written
  | Failed
  | Damaged
  | Rows
  | Found
  | Pruned
  | DiskChanged
  | HistoryStatus;

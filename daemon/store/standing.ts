// How the store stands, for whoever asks: put together from what the worker thread reported last. Main thread.
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { Percentiles } from '../platform/percentiles.ts';
import { damageMessage, refusalMessage } from './failures.ts';
import type {
  DiskChanged,
  DiskState,
  FileStatus,
  Opened,
  Pruned,
  ReserveState,
  StoreProblem,
  StoreState,
  Written,
} from './messages.ts';
import { noSeq } from './outbox.ts';
import { PruneState } from './prune-state.ts';
import type { Dropped } from './quota.ts';

/** Transactions whose durations are remembered. */
const LATENCY_SIZE = 256;

/** What of a state is not the file's. */
export type Waiting = Pick<
  StoreState,
  'path' | 'queued' | 'updatesDropped' | 'snapshotsDropped' | 'history'
> & {
  readonly problem: StoreProblem | undefined;
};

/** Messages of all kinds. */
export function countOf({ updates, events, alerts }: Dropped): number {
  return updates + events + alerts;
}

export class Standing {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pruning: PruneState;
  readonly #latency = new Percentiles(LATENCY_SIZE);
  #epoch: string | undefined;
  #status: FileStatus | undefined;
  #recordsRefused = 0;
  #dropped: Dropped = { updates: 0, events: 0, alerts: 0 };
  #fullTold = false;
  #disk: DiskState = { reserve: 'missing', walBytes: 0, walHeld: undefined };
  #committedMonoMs: number | undefined;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#pruning = new PruneState(logger);
  }

  /** Undefined until the file has been opened. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Highest outbox row we know of; undefined until the file has been opened. */
  get lastRow(): number | undefined {
    return this.#status?.lastRow;
  }

  get outboxBytes(): number {
    return this.#status?.outboxBytes ?? 0;
  }

  opened({ epoch, status, eventsEnded, damage }: Opened): void {
    this.#epoch = epoch;
    this.#take(status);
    if (damage !== undefined)
      this.#logger.error({ event: 'store-damaged', code: 'STORE_DAMAGED', ...damage }, damageMessage(damage));
    this.#logger.info({ event: 'store-open', epoch, eventsEnded, ...status }, 'database is open');
  }

  /** Told when the reserve is given up and when it is there again, and when a reader holds the write-ahead log. */
  #diskIs(disk: DiskState): void {
    const before = this.#disk;
    this.#disk = disk;
    if (disk.reserve !== before.reserve) this.#tellReserve(disk.reserve, before.reserve);
    if (disk.walHeld !== undefined && before.walHeld === undefined)
      this.#logger.warn({ event: 'store-wal-held', walBytes: disk.walBytes }, disk.walHeld);
    if (disk.walHeld === undefined && before.walHeld !== undefined)
      this.#logger.info(
        { event: 'store-wal-free', walBytes: disk.walBytes },
        'write-ahead log is empty again',
      );
  }

  #tellReserve(now: ReserveState, before: ReserveState): void {
    if (now === 'given up')
      this.#logger.warn(
        { event: 'store-reserve-used', code: 'STORE_COMMIT' },
        'disk is full and there are no pictures to delete: the reserve is given up, alerts go on as long as it lasts',
      );
    else if (before === 'given up')
      this.#logger.info({ event: 'store-reserve-kept' }, 'disk has room again: the reserve is kept again');
  }

  #take(status: FileStatus): void {
    this.#status = status;
    this.#diskIs(status.disk);
  }

  /** Gap messages were made of losses. */
  lossesTold(status: FileStatus): void {
    this.#take(status);
  }

  written({ rows, refused, dropped, status, commitMs }: Written, outboxBytesMax: number): void {
    this.#take(status);
    this.#gaveWay(dropped, outboxBytesMax);
    // The others mostly do not wait for the disk (ledger.ts).
    if (rows.length > 0) this.#latency.add(commitMs);
    this.#committedMonoMs = this.#clock.monoMs();
    this.#recordsRefused += refused.length;
    for (const refusal of refused) {
      const { reason: _reason, ...data } = refusal;
      this.#logger.error({ event: 'store-refused', code: 'INTERNAL', ...data }, refusalMessage(refusal));
    }
  }

  /** Counts what gave way to others, and tells once that the outbox is full and once that it is over. */
  #gaveWay(dropped: Dropped, bytesMax: number): void {
    const { updates, events, alerts } = this.#dropped;
    this.#dropped = {
      updates: updates + dropped.updates,
      events: events + dropped.events,
      alerts: alerts + dropped.alerts,
    };
    const { outboxBytes = 0, outboxRows = 0 } = this.#status ?? {};
    if (countOf(dropped) > 0 && !this.#fullTold) {
      this.#fullTold = true;
      this.#logger.warn(
        { event: 'store-outbox-full', code: 'OUTBOX_FULL', outboxRows },
        `outbox is full: more than ${bytesMax / 1e6} MB wait for delivery (store.outboxMb), the oldest updates give way, then the oldest events, then the oldest alerts; gap messages will name them`,
      );
    } else if (this.#fullTold && outboxBytes < bytesMax / 2) {
      this.#fullTold = false;
      this.#logger.info(
        { event: 'store-outbox-room', ...this.#dropped },
        'outbox has room again; counts are of all messages that gave way since the start',
      );
    }
  }

  /** What the thread tells unasked. */
  heard(reply: Pruned | DiskChanged): void {
    if (reply.type === 'disk') {
      this.#diskIs(reply.disk);
      return;
    }
    if (this.#status !== undefined) this.#status = { ...this.#status, snapshots: reply.snapshots };
    this.#pruning.onPruned(reply);
  }

  state({ path, queued, updatesDropped, snapshotsDropped, history, problem }: Waiting): StoreState {
    const { outboxRows = 0, outboxBytes = 0, bytes = 0, lastSeq, snapshots } = this.#status ?? {};
    const committedMonoMs = this.#committedMonoMs;
    const commitMs = { p50: this.#latency.at(0.5), p99: this.#latency.at(0.99) };
    return {
      epoch: this.#epoch,
      path,
      queued,
      outboxRows,
      outboxBytes,
      outboxDropped: this.#dropped,
      lastSeq: lastSeq ?? noSeq(),
      lastRow: this.lastRow ?? 0,
      updatesDropped,
      snapshotsDropped,
      snapshots: snapshots ?? { count: 0, bytes: 0 },
      lastPrune: this.#pruning.last,
      pruneProblem: this.#pruning.problem,
      recordsRefused: this.#recordsRefused,
      commitMs: committedMonoMs === undefined ? undefined : commitMs,
      committedMonoMs,
      bytes,
      disk: this.#disk,
      history,
      problem,
    };
  }
}

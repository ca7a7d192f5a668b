// The store as the other parts see it: takes batches at once and hands them to its worker thread, one write in flight,
// everything that came meanwhile in the next. Keeps what is not confirmed, so that a full disk or a dead thread loses
// nothing while the daemon lives. Never touches a file. Main thread.
import { resolve } from 'node:path';
import type { OutboxRow } from '../core/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { ErrorCode, VedetteError } from '../platform/errors.ts';
import { newId } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { Percentiles } from '../platform/percentiles.ts';
import { closedError, commitError, damageMessage, refusalMessage } from './failures.ts';
import type {
  Batch,
  FileStatus,
  Opened,
  Retention,
  StoreProblem,
  StoreState,
  WriteRequest,
  Written,
} from './messages.ts';
import { pathsIn } from './paths.ts';
import { PruneState } from './prune-state.ts';
import { CommitQueue } from './queue.ts';
import { PendingReads } from './reads.ts';
import { type LiveReply, StoreThread } from './thread.ts';

export interface StoreOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /**
   * New outbox rows, just committed, in order of delivery; never the same row twice. Rows that were in the file when it
   * was opened are not announced: `readOutbox` gives them.
   */
  onOutbox(rows: readonly OutboxRow[]): void;
  /** A problem came, changed or went, or the file was (re)opened. */
  onState?(state: StoreState): void;
  /** How long pictures are kept. */
  readonly retention: Retention;
  /** Batches that may wait for a slow disk before pictures, then `update` changes are dropped. */
  readonly queueBatchesMax?: number;
  /** `stop` waits this long for a disk that refuses, then gives up and says what is lost. */
  readonly drainMs?: number;
  /** The worker's program; a test gives one that dies on purpose. */
  readonly workerUrl?: URL;
}

const QUEUE_BATCHES_MAX = 2000;
/** Batches in one transaction: bounds how long a transaction and its message can get. */
const WRITE_BATCHES_MAX = 256;
const DRAIN_MS = 5000;
const RETRY = { minMs: 100, maxMs: 30_000 };
const LATENCY_SIZE = 256;
/** At start these need the owner; everything else is retried. */
const FATAL_AT_START: readonly ErrorCode[] = ['DATA_DIR_UNUSABLE', 'STORE_LOCKED', 'STORE_NEWER'];

export class Store implements Part {
  readonly name = 'store';
  readonly #options: StoreOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #dataDir: string;
  readonly #writer = newId();
  readonly #queue: CommitQueue;
  readonly #backoff = new Backoff(RETRY);
  readonly #latency = new Percentiles(LATENCY_SIZE);
  readonly #reads = new PendingReads();
  readonly #pruning: PruneState;
  readonly #started = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #thread: StoreThread | undefined;
  #ready = false;
  #phase: 'idle' | 'running' | 'draining' | 'closing' | 'closed' = 'idle';
  #stopping: Promise<void> | undefined;
  /** The one write not yet confirmed, and whether this worker has it. */
  #write: WriteRequest | undefined;
  #writeSent = false;
  #delivered: number[] = [];
  #requestId = 0;
  #scheduled = false;
  #retry: Timer | undefined;
  #damages = 0;
  #epoch: string | undefined;
  #status: FileStatus | undefined;
  #retention: Retention;
  #problem: StoreProblem | undefined;
  #problemSinceMs = 0;
  #recordsRefused = 0;
  #committedMonoMs: number | undefined;
  #late = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'store' });
    this.#clock = options.clock;
    this.#dataDir = resolve(options.dataDir);
    this.#retention = options.retention;
    this.#pruning = new PruneState(this.#logger);
    this.#queue = new CommitQueue(options.queueBatchesMax ?? QUEUE_BATCHES_MAX);
  }

  /** Name of the database file; undefined until it has been opened. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /**
   * Opens the database. Throws DATA_DIR_UNUSABLE, STORE_LOCKED or STORE_NEWER; a full or failing disk is a state that
   * is shown and retried instead.
   */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#phase !== 'idle') throw closedError();
    const onAbort = (): void => this.#started.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#phase = 'running';
    this.#spawn();
    try {
      await this.#started.promise;
    } catch (error) {
      await this.#abandon();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Queues a batch; returns at once. All of it becomes durable in one transaction, in the order of the calls. */
  commit(batch: Batch): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') {
      this.#late += 1;
      if (this.#late > 1) return;
      this.#logger.error({ event: 'store-late' }, 'changes came after the store was closed: lost');
      return;
    }
    this.#queue.push(batch);
    this.#schedule();
  }

  /** Rows waiting for delivery after `afterRow`, in order. Waits as long as the file is out of reach. */
  readOutbox(range: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]> {
    if (this.#phase === 'closing' || this.#phase === 'closed') return Promise.reject(closedError());
    this.#requestId += 1;
    this.#schedule();
    return this.#reads.add({ type: 'read', id: this.#requestId, ...range });
  }

  /** Deletes delivered rows, soon and in one transaction with whatever else waits. Unknown rows do no harm. */
  delivered(rows: readonly number[]): void {
    for (const row of rows) this.#delivered.push(row);
    this.#schedule();
  }

  /** Other limits for the pictures; what is beyond them is deleted soon. */
  setRetention(retention: Retention): void {
    this.#retention = retention;
    // A thread that is still opening the file takes it afterwards; a new one is given it with its task.
    this.#thread?.send({ type: 'retention', retention });
  }

  state(): StoreState {
    return {
      epoch: this.#epoch,
      path: pathsIn(this.#dataDir).database,
      queued: this.#queue.length + (this.#write?.batches.length ?? 0),
      outboxRows: this.#status?.outboxRows ?? 0,
      lastSeq: this.#status?.lastSeq ?? { event: 0, alert: 0, gap: 0 },
      updatesDropped: this.#queue.updatesDropped,
      snapshotsDropped: this.#queue.snapshotsDropped,
      snapshots: this.#status?.snapshots ?? { count: 0, bytes: 0 },
      lastPrune: this.#pruning.last,
      pruneProblem: this.#pruning.problem,
      recordsRefused: this.#recordsRefused,
      commitMs:
        this.#committedMonoMs === undefined
          ? undefined
          : { p50: this.#latency.at(0.5), p99: this.#latency.at(0.99) },
      committedMonoMs: this.#committedMonoMs,
      bytes: this.#status?.bytes ?? 0,
      problem: this.#problem,
    };
  }

  /** For the watchdog: the disk hangs. An error that is tried again is not that. */
  stuck(): string | undefined {
    return this.#thread?.stuck();
  }

  /** Writes what is queued, empties the write-ahead log, closes. A disk that refuses gets `drainMs`. */
  stop(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #drain(): Promise<void> {
    if (this.#phase !== 'running') {
      this.#phase = 'closed';
      return;
    }
    this.#phase = 'draining';
    const deadline = this.#clock.after(this.#options.drainMs ?? DRAIN_MS, () => void this.#giveUp());
    this.#tryAgain();
    await this.#closed.promise;
    deadline.stop();
  }

  async #giveUp(): Promise<void> {
    const batches = this.state().queued;
    const waiting = this.#write?.batches ?? [];
    const alerts = this.#queue.alertsWaiting + waiting.reduce((sum, batch) => sum + batch.alerts.length, 0);
    if (batches > 0) {
      this.#logger.error(
        { event: 'store-gave-up', code: 'STORE_COMMIT', batches, alerts },
        `stopping with ${batches} batches (${alerts} alerts) not written: ${this.#problem?.message ?? 'the disk does not answer'}`,
      );
    }
    await this.#abandon();
  }

  /** Ends without writing. */
  async #abandon(): Promise<void> {
    this.#phase = 'closed';
    this.#retry?.stop();
    await this.#thread?.terminate();
    this.#finish();
  }

  #finish(): void {
    this.#phase = 'closed';
    this.#reads.close();
    this.#closed.resolve();
  }

  /** One pump per turn of the loop: what one turn commits and delivers shares a transaction. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** Sends what can be sent: nothing while the file is closed, no writes while a retry is waiting. */
  #pump(): void {
    const thread = this.#thread;
    if (!this.#ready || thread === undefined) return;
    for (const read of this.#reads.take(this.#retry !== undefined)) thread.send(read);
    if (this.#retry !== undefined) return;
    this.#write ??= this.#nextWrite();
    if (this.#write !== undefined && !this.#writeSent) {
      this.#writeSent = true;
      thread.send(this.#write);
    }
    if (this.#phase === 'draining' && this.#write === undefined && this.#reads.count === 0) {
      this.#phase = 'closing';
      this.#ready = false;
      thread.send({ type: 'close' });
    }
  }

  #nextWrite(): WriteRequest | undefined {
    if (this.#queue.length + this.#delivered.length === 0) return undefined;
    this.#requestId += 1;
    const delivered = this.#delivered;
    this.#delivered = [];
    return { type: 'write', id: this.#requestId, batches: this.#queue.take(WRITE_BATCHES_MAX), delivered };
  }

  /** True when nothing waits to be written. */
  get #idle(): boolean {
    return this.#write === undefined && this.#queue.length + this.#delivered.length === 0;
  }

  #spawn(): void {
    this.#thread = new StoreThread({
      url: this.#options.workerUrl ?? new URL('./worker.ts', import.meta.url),
      task: {
        dataDir: this.#dataDir,
        writer: this.#writer,
        endOpenEvents: this.#epoch === undefined,
        lastRow: this.#status?.lastRow,
        damages: this.#damages,
        retention: this.#retention,
      },
      clock: this.#clock,
      onReply: (reply) => this.#onReply(reply),
      onEnd: (reason) => this.#onEnd(reason),
    });
  }

  #onReply(reply: LiveReply): void {
    switch (reply.type) {
      case 'opened':
        this.#onOpened(reply);
        break;
      case 'written':
        this.#onWritten(reply);
        break;
      case 'rows':
        this.#reads.answered(reply.id, reply.rows);
        if (this.#idle) this.#recover();
        break;
      case 'pruned':
        if (this.#status !== undefined) this.#status = { ...this.#status, snapshots: reply.snapshots };
        this.#pruning.onPruned(reply);
        break;
      case 'failed':
        if (!this.#reads.failed(reply.id)) this.#writeSent = false;
        this.#fail(commitError(reply.code, reply.message, this.#dataDir));
    }
    this.#pump();
  }

  #onOpened({ epoch, status, rows, eventsEnded, damage }: Opened): void {
    this.#ready = true;
    this.#epoch = epoch;
    this.#status = status;
    if (damage !== undefined)
      this.#logger.error({ event: 'store-damaged', code: 'STORE_DAMAGED', ...damage }, damageMessage(damage));
    this.#logger.info({ event: 'store-open', epoch, eventsEnded, ...status }, 'database is open');
    this.#started.resolve();
    if (this.#idle) this.#recover();
    this.#options.onState?.(this.state());
    if (rows.length > 0) this.#options.onOutbox(rows);
  }

  #onWritten({ rows, refused, status, commitMs }: Written): void {
    this.#write = undefined;
    this.#writeSent = false;
    this.#status = status;
    this.#damages = 0;
    this.#latency.add(commitMs);
    this.#committedMonoMs = this.#clock.monoMs();
    this.#recordsRefused += refused.length;
    for (const refusal of refused) {
      const { reason: _reason, ...data } = refusal;
      this.#logger.error({ event: 'store-refused', code: 'INTERNAL', ...data }, refusalMessage(refusal));
    }
    this.#recover();
    if (rows.length > 0) this.#options.onOutbox(rows);
  }

  #onEnd(reason: VedetteError): void {
    this.#thread = undefined;
    this.#ready = false;
    this.#writeSent = false;
    this.#reads.unsend();
    if (this.#phase === 'closing' || this.#phase === 'closed') {
      this.#finish();
      return;
    }
    if (reason.code === 'STORE_DAMAGED') this.#damages += 1;
    if (this.#epoch === undefined && FATAL_AT_START.includes(reason.code)) {
      this.#started.reject(reason);
      return;
    }
    this.#started.resolve();
    this.#fail(reason);
  }

  /** Shows the problem, once, and tries again after a while. */
  #fail(error: VedetteError): void {
    const changed = this.#problem?.message !== error.message;
    if (this.#problem === undefined) this.#problemSinceMs = this.#clock.monoMs();
    this.#problem = { code: error.code, message: error.message };
    if (changed) {
      this.#logger.error({ event: 'store-problem', code: error.code, err: error }, error.message);
      this.#options.onState?.(this.state());
    }
    if (this.#phase === 'draining' && this.#idle) {
      void this.#abandon();
      return;
    }
    this.#retry ??= this.#clock.after(this.#backoff.nextMs(), () => this.#tryAgain());
  }

  #tryAgain(): void {
    this.#retry?.stop();
    this.#retry = undefined;
    if (this.#thread === undefined && this.#phase !== 'closed') this.#spawn();
    else this.#pump();
  }

  /** A change went through, or nothing waits any more: the problem is over. */
  #recover(): void {
    if (this.#problem === undefined) return;
    this.#backoff.reset();
    const durationMs = Math.round(this.#clock.monoMs() - this.#problemSinceMs);
    this.#problem = undefined;
    this.#logger.info({ event: 'store-recovered', durationMs }, 'database works again');
    this.#options.onState?.(this.state());
  }
}

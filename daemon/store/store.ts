// The store as the other parts see it: takes batches at once and hands them to its worker thread, one write in flight,
// everything that came meanwhile in the next. Keeps what is not confirmed, so that a full disk or a dead thread loses
// nothing while the daemon lives. Never touches a file. Main thread.
import { resolve } from 'node:path';
import type { StoredSwitch } from '../core/switches.ts';
import type { TrackTrace } from '../core/trace-types.ts';
import type { Fact, Moment, Observation, OutboxRow } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { ClockCorrection, ClockState } from '../platform/clock-watch.ts';
import type { VedetteError } from '../platform/errors.ts';
import { newId } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { closedError, commitError } from './failures.ts';
import { HistoryFeed } from './history-feed.ts';
import type {
  Batch,
  MessagesPage,
  MessagesQuery,
  Opened,
  Question,
  Recall,
  Rows,
  StoreLimits,
  StoreState,
  TopicsChange,
  Written,
} from './messages.ts';
import {
  DRAIN_MS,
  DRAIN_RETRY_MS,
  FATAL_AT_START,
  MEGABYTE,
  QUEUE_BATCHES_MAX,
  STOP_DEADLINE_MS,
  type StoreOptions,
} from './options.ts';
import { pathsIn } from './paths.ts';
import { Pending } from './pending.ts';
import type { QuotaLimits } from './quota.ts';
import { Requests } from './requests.ts';
import { countOf, Standing } from './standing.ts';
import { type LiveReply, StoreThread } from './thread.ts';
import { Trouble } from './trouble.ts';
import { oncePerTurn } from './turns.ts';
import { answered, type WhyAnswer, type WhyProblem, type WhyQuery } from './why-messages.ts';

export class Store implements Part {
  readonly name = 'store';
  readonly stopDeadlineMs = STOP_DEADLINE_MS;
  readonly #options: StoreOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #dataDir: string;
  readonly #writer = newId();
  readonly #pending: Pending;
  readonly #trouble: Trouble;
  readonly #history: HistoryFeed;
  readonly #requests: Requests;
  readonly #standing: Standing;
  /** What one turn of the loop commits and delivers shares a transaction. */
  readonly #schedule = oncePerTurn(() => this.#pump());
  readonly #started = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  /** Resolves when the database has been opened for the first time; never, when it never is. */
  readonly opened: Promise<void> = this.#opened.promise;
  readonly #closed = Promise.withResolvers<void>();
  #thread: StoreThread | undefined;
  #ready = false;
  #phase: 'idle' | 'running' | 'draining' | 'closing' | 'closed' = 'idle';
  #stopping: Promise<void> | undefined;
  #retry: Timer | undefined;
  #damages = 0;
  #limits: StoreLimits;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'store' });
    this.#clock = options.clock;
    this.#dataDir = resolve(options.dataDir);
    this.#limits = options.limits;
    this.#trouble = new Trouble({
      logger: this.#logger,
      clock: options.clock,
      onChange: () => this.#options.onState?.(this.state()),
    });
    this.#standing = new Standing(this.#logger, options.clock);
    this.#history = new HistoryFeed({ ...options, logger: this.#logger, onDue: () => this.#schedule() });
    this.#requests = new Requests(this.#history);
    this.#pending = new Pending(options.queueBatchesMax ?? QUEUE_BATCHES_MAX, this.#schedule);
  }

  /** Name of the database file; undefined until it has been opened. */
  get epoch(): string | undefined {
    return this.#standing.epoch;
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
    if (this.#phase === 'closing' || this.#phase === 'closed') return this.#trouble.late();
    this.#pending.push(batch);
  }

  /** Keeps what a camera saw, for history.db, when nothing else waits; dropped where the disk is slow. */
  observed(observation: Observation): void {
    this.#history.observed(observation);
  }

  /** Keeps what the rules were told, likewise; waits while the disk is slow. */
  learned(fact: Fact, moment: Moment): void {
    this.#history.learned(fact, moment);
  }

  /** Keeps what became of tracks, likewise; dropped where the disk is slow. */
  traced(traces: readonly TrackTrace[]): void {
    this.#history.traced(traces);
  }

  /** Rows waiting for delivery after `afterRow`, in order. Waits as long as the file is out of reach. */
  readOutbox(range: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]> {
    return this.#ask<readonly OutboxRow[]>((id) => ({ type: 'read', id, ...range }));
  }

  /**
   * Messages of a counter beyond a number, from the journal: delivered or not, lost or not, as long as it keeps them.
   * At most MESSAGES_MAX (journal.ts) at a time. Waits as long as the file is out of reach.
   */
  messages(query: MessagesQuery): Promise<MessagesPage> {
    return this.#ask<MessagesPage>((id) => ({ type: 'find', id, ...query }));
  }

  /** What `vedette why` says. Rejects with a VedetteError where there is nothing to explain. */
  async why(query: WhyQuery): Promise<WhyAnswer> {
    return answered(await this.#ask<WhyAnswer | WhyProblem>((id) => ({ type: 'why', id, query })));
  }

  #ask<T>(question: (id: number) => Question): Promise<T> {
    if (this.#phase === 'closing' || this.#phase === 'closed') return Promise.reject(closedError());
    this.#schedule();
    return this.#requests.ask<T>(question);
  }

  /** Deletes delivered rows, soon and in one transaction with whatever else waits. Unknown rows do no harm. */
  delivered(rows: readonly number[]): void {
    this.#pending.delivered(rows);
  }

  /** As `delivered`, for rows that no subscriber was there to hear: marks their alerts and events. */
  unheard(rows: readonly number[]): void {
    this.#pending.unheard(rows);
  }

  /** As `delivered`, for events that are left out because they are late: a gap takes their place, in one transaction. */
  passOver(rows: readonly number[]): void {
    this.#pending.passOver(rows);
  }

  /** Switches and retained topics as they stand; without those of earlier lives before `opened`. */
  recall(): Recall {
    return this.#pending.recall();
  }

  /** Keeps what was switched over restarts, soon. Throws SyntaxError for values that are not JSON. */
  keepSwitch(one: StoredSwitch): void {
    this.#pending.keepSwitch(one);
  }

  /** Keeps the names of topics with a retained message of ours, soon. */
  keepTopics(change: TopicsChange): void {
    this.#pending.keepTopics(change);
  }

  /** What is known of the wall clock from now on; stands beside every row of the journal. */
  setClockState(clock: ClockState): void {
    this.#pending.clock = clock;
  }

  /** Writes into the journal that the wall clock was set. */
  correctClock({ beforeMs, afterMs, monoMs }: ClockCorrection): void {
    this.commit({ events: [], alerts: [], corrections: [{ beforeMs, afterMs, monoMs }] });
  }

  /** Other limits; what is beyond them goes soon. */
  setLimits(limits: StoreLimits): void {
    this.#limits = limits;
    // A thread that is still opening the file takes it afterwards; a new one is given it with its task.
    this.#thread?.send({ type: 'limits', limits });
    this.#trim();
  }

  state(): StoreState {
    return this.#standing.state({
      path: pathsIn(this.#dataDir).database,
      ...this.#pending.counts(this.#requests.write?.batches),
      history: this.#history.state,
      problem: this.#trouble.problem,
    });
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
    const { queued: batches, alerts } = this.#pending.counts(this.#requests.write?.batches);
    if (batches > 0) this.#trouble.gaveUp({ batches, alerts });
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
    this.#requests.close();
    this.#closed.resolve();
  }

  /** Sends what can be sent: nothing while the file is closed, no writes while a retry is waiting. */
  #pump(): void {
    const thread = this.#thread;
    if (!this.#ready || thread === undefined) return;
    const retrying = this.#retry !== undefined;
    for (const request of this.#requests.take(retrying, this.#pending, () => this.#quotaLimits()))
      thread.send(request);
    if (retrying) return;
    if (this.#phase === 'draining' && this.#requests.write === undefined && this.#requests.questions === 0) {
      this.#phase = 'closing';
      this.#ready = false;
      for (const request of this.#requests.last()) thread.send(request);
    }
  }

  /** Has a write made for what is beyond the quota, though nothing else may wait. */
  #trim(): void {
    if (this.#phase !== 'running' || this.#standing.outboxBytes <= this.#quotaLimits().bytesMax) return;
    this.#pending.trim = true;
    this.#schedule();
  }

  #quotaLimits(): QuotaLimits {
    const inHand = [...(this.#options.inHand?.() ?? []), ...this.#pending.settledRows];
    return { bytesMax: this.#limits.outboxMb * MEGABYTE, inHand };
  }

  /** True when nothing waits to be written. */
  get #idle(): boolean {
    return this.#requests.write === undefined && this.#pending.empty;
  }

  #spawn(): void {
    this.#thread = new StoreThread({
      url: this.#options.workerUrl ?? new URL('./worker.ts', import.meta.url),
      task: {
        dataDir: this.#dataDir,
        writer: this.#writer,
        endOpenEvents: this.epoch === undefined,
        lastRow: this.#standing.lastRow,
        damages: this.#damages,
        limits: this.#limits,
        clock: this.#pending.clock,
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
        this.#onRows(reply);
        break;
      case 'found':
        this.#requests.answered(reply.id, reply.found);
        break;
      case 'pruned':
      case 'disk':
        this.#standing.heard(reply);
        break;
      case 'history':
        this.#history.heard(reply);
        break;
      case 'failed':
        this.#requests.failed(reply.id);
        this.#fail(commitError(reply.code, reply.message, this.#dataDir));
    }
    this.#pump();
  }

  #onOpened(reply: Opened): void {
    this.#ready = true;
    this.#standing.opened(reply);
    this.#pending.recalled(reply.recall);
    this.#trim();
    this.#started.resolve();
    this.#opened.resolve();
    if (this.#idle) this.#trouble.over();
    this.#options.onState?.(this.state());
    if (reply.rows.length > 0) this.#options.onOutbox(reply.rows);
  }

  #onRows({ id, rows, made }: Rows): void {
    if (made !== undefined) {
      this.#standing.lossesTold(made.status);
      this.#options.onOutbox(made.rows);
    }
    this.#requests.answered(id, rows);
    if (this.#idle) this.#trouble.over();
  }

  #onWritten(reply: Written): void {
    this.#requests.written();
    this.#damages = 0;
    this.#standing.written(reply, this.#quotaLimits().bytesMax);
    if (countOf(reply.dropped) > 0) this.#trim();
    this.#trouble.over();
    if (reply.rows.length > 0) this.#options.onOutbox(reply.rows);
  }

  #onEnd(reason: VedetteError): void {
    this.#thread = undefined;
    this.#ready = false;
    this.#requests.unsend();
    if (this.#phase === 'closing' || this.#phase === 'closed') return this.#finish();
    if (reason.code === 'STORE_DAMAGED') this.#damages += 1;
    if (this.epoch === undefined && FATAL_AT_START.includes(reason.code)) {
      this.#started.reject(reason);
      return;
    }
    this.#started.resolve();
    this.#fail(reason);
  }

  /** Shows the problem, once, and tries again after a while. */
  #fail(error: VedetteError): void {
    this.#trouble.is(error);
    if (this.#phase === 'draining' && this.#idle) return void this.#abandon();
    const atMostMs = this.#phase === 'draining' ? DRAIN_RETRY_MS : Infinity;
    this.#retry ??= this.#clock.after(this.#trouble.nextRetryMs(atMostMs), () => this.#tryAgain());
  }

  #tryAgain(): void {
    this.#retry?.stop();
    this.#retry = undefined;
    if (this.#thread === undefined && this.#phase !== 'closed') this.#spawn();
    else this.#pump();
  }
}

// Everything that waits for the next write: batches in order and, without one, what has become of outbox rows, switches
// and retained topics. Remembers what the last two should be, for a file that comes up without them. Main thread.
import type { StoredSwitch } from '../core/switches.ts';
import type { ClockState } from '../platform/clock-watch.ts';
import type { Batch, Recall, TopicsChange, WriteRequest } from './messages.ts';
import { CommitQueue } from './queue.ts';

/** Batches in one transaction: bounds how long a transaction and its message can get. */
const WRITE_BATCHES_MAX = 256;

/** The rest is of the moment in which it is sent. */
export type UnsentWrite = Omit<WriteRequest, 'quota' | 'settledId'>;

export interface Counts {
  /** Batches. */
  readonly queued: number;
  /** In these. */
  readonly alerts: number;
  readonly updatesDropped: number;
  readonly snapshotsDropped: number;
}

export class Pending {
  readonly queue: CommitQueue;
  /** What is known of the wall clock. */
  clock: ClockState = 'unknown';
  /** A write is wanted though nothing else waits: the outbox is beyond its quota. */
  trim = false;
  #delivered: number[] = [];
  #unheard: number[] = [];
  #passedOver: number[] = [];
  readonly #switches = new Map<string, StoredSwitch>();
  readonly #topics = new Set<string>();
  /** Names of the switches and topics of which the file may not know yet. */
  readonly #switched = new Set<string>();
  readonly #retopic = new Set<string>();
  readonly #onMore: () => void;
  #open = false;

  /** `onMore`: something waits that did not. */
  constructor(batchesMax: number, onMore: () => void) {
    this.#onMore = onMore;
    this.queue = new CommitQueue(batchesMax);
  }

  get empty(): boolean {
    return (
      !this.trim &&
      this.queue.length +
        this.#delivered.length +
        this.#unheard.length +
        this.#passedOver.length +
        this.#switched.size +
        this.#retopic.size ===
        0
    );
  }

  /** What waits and what was dropped; `sent` batches wait too, for their confirmation. */
  counts(sent: readonly Batch[] = []): Counts {
    const { length, alertsWaiting, updatesDropped, snapshotsDropped } = this.queue;
    const alerts = sent.reduce((sum, batch) => sum + batch.alerts.length, alertsWaiting);
    return { queued: length + sent.length, alerts, updatesDropped, snapshotsDropped };
  }

  push(batch: Batch): void {
    this.queue.push(batch);
    this.#onMore();
  }

  delivered(rows: readonly number[]): void {
    for (const row of rows) this.#delivered.push(row);
    this.#onMore();
  }

  unheard(rows: readonly number[]): void {
    for (const row of rows) this.#unheard.push(row);
    this.#onMore();
  }

  passOver(rows: readonly number[]): void {
    for (const row of rows) this.#passedOver.push(row);
    this.#onMore();
  }

  /** Rows that will leave with the next write. */
  get settledRows(): readonly number[] {
    return [...this.#delivered, ...this.#unheard, ...this.#passedOver];
  }

  /** Throws SyntaxError for what is not JSON: the file would refuse it, and everything else of that write. */
  keepSwitch({ name, value, fileValue }: StoredSwitch): void {
    for (const text of [value, fileValue]) JSON.parse(text);
    this.#switches.set(name, { name, value, fileValue });
    this.#switched.add(name);
    this.#onMore();
  }

  keepTopics({ added, removed }: TopicsChange): void {
    for (const topic of removed) this.#topics.delete(topic);
    for (const topic of added) this.#topics.add(topic);
    for (const topic of [...removed, ...added]) this.#retopic.add(topic);
    this.#onMore();
  }

  /** A file was opened. The first tells what earlier lives left; what a later one lacks is given to it again. */
  recalled({ switches, retainedTopics }: Recall): void {
    if (!this.#open) {
      this.#open = true;
      for (const one of switches) if (!this.#switched.has(one.name)) this.#switches.set(one.name, one);
      for (const topic of retainedTopics) if (!this.#retopic.has(topic)) this.#topics.add(topic);
    }
    const named = new Set(switches.map(({ name }) => name));
    for (const name of this.#switches.keys()) if (!named.has(name)) this.#switched.add(name);
    const stored = new Set(retainedTopics);
    for (const topic of this.#topics) if (!stored.has(topic)) this.#retopic.add(topic);
  }

  recall(): Recall {
    return { switches: [...this.#switches.values()], retainedTopics: [...this.#topics] };
  }

  /** The next write, undefined when nothing waits. */
  take(id: number): UnsentWrite | undefined {
    if (this.empty) return undefined;
    const topics = [...this.#retopic];
    const request: UnsentWrite = {
      type: 'write',
      id,
      batches: this.queue.take(WRITE_BATCHES_MAX),
      delivered: this.#delivered,
      unheard: this.#unheard,
      passedOver: this.#passedOver,
      switches: [...this.#switched].map((name) => this.#switches.get(name)!),
      topics: {
        added: topics.filter((topic) => this.#topics.has(topic)),
        removed: topics.filter((topic) => !this.#topics.has(topic)),
      },
      clock: this.clock,
    };
    this.trim = false;
    this.#delivered = [];
    this.#unheard = [];
    this.#passedOver = [];
    this.#switched.clear();
    this.#retopic.clear();
    return request;
  }
}

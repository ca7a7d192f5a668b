// Batches waiting for the disk, in order and bounded: when too many wait, pictures go first (their files are removed
// later), then `update` changes (the next change of the same event says more); both are counted. `new`, `end` and
// alerts are never dropped. Pure. Main thread.
import type { Batch, NumberedBatch } from './messages.ts';

/** What may be dropped, in this order. */
const DISPENSABLE = ['snapshots', 'updates'] as const;
type Dispensable = (typeof DISPENSABLE)[number];

export class CommitQueue {
  readonly #batchesMax: number;
  #waiting: NumberedBatch[] = [];
  #number = 0;
  /** Among the waiting: without any there is nothing to sweep. */
  readonly #held: Record<Dispensable, number> = { snapshots: 0, updates: 0 };
  readonly #dropped: Record<Dispensable, number> = { snapshots: 0, updates: 0 };

  constructor(batchesMax: number) {
    this.#batchesMax = batchesMax;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get updatesDropped(): number {
    return this.#dropped.updates;
  }

  get snapshotsDropped(): number {
    return this.#dropped.snapshots;
  }

  /** Alerts waiting. */
  get alertsWaiting(): number {
    return this.#waiting.reduce((sum, batch) => sum + batch.alerts.length, 0);
  }

  push(batch: Batch): void {
    let kept = isEmpty(batch) ? undefined : batch;
    for (const what of DISPENSABLE) {
      if (kept === undefined) return;
      if (this.#full && this.#held[what] > 0) this.#sweep(what);
      // Still full: what waits is worth more, so the new batch gives up its own.
      if (this.#full) kept = this.#without(what, kept);
    }
    if (kept === undefined) return;
    this.#number += 1;
    this.#hold(kept, 1);
    this.#waiting.push(numbered(kept, this.#number));
  }

  /** Removes and returns up to `count` batches from the front. */
  take(count: number): readonly NumberedBatch[] {
    const taken = this.#waiting.splice(0, count);
    for (const batch of taken) this.#hold(batch, -1);
    return taken;
  }

  get #full(): boolean {
    return this.#waiting.length >= this.#batchesMax;
  }

  #hold(batch: Batch, sign: 1 | -1): void {
    for (const what of DISPENSABLE) this.#held[what] += sign * countOf(what, batch);
  }

  #sweep(what: Dispensable): void {
    this.#waiting = this.#waiting.flatMap((batch) => {
      const rest = this.#without(what, batch);
      return rest === undefined ? [] : [numbered(rest, batch.number)];
    });
    this.#held[what] = 0;
  }

  /** The batch without these, counted as dropped; undefined when nothing is left. */
  #without(what: Dispensable, batch: Batch): Batch | undefined {
    const count = countOf(what, batch);
    if (count === 0) return batch;
    this.#dropped[what] += count;
    const rest: Batch =
      what === 'snapshots'
        ? { ...batch, snapshots: [] }
        : { ...batch, events: batch.events.filter(({ type }) => type !== 'update') };
    return isEmpty(rest) ? undefined : rest;
  }
}

function countOf(what: Dispensable, { events, snapshots = [] }: Batch): number {
  if (what === 'snapshots') return snapshots.length;
  let count = 0;
  for (const { type } of events) if (type === 'update') count += 1;
  return count;
}

function isEmpty({ events, alerts, snapshots = [], corrections = [], selfTests = [] }: Batch): boolean {
  return events.length + alerts.length + snapshots.length + corrections.length + selfTests.length === 0;
}

/** Only what a batch is made of: callers may hand over more, and it would cross to the worker thread. */
function numbered(
  { events, alerts, snapshots = [], corrections = [], selfTests = [] }: Batch,
  number: number,
): NumberedBatch {
  return {
    number,
    events,
    alerts,
    ...(snapshots.length > 0 ? { snapshots } : {}),
    ...(corrections.length > 0 ? { corrections } : {}),
    ...(selfTests.length > 0 ? { selfTests } : {}),
  };
}

// Batches waiting for the disk, in order and bounded: when too many wait, `update` changes go first (the next change of
// the same event says more) and are counted; `new`, `end` and alerts are never dropped. Pure. Main thread.
import type { Batch, NumberedBatch } from './messages.ts';

export class CommitQueue {
  readonly #batchesMax: number;
  #waiting: NumberedBatch[] = [];
  #number = 0;
  /** Updates among the waiting: without any there is nothing to sweep. */
  #updatesWaiting = 0;
  #updatesDropped = 0;

  constructor(batchesMax: number) {
    this.#batchesMax = batchesMax;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get updatesDropped(): number {
    return this.#updatesDropped;
  }

  /** Alerts waiting. */
  get alertsWaiting(): number {
    return this.#waiting.reduce((sum, batch) => sum + batch.alerts.length, 0);
  }

  push(batch: Batch): void {
    if (batch.events.length + batch.alerts.length === 0) return;
    if (this.#waiting.length >= this.#batchesMax && this.#updatesWaiting > 0) this.#sweep();
    // Still full: what waits is all worth keeping, so the new batch gives up its own updates.
    const kept = this.#waiting.length >= this.#batchesMax ? this.#withoutUpdates(batch) : batch;
    if (kept === undefined) return;
    this.#number += 1;
    this.#updatesWaiting += countUpdates(kept);
    this.#waiting.push({ number: this.#number, events: kept.events, alerts: kept.alerts });
  }

  /** Removes and returns up to `count` batches from the front. */
  take(count: number): readonly NumberedBatch[] {
    const taken = this.#waiting.splice(0, count);
    for (const batch of taken) this.#updatesWaiting -= countUpdates(batch);
    return taken;
  }

  #sweep(): void {
    const kept: NumberedBatch[] = [];
    for (const batch of this.#waiting) {
      const rest = this.#withoutUpdates(batch);
      if (rest !== undefined) kept.push({ number: batch.number, events: rest.events, alerts: rest.alerts });
    }
    this.#waiting = kept;
    this.#updatesWaiting = 0;
  }

  /** The batch without its updates, counted as dropped; undefined when nothing is left. */
  #withoutUpdates(batch: Batch): Batch | undefined {
    const updates = countUpdates(batch);
    if (updates === 0) return batch;
    this.#updatesDropped += updates;
    const events = batch.events.filter((change) => change.type !== 'update');
    if (events.length + batch.alerts.length === 0) return undefined;
    return { events, alerts: batch.alerts };
  }
}

function countUpdates(batch: Batch): number {
  let count = 0;
  for (const change of batch.events) if (change.type === 'update') count += 1;
  return count;
}

// Questions to the outbox that the store's thread has not answered yet: each waits for its answer through retries and
// dead threads. Main thread.
import type { OutboxRow } from '../core/types.ts';
import { closedError } from './failures.ts';
import type { ReadRequest } from './messages.ts';

interface PendingRead {
  readonly request: ReadRequest;
  readonly resolve: (rows: readonly OutboxRow[]) => void;
  readonly reject: (error: Error) => void;
  /** `failed` waits for the retry; `new` does not. */
  stage: 'new' | 'sent' | 'failed';
}

export class PendingReads {
  readonly #reads = new Map<number, PendingRead>();

  get count(): number {
    return this.#reads.size;
  }

  add(request: ReadRequest): Promise<readonly OutboxRow[]> {
    return new Promise((resolve, reject) => {
      this.#reads.set(request.id, { request, resolve, reject, stage: 'new' });
    });
  }

  /** What to ask now; after a refusal only once its delay is over. */
  *take(retrying: boolean): Generator<ReadRequest> {
    for (const read of this.#reads.values()) {
      if (read.stage === 'sent' || (read.stage === 'failed' && retrying)) continue;
      read.stage = 'sent';
      yield read.request;
    }
  }

  answered(id: number, rows: readonly OutboxRow[]): void {
    this.#reads.get(id)?.resolve(rows);
    this.#reads.delete(id);
  }

  /** False when it was not a question. */
  failed(id: number): boolean {
    const read = this.#reads.get(id);
    if (read !== undefined) read.stage = 'failed';
    return read !== undefined;
  }

  /** The thread is gone with what it had been asked. */
  unsend(): void {
    for (const read of this.#reads.values()) read.stage = 'new';
  }

  close(): void {
    for (const read of this.#reads.values()) read.reject(closedError());
    this.#reads.clear();
  }
}

// Questions to the file that the store's thread has not answered yet: each waits for its answer through retries and dead
// threads. Main thread.
import { closedError } from './failures.ts';
import type { Question } from './messages.ts';

interface PendingRead {
  readonly request: Question;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  /** `failed` waits for the retry; `new` does not. */
  stage: 'new' | 'sent' | 'failed';
}

export class PendingReads {
  readonly #reads = new Map<number, PendingRead>();

  get count(): number {
    return this.#reads.size;
  }

  /** The answer is what `answered` is given for this id. */
  add<T>(request: Question): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reads.set(request.id, {
        request,
        resolve: (answer) => resolve(answer as T),
        reject,
        stage: 'new',
      });
    });
  }

  /** What to ask now; after a refusal only once its delay is over. */
  *take(retrying: boolean): Generator<Question> {
    for (const read of this.#reads.values()) {
      if (read.stage === 'sent' || (read.stage === 'failed' && retrying)) continue;
      read.stage = 'sent';
      yield read.request;
    }
  }

  answered(id: number, answer: unknown): void {
    this.#reads.get(id)?.resolve(answer);
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

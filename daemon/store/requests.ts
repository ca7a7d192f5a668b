// What the store's thread has been or will be asked and has not answered: questions, each of which waits for its answer
// through retries and dead threads, and one write at a time, kept until it is confirmed. Main thread.
import { closedError } from './failures.ts';
import type { HistoryFeed } from './history-feed.ts';
import type { Question, Request } from './messages.ts';
import type { Pending, UnsentWrite } from './pending.ts';
import type { QuotaLimits } from './quota.ts';

interface Asked {
  readonly question: Question;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  /** `failed` waits for the retry; `new` does not. */
  stage: 'new' | 'sent' | 'failed';
}

export class Requests {
  readonly #history: HistoryFeed;
  readonly #questions = new Map<number, Asked>();
  #id = 0;
  #write: UnsentWrite | undefined;
  #writeSent = false;
  /** The last question answered, now and when the last write was sent. */
  #answeredId = 0;
  #settledId = 0;

  constructor(history: HistoryFeed) {
    this.#history = history;
  }

  /** Questions without an answer. */
  get questions(): number {
    return this.#questions.size;
  }

  /** The write not yet confirmed. */
  get write(): UnsentWrite | undefined {
    return this.#write;
  }

  /** The answer is what `answered` is given for this id. */
  ask<T>(question: (id: number) => Question): Promise<T> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      const settle = (answer: unknown): void => resolve(answer as T);
      this.#questions.set(id, { question: question(id), resolve: settle, reject, stage: 'new' });
    });
  }

  /** What to send now. After a refusal, until its delay is over, only what has not been refused, and no write. Observations only when no write waits. */
  *take(retrying: boolean, pending: Pending, quota: () => QuotaLimits): Generator<Request> {
    for (const asked of this.#questions.values()) {
      if (asked.stage === 'sent' || (asked.stage === 'failed' && retrying)) continue;
      asked.stage = 'sent';
      yield asked.question;
    }
    if (retrying) return;
    if (this.#write === undefined) {
      this.#id += 1;
      this.#write = pending.take(this.#id);
    }
    if (this.#write === undefined) {
      const batch = this.#history.take();
      if (batch !== undefined) yield batch;
    }
    if (this.#write === undefined || this.#writeSent) return;
    this.#writeSent = true;
    // Of this moment: what the publisher has in hand changes while a write waits for its retry. It takes rows in hand some
    // time after their answer came, but before another message of the thread does.
    yield { ...this.#write, quota: quota(), settledId: this.#settledId };
    this.#settledId = this.#answeredId;
  }

  /** The last requests of all: nothing else waits. */
  *last(): Generator<Request> {
    const batch = this.#history.takeAll();
    if (batch !== undefined) yield batch;
    yield { type: 'close' };
  }

  answered(id: number, answer: unknown): void {
    this.#questions.get(id)?.resolve(answer);
    this.#answeredId = Math.max(this.#answeredId, id);
    this.#questions.delete(id);
  }

  written(): void {
    this.#write = undefined;
    this.#writeSent = false;
  }

  /** Refused: to be sent again after a delay. */
  failed(id: number): void {
    const asked = this.#questions.get(id);
    if (asked === undefined) this.#writeSent = false;
    else asked.stage = 'failed';
  }

  /** The thread is gone with what it had been asked. */
  unsend(): void {
    this.#writeSent = false;
    this.#history.threadEnded();
    for (const asked of this.#questions.values()) asked.stage = 'new';
  }

  close(): void {
    for (const asked of this.#questions.values()) asked.reject(closedError());
    this.#questions.clear();
  }
}

// The main thread's hold on one worker thread: what goes in, what comes out, and why it ended. One object per life of a
// thread; Store makes the next one. Main thread.
import { Worker } from 'node:worker_threads';
import { VedetteError } from '../platform/errors.ts';
import type { Failed, Opened, OpenTask, Pruned, Reply, Request, Rows, Written } from './messages.ts';

/** Replies that do not end the thread. */
export type LiveReply = Opened | Written | Failed | Rows | Pruned;

export interface ThreadOptions {
  readonly url: URL;
  readonly task: OpenTask;
  onReply(reply: LiveReply): void;
  /** Called once, after the last reply. */
  onEnd(reason: VedetteError): void;
}

export class StoreThread {
  readonly #worker: Worker;
  #reason: VedetteError | undefined;

  constructor({ url, task, onReply, onEnd }: ThreadOptions) {
    this.#worker = new Worker(url, { workerData: task, name: 'vedette-store' });
    this.#worker.on('message', (reply: Reply) => {
      if (reply.type === 'not-opened') this.#reason = new VedetteError(reply.code, reply.message, reply.data);
      else if (reply.type === 'damaged') this.#reason = damagedError(reply.message);
      else onReply(reply);
    });
    this.#worker.on('error', (error) => {
      this.#reason = new VedetteError(
        'INTERNAL',
        `store thread died: ${error.message}; starting another`,
        {},
        error,
      );
    });
    this.#worker.on('exit', (code) => {
      onEnd(
        this.#reason ??
          new VedetteError('INTERNAL', `store thread ended with code ${code}; starting another`),
      );
    });
  }

  send(request: Request): void {
    this.#worker.postMessage(request);
  }

  /** Ends it between two statements of SQLite; what was not committed is rolled back. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

function damagedError(reason: string): VedetteError {
  return new VedetteError('STORE_DAMAGED', `database gave wrong answers: ${reason}; checking the whole file`);
}

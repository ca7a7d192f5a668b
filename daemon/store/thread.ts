// The main thread's hold on one worker thread: what goes in, what comes out, and why it ended. One object per life of a
// thread; Store makes the next one. Main thread.
import { Worker } from 'node:worker_threads';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import type { HistoryStatus } from './history-messages.ts';
import type {
  DiskChanged,
  Failed,
  Found,
  Opened,
  OpenTask,
  Pruned,
  Reply,
  Request,
  Rows,
  Written,
} from './messages.ts';

/** Replies that do not end the thread. */
export type LiveReply = Opened | Written | Failed | Rows | Found | Pruned | DiskChanged | HistoryStatus;

export interface ThreadOptions {
  readonly url: URL;
  readonly task: OpenTask;
  readonly clock: Clock;
  onReply(reply: LiveReply): void;
  /** Called once, after the last reply. */
  onEnd(reason: VedetteError): void;
}

/** Owing an answer for longer than this, the thread hangs: even a worn SD card is faster, a dead network disk is not. */
const SILENCE_MS_MAX = 60_000;

export class StoreThread {
  readonly #worker: Worker;
  readonly #clock: Clock;
  #reason: VedetteError | undefined;
  /** Requests without an answer, and since when there has been none. */
  #owed = 0;
  #silentSinceMonoMs = 0;

  constructor({ url, task, clock, onReply, onEnd }: ThreadOptions) {
    this.#clock = clock;
    this.#worker = new Worker(url, { workerData: task, name: 'vedette-store' });
    this.#worker.on('message', (reply: Reply) => {
      if (reply.type === 'not-opened') this.#reason = new VedetteError(reply.code, reply.message, reply.data);
      else if (reply.type === 'damaged') this.#reason = damagedError(reply.message);
      else {
        // `opened` answers no request (opening a damaged file reads all of it and may take its time), nor do `pruned`,
        // `disk` and `history`.
        if ('id' in reply) this.#owed -= 1;
        this.#silentSinceMonoMs = clock.monoMs();
        onReply(reply);
      }
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
    if ('id' in request) {
      if (this.#owed === 0) this.#silentSinceMonoMs = this.#clock.monoMs();
      this.#owed += 1;
    }
    this.#worker.postMessage(request);
  }

  /** Why it seems to hang, undefined when it does not. */
  stuck(): string | undefined {
    const silentMs = this.#clock.monoMs() - this.#silentSinceMonoMs;
    if (this.#owed === 0 || silentMs <= SILENCE_MS_MAX) return undefined;
    return `store: no answer for ${Math.round(silentMs / 1000)} s (limit ${SILENCE_MS_MAX / 1000} s), the disk hangs`;
  }

  /** Ends it between two statements of SQLite; what was not committed is rolled back. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

function damagedError(reason: string): VedetteError {
  return new VedetteError('STORE_DAMAGED', `database gave wrong answers: ${reason}; checking the whole file`);
}

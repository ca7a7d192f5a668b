// The order of delivery: which outbox row is sent next, and which may leave the outbox. Owns the cursor, the window
// and the choice between rows handed over fresh and rows read from the store; knows neither MQTT nor time. Per
// connection rows are sent in strictly rising order, each at most once, none between them left out; what the broker refused
// is offered again when the caller says so. Main thread.
import type { OutboxRow } from '../core/types.ts';

/** Rows asked of the store at once. */
export const READ_ROWS_MAX = 128;
/** Acknowledged rows remembered, because the store deletes them some time later. */
const ACKNOWLEDGED_MAX = 4096;

export interface DeliveryOptions {
  /** Rows sent and not yet acknowledged, at most. */
  readonly windowMax: number;
  /** Rows with `row` beyond `afterRow`, in order. Answers that come after a reconnect are ignored. */
  readonly read: (range: { afterRow: number; limit: number }) => Promise<readonly OutboxRow[]>;
  /**
   * Sends one row; `settled` is called once, later or at once: true when the broker has it, false when it refused
   * it. Calls that come after a reconnect are ignored.
   */
  readonly send: (row: OutboxRow, settled: (acknowledged: boolean) => void) => void;
  /** The broker has these rows: they may leave the outbox. A later `read` may still bring them for a while. */
  readonly delivered: (rows: readonly number[]) => void;
  /** A read failed; the caller decides when to call `retryRead`. */
  readonly readFailed: (error: unknown) => void;
}

/**
 * Everything the store holds beyond the cursor is in one of two places: announced to us while `#behind` is false, and
 * then queued there and then, or still to be read, and then `#behind` is true. A read lowers the flag when it is
 * issued, not when it answers: rows announced meanwhile raise it again and are read next. Rows that an answer already
 * brought are skipped when they are announced afterwards, because they are not beyond the cursor any more.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #queueMax: number;
  readonly #inFlight = new Set<number>();
  /** Read or handed over, not yet sent; at most `#queueMax`. */
  #queue: OutboxRow[] = [];
  /** The seq of the rows acknowledged last, by row: a reconnect finds those again that are not deleted yet. */
  readonly #acknowledged = new Map<number, number>();
  /** The last row queued on this connection. */
  #cursor = 0;
  /** The store may hold rows beyond the cursor. */
  #behind = false;
  #reading = false;
  #sending = false;
  #pumping = false;
  /** Counts connections: answers of an older one are ignored. */
  #generation = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#queueMax = options.windowMax + READ_ROWS_MAX;
  }

  /** Rows sent and not yet acknowledged on this connection. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** True when everything announced so far has been sent and answered. */
  get idle(): boolean {
    return this.#inFlight.size === 0 && this.#queue.length === 0 && !this.#behind && !this.#reading;
  }

  /** A connection is ready for the outbox: everything unacknowledged is sent again, oldest first. */
  open(): void {
    this.close();
    this.#sending = true;
    this.#cursor = 0;
    this.#behind = true;
    this.#pump();
  }

  /** Sends nothing more; acknowledgements of what is in flight still count. */
  hold(): void {
    this.#sending = false;
    this.#queue = [];
  }

  /** The connection is gone: what was in flight is still in the outbox, and stays there. */
  close(): void {
    this.hold();
    this.#generation += 1;
    this.#inFlight.clear();
    this.#reading = false;
  }

  /** Rows just committed, in order, each announced once. Without a connection they wait in the store. */
  grew(rows: readonly OutboxRow[]): void {
    if (!this.#sending) return;
    if (this.#behind || this.#reading || rows.length >= READ_ROWS_MAX) {
      // The read that is on its way may have missed them, and they must not overtake what it brings. A long list may
      // have been cut by the store: reading finds all of it.
      this.#behind = true;
    } else {
      this.#enqueue(rows);
    }
    this.#pump();
  }

  /** Goes over the whole outbox once more, for the rows that were refused. False while it is being read: ask later. */
  again(): boolean {
    if (this.#reading) return false;
    this.#queue = [];
    this.#cursor = 0;
    this.#behind = true;
    this.#pump();
    return true;
  }

  /** Tries again after `readFailed`. */
  retryRead(): void {
    this.#pump();
  }

  /** Queues what is beyond the cursor as far as there is room; the rest is read from the store later. */
  #enqueue(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      if (row.row <= this.#cursor) continue;
      // On its way: only after `again`.
      if (this.#inFlight.has(row.row)) {
        this.#cursor = row.row;
        continue;
      }
      if (this.#acknowledged.get(row.row) === row.seq) {
        this.#cursor = row.row;
        this.#options.delivered([row.row]);
        continue;
      }
      if (this.#queue.length >= this.#queueMax) {
        this.#behind = true;
        return;
      }
      this.#queue.push(row);
      this.#cursor = row.row;
    }
  }

  #pump(): void {
    // A send may be answered at once: the loop below then simply goes on.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#sending && this.#inFlight.size < this.#options.windowMax) {
      const row = this.#queue.shift();
      if (row === undefined) break;
      this.#send(row);
    }
    this.#pumping = false;
    // Read ahead while a full window is on its way, so that the line never runs dry between two reads.
    if (this.#sending && this.#behind && !this.#reading && this.#queue.length < this.#options.windowMax) {
      this.#read();
    }
  }

  #send(row: OutboxRow): void {
    const generation = this.#generation;
    this.#inFlight.add(row.row);
    this.#options.send(row, (acknowledged) => {
      if (generation !== this.#generation || !this.#inFlight.delete(row.row)) return;
      // A refused row stays in the outbox for `again`; the window must not stay smaller for it.
      if (acknowledged) this.#settle(row);
      this.#pump();
    });
  }

  #settle(row: OutboxRow): void {
    this.#acknowledged.set(row.row, row.seq);
    if (this.#acknowledged.size > ACKNOWLEDGED_MAX) {
      for (const oldest of this.#acknowledged.keys()) {
        this.#acknowledged.delete(oldest);
        break;
      }
    }
    this.#options.delivered([row.row]);
  }

  #read(): void {
    const generation = this.#generation;
    this.#behind = false;
    this.#reading = true;
    this.#options.read({ afterRow: this.#cursor, limit: READ_ROWS_MAX }).then(
      (rows) => {
        if (generation !== this.#generation) return;
        this.#reading = false;
        if (!this.#sending) return;
        if (rows.length >= READ_ROWS_MAX) this.#behind = true;
        this.#enqueue(rows);
        this.#pump();
      },
      (error: unknown) => {
        if (generation !== this.#generation) return;
        this.#reading = false;
        this.#behind = true;
        if (this.#sending) this.#options.readFailed(error);
      },
    );
  }
}

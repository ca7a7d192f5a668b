// One kind of outbox row on its way to the broker: what is queued, how far the outbox has been read for it, and whether
// anybody listens. Owns no order between kinds and no window: that is delivery.ts. Pure, main thread.
import type { OutboxKind, OutboxRow } from '../core/types.ts';
import { Digest } from './digest.ts';

/** One message: a row of the outbox, or many late rows in one. `row` is the (lowest) row. */
export type Shipment = OutboxRow | Digest;

/**
 * `asking`: nothing of this kind was heard yet on this connection, one message at a time, so that what comes after it
 * cannot be heard before it. `flowing`: somebody listens. `held`: nobody does; only the oldest message is offered, when
 * it is asked for.
 */
export type LaneState = 'asking' | 'flowing' | 'held';

export class Lane {
  readonly kind: OutboxKind;
  state: LaneState = 'flowing';
  /** Read or handed over, not yet sent. */
  queue: Shipment[] = [];
  /** The last row queued on this connection. */
  cursor = 0;
  /** The outbox may hold rows of this kind beyond the cursor. */
  behind = false;
  /** Takes part in the read that is under way. */
  reading = false;
  /** Messages sent and not yet answered, by their row. */
  readonly sent = new Map<number, Shipment>();
  /** Counts holds: answers to what was sent before one free the window and mean nothing else. */
  round = 0;
  /** Late rows being put together, to go out before anything that comes after them. */
  #digest: Digest | undefined;
  /** Held: what is offered, and whether it is its turn. */
  #oldest: Shipment | undefined;
  #offered = false;
  /** These rows are not sent any more: nobody listened for long enough. */
  #givenUp = { first: 0, last: 0 };
  /** Held when all rows were to be gone over once more: made up for when the hold ends. */
  #missed = false;

  constructor(kind: OutboxKind) {
    this.kind = kind;
  }

  /** Everything of this kind begins again with the oldest. */
  open(asking: boolean): void {
    this.close();
    this.state = asking ? 'asking' : 'flowing';
    this.again();
  }

  /** Goes over all rows once more; of a kind that is held, as soon as it is not. */
  again(): void {
    this.#missed = this.state === 'held';
    if (this.#missed) return;
    this.#givenUp = { first: 0, last: 0 };
    this.rewind(0);
  }

  close(): void {
    this.clear();
    this.reading = false;
    this.sent.clear();
    this.#oldest = undefined;
    this.#offered = false;
  }

  /** Forgets what is queued; it is in the outbox. */
  clear(): void {
    this.queue = [];
    this.#digest = undefined;
  }

  /** Reads again what is beyond `row`. */
  rewind(row: number): void {
    this.clear();
    this.cursor = row;
    this.behind = true;
    this.reading = false;
  }

  /**
   * Nobody listened to `shipment`. Once somebody does, everything from it on is sent again, in order: what was on its way
   * behind it may have been heard by somebody who came in between, or not.
   */
  holdAt(shipment: Shipment): void {
    const oldest = [...this.sent.values()].reduce((a, b) => (b.row < a.row ? b : a), shipment);
    this.state = 'held';
    this.round += 1;
    this.#oldest = oldest;
    this.#offered = false;
    this.rewind(oldest.row - 1);
  }

  /** Held: the oldest message may be sent once more. */
  offer(): void {
    this.#offered = this.state === 'held';
  }

  /**
   * Held: rows from the oldest up to `row` are given up, what comes after them is the next to be asked for. What is older was
   * refused, nobody was asked for it: it is offered first.
   */
  giveUp(row: number): void {
    if (this.state !== 'held') return;
    this.state = 'asking';
    this.#givenUp = { first: this.#oldest?.row ?? 0, last: row };
    this.#oldest = undefined;
    if (this.#missed) this.rewind(0);
    this.#missed = false;
  }

  /** Whether this row is one of those that are given up. */
  isGivenUp(row: number): boolean {
    return row >= this.#givenUp.first && row <= this.#givenUp.last;
  }

  /** The broker did not take it: whether anybody listens is to be asked with the next. */
  refused(shipment: Shipment): void {
    if (this.state !== 'held') return;
    this.state = 'asking';
    this.#oldest = undefined;
    this.rewind(lastRowOf(shipment));
  }

  /** Somebody listens: the rest follows. What was held is read from the oldest on, which has left by then. */
  heard(): void {
    this.state = 'flowing';
    this.#oldest = undefined;
    if (this.#missed) this.again();
  }

  /** The next message; undefined when there is none. */
  get head(): Shipment | undefined {
    if (this.state === 'held') return this.#offered ? this.#oldest : undefined;
    return this.queue[0];
  }

  /** False while an answer decides how it goes on. */
  get ready(): boolean {
    return this.state === 'flowing' || this.sent.size === 0;
  }

  /** Rows queued, or being put together. */
  get inHand(): readonly number[] {
    const shipments = [...this.queue, this.#digest, this.#oldest].filter((one) => one !== undefined);
    return shipments.flatMap((one) => rowsOf(one).map(({ row }) => row));
  }

  shift(): void {
    if (this.state === 'held') this.#offered = false;
    else this.queue.shift();
  }

  /** Queues a row as it is, after the late ones before it. */
  add(row: OutboxRow): void {
    this.seal();
    this.queue.push(row);
  }

  /** Puts a late row into the digest. */
  combine(row: OutboxRow): void {
    if (this.#digest?.add(row)) return;
    this.seal();
    this.#digest = new Digest(row);
  }

  /** No late row follows for now: the digest is queued. */
  seal(): void {
    if (this.#digest === undefined) return;
    this.queue.push(this.#digest.single ?? this.#digest);
    this.#digest = undefined;
  }
}

/** The rows that leave the outbox when this message has been delivered. */
export function rowsOf(shipment: Shipment): readonly RowKey[] {
  return shipment instanceof Digest ? shipment.rows : [shipment];
}

/** What tells a row from every other. */
export interface RowKey {
  readonly row: number;
  readonly seq: number;
}

function lastRowOf(shipment: Shipment): number {
  return rowsOf(shipment).at(-1)?.row ?? shipment.row;
}

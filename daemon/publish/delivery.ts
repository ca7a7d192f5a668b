// The order of delivery: which outbox row is sent next, and which may leave the outbox. Owns the window, the reads and the
// choice between rows handed over fresh and rows read from the store; knows neither MQTT nor time. Per connection rows are
// sent in strictly rising order, none between them left out, but for what the broker refused, kinds that nobody listens
// to (lane.ts) and what is put aside (suspects.ts). Main thread.
import type { OutboxKind, OutboxRow } from '../core/types.ts';
import { Lane, rowsOf, type Shipment } from './lane.ts';
import type { Suspects } from './suspects.ts';

/** Rows asked of the store at once. */
export const READ_ROWS_MAX = 128;
/** Rows remembered that have left, because the store deletes them some time later. */
const SETTLED_MAX = 8192;

/**
 * What became of a message. `unheard`: the broker has it and nobody subscribes, so it threw it away. `refused`: it did not
 * take it, and the next one may fare better.
 */
export type Answer = 'delivered' | 'unheard' | 'refused';

/** What a message was, whatever row it stood in. */
type Settled = Pick<OutboxRow, 'epoch' | 'kind' | 'seq'>;

/** What is done with a row: sent as it is, put into a digest, or left out, to be named in a gap. */
export type Treatment = 'send' | 'digest' | 'pass';

export interface DeliveryOptions {
  /** Messages sent and not yet acknowledged, at most. */
  readonly windowMax: number;
  /** Rows with `row` beyond `afterRow`, in order. Answers that come after a reconnect are ignored. */
  readonly read: (range: { afterRow: number; limit: number }) => Promise<readonly OutboxRow[]>;
  /** Sends one message; `settled` is called once, later or at once. Calls that come after a reconnect are ignored. */
  readonly send: (shipment: Shipment, settled: (answer: Answer) => void) => void;
  /** Asked for every row when it is about to be queued. */
  readonly treat: (row: OutboxRow) => Treatment;
  /** The broker has these rows: they may leave the outbox. A later `read` may still bring them for a while. */
  readonly delivered: (rows: readonly number[]) => void;
  /** Nobody listened to these for long enough: likewise. */
  readonly gaveUp: (rows: readonly number[]) => void;
  /** These are left out: likewise, and a gap is to name them. */
  readonly passedOver: (rows: readonly number[]) => void;
  /** Nobody listens to this kind: nothing of it is sent until `offer` or `giveUp`. Told after each message offered. */
  readonly unheard: (kind: OutboxKind) => void;
  /** Somebody listens (again). */
  readonly heard: (kind: OutboxKind) => void;
  /** A read failed; the caller decides when to call `retryRead`. */
  readonly readFailed: (error: unknown) => void;
  readonly suspects: Suspects;
}

/**
 * Everything the store holds beyond a lane's cursor is in one of two places: announced to us while `behind` is false, and
 * then queued there and then, or still to be read, and then `behind` is true. A read lowers the flag when it is issued,
 * not when it answers: rows announced meanwhile raise it again and are read next. Rows that an answer already brought
 * are skipped when they are announced afterwards, because they are not beyond the cursor any more. While any lane that
 * is not held is behind, all of them are fed by reads, so that their rows keep their order among each other.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #queueMax: number;
  readonly #lanes: Readonly<Record<OutboxKind, Lane>>;
  readonly #all: readonly Lane[];
  /** Rows on their way, those in digests too. */
  readonly #out = new Set<number>();
  /** The first row of every message on its way. */
  readonly #inFlight = new Set<number>();
  /** The rows that left last, by row: a reconnect finds those again that are not deleted yet. */
  readonly #settled = new Map<number, Settled>();
  /** Of the rows that are being gone through. */
  #givenUp: number[] = [];
  #passed: number[] = [];
  #reading = false;
  #sending = false;
  #pumping = false;
  /** Counts connections: answers of an older one are ignored. */
  #generation = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#queueMax = options.windowMax + READ_ROWS_MAX;
    this.#lanes = {
      event: new Lane('event'),
      alert: new Lane('alert'),
      gap: new Lane('gap'),
      'self-test': new Lane('self-test'),
    };
    this.#all = Object.values(this.#lanes);
  }

  /** Kinds that nobody listens to. */
  get held(): readonly OutboxKind[] {
    return this.#all.filter(({ state }) => state === 'held').map(({ kind }) => kind);
  }

  /** Messages sent and not yet answered on this connection. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Rows sent or about to be: the store must not let them give way to others. */
  get inHand(): readonly number[] {
    return [...this.#out, ...this.#all.flatMap((lane) => lane.inHand)];
  }

  /** True when everything announced so far has been sent and answered, but for the kinds that are held. */
  get idle(): boolean {
    if (this.#inFlight.size > 0 || this.#reading) return false;
    return this.#all.every((lane) => lane.state === 'held' || (!lane.behind && lane.queue.length === 0));
  }

  /**
   * A connection is ready for the outbox: everything unacknowledged is sent again, oldest first. With `asking` the broker
   * tells when nobody listens: each kind begins with one message alone.
   */
  open(asking = false): void {
    this.close();
    this.#sending = true;
    for (const lane of this.#all) lane.open(asking);
    this.#pump();
  }

  /** Sends nothing more; acknowledgements of what is in flight still count. */
  hold(): void {
    this.#sending = false;
    for (const lane of this.#all) lane.clear();
  }

  /**
   * The connection is gone: what was in flight is still in the outbox, and stays there. Returns the first row of every
   * message that was on its way.
   */
  close(): readonly number[] {
    const rows = [...this.#inFlight];
    this.hold();
    this.#generation += 1;
    this.#inFlight.clear();
    this.#out.clear();
    this.#reading = false;
    for (const lane of this.#all) lane.close();
    return rows;
  }

  /** Rows just committed, in order, each announced once. Without a connection they wait in the store. */
  grew(rows: readonly OutboxRow[]): void {
    if (!this.#sending) return;
    // The read that is on its way may have missed them, and they must not overtake what it brings. A long list may
    // have been cut by the store: reading finds all of it.
    const read = rows.length >= READ_ROWS_MAX;
    for (const row of rows) {
      const lane = this.#lanes[row.kind];
      if (read || lane.state === 'held' || this.#catchingUp || this.#queued >= this.#queueMax)
        lane.behind = true;
      else this.#queue(lane, row);
    }
    if (read) for (const lane of this.#all) lane.behind = true;
    this.#seal();
    this.#pump();
  }

  /**
   * Goes over the whole outbox once more, for the rows that were refused: kinds that are held when their hold ends. False
   * while it is being read: ask later.
   */
  again(): boolean {
    if (this.#reading) return false;
    for (const lane of this.#all) lane.again();
    this.#pump();
    return true;
  }

  /** Sends the oldest message of a kind that is held once more. */
  offer(kind: OutboxKind): void {
    this.#lanes[kind].offer();
    this.#pump();
  }

  /** Gives up the rows of a kind that is held, up to this one; what comes after them is offered at once. */
  giveUp(kind: OutboxKind, upToRow: number): void {
    this.#lanes[kind].giveUp(upToRow);
    this.#pump();
  }

  /** Tries again after `readFailed`. */
  retryRead(): void {
    this.#pump();
  }

  get #queued(): number {
    return this.#all.reduce((sum, { queue }) => sum + queue.length, 0);
  }

  get #catchingUp(): boolean {
    return this.#reading || this.#all.some(({ behind, state }) => behind && state !== 'held');
  }

  /** Queues a row that is beyond the cursor of its lane, unless it has left already or is not to be sent now. */
  #queue(lane: Lane, row: OutboxRow): void {
    if (row.row <= lane.cursor) return;
    lane.cursor = row.row;
    // On its way: only after `again`.
    if (this.#out.has(row.row) || this.#options.suspects.isAside(row.row)) return;
    if (this.#hasLeft(row)) return this.#options.delivered([row.row]);
    if (lane.isGivenUp(row.row)) {
      this.#remember(row);
      this.#givenUp.push(row.row);
      return;
    }
    const treatment = this.#options.treat(row);
    if (treatment === 'pass') {
      this.#remember(row);
      this.#passed.push(row.row);
    } else if (treatment === 'digest') lane.combine(row);
    else lane.add(row);
  }

  /** What has been gone through is told, and digests that nothing follows are queued. */
  #seal(): void {
    for (const lane of this.#all) if (!lane.behind) lane.seal();
    const givenUp = this.#givenUp;
    const passed = this.#passed;
    this.#givenUp = [];
    this.#passed = [];
    if (givenUp.length > 0) this.#options.gaveUp(givenUp);
    if (passed.length > 0) this.#options.passedOver(passed);
  }

  #pump(): void {
    // A send may be answered at once: the loop below then simply goes on.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#sending && this.#inFlight.size < this.#windowMax) {
      const lane = this.#next();
      if (lane === undefined) break;
      this.#send(lane);
    }
    this.#pumping = false;
    // Read ahead while a full window is on its way, so that the line never runs dry between two reads.
    if (this.#sending && !this.#reading && this.#catchingUp && this.#queued < this.#options.windowMax)
      this.#read();
    if (this.#sending && this.idle) this.#options.suspects.settled();
  }

  get #windowMax(): number {
    return this.#options.suspects.narrow ? 1 : this.#options.windowMax;
  }

  /** The lane with the oldest message; undefined when that one has to wait. What is held holds up no other. */
  #next(): Lane | undefined {
    let next: Lane | undefined;
    for (const lane of this.#all) {
      if (lane.head === undefined || (lane.state === 'held' && !lane.ready)) continue;
      if (next?.head === undefined || lane.head.row < next.head.row) next = lane;
    }
    return next?.ready ? next : undefined;
  }

  #send(lane: Lane): void {
    const shipment = lane.head;
    if (shipment === undefined) return;
    lane.shift();
    const { row } = shipment;
    const rows = rowsOf(shipment);
    const generation = this.#generation;
    const { round } = lane;
    lane.sent.set(row, shipment);
    this.#inFlight.add(row);
    for (const one of rows) this.#out.add(one.row);
    this.#options.send(shipment, (answer) => {
      if (generation !== this.#generation || !this.#inFlight.delete(row)) return;
      lane.sent.delete(row);
      for (const one of rows) this.#out.delete(one.row);
      this.#options.suspects.answered(row);
      if (round === lane.round) this.#answered(lane, shipment, answer);
      this.#pump();
    });
  }

  #answered(lane: Lane, shipment: Shipment, answer: Answer): void {
    // A refused row stays in the outbox for `again`; the window must not stay smaller for it.
    if (answer === 'refused') return lane.refused(shipment);
    if (answer === 'unheard') {
      lane.holdAt(shipment);
      this.#options.unheard(lane.kind);
      return;
    }
    lane.heard();
    this.#remember(shipment);
    this.#options.delivered(rowsOf(shipment).map(({ row }) => row));
    this.#options.heard(lane.kind);
  }

  /** The database may have been replaced meanwhile: a row of another file is another message. */
  #hasLeft({ row, epoch, kind, seq }: OutboxRow): boolean {
    const left = this.#settled.get(row);
    return left !== undefined && left.epoch === epoch && left.kind === kind && left.seq === seq;
  }

  #remember(shipment: Shipment): void {
    const { epoch, kind } = shipment;
    for (const { row, seq } of rowsOf(shipment)) this.#settled.set(row, { epoch, kind, seq });
    for (const oldest of this.#settled.keys()) {
      if (this.#settled.size <= SETTLED_MAX) break;
      this.#settled.delete(oldest);
    }
  }

  #read(): void {
    const generation = this.#generation;
    const lanes = this.#all.filter(({ state }) => state !== 'held');
    const afterRow = Math.min(...lanes.filter(({ behind }) => behind).map(({ cursor }) => cursor));
    this.#reading = true;
    for (const lane of lanes) {
      lane.behind = false;
      lane.reading = true;
    }
    this.#options.read({ afterRow, limit: READ_ROWS_MAX }).then(
      (rows) => {
        if (generation !== this.#generation) return;
        this.#reading = false;
        this.#take(rows);
      },
      (error: unknown) => {
        if (generation !== this.#generation) return;
        this.#reading = false;
        for (const lane of this.#readers()) lane.behind = true;
        if (this.#sending) this.#options.readFailed(error);
      },
    );
  }

  /** The lanes that the read which has come back was for. Those held since then are read anew. */
  #readers(): Lane[] {
    const readers = this.#all.filter(({ reading }) => reading);
    for (const lane of readers) lane.reading = false;
    return readers;
  }

  #take(rows: readonly OutboxRow[]): void {
    const readers = this.#readers();
    if (!this.#sending) return;
    const last = rows.at(-1)?.row ?? 0;
    for (const row of rows) {
      const lane = this.#lanes[row.kind];
      if (readers.includes(lane)) this.#queue(lane, row);
    }
    for (const lane of readers) {
      lane.cursor = Math.max(lane.cursor, last);
      if (rows.length >= READ_ROWS_MAX) lane.behind = true;
    }
    this.#seal();
    this.#pump();
  }
}

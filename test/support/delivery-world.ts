// A stand-in of the store's contract and of a broker, around the delivery of the outbox: rows are committed, announced
// afterwards in order, and read as of some moment between question and answer. Notes what must never happen as `problems`.
import type { OutboxKind, OutboxRow } from '../../daemon/core/types.ts';
import { type Answer, Delivery, type Treatment } from '../../daemon/publish/delivery.ts';
import { rowsOf, type Shipment } from '../../daemon/publish/lane.ts';
import { Suspects } from '../../daemon/publish/suspects.ts';

interface Sent {
  readonly row: number;
  readonly shipment: Shipment;
  readonly connection: number;
  readonly settle: (answer: Answer) => void;
  settled: boolean;
}

interface PendingRead {
  readonly afterRow: number;
  readonly limit: number;
  rows: readonly OutboxRow[] | undefined;
  readonly resolve: (rows: readonly OutboxRow[]) => void;
  readonly reject: (error: Error) => void;
}

/** Store and broker in one, driven step by step. */
export class DeliveryWorld {
  readonly rows = new Map<number, OutboxRow>();
  readonly unannounced: OutboxRow[] = [];
  readonly reads: PendingRead[] = [];
  readonly sent: Sent[] = [];
  readonly acknowledged = new Set<number>();
  /** Told to be delivered, not deleted yet: the store does that some time later. */
  readonly deletable: number[] = [];
  readonly problems: string[] = [];
  readCount = 0;
  connection = 0;
  open = false;
  failures = 0;
  /** Of these kinds the broker says that nobody subscribes; undefined: it is of 3.1.1 and never says. */
  deaf: Set<OutboxKind> | undefined;
  /** What a subscriber got, in order; `undefined` where one went and another came. */
  readonly heard: Record<OutboxKind, (number | undefined)[]> = {
    event: [],
    alert: [],
    gap: [],
    'self-test': [],
  };
  readonly gaveUp: number[] = [];
  readonly passedOver: number[] = [];
  treat: (row: OutboxRow) => Treatment = () => 'send';
  nowMs = 0;
  readonly suspects = new Suspects(() => this.nowMs);
  #next = 1;
  readonly #seq: Record<OutboxKind, number> = { event: 0, alert: 0, gap: 0, 'self-test': 0 };
  /** Rows sent before the last `again`. */
  #pass = 0;
  readonly windowMax: number;
  readonly delivery: Delivery;

  constructor(windowMax: number) {
    this.windowMax = windowMax;
    this.delivery = new Delivery({
      windowMax,
      read: ({ afterRow, limit }) => {
        this.readCount += 1;
        return new Promise((resolve, reject) => {
          this.reads.push({ afterRow, limit, rows: undefined, resolve, reject });
        });
      },
      send: (shipment, settle) => this.#take(shipment, settle),
      treat: (row) => this.treat(row),
      delivered: (numbers) => {
        for (const row of numbers) {
          if (!this.acknowledged.has(row)) this.problems.push(`row ${row} deleted before its ack`);
          this.deletable.push(row);
        }
      },
      gaveUp: (numbers) => {
        for (const row of numbers) {
          const kind = this.rows.get(row)?.kind;
          if (kind && !this.deaf?.has(kind)) this.problems.push(`${kind} given up though somebody listens`);
        }
        this.#leave(numbers, this.gaveUp);
      },
      passedOver: (numbers) => this.#leave(numbers, this.passedOver),
      unheard: (kind) => {
        if (this.deaf === undefined) this.problems.push(`${kind} unheard`);
      },
      heard: () => undefined,
      suspects: this.suspects,
      readFailed: () => {
        this.failures += 1;
      },
    });
  }

  #leave(numbers: readonly number[], where: number[]): void {
    for (const row of numbers) {
      where.push(row);
      // A reconnect may find it once more: then it just goes.
      this.acknowledged.add(row);
      this.deletable.push(row);
    }
  }

  #take(shipment: Shipment, settle: (answer: Answer) => void): void {
    const { row } = shipment;
    const last = this.sent.slice(this.#pass).findLast(({ connection }) => connection === this.connection);
    if (this.unsettled().some((sent) => sent.row === row)) this.problems.push(`row ${row} is on its way`);
    if (!this.open) this.problems.push(`row ${row} sent without a connection`);
    this.sent.push({ row, shipment, connection: this.connection, settle, settled: false });
    if (this.unsettled().length > this.windowMax) this.problems.push('window exceeded');
    if (this.deaf === undefined) this.#checkOrder(row, last?.row ?? 0);
  }

  #checkOrder(row: number, last: number): void {
    if (this.acknowledged.has(row)) this.problems.push(`row ${row} sent again after its ack`);
    if (last >= row) this.problems.push(`row ${row} after ${last}`);
    // Every row older than this one has been sent on this connection or acknowledged before.
    const now = new Set(
      this.sent.filter((sent) => sent.connection === this.connection).map((sent) => sent.row),
    );
    for (const older of this.rows.keys()) {
      const gone = now.has(older) || this.acknowledged.has(older) || this.suspects.isAside(older);
      if (older < row && !gone) this.problems.push(`row ${older} left out before ${row}`);
    }
  }

  unsettled(): Sent[] {
    return this.sent.filter(({ connection, settled }) => connection === this.connection && !settled);
  }

  commit(count: number, skip = 0, kind: OutboxKind = 'alert'): void {
    for (let index = 0; index < count; index += 1) {
      this.#next += skip;
      this.#seq[kind] += 1;
      const row: OutboxRow = { row: this.#next, epoch: 'e', kind, seq: this.#seq[kind], atMs: 0, body: '{}' };
      this.#next += 1;
      this.rows.set(row.row, row);
      this.unannounced.push(row);
    }
  }

  announce(count = this.unannounced.length): void {
    this.delivery.grew(this.unannounced.splice(0, count));
  }

  /** The store carries out what `delivered` asked for. */
  purge(): void {
    for (const row of this.deletable.splice(0)) this.rows.delete(row);
  }

  /** The store looks: rows committed after this are not in the answer. */
  look(): void {
    const read = this.reads.find(({ rows }) => rows === undefined);
    if (read === undefined) return;
    read.rows = [...this.rows.values()].filter(({ row }) => row > read.afterRow).slice(0, read.limit);
  }

  async answer(): Promise<void> {
    const read = this.reads.shift();
    if (read === undefined) return;
    if (read.rows === undefined) {
      this.reads.unshift(read);
      this.look();
      return this.answer();
    }
    read.resolve(read.rows);
    await tick();
  }

  async fail(): Promise<void> {
    this.reads.shift()?.reject(new Error('disk'));
    await tick();
  }

  acknowledge(index: number, ok = true): void {
    const open = this.unsettled();
    const sent = open[index % Math.max(1, open.length)];
    if (sent === undefined) return;
    sent.settled = true;
    const { kind } = sent.shipment;
    if (!ok) return sent.settle('refused');
    if (this.deaf?.has(kind)) return sent.settle('unheard');
    for (const { row, seq } of rowsOf(sent.shipment)) {
      this.acknowledged.add(row);
      this.heard[kind].push(seq);
    }
    sent.settle('delivered');
  }

  /** A subscriber of this kind comes or goes. */
  listen(kind: OutboxKind, listens: boolean): void {
    if (listens) this.deaf?.delete(kind);
    else this.deaf?.add(kind);
    this.heard[kind].push(undefined);
  }

  connect(): void {
    this.connection += 1;
    this.open = true;
    this.delivery.open(this.deaf !== undefined);
  }

  /** The broker closes the connection. */
  lose(): void {
    this.suspects.lost(this.disconnect());
  }

  /** Returns the rows that were on their way. */
  disconnect(): readonly number[] {
    this.open = false;
    const stale = this.unsettled();
    const onTheirWay = this.delivery.close();
    this.connection += 1;
    // MQTT.js answers what was in flight after the end, with an error or not at all; neither may count.
    for (const [index, sent] of stale.entries()) if (index % 2 === 0) sent.settle('delivered');
    return onTheirWay;
  }

  /** The order begins anew. */
  again(): boolean {
    const offered = this.delivery.again();
    if (offered) this.#pass = this.sent.length;
    return offered;
  }

  /** Answers, announces and acknowledges until nothing moves. */
  async settle(): Promise<void> {
    for (let step = 0; step < 10_000; step += 1) {
      if (this.unannounced.length > 0) this.announce();
      else if (this.reads.length > 0) await this.answer();
      else if (this.unsettled().length > 0) this.acknowledge(0);
      else {
        this.purge();
        return;
      }
    }
    throw new Error('does not settle');
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

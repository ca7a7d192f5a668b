// Order, window and cursor of the outbox delivery, against a stand-in of the store's contract: rows are committed,
// announced afterwards in order, and read as of some moment between question and answer.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { Delivery, READ_ROWS_MAX } from '../../daemon/publish/delivery.ts';

interface Sent {
  readonly row: number;
  readonly connection: number;
  readonly settle: (acknowledged: boolean) => void;
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
class World {
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
  #next = 1;
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
      send: (row, settle) => this.#take(row, settle),
      delivered: (numbers) => {
        for (const row of numbers) {
          if (!this.acknowledged.has(row)) this.problems.push(`row ${row} deleted before its ack`);
          this.deletable.push(row);
        }
      },
      readFailed: () => {
        this.failures += 1;
      },
    });
  }

  #take(row: OutboxRow, settle: (acknowledged: boolean) => void): void {
    const last = this.sent.findLast(({ connection }) => connection === this.connection);
    if (this.acknowledged.has(row.row)) this.problems.push(`row ${row.row} sent again after its ack`);
    if (!this.open) this.problems.push(`row ${row.row} sent without a connection`);
    if (last !== undefined && last.row >= row.row) this.problems.push(`row ${row.row} after ${last.row}`);
    this.sent.push({ row: row.row, connection: this.connection, settle, settled: false });
    if (this.unsettled().length > this.windowMax) this.problems.push('window exceeded');
    // Every row older than this one has been sent on this connection or acknowledged before.
    const now = new Set(
      this.sent.filter((sent) => sent.connection === this.connection).map((sent) => sent.row),
    );
    for (const older of this.rows.keys()) {
      const gone = now.has(older) || this.acknowledged.has(older);
      if (older < row.row && !gone) this.problems.push(`row ${older} left out before ${row.row}`);
    }
  }

  unsettled(): Sent[] {
    return this.sent.filter(({ connection, settled }) => connection === this.connection && !settled);
  }

  commit(count: number, skip = 0): void {
    for (let index = 0; index < count; index += 1) {
      this.#next += skip;
      const row: OutboxRow = { row: this.#next, kind: 'alert', seq: this.#next, atMs: 0, body: '{}' };
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
    if (ok) this.acknowledged.add(sent.row);
    sent.settle(ok);
  }

  connect(): void {
    this.connection += 1;
    this.open = true;
    this.delivery.open();
  }

  disconnect(): void {
    this.open = false;
    const stale = this.unsettled();
    this.delivery.close();
    this.connection += 1;
    // MQTT.js answers what was in flight after the end, with an error or not at all; neither may count.
    for (const [index, sent] of stale.entries()) if (index % 2 === 0) sent.settle(true);
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

function sentRows(world: World): number[] {
  return world.sent.map(({ row }) => row);
}

async function opened(windowMax: number): Promise<World> {
  const world = new World(windowMax);
  world.connect();
  await world.answer();
  return world;
}

describe('delivery', () => {
  test('fresh rows are sent without a read once everything before them was read', async () => {
    const world = await opened(4);
    world.commit(2);
    world.announce();
    expect(sentRows(world)).toEqual([1, 2]);
    expect(world.readCount).toBe(1);
  });

  test('fresh rows queue behind a full window without a read', async () => {
    const world = await opened(2);
    world.commit(5);
    world.announce();
    expect(sentRows(world)).toEqual([1, 2]);
    world.acknowledge(0);
    world.acknowledge(0);
    expect(sentRows(world)).toEqual([1, 2, 3, 4]);
    expect(world.readCount).toBe(1);
  });

  test('rows announced during a read that missed them wait for the next read', async () => {
    const world = new World(8);
    world.commit(1);
    world.unannounced.length = 0;
    world.connect();
    world.look();
    world.commit(1);
    world.announce();
    expect(sentRows(world)).toEqual([]);
    await world.answer();
    expect(sentRows(world)).toEqual([1]);
    await world.answer();
    expect(sentRows(world)).toEqual([1, 2]);
  });

  test('rows that a read brought before they were announced are not sent twice', async () => {
    const world = new World(8);
    world.connect();
    world.commit(2);
    await world.answer();
    expect(sentRows(world)).toEqual([1, 2]);
    world.commit(1);
    world.announce();
    expect(sentRows(world)).toEqual([1, 2, 3]);
  });

  test('an answer of an earlier connection is ignored', async () => {
    const world = new World(8);
    world.commit(3);
    world.unannounced.length = 0;
    world.connect();
    world.look();
    world.disconnect();
    world.connect();
    await world.answer();
    expect(sentRows(world)).toEqual([]);
    await world.answer();
    expect(sentRows(world)).toEqual([1, 2, 3]);
  });

  test('unacknowledged rows are sent again on the next connection, before newer ones', async () => {
    const world = await opened(2);
    world.commit(4);
    world.announce();
    world.acknowledge(0);
    world.disconnect();
    world.commit(1);
    world.announce();
    world.connect();
    await world.settle();
    expect(sentRows(world)).toEqual([1, 2, 3, 2, 3, 4, 5]);
    expect(world.rows.size).toBe(0);
  });

  test('rows acknowledged before a reconnect but not yet deleted are not sent again', async () => {
    const world = await opened(4);
    world.commit(3);
    world.announce();
    world.acknowledge(0);
    world.acknowledge(0);
    world.disconnect();
    world.connect();
    await world.settle();
    expect(sentRows(world)).toEqual([1, 2, 3, 3]);
    expect(world.rows.size).toBe(0);
  });

  test('a list of rows that the store may have cut is read instead', async () => {
    const world = await opened(4);
    world.commit(2 * READ_ROWS_MAX);
    world.delivery.grew(world.unannounced.splice(0, READ_ROWS_MAX));
    world.unannounced.length = 0;
    await world.settle();
    expect(world.rows.size).toBe(0);
    expect(world.problems).toEqual([]);
  });

  test('a refused row stays in the outbox, holds up nothing and is sent on the next connection', async () => {
    const world = await opened(1);
    world.commit(2);
    world.announce();
    world.acknowledge(0, false);
    expect(sentRows(world)).toEqual([1, 2]);
    world.acknowledge(0);
    world.purge();
    expect([...world.rows.keys()]).toEqual([1]);
    world.disconnect();
    world.connect();
    await world.settle();
    expect(sentRows(world)).toEqual([1, 2, 1]);
    expect(world.rows.size).toBe(0);
  });

  test('a failed read is told and tried again on request', async () => {
    const world = new World(4);
    world.commit(1);
    world.unannounced.length = 0;
    world.connect();
    await world.fail();
    expect(world.failures).toBe(1);
    expect(world.delivery.idle).toBe(false);
    world.delivery.retryRead();
    await world.settle();
    expect(sentRows(world)).toEqual([1]);
    expect(world.delivery.idle).toBe(true);
  });

  test('hold sends nothing more but still takes acknowledgements', async () => {
    const world = await opened(1);
    world.commit(2);
    world.announce();
    world.delivery.hold();
    world.acknowledge(0);
    world.purge();
    expect(sentRows(world)).toEqual([1]);
    expect([...world.rows.keys()]).toEqual([2]);
  });

  test('a burst beyond the queue is left to the store and still comes in order', async () => {
    const world = await opened(2);
    world.commit(3 * READ_ROWS_MAX);
    world.announce();
    await world.settle();
    expect(sentRows(world)).toEqual(Array.from({ length: 3 * READ_ROWS_MAX }, (_, index) => index + 1));
    expect(world.problems).toEqual([]);
  });

  test('whatever the interleaving: in order, nothing left out, within the window, deleted only after the ack', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('commit'), n: fc.integer({ min: 1, max: 5 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('burst'), n: fc.integer({ min: 100, max: 200 }) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('announce'), n: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('purge'), n: fc.constant(0) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('look'), n: fc.constant(0) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('answer'), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('fail'), n: fc.constant(0) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('ack'), n: fc.nat(7) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse'), n: fc.nat(7) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('connect'), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect'), n: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 120 }),
        async (windowMax, steps) => {
          const world = new World(windowMax);
          for (const { do: what, n } of steps) await play(world, what, n);
          expect(world.problems).toEqual([]);
          // A last, undisturbed connection brings everything.
          if (world.open) world.disconnect();
          world.connect();
          await world.settle();
          expect(world.problems).toEqual([]);
          expect([...world.rows.keys()]).toEqual([]);
          expect(world.delivery.idle).toBe(true);
          expect(world.delivery.inFlight).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function play(world: World, what: string, n: number): Promise<void> {
  if (what === 'commit') world.commit(n, n % 2);
  if (what === 'burst') world.commit(n);
  if (what === 'announce') world.announce(n);
  if (what === 'purge') world.purge();
  if (what === 'look') world.look();
  if (what === 'answer') await world.answer();
  if (what === 'fail') {
    await world.fail();
    world.delivery.retryRead();
  }
  if (what === 'ack') world.acknowledge(n);
  if (what === 'refuse') world.acknowledge(n, false);
  if (what === 'connect' && !world.open) world.connect();
  if (what === 'disconnect' && world.open) world.disconnect();
}

// Order, window and cursor of the outbox delivery, against a stand-in of the store's contract.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { READ_ROWS_MAX } from '../../daemon/publish/delivery.ts';
import { DeliveryWorld } from '../support/delivery-world.ts';

function sentRows(world: DeliveryWorld): number[] {
  return world.sent.map(({ row }) => row);
}

async function opened(windowMax: number): Promise<DeliveryWorld> {
  const world = new DeliveryWorld(windowMax);
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
    const world = new DeliveryWorld(8);
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
    const world = new DeliveryWorld(8);
    world.connect();
    world.commit(2);
    await world.answer();
    expect(sentRows(world)).toEqual([1, 2]);
    world.commit(1);
    world.announce();
    expect(sentRows(world)).toEqual([1, 2, 3]);
  });

  test('an answer of an earlier connection is ignored', async () => {
    const world = new DeliveryWorld(8);
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

  test('a row of another database is not taken for the delivered one of the same number', async () => {
    const world = await opened(4);
    world.commit(3);
    world.announce();
    for (let count = 0; count < 3; count += 1) world.acknowledge(0);
    // The file was replaced before the rows had left it: these are other messages.
    const [first, second] = [...world.rows.values()];
    world.rows.set(1, { ...first!, epoch: 'f' });
    world.rows.set(2, { ...second!, kind: 'event' });
    world.acknowledged.clear();
    world.acknowledged.add(3);
    world.deletable.length = 0;
    world.disconnect();
    world.connect();
    await world.answer();
    expect(sentRows(world)).toEqual([1, 2, 3, 1, 2]);
    expect(world.deletable).toEqual([3]);
    expect(world.problems).toEqual([]);
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

  test('asked to, offers refused rows again on the same connection, but none that is on its way', async () => {
    const world = await opened(4);
    world.commit(3);
    world.announce();
    world.acknowledge(0, false);
    world.acknowledge(1);
    expect(world.again()).toBe(true);
    expect(world.again()).toBe(false);
    world.commit(1);
    world.announce();
    await world.settle();
    expect(sentRows(world)).toEqual([1, 2, 3, 1, 4]);
    expect(world.rows.size).toBe(0);
    expect(world.problems).toEqual([]);
  });

  test('a failed read is told and tried again on request', async () => {
    const world = new DeliveryWorld(4);
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
      { weight: 1, arbitrary: fc.record({ do: fc.constant('again'), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('connect'), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect'), n: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 120 }),
        async (windowMax, steps) => {
          const world = new DeliveryWorld(windowMax);
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

async function play(world: DeliveryWorld, what: string, n: number): Promise<void> {
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
  if (what === 'again') world.again();
  if (what === 'refuse') world.acknowledge(n, false);
  if (what === 'connect' && !world.open) world.connect();
  if (what === 'disconnect' && world.open) world.disconnect();
}

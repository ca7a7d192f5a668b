// Messages on which a broker closes the connection: found, put aside, offered again later, while everything else goes on.
import { describe, expect, test } from 'vitest';
import { DeliveryWorld } from '../support/delivery-world.ts';

const MINUTE_MS = 60_000;

/** Sends and acknowledges until the broker meets the poison, which ends the connection. False when it did not come. */
async function connection(world: DeliveryWorld, poison: ReadonlySet<number>): Promise<boolean> {
  world.suspects.release();
  world.connect();
  for (let step = 0; step < 10_000; step += 1) {
    const open = world.unsettled();
    if (world.reads.length > 0) await world.answer();
    else if (open[0] !== undefined && poison.has(open[0].row)) {
      world.lose();
      return true;
    } else if (open.length > 0) world.acknowledge(0);
    else break;
  }
  world.disconnect();
  world.purge();
  return false;
}

describe('a message that ends every connection', () => {
  test('is found among those on their way, put aside, and the others come through', async () => {
    const world = new DeliveryWorld(8);
    world.commit(40);
    world.unannounced.length = 0;
    const poison = new Set([5]);
    let losses = 0;
    while (await connection(world, poison)) losses += 1;
    expect(losses).toBe(5);
    expect(world.suspects.asideCount).toBe(1);
    expect([...world.rows.keys()]).toEqual([5]);
    expect(world.problems).toEqual([]);
  });

  test('two of them are found one after the other', async () => {
    const world = new DeliveryWorld(8);
    world.commit(20);
    world.unannounced.length = 0;
    const poison = new Set([3, 4]);
    let losses = 0;
    while (await connection(world, poison)) losses += 1;
    expect(losses).toBeLessThanOrEqual(8);
    expect([...world.rows.keys()]).toEqual([3, 4]);
  });

  test('comes again after ten minutes, alone, and then at growing intervals', async () => {
    const world = new DeliveryWorld(8);
    world.commit(3);
    world.unannounced.length = 0;
    const poison = new Set([2]);
    while (await connection(world, poison));
    expect(world.suspects.nextMs()).toBe(10 * MINUTE_MS);
    world.nowMs += 10 * MINUTE_MS;
    world.commit(3);
    world.unannounced.length = 0;
    expect(await connection(world, poison)).toBe(true);
    expect(world.sent.at(-1)?.row).toBe(2);
    expect(await connection(world, poison)).toBe(false);
    expect(world.suspects.nextMs()).toBe(20 * MINUTE_MS);
    expect([...world.rows.keys()]).toEqual([2]);
    world.nowMs += 20 * MINUTE_MS;
    expect(await connection(world, new Set())).toBe(false);
    expect(world.rows.size).toBe(0);
    expect(world.suspects.asideCount).toBe(0);
    expect(world.suspects.narrow).toBe(false);
  });
});

describe('other losses', () => {
  test('that never have the same message on its way put nothing aside', async () => {
    const world = new DeliveryWorld(4);
    world.commit(200);
    world.unannounced.length = 0;
    for (let round = 0; round < 20; round += 1) {
      world.connect();
      while (world.reads.length > 0) await world.answer();
      for (let index = 0; index < 6; index += 1) world.acknowledge(0);
      world.lose();
    }
    expect(world.suspects.asideCount).toBe(0);
  });

  test('one at a time is over once every suspect has been answered', async () => {
    const world = new DeliveryWorld(4);
    world.commit(20);
    world.unannounced.length = 0;
    for (let round = 0; round < 2; round += 1) {
      world.connect();
      await world.answer();
      world.lose();
    }
    world.connect();
    await world.answer();
    expect(world.unsettled()).toHaveLength(1);
    for (let index = 0; index < 4; index += 1) world.acknowledge(0);
    expect(world.unsettled()).toHaveLength(4);
    expect(world.suspects.narrow).toBe(false);
  });

  test('suspects that have left the outbox another way do not keep it slow', async () => {
    const world = new DeliveryWorld(4);
    world.commit(4);
    world.unannounced.length = 0;
    for (let round = 0; round < 2; round += 1) {
      world.connect();
      await world.answer();
      world.lose();
    }
    expect(world.suspects.narrow).toBe(true);
    world.rows.clear();
    world.connect();
    await world.settle();
    expect(world.suspects.narrow).toBe(false);
  });
});

// Kinds that nobody listens to: what is held, what flows on, in which order everything comes once somebody listens, and when
// rows are given up. Against a stand-in of the store's contract and of a broker of MQTT 5.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutboxKind } from '../../daemon/core/types.ts';
import { Holds } from '../../daemon/publish/holds.ts';
import { DeliveryWorld } from '../support/delivery-world.ts';
import { SimClock } from '../support/sim-clock.ts';

const KINDS: readonly OutboxKind[] = ['event', 'alert', 'gap'];

async function opened(windowMax: number, ...deaf: OutboxKind[]): Promise<DeliveryWorld> {
  const world = new DeliveryWorld(windowMax);
  world.deaf = new Set(deaf);
  world.connect();
  await world.answer();
  return world;
}

/** Three alerts: the broker has refused the first, the second was heard, and nobody listens to the third. */
async function refusedThenHeld(): Promise<DeliveryWorld> {
  const world = await opened(4);
  world.commit(2, 0, 'alert');
  world.announce();
  world.acknowledge(0, false);
  await world.settle();
  world.listen('alert', false);
  world.commit(1, 0, 'alert');
  world.announce();
  await world.settle();
  expect(world.delivery.held).toEqual(['alert']);
  return world;
}

describe('a kind that nobody listens to', () => {
  test('is offered one message at a time, and the other kinds flow on', async () => {
    const world = await opened(4, 'alert');
    world.commit(3, 0, 'alert');
    world.commit(3, 0, 'event');
    world.announce();
    await world.settle();
    expect(world.heard).toEqual({ event: [1, 2, 3], alert: [], gap: [], 'self-test': [] });
    expect(world.delivery.held).toEqual(['alert']);
    expect(world.sent.filter(({ shipment }) => shipment.kind === 'alert')).toHaveLength(1);
    world.commit(1, 0, 'alert');
    world.commit(1, 0, 'event');
    world.announce();
    await world.settle();
    expect(world.heard.event).toEqual([1, 2, 3, 4]);
    expect(world.sent.filter(({ shipment }) => shipment.kind === 'alert')).toHaveLength(1);
    expect([...world.rows.keys()]).toEqual([1, 2, 3, 7]);
  });

  test('goes out in order, oldest first, once the message offered again is heard', async () => {
    const world = await opened(4, 'alert');
    world.commit(300, 0, 'alert');
    world.announce();
    await world.settle();
    world.delivery.offer('alert');
    await world.settle();
    expect(world.delivery.held).toEqual(['alert']);
    world.listen('alert', true);
    world.delivery.offer('alert');
    await world.settle();
    expect(world.heard.alert.slice(1)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(world.rows.size).toBe(0);
    expect(world.delivery.held).toEqual([]);
  });

  test('that somebody leaves while messages are on their way is sent again from the first unheard one', async () => {
    const world = await opened(4);
    world.commit(1);
    world.announce();
    world.acknowledge(0);
    world.commit(5);
    world.announce();
    world.listen('alert', false);
    world.acknowledge(0);
    // Somebody else comes in between: hears 3 to 5 before 2.
    world.listen('alert', true);
    for (let index = 0; index < 3; index += 1) world.acknowledge(0);
    world.delivery.offer('alert');
    await world.settle();
    expect(world.heard.alert).toEqual([1, undefined, undefined, 3, 4, 5, 2, 3, 4, 5, 6]);
    expect(world.rows.size).toBe(0);
  });

  test('is given up to a row, and what comes after it is offered at once', async () => {
    const world = await opened(4, 'alert');
    world.commit(1000, 0, 'alert');
    world.announce();
    await world.settle();
    world.commit(2, 0, 'alert');
    world.announce();
    world.delivery.giveUp('alert', 1000);
    await world.settle();
    expect(world.gaveUp).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    expect([...world.rows.keys()]).toEqual([1001, 1002]);
    expect(world.delivery.held).toEqual(['alert']);
    expect(world.sent.map(({ row }) => row)).toEqual([1, 1001]);
  });

  test('asks again with the next message when the broker refuses the one that is offered', async () => {
    const world = await opened(4, 'alert');
    world.commit(3, 0, 'alert');
    world.announce();
    await world.settle();
    world.listen('alert', true);
    world.delivery.offer('alert');
    world.acknowledge(0, false);
    await world.settle();
    expect(world.heard.alert).toEqual([undefined, 2, 3]);
    expect([...world.rows.keys()]).toEqual([1]);
  });

  test('holds up a row that was refused before no longer than until somebody listens', async () => {
    const world = await refusedThenHeld();
    expect(world.again()).toBe(true);
    await world.settle();
    expect(world.sent.map(({ row }) => row)).toEqual([1, 2, 3]);
    world.listen('alert', true);
    world.delivery.offer('alert');
    await world.settle();
    expect(world.sent.map(({ row }) => row)).toEqual([1, 2, 3, 3, 1]);
    expect(world.rows.size).toBe(0);
  });

  test('is given up without a row that was refused before: nobody was asked for that one', async () => {
    const world = await refusedThenHeld();
    world.again();
    world.delivery.giveUp('alert', 3);
    await world.settle();
    expect(world.gaveUp).toEqual([3]);
    expect([...world.rows.keys()]).toEqual([1]);
    expect(world.sent.map(({ row }) => row)).toEqual([1, 2, 3, 1]);
    expect(world.delivery.held).toEqual(['alert']);
  });

  test('whatever the interleaving: no hole ahead of what a subscriber has, and nothing lost', async () => {
    const kind = fc.constantFrom(...KINDS);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('commit'), kind, n: fc.integer({ min: 1, max: 5 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('commit'), kind, n: fc.integer({ min: 120, max: 200 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('announce'), kind, n: fc.integer({ min: 1, max: 4 }) }),
      },
      {
        weight: 9,
        arbitrary: fc.record({ do: fc.constantFrom('look', 'answer', 'purge'), kind, n: fc.constant(0) }),
      },
      { weight: 9, arbitrary: fc.record({ do: fc.constant('ack'), kind, n: fc.constant(0) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constantFrom('come', 'go', 'offer', 'again'),
          kind,
          n: fc.constant(0),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constantFrom('connect', 'disconnect', 'fail'),
          kind,
          n: fc.constant(0),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('giveUp'), kind, n: fc.nat(400) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(step, { maxLength: 150 }),
        async (window, steps) => {
          const world = new DeliveryWorld(window);
          world.deaf = new Set(KINDS);
          for (const one of steps) await play(world, one);
          if (world.open) world.disconnect();
          for (const one of KINDS) world.listen(one, true);
          world.connect();
          await world.settle();
          expect(world.problems).toEqual([]);
          expect([...world.rows.keys()]).toEqual([]);
          for (const one of KINDS) expectNoHole(world.heard[one]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function play(
  world: DeliveryWorld,
  { do: what, kind, n }: { do: string; kind: OutboxKind; n: number },
): Promise<void> {
  if (what === 'commit') world.commit(n, 0, kind);
  if (what === 'announce') world.announce(n);
  if (what === 'look') world.look();
  if (what === 'answer') await world.answer();
  if (what === 'purge') world.purge();
  if (what === 'ack') world.acknowledge(0);
  if (what === 'come') world.listen(kind, true);
  if (what === 'go') world.listen(kind, false);
  if (what === 'offer') world.delivery.offer(kind);
  if (what === 'again') world.again();
  // What is given up after somebody came is a matter of time, which this world does not have.
  if (what === 'giveUp' && world.deaf?.has(kind) && world.reads.length === 0) world.delivery.giveUp(kind, n);
  if (what === 'connect' && !world.open) world.connect();
  if (what === 'disconnect' && world.open) world.disconnect();
  if (what === 'fail') {
    await world.fail();
    world.delivery.retryRead();
  }
}

/** Between two changes of who listens, a number is at most one more than the one before: repeats step back, nothing skips. */
function expectNoHole(heard: readonly (number | undefined)[]): void {
  for (const [index, seq] of heard.entries()) {
    const before = heard[index - 1];
    if (seq === undefined || before === undefined) continue;
    expect(seq).toBeLessThanOrEqual(before + 1);
  }
}

describe('the times of a hold', () => {
  function holds(unheardMs: number) {
    const clock = new SimClock();
    const said: string[] = [];
    const state = { last: 0 };
    const startMs = clock.monoMs();
    const at = (): number => clock.monoMs() - startMs;
    const one = new Holds({
      clock,
      unheardMs,
      lastRow: () => state.last,
      offer: (kind) => {
        said.push(`offer ${kind}`);
        one.unheard(kind);
      },
      giveUp: (kind, row) => said.push(`give up ${kind} to ${row} at ${Math.round(at() / 1000)} s`),
    });
    return { clock, said, state, holds: one, at };
  }

  test('the oldest message is offered again at growing intervals, at most 30 s apart', async () => {
    const { clock, said, holds: one, state } = holds(Number.POSITIVE_INFINITY);
    state.last = 1;
    one.unheard('alert');
    await clock.advance(600_000);
    expect(said.length).toBeGreaterThanOrEqual(20);
    expect(said.length).toBeLessThan(60);
    one.heard('alert');
    said.length = 0;
    await clock.advance(600_000);
    expect(said).toEqual([]);
  });

  test('what waited is given up after exactly that time, what came later after its own', async () => {
    const { clock, said, holds: one, state } = holds(300_000);
    state.last = 10_000;
    one.unheard('alert');
    await clock.advance(200_000);
    state.last = 10_001;
    one.grew([{ row: 10_001, kind: 'alert', seq: 1, atMs: 0, epoch: 'e', body: '' }]);
    await clock.advance(100_000);
    expect(said.filter((text) => text.startsWith('give'))).toEqual(['give up alert to 10000 at 300 s']);
    one.unheard('alert');
    await clock.advance(199_000);
    expect(said.filter((text) => text.startsWith('give'))).toHaveLength(1);
    await clock.advance(1000);
    expect(said.filter((text) => text.startsWith('give'))).toHaveLength(2);
    expect(said.at(-1)).toBe('give up alert to 10001 at 500 s');
  });

  test('the time without a connection does not count', async () => {
    const { clock, said, holds: one, state } = holds(300_000);
    state.last = 5;
    one.unheard('event');
    await clock.advance(299_000);
    one.closed();
    await clock.advance(86_400_000);
    one.opened();
    one.unheard('event');
    expect(said.some((text) => text.startsWith('give'))).toBe(false);
    await clock.advance(1000);
    expect(said.at(-1)).toMatch(/^give up event to 5/);
  });
});

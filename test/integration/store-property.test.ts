// Random lives of a store: whatever is committed, delivered, given up, dropped by the quota, cut short by dead threads and
// opened again, every number is accounted for exactly once.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Gap, OutboxRow } from '../../daemon/core/types.ts';
import { type Harness, makeStore } from '../fixtures/store/harness.ts';
import { alert, change, LIMITS } from '../fixtures/store/records.ts';
import { readDatabase } from '../support/database.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const DYING_WORKER = new URL('../fixtures/store/dying-worker.ts', import.meta.url);

type Step =
  | { readonly do: 'commit'; readonly events: readonly ('new' | 'update' | 'end')[]; readonly alerts: number }
  | { readonly do: 'read' | 'deliver' | 'unhear'; readonly count: number }
  | { readonly do: 'quota'; readonly bytes: number }
  | { readonly do: 'die'; readonly how: 'die-before' | 'die-after' | 'die-throwing' }
  | { readonly do: 'wait' | 'reopen' };

const count = fc.integer({ min: 1, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      events: fc.array(fc.constantFrom('new' as const, 'update' as const, 'end' as const), { maxLength: 6 }),
      alerts: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('read' as const, 'deliver' as const, 'unhear' as const),
      count,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('quota' as const), bytes: fc.integer({ min: 100, max: 8000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('die' as const),
      how: fc.constantFrom('die-before' as const, 'die-after' as const, 'die-throwing' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('wait' as const, 'reopen' as const) }) },
);

class World {
  readonly dataDir = tempDir();
  harness!: Harness;
  /** Every name (kind seq) that was delivered or given up, and every gap among them. */
  readonly settled: string[] = [];
  readonly gaps: Gap[] = [];
  #inHand: OutboxRow[] = [];
  /** As the publisher: what was read once is not read again before the next start. */
  #cursor = 0;
  #number = 0;
  #bytes = 4000;

  async open(): Promise<void> {
    this.#inHand = [];
    this.#cursor = 0;
    this.harness = makeStore(this.dataDir, {
      workerUrl: DYING_WORKER,
      limits: this.#limits,
      inHand: () => this.#inHand.map(({ row }) => row),
    });
    await this.harness.store.start(new AbortController().signal);
  }

  get #limits(): typeof LIMITS {
    return { ...LIMITS, outboxMb: this.#bytes / 1e6 };
  }

  async take(one: Step): Promise<void> {
    const { store } = this.harness;
    switch (one.do) {
      case 'commit': {
        this.#number += 1;
        const events = one.events.map((type) => change(type, this.#number));
        const alerts = Array.from({ length: one.alerts }, (_, index) =>
          alert(this.#number, { id: `alert-${this.#number}-${index}` }),
        );
        return store.commit({ events, alerts });
      }
      case 'read': {
        const rows = await store.readOutbox({ afterRow: this.#cursor, limit: one.count });
        this.#cursor = rows.at(-1)?.row ?? this.#cursor;
        this.#inHand.push(...rows);
        return;
      }
      case 'deliver':
        return store.delivered(this.#settle(one.count));
      case 'unhear':
        return store.unheard(this.#settle(one.count));
      case 'quota':
        this.#bytes = one.bytes;
        return store.setLimits(this.#limits);
      case 'die':
        return writeFileSync(join(this.dataDir, one.how), '');
      case 'wait':
        return this.#quiet();
      case 'reopen':
        await store.stop();
        return this.open();
    }
  }

  /** The broker has the first of these, or nobody wants them: either way they are told no more. */
  #settle(length: number): number[] {
    const rows = this.#inHand.splice(0, length);
    this.settled.push(...rows.map(({ kind, seq }) => `${kind} ${seq}`));
    this.gaps.push(...gapsOf(rows));
    return rows.map(({ row }) => row);
  }

  async #quiet(): Promise<void> {
    await waitFor('the disk', () => this.harness.store.state().queued === 0, 30_000);
  }

  async end(): Promise<void> {
    for (const name of ['die-before', 'die-after', 'die-throwing']) {
      rmSync(join(this.dataDir, name), { force: true });
    }
    await this.harness.store.stop();
  }
}

function gapsOf(rows: readonly OutboxRow[]): Gap[] {
  return rows.filter(({ kind }) => kind === 'gap').map(({ body }) => JSON.parse(body) as Gap);
}

function expand(counter: string, ranges: readonly (readonly [number, number])[]): string[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => `${counter} ${first + index}`),
  );
}

function expectAccounted({ dataDir, settled, gaps }: World): void {
  const { outbox, losses, lastSeq, journal } = readDatabase(dataDir, (reader) => ({
    outbox: reader.outbox({ afterRow: 0, limit: 100_000 }),
    losses: reader.losses(),
    lastSeq: reader.lastSeq(),
    journal: reader.journal({ afterEntry: 0, limit: 100_000 }),
  }));
  const told = [...gaps, ...gapsOf(outbox)].flatMap((gap) => expand(gap.counter, gap.ranges ?? []));
  const untold = losses.flatMap(({ counter, first, last }) => expand(counter, [[first, last]]));
  const waiting = outbox.map(({ kind, seq }) => `${kind} ${seq}`);
  const accounted = [...settled, ...told, ...untold, ...waiting].filter((name) => !name.startsWith('gap'));
  const given = [...expand('event', [[1, lastSeq.event]]), ...expand('alert', [[1, lastSeq.alert]])];
  expect(accounted.sort()).toEqual(given.sort());
  // One journal row per number, none twice.
  const written = journal.map(({ kind, seq }) => `${kind === 'alert' ? 'alert' : 'event'} ${seq}`);
  expect(written.sort()).toEqual(given);
  const gapRows = [...settled, ...waiting].filter((name) => name.startsWith('gap'));
  expect(new Set(gapRows).size).toBe(lastSeq.gap);
}

test('every number is waiting, delivered, given up or in exactly one gap, whatever happens in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = new World();
      await world.open();
      for (const one of steps) await world.take(one);
      await world.end();
      expectAccounted(world);
    }),
    { numRuns: 40, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  );
});

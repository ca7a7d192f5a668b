// A daemon of which store and publisher are left, through a day without a broker in simulated time:
// `node --expose-gc outage-child.ts <data folder> <url of the broker>`. Prints JSON lines; drains when it reads a line.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { configSchema } from '../../daemon/config/schema.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { createLogger } from '../../daemon/platform/logger.ts';
import type { HealthReport } from '../../daemon/publish/health-message.ts';
import { Publisher } from '../../daemon/publish/publisher.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { Store } from '../../daemon/store/store.ts';
import { alert, change, LIMITS } from '../fixtures/store/records.ts';
import { SimClock } from './sim-clock.ts';
import { storeOutbox } from './store-outbox.ts';

/** One line of this program's output. */
export interface OutageLine {
  readonly step: 'outage' | 'drained';
  readonly lastSeq: Readonly<Record<'event' | 'alert' | 'gap', number>>;
  readonly outboxRows: number;
  readonly outboxBytes: number;
  readonly simulatedHours: number;
  /** Beyond the beginning: resident memory at its highest, and what is left after a collection. */
  readonly rssGrowthMb: number;
  readonly heapGrowthMb: number;
}

export const ALERTS = 10_000;
const DAY_MS = 86_400_000;
/** Alerts in an hour: memory is looked at once an hour, the first time when code is compiled and caches are filled. */
const HOURLY = Math.floor(ALERTS / 24);
const OUTBOX_MB = 8;
const MB = 1_000_000;

class Memory {
  #rss = 0;
  #heap = 0;
  #rssMax = 0;

  begin(): void {
    const { rss, heap } = this.#now();
    this.#rss = rss;
    this.#heap = heap;
  }

  /** After a collection: the garbage of a day comes in seconds here, and would count as growth. */
  sample(): void {
    this.#rssMax = Math.max(this.#rssMax, this.#now().rss);
  }

  growth(): Pick<OutageLine, 'rssGrowthMb' | 'heapGrowthMb'> {
    this.sample();
    const mb = (bytes: number): number => Math.round((bytes / MB) * 10) / 10;
    return { rssGrowthMb: mb(this.#rssMax - this.#rss), heapGrowthMb: mb(this.#now().heap - this.#heap) };
  }

  #now(): { rss: number; heap: number } {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heap: heapUsed + external };
  }
}

async function main(dataDir: string, url: string): Promise<void> {
  const clock = new SimClock();
  const startMs = clock.monoMs();
  const logger = createLogger({ level: 'fatal', format: 'json' });
  const store: Store = new Store({
    dataDir,
    logger,
    clock: systemClock,
    limits: { ...LIMITS, outboxMb: OUTBOX_MB },
    workerUrl: new URL('../fixtures/store/collecting-worker.ts', import.meta.url),
    inHand: () => publisher.inHand,
    onOutbox: (rows) => publisher.outboxGrew(rows),
  });
  const publisher: Publisher = new Publisher({
    config: configSchema.shape.mqtt.parse({ url }),
    retained: new RetainedTree({ memory: { known: () => [], change: () => undefined } }),
    device: 'pi',
    logger,
    clock,
    outbox: storeOutbox(store),
    health: () => ({}) as HealthReport,
  });
  await store.start(new AbortController().signal);
  await publisher.start();
  const memory = new Memory();
  const say = (step: OutageLine['step']): void => {
    const { lastSeq, outboxRows, outboxBytes } = store.state();
    const simulatedHours = Math.round((clock.monoMs() - startMs) / 3_600_000);
    const line: OutageLine = { step, lastSeq, outboxRows, outboxBytes, simulatedHours, ...memory.growth() };
    writeSync(1, `${JSON.stringify(line)}\n`);
  };
  for (let number = 1; number <= ALERTS; number += 1) {
    await clock.advance(DAY_MS / ALERTS);
    const at = { atMs: clock.nowMs(), startedAtMs: clock.nowMs() - 1000, monoMs: clock.monoMs() };
    const steps = (['new', 'update', 'update', 'end'] as const).map((type) => change(type, number, at));
    store.commit({ events: steps, alerts: [alert(number, { atMs: at.atMs, monoMs: at.monoMs })] });
    // No further ahead of the disk than a daemon would be.
    while (store.state().queued > 100) await systemClock.sleep(1);
    if (number === HOURLY) memory.begin();
    else if (number % HOURLY === 0) memory.sample();
  }
  while (store.state().queued > 0) await systemClock.sleep(5);
  say('outage');
  await once(process.stdin, 'data');
  // Time runs a hundred times as fast as ours until all is delivered.
  for (let turn = 1; store.state().outboxRows > 0; turn += 1) {
    await clock.advance(500);
    await systemClock.sleep(5);
    if (turn % 20 === 0) memory.sample();
  }
  say('drained');
  await publisher.stop();
  await store.stop();
  process.exit(0);
}

if (process.argv[1]?.endsWith('outage-child.ts') === true)
  await main(process.argv[2] ?? '', process.argv[3] ?? '');

// How many alerts the store commits per second on this disk, each flushed to it (synchronous=FULL), and how late the main
// thread's timers are meanwhile. One at a time is the disk's pace; in a burst a transaction carries up to 256.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { LoopWatch } from '../../daemon/platform/board.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { mountOf } from '../../daemon/platform/disk.ts';
import { median, percentile } from '../../daemon/platform/percentiles.ts';
import { Store } from '../../daemon/store/store.ts';
import { alert, LIMITS } from '../fixtures/store/records.ts';
import { ROOT } from '../support/needs.ts';
import type { BenchLine } from './figures.ts';

const RUNS = 5;
const ALERTS = { single: 2000, burst: 20_000 } as const;
/** Alerts waiting at most, in a burst: the queue is never empty and never full. */
const AHEAD = 1000;

interface Run {
  readonly perSecond: number;
  /** Of each alert in turn, from commit to the announcement of its row; one at a time only. */
  readonly tookMs: readonly number[];
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

export async function benchStore(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const mode of ['single', 'burst'] as const) {
    const runs: Run[] = [];
    for (let run = 0; run < RUNS; run += 1) runs.push(await measure(mode));
    lines.push(lineOf(mode, runs));
  }
  return lines;
}

function lineOf(mode: keyof typeof ALERTS, runs: readonly Run[]): BenchLine {
  const of = (pick: (run: Run) => number): number => median(runs.map(pick));
  const rate = `${Math.round(of(({ perSecond }) => perSecond))} alerts/s`;
  const took =
    mode === 'burst'
      ? ''
      : `, ${of(({ tookMs }) => median(tookMs)).toFixed(2)} ms each (p99 ${of(({ tookMs }) => percentile(tookMs, 0.99)).toFixed(1)} ms)`;
  const loop = `main loop late by p99 ${of(({ loopP99Ms }) => loopP99Ms)} ms, at most ${of(({ loopMaxMs }) => loopMaxMs)} ms`;
  const what = mode === 'burst' ? `a burst of ${ALERTS.burst}` : 'one at a time';
  return {
    what: `alerts committed, ${what}, FULL sync on ${fileSystem()} (medians of ${RUNS} runs)`,
    value: `${rate}${took}; ${loop}`,
    target: '',
  };
}

/** Of the disk of the working copy: a folder in memory would flush nothing. */
function fileSystem(): string {
  return mountOf(ROOT, readFileSync('/proc/self/mountinfo', 'utf8'))?.type ?? 'an unknown file system';
}

async function measure(mode: keyof typeof ALERTS): Promise<Run> {
  const folder = mkdtempSync(join(ROOT, '.vedette-bench-'));
  const loop = new LoopWatch();
  const count = ALERTS[mode];
  const tookMs: number[] = [];
  let announced = 0;
  let commit = (): void => {};
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const store = new Store({
    dataDir: folder,
    logger: pino({ level: 'silent' }),
    clock: systemClock,
    limits: LIMITS,
    onOutbox: (rows) => {
      announced += rows.length;
      if (announced < count) commit();
      else resolve();
    },
  });
  try {
    await store.start(new AbortController().signal);
    await loop.start();
    loop.read(true);
    const startMs = systemClock.monoMs();
    let committed = 0;
    let sinceMs = startMs;
    commit = () => {
      const nowMs = systemClock.monoMs();
      if (committed > 0) tookMs.push(nowMs - sinceMs);
      sinceMs = nowMs;
      const upTo = Math.min(count, announced + (mode === 'burst' ? AHEAD : 1));
      for (; committed < upTo; committed += 1) store.commit({ events: [], alerts: [alert(committed + 1)] });
    };
    commit();
    await done;
    const seconds = (systemClock.monoMs() - startMs) / 1000;
    const { delayP99Ms, delayMaxMs } = loop.read(true);
    return { perSecond: count / seconds, tookMs, loopP99Ms: delayP99Ms, loopMaxMs: delayMaxMs };
  } finally {
    await loop.stop();
    await store.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

// How much of the bare model's speed is left when requests go through socket and slots. Both run in turn in the same
// minute, with the same session options and threads, because the machine's own speed changes more than the ratio does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession } from '../../daemon/detector/session.ts';
import { defaultThreads } from '../../daemon/detector/threads.ts';
import type { DetectorEndpoint } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median } from '../../daemon/platform/percentiles.ts';
import { drawnFigure, SHIPPED_MODEL, supervised, TestClient } from '../support/detector.ts';
import type { BenchLine } from './figures.ts';

const ROUNDS = 9;
const RUNS_PER_ROUND = 150;

export async function benchDetector(): Promise<BenchLine[]> {
  const threads = defaultThreads();
  const model = await loadModel(SHIPPED_MODEL);
  const bare = await openSession({ model, providers: ['cpu'], threads, clock: systemClock });
  const tensor = drawnFigure();
  bare.input.set(tensor);
  const runtimeDir = mkdtempSync(join(tmpfs(), 'vedette-bench-'));
  const detector = supervised({ runtimeDir });
  try {
    await detector.supervisor.start(new AbortController().signal);
    const { ready } = await detector.nextState('ready', 0);
    if (ready === undefined) throw new Error('the detector is not ready');
    const bareMs: number[] = [];
    const wholeMs: number[] = [];
    const aheadMs: number[] = [];
    const insideMs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const bareRound = await timed(async () => {
        for (let i = 0; i < RUNS_PER_ROUND; i += 1) await bare.run();
      });
      const inside: number[] = [];
      const wholeRound = await timed(() => stream(ready, tensor, { ahead: 0, inferMs: inside }));
      const aheadRound = await timed(() => stream(ready, tensor, { ahead: 1, inferMs: [] }));
      // The first round warms caches and the compiler.
      if (round === 0) continue;
      bareMs.push(bareRound / RUNS_PER_ROUND);
      wholeMs.push(wholeRound / RUNS_PER_ROUND);
      aheadMs.push(aheadRound / RUNS_PER_ROUND);
      insideMs.push(median(inside));
    }
    const over = (times: readonly number[]): string =>
      median(bareMs.map((one, i) => one / times[i]!)).toFixed(3);
    return [
      { what: `bare session.run, ${threads} thread(s)`, value: ms(median(bareMs)), target: '' },
      { what: 'request through socket and slots, next one prepared', value: ms(median(wholeMs)), target: '' },
      { what: 'the same, its header sent ahead', value: ms(median(aheadMs)), target: '' },
      { what: 'session.run inside the detector process', value: ms(median(insideMs)), target: '' },
      { what: 'detector throughput over bare session.run', value: over(wholeMs), target: '>= 0.80' },
      { what: 'the same, header sent ahead', value: over(aheadMs), target: '>= 0.90' },
      {
        what: 'detector process, resident memory',
        value: `${(detector.supervisor.state().rssBytes / 1e6).toFixed(0)} MB`,
        target: '',
      },
    ];
  } finally {
    await detector.supervisor.stop();
    await bare.release();
    rmSync(runtimeDir, { recursive: true, force: true });
  }
}

/**
 * RUNS_PER_ROUND requests. The tensor of the next one is always written while one runs; with `ahead` 1 its header is sent
 * then too and waits in the detector, with 0 it is sent when the answer is here.
 */
async function stream(
  endpoint: DetectorEndpoint,
  tensor: Uint8Array,
  { ahead, inferMs }: { readonly ahead: 0 | 1; readonly inferMs: number[] },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let written = 0;
  let sent = 0;
  let answered = 0;
  const fill = (): void => {
    while (sent < written && sent - answered <= ahead) {
      client.send(sent & 1);
      sent += 1;
    }
    if (written < RUNS_PER_ROUND && written - answered < 2) {
      client.write(tensor, written & 1);
      written += 1;
      fill();
    }
  };
  const client = new TestClient(endpoint, 0, (answer) => {
    inferMs.push(answer.runEndMonoMs - answer.runStartMonoMs);
    answered += 1;
    if (answered === RUNS_PER_ROUND) resolve();
    else fill();
  });
  fill();
  await promise;
  client.close();
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMonoMs = systemClock.monoMs();
  await work();
  return systemClock.monoMs() - startMonoMs;
}

/** A daemon's runtime directory is on tmpfs; without one the slots go to the disk cache, which is nearly the same. */
function tmpfs(): string {
  return process.env['XDG_RUNTIME_DIR'] ?? (process.platform === 'linux' ? '/dev/shm' : tmpdir());
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

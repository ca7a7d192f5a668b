// What ten thousand frames leave behind in the two threads that see each of them: the whole daemon runs in this process,
// fed as fast as it takes small frames, and each thread's heap is measured after a collection, the camera worker's over
// the inspector (Chrome DevTools Protocol, domains NodeWorker and HeapProfiler), so that nothing is built in for it.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import { runApp } from '../../daemon/app.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median } from '../../daemon/platform/percentiles.ts';
import { modelFolder, TOYS } from '../support/detector.ts';
import { benchFolder, reports } from './daemon.ts';
import type { BenchLine } from './figures.ts';

const WARM_FRAMES = 5000;
const FRAMES = 10_000;
/** Frames go on while a heap is looked at: the least of some looks has the fewest of them in it. */
const LOOKS = 5;
const LOOK_MS = 100;

interface Heap {
  readonly heapUsed: number;
  readonly arrayBuffers: number;
}

export async function benchHeap(): Promise<BenchLine[]> {
  const folder = benchFolder();
  const ending = new AbortController();
  try {
    const inspector = new Inspector();
    const { running, url } = await startApp(folder, ending.signal);
    const client = await connectAsync(url);
    const marks: { frames: number; main: Heap; worker: Heap }[] = [];
    for await (const { health } of reports(client)) {
      const frames = health.cameras['small']?.framesProcessed ?? 0;
      if (frames < (marks[0] === undefined ? WARM_FRAMES : marks[0].frames + FRAMES)) continue;
      marks.push({ frames, main: await inspector.heap('main'), worker: await inspector.heap('worker') });
      if (marks.length === 2) break;
    }
    await client.endAsync(true);
    ending.abort();
    await running;
    inspector.close();
    const [before, after] = marks as [(typeof marks)[number], (typeof marks)[number]];
    return (['main', 'worker'] as const).map((thread) => ({
      what: `6. ${thread === 'main' ? 'main thread' : 'camera worker'}: retained heap growth over ${after.frames - before.frames} frames; arrayBuffers`,
      value: `${kilobytes(after[thread].heapUsed - before[thread].heapUsed)}; ${kilobytes(before[thread].arrayBuffers)} → ${kilobytes(after[thread].arrayBuffers)}`,
      target: '< 1 MB; constant',
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The daemon in this process: one small camera in a loop, a model of no cost that finds several things in each frame. */
async function startApp(
  folder: string,
  signal: AbortSignal,
): Promise<{ running: Promise<void>; url: string }> {
  const path = join(folder, 'small.nut');
  const grey = `-v error -f lavfi -i color=gray:size=64x64:rate=60 -frames:v 60 -pix_fmt yuv420p -c:v rawvideo`;
  spawnSync('ffmpeg', [...grey.split(' '), path]);
  const config = configSchema.parse({
    mqtt: { embedded: { enabled: true, port: 0 }, healthS: 1, drainDelayS: 0 },
    detector: { model: modelFolder(folder, TOYS.ssd) },
    track: { threshold: 0.3 },
    cameras: {
      small: { source: { type: 'file', path, pace: 'fast' }, detect: { width: 64, height: 64, fps: 60 } },
    },
  });
  const started = Promise.withResolvers<string>();
  const options = {
    ...{ config, dataDir: join(folder, 'data'), deviceDefault: 'bench', version: '0' },
    ...{ clock: systemClock, logger: pino({ level: 'silent' }) },
    observer: { onStarted: (app: { brokerUrl: string }) => started.resolve(app.brokerUrl) },
  };
  const running = runApp(options, signal);
  running.catch(started.reject);
  return { running, url: await started.promise };
}

/** Speaks to the inspectors of this thread and of the camera worker. */
class Inspector {
  readonly #session = new Session();
  readonly #answers = new Map<number, (result: unknown) => void>();
  #workerId: string | undefined;
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
      if (params.workerInfo.title.includes('camera')) this.#workerId = params.sessionId;
    });
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, result } = JSON.parse(params.message) as { id: number; result: unknown };
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    });
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** What is still held after a collection, bytes. */
  async heap(thread: 'main' | 'worker'): Promise<Heap> {
    const looks: Heap[] = [];
    for (let look = 0; look < LOOKS; look += 1) {
      await this.#ask(thread, 'HeapProfiler.collectGarbage', {});
      const expression = 'JSON.stringify(process.memoryUsage())';
      const { result } = (await this.#ask(thread, 'Runtime.evaluate', { expression })) as {
        result: { value: string };
      };
      looks.push(JSON.parse(result.value) as Heap);
      await systemClock.sleep(LOOK_MS);
    }
    return {
      heapUsed: Math.min(...looks.map(({ heapUsed }) => heapUsed)),
      arrayBuffers: median(looks.map(({ arrayBuffers }) => arrayBuffers)),
    };
  }

  close(): void {
    this.#session.disconnect();
  }

  #ask(thread: 'main' | 'worker', method: string, params: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (thread === 'main') {
        this.#session.post(method, params, (error, result) => (error ? reject(error) : resolve(result)));
        return;
      }
      if (this.#workerId === undefined) throw new Error('no camera worker');
      this.#lastId += 1;
      this.#answers.set(this.#lastId, resolve);
      const message = JSON.stringify({ id: this.#lastId, method, params });
      this.#session.post('NodeWorker.sendMessageToWorker', { sessionId: this.#workerId, message });
    });
  }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1e3).toFixed(0)} kB`;
}

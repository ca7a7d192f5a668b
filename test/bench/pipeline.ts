// The figures of the whole daemon, measured on the daemon itself as a child process: throughput over bare session.run,
// latency of the perception feed and of an alert, start, stop, memory. Nothing is measured inside it that it does not
// publish anyway.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { openSession } from '../../daemon/detector/session.ts';
import { defaultThreads } from '../../daemon/detector/threads.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median, percentile } from '../../daemon/platform/percentiles.ts';
import { drawnFigure, SHIPPED_MODEL } from '../support/detector.ts';
import { benchFolder, type Daemon, detectorPid, MAIN, reports, startDaemon, stopDaemon } from './daemon.ts';
import type { BenchLine } from './figures.ts';

const ROUNDS = 5;
const BARE_MS = 3000;
const WARM_FRAMES = 150;
const PIPELINE_MS = 5000;
const RECORDED_FRAMES = 60;
/** Five frames a second. */
const LATENCY_FRAMES = 450;

/** Rows 1 to 3 of the figures to reach, and start, stop and memory beside them. */
export async function benchPipeline(): Promise<BenchLine[]> {
  const folder = benchFolder();
  try {
    return [...(await benchThroughput(folder)), ...(await benchLatency(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A replayed camera, as fast as the detector takes it, against session.run in a loop, in turn. */
async function benchThroughput(folder: string): Promise<BenchLine[]> {
  const video = recordScene(folder);
  const source = { type: 'file', path: video, pace: 'fast', loop: true };
  const rounds: { bare: number; whole: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const bare = await bareFps();
    // With the gate, frames without a look would make it look faster than it is.
    const daemon = await startDaemon(folder, { cameras: { replay: { source, motion: { enabled: false } } } });
    const whole = await pipelineFps(daemon);
    await stopDaemon(daemon);
    rounds.push({ bare, whole });
  }
  const fps = (pick: (one: (typeof rounds)[number]) => number): string => median(rounds.map(pick)).toFixed(1);
  return [
    {
      what: `bare session.run in a loop, ${defaultThreads()} thread(s), a second`,
      value: fps(({ bare }) => bare),
      target: '',
    },
    {
      what: 'whole pipeline, 1280x720 replayed unthrottled, frames a second',
      value: fps(({ whole }) => whole),
      target: '',
    },
    {
      what: '1. whole pipeline over bare session.run',
      value: median(rounds.map(({ bare, whole }) => whole / bare)).toFixed(2),
      target: '>= 0.90',
    },
  ];
}

/** The scene as raw video, so that decoding costs next to nothing: the camera is not what is measured. */
function recordScene(folder: string): string {
  const path = join(folder, 'scene.nut');
  const scene = spawnSync(
    process.execPath,
    [MAIN, 'scene', '--frames', String(RECORDED_FRAMES), '--pace', 'fast'],
    {
      maxBuffer: 2 ** 30,
    },
  );
  const args =
    '-loglevel error -y -f rawvideo -pixel_format yuv420p -video_size 1280x720 -framerate 5 -i pipe:0 -c copy';
  const { status, stderr } = spawnSync('ffmpeg', [...args.split(' '), path], { input: scene.stdout });
  if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  return path;
}

async function bareFps(): Promise<number> {
  const model = await loadModel(SHIPPED_MODEL);
  const session = await openSession({
    model,
    providers: ['cpu'],
    threads: defaultThreads(),
    clock: systemClock,
  });
  session.input.set(drawnFigure());
  let runs = -20;
  let startMs = 0;
  for (; systemClock.monoMs() - startMs < BARE_MS || runs < 1; runs += 1) {
    if (runs === 0) startMs = systemClock.monoMs();
    await session.run();
  }
  const fps = (runs * 1000) / (systemClock.monoMs() - startMs);
  await session.release();
  return fps;
}

async function pipelineFps({ client }: Daemon): Promise<number> {
  let first: { frames: number; atMs: number } | undefined;
  for await (const { health } of reports(client)) {
    const frames = Object.values(health.cameras)[0]?.framesProcessed ?? 0;
    const atMs = Date.parse(health.at);
    if (first === undefined) {
      if (frames > WARM_FRAMES) first = { frames, atMs };
    } else if (atMs - first.atMs >= PIPELINE_MS) {
      return ((frames - first.frames) * 1000) / (atMs - first.atMs);
    }
  }
  throw new Error('the daemon published no health');
}

/** The scene at five frames a second: how long from a complete frame to the feed and to an alert in a client's hands. */
async function benchLatency(folder: string): Promise<BenchLine[]> {
  const strips = Array.from({ length: 16 }, (_, index) => [index / 16, (index + 1) / 16] as const);
  const zones = Object.fromEntries(
    strips.map(([left, right], index) => [
      `s${index}`,
      {
        points: [
          [left, 0],
          [right, 0],
          [right, 1],
          [left, 1],
        ],
      },
    ]),
  );
  const rules = Object.fromEntries(
    Object.keys(zones).map((zone) => [`in-${zone}`, { trigger: { type: 'enter', zone }, cooldownS: 0 }]),
  );
  const daemon = await startDaemon(folder, {
    cameras: { yard: { source: { type: 'scene' }, zones } },
    rules,
  });
  const feedMs: number[] = [];
  const alertMs: number[] = [];
  let firstMs = 0;
  await new Promise<void>((resolve) => {
    daemon.client.on('message', (topic, payload) => {
      if (topic.endsWith('/health')) return;
      const message = JSON.parse(payload.toString()) as {
        ageMs: number;
        atMs: number;
        latency: { inferMs: number };
      };
      if (topic.endsWith('/alert'))
        alertMs.push(systemClock.nowMs() - message.atMs - message.latency.inferMs);
      else if (message.latency.inferMs > 0) feedMs.push(message.ageMs - message.latency.inferMs);
      if (firstMs === 0) firstMs = systemClock.monoMs() - daemon.startedMs;
      if (feedMs.length >= LATENCY_FRAMES) resolve();
    });
    daemon.client.subscribe(['vedette/+/alert', 'vedette/+/camera/+/detections'], { qos: 1 });
  });
  const memory = `${await rssMb(daemon.client)} MB; ${pssMb(daemon)} MB with shared pages divided among who has them`;
  const stopMs = await stopDaemon(daemon);
  const both = (values: number[]): string =>
    `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`;
  return [
    {
      what: `2. frame complete → perception message, less inference (${feedMs.length} frames)`,
      value: both(feedMs),
      target: 'p50 <= 5 ms, p99 <= 15 ms',
    },
    {
      what: `3. frame complete → alert in a client's hands, less inference (${alertMs.length} alerts)`,
      value: both(alertMs),
      target: 'p99 <= 60 ms',
    },
    { what: 'process start → first detection message', value: ms(firstMs), target: '<= 2000 ms' },
    { what: 'resident memory, daemon and detector, one camera', value: memory, target: '<= 250 MB' },
    { what: 'Ctrl-C → gone', value: ms(stopMs), target: '<= 2000 ms' },
  ];
}

async function rssMb(client: MqttClient): Promise<number> {
  for await (const { health } of reports(client)) {
    if (health.memory !== undefined) {
      const bytes = health.memory.rssBytes + (health.memory.detectorRssBytes ?? 0);
      return Math.round(bytes / 1e6);
    }
  }
  return 0;
}

/** Proportional set size (proc_pid_smaps_rollup(5)): Node's own pages are not counted for each of its processes. */
function pssMb(daemon: Daemon): number {
  const bytes = [daemon.process.pid, detectorPid(daemon)].map((pid) => {
    const text = pid === undefined ? '' : readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return 1024 * Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0);
  });
  return Math.round(bytes.reduce((sum, each) => sum + each, 0) / 1e6);
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

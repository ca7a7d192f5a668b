// Several cameras on one board, with the real detector: equal ones get equal shares, priorities their ratio, none
// starves, and memory stays where it is. One minute by default; VEDETTE_CAMERAS_S=600 watches for ten.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { HealthReport } from '../../daemon/publish/health-message.ts';
import { writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { modelFolder, TOYS } from '../support/detector.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const WATCH_S = Number(process.env['VEDETTE_CAMERAS_S'] ?? 60);
/** Seconds under load until shares are counted: the last camera has come by then. */
const SATURATED_S = 10;
const SETTLE_S = 5;
const MEMORY_GROWTH_BYTES_MAX = 8e6;
const SECONDS_RECORDED = 4;

const testCameras = testNeeding({ programs: ['mosquitto'] });

/** Every frame of a grey picture is wanted, and nobody minds that it is one. */
const UNWATCHED = { motion: { enabled: false }, sight: { frozenS: 0, blindS: 0, movedS: 0 } };

/** What a daemon with these cameras did while it was watched. */
interface Watched {
  /** One a second. */
  readonly reports: readonly HealthReport[];
  /** Whose frame was processed, frame by frame. */
  readonly order: readonly string[];
}

/** Watches for `seconds` from when all cameras have settled. */
async function watch(document: object, seconds: number): Promise<Watched> {
  const broker = await Mosquitto.start();
  const filters = ['vedette/+/health', 'vedette/+/camera/+/detections'];
  const subscriber = await Subscriber.connect({ url: broker.url, filters });
  const mqtt = { url: broker.url, drainDelayS: 0, healthS: 1 };
  // A busy detector is what is watched here.
  const config = writeConfig({ log: { format: 'json' }, mqtt, ladder: { enabled: false }, ...document });
  const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
  const reportsAt = (): number[] =>
    subscriber.messages.flatMap(({ topic }, i) => (topic.endsWith('/health') ? [i] : []));
  const health = (i: number): HealthReport => JSON.parse(subscriber.messages[i]!.payload) as HealthReport;
  const isRunning = (i: number): boolean =>
    Object.values(health(i).cameras).every(({ framesProcessed }) => framesProcessed > 0);
  await waitFor('frames of every camera', () => reportsAt().some(isRunning), 60_000);
  const settled = reportsAt().length + SETTLE_S;
  const enough = (): boolean => reportsAt().length > settled + seconds;
  await waitFor(`${seconds} reports`, enough, seconds * 2000 + 30_000);
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
  expect(daemon.stderr()).not.toMatch(/"level":[456]0/);
  const watched = reportsAt().slice(settled, settled + seconds + 1);
  return {
    reports: watched.map(health),
    order: subscriber.messages
      .slice(watched[0], watched.at(-1))
      .flatMap(({ topic }) => /camera\/(.+)\/detections$/.exec(topic)?.[1] ?? []),
  };
}

/** Frames per camera. */
function framesOf(order: readonly string[]): Record<string, number> {
  const frames: Record<string, number> = {};
  for (const name of order) frames[name] = (frames[name] ?? 0) + 1;
  return frames;
}

/** The most frames of other cameras between two of `camera`, and before its first and after its last. */
function longestWait(order: readonly string[], camera: string): number {
  const own = order.flatMap((name, i) => (name === camera ? [i] : []));
  return Math.max(...[...own, order.length].map((at, i) => at - (own[i - 1] ?? -1) - 1));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Memory of daemon and detector together, in bytes: medians of the three thirds. */
function memoryByThirds(reports: readonly HealthReport[]): number[] {
  const third = Math.floor(reports.length / 3);
  const bytes = reports.map(({ memory }) => memory.rssBytes + (memory.detectorRssBytes ?? 0));
  return [0, 1, 2].map((n) => median(bytes.slice(n * third, (n + 1) * third)));
}

function describeRun({ reports, order }: Watched): string {
  const megabytes = memoryByThirds(reports).map((bytes) => (bytes / 1e6).toFixed(1));
  const delays = reports.map(({ eventLoop }) => eventLoop);
  const p99 = median(delays.map(({ delayP99Ms }) => delayP99Ms));
  const max = Math.max(...delays.map(({ delayMaxMs }) => delayMaxMs));
  return [
    `${reports.length - 1} s: frames ${JSON.stringify(framesOf(order))}`,
    `main loop delay p99 ${p99} ms (median of the seconds), max ${max} ms`,
    `memory of daemon and detector by thirds ${megabytes.join(', ')} MB`,
  ].join('; ');
}

/** A few seconds of the built-in camera: a file of raw frames. */
function recordedScene(seed: number): string {
  const path = join(tempDir(), 'scene.yuv');
  const fd = openSync(path, 'w');
  const options = ['--width', '640', '--height', '360', '--frames', String(SECONDS_RECORDED * 5)];
  const args = [join(ROOT, 'daemon/main.ts'), 'scene', ...options, '--seed', String(seed), '--pace', 'fast'];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', fd, 'inherit'] });
  closeSync(fd);
  expect(status).toBe(0);
  return path;
}

/** Plays a file of raw frames in a loop. */
function replay(file: string, detect: { width: number; height: number; fps: number }): object {
  const { width, height, fps } = detect;
  const program = join(ROOT, 'test/support/replay-camera.ts');
  const options = ['--file', file, '--bytes', String((width * height * 3) / 2), '--fps', String(fps)];
  return { source: { type: 'command', command: [process.execPath, program, ...options] }, detect };
}

testCameras(
  'four cameras at five frames a second have the same share, and memory stays where it is',
  async () => {
    const detect = { width: 640, height: 360, fps: 5 };
    const names = ['north', 'east', 'south', 'west'];
    const cameras = Object.fromEntries(names.map((name, i) => [name, replay(recordedScene(i + 1), detect)]));
    const watched = await watch({ cameras }, WATCH_S);
    console.log(describeRun(watched));
    const frames = Object.values(framesOf(watched.order));
    expect(frames).toHaveLength(names.length);
    const mean = frames.reduce((sum, count) => sum + count, 0) / frames.length;
    for (const count of frames) expect(Math.abs(count / mean - 1)).toBeLessThan(0.1);
    // Five seconds of frames.
    for (const name of names) expect(longestWait(watched.order, name)).toBeLessThan(100);
    const [, middle, last] = memoryByThirds(watched.reports);
    expect(last! - middle!).toBeLessThan(MEMORY_GROWTH_BYTES_MAX);
  },
  WATCH_S * 2000 + 180_000,
);

testCameras('when the detector is the bottleneck, low, normal and high share it as 1 to 2 to 4', async () => {
  // Each camera alone brings more than there are turns to have.
  const detect = { width: 64, height: 64, fps: 60 };
  const path = join(tempDir(), 'grey.yuv');
  writeFileSync(path, Buffer.alloc((64 * 64 * 3) / 2, 128));
  const cameras = Object.fromEntries(
    ['low', 'normal', 'high'].map((priority) => [
      priority,
      { ...replay(path, detect), priority, ...UNWATCHED },
    ]),
  );
  // A model that takes its time over a bright picture, and finds nothing.
  const model = modelFolder(tempDir(), TOYS.hoard);
  const watched = await watch({ cameras, detector: { model } }, SATURATED_S);
  console.log(describeRun(watched));
  const { low, normal, high } = framesOf(watched.order) as { low: number; normal: number; high: number };
  for (const ratio of [normal / low / 2, high / low / 4, high / normal / 2]) {
    expect(Math.abs(ratio - 1)).toBeLessThan(0.1);
  }
  // Of seven turns one is its own; twice that is the bound, and answers of two threads may overtake each other.
  expect(longestWait(watched.order, 'low')).toBeLessThanOrEqual(16);
});

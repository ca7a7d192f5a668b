// What masks and pictures cost the camera's thread, and what the disk of the temporary folder takes for a picture.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { JpegEncoder } from '../../daemon/camera/jpeg.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import { PictureFiles } from '../../daemon/camera/picture-files.ts';
import type { Snapshot } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { percentile } from '../../daemon/platform/percentiles.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import type { BenchLine } from './figures.ts';

const SIZE = { width: 1280, height: 720, fps: 5 };
const ROUNDS = 200;
const WRITES = 50;
/** 70 % of the frame. */
const POINTS: [number, number][] = [
  [0.05, 0.1],
  [0.95, 0.02],
  [0.9, 0.95],
  [0.5, 0.8],
  [0.1, 0.98],
];

export async function benchPictures(): Promise<BenchLine[]> {
  const scene = new Scene(SIZE);
  scene.render(30);
  const encoder = new JpegEncoder(SIZE, 80);
  const painter = new MaskPainter(SIZE, { large: { points: POINTS } });
  const covered = Buffer.from(scene.frame);
  const jpeg = encoder.encode(scene.frame);
  return [
    line(
      'privacy mask over 70 % of a frame',
      timed(() => painter.paint(covered)),
    ),
    line(
      `picture encoded (${Math.round(jpeg.length / 1000)} kB)`,
      timed(() => encoder.encode(scene.frame)),
    ),
    line(
      'its hash',
      timed(() => createHash('sha256').update(jpeg).digest('hex')),
    ),
    line('picture and crop on the disk', await written(jpeg)),
  ];
}

function line(what: string, timesMs: readonly number[]): BenchLine {
  const at = (share: number): string => `${percentile(timesMs, share).toFixed(2)} ms`;
  return { what: `1280x720: ${what}`, value: `p50 ${at(0.5)}, p99 ${at(0.99)}`, target: '' };
}

function timed(work: () => void): number[] {
  return Array.from({ length: ROUNDS }, () => {
    const startMs = systemClock.monoMs();
    work();
    return systemClock.monoMs() - startMs;
  });
}

async function written(jpeg: Uint8Array): Promise<number[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
  const timesMs: number[] = [];
  let done = Promise.withResolvers<void>();
  const files = new PictureFiles({
    camera: 'bench',
    dataDir,
    reserveMb: 0,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    onDurable: () => done.resolve(),
    onLost: ({ path }) => done.reject(new Error(`'${path}' could not be written`)),
  });
  try {
    files.start();
    while (!files.open) await systemClock.sleep(1);
    for (let count = 0; count < WRITES; count += 1) {
      done = Promise.withResolvers();
      const stem = files.newPath({ label: 'person', track: count, atMs: systemClock.nowMs() });
      const snapshot = { path: `${stem}.jpg` } as Snapshot;
      const startMs = systemClock.monoMs();
      const crop = { path: `${stem}-crop.jpg`, jpeg: jpeg.subarray(0, 15_000) };
      files.write({ snapshot, files: [crop, { path: snapshot.path, jpeg }] });
      await done.promise;
      timesMs.push(systemClock.monoMs() - startMs);
    }
    await files.close();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
  return timesMs;
}

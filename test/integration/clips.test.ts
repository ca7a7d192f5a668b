// Clips on a real disk through the real ffmpeg: what they show and for how long, what is masked, and what happens when one
// cannot be written.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clipPlan } from '../../daemon/camera/clip-plan.ts';
import { Clips } from '../../daemon/camera/clips.ts';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import { checkClips } from '../../daemon/cli/check-clips.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { ClipOrder } from '../../daemon/core/clips.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import type { Snapshot } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { newId } from '../../daemon/platform/ids.ts';
import { alert } from '../fixtures/store/records.ts';
import { memoryLogger } from '../support/logger.ts';
import { testNeeding } from '../support/needs.ts';
import { plainFrame } from '../support/pictures.ts';
import { tempDir } from '../support/temp-dir.ts';
import { videoOf } from '../support/video.ts';
import { waitFor } from '../support/wait.ts';

const testClips = testNeeding({ programs: ['ffmpeg', 'ffprobe'] });
const DETECT = { width: 1280, height: 720, fps: 5, enabled: true };
const AT_MS = Date.UTC(2026, 5, 1, 12);
/** The upper quarter. */
const MASK = {
  points: [
    [0, 0],
    [1, 0],
    [1, 0.25],
    [0, 0.25],
  ] as [number, number][],
};

interface World {
  readonly clips: Clips;
  readonly dataDir: string;
  readonly durable: Snapshot[];
  readonly warnings: () => unknown[];
  /** Frame n, 200 ms after the one before, grey of this brightness. */
  show(number: number, brightness: number): void;
  order(afterFrame: number, span: { beforeS: number; afterS: number }): ClipOrder;
}

function world({ reserveMb = 0, dataDir = tempDir() } = {}): World {
  const pool = new FramePool((DETECT.width * DETECT.height * 3) / 2, new MaskPainter(DETECT, { sky: MASK }));
  const durable: Snapshot[] = [];
  const { logger, records } = memoryLogger();
  const clips = new Clips({
    ...{ camera: 'porch', detect: DETECT, dataDir, reserveMb, pool, clock: systemClock, logger },
    onClip: (clip) => durable.push(clip),
  });
  onTestFinished(() => clips.close());
  return {
    ...{ clips, dataDir, durable },
    warnings: () => records.map(({ msg }) => msg),
    show: (number, brightness) => {
      const frame = pool.filling;
      frame.bytes.set(plainFrame(DETECT, [brightness, 128, 128]));
      frame.monoMs = 1000 + number * 200;
      pool.complete();
      clips.look();
      const taken = pool.take();
      if (taken !== undefined) pool.release(taken);
    },
    order: (afterFrame, { beforeS, afterS }) => {
      const monoMs = 1000 + afterFrame * 200;
      const order = {
        ...{ camera: 'porch', path: `media/porch/2026-06-01/120000-${newId()}.mp4`, atMs: AT_MS },
        ...{ fromMonoMs: monoMs - beforeS * 1000, toMonoMs: monoMs + afterS * 1000 },
        ...{ label: 'person', score: 0.9, eventId: 'event-1' },
      };
      clips.order(order);
      return order;
    },
  };
}

testClips('a clip shows the seconds before and after its alert, with the privacy masks in it', async () => {
  const { clips, dataDir, durable, show, order } = world();
  clips.remember(5);
  // Dark for ten seconds, then bright.
  for (let number = 0; number < 50; number += 1) show(number, 60);
  const { path } = order(49, { beforeS: 2, afterS: 3 });
  for (let number = 50; number < 64; number += 1) show(number, 200);
  expect(existsSync(join(dataDir, path))).toBe(false);
  for (let number = 64; number < 66; number += 1) show(number, 200);
  await waitFor('the clip', () => durable[0], 60_000);
  const file = readFileSync(join(dataDir, path));
  expect(durable).toEqual([
    {
      ...{ kind: 'clip', camera: 'porch', path, track: 0, label: 'person', score: 0.9, atMs: AT_MS },
      ...{ eventId: 'event-1', box: { x: 0, y: 0, width: 1, height: 1 }, bytes: file.length },
      sha256: createHash('sha256').update(file).digest('hex'),
    },
  ]);
  expect(readdirSync(join(dataDir, 'media/porch/.clips'))).toEqual([]);
  const video = videoOf(join(dataDir, path));
  expect([video.width, video.height, video.fps]).toEqual([640, 360, 5]);
  expect(video.frames).toHaveLength(26);
  const middles = video.frames.map((frame) => frame.at(320, 300));
  expect(middles.slice(0, 11).every((brightness) => brightness < 90)).toBe(true);
  expect(middles.slice(11).every((brightness) => brightness > 180)).toBe(true);
  // But for the block at its edge: 16 is black.
  const masked = video.frames.map((frame) => Math.max(frame.at(5, 5), frame.at(320, 40), frame.at(630, 70)));
  expect(Math.max(...masked)).toBeLessThan(24);
});

testClips(
  'overlapping clips are written one after the other, and a camera that stopped leaves a shorter one',
  async () => {
    const { clips, dataDir, durable, show, order } = world();
    clips.remember(4);
    for (let number = 0; number < 20; number += 1) show(number, 100);
    const orders = [order(15, { beforeS: 1, afterS: 1 }), order(17, { beforeS: 1, afterS: 3 })];
    for (let number = 20; number < 23; number += 1) show(number, 100);
    // No frame says that its last second has come.
    await waitFor('both', () => durable.length === 2, 60_000);
    expect(durable.map(({ path }) => path).sort()).toEqual(orders.map(({ path }) => path).sort());
    const lengths = orders.map(({ path }) => videoOf(join(dataDir, path)).frames.length);
    expect(lengths).toEqual([11, 11]);
  },
);

testClips('nothing is remembered and nothing written where no rule wants a clip', async () => {
  const { clips, dataDir, show, order, durable } = world();
  for (let number = 0; number < 5; number += 1) show(number, 100);
  order(4, { beforeS: 1, afterS: 0 });
  await clips.close();
  expect(durable).toEqual([]);
  expect(existsSync(join(dataDir, 'media'))).toBe(false);
});

testClips('a disk without room is told once; leftovers of an earlier life are removed', async () => {
  const dataDir = tempDir();
  mkdirSync(join(dataDir, 'media/porch/.clips'), { recursive: true });
  writeFileSync(join(dataDir, 'media/porch/.clips/half.mp4'), 'half');
  const { clips, show, order, warnings } = world({ reserveMb: 1_000_000_000, dataDir });
  clips.remember(2);
  for (let number = 0; number < 5; number += 1) show(number, 100);
  order(4, { beforeS: 1, afterS: 0 });
  order(4, { beforeS: 0.5, afterS: 0 });
  show(5, 100);
  await waitFor('the warning', () => warnings().length > 0);
  await clips.close();
  expect(warnings()).toEqual([
    expect.stringMatching(/^clips of camera 'porch' are not written: \d+ MB are free \(limit 1000000000/),
  ]);
  expect(readdirSync(join(dataDir, 'media/porch'))).toEqual(['.clips']);
  expect(readdirSync(join(dataDir, 'media/porch/.clips'))).toEqual([]);
});

/** Programs are looked for here first. */
function withPath(path: string): void {
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  onTestFinished(() => {
    process.env['PATH'] = before;
  });
}

test('without ffmpeg no alert names a clip, no camera remembers anything, and the log says so', () => {
  withPath(tempDir());
  const { logger, records } = memoryLogger();
  const { rules, cameras } = configSchema.parse({
    cameras: { porch: { source: { type: 'scene' }, zones: { door: MASK } } },
    rules: { door: { trigger: { type: 'enter', zone: 'door' }, clip: { beforeS: 5, afterS: 10 } } },
  });
  const plan = clipPlan(decisionScene({ rules, cameras }), logger);
  expect(plan.secondsOf('porch')).toBe(0);
  expect(plan.orderOf(alert(1, { rule: 'door' }))).toBeUndefined();
  expect(records).toMatchObject([
    {
      code: 'CLIP_NOT_WRITTEN',
      msg: expect.stringMatching(/^clips \(rules door\): ffmpeg not found on PATH/),
    },
  ]);
});

test('vedette check says so where the rule stands', () => {
  withPath(tempDir());
  const config = configSchema.parse({
    cameras: { porch: { source: { type: 'scene' }, zones: { door: MASK } } },
    rules: {
      door: { trigger: { type: 'enter', zone: 'door' }, clip: { beforeS: 5, afterS: 10 } },
      plain: { trigger: { type: 'enter', zone: 'door' } },
    },
  });
  expect(checkClips(config).faults).toEqual([
    { path: ['rules', 'door', 'clip'], message: expect.stringContaining('apt install ffmpeg') },
  ]);
});

test('an ffmpeg that fails leaves no file behind, and the log says what it said', async () => {
  const bin = tempDir();
  writeFileSync(join(bin, 'ffmpeg'), '#!/bin/sh\necho "no codec today" >&2\nexit 1\n');
  chmodSync(join(bin, 'ffmpeg'), 0o755);
  withPath(`${bin}:${process.env['PATH']}`);
  const { clips, dataDir, durable, show, order, warnings } = world();
  clips.remember(2);
  for (let number = 0; number < 5; number += 1) show(number, 100);
  order(4, { beforeS: 1, afterS: 0 });
  show(5, 100);
  await waitFor('the warning', () => warnings().length > 0);
  expect(warnings()[0]).toMatch(
    /^clips of camera 'porch' are not written: .*no codec today; the next is tried again$/,
  );
  expect(durable).toEqual([]);
  expect(readdirSync(join(dataDir, 'media/porch/.clips'))).toEqual([]);
});

// Privacy masks, held against the pixels everywhere they could appear: two cameras that differ only under a mask, each
// through pool, preprocessor, a real detector process, tracker and pictures, must leave the same bytes in the tensor
// slots, in the files and in the messages, and what is under the mask must be black in each of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { FrameSplitter } from '../../daemon/camera/frame-reader.ts';
import { MaskPainter } from '../../daemon/camera/masks.ts';
import type { EncodedPicture } from '../../daemon/camera/messages.ts';
import { Pipeline } from '../../daemon/camera/pipeline.ts';
import { Snapshots } from '../../daemon/camera/snapshots.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { Config } from '../../daemon/config/types.ts';
import type { Snapshot, TrackView } from '../../daemon/core/types.ts';
import { type DetectorEndpoint, type DetectorState, tensorBytes } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { modelFolder, supervised, TOYS } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { decodeJpeg } from '../support/pictures.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const SIZE = { width: 640, height: 384, fps: 5 };
const LUMA_BYTES = SIZE.width * SIZE.height;
/** A slanted mask over the left part of the picture, through the objects that the toy model finds. */
const POINTS = [
  [0, 0],
  [0.5, 0],
  [0.3, 1],
  [0, 1],
] as const;
const FRAMES = 8;

interface Sight {
  /** Bytes of both slots of the camera at the detector. */
  readonly slots: Buffer;
  readonly whole: Uint8Array;
  readonly crop: Uint8Array;
  readonly message: Uint8Array;
  readonly snapshot: Snapshot;
}

async function detector(): Promise<DetectorState> {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const { supervisor, nextState } = supervised({
    runtimeDir: tempDir(),
    loadModel: () => loadModel(folder),
  });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  return nextState('ready', 0);
}

function configured(masks: Config['cameras'][string]['masks'], boxes: boolean): Config {
  return configSchema.parse({
    cameras: { porch: { source: { type: 'scene' }, detect: SIZE, masks } },
    track: { threshold: 0.3, scoreMin: 0.3 },
    snapshots: { boxes, reserveMb: 0 },
  });
}

/** Sends the frames through everything that a camera worker holds; what came out of it for the best object. */
async function see(state: DetectorState, frame: Buffer, masked: boolean, boxes = false): Promise<Sight> {
  const dataDir = tempDir();
  const points = POINTS.map(([x, y]): [number, number] => [x, y]);
  const { cameras, track, snapshots: config } = configured(masked ? { left: { points } } : {}, boxes);
  const { detect, masks } = cameras['porch']!;
  const { logger } = memoryLogger();
  const pool = new FramePool(frame.length, new MaskPainter(detect, masks));
  const pictures: EncodedPicture[] = [];
  const durable: Snapshot[] = [];
  let observed: readonly TrackView[] = [];
  const own = { camera: 'porch', detect, clock: systemClock, logger };
  const snapshots = new Snapshots({
    ...own,
    config,
    dataDir,
    onPicture: (picture) => pictures.push(picture),
    onSnapshot: (snapshot) => durable.push(snapshot),
  });
  snapshots.start();
  const pipeline = new Pipeline({
    ...own,
    priority: 'normal',
    index: 0,
    track,
    regions: { enabled: false },
    fullLookS: 10,
    inOrder: false,
    deadlineMs: 60_000,
    pool,
    snapshots,
    onObservation: ({ tracks }) => {
      observed = tracks;
    },
    onRoom: () => undefined,
    onLate: () => undefined,
  });
  onTestFinished(() => pipeline.close());
  pipeline.detectorChanged(state);
  let count = 0;
  const splitter = new FrameSplitter(pool, () => {
    count += 1;
    const stamp = { number: count, atMs: 1000 + count * 200, monoMs: count * 200 };
    Object.assign(pool.filling, stamp, { completeMonoMs: systemClock.monoMs() });
    pool.complete();
    pipeline.pump();
  });
  while (pipeline.framesProcessed < FRAMES) {
    const before = pipeline.framesProcessed;
    splitter.push(frame, frame.length);
    await waitFor('the answer', () => pipeline.framesProcessed > before);
  }
  await snapshots.close();
  const { model, slotsPath, slotBytes } = state.ready as DetectorEndpoint;
  const file = readFileSync(slotsPath);
  const tensor = tensorBytes(model.input);
  const slots = Buffer.concat(
    [0, 1].map((slot) => file.subarray(slot * slotBytes, slot * slotBytes + tensor)),
  );
  const named = observed.find(({ snapshot }) => snapshot !== undefined && snapshot.path === durable[0]?.path);
  expect(named?.snapshot?.sha256).toBe(durable[0]!.sha256);
  const { path, cropPath } = durable[0]!;
  const read = (name: string): Buffer => readFileSync(join(dataDir, name));
  return {
    slots,
    whole: read(path),
    crop: read(cropPath!),
    message: pictures[0]!.jpeg,
    snapshot: durable[0]!,
  };
}

/** A picture with many edges, the same on both sides of the mask; `secret` decides what is under it. */
function frameWith(secret: (at: number) => number): Buffer {
  const frame = Buffer.alloc((LUMA_BYTES * 3) / 2);
  for (let at = 0; at < frame.length; at += 1) frame[at] = 70 + ((at * 7) % 31) * 5;
  const covered = Buffer.from(frame);
  const { masks } = configured({ left: { points: POINTS.map(([x, y]) => [x, y]) } }, false).cameras['porch']!;
  new MaskPainter(SIZE, masks).paint(covered);
  for (let at = 0; at < frame.length; at += 1) if (covered[at] !== frame[at]) frame[at] = secret(at);
  return frame;
}

/** Neither is so light in its first corner that the toy model fails. */
const ONE = frameWith((at) => 60 + (at % 60));
const OTHER = frameWith((at) => (at % 3 === 0 ? 16 : 150));

/** Whether a pixel of the frame lies under the mask, at least `by` pixels from its edge. */
function under(x: number, y: number, by: number): boolean {
  const edge = SIZE.width * (0.5 - (0.2 * y) / SIZE.height);
  return x < edge - by;
}

describe('what is under a privacy mask', () => {
  test.each([
    ['without boxes', false],
    ['with boxes', true],
  ])('changes no byte of tensor, files and messages, %s', async (_, boxes) => {
    const state = await detector();
    const one = await see(state, ONE, true, boxes);
    const other = await see(state, OTHER, true, boxes);
    for (const part of ['slots', 'whole', 'crop', 'message'] as const) {
      expect(Buffer.compare(one[part], other[part]), part).toBe(0);
    }
    expect(other.snapshot.score).toBe(one.snapshot.score);
  });

  test('would have changed every one of them', async () => {
    const state = await detector();
    const one = await see(state, ONE, false);
    const other = await see(state, OTHER, false);
    for (const part of ['slots', 'whole', 'crop', 'message'] as const) {
      expect(Buffer.compare(one[part], other[part]), part).not.toBe(0);
    }
  });

  test('is black in tensor, files and messages', async () => {
    const state = await detector();
    const { slots, whole, crop, message, snapshot } = await see(state, OTHER, true);
    const { width, height } = state.ready!.model.input;
    let checked = 0;
    for (let at = 0; at < slots.length; at += 1) {
      const pixel = Math.floor(at / 3) % (width * height);
      // Four pixels of the tensor share their colour: at the edge of the mask it may be that of its neighbour.
      const right = 2 * (Math.floor((pixel % width) / 2) + 1) * (SIZE.width / width);
      const bottom = 2 * (Math.floor(pixel / width / 2) + 1) * (SIZE.height / height);
      if (!under(right, bottom, 0)) continue;
      expect(slots[at]).toBe(0);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(slots.length / 4);
    expect(Buffer.compare(whole, message)).toBe(0);
    expectBlack(whole, { x: 0, y: 0 });
    const { width: cropWidth, height: cropHeight } = decodeJpeg(crop);
    const centre = (from: number, length: number, size: number, part: number): number =>
      Math.max(0, Math.round((from + length / 2) * size - part / 2));
    const { box } = snapshot;
    expectBlack(crop, {
      x: centre(box.x, box.width, SIZE.width, cropWidth),
      y: centre(box.y, box.height, SIZE.height, cropHeight),
    });
  });
});

/** Every pixel under the mask, but for those that share a block of the JPEG (16 pixels) with one that is not. */
function expectBlack(jpeg: Uint8Array, corner: { x: number; y: number }): void {
  const picture = decodeJpeg(jpeg);
  let brightest = 0;
  let checked = 0;
  for (let y = 0; y < picture.height; y += 1) {
    for (let x = 0; x < picture.width; x += 1) {
      if (!under(corner.x + x, corner.y + y, 32)) continue;
      brightest = Math.max(brightest, ...picture.at(x, y));
      checked += 1;
    }
  }
  expect(checked).toBeGreaterThan(1000);
  expect(brightest).toBeLessThanOrEqual(1);
}

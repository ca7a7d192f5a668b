// Which pictures a camera makes, on frames made here and a real disk: what a track is told to have is what was sent and
// what is written.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EncodedPicture } from '../../daemon/camera/messages.ts';
import { Snapshots } from '../../daemon/camera/snapshots.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { SnapshotsConfig } from '../../daemon/config/types.ts';
import type { Snapshot, SnapshotRef, TrackView } from '../../daemon/core/types.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { decodeJpeg } from '../support/pictures.ts';
import { tempDir } from '../support/temp-dir.ts';
import { stampOf, standing, trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const DETECT = { width: 320, height: 192, fps: 5 };
/** Noise, so that everything is sharp. */
const BYTES = Buffer.from(
  Uint8Array.from({ length: (DETECT.width * DETECT.height * 3) / 2 }, (_, at) => 60 + ((at * 37) % 101)),
);
const SECOND = 5;

interface Camera {
  readonly snapshots: Snapshots;
  readonly dataDir: string;
  readonly pictures: EncodedPicture[];
  readonly durable: Snapshot[];
  /** Shows frame n with these tracks, as the pipeline does; what the tracks are told to have with it. */
  look(frame: number, ...tracks: TrackView[]): (SnapshotRef | undefined)[];
}

async function camera(changes: Partial<SnapshotsConfig> = {}): Promise<Camera> {
  const dataDir = tempDir();
  const config = configSchema.parse({ cameras: { porch: { source: { type: 'scene' } } } }).snapshots;
  const pictures: EncodedPicture[] = [];
  const durable: Snapshot[] = [];
  const { logger, records } = memoryLogger();
  let nowMs = 0;
  const clock: Clock = {
    ...systemClock,
    monoMs: () => nowMs,
    every: (_ms, fn) => systemClock.every(10, fn),
  };
  const snapshots = new Snapshots({
    camera: 'porch',
    detect: DETECT,
    config: { ...config, reserveMb: 0, ...changes },
    dataDir,
    clock,
    logger,
    onPicture: (picture) => pictures.push(picture),
    onSnapshot: (snapshot) => durable.push(snapshot),
  });
  onTestFinished(() => snapshots.close());
  snapshots.start();
  await waitFor('the first look at the disk', () => snapshots.ready || records.length > 0);
  const look = (number: number, ...tracks: TrackView[]): (SnapshotRef | undefined)[] => {
    const { atMs, monoMs } = stampOf(number);
    nowMs = monoMs;
    const frame = { bytes: BYTES, number, atMs, monoMs, completeMonoMs: monoMs };
    snapshots.look(frame, tracks, 'first');
    const named = snapshots.name({ tracks, ended: [] }).map(({ snapshot }) => snapshot);
    snapshots.look(frame, tracks, 'better');
    return named;
  };
  return { snapshots, dataDir, pictures, durable, look };
}

const person = (fields: Partial<TrackView> = {}): TrackView =>
  trackView({ id: 1, box: standing(0.5, 0.8, 0.2, 0.4), score: 0.6, ...fields });

describe('the picture of a track', () => {
  test('is named at once, sent, and then on the disk as it was named and sent', async () => {
    const { look, pictures, durable, dataDir, snapshots } = await camera();
    const [named] = look(1, person());
    expect(named).toBeDefined();
    expect(pictures).toHaveLength(1);
    expect(pictures[0]?.label).toBe('person');
    await waitFor('the file', () => durable.length === 1);
    const snapshot = durable[0]!;
    const { box, score } = person();
    expect(snapshot).toMatchObject({ ...named, camera: 'porch', track: 1, label: 'person', box, score });
    expect(snapshot.atMs).toBe(stampOf(1).atMs);
    const [whole, crop] = [snapshot.path, snapshot.cropPath!].map((path) =>
      readFileSync(join(dataDir, path)),
    );
    expect(createHash('sha256').update(whole!).digest('hex')).toBe(named?.sha256);
    expect(whole!.equals(pictures[0]!.jpeg)).toBe(true);
    expect(snapshot.bytes).toBe(whole!.length + crop!.length);
    expect(decodeJpeg(whole!)).toMatchObject({ width: 320, height: 192 });
    const { width, height } = decodeJpeg(crop!);
    expect([width > 64 && width < 120, height > 76 && height < 120]).toEqual([true, true]);
    expect([snapshots.written, snapshots.dropped]).toEqual([1, 0]);
  });

  test.each([
    ['is not confirmed', { confirmed: false }],
    ['is not seen in this frame', { score: 0 }],
  ])('is not made while it %s', async (_, fields) => {
    const { look, pictures } = await camera();
    expect(look(1, person(fields))).toEqual([undefined]);
    expect(pictures).toEqual([]);
  });

  test('gives way to a clearly better one only, and not at once', async () => {
    const { look, pictures } = await camera();
    const [first] = look(1, person());
    expect(look(2, person({ score: 0.99 }))).toEqual([first]);
    expect(look(1 + SECOND, person({ score: 0.65 }))).toEqual([first]);
    // Told before the better one is made: an observation does not wait for that.
    expect(look(2 + 2 * SECOND, person({ score: 0.99 }))).toEqual([first]);
    const [better] = look(3 + 2 * SECOND, person({ score: 0.6 }));
    expect(better?.path).not.toBe(first?.path);
    expect(look(4 + 3 * SECOND, person({ score: 0.6 }))).toEqual([better]);
    expect(pictures).toHaveLength(2);
  });

  test('is forgotten with its track', async () => {
    const { look, snapshots } = await camera();
    look(1, person());
    snapshots.name({ tracks: [], ended: [1] });
    expect(snapshots.name({ tracks: [person()], ended: [] })[0]?.snapshot).toBeUndefined();
  });

  test('shows a box where that is wanted, and never in the crop', async () => {
    const [drawn, plain] = [await camera(), await camera({ boxes: false })];
    for (const { look } of [drawn, plain]) look(1, person());
    await waitFor('the files', () => drawn.durable.length + plain.durable.length === 2);
    expect(Buffer.compare(drawn.pictures[0]!.jpeg, plain.pictures[0]!.jpeg)).not.toBe(0);
    const crops = [drawn, plain].map(({ dataDir, durable }) =>
      readFileSync(join(dataDir, durable[0]!.cropPath!)),
    );
    expect(crops[0]!.equals(crops[1]!)).toBe(true);
  });

  test('has one file where no crop is wanted', async () => {
    const { look, durable, pictures } = await camera({ crop: false });
    look(1, person());
    await waitFor('the file', () => durable.length === 1);
    expect(durable[0]).not.toHaveProperty('cropPath');
    expect(durable[0]?.bytes).toBe(pictures[0]?.jpeg.length);
  });
});

describe('pictures that are not made', () => {
  test('are counted: a crowd gets a few at once, the better ones first, and the others in their turn', async () => {
    const { look, pictures, snapshots } = await camera();
    const crowd = Array.from({ length: 6 }, (_, index) => person({ id: index + 1, score: 0.5 + index / 20 }));
    const has = (named: (SnapshotRef | undefined)[]): boolean[] => named.map((one) => one !== undefined);
    expect(has(look(1, ...crowd))).toEqual([false, false, false, true, true, true]);
    expect(snapshots.dropped).toBe(3);
    expect(has(look(2, ...crowd))).toEqual([false, false, false, true, true, true]);
    expect(snapshots.dropped).toBe(3);
    expect(has(look(1 + SECOND, ...crowd))).toEqual([false, true, true, true, true, true]);
    expect([pictures.length, snapshots.dropped]).toEqual([5, 4]);
  });

  test('for want of room are still sent to the topics, and no track names them', async () => {
    const { look, pictures, snapshots } = await camera({ reserveMb: 1_000_000 });
    expect(look(1, person())).toEqual([undefined]);
    expect([pictures.length, snapshots.dropped, snapshots.written]).toEqual([1, 1, 0]);
    look(2 + SECOND, person());
    expect([pictures.length, snapshots.dropped]).toEqual([1, 1]);
  });

  test('for want of room and of subscribers cost nothing but the count', async () => {
    const { look, pictures, snapshots } = await camera({ reserveMb: 1_000_000, publish: false });
    expect(look(1, person())).toEqual([undefined]);
    expect([pictures.length, snapshots.dropped]).toEqual([0, 1]);
  });

  test('because the disk refused are no longer named, and made again when it takes them', async () => {
    const { look, dataDir, snapshots, durable } = await camera();
    const day = new Date(stampOf(1).atMs).toISOString().slice(0, 10);
    const inTheWay = join(dataDir, 'media/porch', day);
    writeFileSync(inTheWay, '');
    expect(look(1, person())[0]).toBeDefined();
    await waitFor('the loss', () => snapshots.dropped === 1);
    expect(snapshots.name({ tracks: [person()], ended: [] })[0]?.snapshot).toBeUndefined();
    rmSync(inTheWay);
    await waitFor('the next look at the disk', () => snapshots.ready);
    const [again] = look(2 + SECOND, person());
    await waitFor('the file', () => durable.length === 1);
    expect(durable[0]).toMatchObject(again!);
  });

  test('are none when sending is not wanted and there is room: the file is written all the same', async () => {
    const { look, pictures, durable } = await camera({ publish: false });
    look(1, person());
    await waitFor('the file', () => durable.length === 1);
    expect(pictures).toEqual([]);
  });
});

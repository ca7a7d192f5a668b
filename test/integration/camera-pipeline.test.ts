// The stamps of what a camera's pipeline tells, with the real detector process and frames made by hand.
import { expect, onTestFinished, test } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { Pipeline } from '../../daemon/camera/pipeline.ts';
import { frameBytesOf } from '../../daemon/camera/source.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { Observation } from '../../daemon/core/types.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { cameraConfig } from '../support/camera-runner.ts';
import { modelFolder, supervised, TOYS } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { UNPAINTED } from '../support/unpainted.ts';
import { waitFor } from '../support/wait.ts';

const FRAME = { number: 7, atMs: 1_800_000_000_000, monoMs: 50_000, completeMonoMs: 60_000 };
/** An hour after it. */
const NOW = { atMs: FRAME.atMs + 3_600_000, monoMs: FRAME.monoMs + 3_600_000 };

/** A pipeline that has told of one frame with objects, an hour ago. */
async function told({ inOrder }: { inOrder: boolean }) {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(folder) });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  const { detect } = cameraConfig({ type: 'scene' }, { width: 64, height: 64 });
  const pool = new FramePool(frameBytesOf(detect), UNPAINTED);
  const { logger } = memoryLogger();
  const clock: Clock = { ...systemClock, nowMs: () => NOW.atMs, monoMs: () => NOW.monoMs };
  const observations: Observation[] = [];
  const pipeline = new Pipeline({
    ...{ camera: 'porch', index: 0, priority: 'normal', detect, clock, logger, pool },
    track: configSchema.parse({ cameras: { porch: { source: { type: 'scene' } } } }).track,
    ...{ regions: { enabled: false, perS: 1000 }, fullLookS: 10, deadlineMs: 60_000, inOrder, lastTrack: 41 },
    onObservation: (observation) => observations.push(observation),
    onRoom: () => undefined,
    onLate: () => undefined,
  });
  onTestFinished(() => pipeline.close());
  pipeline.detectorChanged(await nextState('ready', 0));
  // The brightest pixel is the best score of the toy model.
  pool.filling.bytes.fill(180, 0, 4096).fill(128, 4096);
  Object.assign(pool.filling, FRAME);
  pool.complete();
  await waitFor('the frame', () => {
    pipeline.pump();
    return observations.length > 0;
  });
  const ids = observations[0]!.tracks.map(({ id }) => id);
  return { pipeline, observations, ids };
}

const WAYS: readonly [string, (pipeline: Pipeline) => void][] = [
  ['detection that is switched off', (pipeline) => pipeline.turn({ detect: false, threshold: null })],
  ['the end of the stream', (pipeline) => pipeline.finish()],
];

test.each(WAYS)('%s is told with the number of the last frame and the time of now', async (_, end) => {
  const { pipeline, observations, ids } = await told({ inOrder: false });
  end(pipeline);
  const stamp = { frame: FRAME.number, ...NOW };
  expect(observations.slice(1)).toEqual([
    expect.objectContaining({ stamp, completeMonoMs: NOW.monoMs, tracks: [], ended: ids, frameless: true }),
  ]);
});

test.each(WAYS)('%s, in a video with a time of its own, is when its last frame was', async (_, end) => {
  const { pipeline, observations, ids } = await told({ inOrder: true });
  end(pipeline);
  const { number: frame, atMs, monoMs, completeMonoMs } = FRAME;
  const when = { stamp: { frame, atMs, monoMs }, completeMonoMs };
  expect(observations.slice(1)).toEqual([
    expect.objectContaining({ ...when, tracks: [], ended: ids, frameless: true }),
  ]);
});

test('what is given up for want of frames is told with the time of now', async () => {
  const { pipeline, observations, ids } = await told({ inOrder: false });
  pipeline.expire();
  const stamp = { frame: FRAME.number, ...NOW };
  expect(observations[1]).toMatchObject({ stamp, completeMonoMs: NOW.monoMs, ended: ids, frameless: true });
});

test('tracks are numbered from where the worker before ended', async () => {
  const { ids } = await told({ inOrder: false });
  expect(ids[0]).toBe(42);
});

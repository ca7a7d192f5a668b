// A camera worker that crashes: a real worker thread with the real scene program.
import { expect, onTestFinished, test } from 'vitest';
import { Camera } from '../../daemon/camera/camera.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { CameraStatus, Observation } from '../../daemon/core/types.ts';
import type { DetectorEndpoint, DetectorState } from '../../daemon/detector/wire.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { supervised } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('a camera worker that crashes ends its tracks, is told as offline and comes back', async () => {
  const source = { type: 'scene', leaves: false };
  const config = configSchema.parse({ cameras: { yard: { source } } });
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir() });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  const ready = await nextState('ready', 0);

  const statuses: CameraStatus[] = [];
  const observations: Observation[] = [];
  const camera = new Camera({
    camera: 'yard',
    index: 0,
    config: config.cameras['yard']!,
    track: config.track,
    deadlineMs: 60_000,
    log: { level: 'error', format: 'json' },
    snapshots: config.snapshots,
    dataDir: tempDir(),
    runtimeDir: tempDir(),
    clock: systemClock,
    logger: memoryLogger().logger,
    onObservation: (observation) => observations.push(observation),
    onPicture: () => undefined,
    onSnapshot: () => undefined,
    onStatus: (_camera, status) => statuses.push(status),
    onDetectorLate: () => undefined,
  });
  await camera.start();
  onTestFinished(() => camera.stop());
  camera.detectorChanged(ready);
  const live = await waitFor('a track', () => observations.find(({ tracks }) => tracks.length > 0));
  const ids = () => observations.at(-1)?.tracks.map(({ id }) => id) ?? [];
  expect(ids()).not.toEqual([]);

  // No model has an input of that size: the worker cannot make its buffers.
  const endpoint = ready.ready as DetectorEndpoint;
  const model = { ...endpoint.model, input: { ...endpoint.model.input, width: -1 } };
  const impossible: DetectorState = { ...ready, ready: { ...endpoint, model } };
  camera.detectorChanged(impossible);
  await waitFor('offline', () => statuses.at(-1) === 'offline' && statuses.includes('online'));
  expect(camera.state().reason).toMatch(/camera worker crashed/);
  const last = observations.at(-1)!;
  expect(last.tracks).toEqual([]);
  expect(last.ended).toContain(live.tracks[0]!.id);

  camera.detectorChanged(ready);
  const seen = observations.length;
  await waitFor('the next worker', () => statuses.at(-1) === 'online' && observations.length > seen, 60_000);
});

// A camera worker that crashes or hangs: a real worker thread with the real scene program.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { DetectorEndpoint, DetectorState } from '../../daemon/detector/wire.ts';
import { makeCamera } from '../support/camera-worker.ts';
import { supervised } from '../support/detector.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('a camera worker that crashes ends its tracks, is told as offline and comes back', async () => {
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir() });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  const ready = await nextState('ready', 0);

  const { camera, statuses, observations } = makeCamera();
  await camera.start();
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
  expect(camera.state()).toMatchObject({ fps: 0, reason: expect.stringMatching(/camera worker crashed/) });
  const last = observations.at(-1)!;
  expect(last.tracks).toEqual([]);
  expect(last.ended).toContain(live.tracks[0]!.id);

  camera.detectorChanged(ready);
  const seen = observations.length;
  await waitFor('the next worker', () => statuses.at(-1) === 'online' && observations.length > seen, 60_000);
});

test('a camera worker that hangs is ended with its program, told as offline and started again', async () => {
  const clock = new SimClock();
  const workerUrl = new URL('../fixtures/camera/hanging-worker.ts', import.meta.url);
  const { camera, statuses, records, runtimeDir } = makeCamera({ clock, workerUrl });
  await camera.start();
  await waitFor('the worker', () => statuses.at(-1) === 'online');
  await clock.advance(10_000);
  expect(statuses.at(-1)).toBe('online');

  await clock.advance(5000);
  expect(statuses.at(-1)).toBe('offline');
  expect(camera.state().reason).toMatch(/no sign of life for 15 s/);
  const pid = readFileSync(join(runtimeDir, 'hung'), 'utf8');
  // A program that nobody has waited for stays as a zombie, without a command line.
  await waitFor(
    'the end of its program',
    () => !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sleep'),
  );

  await waitFor('the next worker', async () => {
    await clock.advance(100);
    return existsSync(join(runtimeDir, 'well'));
  });
  await waitFor('its camera', () => statuses.at(-1) === 'online');
  const hung = records.filter(({ code }) => code === 'CAMERA_WORKER_HUNG');
  expect(hung).toHaveLength(1);
});

test('a camera that is stopped while its worker hangs has ended its tracks', async () => {
  const clock = new SimClock();
  const workerUrl = new URL('../fixtures/camera/hanging-worker.ts', import.meta.url);
  const { camera, observations } = makeCamera({ clock, workerUrl });
  await camera.start();
  await waitFor('a track', () => observations.length > 0);
  const stopped = camera.stop();
  await clock.advance(2000);
  await stopped;
  expect(observations.at(-1)).toMatchObject({ tracks: [], ended: [1], frameless: true });
});

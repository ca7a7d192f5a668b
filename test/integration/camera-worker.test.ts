// A camera worker that crashes, hangs or takes long to load: a real worker thread with the real scene program.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { noPast } from '../../daemon/camera/camera-past.ts';
import type { DetectorEndpoint, DetectorState } from '../../daemon/detector/wire.ts';
import { makeCamera } from '../support/camera-worker.ts';
import { supervised } from '../support/detector.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

test('a camera worker that crashes ends its tracks, is told as offline and comes back, counting on', async () => {
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
  expect(last.stamp.frame).toBe(observations.at(-2)!.stamp.frame);

  const counted = camera.state();
  const seen = observations.length;
  const known = new Set(observations.flatMap(({ tracks }) => tracks.map(({ id }) => id)));
  camera.detectorChanged(ready);
  const next = () => observations.slice(seen);
  await waitFor(
    'a track of the next worker',
    () => statuses.at(-1) === 'online' && next().some(({ tracks }) => tracks.length > 0),
    60_000,
  );
  expect(next()[0]!.stamp.frame).toBeGreaterThan(last.stamp.frame);
  expect(next().flatMap(({ tracks }) => tracks.filter(({ id }) => known.has(id)))).toEqual([]);
  await waitFor('its counters', () => camera.state().framesTotal > counted.framesTotal);
  expect(camera.state().framesProcessed).toBeGreaterThanOrEqual(counted.framesProcessed);
  expect(camera.state().inferences).toBeGreaterThanOrEqual(counted.inferences);
});

test('a camera goes on counting from where the one of its name before it had come', async () => {
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir() });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  const { camera, observations } = makeCamera();
  const { counters } = noPast();
  const before = { ...counters, framesTotal: 990, framesDropped: 100, framesProcessed: 890, restarts: 3 };
  camera.goOnFrom({ frame: 1000, track: 40, counters: before });
  expect(camera.state()).toMatchObject(before);
  await camera.start();
  camera.detectorChanged(await nextState('ready', 0));
  const first = await waitFor('a track', () => observations.find(({ tracks }) => tracks.length > 0), 60_000);
  expect(first.tracks[0]!.id).toBe(41);
  expect(observations[0]!.stamp.frame).toBeGreaterThan(1000);
  await waitFor('its counters', () => camera.state().framesProcessed > 890);
  expect(camera.state().framesTotal).toBeGreaterThan(1000);
  expect(camera.state()).toMatchObject({ restarts: 3 });
  expect(camera.state().framesDropped).toBeGreaterThanOrEqual(100);
  await camera.stop();
  const { past } = camera;
  expect(past.frame).toBeGreaterThanOrEqual(observations.at(-1)!.stamp.frame);
  expect(past.track).toBe(Math.max(...observations.flatMap(({ tracks }) => tracks.map(({ id }) => id))));
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

test('a camera that is stopped while its worker loads waits for it: to end it there could abort the daemon', async () => {
  const child = fileURLToPath(new URL('../fixtures/camera/loading-child.ts', import.meta.url));
  // Rejects with the signal of a child that was aborted.
  await promisify(execFile)(process.execPath, [child, tempDir()]);
});

test('a camera worker that does not come to its first word is ended half a minute after the start', async () => {
  const clock = new SimClock();
  const workerUrl = new URL('../fixtures/camera/mute-worker.ts', import.meta.url);
  const { camera, records, runtimeDir } = makeCamera({ clock, workerUrl });
  await camera.start();
  await waitFor('the worker', () => existsSync(join(runtimeDir, 'mute')));
  await clock.advance(29_000);
  expect(records).toEqual([]);
  await clock.advance(1000);
  expect(camera.state().reason).toMatch(/no sign of life for 30 s/);
  await camera.stop();
});

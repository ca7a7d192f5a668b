// Switches of a camera that runs: a real worker thread, the real scene program, the real detector.
import { expect, onTestFinished, test } from 'vitest';
import type { DetectorState } from '../../daemon/detector/wire.ts';
import { argumentsOfDescendants } from '../support/camera-runner.ts';
import { ALL_ON, makeCamera } from '../support/camera-worker.ts';
import { supervised } from '../support/detector.ts';
import { decodeJpeg } from '../support/pictures.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

async function readyDetector(): Promise<DetectorState> {
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir() });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  return nextState('ready', 0);
}

async function running() {
  const ready = await readyDetector();
  const made = makeCamera();
  await made.camera.start();
  made.camera.detectorChanged(ready);
  const { observations } = made;
  const live = () => observations.at(-1)?.tracks ?? [];
  await waitFor('a track', () => live().length > 0, 60_000);
  return { ...made, live };
}

const scenePrograms = (): string[] => argumentsOfDescendants().filter((line) => line.includes(' scene '));

test('a camera switched off ends its program and its tracks, and comes back when it is switched on', async () => {
  const { camera, statuses, observations, live } = await running();
  const before = live().map(({ id }) => id);
  const highest = () => Math.max(...observations.flatMap(({ tracks }) => tracks.map(({ id }) => id)));
  expect(scenePrograms()).toHaveLength(1);
  camera.turn({ ...ALL_ON, enabled: false });
  expect(statuses.at(-1)).toBe('disabled');
  await waitFor('the end of its program', () => scenePrograms().length === 0);
  await waitFor('the end of its tracks', () => live().length === 0);
  const ended = observations.flatMap((observation) => observation.ended);
  expect(ended).toEqual(expect.arrayContaining(before));
  const last = observations.findLast((observation) => observation.ended.length > 0);
  expect(last?.frameless).toBe(true);
  // Its worker has said all it had to say a moment before it is gone.
  await waitFor('the end of its worker', () => camera.state().fps === 0);
  expect(camera.state().status).toBe('disabled');
  await expect(camera.newestPicture()).rejects.toMatchObject({ code: 'CAMERA_NO_PICTURE' });

  const [told, frame] = [highest(), observations.at(-1)!.stamp.frame];
  const seen = observations.length;
  camera.turn(ALL_ON);
  await waitFor('the camera', () => statuses.at(-1) === 'online', 60_000);
  await waitFor('a track', () => live().length > 0, 60_000);
  expect(statuses).toEqual(['offline', 'online', 'disabled', 'offline', 'online']);
  // Who follows an object by its number never takes another for it.
  expect(Math.min(...live().map(({ id }) => id))).toBeGreaterThan(told);
  expect(observations[seen]!.stamp.frame).toBeGreaterThan(frame);
});

test('a camera switched off and on many times at once is in the end as it was switched last', async () => {
  const { camera, statuses } = makeCamera();
  await camera.start();
  for (let n = 0; n < 20; n += 1) camera.turn({ ...ALL_ON, enabled: n % 2 === 1 });
  await waitFor('the camera', () => statuses.at(-1) === 'online', 60_000);
  expect(scenePrograms()).toHaveLength(1);
  for (let n = 0; n < 21; n += 1) camera.turn({ ...ALL_ON, enabled: n % 2 === 1 });
  await waitFor('no program', () => scenePrograms().length === 0);
  expect(statuses.at(-1)).toBe('disabled');
});

test('a camera that does not detect stays online, ends its tracks and still gives pictures', async () => {
  const { camera, statuses, observations, live } = await running();
  camera.turn({ ...ALL_ON, detect: false });
  await waitFor('the end of its tracks', () => live().length === 0);
  const { framesTotal, framesProcessed } = camera.state();
  await waitFor('further frames', () => camera.state().framesTotal > framesTotal + 5);
  // One counter may have been on its way.
  expect(camera.state().framesProcessed).toBeLessThanOrEqual(framesProcessed + 5);
  const processed = camera.state().framesProcessed;
  const seen = observations.length;
  const picture = await camera.newestPicture();
  expect(decodeJpeg(picture.jpeg)).toMatchObject({ width: 1280, height: 720 });
  expect(picture).toMatchObject({ width: 1280, height: 720 });
  expect(camera.state().framesProcessed).toBe(processed);
  expect(observations).toHaveLength(seen);
  expect(statuses.at(-1)).toBe('online');
  // Also with nobody in the picture it is told: rules that wait for nobody must know that nobody looks.
  camera.turn(ALL_ON);
  camera.turn({ ...ALL_ON, detect: false });
  await waitFor('word of it', () => observations.length > seen);
  expect(observations[seen]).toMatchObject({ tracks: [], ended: [], frameless: true });
  camera.turn(ALL_ON);
  await waitFor('a track', () => live().length > 0, 60_000);
});

test('the threshold decides from the next frame on, for all labels, also in the worker that follows a crash', async () => {
  const ready = await readyDetector();
  const { camera, observations, statuses } = makeCamera();
  await camera.start();
  camera.turn({ ...ALL_ON, threshold: 1 });
  camera.detectorChanged(ready);
  await waitFor('frames', () => observations.length > 15, 60_000);
  expect(observations.flatMap(({ tracks }) => tracks).some(({ confirmed }) => confirmed)).toBe(false);
  expect(observations.some(({ tracks }) => tracks.some(({ scoreMedian }) => scoreMedian > 0.75))).toBe(true);

  const endpoint = ready.ready!;
  const model = { ...endpoint.model, input: { ...endpoint.model.input, width: -1 } };
  camera.detectorChanged({ ...ready, ready: { ...endpoint, model } });
  await waitFor('the crash', () => statuses.at(-1) === 'offline' && statuses.includes('online'));
  camera.detectorChanged(ready);
  const until = observations.length;
  await waitFor('frames of the next worker', () => observations.length > until + 15, 60_000);
  expect(observations.flatMap(({ tracks }) => tracks).some(({ confirmed }) => confirmed)).toBe(false);

  camera.turn({ ...ALL_ON, threshold: 0.5 });
  await waitFor(
    'a confirmed track',
    () => observations.at(-1)?.tracks.some(({ confirmed }) => confirmed),
    60_000,
  );
});

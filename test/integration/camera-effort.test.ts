// A camera that may make less work: a real worker thread, a real camera program, the real detector.
import { expect, onTestFinished, test } from 'vitest';
import type { Camera } from '../../daemon/camera/camera.ts';
import { Cameras } from '../../daemon/camera/cameras.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { FULL_EFFORT } from '../../daemon/core/effort.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { ALL_ON, makeCamera } from '../support/camera-worker.ts';
import { modelFolder, supervised, TOYS } from '../support/detector.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const FRAMES = 40;
/** A frame may be on its way when the counters are told. */
const UNDERWAY = 3;

/** Grey frames, 20 a second, each of which is looked at. */
function busyCamera(): Camera {
  const frames =
    '$|=1; $f = "\\x80" x 6144; while (1) { syswrite STDOUT, $f; select undef, undef, undef, 0.05 }';
  const { cameras } = configSchema.parse({
    cameras: {
      yard: {
        source: { type: 'command', command: ['perl', '-e', frames] },
        detect: { width: 64, height: 64, fps: 20 },
        motion: { enabled: false },
      },
    },
  });
  return makeCamera({ config: cameras['yard']! }).camera;
}

async function readyDetector() {
  const model = modelFolder(tempDir(), TOYS.ssd);
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(model) });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  return nextState('ready', 0);
}

/** Frames looked at, and frames let go because the effort says so, from now until there are `FRAMES` of them. */
async function counted(camera: Camera): Promise<{ looked: number; letGo: number }> {
  const now = () => {
    const { framesProcessed, framesDropped, framesOvertaken } = camera.state();
    return { looked: framesProcessed, letGo: framesDropped - framesOvertaken };
  };
  const before = now();
  return waitFor('frames', () => {
    const [looked, letGo] = [now().looked - before.looked, now().letGo - before.letGo];
    return looked + letGo >= FRAMES && { looked, letGo };
  });
}

test('half the rate lets every second frame go, in a worker that starts later too, until all of it is given back', async () => {
  const camera = busyCamera();
  camera.detectorChanged(await readyDetector());
  camera.setEffort({ rate: 0.5, regions: true });
  await camera.start();
  await waitFor('a look', () => camera.state().framesProcessed > 0);
  const half = await counted(camera);
  expect(Math.abs(half.looked - half.letGo)).toBeLessThanOrEqual(UNDERWAY);

  camera.turn({ ...ALL_ON, enabled: false });
  await waitFor(
    'the end of its worker',
    () => camera.state().status === 'disabled' && camera.state().fps === 0,
  );
  camera.turn(ALL_ON);
  await waitFor('its return', () => camera.state().status === 'online' && camera.state().fps > 0);
  const again = await counted(camera);
  expect(Math.abs(again.looked - again.letGo)).toBeLessThanOrEqual(UNDERWAY);

  camera.setEffort(FULL_EFFORT);
  const { letGo } = await waitFor('full effort', async () => {
    const full = await counted(camera);
    return full.letGo <= UNDERWAY && full;
  });
  expect(letGo).toBeLessThanOrEqual(UNDERWAY);
});

test('a camera that comes later has the effort that was set before', async () => {
  const made: Camera[] = [];
  const cameras = new Cameras({
    names: [],
    make: () => {
      const camera = busyCamera();
      made.push(camera);
      return camera;
    },
  });
  cameras.detectorChanged(await readyDetector());
  cameras.setEffort('yard', { rate: 0.5, regions: true });
  await cameras.add(['yard']);
  await waitFor('a look', () => made[0]!.state().framesProcessed > 0);
  const { looked, letGo } = await counted(made[0]!);
  expect(Math.abs(looked - letGo)).toBeLessThanOrEqual(UNDERWAY);
});

// A detector that is there and cannot run: the real process, with a model that fails where the first pixel is 200 or more.
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { Pipeline } from '../../daemon/camera/pipeline.ts';
import { frameBytesOf } from '../../daemon/camera/source.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { DetectorState } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { cameraConfig } from '../support/camera-runner.ts';
import { detectorConfig, FIXTURES, modelFolder, supervised, TestClient, TOYS } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { UNPAINTED } from '../support/unpainted.ts';
import { waitFor } from '../support/wait.ts';

/** onnxruntime-node lists CUDA on x64 only; what is not listed is not tried. */
const testListed = test.skipIf(process.arch !== 'x64');
const GOOD = new Uint8Array(768);
const BAD = new Uint8Array(768).fill(255);
/** Of the stand-in provider that loses its context. */
const PICTURE = new Uint8Array(768).fill(77);

async function begun(config = detectorConfig()) {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const detector = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(folder), config });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  return detector;
}

function clientOf({ ready }: DetectorState): TestClient {
  const client = new TestClient(ready!);
  onTestFinished(() => client.close());
  return client;
}

/** Asks one after the other: what came back. */
async function ask(client: TestClient, tensors: readonly Uint8Array[]): Promise<string[]> {
  const types: string[] = [];
  for (const tensor of tensors) types.push((await client.infer(tensor)).type);
  return types;
}

test('five runs in a row that fail get the process replaced, fewer do not', async () => {
  const { supervisor, states, records, nextState } = await begun();
  const client = clientOf(await nextState('ready', 0));
  const four = [BAD, BAD, BAD, BAD];
  expect(new Set(await ask(client, [...four, GOOD, ...four]))).toEqual(new Set(['error', 'answer']));
  expect(supervisor.state()).toMatchObject({ state: 'ready', restarts: 0 });
  const before = states.length;
  client.write(BAD);
  client.send();
  const down = await nextState('down', before);
  expect(down).toMatchObject({ generation: 1, code: 'DETECTOR_RUN_FAILED' });
  expect(down.reason).toMatch(/^detector: 5 runs in a row failed: .*Gather/);
  const again = await nextState('ready', before);
  expect(await ask(clientOf(again), [GOOD])).toEqual(['answer']);
  expect(supervisor.state()).toMatchObject({ restarts: 1, lastReason: down.reason });
  expect(records.filter((record) => record['code'] === 'DETECTOR_RUN_FAILED')).toHaveLength(1);
});

testListed('an accelerator that is lost while it runs is left out by the next process', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('NODE_OPTIONS', `--import=${join(FIXTURES, 'stand-in-provider.ts')}`);
  vi.stubEnv('NODE_STAND_IN', 'failing');
  const { states, nextState } = await begun(detectorConfig({ providers: ['cuda'] }));
  const first = await nextState('ready', 0);
  expect(first.ready?.provider).toBe('cuda');
  const client = clientOf(first);
  const before = states.length;
  expect(await ask(client, [PICTURE, PICTURE, PICTURE, PICTURE])).not.toContain('answer');
  client.write(PICTURE);
  client.send();
  const again = await nextState('ready', before);
  expect(again.ready).toMatchObject({
    provider: 'cpu',
    fallbacks: [{ provider: 'cuda', reason: expect.stringContaining('CUDA failure 700') }],
  });
  expect(await ask(clientOf(again), [PICTURE])).toEqual(['answer']);
});

test('a frame that waits is taken when those before it were refused, and a refusal is logged once', async () => {
  const { nextState } = await begun();
  const state = await nextState('ready', 0);
  const { detect } = cameraConfig({ type: 'scene' }, { width: 64, height: 64 });
  const pool = new FramePool(frameBytesOf(detect), UNPAINTED);
  const { logger, records } = memoryLogger();
  let room = 0;
  const pipeline = new Pipeline({
    ...{ camera: 'porch', index: 0, priority: 'normal', detect, clock: systemClock, logger, pool },
    track: configSchema.parse({ cameras: { porch: { source: { type: 'scene' } } } }).track,
    ...{ regions: { enabled: false, perS: 1000 }, fullLookS: 10, deadlineMs: 60_000, inOrder: true },
    onObservation: () => undefined,
    onRoom: () => {
      room += 1;
    },
    onLate: () => undefined,
  });
  onTestFinished(() => pipeline.close());
  pipeline.detectorChanged(state);
  let number = 0;
  const bring = (luma: number): void => {
    number += 1;
    pool.filling.bytes.fill(luma, 0, 4096).fill(128, 4096);
    const monoMs = systemClock.monoMs();
    Object.assign(pool.filling, { number, atMs: 0, monoMs, completeMonoMs: monoMs });
    pool.complete();
    pipeline.pump();
  };
  for (let round = 0; round < 2; round += 1) {
    // Two are in the detector's hands, the third waits, and its source with it.
    const before = pipeline.framesProcessed;
    for (const luma of [235, 235, 16]) {
      await waitFor('room for a frame', () => !pool.hasWaiting);
      bring(luma);
    }
    await waitFor('the one that waited', () => pipeline.idle && pipeline.framesProcessed > before);
  }
  expect(pipeline).toMatchObject({ framesProcessed: 2, framesLost: 4 });
  expect(room).toBe(6);
  const told = records.filter(({ msg }) => msg === 'detector refused a crop');
  expect(told).toHaveLength(2);
});

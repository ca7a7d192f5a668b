// The detector that serves on the CPU while an accelerator is being opened, with real processes; CUDA is played by the CPU.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Detector } from '../../daemon/detector/detector.ts';
import type { DetectorState } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { detectorConfig, FIXTURES, modelFolder, TestClient, TOYS } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** onnxruntime-node lists CUDA on x64 only; what is not listed is not tried. */
const testListed = test.skipIf(process.arch !== 'x64');

/** A detector whose accelerator opens when the gate is there. */
async function opening() {
  onTestFinished(() => void vi.unstubAllEnvs());
  const [gate, runtimeDir] = [join(tempDir(), 'go'), tempDir()];
  vi.stubEnv('NODE_OPTIONS', `--import=${join(FIXTURES, 'stand-in-provider.ts')}`);
  vi.stubEnv('NODE_STAND_IN', 'slow');
  vi.stubEnv('NODE_DETECTOR_GATE', gate);
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const states: DetectorState[] = [];
  const config = detectorConfig({ providers: ['cuda'] });
  const options = {
    ...{ config, scoreLow: 0.2, runtimeDir, clock: systemClock, logger: memoryLogger().logger },
    loadModel: () => loadModel(folder),
    onState: (state: DetectorState) => states.push(state),
  };
  const detector = new Detector(options, 0);
  onTestFinished(() => detector.stop());
  await detector.start(new AbortController().signal);
  const ready = (provider: string, from = 0) =>
    waitFor(`a detector on ${provider}`, () =>
      states.slice(from).find((state) => state.ready?.provider === provider),
    );
  return { detector, config, gate, runtimeDir, states, ready };
}

async function answers({ ready }: DetectorState): Promise<void> {
  const client = new TestClient(ready!);
  onTestFinished(() => client.close());
  expect(await client.infer(new Uint8Array(768))).toMatchObject({ type: 'answer' });
}

testListed('the cpu serves until the accelerator is open, then its process ends', async () => {
  const { detector, gate, runtimeDir, states, ready } = await opening();
  const standby = await ready('cpu');
  await answers(standby);
  expect(detector.state()).toMatchObject({
    state: 'ready',
    generation: standby.generation,
    ready: { provider: 'cpu', fallbacks: [] },
    starting: { provider: 'cuda' },
    restarts: 0,
  });
  expect(detector.stuck()).toBeUndefined();
  writeFileSync(gate, '');
  const main = await ready('cuda');
  await answers(main);
  expect(main.generation).not.toBe(standby.generation);
  expect(states.map(({ state }) => state)).toEqual(['starting', 'starting', 'ready', 'ready']);
  expect(detector.state()).toMatchObject({ state: 'ready', ready: { provider: 'cuda' } });
  await waitFor('the end of the standby', () => readdirSync(join(runtimeDir, 'standby')).length === 0);
});

testListed(
  'a standby that hangs is replaced by a late answer of its own, and told to nobody else',
  async () => {
    const { detector, states, ready } = await opening();
    const { generation } = await ready('cpu');
    const before = states.length;
    detector.late({ generation, ageMs: 9999 });
    const again = await ready('cpu', before);
    expect(again.generation).not.toBe(generation);
    await answers(again);
    // Meanwhile it is as it was without it: not ready, and not down, for the accelerator is still being opened.
    expect(states.slice(before).map(({ state }) => state)).toEqual(['starting', 'ready']);
  },
);

testListed('a changed configuration and the end of the daemon end both', async () => {
  const { detector, config, gate, runtimeDir, states, ready } = await opening();
  const standby = await ready('cpu');
  const before = states.length;
  detector.reconfigure({ ...config, providers: ['cpu'] }, 0.2);
  const main = await ready('cpu', before);
  expect(main.generation).toBeGreaterThan(0);
  const after = states.length;
  detector.reconfigure(config, 0.2);
  const another = await waitFor('another standby', () =>
    states.slice(after).find(({ generation }) => generation < 0),
  );
  expect(another.generation).not.toBe(standby.generation);
  await detector.stop();
  expect(existsSync(gate)).toBe(false);
  expect(readdirSync(join(runtimeDir, 'standby'))).toEqual([]);
  expect(readdirSync(runtimeDir)).toEqual(['standby']);
});

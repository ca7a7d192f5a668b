// Ten thousand models and manifests made wrong: each is refused with one clear error, or runs; nothing dies but the process that
// is there for it, and nobody's memory grows.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Trials } from '../../daemon/detector/trial.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { FIXTURES, modelFolder, SHIPPED_MODEL, supervised, TOYS } from '../support/detector.ts';
import { mutatedBytes, mutatedJson, mutatedModel, randomOf } from '../support/mutations.ts';
import { tempDir } from '../support/temp-dir.ts';

const MANIFESTS = 3000;
const SMALL_MODELS = 6600;
const SHIPPED_MODELS = 400;
/** Daemons' detectors that are given one; each takes a process or two. */
const DETECTORS = 8;
const MEMORY_MB = 512;
/** A clear error: thirty problems of three hundred characters. */
const MESSAGE_CHARS_MAX = 10_000;

const trials = new Trials({ clock: systemClock, memoryMb: MEMORY_MB, deadlineMs: 20_000 });
afterAll(() => trials.close());

interface Outcomes {
  fine: number;
  refused: number;
}

/** Counts an outcome; anything but a clear error fails. */
async function count(outcomes: Outcomes, what: () => Promise<unknown>): Promise<void> {
  try {
    await what();
    outcomes.fine += 1;
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    expect(error.code).toMatch(/^MODEL_/);
    expect(error.message.length).toBeLessThan(MESSAGE_CHARS_MAX);
    outcomes.refused += 1;
  }
}

test(`${MANIFESTS} wrong manifests: each is refused with every problem at once, or is none`, async () => {
  const manifest = JSON.parse(readFileSync(join(SHIPPED_MODEL, 'manifest.json'), 'utf8')) as unknown;
  const folder = tempDir();
  const path = join(folder, 'manifest.json');
  writeFileSync(join(folder, 'model-int8.onnx'), readFileSync(join(SHIPPED_MODEL, 'model-int8.onnx')));
  const text = new Uint8Array(Buffer.from(JSON.stringify(manifest)));
  const outcomes = { fine: 0, refused: 0 };
  for (let seed = 0; seed < MANIFESTS; seed += 1) {
    const random = randomOf(seed);
    writeFileSync(path, seed % 4 === 0 ? mutatedBytes(text, random) : mutatedJson(manifest, random));
    await count(outcomes, () => loadModel(folder));
  }
  expect(outcomes.refused).toBeGreaterThan(MANIFESTS / 2);
  expect(outcomes.fine + outcomes.refused).toBe(MANIFESTS);
  expect(({} as Record<string, unknown>)['extra']).toBeUndefined();
});

/** Reads the file as the commands do; what they can read is tried as they try it. */
async function tryFile(path: string): Promise<void> {
  readOnnx(path);
  await trials.try(path);
}

async function tryMutated(
  source: string,
  counted: { readonly from: number; readonly to: number },
): Promise<Outcomes> {
  const bytes = new Uint8Array(readFileSync(source));
  const path = join(tempDir(), 'mutated.onnx');
  const outcomes = { fine: 0, refused: 0 };
  for (let seed = counted.from; seed < counted.to; seed += 1) {
    const random = randomOf(seed);
    writeFileSync(path, seed % 3 === 0 ? mutatedBytes(bytes, random) : mutatedModel(bytes, random));
    await count(outcomes, () => tryFile(path));
  }
  return outcomes;
}

test(`${SMALL_MODELS + SHIPPED_MODELS} wrong models: each is refused with one clear error, or runs`, async () => {
  const before = process.memoryUsage.rss();
  const third = SMALL_MODELS / 3;
  const all = [
    await tryMutated(join(FIXTURES, 'ssd.onnx'), { from: 0, to: third }),
    await tryMutated(join(FIXTURES, 'ssd-dynamic.onnx'), { from: third, to: 2 * third }),
    await tryMutated(join(FIXTURES, 'echo.onnx'), { from: 2 * third, to: 3 * third }),
    await tryMutated(join(SHIPPED_MODEL, 'model-int8.onnx'), { from: 0, to: SHIPPED_MODELS }),
  ];
  expect(all.map(({ fine, refused }) => fine + refused)).toEqual([third, third, third, SHIPPED_MODELS]);
  for (const { refused } of all) expect(refused).toBeGreaterThan(SHIPPED_MODELS / 4);
  expect(process.memoryUsage.rss()).toBeLessThan(before + MEMORY_MB * 1e6);
}, 240_000);

test('a daemon whose model is one of them says so, lives, and takes the right one when it is there again', async () => {
  const bytes = new Uint8Array(readFileSync(join(FIXTURES, 'ssd.onnx')));
  const folder = tempDir();
  const path = join(folder, 'mutated.onnx');
  const refused: Uint8Array[] = [];
  for (let seed = 1; refused.length < DETECTORS; seed += 1) {
    writeFileSync(path, mutatedModel(bytes, randomOf(seed)));
    const fine = await tryFile(path).then(
      () => true,
      () => false,
    );
    if (!fine) refused.push(new Uint8Array(readFileSync(path)));
  }
  const runtimeDir = tempDir();
  for (const model of refused) {
    writeFileSync(path, model);
    const spec = await loadModel(modelFolder(tempDir(), { onnx: path, manifest: TOYS.ssd.manifest }));
    let loaded = spec;
    const detector = supervised({ runtimeDir, loadModel: async () => loaded });
    await detector.supervisor.start(new AbortController().signal);
    const { code, reason } = await detector.nextState('down', 0);
    expect(code).toMatch(/^(?:MODEL_UNSUPPORTED|DETECTOR_EXITED)$/);
    expect(reason?.length).toBeLessThan(MESSAGE_CHARS_MAX);
    loaded = await loadModel(modelFolder(tempDir(), TOYS.ssd));
    await detector.nextState('ready', 0);
    await detector.supervisor.stop();
  }
});

// A small benchmark of the bundled models with the real runtime in real processes: rows, golden pictures, heat, a provider that
// does not work, a signal in the middle.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GoldenPictures } from '../../daemon/cli/bench-golden.ts';
import {
  type BenchPlan,
  type BenchSubject,
  type BenchTools,
  measureHeat,
  measureRows,
} from '../../daemon/cli/bench-run.ts';
import { BenchRuntime } from '../../daemon/cli/bench-runtime.ts';
import type { TensorData } from '../../daemon/core/infer.ts';
import { settingsOf } from '../../daemon/models/benchmark.ts';
import { benchModel } from '../../daemon/models/benchmark-model.ts';
import { loadModel, readManifest } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { readGpu } from '../../daemon/platform/gpu.ts';
import { LIGHTER_MODEL, modelFolder, SHIPPED_MODEL, TOYS } from '../support/detector.ts';
import { errorOf } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const golden = new GoldenPictures();
const runtime = new BenchRuntime({});

async function subject(name: string): Promise<BenchSubject> {
  return { model: await benchModel(name, await readManifest(name)), spec: await loadModel(name) };
}

async function tools(...names: readonly string[]): Promise<BenchTools> {
  const subjects = await Promise.all(names.map(async (name) => [name, await subject(name)] as const));
  const { signal } = new AbortController();
  return { subjects: new Map(subjects), clock: systemClock, signal, memoryMb: 1024, runtime };
}

function plan(changes: Partial<BenchPlan> & Pick<BenchPlan, 'settings'>): BenchPlan {
  return { rounds: 2, seconds: 0.4, perS: undefined, golden, ...changes };
}

test('the bundled models are measured in turn: times in order, CPU time, memory, what they find', async () => {
  const models = [SHIPPED_MODEL, LIGHTER_MODEL];
  const settings = settingsOf({ models, providers: ['cpu'], threads: [1], spinning: true });
  const done: number[] = [];
  const rows = await measureRows(plan({ settings, perS: 20 }), {
    ...(await tools(...models)),
    onTurn: (turn) => done.push(turn),
  });
  expect(rows.map(({ model }) => model)).toEqual(models);
  for (const { figures, golden: score } of rows) {
    const { p50Ms, p90Ms, p99Ms, worstMs } = figures!;
    expect([p50Ms, p90Ms, p99Ms, worstMs]).toEqual([p50Ms, p90Ms, p99Ms, worstMs].toSorted((a, b) => a - b));
    expect(figures).toMatchObject({ rounds: 2, paced: { perS: 20 } });
    expect(figures!.cpuMs).toBeGreaterThan(0);
    expect(figures!.rssBytes).toBeGreaterThan(20e6);
    expect(score).toMatchObject({ expected: 31, false: 0 });
    expect(score!.found).toBeGreaterThanOrEqual(26);
  }
  expect(done).toEqual([0, 1, 2, 3, 4]);
});

test('what a bundled model is: hash, input, form; a file that is not the one of its manifest is refused', async () => {
  const { model } = await subject(SHIPPED_MODEL);
  const loaded = await readManifest(SHIPPED_MODEL);
  const { bytes, input } = loaded.manifest;
  expect(model).toMatchObject({ bytes, width: input.width, precision: 'int8', task: 'detect' });
  // A byte each for nearly all of them.
  expect(model.parameters).toBeGreaterThan(0.7 * bytes);
  expect(model.parameters).toBeLessThan(bytes);
  const manifest = { ...loaded.manifest, sha256: 'f'.repeat(64) };
  await errorOf(benchModel('nano', { ...loaded, manifest }), 'MODEL_CORRUPT');
});

test('a provider that does not work is a row with its reason, and the others go on', async () => {
  const settings = settingsOf({
    models: [SHIPPED_MODEL],
    providers: ['qnn', 'cpu'],
    threads: [1],
    spinning: false,
  });
  const rows = await measureRows(plan({ settings, rounds: 1 }), await tools(SHIPPED_MODEL));
  expect(rows[0]?.figures).toBeUndefined();
  expect(rows[0]?.reason).toMatch(/\w/);
  expect(rows[0]?.reason).not.toContain(SHIPPED_MODEL);
  expect(rows[1]?.figures?.runs).toBeGreaterThan(0);
});

test('models of other labels and forms are measured without a word about pictures', async () => {
  const echo = modelFolder(tempDir(), TOYS.echo);
  const settings = settingsOf({ models: [echo], providers: ['cpu'], threads: [1], spinning: false });
  const [row] = await measureRows(plan({ settings, rounds: 1 }), await tools(echo));
  expect(row?.figures?.runs).toBeGreaterThan(0);
  expect(row?.golden).toBeUndefined();
});

test('the golden pictures tell a model that finds nothing, or things that are not there', async () => {
  const spec = await loadModel(SHIPPED_MODEL);
  const answer = (score: number): Record<string, TensorData> => {
    const scores = new Float32Array(1500 * 9);
    // A bird in the sky's corner and a person, both as sure as that.
    scores[0] = score;
    scores[6] = score;
    const boxes = new Float32Array(1500 * 4);
    boxes.set([0.9, 0, 0.98, 0.06]);
    return {
      boxes: { type: 'float32', dims: [1, 1500, 4], data: boxes },
      scores: { type: 'float32', dims: [1, 1500, 9], data: scores },
    };
  };
  const pictures = golden.series(spec.input).length;
  const always = (score: number) => Array.from({ length: pictures }, () => answer(score));
  expect(golden.score(spec, always(0))).toEqual({ found: 0, expected: 31, false: 0 });
  expect(golden.score(spec, always(0.9))).toEqual({ found: 0, expected: 31, false: pictures });
});

test('under load for a while: slices in order of time, and how much slower it became', async () => {
  const setting = { model: LIGHTER_MODEL, provider: 'cpu', threads: 1, spinning: false };
  const heat = await measureHeat({ setting, minutes: 0.02 }, golden, await tools(LIGHTER_MODEL));
  expect(heat!.slices.length).toBeGreaterThan(0);
  expect(heat!.slices.map(({ atS }) => atS)).toEqual(
    heat!.slices.map(({ atS }) => atS).toSorted((a, b) => a - b),
  );
  expect(heat!.factor).toBeGreaterThanOrEqual(1);
});

test('a signal ends the measuring; rows that had a round have figures, the others are left out', async () => {
  const stop = new AbortController();
  const settings = settingsOf({
    models: [LIGHTER_MODEL, SHIPPED_MODEL],
    providers: ['cpu'],
    threads: [1],
    spinning: false,
  });
  const rows = await measureRows(plan({ settings, rounds: 1, seconds: 0.2 }), {
    ...(await tools(LIGHTER_MODEL, SHIPPED_MODEL)),
    signal: stop.signal,
    onTurn: (done) => {
      if (done === 1) stop.abort();
    },
  });
  expect(rows.map(({ model, figures }) => [model, figures?.rounds])).toEqual([[LIGHTER_MODEL, 1]]);
});

test('what stands in the way of a provider is told as the daemon tells it, and a library that does not fit too', () => {
  const words = runtime.reasonFor('cuda', new Error('/onnx/core/a.cc:7 load() x != y was false. no library'));
  expect(words).toMatch(readGpu() === undefined ? /^no NVIDIA GPU here/ : /^[^/]/);
  expect(runtime.reasonFor('cpu', new Error('out of memory\nat once'))).toBe('out of memory');
  expect(runtime.providers.at(-1)).toBe('cpu');
  using other = new BenchRuntime({ library: join(tempDir(), 'nowhere') });
  expect(other.problem).toMatch(/nowhere does not exist; measured with the one that comes with the daemon$/);
  expect(other.version).toBe(runtime.version);
});

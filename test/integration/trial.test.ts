// Model files tried in a child process, with the real runtime: what it says comes back, what kills it does not kill us.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Trials } from '../../daemon/detector/trial.ts';
import { makeNode } from '../../daemon/models/graph.ts';
import { readOnnx, writeOnnx } from '../../daemon/models/onnx-file.ts';
import { makeTensor } from '../../daemon/models/tensor.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { INPUT_SIDE, SHIPPED_MODEL } from '../support/detector.ts';
import { errorOf } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

const SHIPPED = join(SHIPPED_MODEL, 'model-int8.onnx');
const DIMS = [1, INPUT_SIDE, INPUT_SIDE, 3];
const BYTES = INPUT_SIDE * INPUT_SIDE * 3;
const trials = new Trials({ clock: systemClock });
afterAll(() => trials.close());

test('a model is opened, run, measured; its ports and outputs come back', async () => {
  const result = await trials.try(SHIPPED, { runs: 3, warmups: 1, outputs: true });
  expect(result.inputs).toEqual([{ name: 'image', type: 'uint8', shape: DIMS }]);
  expect(result.runsMs).toHaveLength(3);
  expect(result.data?.['scores']).toMatchObject({ type: 'float32', dims: [1, expect.any(Number), 9] });
  expect(result.cpuMs).toBeGreaterThan(0);
  expect(result.rssBytes).toBeGreaterThan(10e6);
});

test('the same model written again gives the same outputs, and the graph that really runs can be had', async () => {
  const folder = tempDir();
  const again = join(folder, 'again.onnx');
  const optimizedFile = join(folder, 'optimized.onnx');
  writeOnnx(again, readOnnx(SHIPPED));
  const pixels = Uint8Array.from({ length: BYTES }, (_, at) => (at * 7919) % 251);
  const feeds = { image: { type: 'uint8' as const, dims: DIMS, data: pixels } };
  const before = await trials.try(SHIPPED, { feeds, outputs: true });
  const after = await trials.try(again, { feeds, outputs: true, optimizedFile });
  expect(after.data).toEqual(before.data);
  expect(readOnnx(optimizedFile).graph.nodes.some(({ opType }) => opType === 'QLinearConv')).toBe(true);
});

test('no model at all, and one that the runtime refuses, are told with its reason', async () => {
  const path = join(tempDir(), 'text.onnx');
  writeFileSync(path, 'no model');
  expect((await errorOf(trials.try(path), 'MODEL_UNSUPPORTED')).message).toMatch(/text\.onnx: .*[Pp]rotobuf/);
  const { started } = trials;
  const model = readOnnx(SHIPPED);
  model.graph.nodes[0]!.opType = 'NoSuchOperator';
  writeOnnx(path, model);
  expect((await errorOf(trials.try(path), 'MODEL_UNSUPPORTED')).message).toContain('NoSuchOperator');
  expect(trials.started).toBe(started);
});

/** A model that makes a tensor of `bytes` out of nothing. */
function swollen(bytes: number): string {
  const path = join(tempDir(), 'swollen.onnx');
  const model = readOnnx(SHIPPED);
  const { graph } = model;
  graph.initializers.set('shape', makeTensor('shape', 'int64', [2], [1024, bytes / 4096]));
  graph.initializers.set('one', makeTensor('one', 'float32', [1], [1]));
  graph.nodes = [
    makeNode('Expand', ['one', 'shape'], ['big']),
    makeNode('Cast', ['image'], ['f'], { to: { kind: 'int', value: 1 } }),
  ];
  graph.nodes.push(makeNode('ReduceMax', ['f'], ['max'], { keepdims: { kind: 'int', value: 0 } }));
  graph.nodes.push(makeNode('Add', ['big', 'max'], ['sum']));
  graph.outputs = [{ name: 'sum', type: 'float32', dims: [1024, bytes / 4096] }];
  graph.valueInfo = [];
  writeOnnx(path, model);
  return path;
}

test('a model that takes too much memory is ended and the next one runs in a new process', async () => {
  const { started } = trials;
  const error = await errorOf(trials.try(swollen(2 ** 30), {}, { memoryMb: 400 }), 'MODEL_UNSUPPORTED');
  expect(error.message).toMatch(/takes more than 400 MB|[Ff]ailed to allocate|died of it/);
  await trials.try(SHIPPED);
  expect(trials.started).toBe(started + 1);
});

test('a process that dies, or does not answer in time, is told and replaced', async () => {
  const path = join(tempDir(), 'fine.onnx');
  writeFileSync(path, readFileSync(SHIPPED));
  const late = await errorOf(trials.try(path, { runs: 1_000_000 }, { deadlineMs: 500 }), 'MODEL_UNSUPPORTED');
  expect(late.message).toContain('fine.onnx: no answer within 500 ms');
  const running = trials.try(path, { runs: 1_000_000 });
  const dead = errorOf(running, 'MODEL_UNSUPPORTED');
  process.kill(trials.pid!, 'SIGSEGV');
  expect((await dead).message).toContain('fine.onnx: onnx runtime died of it (SIGSEGV');
  await trials.try(path);
});

test('runs go on for a time, or at a pace, and a series of inputs is answered one by one', async () => {
  const image = (value: number) => ({
    image: { type: 'uint8' as const, dims: DIMS, data: new Uint8Array(BYTES).fill(value) },
  });
  const series = [image(0), image(255), image(0)];
  const result = await trials.try(SHIPPED, { runs: 2, forMs: 100, perS: 50, series });
  expect(result.runsMs.length).toBeGreaterThan(1);
  expect(result.runsMs.length).toBeLessThanOrEqual(6);
  expect(result.seriesData).toHaveLength(3);
  expect(result.seriesData?.[2]).toEqual(result.seriesData?.[0]);
  expect(result.seriesData?.[1]).not.toEqual(result.seriesData?.[0]);
  expect((await trials.try(SHIPPED, { forMs: 300 })).runsMs.length).toBeGreaterThan(1);
});

test('a trial is stopped by a signal, or by closing, and says so', async () => {
  const own = new Trials({ clock: systemClock });
  const stop = new AbortController();
  const aborted = own.try(SHIPPED, { forMs: 3_600_000 }, { signal: stop.signal, deadlineMs: 4_000_000 });
  stop.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  const closed = errorOf(own.try(SHIPPED, { forMs: 3_600_000 }), 'MODEL_UNSUPPORTED');
  await own.close();
  expect((await closed).message).toContain('it was stopped');
});

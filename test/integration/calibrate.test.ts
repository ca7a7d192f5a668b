// Calibration with the real runtime: a small graph whose values are known, in chunks, killed and taken up again.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { type CalibrateJob, calibrate, rangesOf } from '../../daemon/models/calibrate.ts';
import { chunksOf, type Feeds } from '../../daemon/models/calibrate-observe.ts';
import { makeNode } from '../../daemon/models/graph.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { WorkFolder } from '../../daemon/models/quantize-work.ts';
import { makeTensor } from '../../daemon/models/tensor.ts';
import { errorOf } from '../support/errors.ts';
import { modelOf } from '../support/graphs.ts';
import { tempDir } from '../support/temp-dir.ts';

/** x → x·3 → Relu → minus 1. */
function small(): OnnxModel {
  return modelOf({
    name: 'small',
    nodes: [
      makeNode('Mul', ['x', 'three'], ['tripled']),
      makeNode('Relu', ['tripled'], ['positive']),
      makeNode('Sub', ['positive', 'one'], ['y']),
    ],
    initializers: new Map([
      ['three', makeTensor('three', 'float32', [1], [3])],
      ['one', makeTensor('one', 'float32', [1], [1])],
    ]),
    inputs: [{ name: 'x', type: 'float32', dims: [4] }],
    outputs: [{ name: 'y', type: 'float32', dims: [4] }],
  });
}

/** Picture n is n, -n, 0, n / 2. */
function counting(count: number): Feeds {
  return {
    count,
    at: (n) => ({ x: { type: 'float32', dims: [4], data: Float32Array.of(n, -n, 0, n / 2) } }),
  };
}

const VALUES = ['x', 'tripled', 'positive', 'y'];

function job(changes: Partial<CalibrateJob> = {}): CalibrateJob {
  return {
    model: small(),
    values: VALUES,
    feeds: counting(40),
    open: openGraph,
    threads: 1,
    signal: new AbortController().signal,
    keeper: { load: () => undefined, save: () => undefined },
    onProgress: () => undefined,
    ...changes,
  };
}

test('every value of the graph gets the range that it takes, the input included', async () => {
  const ranges = rangesOf(await calibrate(job()), { method: 'min-max' });
  expect(Object.fromEntries(ranges)).toEqual({
    x: { min: -39, max: 39 },
    tripled: { min: -117, max: 117 },
    positive: { min: 0, max: 117 },
    y: { min: -1, max: 116 },
  });
});

test('values are run in groups of as many bytes as are allowed, and the groups change nothing', async () => {
  expect(await chunksOf(job(), 32)).toEqual([
    ['x', 'tripled'],
    ['positive', 'y'],
  ]);
  expect(await chunksOf(job(), 1)).toEqual(VALUES.map((name) => [name]));
  const apart = await calibrate(job({ chunkBytes: 1 }));
  const together = await calibrate(job());
  for (const name of VALUES) expect(apart.get(name)?.toBytes()).toEqual(together.get(name)?.toBytes());
});

test('a calibration stopped anywhere goes on where it was kept, and comes to the same', async () => {
  const whole = await calibrate(job());
  for (const stopAt of [1, 17, 33, 41, 90, 159]) {
    const folder = tempDir();
    using work = new WorkFolder(folder);
    const keeper = work.keeper('float');
    const stop = new AbortController();
    let runs = 0;
    const stopped = job({
      chunkBytes: 1,
      keeper,
      signal: stop.signal,
      onProgress: (done) => done === stopAt && stop.abort(),
    });
    await expect(calibrate(stopped)).rejects.toThrow();
    const resumed = await calibrate(job({ chunkBytes: 1, keeper, onProgress: () => (runs += 1) }));
    // It keeps what it has after every sixteen pictures.
    expect(runs).toBeLessThanOrEqual(160 - stopAt + 16);
    for (const name of VALUES) expect(resumed.get(name)?.toBytes()).toEqual(whole.get(name)?.toBytes());
  }
});

test('a damaged file of histograms is not believed', async () => {
  const folder = tempDir();
  using work = new WorkFolder(folder);
  const keeper = work.keeper('float');
  await calibrate(job({ keeper }));
  expect(keeper.load()?.histograms.size).toBe(4);
  const file = join(folder, 'float-histograms.bin');
  truncateSync(file, 1000);
  expect(keeper.load()).toBeUndefined();
  writeFileSync(file, '');
  expect(keeper.load()).toBeUndefined();
});

test('a model that computes no numbers is refused, naming the value', async () => {
  const feeds: Feeds = {
    count: 1,
    at: () => ({ x: { type: 'float32', dims: [4], data: Float32Array.of(1, 2, 3e38, 0) } }),
  };
  const { message } = await errorOf(calibrate(job({ feeds })), 'MODEL_UNSUPPORTED');
  expect(message).toContain("value 'tripled' is no finite number for picture 1");
});

test('pictures that had not reached the disk when the power went are taken anew, the others are kept', () => {
  const folder = tempDir();
  const pictureOf = (number: number): Uint8Array => new Uint8Array(12).fill(number);
  {
    using work = new WorkFolder(folder);
    using kept = work.pictures(12);
    for (let number = 0; number < 20; number += 1) kept.add(pictureOf(number));
  }
  using work = new WorkFolder(folder);
  using kept = work.pictures(12);
  expect(kept.count).toBe(16);
  kept.add(pictureOf(99));
  kept.sync();
  expect(kept.at(15)).toEqual(pictureOf(15));
  expect(kept.at(16)).toEqual(pictureOf(99));
  expect(work.stage('pictures')).toBe(17);
});

test('a work folder belongs to one process at a time', async () => {
  const folder = tempDir();
  using work = new WorkFolder(folder);
  work.keep('one', 1);
  await errorOf(() => new WorkFolder(folder), 'QUANTIZE_BUSY');
  writeFileSync(join(folder, 'stages.json'), 'half a fi');
  expect(work.stage('one')).toBeUndefined();
});

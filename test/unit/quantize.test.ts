// What a quantization is judged by: errors of outputs, agreement with the float model, limits, and which processors multiply bytes.
import { expect, test } from 'vitest';
import type { GraphSession, TensorData } from '../../daemon/core/infer.ts';
import type { Feeds } from '../../daemon/models/calibrate-observe.ts';
import { Fidelity } from '../../daemon/models/fidelity.ts';
import { type Manifest, manifestSchema } from '../../daemon/models/manifest-schema.ts';
import type { Quantized } from '../../daemon/models/quantize.ts';
import { accuracyAgainstFloat } from '../../daemon/models/quantize-accuracy.ts';
import { shortcomings } from '../../daemon/models/quantize-result.ts';
import type { CpuFacts } from '../../daemon/platform/cpu.ts';

const floats = (...values: number[]): TensorData => ({
  type: 'float32',
  dims: [1, values.length],
  data: Float32Array.from(values),
});
const BOXES = { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 } as const;

function errorOf(
  decoder: Manifest['decoder'],
  float: Record<string, TensorData>,
  int8: typeof float,
): number {
  const fidelity = new Fidelity(decoder);
  fidelity.add(float, int8);
  return fidelity.error;
}

test('the error of the same outputs is nothing, of outputs of nothing it is all there is', () => {
  const features = { type: 'features', output: 'f' } as const;
  expect(errorOf(features, { f: floats(1, 2) }, { f: floats(1, 2) })).toBe(0);
  expect(errorOf(features, { f: floats(1, 2) }, { f: floats(0, 0) })).toBe(1);
  const found = { boxes: floats(0, 0, 0.5, 0.5), scores: floats(0.8, 0.1) };
  expect(errorOf(BOXES, found, found)).toBe(0);
});

test('a box that has moved counts as far as the float model believes in it', () => {
  const at = (x: number, score: number) => ({ boxes: floats(x, 0, x + 0.5, 1), scores: floats(score) });
  expect(errorOf(BOXES, at(0, 0.9), at(0.25, 0.9))).toBeCloseTo(2 / 3, 6);
  expect(errorOf(BOXES, at(0, 0.05), at(0.25, 0.05))).toBe(0);
});

test('lists after suppression are compared by what lies on what, in any order', () => {
  const decoder = {
    type: 'tf-ssd',
    boxes: 'b',
    classes: 'c',
    scores: 's',
    count: 'n',
    classOffset: 0,
  } as const;
  const two = { b: floats(0, 0, 1, 1, 0, 0, 0.5, 0.5), c: floats(1, 2), s: floats(0.9, 0.6), n: floats(2) };
  const swapped = {
    b: floats(0, 0, 0.5, 0.5, 0, 0, 1, 1),
    c: floats(2, 1),
    s: floats(0.6, 0.9),
    n: floats(2),
  };
  expect(errorOf(decoder, two, swapped)).toBeCloseTo(0, 6);
  const other = { ...two, c: floats(1, 3) };
  expect(errorOf(decoder, two, other)).toBeCloseTo(0.6 / 1.5, 6);
});

test('a mask of class numbers has the share of wrong pixels for its error', () => {
  const mask = (...values: bigint[]): TensorData => ({
    type: 'int64',
    dims: [1, 4],
    data: BigInt64Array.from(values),
  });
  const decoder = { type: 'mask', output: 'm' } as const;
  expect(errorOf(decoder, { m: mask(0n, 1n, 1n, 2n) }, { m: mask(0n, 1n, 2n, 2n) })).toBe(0.25);
});

/** A model that gives these outputs for picture 0, 1, … */
function scripted(name: string, outputs: readonly TensorData[]): GraphSession {
  return {
    inputs: [],
    outputs: [],
    run: async (feeds) => ({ [name]: outputs[(feeds['picture']!.data as Float32Array)[0]!]! }),
    release: async () => undefined,
  };
}

async function agreement(
  decoder: Manifest['decoder'],
  labels: readonly string[],
  [float, int8]: readonly [TensorData[], TensorData[]],
): Promise<{ measure: string; int8: number; pictures: number; lossPoints: number }> {
  const feeds: Feeds = { count: float.length, at: (index) => ({ picture: floats(index) }) };
  const output = 'output' in decoder ? decoder.output : '';
  return accuracyAgainstFloat({
    manifest: { decoder, labels: [...labels], input: {} as Manifest['input'] },
    pair: { kind: 'outputs', float: scripted(output, float), int8: scripted(output, int8) },
    feeds,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

test('classifiers agree where both name the same class first, and toss-ups of the float model do not count', async () => {
  const decoder = { type: 'classes', output: 'p', activation: 'none' } as const;
  const float = [floats(0.9, 0.1), floats(0.2, 0.8), floats(0.45, 0.55)];
  const int8 = [floats(0.8, 0.2), floats(0.7, 0.3), floats(0.6, 0.4)];
  expect(await agreement(decoder, ['a', 'b'], [float, int8])).toMatchObject({
    ...{ measure: 'top1', int8: 0.5, pictures: 2, lossPoints: 50 },
  });
  const logits = [floats(5, -5), floats(0, 0.1)];
  const softmax = { ...decoder, activation: 'softmax' } as const;
  expect(await agreement(softmax, ['a', 'b'], [logits, logits])).toMatchObject({ int8: 1, pictures: 1 });
});

test('masks agree by intersection over union of the classes that the float model sees', async () => {
  const decoder = { type: 'mask', output: 'm' } as const;
  const mask = (...values: number[]): TensorData => ({
    type: 'uint8',
    dims: [1, 4],
    data: Uint8Array.from(values),
  });
  const pair: [TensorData[], TensorData[]] = [[mask(0, 0, 1, 1)], [mask(0, 0, 0, 1)]];
  const { measure, int8 } = await agreement(decoder, ['a', 'b', 'c'], pair);
  expect(measure).toBe('miou');
  expect(int8).toBeCloseTo((2 / 3 + 1 / 2) / 2, 9);
  // The same as one plane of scores for each class.
  const planes = (...best: number[]): TensorData =>
    floats(...[0, 1, 2].flatMap((label) => best.map((at) => (at === label ? 1 : 0))));
  const scores: [TensorData[], TensorData[]] = [[planes(0, 0, 1, 1)], [planes(0, 0, 0, 1)]];
  expect((await agreement(decoder, ['a', 'b', 'c'], scores)).int8).toBeCloseTo(int8, 9);
});

test('features agree by the cosine between them', async () => {
  const decoder = { type: 'features', output: 'f' } as const;
  const { int8 } = await agreement(decoder, [], [[floats(1, 0)], [floats(1, 1)]]);
  expect(int8).toBeCloseTo(Math.SQRT1_2, 6);
});

const EPYC: CpuFacts = {
  arch: 'x64',
  cores: 2,
  model: 'AMD EPYC',
  features: ['avx2', 'avx512_vnni'],
  governor: undefined,
  driver: undefined,
};
const PI4: CpuFacts = { ...EPYC, arch: 'arm64', model: 'Cortex-A72', features: [] };
const LIMITS = { labelledLossPoints: 1, floatLossPoints: 15 };

function quantized(speed: Partial<Quantized['speed']>, accuracy: Quantized['accuracy'] = []): Quantized {
  const fast = { floatMs: 10, int8Ms: 5, ratio: 2, ratioHigh: 2.1, rounds: 9, ...speed };
  return { speed: fast, accuracy } as Quantized;
}

const lost = (against: 'float' | 'labels', points: number): Quantized['accuracy'][number] => ({
  ...{ measure: 'ap50', against, truth: 'photos', pictures: 64 },
  ...{
    float: against === 'float' ? 1 : 0.5,
    int8: (against === 'float' ? 1 : 0.5) - points / 100,
    lossPoints: points,
  },
});

test('a faster model that loses little has no shortcomings', () => {
  expect(shortcomings(quantized({}, [lost('float', 14), lost('labels', 1)]), LIMITS, EPYC)).toEqual([]);
});

test('a slower model is refused with both times, unless a quarter of the rounds say otherwise', () => {
  const slower = { floatMs: 10, int8Ms: 12.5, ratio: 0.8 };
  expect(shortcomings(quantized({ ...slower, ratioHigh: 1.01 }), LIMITS, EPYC)).toEqual([]);
  expect(shortcomings(quantized({ ...slower, ratioHigh: 0.9 }), LIMITS, EPYC)).toEqual([
    'slower: 12.50 ms a run, the float model 10.00 ms (ratio 0.80, limit 1)',
  ]);
});

test('on a core without dot products the reason is told with the figures', () => {
  const slower = quantized({ ratio: 0.8, ratioHigh: 0.9 });
  expect(shortcomings(slower, LIMITS, PI4)[0]).toMatch(
    /limit 1\); this processor \(Cortex-A72\) has no dot-product instructions/,
  );
  expect(shortcomings(slower, LIMITS, { ...EPYC, features: [] })[0]).toContain('has no AVX2');
});

test('each kind of loss has its own limit', () => {
  expect(shortcomings(quantized({}, [lost('float', 16), lost('labels', 1.1)]), LIMITS, EPYC)).toEqual([
    'worse: AP50 with the float model for the truth is 84.0 % instead of 100.0 % (16 points lost, limit 15)',
    'worse: AP50 on the labelled photos is 48.9 % instead of 50.0 % (1.1 points lost, limit 1)',
  ]);
});

test('a manifest has room for what is known of a quantization, and no more', () => {
  const { quantization } = manifestSchema.shape;
  expect(quantization.safeParse(undefined).success).toBe(true);
  expect(quantization.safeParse({ method: 'min-max' }).success).toBe(false);
});

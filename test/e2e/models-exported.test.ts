// From exported graph to running quantized model, as an owner goes: `models add`, `models quantize`, and a detector then answers in the
// daemon's detector process. One graph of test/fixtures/models/exported for each row of the table in docs/import.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TensorData } from '../../daemon/core/infer.ts';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { prepare } from '../../daemon/models/fold.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import type { Manifest } from '../../daemon/models/manifest-schema.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { pictureTensor } from '../../daemon/models/picture-tensor.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import { runToEnd } from '../support/daemon.ts';
import { supervised, TestClient } from '../support/detector.ts';
import { cellsPicture, type Exported, exportedModels, exportedWishes } from '../support/exported.ts';
import { tempDir } from '../support/temp-dir.ts';

/** To calibrate with and, every third, to control. */
const PHOTOS = 12;
const PHOTO_SIDE = 160;
/** Pictures that neither model has seen. */
const SEEDS = [51, 52, 53, 54];
/** Layers in float beside the heads: those whose measured error stands out, three at most (docs/quantize.md). */
const SENSITIVE_MAX = 3;
/** Of the variation of the answers; two models that have nothing in common would be 1.4 apart. */
const DIFFERENCE_MAX = 0.5;

/** The others are imported and quantized without the commands in the integration tests. */
const GRAPHS = [
  'keras-mobilenetv1',
  'keras-mobilenetv2-uint8',
  'tv-mobilenetv3-small-dynamo',
  'tv-mobilenetv3-large-script',
  'timm-mobilenetv4-conv-small-dynamo',
  'tf-ssd-mobilenetv1-whole',
  'tf-ssdlite-mobilenetv2-raw',
  'tv-ssdlite-mobilenetv3-raw-dynamo',
  'tv-deeplabv3-mobilenetv2-script',
];
const ROWS = exportedModels().filter(({ name }) => GRAPHS.includes(name));

test('every row of the table goes all the way', () => {
  expect(new Set(ROWS.map(({ row }) => row))).toEqual(new Set(exportedModels().map(({ row }) => row)));
});

/** A folder of photos and one for models. */
function workplace(): Workplace {
  const work = tempDir();
  const photos = join(work, 'photos');
  mkdirSync(photos);
  const { FORMAT_RGB: format, SAMP_444: subsampling } = jpegTurbo;
  const how = { width: PHOTO_SIDE, height: PHOTO_SIDE, format, subsampling, quality: 95 };
  for (let seed = 0; seed < PHOTOS; seed += 1) {
    const pixels = Buffer.from(cellsPicture(2000 + seed, PHOTO_SIDE, PHOTO_SIDE));
    writeFileSync(join(photos, `${seed}.jpg`), jpegTurbo.compressSync(pixels, how));
  }
  return { work, photos, data: join(work, 'data') };
}

interface Workplace {
  readonly work: string;
  readonly photos: string;
  readonly data: string;
}

describe.each(ROWS)('$name ($row)', (exported) => {
  test('is added, quantized and run: the body on integers, the answers near those of the float model', async () => {
    const place = workplace();
    const float = await added(exported, place);
    const { int8, quantization } = await quantized(float, place);
    const heads = headConvolutions(prepare(readOnnx(float.file)));
    const { floatNodes, convolutions } = quantization;
    const sensitive = floatNodes.filter(({ name }) => !heads.includes(name));
    expect(sensitive.length).toBeLessThanOrEqual(SENSITIVE_MAX);
    expect(sensitive.filter(({ reason }) => reason !== 'the outputs are much better so')).toEqual([]);
    expect(convolutions.float).toBeLessThanOrEqual(heads.length + sensitive.length);
    expect(convolutions.integer).toBeGreaterThan(20);
    expect(int8.manifest).toMatchObject({ task: exported.task, decoder: float.manifest.decoder });
    expect(await difference(float, int8)).toBeLessThan(DIFFERENCE_MAX);
    if (exported.task === 'detect') await detects(int8);
  });
});

async function added(exported: Exported, { work, data }: Workplace): Promise<Installed> {
  const { labels, inputSize } = exportedWishes(exported);
  const names = join(work, `${exported.name}.txt`);
  writeFileSync(names, labels!.names.join('\n'));
  const size = inputSize === undefined ? [] : ['--input-size', `${inputSize.width}x${inputSize.height}`];
  const args = ['models', 'add', exported.file, '--labels', names, ...size, '--data', data];
  expect(await runToEnd(args)).toMatchObject({ code: 0, stderr: '' });
  return installed(join(data, 'models', exported.name));
}

interface Quantized {
  readonly int8: Installed;
  readonly quantization: NonNullable<Manifest['quantization']>;
}

/** --force: networks this small are not always faster, and on so few pictures one is a quarter of the accuracy. */
async function quantized({ manifest }: Installed, { photos, data }: Workplace): Promise<Quantized> {
  const how = ['--method', 'min-max', '--pictures', '8', '--force', '--json', '--data', data];
  const run = await runToEnd(['models', 'quantize', manifest.name, '--calibrate', photos, ...how]);
  expect(run.code, run.stderr).toBe(0);
  const { folder, ...report } = JSON.parse(run.stdout);
  return { ...report, int8: installed(folder) };
}

interface Installed {
  readonly folder: string;
  readonly file: string;
  readonly manifest: Manifest;
}

function installed(folder: string): Installed {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  return { folder, file: join(folder, manifest.file), manifest };
}

/** How far the answers of two models lie apart, as a share of how far they vary. */
async function difference(float: Installed, int8: Installed): Promise<number> {
  const sessions = await Promise.all([openGraph(float.file), openGraph(int8.file)]);
  const answers: number[][] = [[], []];
  for (const seed of SEEDS) {
    const { input } = float.manifest;
    const rgb = cellsPicture(seed, input.width, input.height);
    const picture = { name: 'cells', width: input.width, height: input.height, rgb };
    const feeds = { [input.name]: pictureTensor(picture, input) };
    for (const [at, session] of sessions.entries()) {
      answers[at]!.push(...primaryOf(float.manifest, await session.run(feeds)));
    }
  }
  for (const session of sessions) await session.release();
  const [was, is] = answers as [number[], number[]];
  const mean = was.reduce((sum, each) => sum + each, 0) / was.length;
  const varies = was.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return Math.sqrt(was.reduce((sum, each, at) => sum + (each - is[at]!) ** 2, 0) / varies);
}

/** The output that says most: scores of classes, scores of boxes, classes of places. */
function primaryOf({ decoder }: Manifest, results: Readonly<Record<string, TensorData>>): number[] {
  const name = decoder.type === 'boxes-scores' || decoder.type === 'tf-ssd' ? decoder.scores : decoder.output;
  return Array.from(results[name]!.data as ArrayLike<number | bigint>, Number);
}

/** The daemon's own process opens it and answers with what it found in a picture. */
async function detects({ folder, manifest }: Installed): Promise<void> {
  const detector = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(folder) });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const { ready } = await detector.nextState('ready', 0);
  const client = new TestClient(ready!);
  onTestFinished(() => client.close());
  const { input, labels } = manifest;
  const { width, height } = input;
  const picture = { name: 'cells', width, height, rgb: cellsPicture(SEEDS[0]!, width, height) };
  const answer = await client.infer(pictureTensor(picture, input).data as Uint8Array);
  expect(answer.type).toBe('answer');
  expect(answer.found.length).toBeGreaterThan(0);
  for (const { label, score } of answer.found) {
    expect(labels).toContain(label);
    expect(score).toBeGreaterThanOrEqual(0.2);
  }
}

#!/usr/bin/env node
// Quantizes float detectors quickly, ranges from a few photos and no variants tried, and times their int8 forms in turn with the
// bundled model: which network may be trained is decided by that, before a weight is (models/training). A JSON line for each.
// Usage: node scripts/candidate-times.ts <photos> <rounds> <float.onnx…>
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { GraphSession } from '../daemon/core/infer.ts';
import type { ModelInput } from '../daemon/core/types.ts';
import { openGraph } from '../daemon/detector/graph-session.ts';
import { calibrate, rangesOf } from '../daemon/models/calibrate.ts';
import type { Feeds } from '../daemon/models/calibrate-observe.ts';
import { prepare } from '../daemon/models/fold.ts';
import { loadModel } from '../daemon/models/manifest.ts';
import { readOnnx, writeOnnx } from '../daemon/models/onnx-file.ts';
import { readPhotos } from '../daemon/models/photos.ts';
import { type PictureTensor, pictureTensor } from '../daemon/models/picture-tensor.ts';
import { activationsToObserve, quantizeGraph } from '../daemon/models/qdq.ts';
import { headConvolutions } from '../daemon/models/qdq-body.ts';
import { median } from '../daemon/platform/percentiles.ts';

const PHOTOS = 8;
const WARM_UP = 3;

interface Candidate {
  readonly name: string;
  readonly bytes: number;
  readonly session: GraphSession;
  readonly feed: PictureTensor;
  readonly times: number[];
}

const [photos, rounds, ...files] = process.argv.slice(2);
if (photos === undefined || rounds === undefined || files.length === 0) {
  process.stderr.write('usage: candidate-times.ts <photos> <rounds> <float.onnx…>\n');
  process.exit(2);
}

const bundled = await loadModel('vedette-nano');
const candidates = [await opened(bundled.name, bundled.file, bundled.input)];
for (const file of files) candidates.push(await opened(basename(file, '.onnx'), ...(await quantized(file))));
for (let round = -WARM_UP; round < Number(rounds); round += 1) {
  for (const candidate of candidates) {
    const from = performance.now();
    await candidate.session.run({ image: candidate.feed });
    if (round >= 0) candidate.times.push(performance.now() - from);
  }
}
const [reference] = candidates;
for (const { name, bytes, times } of candidates) {
  const ratio = median(times.map((ms, round) => ms / reference!.times[round]!));
  const line = { name, bytes, ms: median(times), fastest: Math.min(...times), ratio };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function opened(name: string, file: string, input: ModelInput): Promise<Candidate> {
  const session = await openGraph(file, { threads: 1 });
  const [feed] = await tensors(input, 1);
  return { name, bytes: statSync(file).size, session, feed: feed!, times: [] };
}

async function quantized(file: string): Promise<[string, ModelInput]> {
  const target = file.replace(/\.onnx$/, '.int8.onnx');
  const source = readOnnx(file);
  const side = Number(source.graph.inputs[0]!.dims![1]);
  const input = { ...bundled.input, width: side, height: side };
  const made = await tensors(input, PHOTOS);
  const feeds: Feeds = { count: made.length, at: (index) => ({ image: made[index]! }) };
  const model = prepare(source);
  const histograms = await calibrate({
    model,
    values: activationsToObserve(model),
    feeds,
    open: openGraph,
    threads: 1,
    signal: new AbortController().signal,
    keeper: { load: () => undefined, save: () => {} },
    onProgress: () => {},
  });
  const ranges = rangesOf(histograms, { method: 'min-max' });
  const { model: int8, report } = quantizeGraph(model, {
    ranges,
    keepFloat: new Set(headConvolutions(model)),
    fast: true,
  });
  for (const { name, reason } of report.floatNodes.filter(({ reason }) => reason !== 'kept'))
    process.stderr.write(`${file}: ${name} is float: ${reason}\n`);
  writeOnnx(target, int8);
  return [target, input];
}

async function tensors(input: ModelInput, limit: number): Promise<PictureTensor[]> {
  const made: PictureTensor[] = [];
  for await (const photo of readPhotos(photos!, { limit })) made.push(pictureTensor(photo, input));
  return made;
}

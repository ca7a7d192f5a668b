// Quantization of a model from its float form to int8, step by step: the variant that loses least, where it loses, how near it is to
// the float model, how much faster. Every step leaves its result in the work folder; a run that was killed goes on there and
// comes to the same bytes. Main thread of a command. docs/quantize.md.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { writeWhole } from '../platform/whole-file.ts';
import { isInt8Operator } from './graph-facts.ts';
import { countConvolutions } from './integer-count.ts';
import type { Accuracy, Quantization } from './manifest-quantization.ts';
import type { OnnxModel } from './onnx.ts';
import { readOnnx } from './onnx-file.ts';
import { encodeModel } from './onnx-write.ts';
import { accuracyAgainstFloat, type Pair, points } from './quantize-accuracy.ts';
import type { QuantizeRun } from './quantize-run.ts';
import { compareSpeed, type Speed } from './quantize-speed.ts';
import { type Chosen, Variants } from './quantize-variants.ts';

export interface QuantizeJob extends QuantizeRun {
  /** The file of the float model. */
  readonly file: string;
  readonly clock: Clock;
  /** With which it will run: speed is measured with them. */
  readonly speedThreads: number;
  /** Opens both models the way they are used; `accuracy` is measured with that. */
  readonly openPair: (float: string, int8: string) => Promise<Pair & AsyncDisposable>;
  /** On labelled photos, where the owner has some: of the float file and of the quantized one. */
  readonly labelled?: (file: string) => Promise<LabelledResult>;
}

export interface LabelledResult {
  readonly measure: Accuracy['measure'];
  readonly truth: string;
  readonly pictures: number;
  /** 0..1 */
  readonly value: number;
}

export interface Quantized {
  /** The quantized model in the work folder. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly method: Quantization['method'];
  readonly percentile: number | undefined;
  readonly equalised: boolean;
  readonly rounding: NonNullable<Quantization['rounding']>;
  readonly floatNodes: Quantization['floatNodes'];
  readonly convolutions: Quantization['convolutions'];
  readonly accuracy: readonly Accuracy[];
  readonly layers: Quantization['layers'];
  readonly speed: Speed;
}

/** The name of the file that is being made, in the work folder. */
const CANDIDATE = 'model.onnx';

/** Throws MODEL_UNSUPPORTED when no convolution could be made an integer one. */
export async function quantize(job: QuantizeJob): Promise<Quantized> {
  const { work, model } = job;
  const variants = new Variants(job);
  const chosen = await work.once<Chosen>('chosen', () => variants.choose());
  const file = join(work.path, CANDIDATE);
  const { model: made, floatNodes } = await variants.build(chosen.choice, true);
  const bytes = encodeModel({ ...made, producer: 'vedette', producerVersion: '', metadata: model.metadata });
  writeWhole(file, bytes);
  const layers = await variants.layerErrors(chosen.choice);
  const convolutions = await countIn(job, file);
  if (convolutions.integer === 0) {
    throw new VedetteError(
      'MODEL_UNSUPPORTED',
      `model '${job.manifest.name}': none of its convolutions could be made an integer one`,
    );
  }
  const againstFloat = await work.once<Accuracy>('against-float', () => compare(job, file));
  // Never kept: whoever was refused corrects labels, or takes other photos, and these are not ours to watch.
  const onLabels = await measureOnLabels(job, file);
  const speed = await work.once<Speed>('speed', () => speedOf(job, file));
  const { rule, equalised, together } = chosen.choice;
  return {
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    method: rule.method,
    percentile: rule.percentile,
    equalised,
    rounding: together ? 'together' : 'nearest',
    floatNodes,
    convolutions,
    accuracy: onLabels === undefined ? [againstFloat] : [againstFloat, onLabels],
    layers: layers.map(({ layer, isFloat, sqnrDb }) => {
      const gain = chosen.gains[layer];
      return { name: layer, float: isFloat, sqnrDb, ...(gain === undefined ? {} : { gain: rounded(gain) }) };
    }),
    speed,
  };
}

/** Throws MODEL_UNSUPPORTED for what has been quantized before, by whomever. */
export function refuseQuantized(name: string, model: OnnxModel): void {
  const found = model.graph.nodes.find(isInt8Operator);
  if (found === undefined) return;
  throw new VedetteError(
    'MODEL_UNSUPPORTED',
    `model '${name}' is quantized already (it has ${found.opType} nodes): give the float model that it was made of`,
    { model: name, opType: found.opType },
  );
}

/** In the graph that the runtime makes of the file on this board. */
async function countIn({ work, runtime }: QuantizeJob, file: string): Promise<Quantization['convolutions']> {
  const optimizedFile = join(work.path, 'optimized.onnx');
  const session = await runtime.open(file, { threads: runtime.threads, optimizedFile });
  await session.release();
  const { integer, float } = countConvolutions(readOnnx(optimizedFile));
  return { integer, float };
}

async function compare(job: QuantizeJob, file: string): Promise<Accuracy> {
  const { manifest, feeds, runtime, onProgress } = job;
  await using pair = await job.openPair(job.file, file);
  return await accuracyAgainstFloat({
    manifest,
    pair,
    feeds: feeds.control,
    signal: runtime.signal,
    onProgress: (done, of) => onProgress('comparing with the float model', done, of),
  });
}

async function measureOnLabels(
  { labelled, file: floatFile }: QuantizeJob,
  file: string,
): Promise<Accuracy | undefined> {
  if (labelled === undefined) return undefined;
  const [float, int8] = [await labelled(floatFile), await labelled(file)];
  const { measure, truth, pictures } = float;
  return {
    measure,
    against: 'labels',
    truth,
    pictures,
    float: float.value,
    int8: int8.value,
    lossPoints: points(float.value - int8.value),
  };
}

async function speedOf(job: QuantizeJob, file: string): Promise<Speed> {
  const { runtime, feeds, clock, speedThreads: threads, onProgress } = job;
  const { open, signal } = runtime;
  const float = await open(job.file, { threads });
  try {
    const int8 = await open(file, { threads });
    try {
      const onRound = (done: number, of: number): void => onProgress('comparing speed', done, of);
      return await compareSpeed(float, int8, { feeds: feeds.control, clock, signal }, onRound);
    } finally {
      await int8.release();
    }
  } finally {
    await float.release();
  }
}

/** Three decimals. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

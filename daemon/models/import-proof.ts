// The proof of an imported model: it runs over a picture, and what comes out has the shapes, the types and the kind of numbers that its
// manifest says. Runs nothing itself. Main thread of a command.
import type { TensorData } from '../core/infer.ts';
import { VedetteError } from '../platform/errors.ts';
import type { TryModel } from './import.ts';
import type { Manifest } from './manifest-schema.ts';
import type { Picture } from './picture.ts';
import { pictureTensor } from './picture-tensor.ts';

export interface Proof {
  readonly file: string;
  readonly picture: Picture;
  readonly trial: TryModel;
}

/** Sums of probabilities in float32, or of bytes as int8 models have them. */
const SUM_TOLERANCE = 0.05;
const SCORE_TOLERANCE = 1e-3;

/** Throws MODEL_UNSUPPORTED with everything that is not as it should be. */
export async function proveImported(
  manifest: Manifest,
  sumsToOne: boolean,
  { file, picture, trial }: Proof,
): Promise<void> {
  const { name, input } = manifest;
  const results = await trial(file, { [input.name]: pictureTensor(picture, input) });
  const problems = [...problemsOf(manifest, sumsToOne, results)];
  if (problems.length === 0) return;
  throw new VedetteError(
    'MODEL_UNSUPPORTED',
    `model '${name}', run over ${picture.name}: ${problems.join('; ')}; flags that say more of it may help (docs/import.md)`,
    { name, problems },
  );
}

type Results = Readonly<Record<string, TensorData>>;

function* problemsOf(manifest: Manifest, sumsToOne: boolean, results: Results): Iterable<string> {
  const { decoder, labels } = manifest;
  for (const [name, { data, type }] of Object.entries(results)) {
    const odd =
      type === 'float32' ? (data as Float32Array).findIndex((value) => !Number.isFinite(value)) : -1;
    if (odd >= 0) yield `output '${name}' has ${String(data[odd])} at ${odd} of ${data.length}`;
  }
  if (decoder.type === 'classes') yield* classProblems(results[decoder.output], labels.length, sumsToOne);
  if (decoder.type === 'mask') yield* maskProblems(results[decoder.output], labels.length);
  if (decoder.type === 'features' && results[decoder.output] === undefined)
    yield `there is no '${decoder.output}'`;
  if (decoder.type === 'boxes-scores') {
    yield* pairProblems(results[decoder.boxes], results[decoder.scores], labels.length);
  }
  if (decoder.type === 'tf-ssd') {
    const { boxes, classes, scores, count } = decoder;
    const sizes = [boxes, classes, scores, count].map((output) => results[output]?.data.length ?? -1);
    const [four, many, same, one] = sizes as [number, number, number, number];
    if (four !== many * 4 || many !== same || one !== 1)
      yield `outputs have ${sizes.join(', ')} numbers, not 4N, N, N and 1`;
    yield* rangeProblems(results[scores]);
  }
}

function* classProblems(
  scores: TensorData | undefined,
  classes: number,
  sumsToOne: boolean,
): Iterable<string> {
  if (scores === undefined || scores.data.length !== classes) {
    yield `there are ${scores?.data.length ?? 0} scores for ${classes} classes`;
    return;
  }
  const sum = (scores.data as Float32Array).reduce((total, value) => total + value, 0);
  if (sumsToOne && Math.abs(sum - 1) > SUM_TOLERANCE)
    yield `its probabilities sum to ${sum.toFixed(3)}, not to 1`;
}

function* maskProblems(mask: TensorData | undefined, classes: number): Iterable<string> {
  if (mask === undefined || mask.dims.length !== 3) {
    yield `the mask has dimensions [${mask?.dims ?? ''}], not [1,H,W]`;
    return;
  }
  const numbers = mask.data as BigInt64Array;
  const odd = numbers.find((value) => value < 0n || value >= BigInt(classes));
  if (odd !== undefined) yield `the mask has class ${odd}, there are ${classes} labels`;
}

function* pairProblems(
  boxes: TensorData | undefined,
  scores: TensorData | undefined,
  classes: number,
): Iterable<string> {
  const many = (boxes?.data.length ?? 0) / 4;
  if (many === 0 || scores?.data.length !== many * classes) {
    yield `${boxes?.data.length ?? 0} numbers of boxes and ${scores?.data.length ?? 0} scores are not 4N and N x ${classes}`;
  }
  yield* rangeProblems(scores);
}

function* rangeProblems(scores: TensorData | undefined): Iterable<string> {
  const odd = (scores?.data as Float32Array | undefined)?.find(
    (value) => value < -SCORE_TOLERANCE || value > 1 + SCORE_TOLERANCE,
  );
  if (odd !== undefined) yield `a score is ${odd}, scores lie in 0..1 (--activation)`;
}

// What a model says of one picture, by its task: detections, the best classes, the share of each class of places, a vector of
// features. Reads the outputs of a run, runs nothing. Main thread of a command.
import type { TensorData } from '../core/infer.ts';
import { boxInPicture, placementOf } from '../core/placement.ts';
import type { Detection } from '../core/types.ts';
import { Decoder, type OutputData } from '../detector/decode.ts';
import { createDetections } from '../detector/wire.ts';
import type { Manifest } from '../models/manifest-schema.ts';
import type { Picture } from '../models/picture.ts';

/** A class and its probability, or its share of the picture. */
export interface Share {
  readonly label: string;
  readonly share: number;
}

export type Answer =
  | { readonly task: 'detect'; readonly detections: readonly Detection[] }
  | { readonly task: 'classify'; readonly classes: readonly Share[] }
  | { readonly task: 'segment'; readonly shares: readonly Share[] }
  | {
      readonly task: 'features';
      readonly dims: readonly number[];
      readonly length: number;
      readonly norm: number;
    };

export interface AnswerWishes {
  /** Detections below this are not told. */
  readonly scoreLow: number;
  /** Classes that are told. */
  readonly top: number;
}

type Results = Readonly<Record<string, TensorData>>;

/** Throws MODEL_UNSUPPORTED where the outputs do not fit the manifest. */
export function answerOf(
  manifest: Manifest,
  picture: Picture,
  results: Results,
  wishes: AnswerWishes,
): Answer {
  const { decoder, labels } = manifest;
  if (decoder.type === 'classes') {
    const scores = probabilities(floatsOf(results[decoder.output]), decoder.activation);
    return { task: 'classify', classes: best(labels, scores, wishes.top) };
  }
  if (decoder.type === 'mask') {
    const numbers = results[decoder.output]!.data;
    const counts = new Float64Array(labels.length);
    for (const number of numbers) counts[Number(number)] = (counts[Number(number)] ?? 0) + 1 / numbers.length;
    return { task: 'segment', shares: best(labels, counts, labels.length).filter(({ share }) => share > 0) };
  }
  if (decoder.type === 'features') {
    const { data, dims } = results[decoder.output]!;
    const norm = Math.sqrt((data as Float32Array).reduce((sum, value) => sum + value * value, 0));
    return { task: 'features', dims, length: data.length, norm };
  }
  const found = createDetections();
  new Decoder({ decoder, labelCount: labels.length, scoreLow: wishes.scoreLow }).decode(
    allFloats(results),
    found,
  );
  const placement = placementOf(manifest.input, picture.width, picture.height);
  const detections = Array.from({ length: found.count }, (_, at): Detection => {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = found.boxes.subarray(at * 4, at * 4 + 4);
    const box = boxInPicture({ x1, y1, x2, y2 }, manifest.input, placement);
    return { label: labels[found.classes[at]!]!, score: found.scores[at]!, box };
  });
  return { task: 'detect', detections };
}

function allFloats(results: Results): OutputData {
  return Object.fromEntries(Object.entries(results).map(([name, data]) => [name, floatsOf(data)]));
}

function floatsOf(data: TensorData | undefined): Float32Array {
  return data?.type === 'float32' ? (data.data as Float32Array) : new Float32Array();
}

function probabilities(scores: Float32Array, activation: 'none' | 'softmax' | 'sigmoid'): ArrayLike<number> {
  if (activation === 'none') return scores;
  if (activation === 'sigmoid') return scores.map((score) => 1 / (1 + Math.exp(-score)));
  const most = scores.reduce((high, score) => Math.max(high, score), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function best(labels: readonly string[], shares: ArrayLike<number>, count: number): Share[] {
  return labels
    .map((label, at) => ({ label, share: shares[at] ?? 0 }))
    .sort((a, b) => b.share - a.share)
    .slice(0, count);
}

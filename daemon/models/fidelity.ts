// How far the outputs of a quantized model are from those of the float one, as one smooth number: 0 is the same, 1 is as much wrong
// as there is signal. For choosing between variants of a quantization on few pictures, where a count of right answers would hardly
// move. What owners are told is quantize-accuracy.ts. Pure.
import type { TensorData } from '../core/infer.ts';
import type { Decoder } from './manifest-schema.ts';

export type Outputs = Readonly<Record<string, TensorData>>;

/** Boxes count as far as the float model believes in them, from here on. */
const SCORE_MIN = 0.1;

/** Takes one picture after the other; `error` is over all of them. */
export class Fidelity {
  readonly #decoder: Decoder;
  /** Squared differences and squares of what counts as signal. */
  #noise = 0;
  #signal = 0;
  /** The same of boxes: what is missing to full overlap, and what there is of it at most. */
  #missed = 0;
  #boxes = 0;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  add(float: Outputs, quantized: Outputs): void {
    const decoder = this.#decoder;
    if (decoder.type === 'boxes-scores') {
      this.#addSquares(float[decoder.scores]!, quantized[decoder.scores]!);
      this.#addBoxes(decoder, float, quantized);
    } else if (decoder.type === 'tf-ssd') this.#addDetections(decoder, float, quantized);
    else if (decoder.type === 'mask') this.#addMask(float[decoder.output]!, quantized[decoder.output]!);
    else this.#addSquares(float[decoder.output]!, quantized[decoder.output]!);
  }

  get error(): number {
    const values = this.#signal === 0 ? 0 : this.#noise / this.#signal;
    return values + (this.#boxes === 0 ? 0 : this.#missed / this.#boxes);
  }

  #addSquares(float: TensorData, quantized: TensorData): void {
    const { noise, signal } = squaresOf(numbersOf(float), numbersOf(quantized));
    this.#noise += noise;
    this.#signal += signal;
  }

  /** Every box at the same place of both outputs, weighted with the best score that the float model gives it. */
  #addBoxes(
    { boxes, scores }: Extract<Decoder, { type: 'boxes-scores' }>,
    float: Outputs,
    quantized: Outputs,
  ): void {
    const [a, b] = [numbersOf(float[boxes]!), numbersOf(quantized[boxes]!)];
    const all = numbersOf(float[scores]!);
    const classes = (all.length * 4) / a.length;
    for (let box = 0; box * 4 < a.length; box += 1) {
      let best = 0;
      for (let i = box * classes; i < (box + 1) * classes; i += 1) best = Math.max(best, all[i]!);
      if (best < SCORE_MIN) continue;
      this.#boxes += best;
      this.#missed += best * (1 - overlap(a, b, box * 4, box * 4));
    }
  }

  /** Lists after suppression have no common places: each of the float model's finds its best of the same class. */
  #addDetections(
    { boxes, scores, classes }: Extract<Decoder, { type: 'tf-ssd' }>,
    float: Outputs,
    quantized: Outputs,
  ): void {
    const [a, b] = [numbersOf(float[boxes]!), numbersOf(quantized[boxes]!)];
    const [scoresA, scoresB] = [numbersOf(float[scores]!), numbersOf(quantized[scores]!)];
    const [classesA, classesB] = [numbersOf(float[classes]!), numbersOf(quantized[classes]!)];
    for (let i = 0; i < scoresA.length; i += 1) {
      if (scoresA[i]! < SCORE_MIN) continue;
      let best = 0;
      for (let k = 0; k < scoresB.length; k += 1) {
        if (classesA[i] !== classesB[k]) continue;
        const closeness = Math.max(0, 1 - Math.abs(scoresA[i]! - scoresB[k]!) / scoresA[i]!);
        best = Math.max(best, overlap(a, b, i * 4, k * 4) * closeness);
      }
      this.#boxes += scoresA[i]!;
      this.#missed += scoresA[i]! * (1 - best);
    }
  }

  /** Class numbers are right or wrong; maps of class scores have distances. */
  #addMask(float: TensorData, quantized: TensorData): void {
    if (float.type === 'float32') return this.#addSquares(float, quantized);
    const [a, b] = [float.data, quantized.data];
    for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) this.#noise += 1;
    this.#signal += a.length;
  }
}

/** Sum of squared differences, and of the squares of `float`. */
export function squaresOf(
  float: ArrayLike<number>,
  quantized: ArrayLike<number>,
): { readonly noise: number; readonly signal: number } {
  let [noise, signal] = [0, 0];
  for (let i = 0; i < float.length; i += 1) {
    const difference = float[i]! - quantized[i]!;
    noise += difference * difference;
    signal += float[i]! * float[i]!;
  }
  return { noise, signal };
}

/** Numbers as they are; 64-bit ones are not compared by distance. */
function numbersOf({ data }: TensorData): ArrayLike<number> {
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : data;
}

/** Intersection over union of two boxes of two corners each, whichever coordinate comes first. */
function overlap(a: ArrayLike<number>, b: ArrayLike<number>, i: number, k: number): number {
  const first = Math.min(a[i + 2]!, b[k + 2]!) - Math.max(a[i]!, b[k]!);
  const second = Math.min(a[i + 3]!, b[k + 3]!) - Math.max(a[i + 1]!, b[k + 1]!);
  if (!(first > 0 && second > 0)) return 0;
  const both = first * second;
  const areaA = (a[i + 2]! - a[i]!) * (a[i + 3]! - a[i + 1]!);
  const areaB = (b[k + 2]! - b[k]!) * (b[k + 3]! - b[k + 1]!);
  return both / (areaA + areaB - both);
}

// How near a quantized model is to its float parent, in the measures that people know: over pictures that it was not calibrated
// with, the float model's answers taken for the truth. Main thread of a command.
import type { GraphSession, TensorData } from '../core/infer.ts';
import type { Box } from '../core/types.ts';
import { createDetections, type WireDetections } from '../detector/wire.ts';
import { type Matched, matchPhoto, Ranking, type ScoredBox } from './average-precision.ts';
import type { Feeds } from './calibrate-observe.ts';
import type { Detect } from './eval.ts';
import type { Accuracy } from './manifest-quantization.ts';
import type { Manifest } from './manifest-schema.ts';
import type { PictureTensor } from './picture-tensor.ts';

/** What the float model is surer of than this counts as an object that is there. */
const TRUTH_SCORE = 0.3;
const TRUTH = "the float model's own answers";

/** The two models as they are asked: detectors by what they find, all others by their outputs. */
export type Pair =
  | { readonly kind: 'detectors'; readonly float: Detect; readonly int8: Detect }
  | { readonly kind: 'outputs'; readonly float: GraphSession; readonly int8: GraphSession };

export interface AccuracyJob {
  readonly manifest: Pick<Manifest, 'decoder' | 'input' | 'labels'>;
  readonly pair: Pair;
  readonly feeds: Feeds;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, of: number) => void;
}

export async function accuracyAgainstFloat(job: AccuracyJob): Promise<Accuracy> {
  const measure = measureOf(job);
  for (let at = 0; at < job.feeds.count; at += 1) {
    job.signal.throwIfAborted();
    await measure.add(at);
    job.onProgress(at + 1, job.feeds.count);
  }
  const int8 = measure.value();
  return {
    measure: measure.name,
    against: 'float',
    truth: TRUTH,
    pictures: measure.pictures,
    float: 1,
    int8,
    lossPoints: points(1 - int8),
  };
}

/** A fraction in percentage points, four decimals. */
export function points(fraction: number): number {
  return Math.round(fraction * 1e6) / 1e4;
}

interface Measure {
  readonly name: Accuracy['measure'];
  add(picture: number): Promise<void>;
  /** Those that have been counted. */
  readonly pictures: number;
  /** 0..1 */
  value(): number;
}

function measureOf({ manifest, pair, feeds }: AccuracyJob): Measure {
  if (pair.kind === 'detectors') return new DetectorMeasure(manifest, pair, feeds);
  const { decoder } = manifest;
  const output =
    decoder.type === 'classes' || decoder.type === 'mask' || decoder.type === 'features'
      ? decoder.output
      : '';
  const both = async (picture: number): Promise<[TensorData, TensorData]> => {
    const given = feeds.at(picture);
    const [float, int8] = [await pair.float.run(given, [output]), await pair.int8.run(given, [output])];
    return [float[output]!, int8[output]!];
  };
  if (decoder.type === 'classes') return new TopMeasure(both, decoder.activation);
  if (decoder.type === 'features') return new CosineMeasure(both);
  return new MaskMeasure(both, manifest.labels.length);
}

/** Average precision at an overlap of 0.5 over all objects together, each found only by a detection of its own class. */
class DetectorMeasure implements Measure {
  readonly name = 'ap50';
  readonly #manifest: AccuracyJob['manifest'];
  readonly #pair: Extract<Pair, { kind: 'detectors' }>;
  readonly #feeds: Feeds;
  readonly #matches: { photo: number; matched: Matched }[] = [];
  readonly #float = createDetections();
  readonly #int8 = createDetections();

  constructor(manifest: AccuracyJob['manifest'], pair: Extract<Pair, { kind: 'detectors' }>, feeds: Feeds) {
    this.#manifest = manifest;
    this.#pair = pair;
    this.#feeds = feeds;
  }

  get pictures(): number {
    return this.#feeds.count;
  }

  async add(photo: number): Promise<void> {
    const { input, labels } = this.#manifest;
    const tensor = this.#feeds.at(photo)[input.name] as PictureTensor;
    await this.#pair.float(tensor, this.#float);
    await this.#pair.int8(tensor, this.#int8);
    for (let label = 0; label < labels.length; label += 1) {
      const truth = boxesOf(this.#float, label).filter(({ score }) => score >= TRUTH_SCORE);
      const found = boxesOf(this.#int8, label);
      if (truth.length + found.length === 0) continue;
      this.#matches.push({
        photo,
        matched: matchPhoto(
          truth.map(({ box }) => box),
          found,
        ),
      });
    }
  }

  /** Where the float model has seen nothing either, they agree. */
  value(): number {
    return new Ranking(this.#matches).averagePrecision(0) ?? 1;
  }
}

function boxesOf({ count, classes, scores, boxes }: WireDetections, label: number): ScoredBox[] {
  const found: ScoredBox[] = [];
  for (let at = 0; at < count; at += 1) {
    if (classes[at] !== label) continue;
    const [x, y] = [boxes[at * 4]!, boxes[at * 4 + 1]!];
    const box: Box = { x, y, width: boxes[at * 4 + 2]! - x, height: boxes[at * 4 + 3]! - y };
    found.push({ box, score: scores[at]! });
  }
  return found;
}

type Both = (picture: number) => Promise<readonly [TensorData, TensorData]>;

/** The best class must be so much likelier than the next for the picture to count: a toss-up says nothing of either model. */
const SURE = 2;

/** How often both name the same class first, over the pictures of which the float model is sure. */
class TopMeasure implements Measure {
  readonly name = 'top1';
  readonly #both: Both;
  readonly #activation: Activation;
  #same = 0;
  #count = 0;

  constructor(both: Both, activation: Activation) {
    this.#both = both;
    this.#activation = activation;
  }

  get pictures(): number {
    return this.#count;
  }

  async add(picture: number): Promise<void> {
    const [float, int8] = await this.#both(picture);
    const likely = likelihoods(float.data as Float32Array, this.#activation);
    const top = topOf(likely);
    const next = likely.reduce((most, value, at) => (at === top ? most : Math.max(most, value)), 0);
    if (likely[top]! < SURE * next) return;
    this.#count += 1;
    if (topOf(int8.data as Float32Array) === top) this.#same += 1;
  }

  value(): number {
    return this.#count === 0 ? 1 : this.#same / this.#count;
  }
}

type Activation = Extract<Manifest['decoder'], { type: 'classes' }>['activation'];

/** What the outputs mean once the activation that the manifest names is applied. */
function likelihoods(values: Float32Array, activation: Activation): Float32Array {
  if (activation === 'sigmoid') return values.map((value) => 1 / (1 + Math.exp(-value)));
  if (activation === 'none') return values;
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The first among equals. */
function topOf(values: ArrayLike<number>): number {
  let top = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i]! > values[top]!) top = i;
  return top;
}

/** The mean over the pictures. */
class CosineMeasure implements Measure {
  readonly name = 'cosine';
  readonly #both: Both;
  #sum = 0;
  pictures = 0;

  constructor(both: Both) {
    this.#both = both;
  }

  async add(picture: number): Promise<void> {
    const [float, int8] = await this.#both(picture);
    this.#sum += cosine(float.data as Float32Array, int8.data as Float32Array);
    this.pictures += 1;
  }

  value(): number {
    return this.pictures === 0 ? 1 : this.#sum / this.pictures;
  }
}

function cosine(float: ArrayLike<number>, int8: ArrayLike<number>): number {
  let [product, a, b] = [0, 0, 0];
  for (let i = 0; i < float.length; i += 1) {
    product += float[i]! * int8[i]!;
    a += float[i]! * float[i]!;
    b += int8[i]! * int8[i]!;
  }
  return a === 0 && b === 0 ? 1 : product / Math.sqrt(a * b || 1);
}

/** A class with fewer pixels than this part of all is noise at the edges of others. */
const SEEN_MIN = 0.005;

/** Mean over the classes that the float model really sees of intersection over union of their pixels. */
class MaskMeasure implements Measure {
  readonly name = 'miou';
  readonly #both: Both;
  readonly #classes: number;
  pictures = 0;
  readonly #shared: Float64Array;
  readonly #float: Float64Array;
  readonly #int8: Float64Array;

  constructor(both: Both, classes: number) {
    this.#both = both;
    this.#classes = classes;
    [this.#shared, this.#float, this.#int8] = [0, 1, 2].map(() => new Float64Array(classes)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  }

  async add(picture: number): Promise<void> {
    const [float, int8] = await this.#both(picture);
    const [a, b] = [this.#classesIn(float), this.#classesIn(int8)];
    this.pictures += 1;
    for (let i = 0; i < a.length; i += 1) {
      this.#float[a[i]!]! += 1;
      this.#int8[b[i]!]! += 1;
      if (a[i] === b[i]) this.#shared[a[i]!]! += 1;
    }
  }

  value(): number {
    const least = SEEN_MIN * this.#float.reduce((all, count) => all + count, 0);
    let [sum, seen] = [0, 0];
    for (let label = 0; label < this.#classes; label += 1) {
      if (this.#float[label]! <= least) continue;
      seen += 1;
      sum += this.#shared[label]! / (this.#float[label]! + this.#int8[label]! - this.#shared[label]!);
    }
    return seen === 0 ? 1 : sum / seen;
  }

  /** The class of each pixel: given as its number, or the best of one plane per class. */
  #classesIn({ data, type }: TensorData): Uint16Array {
    if (type !== 'float32') return Uint16Array.from(data as ArrayLike<number | bigint>, Number);
    const scores = data as Float32Array;
    const pixels = scores.length / this.#classes;
    const best = new Uint16Array(pixels);
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      let top = 0;
      for (let label = 1; label < this.#classes; label += 1) {
        if (scores[label * pixels + pixel]! > scores[top * pixels + pixel]!) top = label;
      }
      best[pixel] = top;
    }
    return best;
  }
}

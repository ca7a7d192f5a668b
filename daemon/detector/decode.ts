// Decoders: from the raw outputs of a model to detections in fixed arrays. Own no session and no socket. Run in the
// detector process for every request: plain loops over typed arrays, nothing allocated after the first run of a size.
import type { ModelDecoder } from '../core/types.ts';
import { VedetteError } from '../platform/errors.ts';
import { takeBest } from './nms.ts';
import { createDetections, DETECTIONS_MAX, type WireDetections } from './wire.ts';

/** Boxes times classes that a decoder looks through at most: 16 times a YOLO at 640 with 80 classes would be refused. */
export const CELLS_MAX = 8_000_000;

/** Candidates above the score threshold kept at first; grows to what a run really needed. */
const CANDIDATES_START = 1024;

/** Float32 data of the model's outputs by name. */
export type OutputData = Readonly<Record<string, Float32Array>>;

export interface DecoderOptions {
  readonly decoder: ModelDecoder;
  readonly labelCount: number;
  /** Detections below this are dropped, 0..1. */
  readonly scoreLow: number;
}

/** Reads one run's outputs into `into`: scores ≥ scoreLow, boxes clamped to 0..1, best first, DETECTIONS_MAX at most. */
export class Decoder {
  readonly #options: DecoderOptions;
  #candidates = createDetections(CANDIDATES_START);

  constructor(options: DecoderOptions) {
    this.#options = options;
  }

  /** Throws MODEL_UNSUPPORTED when the sizes of the outputs do not fit together. */
  decode(outputs: OutputData, into: WireDetections): void {
    const { decoder } = this.#options;
    this.#candidates.count = 0;
    if (decoder.type === 'boxes-scores') {
      this.#gatherBoxesScores(outputOf(outputs, decoder.boxes), outputOf(outputs, decoder.scores));
      takeBest(this.#candidates, into, { iouMax: decoder.nmsIou, countMax: DETECTIONS_MAX });
      return;
    }
    this.#gatherTfSsd(outputs, decoder);
    // The model has suppressed overlaps itself: only order and limit.
    takeBest(this.#candidates, into, { iouMax: 1, countMax: DETECTIONS_MAX });
  }

  /** boxes [N,4] as x1,y1,x2,y2 and scores [N,C]: every class of every box is a candidate of its own. */
  #gatherBoxesScores(boxes: Float32Array, scores: Float32Array): void {
    const { labelCount, scoreLow } = this.#options;
    const boxCount = boxes.length / 4;
    if (scores.length !== boxCount * labelCount || scores.length > CELLS_MAX) {
      throw misfit(
        `${boxes.length} box values and ${scores.length} scores do not make N boxes of 4 and N x ${labelCount} scores (limit ${CELLS_MAX})`,
      );
    }
    for (let i = 0; i < scores.length; i += 1) {
      const score = scores[i]!;
      // Also false for NaN.
      if (!(score >= scoreLow)) continue;
      const box = Math.floor(i / labelCount);
      const at = box * 4;
      this.#add(i - box * labelCount, score, boxes[at]!, boxes[at + 1]!, boxes[at + 2]!, boxes[at + 3]!);
    }
  }

  /** boxes [N,4] as y1,x1,y2,x2, classes [N], scores [N], count [1], all float32 (tensorflow/lite detection_postprocess.cc). */
  #gatherTfSsd(outputs: OutputData, decoder: Extract<ModelDecoder, { type: 'tf-ssd' }>): void {
    const { labelCount, scoreLow } = this.#options;
    const boxes = outputOf(outputs, decoder.boxes);
    const classes = outputOf(outputs, decoder.classes);
    const scores = outputOf(outputs, decoder.scores);
    const count = outputOf(outputs, decoder.count);
    if (
      boxes.length !== scores.length * 4 ||
      classes.length !== scores.length ||
      count.length !== 1 ||
      scores.length > CELLS_MAX
    ) {
      throw misfit(
        `${boxes.length} box values, ${classes.length} classes, ${scores.length} scores and ${count.length} counts are not 4N, N, N and 1`,
      );
    }
    const valid = Math.min(scores.length, Math.round(count[0]!));
    for (let i = 0; i < valid; i += 1) {
      const label = Math.round(classes[i]!) - decoder.classOffset;
      if (!(scores[i]! >= scoreLow) || !(label >= 0 && label < labelCount)) continue;
      const at = i * 4;
      this.#add(label, scores[i]!, boxes[at + 1]!, boxes[at]!, boxes[at + 3]!, boxes[at + 2]!);
    }
  }

  /** Keeps one candidate, clamped to the picture; a box without area (or with NaN) is none. */
  #add(label: number, score: number, x1: number, y1: number, x2: number, y2: number): void {
    const left = Math.max(0, x1);
    const top = Math.max(0, y1);
    const right = Math.min(1, x2);
    const bottom = Math.min(1, y2);
    if (!(right > left && bottom > top)) return;
    if (this.#candidates.count === this.#candidates.scores.length) this.#grow();
    const { classes, scores, boxes, count } = this.#candidates;
    classes[count] = label;
    scores[count] = Math.min(1, score);
    boxes[count * 4] = left;
    boxes[count * 4 + 1] = top;
    boxes[count * 4 + 2] = right;
    boxes[count * 4 + 3] = bottom;
    this.#candidates.count += 1;
  }

  /** Doubles the room for candidates; bounded by CELLS_MAX, which bounds what a run can produce. */
  #grow(): void {
    const from = this.#candidates;
    const to = createDetections(from.scores.length * 2);
    to.classes.set(from.classes);
    to.scores.set(from.scores);
    to.boxes.set(from.boxes);
    to.count = from.count;
    this.#candidates = to;
  }
}

function outputOf(outputs: OutputData, name: string): Float32Array {
  const data = outputs[name];
  if (data === undefined) throw misfit(`there is no output '${name}'`);
  return data;
}

function misfit(what: string): VedetteError {
  return new VedetteError('MODEL_UNSUPPORTED', `model outputs: ${what}; correct the manifest's decoder`, {});
}

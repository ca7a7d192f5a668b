// The end of an imported detector: boxes and scores as the detector process reads them (docs/models.md, "Decoders"), computed by
// nodes of the graph. Which head it is was found before; here it is only written down. Pure.

import { detectionOutputs } from './decode-graph-detections.ts';
import { activated, asFloat, asFraction, cornersOf } from './decode-graph-parts.ts';
import { yoloMaps } from './decode-graph-yolo.ts';
import type { GraphWriter, NewOutput } from './graph-writer.ts';
import type { BoxesHead, ClassPlan, DetectHead, HeadValue, ScoresPart, SsdHead, YoloHead } from './head.ts';
import type { MapSize } from './ssd-anchors.ts';

/** What a graph's end becomes: outputs and the decoder that reads them. Names are those wished for. */
export interface DecodedHead {
  readonly type: 'boxes-scores' | 'tf-ssd';
  readonly outputs: readonly NewOutput[];
  /** tf-ssd: the number of the first label. */
  readonly classOffset: number;
}

export interface DecodeRequest {
  readonly head: DetectHead;
  readonly plan: ClassPlan;
  /** Of the picture. */
  readonly size: MapSize;
}

/** Writes the decoding of a head; the caller finishes the graph with the outputs. */
export function decodeHead(writer: GraphWriter, { head, plan, size }: DecodeRequest): DecodedHead {
  if (head.kind === 'detections' || head.kind === 'rows') {
    return { type: 'tf-ssd', ...detectionOutputs(writer, head, plan, size) };
  }
  const { boxes, scores, count } = boxesAndScores(writer, head, plan, size);
  const outputs: NewOutput[] = [
    { name: 'boxes', value: boxes, type: 'float32', dims: [1, count, 4] },
    { name: 'scores', value: scores, type: 'float32', dims: [1, count, plan.labels.length] },
  ];
  return { type: 'boxes-scores', outputs, classOffset: 0 };
}

interface BoxesAndScores {
  readonly boxes: string;
  readonly scores: string;
  readonly count: number;
}

function boxesAndScores(
  writer: GraphWriter,
  head: Exclude<DetectHead, { kind: 'detections' | 'rows' }>,
  plan: ClassPlan,
  size: MapSize,
): BoxesAndScores {
  if (head.kind === 'ssd') {
    const count = head.anchors.length / 4;
    return { boxes: ssdBoxes(writer, head), scores: scoresOf(writer, head, plan, count), count };
  }
  if (head.kind === 'boxes') {
    const count = head.boxes.dims.reduce((product, each) => product * each, 1) / 4;
    return {
      boxes: plainBoxes(writer, head, size, count),
      scores: scoresOf(writer, head, plan, count),
      count,
    };
  }
  if (head.kind === 'yolo') return yoloRows(writer, head, plan, size);
  const { boxes, scores, count } = yoloMaps(writer, head, size);
  return { boxes, scores: pickColumns(writer, scores, plan, head.classes), count };
}

/** TensorFlow's FasterRcnnBoxCoder and torchvision's BoxCoder: centre = t/w · size + centre, size = exp(t/w) · size. */
function ssdBoxes(writer: GraphWriter, head: SsdHead): string {
  const count = head.anchors.length / 4;
  const codes = joined(writer, head.boxes, 4, count);
  const columns = head.order === 'yxhw' ? [1, 0, 3, 2] : [0, 1, 2, 3];
  const [centreWeight, sizeWeight] = head.weights;
  const anchor = (at: number, by: number): number[] =>
    Array.from({ length: count * 2 }, (_, i) => head.anchors[(i >> 1) * 4 + at + (i & 1)]! * by);
  const offsets = writer.gather(codes, columns.slice(0, 2), 2);
  const sizes = writer.gather(codes, columns.slice(2), 2);
  const moved = writer.add('Mul', [offsets, writer.floats([1, count, 2], anchor(2, 1 / centreWeight))]);
  const centres = writer.add('Add', [moved, writer.floats([1, count, 2], anchor(0, 1))]);
  const logs = writer.scaled(sizes, 1 / sizeWeight);
  const cut = head.sizeMax === undefined ? logs : writer.add('Min', [logs, writer.number(head.sizeMax)]);
  // Half of each size: the box goes as far on both sides of its centre.
  const halves = writer.add('Mul', [writer.add('Exp', [cut]), writer.floats([1, count, 2], anchor(2, 0.5))]);
  return cornersOf(writer, centres, halves);
}

function plainBoxes(writer: GraphWriter, head: BoxesHead, size: MapSize, count: number): string {
  const { boxes, form, isPixels } = head;
  let value = asFloat(writer, boxes);
  if (boxes.dims.length !== 3) value = writer.reshape(value, [1, count, 4]);
  if (form === 'yxyx') value = writer.gather(value, [1, 0, 3, 2], 2);
  if (form === 'xywh') {
    const halves = writer.scaled(writer.slice(value, 2, 2, 4), 0.5);
    value = cornersOf(writer, writer.slice(value, 2, 0, 2), halves);
  }
  return isPixels ? asFraction(writer, value, size) : value;
}

/** One value [1,N,columns] of float32 from a value of that sense, or from the network's maps one after the other. */
function joined(
  writer: GraphWriter,
  values: readonly HeadValue[],
  columns: number,
  count: number,
  finish: (value: string) => string = (value) => value,
): string {
  if (values.length === 1) {
    const [only] = values;
    const value = asFloat(writer, only!);
    return finish(only!.dims.length === 3 ? value : writer.reshape(value, [1, count, columns]));
  }
  return finish(
    writer.concat(
      values.map((map) => rowsOfMap(writer, map, columns)),
      1,
    ),
  );
}

/** [1, A·columns, H, W] or [1, H, W, A·columns] to [1, H·W·A, columns]; what has rows already keeps them. */
function rowsOfMap(writer: GraphWriter, map: HeadValue, columns: number): string {
  const value = asFloat(writer, map);
  const { dims, axis } = map;
  if (dims.length === 3) return value;
  const [, a = 1, b = 1, c = 1] = dims;
  const rows = (a * b * c) / columns;
  if (axis === 3) return writer.reshape(value, [1, rows, columns]);
  const apart = writer.reshape(value, [1, a / columns, columns, b, c]);
  return writer.reshape(writer.transpose(apart, [0, 3, 4, 1, 2]), [1, rows, columns]);
}

function scoresOf(writer: GraphWriter, part: ScoresPart, plan: ClassPlan, count: number): string {
  const value = joined(writer, part.scores, part.classes, count, (rows) =>
    activated(writer, rows, part.activation),
  );
  const first = part.background === 'first' ? 1 : 0;
  return pickColumns(writer, value, plan, part.classes, first);
}

/** The labels' columns of scores [1,N,classes]: named ones, or as many as there are labels from `first` on. */
function pickColumns(
  writer: GraphWriter,
  value: string,
  { labels, columns }: ClassPlan,
  classes: number,
  first = 0,
): string {
  if (columns !== undefined) return writer.gather(value, columns, 2);
  return labels.length === classes ? value : writer.slice(value, 2, first, first + labels.length);
}

/** Rows of centre, size and classes: decoded boxes, or those of YOLOX on their grid. */
function yoloRows(writer: GraphWriter, head: YoloHead, plan: ClassPlan, size: MapSize): BoxesAndScores {
  const { output, hasRows, hasObjectness, classes } = head;
  const raw = asFloat(writer, output);
  const rows = hasRows ? raw : writer.transpose(raw, [0, 2, 1]);
  const count = output.dims[hasRows ? 1 : 2]!;
  let centres = writer.slice(rows, 2, 0, 2);
  let sizes = writer.slice(rows, 2, 2, 4);
  if (head.strides !== undefined) {
    const { places, strides } = gridOf(head.strides, size);
    const scale = writer.floats([1, count, 1], strides);
    centres = writer.add('Mul', [writer.add('Add', [centres, writer.floats([1, count, 2], places)]), scale]);
    sizes = writer.add('Mul', [writer.add('Exp', [sizes]), scale]);
  }
  const corners = cornersOf(writer, centres, writer.scaled(sizes, 0.5));
  const boxes = head.isPixels ? asFraction(writer, corners, size) : corners;
  const first = hasObjectness ? 5 : 4;
  let scores = activated(writer, writer.slice(rows, 2, first, first + classes), head.activation);
  if (hasObjectness) {
    const objectness = activated(
      writer,
      writer.slice(rows, 2, 4, 5),
      head.activation === 'none' ? 'none' : 'sigmoid',
    );
    scores = writer.add('Mul', [scores, objectness]);
  }
  return { boxes, scores: pickColumns(writer, scores, plan, classes), count };
}

/** Places of the cells of all maps, x and y, and the stride of each. */
function gridOf(strides: readonly number[], size: MapSize): { places: number[]; strides: number[] } {
  const [places, each]: [number[], number[]] = [[], []];
  for (const stride of strides) {
    for (let y = 0; y < size.height / stride; y += 1) {
      for (let x = 0; x < size.width / stride; x += 1) {
        places.push(x, y);
        each.push(stride);
      }
    }
  }
  return { places, strides: each };
}

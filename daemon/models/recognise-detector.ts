// Which kind of detector the outputs are: detections after suppression, boxes and scores, SSD heads, YOLO rows or maps. Pure.
import { VedetteError } from '../platform/errors.ts';
import type { BoxesHead, DetectHead, DetectionsHead, HeadValue, RowsHead } from './head.ts';
import { type HeadContext, reachesBeyondOne, type Says, scoresLeft, wordsOf } from './recognise-context.ts';
import { ssdHead } from './recognise-ssd.ts';
import { activationOf, isLinear, lastOperators, tailOf } from './recognise-tail.ts';
import { yoloHead } from './recognise-yolo.ts';

/** Undefined where the outputs are none of a detector. */
export function recogniseDetector(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): DetectHead | undefined {
  return (
    detectionsHead(context, outputs, says) ??
    rowsHead(context, outputs, says) ??
    pairHead(context, outputs, says) ??
    yoloHead(context, outputs, says)
  );
}

/** Whether something in the graph, its inner graphs included, suppresses overlaps. */
function suppresses({ model }: HeadContext): boolean {
  const inside = (nodes: typeof model.graph.nodes): boolean =>
    nodes.some(
      ({ opType, attributes }) =>
        opType === 'NonMaxSuppression' ||
        [...attributes.values()].some((each) => each.kind === 'graph' && inside(each.value.nodes)),
    );
  return inside(model.graph.nodes);
}

/** TensorFlow's four outputs, or torchvision's boxes, labels, scores. */
function detectionsHead(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): DetectionsHead | undefined {
  const { findings, wishes } = context;
  const called = (pattern: RegExp): HeadValue | undefined => outputs.find(({ name }) => pattern.test(name));
  const tensorflow = {
    boxes: called(/(?:^|[/_])detection_boxes(?::0)?$/),
    classes: called(/(?:^|[/_])detection_classes(?::0)?$/),
    scores: called(/(?:^|[/_])detection_scores(?::0)?$/),
    count: called(/(?:^|[/_])num_detections(?::0)?$/),
  };
  const { boxes, classes, scores, count } = tensorflow;
  if (boxes && classes && scores) {
    const many = wordsOf(boxes);
    says('detect', `outputs are called as those of the TensorFlow Object Detection API (${many})`);
    findings.say('overlaps are suppressed inside; boxes are y1,x1,y2,x2 in 0..1; class 1 is the first label');
    const offset = wishes.classOffset ?? 1;
    const rest = { order: 'yxyx', isPixels: false, classOffset: offset } as const;
    return { kind: 'detections', boxes, classes, scores, ...(count ? { count } : {}), ...rest };
  }
  return listsHead(context, outputs, says);
}

function listsHead(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): DetectionsHead | undefined {
  const { findings, wishes, values } = context;
  const boxes = outputs.find(({ dims }) => dims.at(-1) === 4 && dims.length >= 2 && dims.length <= 3);
  const many = boxes?.dims.at(-2);
  const vectors = outputs.filter(({ dims }) => dims.length === 1 || (dims.length === 2 && dims[0] === 1));
  // Of one detection the lists are as long as their count.
  const counts = vectors.filter(
    ({ name, dims }) => dims.at(-1) === 1 && (many !== 1 || /num|count/i.test(name)),
  );
  const lists = vectors.filter((vector) => vector.dims.at(-1) === many && !counts.includes(vector));
  if (boxes === undefined || lists.length !== 2) return undefined;
  const classes =
    lists.find(({ type }) => type === 'int64' || type === 'int32') ??
    lists.find(({ name }) => /class|label/i.test(name));
  const scores = lists.find((list) => list !== classes && list.type.startsWith('float'));
  if (classes === undefined || scores === undefined) return undefined;
  const isPixels = reachesBeyondOne(values.get(boxes.name)?.data) ?? context.source.framework === 'pytorch';
  const order =
    wishes.boxForm === 'yxyx'
      ? 'yxyx'
      : wishes.boxForm === 'xyxy' || isPixels || context.source.framework === 'pytorch'
        ? 'xyxy'
        : 'yxyx';
  says(
    'detect',
    `${wordsOf(boxes)}, ${wordsOf(classes)} and ${wordsOf(scores)} are lists of the same length`,
  );
  const offset = wishes.classOffset ?? (context.source.framework === 'pytorch' ? 1 : 0);
  findings.say(
    `overlaps are suppressed inside; boxes are ${order === 'xyxy' ? 'x1,y1,x2,y2' : 'y1,x1,y2,x2'} in ${isPixels ? 'pixels' : '0..1'}; class ${offset} is the first label`,
  );
  const [count] = counts;
  return {
    kind: 'detections',
    boxes,
    classes,
    scores,
    ...(count ? { count } : {}),
    order,
    isPixels,
    classOffset: offset,
  };
}

/** One output of rows: YOLO exports "with NMS" have [1,N,6] or [N,7], YOLOv10 the first without suppression. */
function rowsHead(context: HeadContext, outputs: readonly HeadValue[], says: Says): RowsHead | undefined {
  const [output, ...others] = outputs;
  if (output === undefined || others.length > 0) return undefined;
  const { dims } = output;
  const columns = dims.at(-1);
  const hasBatch = dims.length === 3 && dims[0] === 1 && columns === 6;
  if (!hasBatch && !(dims.length === 2 && columns === 7)) return undefined;
  const picks = context.model.graph.nodes.some(({ opType }) => opType === 'TopK') || suppresses(context);
  if (!picks) return undefined;
  const isPixels = reachesBeyondOne(context.values.get(output.name)?.data) ?? true;
  says('detect', `${wordsOf(output)} has a row for each detection, and the graph picks the best`);
  context.findings.say(
    `rows are ${hasBatch ? 'x1,y1,x2,y2, score, class' : 'picture, x1,y1,x2,y2, class, score'} in ${isPixels ? 'pixels' : '0..1'}`,
  );
  const at = hasBatch ? { box: 0, score: 4, class: 5 } : { box: 1, score: 6, class: 5 };
  return { kind: 'rows', output, ...at, isPixels, classOffset: context.wishes.classOffset ?? 0 };
}

/** Boxes [1,N,4] and scores [1,N,C]: offsets from anchors if they come straight from convolutions, else boxes. */
function pairHead(context: HeadContext, outputs: readonly HeadValue[], says: Says): DetectHead | undefined {
  const boxes = boxesAmong(context, outputs);
  if (boxes === undefined) return ssdHead(context, outputs, says);
  const scores = scoresFor(boxes, outputs);
  if (scores === undefined) return undefined;
  const { model, index } = context;
  const tail = tailOf(model.graph, index, boxes.name);
  const isRaw = tail.length > 0 && tail.every(({ node }) => isLinear(model.graph, index, node));
  if (isRaw) return ssdHead(context, [boxes, scores], says);
  says('detect', `${wordsOf(boxes)} are boxes and ${wordsOf(scores)} their scores`);
  if (outputs.length > 2)
    context.findings.say(`of ${outputs.length} outputs '${boxes.name}' and '${scores.name}' are kept`);
  return decodedPair(context, boxes, scores, lastOperators(tail));
}

const BOX_NAMES = /box|(?<!b)loc|reg/i;
const SCORE_NAMES = /score|class|cls|conf|prob/i;

/**
 * The output that holds boxes. Scores of four classes have the same shape, and exporters list them in either order: names tell, a softmax
 * does. Throws MODEL_UNSUPPORTED where neither does: swapped, they would be numbers like any others.
 */
function boxesAmong({ model, index }: HeadContext, outputs: readonly HeadValue[]): HeadValue | undefined {
  const shaped = outputs.filter(({ dims }) => isBoxes(dims));
  const likely = shaped.filter((boxes) => scoresFor(boxes, outputs) !== undefined);
  if (likely.length < 2) return likely[0] ?? shaped[0];
  const hasSoftmax = ({ name }: HeadValue): boolean =>
    activationOf(tailOf(model.graph, index, name)) === 'softmax';
  const tests: readonly ((output: HeadValue) => boolean)[] = [
    ({ name }) => BOX_NAMES.test(name) && !SCORE_NAMES.test(name),
    ({ name }) => !SCORE_NAMES.test(name),
    (output) => !hasSoftmax(output),
  ];
  for (const test of tests) {
    const [only, ...others] = likely.filter(test);
    if (only !== undefined && others.length === 0) return only;
  }
  throw new VedetteError(
    'MODEL_UNSUPPORTED',
    `nothing tells boxes from scores: ${likely.map(wordsOf).join(', ')} have four columns each; export the model with outputs called 'boxes' and 'scores'`,
  );
}

/** An output [1,N,C] with a row for each of `boxes`. */
function scoresFor(boxes: HeadValue, outputs: readonly HeadValue[]): HeadValue | undefined {
  const many = boxes.dims[1];
  return outputs.find((output) => output !== boxes && output.dims.length === 3 && output.dims[1] === many);
}

function isBoxes(dims: readonly number[]): boolean {
  if (dims.length === 4) return dims[2] === 1 && dims[3] === 4;
  return dims.length === 3 && dims[2] === 4 && dims[1] !== 4;
}

function decodedPair(context: HeadContext, boxes: HeadValue, scores: HeadValue, last: string): BoxesHead {
  const { findings, values, wishes, model, index, source } = context;
  const data = values.get(boxes.name)!.data as ArrayLike<number>;
  const isPixels = reachesBeyondOne(data) ?? false;
  const form =
    wishes.boxForm ?? (source.framework === 'tensorflow' ? 'yxyx' : areCorners(data) ? 'xyxy' : 'xywh');
  const words = { xyxy: 'x1,y1,x2,y2', yxyx: 'y1,x1,y2,x2', xywh: 'centre and size' }[form];
  findings.say(
    `boxes are decoded by the graph (${last}): ${words} in ${isPixels ? 'pixels' : '0..1'} (--box-form)`,
  );
  const activation = activationOf(tailOf(model.graph, index, scores.name));
  const left = scoresLeft(context, scores);
  const background = wishes.background ?? (activation === 'softmax' || left === 'softmax' ? 'first' : 'none');
  return {
    kind: 'boxes',
    boxes,
    form,
    isPixels,
    scores: [scores],
    activation: left,
    background,
    classes: scores.dims[2]!,
  };
}

/** Whether no box ends before it begins. */
function areCorners(data: ArrayLike<number>): boolean {
  for (let at = 0; at + 3 < data.length; at += 4) {
    if (data[at + 2]! < data[at]! || data[at + 3]! < data[at + 1]!) return false;
  }
  return true;
}

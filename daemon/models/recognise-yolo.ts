// Heads of the YOLO family: one output of decoded rows or columns, or the maps of the last convolutions. Anchors of v3 are those of its
// paper (Redmon and Farhadi 2018, section 2.3), of its tiny form those of its configuration file. Pure.
import type { HeadValue, YoloHead, YoloMapsHead } from './head.ts';
import { channelAxis, type HeadContext, reachesBeyondOne, type Says, wordsOf } from './recognise-context.ts';
import { namesIn } from './recognise-labels.ts';
import { activationOf, isLinear, lastOperators, tailOf } from './recognise-tail.ts';
import type { MapSize } from './ssd-anchors.ts';

const ANCHORS_V3 = [
  [
    [10, 13],
    [16, 30],
    [33, 23],
  ],
  [
    [30, 61],
    [62, 45],
    [59, 119],
  ],
  [
    [116, 90],
    [156, 198],
    [373, 326],
  ],
] as const;
const ANCHORS_TINY = [
  [
    [10, 14],
    [23, 27],
    [37, 58],
  ],
  [
    [81, 82],
    [135, 169],
    [344, 319],
  ],
] as const;
/** Of COCO and of PASCAL VOC. */
const USUAL_CLASSES = [80, 20];
/** Bins of each side in v8 and later. */
const BINS = 16;
/** Of the maps: most have three, tiny ones two, large ones four. */
const STRIDES = [
  [8, 16, 32],
  [16, 32],
  [8, 16, 32, 64],
] as const;

export function yoloHead(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): YoloHead | YoloMapsHead | undefined {
  const rows = outputs.filter(({ dims }) => dims.length === 3 && dims[0] === 1);
  const [only] = rows;
  // Exports for training keep the maps beside the joined rows.
  if (only !== undefined && rows.length === 1) return rowsOf(context, only, says);
  return mapsOf(context, outputs, says);
}

/** [1,N,5+C] or [1,4+C,N]: N is one for each anchor of each place. */
function rowsOf(context: HeadContext, output: HeadValue, says: Says): YoloHead | undefined {
  const { findings, wishes, input, values, model, index } = context;
  const [, a = 0, b = 0] = output.dims;
  const hasRows = a > b;
  const [count, fields] = hasRows ? [a, b] : [b, a];
  if (fields < 5 || count < BOXES_MIN) return undefined;
  const strides = STRIDES.find((each) => count % placesOf(each, input.size) === 0);
  if (strides === undefined && wishes.task !== 'detect' && wishes.head === undefined) return undefined;
  const hasObjectness = hasObjectnessOf(context, hasRows, fields);
  const classes = fields - (hasObjectness ? 5 : 4);
  says(
    'detect',
    `${wordsOf(output)} has a ${hasRows ? 'row' : 'column'} of ${fields} for each of ${count} boxes`,
  );
  const tail = tailOf(model.graph, index, output.name);
  const computed = tail.filter(
    ({ node }) => !isLinear(model.graph, index, node) && node.opType !== 'Sigmoid',
  );
  const isOnePerPlace = strides !== undefined && count === placesOf(strides, input.size);
  const isOnGrid =
    wishes.head === 'yolox' ||
    (wishes.head === undefined && hasRows && isOnePerPlace && computed.length === 0);
  const isPixels = isOnGrid || (reachesBeyondOne(values.get(output.name)!.data) ?? true);
  const last = lastOperators(tail);
  findings.say(
    isOnGrid
      ? `boxes are still on their grid, as YOLOX leaves them: only ${last} before the output`
      : `boxes are decoded by the graph: centre and size in ${isPixels ? 'pixels' : '0..1'}`,
  );
  findings.say(
    `${classes} classes${hasObjectness ? ' after an objectness' : ''}: ${fields} numbers for each box`,
  );
  const activation =
    wishes.activation ??
    (tail.every(({ node }) => isLinear(model.graph, index, node)) && activationOf(tail) === 'none'
      ? 'sigmoid'
      : 'none');
  return {
    kind: 'yolo',
    output,
    hasRows,
    hasObjectness,
    classes,
    isPixels,
    activation,
    ...(isOnGrid ? { strides: strides ?? STRIDES[0] } : {}),
  };
}

const BOXES_MIN = 16;

function placesOf(strides: readonly number[], { width, height }: MapSize): number {
  return strides.reduce((sum, stride) => sum + Math.ceil(width / stride) * Math.ceil(height / stride), 0);
}

/** v5, v7 and YOLOX have it, v8 and later do not: told by the number of classes where that is known, else by how boxes lie. */
function hasObjectnessOf({ wishes, model }: HeadContext, hasRows: boolean, fields: number): boolean {
  if (wishes.head === 'yolov8') return false;
  if (wishes.head !== undefined) return true;
  const named = namesIn(model.metadata)?.length ?? wishes.labels?.names.length;
  const known = named === undefined ? USUAL_CLASSES : [named];
  const [with5, with4] = [known.includes(fields - 5), known.includes(fields - 4)];
  return with5 === with4 ? hasRows : with5;
}

/** Two to four maps, each half the size of the one before. */
function mapsOf(context: HeadContext, outputs: readonly HeadValue[], says: Says): YoloMapsHead | undefined {
  const { findings, wishes, model, index, input } = context;
  if (outputs.length < 2 || outputs.length > 4) return undefined;
  if (outputs.some(({ dims }) => dims.length !== 4 && dims.length !== 5)) return undefined;
  const isRaw = outputs.every(({ name }) =>
    tailOf(model.graph, index, name).every(({ node }) => isLinear(model.graph, index, node)),
  );
  const axis = channelAxis(outputs, input);
  const maps = outputs
    .map((output): HeadValue => ({ ...output, axis }))
    .sort((x, y) => product(y.dims) - product(x.dims));
  const fields = maps.map(fieldsOf);
  const [first] = fields;
  if (!isRaw || first === undefined || fields.some((each) => each !== first)) return undefined;
  const isFive = maps.every(({ dims }) => dims.length === 5);
  const named = namesIn(context.model.metadata)?.length ?? wishes.labels?.names.length;
  const version = versionOf(context, first, isFive, named);
  says('detect', `${maps.map(wordsOf).join(', ')} are maps straight from convolutions: a YOLO head`);
  if (version === undefined) {
    findings.ask(
      '--head <yolov3 | yolov5 | yolov8>',
      `which YOLO its maps of ${first} numbers are of (--anchors where they are not the usual ones)`,
    );
    return { kind: 'yolo-maps', version: 'v8', maps, classes: Math.max(1, first - 4), anchors: [], bins: 1 };
  }
  if (version.version === 'v8') {
    findings.say(
      `each place has ${version.bins} numbers for each side and ${version.classes} classes, as in YOLOv8`,
    );
    return { kind: 'yolo-maps', ...version, maps, anchors: [] };
  }
  const anchors = anchorsFor(context, maps.length, version.perPlace);
  findings.say(
    `each place has ${version.perPlace} boxes of 5 + ${version.classes} numbers, as in YOLO${version.version}; anchors ${JSON.stringify(anchors)}`,
  );
  return { kind: 'yolo-maps', version: version.version, maps, classes: version.classes, anchors, bins: 0 };
}

function product(dims: readonly number[]): number {
  return dims.reduce((all, size) => all * size, 1);
}

/** Numbers of each place, of all its anchors: [1,F,H,W], [1,H,W,F], [1,A,F,H,W] or [1,A,H,W,F]. */
function fieldsOf({ dims, axis }: HeadValue): number {
  const own = dims.slice(-3)[axis === 3 ? 2 : 0]!;
  return dims.length === 5 ? dims[1]! * own : own;
}

interface Version {
  readonly version: 'v3' | 'v5' | 'v8';
  readonly classes: number;
  readonly bins: number;
  readonly perPlace: number;
}

function versionOf(
  context: HeadContext,
  fields: number,
  isFive: boolean,
  named: number | undefined,
): Version | undefined {
  const { wishes, source } = context;
  const distances = fields - 4 * BINS;
  const v8 = { version: 'v8', classes: distances, bins: BINS, perPlace: 1 } as const;
  const withAnchors = (version: 'v3' | 'v5'): Version | undefined =>
    fields % 3 === 0 && fields / 3 > 5
      ? { version, classes: fields / 3 - 5, bins: 0, perPlace: 3 }
      : undefined;
  if (wishes.head === 'yolov8') {
    return distances > 0 ? v8 : { ...v8, bins: 1, classes: fields - 4 };
  }
  if (wishes.head === 'yolov5') return withAnchors('v5');
  if (wishes.head === 'yolov3') return withAnchors('v3');
  if (named !== undefined && distances === named) return v8;
  if (isFive) return withAnchors('v5');
  const isV3 = fields % 3 === 0 && (fields / 3 - 5 === named || USUAL_CLASSES.includes(fields / 3 - 5));
  if (isV3 && (source.framework !== 'pytorch' || source.library === undefined)) return withAnchors('v3');
  return USUAL_CLASSES.includes(distances) ? v8 : undefined;
}

type MapAnchors = readonly (readonly [number, number])[];

/** Those given (a row of width, height, width, height, … for each map), or the usual ones. */
function anchorsFor({ wishes, findings }: HeadContext, maps: number, count: number): MapAnchors[] {
  const { anchors } = wishes;
  if (anchors !== undefined && anchors.length === maps && anchors.every((row) => row.length === 2 * count)) {
    return anchors.map((row) =>
      Array.from({ length: count }, (_, at): [number, number] => [row[2 * at]!, row[2 * at + 1]!]),
    );
  }
  if (anchors === undefined && maps === 3) return ANCHORS_V3.map((row) => [...row]);
  if (anchors === undefined && maps === 2) return ANCHORS_TINY.map((row) => [...row]);
  findings.ask(
    '--anchors <file>',
    `${maps} rows, one for each map from the finest, of ${count} widths and heights in pixels`,
  );
  return Array.from({ length: maps }, () => Array.from({ length: count }, (): [number, number] => [1, 1]));
}

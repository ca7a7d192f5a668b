// Raw heads of SSD and SSDLite: offsets from default boxes and scores before what makes them probabilities. The sizes of the feature
// maps are those of the convolutions that the boxes come from; the family of default boxes must give as many boxes as there are. Pure.
import type { HeadValue, SsdHead } from './head.ts';
import {
  channelAxis,
  type HeadContext,
  headValue,
  type Says,
  scoresLeft,
  wordsOf,
} from './recognise-context.ts';
import { tailOf } from './recognise-tail.ts';
import {
  type Anchors,
  type MapSize,
  perPlace,
  TENSORFLOW_SSD,
  TORCHVISION_SSDLITE,
  tensorflowAnchors,
  torchvisionAnchors,
} from './ssd-anchors.ts';

type Family = 'tensorflow' | 'torchvision';

/** torchvision cuts the logarithm of a size there: 1000 of 16 pixels. */
const TORCHVISION_SIZE_MAX = Math.log(1000 / 16);

/** `outputs` are boxes and scores, or two outputs of each map. Undefined where they are neither. */
export function ssdHead(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): SsdHead | undefined {
  const parts =
    outputs.length === 2 ? { boxes: [outputs[0]!], scores: [outputs[1]!] } : partsOfMaps(context, outputs);
  if (parts === undefined) return undefined;
  const { boxes, scores } = parts;
  const isJoined = boxes.length === 1 && (boxes[0]!.dims.length === 3 || boxes[0]!.dims[2] === 1);
  if (!isJoined && boxes.length === 1) return undefined;
  const count = isJoined ? boxes[0]!.dims[1]! : undefined;
  const maps = isJoined ? mapsBefore(context, boxes[0]!) : boxes.map(sizeOfMap);
  says('detect', `${boxes.map(wordsOf).join(', ')} come straight from convolutions: offsets of an SSD head`);
  const found = anchorsOf(context, count, maps);
  const family = found?.family ?? 'tensorflow';
  const total = found === undefined ? 0 : found.anchors.length / 4;
  const classes = isJoined
    ? scores[0]!.dims[2]!
    : scores.reduce((sum, { dims }) => sum + dims.reduce((product, size) => product * size, 1), 0) /
      Math.max(1, total);
  const activation = scoresLeft(context, scores[0]!, family);
  const background = context.wishes.background ?? 'first';
  const shared = { kind: 'ssd', boxes, scores, activation, background, classes } as const;
  const anchors = found?.anchors ?? new Float64Array(4 * (count ?? 1));
  return family === 'tensorflow'
    ? { ...shared, anchors, order: 'yxhw', weights: [10, 5] }
    : { ...shared, anchors, order: 'xywh', weights: [10, 5], sizeMax: TORCHVISION_SIZE_MAX };
}

interface Parts {
  readonly boxes: readonly HeadValue[];
  readonly scores: readonly HeadValue[];
}

/** Two outputs of rank 4 of each size: boxes have four channels for each anchor. */
function partsOfMaps({ input }: HeadContext, outputs: readonly HeadValue[]): Parts | undefined {
  if (outputs.length < 4 || outputs.length % 2 === 1 || outputs.some(({ dims }) => dims.length !== 4)) {
    return undefined;
  }
  const placesOf = (map: HeadValue): number => sizeOfMap(map).width * sizeOfMap(map).height;
  const axis = channelAxis(outputs, input);
  const maps = outputs
    .map((output): HeadValue => ({ ...output, axis }))
    .sort((a, b) => placesOf(b) - placesOf(a));
  const named = maps.filter(({ name }) => /box|loc|reg/i.test(name));
  const isHalf = named.length === maps.length / 2;
  const boxes = isHalf ? named : maps.filter(({ dims }) => BOX_CHANNELS.has(dims[axis]!));
  if (boxes.length !== maps.length / 2) return undefined;
  return { boxes, scores: maps.filter((map) => !boxes.includes(map)) };
}

/** Three, four or six anchors. */
const BOX_CHANNELS: ReadonlySet<number> = new Set([12, 16, 24]);

function sizeOfMap({ dims, axis }: HeadValue): MapSize {
  const [, a = 1, b = 1, c = 1] = dims;
  return axis === 3 ? { height: a, width: b } : { height: b, width: c };
}

/** Sizes of the maps that an output was joined from, in its order. */
function mapsBefore(context: HeadContext, boxes: HeadValue): MapSize[] | undefined {
  const { model, index, values, input } = context;
  const tail = tailOf(model.graph, index, boxes.name);
  const maps = tail.flatMap(({ value }) => (values.has(value) ? [headValue(context, value)] : []));
  const areMaps = maps.length === tail.length && maps.every(({ dims }) => dims.length === 4);
  const axis = channelAxis(maps, input);
  return areMaps ? maps.map((map) => sizeOfMap({ ...map, axis })) : undefined;
}

interface FoundAnchors {
  readonly family: Family;
  readonly anchors: Anchors;
}

/** Those given, or those of the family that gives as many boxes; asks where none does. */
function anchorsOf(
  context: HeadContext,
  count: number | undefined,
  maps: readonly MapSize[] | undefined,
): FoundAnchors | undefined {
  const { wishes, findings, source } = context;
  const shown = maps?.map(({ width, height }) => `${width}x${height}`).join(', ') ?? 'unknown';
  const first: Family = source.framework === 'pytorch' ? 'torchvision' : 'tensorflow';
  const wished =
    wishes.head === 'ssd-tensorflow'
      ? 'tensorflow'
      : wishes.head === 'ssd-torchvision'
        ? 'torchvision'
        : undefined;
  if (wishes.anchors !== undefined) {
    const rows = wishes.anchors;
    if (rows.some((row) => row.length !== 4) || (count !== undefined && rows.length !== count)) {
      findings.ask(
        '--anchors <file>',
        `${count} rows of centre x, centre y, width, height in 0..1 (${rows.length} given)`,
      );
      return undefined;
    }
    findings.say(
      `default boxes are the ${rows.length} of --anchors, offsets are those of ${WORDS[wished ?? first]}`,
    );
    return { family: wished ?? first, anchors: Float64Array.from(rows.flat()) };
  }
  const families: readonly Family[] =
    wished === undefined ? [first, first === 'tensorflow' ? 'torchvision' : 'tensorflow'] : [wished];
  const sizes = maps ?? halved(context.input.size);
  const family = families.find((each) => count === undefined || boxesOf(each, sizes) === count);
  if (family === undefined) {
    findings.ask(
      '--anchors <file>',
      `the file of its ${count} default boxes (JSON, rows of centre x, centre y, width, height in 0..1): neither TensorFlow's nor torchvision's give as many for the feature maps ${shown}`,
    );
    return undefined;
  }
  findings.say(
    `default boxes are ${WORDS[family]}: ${boxesOf(family, sizes)} for the feature maps ${sizes.map(({ width, height }) => `${width}x${height}`).join(', ')}`,
  );
  return {
    family,
    anchors:
      family === 'tensorflow'
        ? tensorflowAnchors(sizes, context.input.size, TENSORFLOW_SSD)
        : torchvisionAnchors(sizes, TORCHVISION_SSDLITE),
  };
}

const WORDS: Readonly<Record<Family, string>> = {
  tensorflow: "TensorFlow's (scales 0.2 to 0.95, offsets y,x,h,w by 10 and 5)",
  torchvision: "torchvision's (scales 0.2 to 0.95, offsets x,y,w,h by 10 and 5)",
};

/** Boxes that a family has on these maps. */
function boxesOf(family: Family, maps: readonly MapSize[]): number {
  return maps.reduce((sum, { width, height }, at) => sum + width * height * perPlace(family, at), 0);
}

/** Six maps from a sixteenth of the picture on, each half of the one before: SSD on a MobileNet. */
function halved({ width, height }: MapSize): MapSize[] {
  const maps: MapSize[] = [];
  for (let at = 0; at < 6; at += 1) {
    const step = 2 ** (at + 4);
    maps.push({ width: Math.ceil(width / step), height: Math.ceil(height / step) });
  }
  return maps;
}

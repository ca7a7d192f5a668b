// Decoding of YOLO maps as they leave the last convolutions, written as nodes of the graph. Pure. Sources: Redmon and Farhadi,
// YOLOv3 (2018), section 2.1; for v5 its doubled sigmoids ("grid sensitivity"); for v8 Li et al., Generalized Focal Loss (2020):
// each side's distance from the centre of a cell is the mean of a distribution over bins.
import { asFloat, cornersOf } from './decode-graph-parts.ts';
import type { GraphWriter } from './graph-writer.ts';
import type { HeadValue, YoloMapsHead } from './head.ts';
import type { MapSize } from './ssd-anchors.ts';

interface Decoded {
  readonly boxes: string;
  readonly scores: string;
  readonly count: number;
}

/** Boxes [1,N,4] as x1,y1,x2,y2 in 0..1 and scores [1,N,classes], the maps one after the other. */
export function yoloMaps(writer: GraphWriter, head: YoloMapsHead, size: MapSize): Decoded {
  const parts = head.maps.map((map, at) =>
    head.version === 'v8'
      ? distanceMap(writer, head, map)
      : anchorMap(writer, head, { map, anchors: head.anchors[at]!, size }),
  );
  return {
    boxes: writer.concat(
      parts.map(({ boxes }) => boxes),
      1,
    ),
    scores: writer.concat(
      parts.map(({ scores }) => scores),
      1,
    ),
    count: parts.reduce((sum, { count }) => sum + count, 0),
  };
}

interface AnchorMap {
  readonly map: HeadValue;
  readonly anchors: readonly (readonly [number, number])[];
  readonly size: MapSize;
}

/** Where a map's numbers lie: 'planes' [1,A·F,H,W] and [1,A,F,H,W], 'boxes' [1,A,H,W,F], 'places' [1,H,W,A·F]. */
function formOfMap({ dims, axis }: HeadValue): {
  readonly form: 'planes' | 'boxes' | 'places';
  readonly height: number;
  readonly width: number;
} {
  const [x = 1, y = 1, z = 1] = dims.slice(-3);
  if (axis !== 3) return { form: 'planes', height: y, width: z };
  return { form: dims.length === 5 ? 'boxes' : 'places', height: x, width: y };
}

function anchorMap(writer: GraphWriter, head: YoloMapsHead, { map, anchors, size }: AnchorMap): Decoded {
  const fields = 5 + head.classes;
  const count = anchors.length;
  const { form, height, width } = formOfMap(map);
  const boxCount = count * height * width;
  const value = asFloat(writer, map);
  const planes = (): string => {
    const apart = writer.reshape(value, [1, count, fields, height, width]);
    return writer.transpose(apart, [0, 1, 3, 4, 2]);
  };
  const rows = writer.reshape(form === 'planes' ? planes() : value, [1, boxCount, fields]);
  const [places, shapes]: [number[], number[]] = [[], []];
  for (let at = 0; at < boxCount; at += 1) {
    const isPlaceFirst = form === 'places';
    const place = isPlaceFirst ? Math.floor(at / count) : at % (height * width);
    const [anchorWidth, anchorHeight] =
      anchors[isPlaceFirst ? at % count : Math.floor(at / (height * width))]!;
    places.push(place % width, Math.floor(place / width));
    shapes.push(anchorWidth / size.width / 2, anchorHeight / size.height / 2);
  }
  const grid = writer.floats([1, boxCount, 2], places);
  const half = writer.floats([1, boxCount, 2], shapes);
  const cell = writer.floats([1, 1, 2], [1 / width, 1 / height]);
  const move = writer.add('Sigmoid', [writer.slice(rows, 2, 0, 2)]);
  const grow = writer.slice(rows, 2, 2, 4);
  const isV5 = head.version === 'v5';
  const moved = isV5 ? writer.add('Sub', [writer.scaled(move, 2), writer.number(0.5)]) : move;
  const doubled = (): string => writer.scaled(writer.add('Sigmoid', [grow]), 2);
  const squared = (twice: string): string => writer.add('Mul', [twice, twice]);
  const grown = isV5 ? squared(doubled()) : writer.add('Exp', [grow]);
  const centres = writer.add('Mul', [writer.add('Add', [moved, grid]), cell]);
  const boxes = cornersOf(writer, centres, writer.add('Mul', [grown, half]));
  const certain = writer.add('Sigmoid', [writer.slice(rows, 2, 4, fields)]);
  const scores = writer.add('Mul', [writer.slice(certain, 2, 1, fields - 4), writer.slice(certain, 2, 0, 1)]);
  return { boxes, scores, count: boxCount };
}

/** Distances to the four sides from the middle of each cell. */
function distanceMap(writer: GraphWriter, { classes, bins }: YoloMapsHead, map: HeadValue): Decoded {
  const fields = 4 * bins + classes;
  const { form, height, width } = formOfMap(map);
  const count = height * width;
  const value = asFloat(writer, map);
  const rows =
    form === 'planes'
      ? writer.transpose(writer.reshape(value, [1, fields, count]), [0, 2, 1])
      : writer.reshape(value, [1, count, fields]);
  const sides = writer.slice(rows, 2, 0, 4 * bins);
  const distances = bins === 1 ? sides : meanOfBins(writer, sides, count, bins);
  const middles = writer.floats(
    [1, count, 2],
    Array.from({ length: count * 2 }, (_, i) => {
      const place = i >> 1;
      return 0.5 + (i % 2 === 0 ? place % width : Math.floor(place / width));
    }),
  );
  const corners = writer.concat(
    [
      writer.add('Sub', [middles, writer.slice(distances, 2, 0, 2)]),
      writer.add('Add', [middles, writer.slice(distances, 2, 2, 4)]),
    ],
    2,
  );
  const cells = writer.floats([1, 1, 4], [1 / width, 1 / height, 1 / width, 1 / height]);
  return {
    boxes: writer.add('Mul', [corners, cells]),
    scores: writer.add('Sigmoid', [writer.slice(rows, 2, 4 * bins, fields)]),
    count,
  };
}

function meanOfBins(writer: GraphWriter, sides: string, count: number, bins: number): string {
  const shares = writer.softmax(writer.reshape(sides, [1, count, 4, bins]), 3);
  const weights = writer.floats(
    [bins, 1],
    Array.from({ length: bins }, (_, bin) => bin),
  );
  return writer.reshape(writer.add('MatMul', [shares, weights]), [1, count, 4]);
}

// The end of a detector that suppresses overlaps itself, brought into the form of TFLite_Detection_PostProcess (decoder
// `tf-ssd`): torchvision's boxes in pixels, rows of YOLO exports "with NMS", COCO's ids. Pure.
import { asFloat } from './decode-graph-parts.ts';
import type { GraphWriter, NewOutput } from './graph-writer.ts';
import type { ClassPlan, DetectionsHead, HeadValue, RowsHead } from './head.ts';
import type { MapSize } from './ssd-anchors.ts';

/** Boxes [1,N,4] as y1,x1,y2,x2 in 0..1, classes and scores [1,N], count [1]. */
export function detectionOutputs(
  writer: GraphWriter,
  head: DetectionsHead | RowsHead,
  plan: ClassPlan,
  size: MapSize,
): { readonly outputs: readonly NewOutput[]; readonly classOffset: number } {
  const parts = head.kind === 'rows' ? partsOfRows(writer, head) : partsOf(writer, head);
  const scale = [1 / size.height, 1 / size.width, 1 / size.height, 1 / size.width];
  const boxes = head.isPixels
    ? writer.add('Mul', [parts.boxes, writer.floats([1, 1, 4], scale)])
    : parts.boxes;
  const classes =
    plan.columns === undefined
      ? parts.classes
      : indexed(writer, parts.classes, plan.columns, head.classOffset);
  const count = parts.count ?? countOf(writer, parts.scores);
  return {
    outputs: [
      { name: 'boxes', value: boxes, type: 'float32', dims: [1, 'detections', 4] },
      { name: 'classes', value: classes, type: 'float32', dims: [1, 'detections'] },
      { name: 'scores', value: parts.scores, type: 'float32', dims: [1, 'detections'] },
      { name: 'count', value: count, type: 'float32', dims: [1] },
    ],
    classOffset: plan.columns === undefined ? head.classOffset : 0,
  };
}

interface Parts {
  readonly boxes: string;
  readonly classes: string;
  readonly scores: string;
  readonly count?: string;
}

function partsOf(writer: GraphWriter, head: DetectionsHead): Parts {
  const list = (value: HeadValue): string => {
    const flat = value.dims.length === 2 ? value.name : writer.reshape(value.name, [1, -1]);
    return value.type === 'float32' ? flat : writer.cast(flat, 'float32');
  };
  const { boxes: corners, count } = head;
  let boxes = asFloat(writer, corners);
  if (corners.dims.length !== 3) boxes = writer.reshape(boxes, [1, -1, 4]);
  if (head.order === 'xyxy') boxes = writer.gather(boxes, [1, 0, 3, 2], 2);
  const parts = { boxes, classes: list(head.classes), scores: list(head.scores) };
  if (count === undefined) return parts;
  const flat = count.dims.length === 1 ? count.name : writer.reshape(count.name, [1]);
  return { ...parts, count: count.type === 'float32' ? flat : writer.cast(flat, 'float32') };
}

function partsOfRows(writer: GraphWriter, { output, box, score, class: kind }: RowsHead): Parts {
  const columns = output.dims.at(-1)!;
  const value = asFloat(writer, output);
  const rows = output.dims.length === 3 ? value : writer.reshape(value, [1, -1, columns]);
  const column = (at: number): string => writer.reshape(writer.slice(rows, 2, at, at + 1), [1, -1]);
  return {
    boxes: writer.gather(rows, [box + 1, box, box + 3, box + 2], 2),
    classes: column(kind),
    scores: column(score),
  };
}

/** How many there are, as the second size of scores [1,N]. */
function countOf(writer: GraphWriter, scores: string): string {
  return writer.cast(writer.slice(writer.add('Shape', [scores]), 0, 1, 2), 'float32');
}

/** Numbers of classes to indices of labels, -1 for those that have none. `columns[i] + offset - 1` is the number of label i. */
function indexed(writer: GraphWriter, classes: string, columns: readonly number[], offset: number): string {
  const numbers = columns.map((column) => column - 1 + offset);
  const most = Math.max(...numbers) + 1;
  const table = Array.from({ length: most + 1 }, (_, number) => numbers.indexOf(number));
  const low = writer.add('Max', [classes, writer.number(0)]);
  const within = writer.add('Min', [low, writer.number(most)]);
  const value = writer.cast(within, 'int64');
  const labels = writer.floats([most + 1], table);
  return writer.add('Gather', [labels, value], { axis: { kind: 'int', value: 0 } });
}

// From what was recognised to a model in Vedette's form: labels and normalisation settled, the decoding appended, the input made one
// of bytes. Asks at its end for all that is still unknown. Pure.
import type { ModelInput } from '../core/types.ts';
import { decodeHead } from './decode-graph.ts';
import { asFloat } from './decode-graph-parts.ts';
import { constantOf, type GraphIndex } from './graph.ts';
import { isInt8Operator } from './graph-facts.ts';
import { GraphWriter } from './graph-writer.ts';
import type { ClassesHead, DetectHead, FeaturesHead, Head, MaskHead } from './head.ts';
import { normaliseInput } from './import-input.ts';
import { COCO_ID_MAX } from './labels.ts';
import type { Decoder } from './manifest-schema.ts';
import type { Graph } from './onnx.ts';
import type { HeadContext } from './recognise-context.ts';
import { type LabelAnswer, recogniseLabels } from './recognise-labels.ts';
import { recogniseNormalisation } from './recognise-normalisation.ts';
import { tailOf } from './recognise-tail.ts';
import type { Task } from './tasks.ts';

/** Boxes of one class that overlap more are one object. */
const NMS_IOU = 0.5;

/** What the manifest says of a model beside where it comes from. */
export interface Imported {
  readonly task: Task;
  readonly input: ModelInput;
  readonly decoder: Decoder;
  readonly labels: readonly string[];
  /** Scores of a classifier that are probabilities already. */
  readonly sumsToOne: boolean;
}

/** Changes the model of the context. Throws MODEL_UNCLEAR, naming `file`. */
export function buildImported(context: HeadContext, head: Head, file: string): Imported {
  const { model, input, source, wishes, findings } = context;
  const task = taskOf(head);
  const isYolo = head.kind === 'yolo' || head.kind === 'yolo-maps' || head.kind === 'rows';
  const takesPixels = head.kind === 'yolo' && head.strides !== undefined;
  const labelled = labelsFor(context, head);
  const normalisation = recogniseNormalisation(
    { input, source, task, isYolo, takesPixels },
    wishes,
    findings,
  );
  const { resize, colour } = pictureOf(context, { isYolo, takesPixels });
  findings.finish(file);
  const { decoder, labels } = decoded(context, head, labelled!);
  return {
    task,
    decoder,
    labels,
    input: normaliseInput(model, { input, normalisation, colour, resize }),
    sumsToOne:
      head.kind === 'classes' &&
      decoder.type === 'classes' &&
      decoder.activation === 'none' &&
      endsInSoftmax(context, head),
  };
}

interface Family {
  readonly isYolo: boolean;
  readonly takesPixels: boolean;
}

/** How a picture becomes the input: what was said, else what is usual. */
function pictureOf(
  { wishes, findings }: HeadContext,
  { isYolo, takesPixels }: Family,
): Pick<ModelInput, 'resize' | 'colour'> {
  const usual = isYolo
    ? ({ resize: 'letterbox', why: 'as the YOLO family is trained' } as const)
    : ({ resize: 'stretch', why: 'as MobileNets are used' } as const);
  const order = takesPixels
    ? ({ colour: 'bgr', why: 'YOLOX takes them in that order' } as const)
    : ({ colour: 'rgb', why: 'nothing in a file tells; almost all take that' } as const);
  const { resize = usual.resize, colour = order.colour } = wishes;
  const done = resize === 'stretch' ? 'stretched' : 'letterboxed';
  findings.say(`pictures are ${done}: ${wishes.resize === undefined ? usual.why : '--resize'}`);
  findings.say(`colours are ${colour}: ${wishes.colour === undefined ? order.why : '--colour'}`);
  return { resize, colour };
}

function taskOf({ kind }: Head): Task {
  if (kind === 'classes') return 'classify';
  if (kind === 'mask') return 'segment';
  return kind === 'features' ? 'features' : 'detect';
}

const NO_LABELS: LabelAnswer = { plan: { labels: [] }, background: 'none' };

function labelsFor(context: HeadContext, head: Head): LabelAnswer | undefined {
  const { model, wishes, findings } = context;
  if (head.kind === 'features') return NO_LABELS;
  const { metadata } = model;
  const ask = (
    classes: number | undefined,
    background: LabelAnswer['background'] | 'unknown',
    keepsBackground = false,
  ): LabelAnswer | undefined =>
    recogniseLabels(
      { classes, background, keepsBackground, metadata, what: WHAT[taskOf(head)] },
      wishes,
      findings,
    );
  if (head.kind === 'classes') return ask(head.classes, 'unknown', true);
  if (head.kind === 'mask') return ask(head.classes ?? classesOfMask(context, head), 'unknown', true);
  if (head.kind === 'detections' || head.kind === 'rows') return labelsOfNumbers(context, ask);
  return ask(head.classes, 'background' in head ? head.background : 'none');
}

type Ask = (
  classes: number | undefined,
  background: LabelAnswer['background'] | 'unknown',
) => LabelAnswer | undefined;

/** Detections have numbers of classes; how many there are, the convolutions tell whose channels are a multiple. */
function labelsOfNumbers({ model, index, wishes, findings }: HeadContext, ask: Ask): LabelAnswer | undefined {
  if (wishes.labels?.from === 'coco91') return ask(COCO_ID_MAX + 1, 'first');
  if (wishes.labels !== undefined || model.metadata.has('names')) return ask(undefined, 'none');
  const channels = model.graph.nodes.flatMap((node) => {
    if (!/Conv/.test(node.opType)) return [];
    const weights = node.inputs
      .map((input) => dimsOf(input, model.graph, index))
      .find((dims) => dims?.length === 4);
    return weights === undefined ? [] : [weights[0]!];
  });
  for (const classes of [COCO_ID_MAX + 1, 81, 21]) {
    const heads = channels.filter((count) => count === 3 * classes || count === 6 * classes);
    if (heads.length < 2) continue;
    findings.say(
      `${heads.length} convolutions have ${[...new Set(heads)].join(' or ')} channels: anchors times ${classes} classes`,
    );
    return ask(classes, 'first');
  }
  return ask(undefined, 'none');
}

/** Of a constant, a quantized one too. */
function dimsOf(value: string, graph: Graph, index: GraphIndex): readonly number[] | undefined {
  const node = index.producer(value);
  return constantOf(graph, index, node?.opType === 'DequantizeLinear' ? node.inputs[0]! : value)?.dims;
}

const WHAT: Readonly<Record<Task, string>> = {
  detect: 'of its boxes',
  classify: 'of the whole picture',
  segment: 'of its places',
  features: 'none',
};

/** As many as there are scores that the best is taken of. */
function classesOfMask({ model, index, values }: HeadContext, { output }: MaskHead): number | undefined {
  for (const { node } of tailOf(model.graph, index, output.name)) {
    if (node.opType !== 'ArgMax') continue;
    const scores = values.get(node.inputs[0]!)?.dims;
    const axis = node.attributes.get('axis');
    const at = axis?.kind === 'int' ? axis.value : 0;
    return scores?.at(at);
  }
  return undefined;
}

/** Probabilities of which no quantization has rounded the small ones away. */
function endsInSoftmax({ model, index }: HeadContext, { output }: ClassesHead): boolean {
  const isQuantized = model.graph.nodes.some(isInt8Operator);
  return (
    !isQuantized && tailOf(model.graph, index, output.name).some(({ node }) => /Softmax$/.test(node.opType))
  );
}

interface DecodedModel {
  readonly decoder: Decoder;
  readonly labels: readonly string[];
}

function decoded(context: HeadContext, head: Head, { plan, background }: LabelAnswer): DecodedModel {
  const { model, input } = context;
  const { labels } = plan;
  const writer = new GraphWriter(model);
  if (head.kind === 'classes') return { decoder: classes(writer, head), labels };
  if (head.kind === 'mask') return { decoder: mask(writer, head), labels };
  if (head.kind === 'features') return { decoder: features(writer, head), labels };
  const settled: DetectHead = 'background' in head ? { ...head, background } : head;
  const { type, outputs, classOffset } = decodeHead(writer, { head: settled, plan, size: input.size });
  const [boxes = '', second = '', third = '', fourth = ''] = writer.finishOutputs(outputs);
  return type === 'boxes-scores'
    ? { decoder: { type, boxes, scores: second, nmsIou: NMS_IOU }, labels }
    : { decoder: { type, boxes, classes: second, scores: third, count: fourth, classOffset }, labels };
}

function classes(writer: GraphWriter, { output, classes: count, activation }: ClassesHead): Decoder {
  const flat =
    output.dims.length === 2 ? asFloat(writer, output) : writer.reshape(asFloat(writer, output), [1, count]);
  const wanted = activation === 'none' ? 'probabilities' : 'logits';
  const [name] = writer.finishOutputs([{ name: wanted, value: flat, type: 'float32', dims: [1, count] }]);
  return { type: 'classes', output: name!, activation };
}

/** The number of the best class at each place: [1,H,W] int64. */
function mask(writer: GraphWriter, { output, axis }: MaskHead): Decoder {
  const sizes = output.dims.slice(1);
  const [height = 1, width = 1] =
    axis === undefined ? sizes.filter((size) => size !== 1) : axis === 1 ? sizes.slice(1) : sizes;
  let value = output.name;
  if (axis !== undefined) {
    value = writer.add('ArgMax', [value], {
      axis: { kind: 'int', value: axis },
      keepdims: { kind: 'int', value: 0 },
    });
  } else if (output.type !== 'int64') value = writer.cast(value, 'int64');
  if (axis === undefined && output.dims.length !== 3) value = writer.reshape(value, [1, height, width]);
  const [name] = writer.finishOutputs([{ name: 'mask', value, type: 'int64', dims: [1, height, width] }]);
  return { type: 'mask', output: name! };
}

function features(writer: GraphWriter, { output }: FeaturesHead): Decoder {
  const value = asFloat(writer, output);
  const [name] = writer.finishOutputs([{ name: 'features', value, type: 'float32', dims: [...output.dims] }]);
  return { type: 'features', output: name! };
}

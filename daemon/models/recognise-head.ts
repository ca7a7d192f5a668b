// What comes out of a model: its task and the form of its outputs, by their shapes and numbers when it runs, by the operators before
// them and their names. Detectors: recognise-detector.ts. Pure.

import type { TensorData } from '../core/infer.ts';
import { VedetteError } from '../platform/errors.ts';
import type { ClassesHead, FeaturesHead, Head, HeadValue, MaskHead } from './head.ts';
import { channelAxis, type HeadContext, headValue, type Says, wordsOf } from './recognise-context.ts';
import { recogniseDetector } from './recognise-detector.ts';
import type { InputFacts } from './recognise-input.ts';
import { activationOf, isLinear, lastOperators, tailOf } from './recognise-tail.ts';
import { TASKS, type Task } from './tasks.ts';

/** Throws MODEL_UNSUPPORTED for outputs that no decoder reads. */
export function recogniseHead(context: HeadContext): Head {
  const { wishes, findings } = context;
  const outputs = context.model.graph.outputs.map(({ name }) => headValue(context, name));
  const says = (task: Task, why: string): void =>
    findings.say(`task is ${task}: ${wishes.task === undefined ? why : `--task, and ${why}`}`);
  if (wishes.task === undefined || wishes.task === 'detect') {
    const detector = recogniseDetector(context, outputs, says);
    if (detector !== undefined) return detector;
    if (wishes.task === 'detect') throw unread(outputs, 'no form of a detector');
  }
  const mask =
    wishes.task === undefined || wishes.task === 'segment' ? maskOf(context, outputs, says) : undefined;
  if (mask !== undefined) return mask;
  if (wishes.task === 'segment') throw unread(outputs, 'neither [1,C,H,W] nor [1,H,W] of class numbers');
  return flatHead(context, outputs, says);
}

function unread(outputs: readonly HeadValue[], what: string): VedetteError {
  return new VedetteError(
    'MODEL_UNSUPPORTED',
    `its outputs ${outputs.map(wordsOf).join(', ')} are ${what} that is known (docs/import.md lists them)`,
  );
}

/** Cells of a mask that is no vector: less than this is a small map of features. */
const MASK_SIDE_MIN = 8;
const MASK_CLASSES_MAX = 200;
/** PASCAL VOC, Cityscapes, ADE20K. */
const SEGMENT_CLASSES: ReadonlySet<number> = new Set([21, 19, 150]);

/** torchvision's deeplabv3 has a second output for training, `aux`: the first of a kind is taken. */
function maskOf(context: HeadContext, outputs: readonly HeadValue[], says: Says): MaskHead | undefined {
  const { findings, model, index, input, wishes } = context;
  const indexed = outputs.find((output) => isMaskOfNumbers(output));
  if (indexed !== undefined) {
    says('segment', `${wordsOf(indexed)} holds a class number for each place`);
    return { kind: 'mask', output: indexed };
  }
  const maps = outputs.filter(({ name, dims }) => dims.length === 4 && name !== 'aux');
  const [output] = maps;
  if (output === undefined || isInteger(output)) return undefined;
  const axis = channelAxis(maps, input);
  const places = ({ dims }: HeadValue): string => String(axis === 1 ? dims.slice(2) : dims.slice(1, 3));
  // A pyramid of features.
  if (wishes.task !== 'segment' && maps.some((map) => places(map) !== places(output))) return undefined;
  const classes = output.dims[axis]!;
  const [height, width] = axis === 1 ? output.dims.slice(2) : output.dims.slice(1);
  if (Math.min(height!, width!) < MASK_SIDE_MIN) return undefined;
  const tail = tailOf(model.graph, index, output.name);
  const isResized = tail.some(({ node }) => /Resize|Upsample|ConvTranspose/.test(node.opType));
  const isFull = height === input.size.height && width === input.size.width;
  const isFinal = tail.every(({ node }) => isLinear(model.graph, index, node)) && classes <= MASK_CLASSES_MAX;
  if (wishes.task !== 'segment' && !isResized && !isFull) {
    if (!isFinal) return undefined;
    if (!SEGMENT_CLASSES.has(classes)) {
      findings.ask(
        '--task <segment | features>',
        `whether ${wordsOf(output)}, which comes from a convolution, are classes or features`,
      );
    }
  }
  const why = isResized
    ? 'is resized after its last convolution'
    : isFull
      ? 'is as large as the input'
      : 'comes straight from a convolution';
  says('segment', `${wordsOf(output)} ${why}: ${classes} scores for each place, the best is taken`);
  if (outputs.length > 1) findings.say(`of ${outputs.length} outputs only '${output.name}' is kept`);
  return { kind: 'mask', output, axis, classes };
}

function isMaskOfNumbers(value: HeadValue): boolean {
  const sizes = value.dims.filter((size) => size !== 1);
  return (
    isInteger(value) && sizes.length === 2 && value.dims.length >= 3 && Math.min(...sizes) >= MASK_SIDE_MIN
  );
}

function isInteger({ type }: HeadValue): boolean {
  return type === 'int64' || type === 'int32' || type === 'uint8';
}

/** A vector of classes, or features: a vector or a map. */
function flatHead(
  context: HeadContext,
  outputs: readonly HeadValue[],
  says: Says,
): ClassesHead | FeaturesHead {
  const { wishes, findings, model, index, input } = context;
  const floats = outputs.filter(({ type }) => type === 'float32' || type === 'float16');
  const [output] = floats.every(({ dims }) => dims.length === 4)
    ? floats.toSorted((a, b) => placesOf(a, input) - placesOf(b, input))
    : floats;
  if (output === undefined) throw unread(outputs, 'nothing');
  if (outputs.length > 1) findings.say(`of ${outputs.length} outputs only '${output.name}' is kept`);
  const lengths = output.dims.filter((size) => size !== 1);
  const tail = tailOf(model.graph, index, output.name);
  const activation = activationOf(tail);
  const isScores =
    activation !== 'none' ||
    (tail.length > 0 && tail.every(({ node }) => isLinear(model.graph, index, node)));
  const last = lastOperators(tail);
  const isVector = lengths.length <= 1;
  if (wishes.task === undefined && lengths.length === 2) {
    findings.ask(`--task <${TASKS.join(' | ')}>`, `what ${wordsOf(output)} is: neither a vector nor a map`);
  }
  if (wishes.task === 'features' || (wishes.task === undefined && (!isVector || !isScores))) {
    says(
      'features',
      `${wordsOf(output)} ${isVector ? `comes from ${last}, not from a layer of classes` : 'is a map'}`,
    );
    return { kind: 'features', output };
  }
  if (!isVector) throw unread(outputs, 'no vector of classes');
  const classes = lengths[0] ?? 1;
  const isShare = activation !== 'none' || sumsToOne(context.values.get(output.name)!);
  const left = isShare ? 'none' : 'softmax';
  says(
    'classify',
    `${wordsOf(output)} comes from ${activation === 'none' ? `a layer of ${classes} classes (${last})` : last}`,
  );
  findings.say(
    isShare
      ? `scores are probabilities: ${activation === 'none' ? 'they sum to 1' : `the graph ends with ${last}`}`
      : `scores are logits: the graph ends with ${last}; softmax makes probabilities of them`,
  );
  return { kind: 'classes', output, classes, activation: wishes.activation ?? left };
}

/** Of a map; the coarsest of a pyramid has looked at most of the picture. */
function placesOf(map: HeadValue, input: InputFacts): number {
  return map.dims.reduce((product, size) => product * size, 1) / map.dims[channelAxis([map], input)]!;
}

function sumsToOne({ data, type }: TensorData): boolean {
  if (type !== 'float32') return false;
  let sum = 0;
  for (const value of data as Float32Array) {
    if (value < 0) return false;
    sum += value;
  }
  return Math.abs(sum - 1) < 1e-3;
}

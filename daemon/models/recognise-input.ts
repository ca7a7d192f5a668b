// The beginning of a model: which input takes the picture, how it lies in memory, and what is done to its numbers before the first
// convolution. Whether the model normalises for itself is read from the graph; what it expects where it does not, is a convention of
// those who export (decided in recognise-normalisation.ts). Pure.
import { VedetteError } from '../platform/errors.ts';
import type { Findings } from './findings.ts';
import { constantNumbers, GraphIndex, intsOf } from './graph.ts';
import type { ImportWishes } from './import-wishes.ts';
import type { Graph, Node, OnnxModel, ValueInfo } from './onnx.ts';
import type { MapSize } from './ssd-anchors.ts';

/** Types that a picture can be brought into. */
const TYPES = ['uint8', 'float32', 'float16', 'int8'] as const;
export type InputType = (typeof TYPES)[number];

/** What the graph does to each number before anything else: value · gain + bias, by channel. */
export interface InputChain {
  readonly gain: readonly number[];
  readonly bias: readonly number[];
  /** Operators that did it. */
  readonly steps: readonly string[];
  /** Values that the first QuantizeLinear can tell apart, lowest and highest. */
  readonly range?: readonly [number, number];
}

export interface InputFacts {
  readonly name: string;
  readonly type: InputType;
  readonly layout: 'nchw' | 'nhwc';
  /** Three where the model makes a batch of its one picture itself (torchvision's detectors). */
  readonly rank: 3 | 4;
  readonly size: MapSize;
  readonly chain: InputChain;
}

/** Fixes the input's sizes in the model as it goes. Throws MODEL_UNSUPPORTED for an input that can be no picture. */
export function recogniseInput(
  model: OnnxModel,
  wishes: ImportWishes,
  findings: Findings,
  sizeOtherwise: { readonly size: MapSize; readonly why: string },
): InputFacts {
  const { graph } = model;
  const info = onlyInput(graph);
  const { name, dims = [] } = info;
  const type = typeOf(info);
  const rank = dims.length === 3 ? 3 : 4;
  const index = new GraphIndex(graph);
  const chain = chainOf(graph, index, name);
  const layout = layoutOf(info, wishes, findings, () => firstPerm(index, name));
  const sizes = rank === 3 ? dims : dims.slice(1);
  const channels = sizes[layout === 'nchw' ? 0 : 2];
  if (typeof channels === 'number' && channels !== 3) {
    throw unsupported(`input '${name}' has ${channels} channels [${shown(dims)}]; pictures have 3`);
  }
  if (rank === 4 && typeof dims[0] === 'number' && dims[0] !== 1) {
    throw unsupported(
      `input '${name}' takes ${dims[0]} pictures at once [${shown(dims)}]: export it with batch 1 or a free batch size`,
    );
  }
  const size = sizeOf(sizes, { layout, name, wishes, findings, sizeOtherwise });
  const { width, height } = size;
  const fixed = layout === 'nchw' ? [3, height, width] : [height, width, 3];
  info.dims = rank === 3 ? fixed : [1, ...fixed];
  findings.say(`input '${name}' is ${type}`);
  return { name, type, layout, rank, size, chain };
}

function onlyInput(graph: Graph): ValueInfo {
  const [info, ...others] = graph.inputs;
  if (info === undefined) throw unsupported('the model takes no input');
  if (others.length > 0) {
    const names = graph.inputs.map(({ name }) => `'${name}'`).join(', ');
    throw unsupported(`the model takes ${graph.inputs.length} inputs (${names}); it must take one picture`);
  }
  if (info.dims === undefined) throw unsupported(`input '${info.name}' has no shape`);
  if (info.dims.length !== 4 && info.dims.length !== 3) {
    throw unsupported(
      `input '${info.name}' has shape [${shown(info.dims)}]; a picture has 4 dimensions (or 3, without a batch)`,
    );
  }
  return info;
}

function typeOf({ name, type }: ValueInfo): InputType {
  const known = TYPES.find((each) => each === type);
  if (known === undefined) throw unsupported(`input '${name}' is ${type}; pictures are ${TYPES.join(', ')}`);
  return known;
}

function layoutOf(
  { name, dims = [] }: ValueInfo,
  { layout }: ImportWishes,
  findings: Findings,
  firstTranspose: () => readonly number[] | undefined,
): 'nchw' | 'nhwc' {
  if (layout !== undefined) {
    findings.say(`layout is ${layout.toUpperCase()}: --layout`);
    return layout;
  }
  const say = (found: 'nchw' | 'nhwc', why: string): 'nchw' | 'nhwc' => {
    findings.say(`layout is ${found.toUpperCase()}: ${why}`);
    return found;
  };
  const shape = `input '${name}' has shape [${shown(dims)}]`;
  const [first, last] = [dims[dims.length - 3], dims[dims.length - 1]];
  if (last === 3 && first !== 3) return say('nhwc', shape);
  if (first === 3 && last !== 3) return say('nchw', shape);
  const perm = firstTranspose();
  if (perm !== undefined && perm.at(-3) === perm.length - 1) {
    return say('nhwc', `the graph begins with a Transpose [${perm}] of its input`);
  }
  if (typeof first === 'number' && typeof last !== 'number') return say('nchw', shape);
  if (typeof last === 'number' && typeof first !== 'number') return say('nhwc', shape);
  return say('nchw', `${shape}, and its first convolution takes it as it is`);
}

/** Of a Transpose through which the input goes before anything else but casts. */
function firstPerm(index: GraphIndex, input: string): readonly number[] | undefined {
  let value = input;
  for (let hops = 0; hops < 6; hops += 1) {
    const next = index.consumers(value).filter(({ opType }) => opType !== 'Shape');
    if (next.length !== 1) return undefined;
    if (next[0]!.opType === 'Transpose') return intsOf(next[0]!, 'perm');
    if (/Conv/.test(next[0]!.opType)) return undefined;
    value = next[0]!.outputs[0]!;
  }
  return undefined;
}

const SIDE_MIN = 16;
const SIDE_MAX = 2048;

interface SizeQuestion {
  readonly layout: 'nchw' | 'nhwc';
  readonly name: string;
  readonly wishes: ImportWishes;
  readonly findings: Findings;
  readonly sizeOtherwise: { readonly size: MapSize; readonly why: string };
}

/** `sizes` without the batch. */
function sizeOf(
  sizes: NonNullable<ValueInfo['dims']>,
  { layout, name, wishes, findings, sizeOtherwise }: SizeQuestion,
): MapSize {
  const [height, width] = layout === 'nchw' ? [sizes[1], sizes[2]] : [sizes[0], sizes[1]];
  const { inputSize } = wishes;
  const given = (
    fixed: number | string | undefined,
    wished: number | undefined,
    side: string,
  ): number | undefined => {
    if (typeof fixed !== 'number') return wished;
    if (wished === undefined || wished === fixed) return fixed;
    throw unsupported(
      `input '${name}' has a ${side} of ${fixed}, --input-size says ${wished}; a size that the file fixes cannot be changed`,
    );
  };
  const size = {
    width: given(width, inputSize?.width, 'width') ?? sizeOtherwise.size.width,
    height: given(height, inputSize?.height, 'height') ?? sizeOtherwise.size.height,
  };
  const shownSize = `size is ${size.width}x${size.height}`;
  if (typeof width === 'number' && typeof height === 'number')
    findings.say(`${shownSize}: fixed by the input's shape`);
  else if (inputSize !== undefined) findings.say(`${shownSize}: --input-size`);
  else findings.say(`${shownSize}: the file leaves it open; ${sizeOtherwise.why} (--input-size for another)`);
  for (const side of [size.width, size.height]) {
    if (side < SIDE_MIN || side > SIDE_MAX) {
      throw unsupported(
        `input '${name}' is ${size.width}x${size.height}; sides may be ${SIDE_MIN} to ${SIDE_MAX}`,
      );
    }
  }
  return size;
}

/** Operators that leave numbers as they are, on the way from the input. */
const CARRIERS: ReadonlySet<string> = new Set([
  ...['Cast', 'Identity', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Resize', 'Upsample', 'Pad'],
  ...['Gather', 'Concat', 'Split', 'Slice', 'QuantizeLinear', 'DequantizeLinear'],
]);
/** Operators that look at sizes only. */
const MEASURES: ReadonlySet<string> = new Set(['Shape', 'Size', 'SequenceLength']);
const CHAIN_MAX = 40;

/** Follows the input to the first node that is no scaling by constants. */
export function chainOf(graph: Graph, index: GraphIndex, input: string): InputChain {
  let [gain, bias] = [
    [1, 1, 1],
    [0, 0, 0],
  ];
  const steps: string[] = [];
  let range: readonly [number, number] | undefined;
  let value = input;
  for (let hops = 0; hops < CHAIN_MAX; hops += 1) {
    const users = index.consumers(value).filter(({ opType }) => !MEASURES.has(opType));
    if (users.length !== 1) break;
    const [node] = users as [Node];
    if (node.opType === 'QuantizeLinear') range ??= rangeOf(graph, index, node);
    const step = CARRIERS.has(node.opType) ? NOTHING : scalingOf(graph, index, node, value);
    if (step === undefined) break;
    if (step !== NOTHING) steps.push(node.opType);
    gain = gain.map((each, channel) => each * step.gain[channel]!);
    bias = bias.map((each, channel) => each * step.gain[channel]! + step.bias[channel]!);
    value = node.outputs[0]!;
  }
  return { gain, bias, steps, ...(range === undefined ? {} : { range }) };
}

interface Scaling {
  readonly gain: readonly number[];
  readonly bias: readonly number[];
}

const NOTHING: Scaling = { gain: [1, 1, 1], bias: [0, 0, 0] };

/** What a node does, if it adds or multiplies one number, or one a channel. */
function scalingOf(graph: Graph, index: GraphIndex, node: Node, value: string): Scaling | undefined {
  const { opType, inputs } = node;
  const three = (name: string | undefined): number[] | undefined => {
    const numbers = name === undefined ? undefined : constantNumbers(graph, index, name);
    if (numbers?.length === 1) return [numbers[0]!, numbers[0]!, numbers[0]!];
    return numbers?.length === 3 ? numbers : undefined;
  };
  const [zeros, ones] = [
    [0, 0, 0],
    [1, 1, 1],
  ];
  if (opType === 'BatchNormalization') {
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((at) => three(inputs[at]));
    if (!scale || !bias || !mean || !variance) return undefined;
    const epsilon = node.attributes.get('epsilon');
    const small = epsilon?.kind === 'float' ? epsilon.value : 1e-5;
    const gain = scale.map((each, channel) => each / Math.sqrt(variance[channel]! + small));
    return { gain, bias: bias.map((each, channel) => each - mean[channel]! * gain[channel]!) };
  }
  const isFirst = inputs[0] === value;
  const other = three(inputs[isFirst ? 1 : 0]);
  if (other === undefined || inputs.length !== 2) return undefined;
  if (opType === 'Mul') return { gain: other, bias: zeros };
  if (opType === 'Add') return { gain: ones, bias: other };
  if (opType === 'Div' && isFirst) return { gain: other.map((each) => 1 / each), bias: zeros };
  if (opType === 'Sub' && isFirst) return { gain: ones, bias: other.map((each) => -each) };
  return undefined;
}

function rangeOf(graph: Graph, index: GraphIndex, node: Node): readonly [number, number] | undefined {
  const [scale] = constantNumbers(graph, index, node.inputs[1] ?? '') ?? [];
  if (scale === undefined) return undefined;
  const zeroPoint = node.inputs[2] ?? '';
  const [zero = 0] = zeroPoint === '' ? [0] : (constantNumbers(graph, index, zeroPoint) ?? [0]);
  const isSigned = graph.initializers.get(zeroPoint)?.type === 'int8';
  const lowest = isSigned ? -128 : 0;
  return [(lowest - zero) * scale, (lowest + 255 - zero) * scale];
}

/** Dimensions for people. */
export function shown(dims: readonly (number | string | undefined)[]): string {
  return dims.map((size) => size ?? '?').join(',');
}

function unsupported(what: string): VedetteError {
  return new VedetteError('MODEL_UNSUPPORTED', what);
}

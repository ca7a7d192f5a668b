// A picture of uint8 is quantized already: the normalisation between it and the first convolution becomes a scale, a zero point and
// changed weights, so that the convolution runs on the pixels. Exact, but for pictures whose mean is no whole number: there
// the zeros that pad the picture are off by less than half a step. Pure.

import { freshName, GraphIndex, intOf, intsOf, makeNode, namesOf, removeDead, stringOf } from './graph.ts';
import { biasOf, linearWeights, setLinearWeights } from './linear-weights.ts';
import type { Graph, Node, ValueInfo } from './onnx.ts';
import { addBorder } from './qdq-border.ts';
import { type ActivationParams, forEachInChannels } from './qdq-params.ts';
import { tensorValues } from './tensor.ts';

/** value = factor * pixel + term, for each channel. */
interface Normalisation {
  readonly factors: number[];
  readonly terms: number[];
}

interface PixelPath {
  readonly transposes: readonly Node[];
  readonly normalisation: Normalisation;
  readonly convolutions: readonly Node[];
}

/** A shift of the padding by up to half a step is no more than rounding does to every pixel. */
const PADDING_OFF_MAX = 0.5;

/**
 * Changes the graph so that convolutions read the pixels; gives the values that now are uint8 and their scale and zero point. What
 * is not known to be a normalisation stays as it is.
 */
export function foldPixels(graph: Graph): Map<string, ActivationParams> {
  const given = new Map<string, ActivationParams>();
  for (const input of graph.inputs) {
    const path = input.type === 'uint8' ? pathFrom(input, graph) : undefined;
    if (path === undefined) continue;
    let pixels = input.name;
    let params = paramsFor(path, graph);
    if (params === undefined) {
      const bordered = withBorder(input, path, graph);
      if (bordered === undefined) continue;
      pixels = bordered;
      params = paramsFor(path, graph)!;
    }
    for (const node of path.convolutions) changeWeights(node, path.normalisation, params, graph);
    for (const transpose of path.transposes) {
      const output = freshName(namesOf(graph), `${transpose.outputs[0]}_pixels`);
      const moved = makeNode('Transpose', [pixels], [output], Object.fromEntries(transpose.attributes));
      graph.nodes.splice(graph.nodes.indexOf(transpose), 0, moved);
      pixels = output;
    }
    for (const node of path.convolutions) node.inputs[0] = pixels;
    given.set(pixels, params);
  }
  removeDead(graph);
  return given;
}

/** The nodes from a picture to the convolutions that read it; undefined when there is anything else between them. */
function pathFrom(input: ValueInfo, graph: Graph): PixelPath | undefined {
  const index = new GraphIndex(graph);
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const steps: { node: Node; value: string }[] = [];
  let value = input.name;
  let users = index.consumers(value);
  while (users.length === 1 && users[0]!.opType !== 'Conv') {
    steps.push({ node: users[0]!, value });
    value = users[0]!.outputs[0]!;
    if (isOutput.has(value)) return undefined;
    users = index.consumers(value);
  }
  const isConv = (node: Node): boolean =>
    node.opType === 'Conv' && node.inputs[0] === value && linearWeights(node, graph)?.rank === 4;
  if (users.length === 0 || !users.every(isConv) || users.some((node) => intOf(node, 'group', 1) !== 1))
    return undefined;
  const channels = linearWeights(users[0]!, graph)!.tensor.dims[1]!;
  const transposes = steps.filter(({ node }) => node.opType === 'Transpose').map(({ node }) => node);
  if (transposes.some((node) => intsOf(node, 'perm')?.join() !== '0,3,1,2') || transposes.length > 1)
    return undefined;
  const normalisation: Normalisation = {
    factors: new Array<number>(channels).fill(1),
    terms: new Array<number>(channels).fill(0),
  };
  let axis = transposes.length === 0 ? 1 : 3;
  for (const { node, value: before } of steps) {
    if (node.opType === 'Transpose') axis = 1;
    else if (!applyStep(node, before, { graph, axis, channels }, normalisation)) return undefined;
  }
  return { transposes, normalisation, convolutions: users };
}

/** Cast to float, or one arithmetic step with constants; false for anything else. */
function applyStep(
  node: Node,
  value: string,
  at: { readonly graph: Graph; readonly axis: number; readonly channels: number },
  { factors, terms }: Normalisation,
): boolean {
  if (node.domain !== '') return false;
  if (node.opType === 'Cast') return intOf(node, 'to', 0) === 1;
  const position = node.inputs.indexOf(value);
  const constant = channelConstant(node.inputs[1 - position] ?? '', at);
  if (constant === undefined || node.inputs.length !== 2) return false;
  const isReversed = position === 1;
  if (isReversed && node.opType !== 'Add' && node.opType !== 'Mul') return false;
  constant.forEach((number, channel) => {
    if (node.opType === 'Add') terms[channel]! += number;
    else if (node.opType === 'Sub') terms[channel]! -= number;
    else {
      const factor = node.opType === 'Mul' ? number : 1 / number;
      factors[channel]! *= factor;
      terms[channel]! *= factor;
    }
  });
  return ['Add', 'Sub', 'Mul', 'Div'].includes(node.opType);
}

/** A constant with one number, or one for each channel along `axis` of four. */
function channelConstant(
  name: string,
  { graph, axis, channels }: { readonly graph: Graph; readonly axis: number; readonly channels: number },
): readonly number[] | undefined {
  const tensor = graph.initializers.get(name);
  if (tensor?.type !== 'float32' || tensor.dims.length > 4) return undefined;
  const values = tensorValues(tensor, 'float32');
  if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
  const place = axis - (4 - tensor.dims.length);
  const fits = tensor.dims.every((size, at) => size === (at === place ? channels : 1));
  return fits && values.length === channels ? [...values] : undefined;
}

/** The pixel that is zero after the normalisation, in each channel. */
function zeroPixels({ factors, terms }: Normalisation): number[] {
  return factors.map((factor, channel) => -terms[channel]! / factor);
}

/** Puts pixels around the picture where no one value can be the padding; gives the name of the larger picture. */
function withBorder(input: ValueInfo, path: PixelPath, graph: Graph): string | undefined {
  const [convolution, ...others] = path.convolutions;
  const dims = (input.dims ?? []).filter((size) => typeof size === 'number');
  const pixels = zeroPixels(path.normalisation).map(Math.round);
  if (convolution === undefined || others.length > 0 || dims.length !== 4) return undefined;
  if (pixels.some((pixel) => !(pixel >= 0 && pixel <= 255))) return undefined;
  const isPlanar = path.transposes.length === 0;
  const place = { picture: input.name, dims, pixels, channelAxis: isPlanar ? 1 : 3 };
  return addBorder(convolution, { ...place, axes: isPlanar ? [2, 3] : [1, 2] }, graph);
}

/** The scale and zero point that the pixels have; undefined when the padding would not be what it was. */
function paramsFor({ normalisation, convolutions }: PixelPath, graph: Graph): ActivationParams | undefined {
  const { factors } = normalisation;
  if (factors.some((factor) => factor === 0 || !Number.isFinite(factor))) return undefined;
  const first = factors[0]!;
  const scale = first > 0 && factors.every((factor) => factor === first) ? Math.fround(first) : 1;
  const zeros = zeroPixels(normalisation);
  if (!convolutions.some((node) => isPadded(node, graph))) return { scale, zeroPoint: 0 };
  const zeroPoint = Math.round((Math.min(...zeros) + Math.max(...zeros)) / 2);
  const isClose = zeros.every((zero) => Math.abs(zero - zeroPoint) <= PADDING_OFF_MAX);
  return isClose && zeroPoint >= 0 && zeroPoint <= 255 ? { scale, zeroPoint } : undefined;
}

function isPadded(node: Node, graph: Graph): boolean {
  const auto = stringOf(node, 'auto_pad') ?? 'NOTSET';
  if (auto === 'VALID') return false;
  if (auto === 'NOTSET') return (intsOf(node, 'pads') ?? []).some((pad) => pad !== 0);
  return linearWeights(node, graph)!
    .tensor.dims.slice(2)
    .some((size) => size !== 1);
}

/** Weights and bias for which scale * (pixel - zero point) gives what the normalised picture gave. */
function changeWeights(
  node: Node,
  { factors, terms }: Normalisation,
  params: ActivationParams,
  graph: Graph,
): void {
  const { tensor, channels } = linearWeights(node, graph)!;
  const [, inputs = 1] = tensor.dims;
  const weights = Float32Array.from(tensorValues(tensor, 'float32'));
  const bias = Float64Array.from(biasOf(node, graph, channels));
  const perOutput = weights.length / channels;
  const layout = { outer: channels, channels: inputs, inner: perOutput / inputs };
  forEachInChannels(layout, (index, channel) => {
    // factor * pixel + term = factor / scale * (scale * (pixel - zero point)) + rest
    const rest = terms[channel]! + factors[channel]! * params.zeroPoint;
    const output = Math.floor(index / perOutput);
    bias[output] = bias[output]! + weights[index]! * rest;
    weights[index] = (weights[index]! * factors[channel]!) / params.scale;
  });
  setLinearWeights(
    node,
    { dims: tensor.dims, values: weights, bias: Float32Array.from(bias) },
    graph,
    'pixel',
  );
}

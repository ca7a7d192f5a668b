// Rounded weights shift the mean of what a convolution gives; the bias can take that back. From measured means to corrected biases.
// Source: Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction", section 4.2: the shift is the
// error of the weights times the mean of the input, or is measured at the output. Pure.

import { copyModel, freshName, intOf, namesOf } from './graph.ts';
import { biasOf, linearWeights } from './linear-weights.ts';
import type { OnnxModel } from './onnx.ts';
import { layoutOf, quantizeWeights } from './qdq-params.ts';
import { makeTensor, tensorValues } from './tensor.ts';

/** Numbers for each channel (axis 1), by the name of a value or node. */
export type ChannelMeans = ReadonlyMap<string, ArrayLike<number>>;

/** The values of a prepared model whose channel means `weightErrorMeans` wants: what the convolutions read. */
export function valuesToAverage({ graph }: OnnxModel): string[] {
  const convolutions = graph.nodes.filter(
    (node) => node.opType === 'Conv' && linearWeights(node, graph) !== undefined,
  );
  return [...new Set(convolutions.map(({ inputs }) => inputs[0]!))];
}

/**
 * By how much int8 weights for each channel shift the mean of each output channel of each convolution, when the inputs have these
 * means: by node name. Padding is taken for picture, which matters at the border only.
 */
export function weightErrorMeans(
  { graph }: OnnxModel,
  inputMeans: ChannelMeans,
  keepFloat: ReadonlySet<string> = new Set(),
): Map<string, Float64Array> {
  const found = new Map<string, Float64Array>();
  for (const node of graph.nodes) {
    const weights =
      node.opType === 'Conv' && !keepFloat.has(node.name) ? linearWeights(node, graph) : undefined;
    const means = inputMeans.get(node.inputs[0] ?? '');
    if (weights === undefined || means === undefined) continue;
    const { tensor, channels, neighbours } = weights;
    const values = tensorValues(tensor, 'float32');
    const { values: integers, scales } = quantizeWeights(values, layoutOf(tensor.dims, 0), { neighbours });
    const [, perGroup = 1] = tensor.dims;
    const perOutput = values.length / channels;
    const outputsPerGroup = channels / intOf(node, 'group', 1);
    const shifts = new Float64Array(channels);
    values.forEach((value, index) => {
      const output = Math.floor(index / perOutput);
      const input = Math.floor((index % perOutput) / (perOutput / perGroup));
      const mean = means[Math.floor(output / outputsPerGroup) * perGroup + input]!;
      shifts[output] = shifts[output]! + (integers[index]! * scales[output]! - value) * mean;
    });
    found.set(node.name, shifts);
  }
  return found;
}

/**
 * A copy of a prepared model whose biases take back `meanErrors`: for each output channel of a convolution, mean of the quantized
 * output minus mean of the float one, by node name. Throws RangeError when there is not one number for each channel.
 */
export function correctBiases(model: OnnxModel, meanErrors: ChannelMeans): OnnxModel {
  const copy = copyModel(model);
  const { graph } = copy;
  const taken = namesOf(graph);
  for (const node of graph.nodes) {
    const errors = meanErrors.get(node.name);
    const weights = errors === undefined ? undefined : linearWeights(node, graph);
    if (errors === undefined || weights === undefined) continue;
    const { channels } = weights;
    if (errors.length !== channels) {
      throw new RangeError(`'${node.name}' has ${channels} channels, ${errors.length} errors are given`);
    }
    const corrected = Float32Array.from(
      biasOf(node, graph, channels),
      (value, channel) => value - errors[channel]!,
    );
    const name = freshName(taken, `${node.name}_corrected`);
    graph.initializers.set(name, makeTensor(name, 'float32', [channels], corrected));
    node.inputs = [node.inputs[0]!, node.inputs[1]!, name];
  }
  return copy;
}

// The beginning of an imported model: an input of bytes, as cameras give them, in the layout that the model has. What was to be
// done to each number before the model is done by its first nodes. Pure.

import type { TensorData } from '../core/infer.ts';
import { BORDER } from '../core/placement.ts';
import type { ModelInput } from '../core/types.ts';
import { GraphWriter } from './graph-writer.ts';
import type { Normalisation } from './import-wishes.ts';
import type { OnnxModel } from './onnx.ts';
import type { InputFacts } from './recognise-input.ts';

export interface InputPlan {
  readonly input: InputFacts;
  readonly normalisation: Normalisation;
  readonly colour: ModelInput['colour'];
  readonly resize: ModelInput['resize'];
}

/** Changes the graph; gives what the manifest says of its input. A uint8 input with a batch stays as it is. */
export function normaliseInput(
  model: OnnxModel,
  { input, normalisation, colour, resize }: InputPlan,
): ModelInput {
  const { layout, size, type, rank } = input;
  const shape = layout === 'nchw' ? [3, size.height, size.width] : [size.height, size.width, 3];
  const { name } = input;
  if (type !== 'uint8' || rank === 3) {
    const writer = new GraphWriter(model);
    let value = name;
    const constant = (numbers: readonly number[]): string =>
      writer.floats(layout === 'nchw' ? [1, 3, 1, 1] : [1, 1, 1, 3], numbers);
    if (type !== 'uint8') value = writer.cast(value, 'float32');
    const { mean, scale } = normalisation;
    if (type === 'int8') value = writer.cast(writer.add('Sub', [value, writer.number(128)]), 'int8');
    else if (type !== 'uint8') {
      if (mean.some((each) => each !== 0)) value = writer.add('Sub', [value, constant(mean)]);
      if (scale.some((each) => each !== 1)) value = writer.add('Mul', [value, constant(scale)]);
      if (type === 'float16') value = writer.cast(value, 'float16');
    }
    if (rank === 3) value = writer.reshape(value, shape);
    writer.finishInput(value, { name, type: 'uint8', dims: [1, ...shape] });
  }
  return { name, ...size, type: 'uint8', layout, colour, mean: [0, 0, 0], scale: [1, 1, 1], resize };
}

/** A picture for a first run, before it is known what the model takes: grey, with a slope so that places differ. */
export function trialPicture({ layout, size }: InputFacts): TensorData<'uint8'> {
  const { width, height } = size;
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at += 1) data[at] = (BORDER + ((at * 37) % 101)) & 0xff;
  const dims = layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  return { type: 'uint8', dims, data };
}

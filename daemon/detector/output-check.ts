// Whether an accelerator computes what the CPU computes, on one drawn picture: a driver, a precision or a kernel that is wrong
// gives boxes too, only other ones. Pure; detector process.
import type { ModelInput, ModelSpec } from '../core/types.ts';
import type { OutputData } from './decode.ts';

/** Half precision and other rounding of int8 layers stay far below; boxes and scores are fractions of 1. */
const MEAN_DIFFERENCE_MAX = 0.02;
const SCORE_DIFFERENCE_MAX = 0.25;

/**
 * Fills the input tensor with the picture: a bright square before rising grey, with a little texture. Its values are pixels
 * as the model wants them; what it shows is no matter.
 */
export function drawTestPicture(input: ModelInput, memory: Uint8Array): void {
  const { width, height, type, mean, scale } = input;
  const floats = type === 'float32' ? new Float32Array(memory.buffer, memory.byteOffset) : undefined;
  const values = floats ?? memory;
  for (let i = 0; i < values.length; i += 1) {
    const at = input.layout === 'nhwc' ? Math.floor(i / 3) : i % (width * height);
    const [x, y] = [at % width, Math.floor(at / width)];
    const inside = Math.abs(x / width - 0.5) < 0.15 && Math.abs(y / height - 0.55) < 0.3;
    const pixel = (inside ? 200 : 40 + (80 * y) / height) + ((x * 7 + y * 13) % 11);
    values[i] = floats === undefined ? pixel : (pixel - (mean[0] ?? 0)) * (scale[0] ?? 1);
  }
}

/** Why the results cannot be trusted, or undefined. Of a graph that sorts its detections only the scores keep their places. */
export function outputProblem(
  { decoder }: Pick<ModelSpec, 'decoder'>,
  reference: OutputData,
  found: OutputData,
): string | undefined {
  const names = decoder.type === 'tf-ssd' ? [decoder.scores] : [decoder.boxes, decoder.scores];
  for (const name of names) {
    const [wanted, got] = [reference[name], found[name]];
    if (wanted === undefined || got === undefined || wanted.length !== got.length) {
      return `its output '${name}' has ${got?.length ?? 0} numbers, on the cpu ${wanted?.length ?? 0}`;
    }
    let [sum, most] = [0, 0];
    for (let i = 0; i < wanted.length; i += 1) {
      const difference = Math.abs(got[i]! - wanted[i]!);
      if (Number.isNaN(difference)) return `its output '${name}' has values that are no numbers`;
      sum += difference;
      most = Math.max(most, difference);
    }
    const mean = wanted.length === 0 ? 0 : sum / wanted.length;
    const limit = name === decoder.scores ? SCORE_DIFFERENCE_MAX : Number.POSITIVE_INFINITY;
    if (mean > MEAN_DIFFERENCE_MAX || most > limit) {
      return `it computes something else than the cpu: '${name}' differs by ${mean.toFixed(3)} on average and ${most.toFixed(3)} at most (limits ${MEAN_DIFFERENCE_MAX} and ${limit === Number.POSITIVE_INFINITY ? 'none' : limit})`;
    }
  }
  return undefined;
}

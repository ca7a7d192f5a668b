// From a picture to the model's input tensor: resized (pixels averaged by area where it shrinks, bilinear where it grows), placed,
// in the model's layout, colour order and normalisation. For photos in files; frames of a camera have camera/preprocess.ts, which
// is made for a stream of one size. Plain loops over typed arrays. Any thread.
import type { TensorData } from '../core/infer.ts';
import { BORDER, type Placement, placementOf } from '../core/placement.ts';
import type { ModelInput } from '../core/types.ts';
import { tensorDims } from '../detector/wire.ts';
import type { Picture } from './picture.ts';

/** An input tensor of a model. */
export type PictureTensor = TensorData<'uint8'> | TensorData<'float32'>;

/**
 * The tensor of one picture, batch 1. `into` is a tensor that this function made for the same input: it is filled anew and
 * returned, nothing of its size is allocated.
 */
export function pictureTensor(picture: Picture, input: ModelInput, into?: PictureTensor): PictureTensor {
  const tensor = into ?? emptyTensor(input);
  const placement = placementOf(input, picture.width, picture.height);
  fillBorder(tensor, input, placement);
  placeResized(tensor, input, picture, placement);
  return tensor;
}

function emptyTensor(input: ModelInput): PictureTensor {
  const count = input.width * input.height * 3;
  const dims = tensorDims(input);
  return input.type === 'uint8'
    ? { type: 'uint8', dims, data: new Uint8Array(count) }
    : { type: 'float32', dims, data: new Float32Array(count) };
}

/** How the three channels lie in the tensor's memory, in the order red, green, blue. */
interface Layout {
  readonly pixelStep: number;
  /** Where the channel of the first pixel is. */
  readonly starts: readonly number[];
  readonly means: readonly number[];
  readonly scales: readonly number[];
}

function layoutOf({ width, height, layout, colour, mean, scale }: ModelInput): Layout {
  const planar = layout === 'nchw';
  const channelStep = planar ? width * height : 1;
  const order = colour === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  return {
    pixelStep: planar ? 1 : 3,
    starts: order.map((channel) => channel * channelStep),
    means: order.map((channel) => mean[channel]!),
    scales: order.map((channel) => scale[channel]!),
  };
}

/** All of the tensor, where the picture leaves room: the same grey in every channel, normalised like a pixel. */
function fillBorder({ data, type }: PictureTensor, input: ModelInput, placement: Placement): void {
  if (placement.width === input.width && placement.height === input.height) return;
  const { pixelStep, starts, means, scales } = layoutOf(input);
  const pixels = input.width * input.height;
  for (let channel = 0; channel < 3; channel += 1) {
    const grey = type === 'uint8' ? BORDER : (BORDER - means[channel]!) * scales[channel]!;
    for (let pixel = 0, at = starts[channel]!; pixel < pixels; pixel += 1, at += pixelStep) data[at] = grey;
  }
}

/** How one direction is resized: target i is the sum of `count` sources from `starts[i]` on, times their weights. */
interface Axis {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `stride` for each target. */
  readonly weights: Float64Array;
  readonly stride: number;
}

function axisOf(from: number, to: number): Axis {
  const ratio = from / to;
  const stride = ratio > 1 ? Math.ceil(ratio) + 1 : 2;
  const axis: Axis = {
    starts: new Int32Array(to),
    counts: new Int32Array(to),
    weights: new Float64Array(to * stride),
    stride,
  };
  for (let i = 0; i < to; i += 1) {
    if (ratio > 1) averageAt(axis, i, { ratio, from });
    else interpolateAt(axis, i, { ratio, from });
  }
  return axis;
}

/** Every source pixel counts by the part of it that the target pixel covers. */
function averageAt(axis: Axis, i: number, { ratio, from }: { ratio: number; from: number }): void {
  const low = i * ratio;
  const high = Math.min(from, (i + 1) * ratio);
  const start = Math.floor(low);
  // A sliver that rounding has left is no pixel.
  const end = Math.max(start + 1, Math.ceil(high - 1e-9));
  axis.starts[i] = start;
  axis.counts[i] = end - start;
  for (let at = start; at < end; at += 1) {
    axis.weights[i * axis.stride + at - start] = (Math.min(high, at + 1) - Math.max(low, at)) / (high - low);
  }
}

/** Centres of pixels lie at half; beyond the outermost the edge goes on. */
function interpolateAt(axis: Axis, i: number, { ratio, from }: { ratio: number; from: number }): void {
  const at = Math.min(from - 1, Math.max(0, (i + 0.5) * ratio - 0.5));
  const start = Math.floor(at);
  const part = at - start;
  axis.starts[i] = start;
  axis.counts[i] = part > 0 ? 2 : 1;
  axis.weights[i * 2] = 1 - part;
  axis.weights[i * 2 + 1] = part;
}

/** Rows are resized across when they are wanted, and the last two kept: no target row needs an older one again. */
function placeResized(
  { data, type }: PictureTensor,
  input: ModelInput,
  picture: Picture,
  { left, top, width, height }: Placement,
): void {
  const { pixelStep, starts, means, scales } = layoutOf(input);
  const across = axisOf(picture.width, width);
  const down = axisOf(picture.height, height);
  const rows = [new Float64Array(width * 3), new Float64Array(width * 3)];
  const held = [-1, -1];
  const sum = new Float64Array(width * 3);
  for (let y = 0; y < height; y += 1) {
    sum.fill(0);
    for (let k = 0; k < down.counts[y]!; k += 1) {
      const source = down.starts[y]! + k;
      const row = rows[source % 2]!;
      if (held[source % 2] !== source) resizeRow(picture, source, across, row);
      held[source % 2] = source;
      const weight = down.weights[y * down.stride + k]!;
      for (let at = 0; at < row.length; at += 1) sum[at] = sum[at]! + row[at]! * weight;
    }
    const first = ((top + y) * input.width + left) * pixelStep;
    for (let channel = 0; channel < 3; channel += 1) {
      const mean = means[channel]!;
      const scale = scales[channel]!;
      for (let at = channel, to = first + starts[channel]!; at < sum.length; at += 3, to += pixelStep) {
        const value = Math.round(sum[at]!);
        data[to] = type === 'uint8' ? value : (value - mean) * scale;
      }
    }
  }
}

function resizeRow({ rgb, width }: Picture, y: number, across: Axis, into: Float64Array): void {
  const { starts, counts, weights, stride } = across;
  for (let x = 0; x < starts.length; x += 1) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let from = (y * width + starts[x]!) * 3;
    const end = x * stride + counts[x]!;
    for (let k = x * stride; k < end; k += 1) {
      const weight = weights[k]!;
      red += rgb[from]! * weight;
      green += rgb[from + 1]! * weight;
      blue += rgb[from + 2]! * weight;
      from += 3;
    }
    into[x * 3] = red;
    into[x * 3 + 1] = green;
    into[x * 3 + 2] = blue;
  }
}

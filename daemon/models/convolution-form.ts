// Which numbers of its input a convolution multiplies for one number of its output: its form, and the patches that it reads. Pure.
import { intOf, intsOf, stringOf } from './graph.ts';
import { linearWeights } from './linear-weights.ts';
import type { Graph, Node } from './onnx.ts';

type Pair = readonly [number, number];

/** Of a convolution over pictures, batch 1. */
export interface ConvolutionForm {
  readonly groups: number;
  /** Input channels of a group. */
  readonly channels: number;
  /** Rows and columns, as everywhere here. */
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Above, left, below and right; or so much that stride 1 keeps the size, an odd pixel below and right or above and left. */
  readonly pads: readonly number[] | 'SAME_UPPER' | 'SAME_LOWER';
}

/** Undefined for anything but a convolution of two dimensions with constant weights. */
export function convolutionForm(node: Node, graph: Graph): ConvolutionForm | undefined {
  const dims = node.opType === 'Conv' ? linearWeights(node, graph)?.tensor.dims : undefined;
  const auto = stringOf(node, 'auto_pad') ?? 'NOTSET';
  if (dims?.length !== 4) return undefined;
  const [, channels, height, width] = dims as [number, number, number, number];
  const pair = (name: string): Pair => {
    const [rows = 1, columns = 1] = intsOf(node, name) ?? [];
    return [rows, columns];
  };
  const isSame = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  const given = auto === 'VALID' ? undefined : intsOf(node, 'pads');
  return {
    groups: intOf(node, 'group', 1),
    channels,
    kernel: [height, width],
    strides: pair('strides'),
    dilations: pair('dilations'),
    pads: isSame ? auto : (given ?? [0, 0, 0, 0]),
  };
}

/** Pixels from the first to the last that a kernel covers. */
export function reachOf({ kernel, dilations }: ConvolutionForm, axis: 0 | 1): number {
  return (kernel[axis] - 1) * dilations[axis] + 1;
}

/** Padding before and after an input of that size. */
export function paddingOf(form: ConvolutionForm, axis: 0 | 1, size: number): Pair {
  const { pads, strides } = form;
  if (typeof pads !== 'string') return [pads[axis]!, pads[axis + 2]!];
  const total = Math.max(
    0,
    (Math.ceil(size / strides[axis]) - 1) * strides[axis] + reachOf(form, axis) - size,
  );
  const before = pads === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
  return [before, total - before];
}

/** Numbers of the output along an axis. */
export function placesOf(form: ConvolutionForm, axis: 0 | 1, size: number): number {
  const [before, after] = paddingOf(form, axis, size);
  return Math.floor((size + before + after - reachOf(form, axis)) / form.strides[axis]) + 1;
}

export interface Patches {
  /** Places that were looked at. */
  readonly count: number;
  /** What lies under the kernel in so many channels, [channels, kernel, places]; zeros where that is padding. */
  gather(first: number, channels: number): Float32Array;
}

/** The fractions of the multiples of this lie evenly, however many there are (Weyl 1916). */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Patches at up to `count` places of the output, others for each `turn`. `values`: [channels, height, width]. */
export function patchesOf(
  form: ConvolutionForm,
  values: Float32Array,
  [height, width]: Pair,
  { count, turn }: { readonly count: number; readonly turn: number },
): Patches {
  const { kernel, strides, dilations } = form;
  const [top, left] = [paddingOf(form, 0, height)[0], paddingOf(form, 1, width)[0]];
  const [rows, columns] = [placesOf(form, 0, height), placesOf(form, 1, width)];
  const all = rows * columns;
  const chosen = Int32Array.from({ length: Math.min(count, all) }, (_, k) =>
    all <= count ? k : Math.floor((((turn * count + k) * GOLDEN) % 1) * all),
  );
  const tops = chosen.map((place) => Math.floor(place / columns) * strides[0] - top);
  const lefts = chosen.map((place) => (place % columns) * strides[1] - left);
  return {
    count: chosen.length,
    gather: (first, channels) => {
      const found = new Float32Array(channels * kernel[0] * kernel[1] * chosen.length);
      let at = 0;
      for (let channel = first; channel < first + channels; channel += 1) {
        const plane = values.subarray(channel * height * width, (channel + 1) * height * width);
        for (let ky = 0; ky < kernel[0]; ky += 1) {
          for (let kx = 0; kx < kernel[1]; kx += 1) {
            for (let k = 0; k < chosen.length; k += 1, at += 1) {
              const y = tops[k]! + ky * dilations[0];
              const x = lefts[k]! + kx * dilations[1];
              if (y >= 0 && y < height && x >= 0 && x < width) found[at] = plane[y * width + x]!;
            }
          }
        }
      }
      return found;
    },
  };
}

// The border around a picture whose channels have different means: the value that is zero after the normalisation is another pixel in
// each channel, which no padding of a convolution can give. The pixels are put around the picture as constants. Pure.

import { convolutionForm, paddingOf, placesOf, reachOf } from './convolution-form.ts';
import { freshName, makeNode, namesOf } from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import { makeTensor, sizeOf } from './tensor.ts';

export interface BorderPlace {
  /** The picture, uint8, and its dimensions. */
  readonly picture: string;
  readonly dims: readonly number[];
  /** Axes of height, width and channels. */
  readonly axes: readonly [number, number];
  readonly channelAxis: number;
  /** The pixel of each channel. */
  readonly pixels: readonly number[];
}

/**
 * Puts the border that `convolution` needs around the picture, at the beginning of the graph, and takes its padding away; gives the
 * name of the larger picture. Undefined when its padding is not given in numbers.
 */
export function addBorder(convolution: Node, place: BorderPlace, graph: Graph): string | undefined {
  const pads = usedPads(convolution, place, graph);
  if (pads === undefined) return undefined;
  const taken = namesOf(graph);
  const dims = [...place.dims];
  const nodes: Node[] = [];
  let picture = place.picture;
  for (const [direction, axis] of place.axes.entries()) {
    const parts = [picture];
    for (const [side, count] of [pads[direction]!, pads[direction + 2]!].entries()) {
      if (count === 0) continue;
      const strip = dims.map((size, at) => (at === axis ? count : size));
      const name = freshName(taken, `${place.picture}_border`);
      graph.initializers.set(name, makeTensor(name, 'uint8', strip, stripOf(strip, place)));
      if (side === 0) parts.unshift(name);
      else parts.push(name);
    }
    if (parts.length === 1) continue;
    dims[axis] = dims[axis]! + pads[direction]! + pads[direction + 2]!;
    picture = freshName(taken, `${place.picture}_bordered`);
    nodes.push(makeNode('Concat', parts, [picture], { axis: { kind: 'int', value: axis } }));
  }
  graph.nodes.unshift(...nodes);
  convolution.attributes.set('pads', { kind: 'ints', value: [0, 0, 0, 0] });
  convolution.attributes.delete('auto_pad');
  return picture;
}

/** The padding that is read, in the order top, left, bottom, right: strides may end before the last row. */
function usedPads(node: Node, { dims, axes }: BorderPlace, graph: Graph): number[] | undefined {
  const form = convolutionForm(node, graph);
  if (form === undefined) return undefined;
  const pads = [0, 0, 0, 0];
  for (const direction of [0, 1] as const) {
    const size = dims[axes[direction]!]!;
    const [before] = paddingOf(form, direction, size);
    const end = (placesOf(form, direction, size) - 1) * form.strides[direction] + reachOf(form, direction);
    pads[direction] = before;
    pads[direction + 2] = Math.max(0, end - before - size);
  }
  return pads;
}

function stripOf(dims: readonly number[], { channelAxis, pixels }: BorderPlace): Uint8Array<ArrayBuffer> {
  const inner = sizeOf(dims.slice(channelAxis + 1));
  return Uint8Array.from(
    { length: sizeOf(dims) },
    (_, index) => pixels[Math.floor(index / inner) % pixels.length]!,
  );
}

// Pieces that the decodings of import share, as nodes of the graph. Pure.
import type { GraphWriter } from './graph-writer.ts';
import type { Activation, HeadValue } from './head.ts';
import type { MapSize } from './ssd-anchors.ts';

/** The value as float32. */
export function asFloat(writer: GraphWriter, { name, type }: HeadValue): string {
  return type === 'float32' ? name : writer.cast(name, 'float32');
}

/** x1, y1, x2, y2 [1,N,4] from centres and half sizes [1,N,2]. */
export function cornersOf(writer: GraphWriter, centres: string, halves: string): string {
  return writer.concat([writer.add('Sub', [centres, halves]), writer.add('Add', [centres, halves])], 2);
}

/** Boxes in pixels of the input, along the last axis, as fractions of it. */
export function asFraction(writer: GraphWriter, value: string, { width, height }: MapSize): string {
  return writer.add('Mul', [value, writer.floats([1, 1, 4], [1 / width, 1 / height, 1 / width, 1 / height])]);
}

export function activated(writer: GraphWriter, value: string, activation: Activation): string {
  if (activation === 'sigmoid') return writer.add('Sigmoid', [value]);
  return activation === 'softmax' ? writer.softmax(value, 2) : value;
}

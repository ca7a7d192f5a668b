// Small networks with the heads that exporters write, with constants by chance: a body of convolutions that halve the picture, and
// what is behind it. For tests only.
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { GraphBuilder } from './graphs.ts';

export interface Net {
  readonly builder: GraphBuilder;
  /** Values [1,C,H,W] and their sides, the finest first. */
  readonly maps: readonly { readonly value: string; readonly side: number; readonly channels: number }[];
}

export interface NetOptions {
  readonly side: number;
  /** Of the picture; as high as that otherwise. Sides of maps are heights. */
  readonly width?: number;
  readonly layout?: 'nchw' | 'nhwc';
  readonly type?: 'float32' | 'uint8';
  /** Sides of the maps wanted. */
  readonly sides: readonly number[];
  readonly producer?: string;
  readonly opset?: number;
  readonly rank?: 3 | 4;
}

/** A body whose maps have the sides wanted: each step halves, rounded up. */
export function bodyNet({
  side,
  width = side,
  layout = 'nchw',
  type,
  sides,
  producer = 'pytorch',
  opset = 13,
  rank = 4,
}: NetOptions): Net {
  const builder = new GraphBuilder({ opset });
  builder.model.producer = producer;
  const shape = layout === 'nchw' ? [3, side, width] : [side, width, 3];
  const dims = rank === 3 ? shape : [1, ...shape];
  let value = builder.input(dims, type ?? 'float32', 'given');
  if (rank === 3) value = builder.node('Unsqueeze', [value, builder.constant([0], [1], 'int64')]);
  if (type === 'uint8') value = builder.node('Cast', [value], { to: 1 });
  if (layout === 'nhwc') value = builder.node('Transpose', [value], { perm: [0, 3, 1, 2] });
  const maps: { value: string; side: number; channels: number }[] = [];
  const channels = 6;
  let at = side;
  let from = 3;
  let pending = [...sides];
  while (pending.length > 0) {
    value = builder.node('Relu', [builder.conv(value, { from, to: channels, size: 3 }, { strides: [2, 2] })]);
    from = channels;
    at = Math.ceil(at / 2);
    while (pending[0] === at) {
      maps.push({ value, side: at, channels });
      pending = pending.slice(1);
      // The same side again: maps of one place stay maps of one place.
      if (at === 1) value = builder.node('Relu', [builder.conv(value, { from, to: channels, size: 1 })]);
    }
    if (at === 1 && pending.length > 0) throw new Error(`no map has a side of ${pending[0]}`);
  }
  return { builder, maps };
}

/** Rows [1, H·W·A, columns] of a convolution of a map, as exporters of SSD heads join them. */
export function rowsOfMaps(net: Net, anchors: readonly number[], columns: number): string {
  const { builder, maps } = net;
  const rows = maps.map(({ value, channels }, at) => {
    const conv = builder.conv(value, { from: channels, to: anchors[at]! * columns });
    const last = builder.node('Transpose', [conv], { perm: [0, 2, 3, 1] });
    return builder.node('Reshape', [last, builder.constant([1, -1, columns], [3], 'int64')]);
  });
  return builder.node('Concat', rows, { axis: 1 });
}

/** A raw SSD head. Boxes and the scores of three labels and a background have the same shape: names tell them apart. */
export function rawHead(net: Net, anchors: readonly number[], classes: number): OnnxModel {
  const boxes = net.builder.rename(rowsOfMaps(net, anchors, 4), 'box_encodings');
  return net.builder.output(
    boxes,
    net.builder.rename(rowsOfMaps(net, anchors, classes), 'class_predictions'),
  );
}

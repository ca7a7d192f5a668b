// An ONNX model in memory to the bytes of its file; the other direction of onnx.ts. Pure.
import { type Attribute, type Graph, KINDS, type Node, type OnnxModel, type ValueInfo } from './onnx.ts';
import { Writer } from './protobuf.ts';
import { type Tensor, typeNumber } from './tensor.ts';

/** The file's bytes; field numbers are those of onnx.proto. */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.int(1, model.irVersion);
  if (model.producer !== '') writer.text(2, model.producer);
  if (model.producerVersion !== '') writer.text(3, model.producerVersion);
  writer.message(7, (graph) => writeGraph(graph, model.graph));
  for (const [domain, version] of model.opsets) {
    writer.message(8, (opset) => {
      if (domain !== '') opset.text(1, domain);
      opset.int(2, version);
    });
  }
  for (const [key, value] of model.metadata) {
    writer.message(14, (pair) => {
      pair.text(1, key);
      pair.text(2, value);
    });
  }
  for (const field of model.rest) writer.raw(field);
  return writer.finish();
}

function writeGraph(writer: Writer, graph: Graph): void {
  for (const node of graph.nodes) writer.message(1, (inner) => writeNode(inner, node));
  if (graph.name !== '') writer.text(2, graph.name);
  for (const tensor of graph.initializers.values()) writer.message(5, (inner) => writeTensor(inner, tensor));
  for (const info of graph.inputs) writer.message(11, (inner) => writeValueInfo(inner, info));
  for (const info of graph.outputs) writer.message(12, (inner) => writeValueInfo(inner, info));
  for (const info of graph.valueInfo) writer.message(13, (inner) => writeValueInfo(inner, info));
  for (const field of graph.rest) writer.raw(field);
}

function writeNode(writer: Writer, node: Node): void {
  for (const input of node.inputs) writer.text(1, input);
  for (const output of node.outputs) writer.text(2, output);
  if (node.name !== '') writer.text(3, node.name);
  writer.text(4, node.opType);
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === 'other') writer.bytes(5, attribute.raw);
    else writer.message(5, (inner) => writeAttribute(inner, name, attribute));
  }
  if (node.domain !== '') writer.text(7, node.domain);
  for (const field of node.rest) writer.raw(field);
}

function writeAttribute(
  writer: Writer,
  name: string,
  attribute: Exclude<Attribute, { kind: 'other' }>,
): void {
  writer.text(1, name);
  const { kind, value } = attribute;
  if (kind === 'float') writer.float(2, value);
  else if (kind === 'int') writer.int(3, value);
  else if (kind === 'string') writer.text(4, value);
  else if (kind === 'tensor') writer.message(5, (inner) => writeTensor(inner, value));
  else if (kind === 'graph') writer.message(6, (inner) => writeGraph(inner, value));
  else if (kind === 'floats') for (const one of value) writer.float(7, one);
  else if (kind === 'ints') for (const one of value) writer.int(8, one);
  else for (const one of value) writer.text(9, one);
  writer.int(20, KINDS[kind]);
}

function writeTensor(writer: Writer, tensor: Tensor): void {
  for (const size of tensor.dims) writer.int(1, size);
  writer.int(2, typeNumber(tensor.type));
  if (tensor.name !== '') writer.text(8, tensor.name);
  if (tensor.raw.length > 0) writer.bytes(9, tensor.raw);
  for (const field of tensor.rest) writer.raw(field);
}

function writeValueInfo(writer: Writer, { name, type, dims, other }: ValueInfo): void {
  writer.text(1, name);
  if (other !== undefined) writer.bytes(2, other);
  if (type === 'other') return;
  writer.message(2, (typeProto) => {
    typeProto.message(1, (tensor) => {
      tensor.int(1, typeNumber(type));
      if (dims !== undefined) tensor.message(2, (shape) => writeShape(shape, dims));
    });
  });
}

function writeShape(writer: Writer, dims: readonly (number | string | undefined)[]): void {
  for (const size of dims) {
    writer.message(1, (dim) => {
      if (typeof size === 'number') dim.int(1, size);
      else if (size !== undefined) dim.text(2, size);
    });
  }
}

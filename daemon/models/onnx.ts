// An ONNX model in memory: plain objects that the transforms of this room change, read from and written to the protobuf of
// onnx.proto (field numbers below are its). Fields that nothing here looks at are kept byte for byte in `rest`. Holds no file
// and runs nothing. Pure.
import { VedetteError } from '../platform/errors.ts';
import { ProtobufError, Reader, Writer } from './protobuf.ts';
import { elementBytes, isReadable, sizeOf, type Tensor, type TensorType, typeName } from './tensor.ts';

export interface OnnxModel {
  irVersion: number;
  /** Version by domain; '' is ONNX itself. */
  opsets: Map<string, number>;
  producer: string;
  producerVersion: string;
  graph: Graph;
  metadata: Map<string, string>;
  rest: Uint8Array[];
}

export interface Graph {
  name: string;
  nodes: Node[];
  initializers: Map<string, Tensor>;
  /** Without those that are initializers only. */
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** Types of values in between, where the exporter wrote them. */
  valueInfo: ValueInfo[];
  rest: Uint8Array[];
}

export interface Node {
  name: string;
  opType: string;
  /** '' is ONNX itself. */
  domain: string;
  /** '' is an optional input that is not there. */
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  rest: Uint8Array[];
}

/** `other` keeps kinds that nothing here makes (sparse tensors, types, references to a function's attribute). */
export type Attribute =
  | { kind: 'float'; value: number }
  | { kind: 'int'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'tensor'; value: Tensor }
  | { kind: 'graph'; value: Graph }
  | { kind: 'floats'; value: number[] }
  | { kind: 'ints'; value: number[] }
  | { kind: 'strings'; value: string[] }
  | { kind: 'other'; raw: Uint8Array };

/** What is known of a value. A size is a number, a name, or undefined; `dims` is undefined when not even their count is known. */
export interface ValueInfo {
  name: string;
  type: TensorType | 'other';
  dims: (number | string | undefined)[] | undefined;
  /** The whole type as it was read, for one that is no tensor. */
  other?: Uint8Array;
}

/** Graphs within attributes of graphs (If, Loop) go this deep at most. */
const DEPTH_MAX = 8;

/**
 * Reads a model. Throws MODEL_UNSUPPORTED, naming the place, when the bytes are no ONNX model, when constants lie in other files
 * or have fewer bytes than their dimensions say. Constants are views of `bytes`.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  try {
    return readModel(new Reader(bytes));
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw unsupported(
      `no ONNX model, or a damaged one: ${error.message} (it has ${bytes.length} bytes)`,
      error,
    );
  }
}

function readModel(reader: Reader): OnnxModel {
  const model: Omit<OnnxModel, 'graph'> & { graph?: Graph } = {
    irVersion: 0,
    opsets: new Map(),
    producer: '',
    producerVersion: '',
    metadata: new Map(),
    rest: [],
  };
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) model.irVersion = reader.int();
    else if (field === 2) model.producer = reader.text();
    else if (field === 3) model.producerVersion = reader.text();
    else if (field === 7) model.graph = readGraph(reader.message(), 0);
    else if (field === 8) readOpset(reader.message(), model.opsets);
    else if (field === 14) readPair(reader.message(), model.metadata);
    else model.rest.push(reader.skip());
  }
  const { graph } = model;
  if (graph === undefined || model.opsets.size === 0) {
    throw unsupported(`no ONNX model: it has no ${graph === undefined ? 'graph' : 'operator set'}`);
  }
  return { ...model, graph };
}

function readOpset(reader: Reader, into: Map<string, number>): void {
  let [domain, version] = ['', 0];
  while (reader.next()) {
    if (reader.field === 1) domain = reader.text();
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  into.set(domain === 'ai.onnx' ? '' : domain, version);
}

function readPair(reader: Reader, into: Map<string, string>): void {
  let [key, value] = ['', ''];
  while (reader.next()) {
    if (reader.field === 1) key = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  into.set(key, value);
}

/** A graph to be filled. */
export function emptyGraph(): Graph {
  return { name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo: [], rest: [] };
}

function readGraph(reader: Reader, depth: number): Graph {
  if (depth > DEPTH_MAX) throw unsupported(`graphs lie more than ${DEPTH_MAX} deep in one another`);
  const graph = emptyGraph();
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) graph.nodes.push(readNode(reader.message(), depth));
    else if (field === 2) graph.name = reader.text();
    else if (field === 5) {
      const tensor = readTensor(reader.message());
      graph.initializers.set(tensor.name, tensor);
    } else if (field === 11) graph.inputs.push(readValueInfo(reader.message()));
    else if (field === 12) graph.outputs.push(readValueInfo(reader.message()));
    else if (field === 13) graph.valueInfo.push(readValueInfo(reader.message()));
    else graph.rest.push(reader.skip());
  }
  // Files of IR version 3 name every constant as an input too: one that could be given another value. Nobody does.
  graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  return graph;
}

function readNode(reader: Reader, depth: number): Node {
  const node: Node = {
    name: '',
    opType: '',
    domain: '',
    inputs: [],
    outputs: [],
    attributes: new Map(),
    rest: [],
  };
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) node.inputs.push(reader.text());
    else if (field === 2) node.outputs.push(reader.text());
    else if (field === 3) node.name = reader.text();
    else if (field === 4) node.opType = reader.text();
    else if (field === 5) readAttribute(reader.message(), node.attributes, depth);
    else if (field === 7) node.domain = reader.text();
    else node.rest.push(reader.skip());
  }
  if (node.domain === 'ai.onnx') node.domain = '';
  return node;
}

/** Numbers of AttributeProto.AttributeType. */
export const KINDS = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

function readAttribute(reader: Reader, into: Map<string, Attribute>, depth: number): void {
  let [name, type] = ['', 0];
  const [floats, ints, strings, others]: [number[], number[], string[], Uint8Array[]] = [[], [], [], []];
  let [float, int, string] = [0, 0, ''];
  let tensor: Tensor | undefined;
  let graph: Graph | undefined;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) name = reader.text();
    else if (field === 2) float = reader.float();
    else if (field === 3) int = reader.int();
    else if (field === 4) string = reader.text();
    else if (field === 5) tensor = readTensor(reader.message());
    else if (field === 6) graph = readGraph(reader.message(), depth + 1);
    else if (field === 7) reader.floats(floats);
    else if (field === 8) reader.ints(ints);
    else if (field === 9) strings.push(reader.text());
    else if (field === 20) type = reader.int();
    else if (field === 13) reader.skip();
    else others.push(reader.skip());
  }
  if (name === '') throw unsupported('an attribute without a name');
  if (others.length > 0) into.set(name, { kind: 'other', raw: otherAttribute(name, type, others) });
  else if (type === KINDS.tensor && tensor) into.set(name, { kind: 'tensor', value: tensor });
  else if (type === KINDS.graph && graph) into.set(name, { kind: 'graph', value: graph });
  else if (type === KINDS.float) into.set(name, { kind: 'float', value: float });
  else if (type === KINDS.int) into.set(name, { kind: 'int', value: int });
  else if (type === KINDS.string) into.set(name, { kind: 'string', value: string });
  else if (type === KINDS.floats) into.set(name, { kind: 'floats', value: floats });
  else if (type === KINDS.ints) into.set(name, { kind: 'ints', value: ints });
  else if (type === KINDS.strings) into.set(name, { kind: 'strings', value: strings });
  else throw unsupported(`attribute '${name}' has type ${type} and no value of it`);
}

function otherAttribute(name: string, type: number, others: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  writer.text(1, name);
  if (type !== 0) writer.int(20, type);
  for (const field of others) writer.raw(field);
  return writer.finish();
}

/** Values that are not in raw_data but in a field of their type become the same bytes. */
function readTensor(reader: Reader): Tensor {
  const tensor: Tensor = { name: '', type: 'type0', dims: [], raw: NOTHING, rest: [] };
  const [floats, ints, longs, unsigned]: [number[], number[], number[], number[]] = [[], [], [], []];
  let doubles: Uint8Array = NOTHING;
  let isElsewhere = false;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) reader.ints(tensor.dims);
    else if (field === 2) tensor.type = typeName(reader.int());
    else if (field === 4) reader.floats(floats);
    else if (field === 5) reader.ints(ints);
    else if (field === 7) reader.ints(longs);
    else if (field === 8) tensor.name = reader.text();
    else if (field === 9) tensor.raw = reader.bytes();
    else if (field === 10) doubles = reader.bytes();
    else if (field === 11) reader.ints(unsigned);
    else if (field === 14) isElsewhere = reader.int() === 1;
    else tensor.rest.push(reader.skip());
  }
  const { name, type, dims } = tensor;
  if (isElsewhere) throw unsupported(`constant '${name}' lies in another file: save the model as one file`);
  if (dims.some((size) => size < 0)) throw unsupported(`constant '${name}' has dimensions [${dims}]`);
  if (floats.length > 0) tensor.raw = bytesOf(Float32Array.from(floats));
  else if (ints.length > 0) tensor.raw = fromInts(type, ints);
  else if (longs.length > 0) tensor.raw = bytesOf(BigInt64Array.from(longs, saturated));
  else if (unsigned.length > 0) tensor.raw = fromUnsigned(type, unsigned);
  else if (doubles.length > 0) tensor.raw = doubles;
  if (isReadable(type) && tensor.raw.length !== sizeOf(dims) * elementBytes(type)) {
    throw unsupported(
      `constant '${name}' has ${tensor.raw.length} bytes, ${type} [${dims}] needs ${sizeOf(dims) * elementBytes(type)}`,
    );
  }
  return tensor;
}

const NOTHING = new Uint8Array();

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function saturated(value: number): bigint {
  if (Math.abs(value) !== Number.MAX_SAFE_INTEGER) return BigInt(value);
  return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n);
}

/** int32_data holds every type of at most 32 bits. */
function fromInts(type: TensorType, ints: readonly number[]): Uint8Array {
  if (type === 'uint8' || type === 'bool') return Uint8Array.from(ints);
  if (type === 'int8') return bytesOf(Int8Array.from(ints));
  if (type === 'uint16' || type === 'float16' || type === 'bfloat16') return bytesOf(Uint16Array.from(ints));
  if (type === 'int16') return bytesOf(Int16Array.from(ints));
  return bytesOf(Int32Array.from(ints));
}

/** uint64_data holds uint32 and uint64. */
function fromUnsigned(type: TensorType, values: readonly number[]): Uint8Array {
  return bytesOf(type === 'uint32' ? Uint32Array.from(values) : BigUint64Array.from(values, saturated));
}

function readValueInfo(reader: Reader): ValueInfo {
  const info: ValueInfo = { name: '', type: 'other', dims: undefined };
  while (reader.next()) {
    if (reader.field === 1) info.name = reader.text();
    else if (reader.field === 2) {
      const bytes = reader.bytes();
      readType(new Reader(bytes, reader.at - bytes.length), info);
      if (info.type === 'other') info.other = bytes;
    } else reader.skip();
  }
  return info;
}

function readType(reader: Reader, info: ValueInfo): void {
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    for (const tensor = reader.message(); tensor.next(); ) {
      if (tensor.field === 1) info.type = typeName(tensor.int());
      else if (tensor.field === 2) info.dims = readShape(tensor.message());
      else tensor.skip();
    }
  }
}

function readShape(reader: Reader): (number | string | undefined)[] {
  const dims: (number | string | undefined)[] = [];
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    let size: number | string | undefined;
    for (const dim = reader.message(); dim.next(); ) {
      if (dim.field === 1) size = dim.int();
      else if (dim.field === 2) size = dim.text();
      else dim.skip();
    }
    // Some exporters write -1, or a name without letters, for a size that is not fixed.
    dims.push(size === '' || (typeof size === 'number' && size < 0) ? undefined : size);
  }
  return dims;
}

/** Names in a file can have any length. */
const WORDS_MAX = 500;

function unsupported(what: string, cause?: unknown): VedetteError {
  return new VedetteError('MODEL_UNSUPPORTED', what.slice(0, WORDS_MAX), {}, cause);
}

// Tensors of an ONNX graph: element types, dimensions, and the values as typed arrays. Pure. Source of the numbers of the
// types: onnx.proto, TensorProto.DataType.
import { VedetteError } from '../platform/errors.ts';

/** Names of element types as onnxruntime-node has them, by their number in ONNX. */
const TYPE_NAMES = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
} as const;

export type TensorType = (typeof TYPE_NAMES)[keyof typeof TYPE_NAMES] | `type${number}`;

const TYPE_NUMBERS = new Map<string, number>(
  Object.entries(TYPE_NAMES).map(([number, name]) => [name, Number(number)]),
);

/** A type that is not in the table keeps its number in its name. */
export function typeName(number: number): TensorType {
  return (TYPE_NAMES as Readonly<Record<number, TensorType>>)[number] ?? `type${number}`;
}

export function typeNumber(name: TensorType): number {
  return TYPE_NUMBERS.get(name) ?? Number(name.slice('type'.length));
}

const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  /** Bits; see `tensorNumbers`. The same of bfloat16. */
  float16: Uint16Array,
  float64: Float64Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bfloat16: Uint16Array,
} as const;

/** Types whose values are looked at; strings and 4- and 8-bit floats only pass through. */
export type ReadableType = keyof typeof ARRAYS;
export type TensorValues<T extends ReadableType = ReadableType> = InstanceType<(typeof ARRAYS)[T]>;

/** A constant of a graph. */
export interface Tensor {
  name: string;
  type: TensorType;
  dims: number[];
  /** Little-endian, row after row, as in raw_data. Empty for types that only pass through. */
  raw: Uint8Array;
  /** Fields that are not looked at, as they were read. */
  rest: Uint8Array[];
}

/** Elements that the dimensions make. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

export function isReadable(type: TensorType): type is ReadableType {
  return type in ARRAYS;
}

/** Bytes of one element. */
export function elementBytes(type: ReadableType): number {
  return ARRAYS[type].BYTES_PER_ELEMENT;
}

/**
 * The values, as a view where the memory allows it: not to be written to. Throws MODEL_UNSUPPORTED when the type is not
 * `wanted`, cannot be looked at, or there are not as many values as the dimensions say.
 */
export function tensorValues<T extends ReadableType = ReadableType>(
  tensor: Tensor,
  wanted?: T,
): TensorValues<T> {
  const { name, type, dims, raw } = tensor;
  if (!isReadable(type) || (wanted !== undefined && type !== wanted)) {
    throw unsupported(
      `constant '${name}' is ${type}${wanted === undefined ? '' : `, ${wanted} is expected`}`,
    );
  }
  const count = sizeOf(dims);
  const bytes = elementBytes(type);
  if (raw.length !== count * bytes) {
    throw unsupported(`constant '${name}' has ${raw.length} bytes, ${type} [${dims}] needs ${count * bytes}`);
  }
  // Not `slice`: that of a Buffer is a view.
  const aligned = raw.byteOffset % bytes === 0 ? raw : new Uint8Array(raw);
  const Values = ARRAYS[type] as unknown as new (
    buffer: ArrayBufferLike,
    offset: number,
    count: number,
  ) => TensorValues<T>;
  return new Values(aligned.buffer, aligned.byteOffset, count);
}

/** The values as numbers, whatever their type; int64 must be exact (Number.MAX_SAFE_INTEGER stands for the largest). */
export function tensorNumbers(tensor: Tensor): number[] {
  const values = tensorValues(tensor);
  if (tensor.type === 'float16') return Array.from(values as Uint16Array, halfToNumber);
  if (tensor.type === 'bfloat16') return bfloatsToNumbers(values as Uint16Array);
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Array.from(values as ArrayLike<number | bigint>, (value) =>
    Number(typeof value === 'bigint' ? (value > most ? most : value < -most ? -most : value) : value),
  );
}

/** A constant of its own memory. `values` in the form of `tensorValues`, or numbers. */
export function makeTensor(
  name: string,
  type: ReadableType,
  dims: readonly number[],
  values: TensorValues | readonly number[],
): Tensor {
  if (values.length !== sizeOf(dims)) {
    throw new RangeError(`tensor '${name}': ${values.length} values do not fill [${dims}]`);
  }
  const array = ArrayBuffer.isView(values) ? values : fromNumbers(type, values);
  const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
  return { name, type, dims: [...dims], raw, rest: [] };
}

function fromNumbers(type: ReadableType, numbers: readonly number[]): TensorValues {
  if (type === 'int64') return BigInt64Array.from(numbers, BigInt);
  if (type === 'uint64') return BigUint64Array.from(numbers, BigInt);
  const Values = ARRAYS[type] as unknown as { from(values: readonly number[]): TensorValues };
  return Values.from(numbers);
}

/** IEEE 754 binary16 to a number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 is the upper half of a float32. */
function bfloatsToNumbers(bits: Uint16Array): number[] {
  const words = Uint32Array.from(bits, (upper) => upper * 2 ** 16);
  return Array.from(new Float32Array(words.buffer));
}

function unsupported(what: string): VedetteError {
  return new VedetteError('MODEL_UNSUPPORTED', what);
}

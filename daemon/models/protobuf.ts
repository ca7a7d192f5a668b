// Protocol Buffers, the wire format alone: reading with every length held against the bytes that are there, and writing.
// Knows no message. Pure. Source: protobuf.dev, "Encoding" (varint, fixed, length-delimited; groups are refused).

/** What a field holds on the wire. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Bytes that are no message; `at` counts from the beginning of the file. */
export class ProtobufError extends Error {
  constructor(at: number, what: string) {
    super(`at byte ${at}: ${what}`);
    this.name = 'ProtobufError';
  }
}

const VARINT_BYTES_MAX = 10;
const TWO_32 = 2 ** 32;

/** Reads one message: `next()`, then the value of the field, or `skip()`. */
export class Reader {
  /** Of the field that was read last. */
  field = 0;
  wire = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where `bytes` begins in the file. */
  readonly #base: number;
  #at = 0;
  #began = 0;

  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
  }

  /** Where the reader stands, in the file. */
  get at(): number {
    return this.#base + this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Reads the tag of the next field; false at the end of the message. */
  next(): boolean {
    if (this.done) return false;
    this.#began = this.#at;
    const tag = this.int();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (tag < 8 || this.field > 0x1fffffff) throw this.#error(`${tag} is no tag of a field`);
    return true;
  }

  /**
   * A varint as int64. What a number cannot hold exactly becomes ±Number.MAX_SAFE_INTEGER, which is written as the largest and
   * smallest int64: exporters write those where they mean "to the end", nothing else in a model is as large.
   */
  int(): number {
    let [low, high] = [0, 0];
    for (let i = 0; i < VARINT_BYTES_MAX; i += 1) {
      const byte = this.#byte();
      const part = byte & 0x7f;
      if (i < 4) low += part * 2 ** (7 * i);
      else if (i === 4) {
        low += (part & 0x0f) * 2 ** 28;
        high = part >> 4;
      } else high += part * 2 ** (7 * i - 32);
      if (byte < 0x80) return signed(low, high % TWO_32);
    }
    throw this.#error(`a number has more than ${VARINT_BYTES_MAX} bytes`);
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  /** The bytes of a length-delimited field, not copied. */
  bytes(): Uint8Array {
    if (this.wire !== WIRE.bytes)
      throw this.#error(`field ${this.field} has wire type ${this.wire}, not ${WIRE.bytes}`);
    const length = this.int();
    if (length < 0 || length > this.#bytes.length - this.#at) {
      throw this.#error(`field ${this.field} has ${length} bytes, ${this.#bytes.length - this.#at} are left`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A reader of the message in a length-delimited field. */
  message(): Reader {
    const bytes = this.bytes();
    return new Reader(bytes, this.at - bytes.length);
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  /** A repeated int64, packed or not, added to `into`. */
  ints(into: number[]): void {
    if (this.wire === WIRE.varint) into.push(this.int());
    else for (const packed = this.message(); !packed.done; ) into.push(packed.int());
  }

  /** A repeated float, packed or not, added to `into`. */
  floats(into: number[]): void {
    if (this.wire === WIRE.fixed32) into.push(this.float());
    else for (const packed = this.message(); !packed.done; ) into.push(packed.float());
  }

  /** Passes over the value; gives the whole field as it was written, tag included, not copied. */
  skip(): Uint8Array {
    if (this.wire === WIRE.varint) this.int();
    else if (this.wire === WIRE.fixed64) this.#take(8);
    else if (this.wire === WIRE.bytes) this.bytes();
    else if (this.wire === WIRE.fixed32) this.#take(4);
    else throw this.#error(`field ${this.field} has wire type ${this.wire}`);
    return this.#bytes.subarray(this.#began, this.#at);
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #take(count: number): number {
    if (count > this.#bytes.length - this.#at) throw this.#error('the message ends in the middle of a field');
    this.#at += count;
    return this.#at - count;
  }

  #error(what: string): ProtobufError {
    return new ProtobufError(this.at, what);
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Two unsigned halves to a signed number, saturated where it is not exact. */
function signed(low: number, high: number): number {
  const value = high < 0x80000000 ? high * TWO_32 + low : (high - 0xffffffff) * TWO_32 + (low - TWO_32);
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

/** Collects one message; large values are not copied until `finish`. */
export class Writer {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** Fields as they were read, tags included. */
  raw(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  int(field: number, value: number): void {
    this.#varint(BigInt(field * 8 + WIRE.varint));
    this.#varint(wide(value));
  }

  float(field: number, value: number): void {
    this.#varint(BigInt(field * 8 + WIRE.fixed32));
    this.raw(new Uint8Array(new Float32Array([value]).buffer));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint(BigInt(field * 8 + WIRE.bytes));
    this.#varint(BigInt(value.length));
    this.raw(value);
  }

  text(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }

  message(field: number, write: (writer: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    this.#varint(BigInt(field * 8 + WIRE.bytes));
    this.#varint(BigInt(inner.#length));
    for (const chunk of inner.#chunks) this.raw(chunk);
  }

  /** The message, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }

  #varint(value: bigint): void {
    const bytes: number[] = [];
    for (let left = BigInt.asUintN(64, value); ; left >>= 7n) {
      if (left < 128n) {
        bytes.push(Number(left));
        break;
      }
      bytes.push(Number(left & 127n) | 128);
    }
    this.raw(Uint8Array.from(bytes));
  }
}

/** The int64 that a number stands for; see Reader.int. */
function wide(value: number): bigint {
  if (value >= Number.MAX_SAFE_INTEGER) return 2n ** 63n - 1n;
  if (value <= -Number.MAX_SAFE_INTEGER) return -(2n ** 63n);
  return BigInt(value);
}

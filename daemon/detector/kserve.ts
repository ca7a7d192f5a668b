// The KServe v2 inference protocol (Open Inference Protocol) over HTTP, as spoken by NVIDIA Triton and others, with its
// binary tensor data extension: addresses, the head of a request, what a server says of its model held against our
// manifest, and its answer turned into the outputs of that model. Whatever a server says is checked before it is used.
// Pure. Runs in the detector process.
// Sources: kserve/open-inference-protocol, specification/protocol/inference_rest.md; triton-inference-server/server,
// docs/protocol/extension_binary_data.md.
import type { ModelSpec } from '../core/types.ts';
import { VedetteError } from '../platform/errors.ts';
import { showText, showValue } from '../platform/show.ts';
import type { OutputData } from './decode.ts';
import { BOX_COUNT, type Size, shapesFit, type WantedOutput, wantedOutputs } from './tensors.ts';
import { tensorBytes, tensorDims } from './wire.ts';

/** Length of the JSON that tensors in binary follow. */
export const HEADER_LENGTH = 'inference-header-content-length';
/** In the list of extensions of a server that takes tensors in binary. */
export const BINARY_EXTENSION = 'binary_tensor_data';
/** JSON before binary tensors: names and shapes of a few outputs. */
const HEADER_BYTES_MAX = 65_536;
const SHAPE_MAX = 8;
/**
 * Scores that an answer may have whatever the local model has: a graph that suppresses overlaps itself gives as many boxes
 * as it finds, none on the empty picture of the start, and a better model may have a finer grid. Decoded in 0.1 s when all
 * of them count (2-core x64 virtual machine), 160,000 boxes of 9 labels in 4 s, in which no camera is answered.
 */
const SCORES_FREE = 40_000;

const DATATYPES = { uint8: 'UINT8', float32: 'FP32' } as const;

/** An error of a remote server; its message begins with a verb: what the server did. */
export function remoteProblem(what: string, cause?: unknown): VedetteError {
  return new VedetteError('DETECTOR_REMOTE', what, {}, cause);
}

/** Path of a model of a server at `url`, e.g. `/v2/models/vedette-nano/versions/2`; append `/ready` or `/infer`. */
export function modelPath(
  url: URL,
  { model, version }: { model: string; version?: string | undefined },
): string {
  const versioned = version === undefined ? '' : `/versions/${encodeURIComponent(version)}`;
  return `${serverPath(url)}/models/${encodeURIComponent(model)}${versioned}`;
}

/** Path of what a server says of itself. */
export function serverPath(url: URL): string {
  return `${url.pathname.replace(/\/+$/, '')}/v2`;
}

/** What an infer request says before its tensor in binary. The same for every picture. */
export function binaryHead(model: ModelSpec): Uint8Array {
  const parameters = { binary_data_size: tensorBytes(model.input) };
  const outputs = wantedOutputs(model).map(({ name }) => ({ name, parameters: { binary_data: true } }));
  return Buffer.from(JSON.stringify({ inputs: [{ ...inputOf(model), parameters }], outputs }));
}

/** A whole infer request for a server that takes JSON only; `input` is the tensor in memory. */
export function jsonRequest(model: ModelSpec, input: Uint8Array): Uint8Array {
  const values =
    model.input.type === 'float32'
      ? new Float32Array(input.buffer, input.byteOffset, input.byteLength / 4)
      : input;
  const outputs = wantedOutputs(model).map(({ name }) => ({ name }));
  const text = JSON.stringify({ inputs: [{ ...inputOf(model), data: [] }], outputs });
  return Buffer.from(text.replace('"data":[]', () => `"data":[${values.join(',')}]`));
}

function inputOf({ input }: ModelSpec): { name: string; datatype: string; shape: readonly number[] } {
  return { name: input.name, datatype: DATATYPES[input.type], shape: tensorDims(input) };
}

/** Whether the server says that it takes tensors in binary. */
export function takesBinary(server: unknown): boolean {
  const extensions = fieldOf(server, 'extensions');
  return Array.isArray(extensions) && extensions.includes(BINARY_EXTENSION);
}

interface Described {
  readonly name: unknown;
  readonly datatype: unknown;
  readonly shape: readonly Size[];
}

/** Everything in which a server's model is not what our manifest says; empty when it fits. */
export function misfits(model: ModelSpec, metadata: unknown): string[] {
  const problems: string[] = [];
  const inputs = described(metadata, 'inputs');
  const outputs = described(metadata, 'outputs');
  const check = (kind: string, name: string, datatype: string, shape: readonly Size[], at: Described[]) => {
    const found = at.find((one) => one.name === name);
    if (found === undefined) {
      const there = at.length === 0 ? 'none' : at.map((one) => showValue(one.name)).join(', ');
      problems.push(`${kind} '${name}' of our manifest is not there (the server has ${there})`);
    } else if (found.datatype !== datatype || !shapesFit(found.shape, shape)) {
      problems.push(
        `${kind} '${name}' is ${plain(found.datatype)} [${found.shape.map(plain).join(',')}] at the server, ${datatype} [${shape.join(',')}] in our manifest`,
      );
    }
  };
  const { name, datatype, shape } = inputOf(model);
  check('input', name, datatype, shape, inputs);
  const others = inputs.filter((one) => one.name !== name);
  if (others.length > 0) {
    problems.push(`the server also wants inputs ${others.map((one) => showValue(one.name)).join(', ')}`);
  }
  for (const output of wantedOutputs(model)) check('output', output.name, 'FP32', output.shape, outputs);
  return problems;
}

function described(metadata: unknown, key: 'inputs' | 'outputs'): Described[] {
  const list = fieldOf(metadata, key);
  if (!Array.isArray(list)) return [];
  return list.slice(0, 64).map((one) => {
    const shape = fieldOf(one, 'shape');
    return {
      name: fieldOf(one, 'name'),
      datatype: fieldOf(one, 'datatype'),
      shape: Array.isArray(shape) ? (shape.slice(0, SHAPE_MAX) as Size[]) : [],
    };
  });
}

function plain(value: unknown): string {
  return showValue(value).replaceAll("'", '');
}

/** Reads answers of one model into fixed arrays, which grow to what is needed. */
export class AnswerReader {
  readonly #wanted: readonly WantedOutput[];
  readonly #localBoxes: number;
  readonly #boxesMax: number;
  readonly #data: Record<string, Float32Array<ArrayBuffer>> = {};

  /** `localBoxes` are those in the outputs of one run of the local model, whatever their scores. */
  constructor(model: ModelSpec, localBoxes: number) {
    this.#wanted = wantedOutputs(model);
    this.#localBoxes = localBoxes;
    const scoresPerBox = model.decoder.type === 'boxes-scores' ? model.labels.length : 1;
    this.#boxesMax = Math.max(localBoxes, Math.floor(SCORES_FREE / scoresPerBox));
  }

  /**
   * The outputs of a model in the body of an infer answer; `headerLength` is the value of its header of that name, if it had
   * one. The data is valid until the next call. Throws DETECTOR_REMOTE on anything but whole outputs of the right type and
   * shape with nothing but numbers in them, and on more boxes than are decoded in the time of a frame.
   */
  read(body: Uint8Array, headerLength: string | undefined): OutputData {
    const headerBytes = headerLength === undefined ? body.length : lengthOf(headerLength, body.length);
    const answer = parseJson(body.subarray(0, headerBytes));
    const outputs = fieldOf(answer, 'outputs');
    if (!Array.isArray(outputs)) throw remoteProblem('sent an answer without outputs');
    const left = new Set(this.#wanted.map(({ name }) => name));
    const sizes = new Map<string, number>();
    let at = headerBytes;
    for (const output of outputs) {
      const bytes = binaryBytes(output, body.length - at);
      const name = fieldOf(output, 'name');
      const wanted = this.#wanted.find((one) => one.name === name);
      if (wanted !== undefined && left.delete(wanted.name)) {
        const count = countOf(output, wanted, sizes);
        this.#checkBoxes(sizes.get(BOX_COUNT) ?? 0);
        if (bytes === undefined) this.#takeJson(wanted.name, count, fieldOf(output, 'data'));
        else this.#takeBinary(wanted.name, count, body.subarray(at, at + bytes));
      }
      at += bytes ?? 0;
    }
    if (left.size > 0) throw remoteProblem(`sent an answer without output '${[...left].join("', '")}'`);
    if (at !== body.length) throw remoteProblem(`sent ${body.length - at} bytes more than its outputs have`);
    return this.#data;
  }

  #checkBoxes(count: number): void {
    if (count <= this.#boxesMax) return;
    throw remoteProblem(
      `sent ${count} boxes, the local model has ${this.#localBoxes} (limit ${this.#boxesMax})`,
    );
  }

  #takeBinary(name: string, count: number, bytes: Uint8Array): void {
    if (bytes.length !== 4 * count) {
      throw remoteProblem(`sent ${bytes.length} bytes for output '${name}', its shape needs ${4 * count}`);
    }
    const into = this.#room(name, count);
    // Little-endian, as every machine that this daemon runs on.
    new Uint8Array(into.buffer).set(bytes);
    checkNumbers(into, name);
  }

  #takeJson(name: string, count: number, data: unknown): void {
    // Row by row or in one list: the protocol allows both.
    const values: unknown[] = Array.isArray(data) ? data.flat(SHAPE_MAX) : [];
    if (values.length !== count) {
      throw remoteProblem(`sent ${values.length} numbers for output '${name}', its shape needs ${count}`);
    }
    const into = this.#room(name, count);
    for (let i = 0; i < count; i += 1) {
      const value = values[i];
      into[i] = typeof value === 'number' ? value : Number.NaN;
    }
    checkNumbers(into, name);
  }

  /** Only after as many numbers have come: a shape alone must not take memory. */
  #room(name: string, count: number): Float32Array<ArrayBuffer> {
    const there = this.#data[name];
    if (there?.length === count) return there;
    const made = new Float32Array(count);
    this.#data[name] = made;
    return made;
  }
}

function lengthOf(text: string, bodyBytes: number): number {
  const length = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(length <= Math.min(bodyBytes, HEADER_BYTES_MAX))) {
    throw remoteProblem(
      `says that its answer of ${bodyBytes} bytes begins with ${showText(text)} bytes of JSON (limit ${HEADER_BYTES_MAX})`,
    );
  }
  return length;
}

/** Parses JSON that a server sent. Throws DETECTOR_REMOTE. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw remoteProblem(`sent ${bytes.length} bytes that are not JSON`, error);
  }
}

/** Bytes of an output's data after the JSON; undefined when they are in it. */
function binaryBytes(output: unknown, left: number): number | undefined {
  const bytes = fieldOf(fieldOf(output, 'parameters'), 'binary_data_size');
  if (bytes === undefined) return undefined;
  if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= left) return bytes;
  throw remoteProblem(`says that an output has ${showValue(bytes)} bytes, and ${left} are there`);
}

/** Numbers of an output; `sizes` are those of the named sizes met so far. */
function countOf(output: unknown, { name, shape: wanted }: WantedOutput, sizes: Map<string, number>): number {
  const datatype = fieldOf(output, 'datatype');
  if (datatype !== 'FP32') throw remoteProblem(`sent output '${name}' as ${plain(datatype)}, not as FP32`);
  const shape = fieldOf(output, 'shape');
  const isShape =
    Array.isArray(shape) &&
    shape.length <= SHAPE_MAX &&
    shape.every((size) => typeof size === 'number' && Number.isInteger(size) && size >= 0);
  const fits =
    isShape &&
    shapesFit(shape, wanted) &&
    wanted.every((size, i) => typeof size === 'number' || (sizes.get(size) ?? shape[i]) === shape[i]);
  if (!fits) {
    const named = wanted.map((size) => (typeof size === 'string' ? (sizes.get(size) ?? size) : size));
    const sent = Array.isArray(shape) ? shape.slice(0, SHAPE_MAX).map(plain).join(',') : '';
    throw remoteProblem(`sent output '${name}' in shape [${sent}], not [${named.join(',')}]`);
  }
  let count = 1;
  for (const [i, size] of wanted.entries()) {
    count *= shape[i];
    if (typeof size === 'string') sizes.set(size, shape[i]);
  }
  return count;
}

function checkNumbers(values: Float32Array, name: string): void {
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isFinite(values[i]))
      throw remoteProblem(`sent output '${name}' with values that are not numbers`);
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

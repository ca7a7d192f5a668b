// The language between a camera worker and the detector process: header layouts, codec, stream parsers, slot arithmetic
// and the state the supervisor shows. The only file of this room that other rooms may import. Pure: no I/O, no sockets,
// any thread; parsers and encoders allocate nothing per message. Little-endian throughout.

// Request (48 bytes): u32 magic · u16 version · u16 type 1 · u32 request id · u16 camera · u16 weight · u32 slot · u32 0 ·
//   f64 capture monoMs · u32 × 4 tensor dims. The tensor itself is already in the slot of the slots file.
// Response (32 bytes): u32 magic · u16 version · u16 type 2 answer | 3 error · u32 request id · u16 camera · u16 count ·
//   f64 run start monoMs · f64 run end monoMs; then, of an answer, `count` records of 24 bytes {u32 class, f32 score,
//   f32 x1, y1, x2, y2 in 0..1 of the model's input}, of an error `count` bytes of UTF-8 text.
import type { ModelInput, ModelSpec } from '../core/types.ts';
import { VedetteError } from '../platform/errors.ts';
import type { ProviderFallback } from './providers.ts';
import type { RuntimeReport } from './runtime-library.ts';

export const WIRE_VERSION = 2;
export const REQUEST_BYTES = 48;
export const RESPONSE_HEADER_BYTES = 32;
export const RECORD_BYTES = 24;
/** Detections of one answer at most; the best scores are kept. */
export const DETECTIONS_MAX = 100;
/** Bytes of the text of an error response at most. */
export const ERROR_TEXT_BYTES_MAX = 512;
/** As many as a configuration may have: any of them may come with a reload. */
export const CAMERAS_MAX = 32;
/** One slot in flight and one being prepared. */
export const SLOTS_PER_CAMERA = 2;
export const SLOT_COUNT = CAMERAS_MAX * SLOTS_PER_CAMERA;
/** Weight of one camera's turns at most; the configuration's priorities need 1, 2 and 4. */
export const WEIGHT_MAX = 16;
/** Requests one connection may have unanswered; one more is a protocol error. */
export const REQUESTS_PER_CONNECTION_MAX = 2;
export const RESPONSE_BYTES_MAX = RESPONSE_HEADER_BYTES + DETECTIONS_MAX * RECORD_BYTES;

/** "VDTW" read as little-endian u32. */
const MAGIC = 0x57544456;
const TYPE_REQUEST = 1;
const TYPE_ANSWER = 2;
const TYPE_ERROR = 3;

/** Header of one request: one crop, whose tensor lies in `slot`. */
export interface DetectorRequest {
  /** Chosen by the client, 0..2^32-1; comes back in the response. */
  requestId: number;
  /** Index of the camera, below CAMERAS_MAX. */
  camera: number;
  /** Turns of this camera to one of a camera of weight 1, 1..WEIGHT_MAX. */
  weight: number;
  /** `camera * SLOTS_PER_CAMERA` + 0 or 1. */
  slot: number;
  /** When the frame was complete; passed through for tracing. */
  captureMonoMs: number;
  /** Shape of the tensor in the slot, four dimensions. */
  readonly dims: Uint32Array;
}

/** Detections in fixed arrays, those of an answer best score first; entries from `count` on are stale. */
export interface WireDetections {
  count: number;
  /** Index into the model's labels. */
  readonly classes: Uint32Array;
  readonly scores: Float32Array;
  /** x1, y1, x2, y2 per detection, in 0..1 of the model's input (letterbox padding included). */
  readonly boxes: Float32Array;
}

/** A response as parsed. The parser's own object, filled anew for each: valid only during the callback. */
export interface DetectorResponse {
  type: 'answer' | 'error';
  requestId: number;
  camera: number;
  /** When `session.run` began and ended, both 0 when it did not run. */
  runStartMonoMs: number;
  runEndMonoMs: number;
  /** `count` is 0 for an error. */
  readonly detections: WireDetections;
  /** Why there is no answer; empty for an answer. */
  message: string;
}

/** What a client needs to speak to one generation of the detector. Plain data: may be posted to a worker. */
export interface DetectorEndpoint {
  readonly socketPath: string;
  readonly slotsPath: string;
  /** Bytes of one slot = bytes of the model's input tensor. */
  readonly slotBytes: number;
  readonly model: ModelSpec;
  /** Execution provider in use. */
  readonly provider: string;
  /** Providers before it in the list, in order, and why each was not used. */
  readonly fallbacks: readonly ProviderFallback[];
  /** Accelerators that 'auto' did not try, for the board has none, and why. */
  readonly skipped: readonly ProviderFallback[];
  readonly runtime: RuntimeReport;
  /** False where the processor's kernels cut off sums of the model. */
  readonly exact: boolean;
  readonly threads: number;
  /** Median of the warm-up runs. */
  readonly warmupMs: number;
}

/** The detector as its supervisor sees it. `generation` counts processes from 1; answers of an older one are stale. */
export interface DetectorState {
  readonly state: 'starting' | 'ready' | 'down';
  readonly generation: number;
  /** Why it is down, in words and as a code. */
  readonly reason?: string;
  readonly code?: string;
  readonly ready?: DetectorEndpoint;
}

/** Bytes of the model's input tensor, which is also the size of a slot. */
export function tensorBytes(input: ModelInput): number {
  return input.width * input.height * 3 * (input.type === 'float32' ? 4 : 1);
}

/** Shape of the model's input tensor in its layout, batch 1. */
export function tensorDims(input: ModelInput): [number, number, number, number] {
  return input.layout === 'nhwc' ? [1, input.height, input.width, 3] : [1, 3, input.height, input.width];
}

/** Slot of a camera; `which` is 0 or 1, used in turn. */
export function slotOf(camera: number, which: number): number {
  return camera * SLOTS_PER_CAMERA + which;
}

/** Where a slot begins in the slots file, in bytes. */
export function slotOffset(slot: number, slotBytes: number): number {
  return slot * slotBytes;
}

/** Arrays for as many detections; without a number for those of one answer. */
export function createDetections(capacity: number = DETECTIONS_MAX): WireDetections {
  return {
    count: 0,
    classes: new Uint32Array(capacity),
    scores: new Float32Array(capacity),
    boxes: new Float32Array(capacity * 4),
  };
}

/** A request to be filled in and encoded, again and again. */
export function createRequest(): DetectorRequest {
  return { requestId: 0, camera: 0, weight: 1, slot: 0, captureMonoMs: 0, dims: new Uint32Array(4) };
}

/** Writes a request to the start of `view` (at least REQUEST_BYTES long); returns its length in bytes. */
export function encodeRequest(view: DataView, request: DetectorRequest): number {
  writePrefix(view, TYPE_REQUEST, request.requestId, request.camera, request.weight);
  view.setUint32(16, request.slot, true);
  view.setUint32(20, 0, true);
  view.setFloat64(24, request.captureMonoMs, true);
  for (let i = 0; i < 4; i += 1) view.setUint32(32 + i * 4, request.dims[i]!, true);
  return REQUEST_BYTES;
}

/** Which request a response belongs to and when it ran (0 when it did not). */
export interface ResponseStamp {
  requestId: number;
  camera: number;
  runStartMonoMs: number;
  runEndMonoMs: number;
}

/** Writes an answer to the start of `view` (RESPONSE_BYTES_MAX is always enough); returns its length in bytes. */
export function encodeAnswer(view: DataView, stamp: ResponseStamp, detections: WireDetections): number {
  const { count, classes, scores, boxes } = detections;
  writePrefix(view, TYPE_ANSWER, stamp.requestId, stamp.camera, count);
  view.setFloat64(16, stamp.runStartMonoMs, true);
  view.setFloat64(24, stamp.runEndMonoMs, true);
  let at = RESPONSE_HEADER_BYTES;
  for (let i = 0; i < count; i += 1) {
    view.setUint32(at, classes[i]!, true);
    view.setFloat32(at + 4, scores[i]!, true);
    for (let k = 0; k < 4; k += 1) view.setFloat32(at + 8 + k * 4, boxes[i * 4 + k]!, true);
    at += RECORD_BYTES;
  }
  return at;
}

/** Writes an error response; text beyond ERROR_TEXT_BYTES_MAX is cut off. Returns its length in bytes. */
export function encodeError(view: DataView, stamp: ResponseStamp, message: string): number {
  const room = new Uint8Array(
    view.buffer,
    view.byteOffset + RESPONSE_HEADER_BYTES,
    Math.min(ERROR_TEXT_BYTES_MAX, view.byteLength - RESPONSE_HEADER_BYTES),
  );
  const { written } = new TextEncoder().encodeInto(message, room);
  writePrefix(view, TYPE_ERROR, stamp.requestId, stamp.camera, written);
  view.setFloat64(16, stamp.runStartMonoMs, true);
  view.setFloat64(24, stamp.runEndMonoMs, true);
  return RESPONSE_HEADER_BYTES + written;
}

/**
 * Splits the stream from a client into requests, however it is chunked. Throws DETECTOR_PROTOCOL on anything that is
 * not a request; the connection must then be closed, every later `push` throws too.
 */
export class RequestParser {
  readonly #assembler = new Assembler(REQUEST_BYTES, REQUEST_BYTES);
  readonly #request = createRequest();
  readonly #onRequest: (request: DetectorRequest) => void;

  /** `onRequest` gets the parser's own object: valid only during the call. */
  constructor(onRequest: (request: DetectorRequest) => void) {
    this.#onRequest = onRequest;
  }

  push(chunk: Uint8Array): void {
    this.#assembler.push(chunk, checkRequestPrefix, noBody, this.#deliver);
  }

  readonly #deliver = (view: DataView): void => {
    const request = this.#request;
    request.requestId = view.getUint32(8, true);
    request.camera = view.getUint16(12, true);
    request.weight = view.getUint16(14, true);
    request.slot = view.getUint32(16, true);
    request.captureMonoMs = view.getFloat64(24, true);
    for (let i = 0; i < 4; i += 1) request.dims[i] = view.getUint32(32 + i * 4, true);
    if (view.getUint32(20, true) !== 0) throw garbage('reserved bytes of a request are not zero');
    if (request.camera >= CAMERAS_MAX) {
      throw garbage(`camera index ${request.camera} (limit ${CAMERAS_MAX - 1})`);
    }
    if (request.weight < 1 || request.weight > WEIGHT_MAX) {
      throw garbage(`weight ${request.weight} of a request (limits 1 and ${WEIGHT_MAX})`);
    }
    if (!Number.isFinite(request.captureMonoMs)) throw garbage('capture time of a request is not a number');
    if (Math.floor(request.slot / SLOTS_PER_CAMERA) !== request.camera) {
      throw garbage(`slot ${request.slot} does not belong to camera index ${request.camera}`);
    }
    this.#onRequest(request);
  };
}

/** Splits the stream from the detector into responses; the same contract as RequestParser. */
export class ResponseParser {
  readonly #assembler = new Assembler(RESPONSE_HEADER_BYTES, RESPONSE_BYTES_MAX);
  readonly #onResponse: (response: DetectorResponse) => void;
  readonly #response: DetectorResponse = {
    type: 'answer',
    requestId: 0,
    camera: 0,
    runStartMonoMs: 0,
    runEndMonoMs: 0,
    detections: createDetections(),
    message: '',
  };

  /** `onResponse` gets the parser's own object: valid only during the call. */
  constructor(onResponse: (response: DetectorResponse) => void) {
    this.#onResponse = onResponse;
  }

  push(chunk: Uint8Array): void {
    this.#assembler.push(chunk, checkResponsePrefix, responseBodyBytes, this.#deliver);
  }

  readonly #deliver = (view: DataView): void => {
    const response = this.#response;
    const count = view.getUint16(14, true);
    response.type = view.getUint16(6, true) === TYPE_ANSWER ? 'answer' : 'error';
    response.requestId = view.getUint32(8, true);
    response.camera = view.getUint16(12, true);
    response.runStartMonoMs = view.getFloat64(16, true);
    response.runEndMonoMs = view.getFloat64(24, true);
    response.detections.count = 0;
    response.message = '';
    if (!Number.isFinite(response.runStartMonoMs) || !Number.isFinite(response.runEndMonoMs)) {
      throw garbage('run times of a response are not numbers');
    }
    if (response.type === 'answer') readRecords(view, count, response.detections);
    else response.message = readText(view, count);
    this.#onResponse(response);
  };
}

/** Collects a header, asks how long its body is, and hands on the whole message from one fixed buffer. */
class Assembler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #headerBytes: number;
  #filled = 0;
  #wanted: number;
  #broken: unknown;

  constructor(headerBytes: number, messageBytesMax: number) {
    this.#bytes = new Uint8Array(messageBytesMax);
    this.#view = new DataView(this.#bytes.buffer);
    this.#headerBytes = headerBytes;
    this.#wanted = headerBytes;
  }

  push(
    chunk: Uint8Array,
    checkPrefix: (view: DataView) => void,
    bodyBytes: (view: DataView) => number,
    deliver: (view: DataView) => void,
  ): void {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      for (let at = 0; at < chunk.length; ) {
        const taken = Math.min(this.#wanted - this.#filled, chunk.length - at);
        for (let i = 0; i < taken; i += 1) this.#bytes[this.#filled + i] = chunk[at + i]!;
        this.#filled += taken;
        at += taken;
        if (this.#filled < this.#wanted) return;
        if (this.#wanted === this.#headerBytes) {
          checkPrefix(this.#view);
          this.#wanted += bodyBytes(this.#view);
          if (this.#filled < this.#wanted) continue;
        }
        this.#filled = 0;
        this.#wanted = this.#headerBytes;
        deliver(this.#view);
      }
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }
}

function writePrefix(view: DataView, type: number, requestId: number, camera: number, last: number): void {
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, WIRE_VERSION, true);
  view.setUint16(6, type, true);
  view.setUint32(8, requestId, true);
  view.setUint16(12, camera, true);
  view.setUint16(14, last, true);
}

function checkRequestPrefix(view: DataView): void {
  checkMagic(view);
  const type = view.getUint16(6, true);
  if (type !== TYPE_REQUEST) throw garbage(`message type ${type} where a request (${TYPE_REQUEST}) is due`);
}

function checkResponsePrefix(view: DataView): void {
  checkMagic(view);
  const type = view.getUint16(6, true);
  if (type !== TYPE_ANSWER && type !== TYPE_ERROR) {
    throw garbage(`message type ${type} where an answer (${TYPE_ANSWER}) or error (${TYPE_ERROR}) is due`);
  }
}

function checkMagic(view: DataView): void {
  const magic = view.getUint32(0, true);
  if (magic !== MAGIC) {
    throw garbage(`magic number 0x${magic.toString(16)} where 0x${MAGIC.toString(16)} is due`);
  }
  const version = view.getUint16(4, true);
  if (version !== WIRE_VERSION) throw garbage(`version ${version}, this side speaks ${WIRE_VERSION}`);
}

function noBody(): number {
  return 0;
}

function responseBodyBytes(view: DataView): number {
  const count = view.getUint16(14, true);
  if (view.getUint16(6, true) === TYPE_ERROR) {
    if (count > ERROR_TEXT_BYTES_MAX) {
      throw garbage(`error text of ${count} bytes (limit ${ERROR_TEXT_BYTES_MAX})`);
    }
    return count;
  }
  if (count > DETECTIONS_MAX) throw garbage(`${count} detections (limit ${DETECTIONS_MAX})`);
  return count * RECORD_BYTES;
}

function readRecords(view: DataView, count: number, into: WireDetections): void {
  let at = RESPONSE_HEADER_BYTES;
  for (let i = 0; i < count; i += 1) {
    into.classes[i] = view.getUint32(at, true);
    const score = view.getFloat32(at + 4, true);
    if (!Number.isFinite(score)) throw garbage(`score of detection ${i} is not a number`);
    into.scores[i] = score;
    for (let k = 0; k < 4; k += 1) {
      const edge = view.getFloat32(at + 8 + k * 4, true);
      if (!Number.isFinite(edge)) throw garbage(`box of detection ${i} is not four numbers`);
      into.boxes[i * 4 + k] = edge;
    }
    at += RECORD_BYTES;
  }
  into.count = count;
}

function readText(view: DataView, bytes: number): string {
  return new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset + RESPONSE_HEADER_BYTES, bytes),
  );
}

function garbage(what: string): VedetteError {
  return new VedetteError('DETECTOR_PROTOCOL', `detector socket: ${what}; the connection is closed`, {});
}

// The codec of the detector's socket: what goes in comes out, however the stream is cut; garbage is refused by name.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import {
  CAMERAS_MAX,
  createDetections,
  createRequest,
  DETECTIONS_MAX,
  type DetectorRequest,
  type DetectorResponse,
  ERROR_TEXT_BYTES_MAX,
  encodeAnswer,
  encodeError,
  encodeRequest,
  REQUEST_BYTES,
  RESPONSE_BYTES_MAX,
  RequestParser,
  ResponseParser,
  slotOf,
  slotOffset,
  tensorBytes,
  tensorDims,
  WEIGHT_MAX,
  WIRE_VERSION,
  type WireDetections,
} from '../../daemon/detector/wire.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const single = fc.float({ noNaN: true, noDefaultInfinity: true });

const requests = fc
  .record({
    requestId: u32,
    camera: fc.integer({ min: 0, max: CAMERAS_MAX - 1 }),
    weight: fc.integer({ min: 1, max: WEIGHT_MAX }),
    which: fc.constantFrom(0, 1),
    captureMonoMs: finite,
    dims: fc.tuple(u32, u32, u32, u32),
  })
  .map(({ which, ...rest }) => ({ ...rest, slot: slotOf(rest.camera, which) }));

const stamp = fc.record({
  requestId: u32,
  camera: fc.integer({ min: 0, max: 0xffff }),
  runStartMonoMs: finite,
  runEndMonoMs: finite,
});
const records = fc.array(
  fc.record({ class: u32, score: single, box: fc.tuple(single, single, single, single) }),
  { maxLength: DETECTIONS_MAX },
);
const responses = fc.oneof(
  fc.record({ type: fc.constant('answer' as const), stamp, records, message: fc.constant('') }),
  fc.record({
    type: fc.constant('error' as const),
    stamp,
    records: fc.constant([]),
    message: fc.string({ unit: 'grapheme', maxLength: 40 }),
  }),
);

/** The stream cut at random places. */
function chunks(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((place, i) => bytes.subarray(place, places[i] ?? bytes.length));
}

function encoded(request: Omit<DetectorRequest, 'dims'> & { dims: readonly number[] }): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const whole = { ...createRequest(), ...request, dims: Uint32Array.from(request.dims) };
  expect(encodeRequest(new DataView(bytes.buffer), whole)).toBe(REQUEST_BYTES);
  return bytes;
}

function detectionsOf(
  list: readonly { class: number; score: number; box: readonly number[] }[],
): WireDetections {
  const detections = createDetections();
  detections.count = list.length;
  list.forEach((one, i) => {
    detections.classes[i] = one.class;
    detections.scores[i] = one.score;
    detections.boxes.set(one.box, i * 4);
  });
  return detections;
}

function plain(response: DetectorResponse): unknown {
  const { type, requestId, camera, runStartMonoMs, runEndMonoMs, detections, message } = response;
  const found = Array.from({ length: detections.count }, (_, i) => ({
    class: detections.classes[i],
    score: detections.scores[i],
    box: [...detections.boxes.subarray(i * 4, i * 4 + 4)],
  }));
  return { type, stamp: { requestId, camera, runStartMonoMs, runEndMonoMs }, records: found, message };
}

/** A valid request, to be spoilt. */
const GOOD = { requestId: 7, camera: 3, weight: 4, slot: 6, captureMonoMs: 12.5, dims: [1, 320, 320, 3] };

test('requests come out as they went in, wherever the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(requests, { maxLength: 6 }), fc.array(fc.nat()), (list, cuts) => {
      const seen: unknown[] = [];
      const parser = new RequestParser((request) => seen.push({ ...request, dims: [...request.dims] }));
      const stream = Buffer.concat(list.map(encoded));
      for (const chunk of chunks(stream, cuts)) parser.push(chunk);
      expect(seen).toEqual(list);
    }),
  );
});

test('answers and errors come out as they went in, wherever the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(responses, { maxLength: 5 }), fc.array(fc.nat()), (list, cuts) => {
      const stream = Buffer.concat(
        list.map((one) => {
          const bytes = new Uint8Array(RESPONSE_BYTES_MAX);
          const view = new DataView(bytes.buffer);
          const length =
            one.type === 'answer'
              ? encodeAnswer(view, one.stamp, detectionsOf(one.records))
              : encodeError(view, one.stamp, one.message);
          return bytes.subarray(0, length);
        }),
      );
      const seen: unknown[] = [];
      const parser = new ResponseParser((response) => seen.push(plain(response)));
      for (const chunk of chunks(stream, cuts)) parser.push(chunk);
      expect(seen).toEqual(list);
    }),
  );
});

test('a request is 48 bytes, little-endian, as documented', () => {
  const view = new DataView(encoded(GOOD).buffer);
  expect(Buffer.from(view.buffer, 0, 4).toString()).toBe('VDTW');
  expect([view.getUint16(4, true), view.getUint16(6, true), view.getUint32(8, true)]).toEqual([
    WIRE_VERSION,
    1,
    7,
  ]);
  expect([view.getUint16(12, true), view.getUint16(14, true)]).toEqual([3, 4]);
  expect([view.getUint32(16, true), view.getFloat64(24, true)]).toEqual([6, 12.5]);
  expect([32, 36, 40, 44].map((at) => view.getUint32(at, true))).toEqual([1, 320, 320, 3]);
});

test.each([
  ['another magic number', 0, 0x21, /magic number/],
  ['another version', 4, 9, /version 9, this side speaks 2/],
  ['a response instead of a request', 6, 2, /message type 2 where a request/],
  ['a camera beyond the last', 12, 32, /camera index 32 \(limit 31\)/],
  ['no weight', 14, 0, /weight 0 of a request \(limits 1 and 16\)/],
  ['too much weight', 14, 17, /weight 17/],
  ['weight that looks small in its low byte', 15, 1, /weight 260/],
  ['reserved bytes in use', 20, 1, /reserved/],
  ['a capture time that is no number', 31, 0x7f, /capture time/],
  ['the slot of another camera', 16, 9, /slot 9 does not belong to camera index 3/],
])('a request with %s is refused', (_, at, value, message) => {
  const bytes = encoded(GOOD);
  bytes[at] = value;
  if (at === 31) bytes[30] = 0xf8;
  const parser = new RequestParser(() => expect.unreachable());
  expect(() => parser.push(bytes)).toThrow(message);
  expect(() => parser.push(bytes)).toThrow(expect.objectContaining({ code: 'DETECTOR_PROTOCOL' }));
});

test('after garbage even a valid request is refused: the stream has lost its place', () => {
  const parser = new RequestParser(() => expect.unreachable());
  expect(() => parser.push(new Uint8Array(REQUEST_BYTES).fill(0xaa))).toThrow(/magic number/);
  expect(() => parser.push(encoded(GOOD))).toThrow(/magic number/);
});

test('random bytes never get through a parser', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: REQUEST_BYTES, maxLength: 300 }), (bytes) => {
      expect(() => new RequestParser(() => expect.unreachable()).push(bytes)).toThrow(
        expect.objectContaining({ code: 'DETECTOR_PROTOCOL' }),
      );
      expect(() => new ResponseParser(() => expect.unreachable()).push(bytes)).toThrow(
        expect.objectContaining({ code: 'DETECTOR_PROTOCOL' }),
      );
    }),
  );
});

test('a response cannot announce more than its limits', () => {
  const bytes = new Uint8Array(RESPONSE_BYTES_MAX);
  const view = new DataView(bytes.buffer);
  const at = { requestId: 1, camera: 0, runStartMonoMs: 0, runEndMonoMs: 0 };
  encodeAnswer(view, at, createDetections());
  view.setUint16(14, DETECTIONS_MAX + 1, true);
  expect(() => new ResponseParser(() => undefined).push(bytes)).toThrow(/101 detections \(limit 100\)/);
  encodeError(view, at, 'x');
  view.setUint16(14, ERROR_TEXT_BYTES_MAX + 1, true);
  expect(() => new ResponseParser(() => undefined).push(bytes)).toThrow(/513 bytes \(limit 512\)/);
});

test('a box or score that is not a number is refused', () => {
  const at = { requestId: 1, camera: 0, runStartMonoMs: 0, runEndMonoMs: 0 };
  for (const bad of [
    { score: Number.NaN, box: [0, 0, 1, 1] },
    { score: 1, box: [0, 0, 1, Number.NaN] },
  ]) {
    const bytes = new Uint8Array(RESPONSE_BYTES_MAX);
    const length = encodeAnswer(new DataView(bytes.buffer), at, detectionsOf([{ class: 0, ...bad }]));
    const parser = new ResponseParser(() => expect.unreachable());
    expect(() => parser.push(bytes.subarray(0, length))).toThrow(/detection 0 is not/);
  }
});

test('the text of an error is cut at its limit', () => {
  const bytes = new Uint8Array(RESPONSE_BYTES_MAX);
  const at = { requestId: 1, camera: 0, runStartMonoMs: 0, runEndMonoMs: 0 };
  const length = encodeError(new DataView(bytes.buffer), at, 'x'.repeat(5000));
  const seen: string[] = [];
  new ResponseParser((response) => seen.push(response.message)).push(bytes.subarray(0, length));
  expect(seen).toEqual(['x'.repeat(ERROR_TEXT_BYTES_MAX)]);
});

test('slots of different cameras never overlap', () => {
  const slotBytes = 307200;
  const offsets = [0, 1, 2].flatMap((camera) =>
    [0, 1].map((which) => slotOffset(slotOf(camera, which), slotBytes)),
  );
  expect(offsets).toEqual([0, 1, 2, 3, 4, 5].map((slot) => slot * slotBytes));
});

test('the tensor of an input is as large and shaped as its layout and type say', () => {
  const input = { name: 'image', width: 320, height: 192, colour: 'rgb', resize: 'stretch' } as const;
  const rest = { mean: [0, 0, 0], scale: [1, 1, 1] } as const;
  expect(tensorBytes({ ...input, ...rest, type: 'uint8', layout: 'nhwc' })).toBe(184320);
  expect(tensorBytes({ ...input, ...rest, type: 'float32', layout: 'nchw' })).toBe(737280);
  expect(tensorDims({ ...input, ...rest, type: 'uint8', layout: 'nhwc' })).toEqual([1, 192, 320, 3]);
  expect(tensorDims({ ...input, ...rest, type: 'float32', layout: 'nchw' })).toEqual([1, 3, 192, 320]);
});

test('there are slots for as many cameras as a configuration may have', () => {
  const source = { type: 'scene' };
  const cameras = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, { source }]));
  expect(configSchema.safeParse({ cameras: cameras(CAMERAS_MAX) }).success).toBe(true);
  expect(configSchema.safeParse({ cameras: cameras(CAMERAS_MAX + 1) }).error?.issues[0]?.message).toBe(
    'at most 32 cameras',
  );
});

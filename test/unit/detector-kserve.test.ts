// The KServe v2 codec: what is asked, what a server says of its model, what its answers hold, and any nonsense.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../daemon/core/types.ts';
import { remoteRoomMs } from '../../daemon/detector/fallback-session.ts';
import {
  AnswerReader,
  binaryHead,
  jsonRequest,
  misfits,
  modelPath,
  takesBinary,
} from '../../daemon/detector/kserve.ts';
import { isOpenWay, RemoteWatch } from '../../daemon/detector/remote-watch.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { memoryLogger } from '../support/logger.ts';

const MODEL: ModelSpec = {
  name: 'toy',
  task: 'detect',
  file: 'toy.onnx',
  input: {
    name: 'image',
    width: 2,
    height: 1,
    type: 'uint8',
    layout: 'nhwc',
    colour: 'rgb',
    mean: [0, 0, 0],
    scale: [1, 1, 1],
    resize: 'stretch',
  },
  decoder: { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 },
  labels: ['person', 'car'],
  thresholds: {},
  saturationFree: false,
};
const FITTING = {
  inputs: [{ name: 'image', datatype: 'UINT8', shape: [1, 1, 2, 3] }],
  outputs: [
    { name: 'boxes', datatype: 'FP32', shape: [1, -1, 4] },
    { name: 'scores', datatype: 'FP32', shape: [1, 7, 2] },
  ],
};

const SSD_NAMES = { boxes: 'boxes', classes: 'classes', scores: 'scores', count: 'count' };

interface Output {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

function answerOf(boxes: ArrayLike<number>, scores: ArrayLike<number>): { body: Buffer; head: string } {
  return packed([
    { name: 'scores', shape: [1, scores.length / 2, 2], data: Float32Array.from(scores) },
    { name: 'boxes', shape: [1, boxes.length / 4, 4], data: Float32Array.from(boxes) },
  ]);
}

function emptyAnswer(boxes: number): { body: Buffer; head: string } {
  return answerOf(new Float32Array(boxes * 4), new Float32Array(boxes * 2));
}

function packed(tensors: readonly Output[]): { body: Buffer; head: string } {
  const outputs = tensors.map(({ name, shape, data }) => ({
    ...{ name, shape, datatype: 'FP32' },
    parameters: { binary_data_size: data.byteLength },
  }));
  const head = Buffer.from(JSON.stringify({ outputs }));
  const body = Buffer.concat([head, ...tensors.map(({ data }) => Buffer.from(data.buffer))]);
  return { body, head: String(head.length) };
}

describe('a request', () => {
  test('names input, type, shape and length, and wants the outputs of the manifest', () => {
    expect(JSON.parse(Buffer.from(binaryHead(MODEL)).toString())).toEqual({
      inputs: [
        { name: 'image', datatype: 'UINT8', shape: [1, 1, 2, 3], parameters: { binary_data_size: 6 } },
      ],
      outputs: ['boxes', 'scores'].map((name) => ({ name, parameters: { binary_data: true } })),
    });
    const whole = JSON.parse(Buffer.from(jsonRequest(MODEL, Uint8Array.of(1, 2, 3, 4, 5, 255))).toString());
    expect(whole.inputs[0]).toMatchObject({ datatype: 'UINT8', data: [1, 2, 3, 4, 5, 255] });
  });

  test('goes to the model below the path of the url', () => {
    expect(modelPath(new URL('http://a:1'), { model: 'm' })).toBe('/v2/models/m');
    expect(modelPath(new URL('http://a:1/x/'), { model: 'a/b', version: '2' })).toBe(
      '/x/v2/models/a%2Fb/versions/2',
    );
  });
});

test('what a server says of its model is held against the manifest', () => {
  expect(misfits(MODEL, FITTING)).toEqual([]);
  expect(misfits(MODEL, { ...FITTING, inputs: [] })).toEqual([
    "input 'image' of our manifest is not there (the server has none)",
  ]);
  expect(misfits(MODEL, { ...FITTING, outputs: FITTING.outputs.slice(0, 1) })).toEqual([
    "output 'scores' of our manifest is not there (the server has 'boxes')",
  ]);
  expect(takesBinary({ extensions: ['statistics', 'binary_tensor_data'] })).toBe(true);
  expect(takesBinary({})).toBe(false);
  fc.assert(fc.property(fc.jsonValue(), (said) => misfits(MODEL, said).length > 0));
});

describe('an answer', () => {
  const { body, head } = answerOf([0.125, 0.25, 0.5, 0.75], [0.5, 0.25]);

  test('is read by the names of its outputs, in whatever order they come', () => {
    const outputs = new AnswerReader(MODEL, 1).read(body, head);
    expect([...outputs['boxes']!]).toEqual([0.125, 0.25, 0.5, 0.75]);
    expect([...outputs['scores']!]).toEqual([0.5, 0.25]);
  });

  test('whose outputs are of different lengths is refused', () => {
    const two = answerOf([0, 0, 1, 1, 0, 0, 1, 1], [0.5, 0.25]);
    expect(() => new AnswerReader(MODEL, 2).read(two.body, two.head)).toThrow(
      "sent output 'boxes' in shape [1,2,4], not [1,1,4]",
    );
  });

  test('with more boxes than the local model gives is refused, in binary and in JSON', () => {
    const refused = 'sent 20001 boxes, the local model has 2160 (limit 20000)';
    const reader = new AnswerReader(MODEL, 2160);
    const many = emptyAnswer(20_001);
    expect(() => reader.read(many.body, many.head)).toThrow(refused);
    const json = { outputs: [{ name: 'boxes', datatype: 'FP32', shape: [1, 20_001, 4], data: [] }] };
    expect(() => reader.read(Buffer.from(JSON.stringify(json)), undefined)).toThrow(refused);
  });

  test.each([
    ['as many boxes as a large local model gives', 30_000, 30_000],
    ['none', 2160, 0],
    ['fewer than the local model gives', 2160, 3],
    ['some where the local model found none in an empty picture', 0, 300],
    ['those of a finer grid than that of the local model', 2160, 3024],
  ])('with %s is read', (_, localBoxes, boxes) => {
    const { body: fitting, head: length } = emptyAnswer(boxes);
    const outputs = new AnswerReader(MODEL, localBoxes).read(fitting, length);
    expect(outputs['scores']).toHaveLength(boxes * 2);
  });

  test('of a model with one score a box has its limit in boxes, however many labels there are', () => {
    const decoder = { type: 'tf-ssd', ...SSD_NAMES, classOffset: 0 } as const;
    const ssd: ModelSpec = { ...MODEL, decoder, labels: Array.from({ length: 90 }, (_, i) => `label ${i}`) };
    const reader = new AnswerReader(ssd, 10);
    const found = [
      { name: 'boxes', shape: [1, 500, 4], data: new Float32Array(2000) },
      { name: 'classes', shape: [1, 500], data: new Float32Array(500) },
      { name: 'scores', shape: [1, 500], data: new Float32Array(500) },
      { name: 'count', shape: [1], data: Float32Array.of(500) },
    ];
    const { body: fitting, head: length } = packed(found);
    expect(reader.read(fitting, length)['scores']).toHaveLength(500);
    const many = packed([{ name: 'scores', shape: [1, 40_001], data: new Float32Array(40_001) }]);
    expect(() => reader.read(many.body, many.head)).toThrow(
      'sent 40001 boxes, the local model has 10 (limit 40000)',
    );
  });

  test('with any bytes in it is read or refused, and never breaks anything else', () => {
    const reader = new AnswerReader(MODEL, 1);
    const spoilt = fc.record({ at: fc.nat(body.length - 1), bytes: fc.uint8Array({ maxLength: 12 }) });
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ bytes, length: undefined })),
      fc.json().map((text) => ({ bytes: Buffer.from(text), length: undefined })),
      fc.tuple(spoilt, fc.option(fc.string(), { nil: head })).map(([{ at, bytes }, length]) => {
        const copy = Buffer.from(body);
        copy.set(bytes.subarray(0, copy.length - at), at);
        return { bytes: copy, length };
      }),
    );
    fc.assert(
      fc.property(anything, ({ bytes, length }) => {
        try {
          for (const data of Object.values(reader.read(bytes, length))) {
            if (!data.every(Number.isFinite)) return false;
          }
          return true;
        } catch (error) {
          return error instanceof VedetteError && error.code === 'DETECTOR_REMOTE';
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('the server is waited for as long as the local model could still answer all that wait', () => {
  const options = { local: { warmupMs: 100 }, deadlineMs: 5000, nowMonoMs: 10_000 };
  expect(remoteRoomMs({ oldestMonoMs: 10_000, waiting: 1 }, options)).toBe(4375);
  expect(remoteRoomMs({ oldestMonoMs: 9000, waiting: 4 }, options)).toBe(3000);
  expect(remoteRoomMs({ oldestMonoMs: 10_000, waiting: 64 }, options)).toBeLessThan(0);
});

describe('what is told of a server', () => {
  const base = { type: 'remote', remoteMs: 5, fallbacks: 0 } as const;

  test('is one line a change, not one a reason', () => {
    const { logger, records } = memoryLogger();
    const watch = new RemoteWatch(logger);
    watch.begin({ url: 'http://localhost:1' });
    for (const reason of ['refuses the connection', 'gave no answer within 10 ms']) {
      watch.take({ ...base, state: 'local', reason });
    }
    watch.take({ ...base, state: 'remote' });
    watch.take({ ...base, state: 'remote', remoteMs: 6 });
    expect(records.map(({ msg }) => msg)).toEqual([
      'detector: http://localhost:1 refuses the connection; the local model answers, trying the server again',
      'detector: http://localhost:1 is asked first (5 ms an inference)',
    ]);
    expect(watch.health()).toEqual({ state: 'remote', remoteMs: 6, fallbacks: 0 });
  });

  test('is told once where pictures would go unencrypted', () => {
    const { logger, records } = memoryLogger();
    const watch = new RemoteWatch(logger);
    for (let i = 0; i < 2; i += 1) watch.begin({ url: 'http://nas.lan:8000' });
    watch.begin({ url: 'https://nas.lan:8000' });
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ code: 'DETECTOR_REMOTE_OPEN' });
    expect(['http://[::1]:1', 'http://127.0.0.2', 'http://localhost'].filter(isOpenWay)).toEqual([]);
    expect(isOpenWay('http://127.evil.example')).toBe(true);
  });
});

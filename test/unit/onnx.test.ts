// ONNX files taken apart and put together again: what goes in comes out, whatever the numbers; damage is named, never obeyed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inTopologicalOrder, makeNode, removeDead } from '../../daemon/models/graph.ts';
import { decodeModel, emptyGraph, type Graph, type OnnxModel } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { Reader, Writer } from '../../daemon/models/protobuf.ts';
import {
  halfToNumber,
  makeTensor,
  type ReadableType,
  tensorNumbers,
  tensorValues,
} from '../../daemon/models/tensor.ts';
import { errorOf } from '../support/errors.ts';

function graphOf(nodes: Graph['nodes'], outputs: readonly string[]): Graph {
  return {
    ...emptyGraph(),
    name: 'g',
    nodes,
    inputs: [{ name: 'x', type: 'float32', dims: [1, 'n', undefined] }],
    outputs: outputs.map((name) => ({ name, type: 'float32', dims: undefined })),
  };
}

function modelOf(graph: Graph): OnnxModel {
  return {
    irVersion: 8,
    opsets: new Map([
      ['', 13],
      ['com.microsoft', 1],
    ]),
    producer: 'test',
    producerVersion: '1',
    graph,
    metadata: new Map([['key', 'value']]),
    rest: [],
  };
}

test('every int64 that a number holds is read as it was written; larger ones saturate and are written as the largest', () => {
  const round = (value: number): number => {
    const writer = new Writer();
    writer.int(3, value);
    const reader = new Reader(writer.finish());
    reader.next();
    return reader.int();
  };
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(round(value)).toBe(value);
    }),
  );
  const writer = new Writer();
  writer.int(1, Number.MAX_SAFE_INTEGER);
  // Tag, then 2^63 - 1: eight bytes of all ones and one of seven.
  expect([...writer.finish()]).toEqual([8, 255, 255, 255, 255, 255, 255, 255, 255, 127]);
  for (const value of [0, 1, -1, 127, 128, -128, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 2 ** 52]) {
    expect(round(value)).toBe(value);
  }
});

test('unsigned constants in the field of their type are read', () => {
  const read = (type: number, numbers: readonly number[]): number[] => {
    const model = new Writer();
    model.message(7, (graph) => {
      graph.message(5, (tensor) => {
        tensor.int(1, numbers.length);
        tensor.int(2, type);
        tensor.text(8, 'u');
        for (const number of numbers) tensor.int(11, number);
      });
    });
    model.message(8, (opset) => opset.int(2, 13));
    return tensorNumbers(decodeModel(model.finish()).graph.initializers.get('u')!);
  };
  expect(read(12, [7, 0, 2 ** 32 - 1])).toEqual([7, 0, 2 ** 32 - 1]);
  expect(read(13, [7, 0, 2 ** 40])).toEqual([7, 0, 2 ** 40]);
});

test('constants of every type come back with their values', () => {
  const values: [ReadableType, number[]][] = [
    ['float32', [1.5, -2, 0]],
    ['float64', [1e300, -2, 0]],
    ['uint8', [0, 128, 255]],
    ['int8', [-128, 0, 127]],
    ['int32', [-(2 ** 31), 0, 2 ** 31 - 1]],
    ['int64', [-5, 0, 2 ** 40]],
    ['bool', [1, 0, 1]],
    ['uint16', [0, 1, 65535]],
  ];
  const graph = graphOf([makeNode('Relu', ['x'], ['y'])], ['y']);
  for (const [type, numbers] of values) graph.initializers.set(type, makeTensor(type, type, [3], numbers));
  const again = decodeModel(encodeModel(modelOf(graph)));
  for (const [type, numbers] of values) {
    expect(tensorNumbers(again.graph.initializers.get(type)!)).toEqual(numbers);
  }
});

test('half floats: zero, the smallest, one, the largest, infinity', () => {
  expect([0, 1, 0x3c00, 0xbc00, 0x7bff, 0x7c00].map(halfToNumber)).toEqual([
    0,
    2 ** -24,
    1,
    -1,
    65504,
    Number.POSITIVE_INFINITY,
  ]);
  expect(halfToNumber(0x7e00)).toBeNaN();
});

test('nodes, attributes, shapes and what nothing looks at come back as they were', () => {
  const inner = graphOf([makeNode('Neg', ['outer'], ['n'])], ['n']);
  const node = makeNode(
    'If',
    ['x', '', 'c'],
    ['y'],
    {
      alpha: { kind: 'float', value: 0.5 },
      axis: { kind: 'int', value: -1 },
      mode: { kind: 'string', value: 'linear' },
      pads: { kind: 'ints', value: [0, -1, Number.MAX_SAFE_INTEGER] },
      scales: { kind: 'floats', value: [1, 2.5] },
      names: { kind: 'strings', value: ['a', ''] },
      nothing: { kind: 'ints', value: [] },
      value: { kind: 'tensor', value: makeTensor('t', 'int64', [2], [1, 2]) },
      then_branch: { kind: 'graph', value: inner },
    },
    { name: 'n1', domain: 'com.microsoft' },
  );
  const graph = graphOf([node], ['y']);
  const unknown = new Writer();
  unknown.text(200, 'of a later version');
  graph.rest.push(unknown.finish());
  const model = modelOf(graph);
  const bytes = encodeModel(model);
  const again = decodeModel(bytes);
  expect(again.graph.nodes[0]).toEqual(node);
  expect(again.graph.inputs).toEqual(graph.inputs);
  expect(again.opsets).toEqual(model.opsets);
  expect(again.metadata).toEqual(model.metadata);
  expect([...encodeModel(again)]).toEqual([...bytes]);
});

test('constants with values in typed fields, packed or not, are the same as raw ones', () => {
  const writer = new Writer();
  writer.int(1, 8);
  writer.message(7, (graph) => {
    graph.message(5, (tensor) => {
      tensor.int(1, 2);
      tensor.int(2, 1);
      tensor.float(4, 1.5);
      tensor.float(4, -1);
      tensor.text(8, 'floats');
    });
    graph.message(5, (tensor) => {
      tensor.bytes(1, Uint8Array.of(3));
      tensor.int(2, 3);
      // -1, 2, 3 as packed varints.
      tensor.bytes(5, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3));
      tensor.text(8, 'bytes');
    });
  });
  writer.message(8, (opset) => opset.int(2, 13));
  const { initializers } = decodeModel(writer.finish()).graph;
  expect(tensorNumbers(initializers.get('floats')!)).toEqual([1.5, -1]);
  expect(tensorNumbers(initializers.get('bytes')!)).toEqual([-1, 2, 3]);
});

test('damage is told with its place: cut short, no graph, a constant with too few bytes, one in another file', async () => {
  const graph = graphOf([makeNode('Relu', ['x'], ['y'])], ['y']);
  graph.initializers.set('w', makeTensor('w', 'float32', [2], [1, 2]));
  const bytes = encodeModel(modelOf(graph));
  const messageOf = async (broken: Uint8Array): Promise<string> =>
    (await errorOf(() => decodeModel(broken), 'MODEL_UNSUPPORTED')).message;
  expect(await messageOf(bytes.subarray(0, 60))).toMatch(
    /damaged one: at byte \d+: field 7 has \d+ bytes, \d+ are left/,
  );
  expect(await messageOf(new Uint8Array())).toBe('no ONNX model: it has no graph');
  graph.initializers.get('w')!.dims = [2, 2 ** 40];
  expect(await messageOf(encodeModel(modelOf(graph)))).toBe(
    "constant 'w' has 8 bytes, float32 [2,1099511627776] needs 8796093022208",
  );
  const elsewhere = new Writer();
  elsewhere.int(14, 1);
  graph.initializers.get('w')!.rest.push(elsewhere.finish());
  expect(await messageOf(encodeModel(modelOf(graph)))).toMatch(/lies in another file/);
});

test('any bytes are either a model or one clear error', () => {
  const bytes = encodeModel(modelOf(graphOf([makeNode('Relu', ['x'], ['y'])], ['y'])));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 5 }), (changes) => {
      const broken = bytes.slice();
      for (const [at, value] of changes) broken[at] = value;
      try {
        encodeModel(decodeModel(broken));
      } catch (error) {
        expect(error).toMatchObject({ name: 'VedetteError', code: 'MODEL_UNSUPPORTED' });
      }
    }),
    { numRuns: 2000 },
  );
});

test('nodes are put in order; a circle, a value made twice and one that nobody makes are named', async () => {
  const [a, b] = [makeNode('Relu', ['x'], ['a']), makeNode('Relu', ['a'], ['b'])];
  expect(inTopologicalOrder(graphOf([b, a], ['b']))).toEqual([a, b]);
  const messageOf = async (nodes: Graph['nodes']): Promise<string> =>
    (await errorOf(() => inTopologicalOrder(graphOf(nodes, ['b'])), 'MODEL_UNSUPPORTED')).message;
  expect(await messageOf([makeNode('Relu', ['b'], ['a']), b])).toBe("the graph goes in a circle at Relu 'a'");
  expect(await messageOf([a, a])).toBe("value 'a' of the graph is made twice");
  expect(await messageOf([b])).toBe("Relu 'b' uses value 'a', which nothing makes");
});

test('what no output needs is removed, what an inner graph needs is not', () => {
  const inner = graphOf([makeNode('Neg', ['a'], ['n'])], ['n']);
  const branch = makeNode('If', ['c'], ['y'], { then_branch: { kind: 'graph', value: inner } });
  const graph = graphOf([makeNode('Relu', ['x'], ['a']), makeNode('Relu', ['x'], ['dead']), branch], ['y']);
  graph.initializers.set('c', makeTensor('c', 'bool', [], [1]));
  graph.initializers.set('unused', makeTensor('unused', 'bool', [], [1]));
  expect(removeDead(graph)).toBe(1);
  expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['a', 'y']);
  expect([...graph.initializers.keys()]).toEqual(['c']);
});

test('constants of a model read into a Buffer can be looked at wherever they lie', () => {
  const memory = Buffer.alloc(4 * 4 + 3);
  for (let at = 0; at < 4; at += 1) {
    memory.writeFloatLE(1.5, at);
    const raw = memory.subarray(at, at + 4);
    expect([...tensorValues({ name: 'c', type: 'float32', dims: [1], raw, rest: [] })]).toEqual([1.5]);
  }
});

// HardSigmoid and HardSwish lowered: what their values range over, and which part of their input matters.
import { expect, test } from 'vitest';
import { lowerActivations } from '../../daemon/models/qdq-lower.ts';
import type { Range } from '../../daemon/models/qdq-params.ts';
import { GraphBuilder, opsOf } from '../support/graphs.ts';

const WIDE = { min: -9, max: 8 };

function lowered(build: GraphBuilder, ...wide: readonly string[]): Map<string, Range> {
  const ranges = new Map(wide.map((value) => [value, WIDE]));
  const { graph } = build.model;
  lowerActivations(graph, ranges, [...graph.nodes]);
  return ranges;
}

test('HardSwish is an addition that saturates and a product; what lies below -3 gives zero, so it needs no numbers', () => {
  const build = new GraphBuilder();
  const value = build.input([1]);
  const output = build.node('HardSwish', [value]);
  build.output(output);
  const ranges = lowered(build, value);
  expect(opsOf(build.model)).toEqual(['Add', 'Clip', 'Mul', 'Mul']);
  expect(ranges.get(value)).toEqual({ min: -3, max: 8 });
  const [add, clip, gate, product] = build.model.graph.nodes;
  for (const { outputs } of [add!, clip!]) expect(ranges.get(outputs[0]!)).toEqual({ min: 0, max: 6 });
  expect(ranges.get(gate!.outputs[0]!)).toEqual({ min: 0, max: 1 });
  expect(product!.outputs).toEqual([output]);
});

test('a gate by itself needs its input between its corners only', () => {
  const build = new GraphBuilder();
  const value = build.input([1]);
  build.output(build.node('HardSigmoid', [value], { alpha: { float: 0.25 } }));
  expect(lowered(build, value).get(value)).toEqual({ min: -2, max: 2 });
});

test('an input that others use too, or that is an output, keeps its range', () => {
  const build = new GraphBuilder();
  const value = build.input([1]);
  build.output(build.node('HardSwish', [value]), build.node('Relu', [value]));
  expect(lowered(build, value).get(value)).toEqual(WIDE);
  const shown = new GraphBuilder();
  const seen = shown.node('Relu', [shown.input([1])]);
  shown.output(shown.node('HardSwish', [seen]), seen);
  expect(lowered(shown, seen).get(seen)).toEqual(WIDE);
});

test('without a range of its input the gate stays as it is, with the numbers of HardSwish', () => {
  const build = new GraphBuilder();
  build.output(build.node('HardSwish', [build.input([1])]));
  lowered(build);
  const [gate, product] = build.model.graph.nodes;
  expect([gate!.opType, product!.opType]).toEqual(['HardSigmoid', 'Mul']);
  expect(gate!.attributes.get('alpha')).toEqual({ kind: 'float', value: 1 / 6 });
});

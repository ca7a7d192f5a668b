// Convolutions counted in an optimized graph: by the names that ONNX Runtime gives its kernels.
import { expect, test } from 'vitest';
import { makeNode } from '../../daemon/models/graph.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import { emptyGraph, type Graph, type Node } from '../../daemon/models/onnx.ts';

function graphOf(nodes: Node[]): Graph {
  return { ...emptyGraph(), nodes };
}

test('integer and float kernels of every domain are told apart, and those in inner graphs count too', () => {
  const inner = graphOf([makeNode('Conv', ['x', 'w'], ['deep'])]);
  const graph = graphOf([
    makeNode('QLinearConv', ['x'], ['a']),
    makeNode('QLinearConv', ['a'], ['b'], {}, { domain: 'com.microsoft' }),
    makeNode('ConvInteger', ['b'], ['c']),
    makeNode('FusedConv', ['c'], ['d'], {}, { name: 'fused', domain: 'com.microsoft' }),
    makeNode('Conv', ['d'], ['e'], {}, { name: '', domain: 'com.microsoft.nchwc' }),
    makeNode('QLinearAdd', ['e'], ['f'], {}, { domain: 'com.microsoft' }),
    makeNode('If', ['f'], ['g'], { then_branch: { kind: 'graph', value: inner } }),
  ]);
  expect(countConvolutions({ graph })).toEqual({ integer: 3, float: 3, floatNames: ['fused', 'e', 'deep'] });
});

// Activations that integer kernels do not have, written with those that they have: HardSigmoid and HardSwish as an addition that
// saturates and a product. Measured on x64 (ONNX Runtime 1.30, one thread, eight activations of 96x56x56 between convolutions): so
// 2.2 ms, as float between DequantizeLinear and QuantizeLinear 2.8 ms, without any 1.5 ms. Also subtraction and division by
// constants as addition and multiplication. Pure.
import { floatOf, freshName, GraphIndex, makeNode, namesOf } from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import type { Range } from './qdq-params.ts';
import { makeTensor, tensorValues } from './tensor.ts';

/** Changes `graph` and the ranges that its new values have. `nodes` are those that are to become integer ones. */
export function lowerActivations(graph: Graph, ranges: Map<string, Range>, nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.domain !== '') continue;
    if (node.opType === 'Sub' || node.opType === 'Div') lowerArithmetic(node, graph);
    else if (node.opType === 'HardSigmoid') {
      lowerHardSigmoid(node, graph, ranges, floatOf(node, 'alpha', 0.2), floatOf(node, 'beta', 0.5));
    } else if (node.opType === 'HardSwish') lowerHardSwish(node, graph, ranges);
  }
}

function lowerArithmetic(node: Node, graph: Graph): void {
  const tensor = graph.initializers.get(node.inputs[1]!);
  if (tensor?.type !== 'float32') return;
  const isSub = node.opType === 'Sub';
  const name = freshName(namesOf(graph), `${tensor.name}_${isSub ? 'negated' : 'inverse'}`);
  const values = tensorValues(tensor, 'float32').map((value) => (isSub ? -value : 1 / value));
  graph.initializers.set(name, makeTensor(name, 'float32', tensor.dims, values));
  node.opType = isSub ? 'Add' : 'Mul';
  node.inputs = [node.inputs[0]!, name];
}

/** clip(alpha * x + beta, 0, 1) as alpha * clip(x + beta / alpha, 0, 1 / alpha). */
function lowerHardSigmoid(
  node: Node,
  graph: Graph,
  ranges: Map<string, Range>,
  alpha: number,
  beta: number,
): void {
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  if (alpha <= 0 || !ranges.has(input)) return;
  const taken = namesOf(graph);
  const constant = (suffix: string, value: number): string => {
    const name = freshName(taken, `${output}_${suffix}`);
    graph.initializers.set(name, makeTensor(name, 'float32', [], [value]));
    return name;
  };
  const [shift, zero, top] = [
    constant('shift', beta / alpha),
    constant('zero', 0),
    constant('top', 1 / alpha),
  ];
  const slope = constant('slope', alpha);
  const [shifted, clipped] = [freshName(taken, `${output}_shifted`), freshName(taken, `${output}_clipped`)];
  graph.nodes.splice(
    graph.nodes.indexOf(node),
    1,
    makeNode('Add', [input, shift], [shifted], {}, { name: `${node.name}_add` }),
    makeNode('Clip', [shifted, zero, top], [clipped], {}, { name: `${node.name}_clip` }),
    makeNode('Mul', [clipped, slope], [output], {}, { name: `${node.name}_scale` }),
  );
  ranges.set(shifted, { min: 0, max: 1 / alpha });
  ranges.set(clipped, { min: 0, max: 1 / alpha });
  ranges.set(output, { min: 0, max: 1 });
  // What lies beyond the bounds of the gate has no effect of its own when only the gate, or the gate times it, is wanted.
  const users = new GraphIndex(graph).consumers(input);
  const isGated = (user: Node) =>
    user.opType === 'Mul' && user.inputs.includes(output) && user.inputs.includes(input);
  const others = users.filter(({ outputs }) => outputs[0] !== shifted);
  if (!others.every(isGated) || graph.outputs.some(({ name }) => name === input)) return;
  const { min, max } = ranges.get(input)!;
  const low = Math.min(0, -beta / alpha);
  const high = others.length === 0 ? Math.max(0, (1 - beta) / alpha) : Number.POSITIVE_INFINITY;
  ranges.set(input, { min: Math.max(min, low), max: Math.min(max, high) });
}

/** x * clip(x / 6 + 1 / 2, 0, 1). */
function lowerHardSwish(node: Node, graph: Graph, ranges: Map<string, Range>): void {
  const [input, output] = [node.inputs[0]!, node.outputs[0]!];
  const gate = freshName(namesOf(graph), `${output}_gate`);
  const gateNode = makeNode('HardSigmoid', [input], [gate], {}, { name: `${node.name}_gate` });
  node.opType = 'Mul';
  node.attributes.clear();
  node.inputs = [input, gate];
  graph.nodes.splice(graph.nodes.indexOf(node), 0, gateNode);
  lowerHardSigmoid(gateNode, graph, ranges, 1 / 6, 0.5);
  if (graph.nodes.includes(gateNode)) {
    gateNode.attributes.set('alpha', { kind: 'float', value: 1 / 6 });
    gateNode.attributes.set('beta', { kind: 'float', value: 0.5 });
  }
}

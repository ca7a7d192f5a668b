// What lies before an output: back over nodes that only move numbers, to the nodes that last computed something. A head whose boxes come
// straight from convolutions is still to be decoded, one behind a Sigmoid has its probabilities. Pure.
import { constantOf, type GraphIndex } from './graph.ts';
import type { Graph, Node } from './onnx.ts';

/** Where an output's numbers were computed. */
export interface Boundary {
  readonly value: string;
  readonly node: Node;
}

/** Operators that move, copy or requantize and compute nothing. */
const MOVES: ReadonlySet<string> = new Set([
  ...['Reshape', 'Transpose', 'Concat', 'Squeeze', 'Unsqueeze', 'Identity', 'Flatten', 'Cast', 'Slice'],
  ...['Split', 'Gather', 'QuantizeLinear', 'DequantizeLinear', 'Dropout', 'Expand'],
]);
/** Operators whose first input alone carries the numbers. */
const ALL_INPUTS: ReadonlySet<string> = new Set(['Concat']);
const BOUNDARIES_MAX = 64;

/** In the order of the numbers, as far as Concat keeps it. */
export function tailOf(graph: Graph, index: GraphIndex, output: string): Boundary[] {
  const boundaries: Boundary[] = [];
  const seen = new Set<string>();
  const visit = (value: string): void => {
    if (seen.has(value) || boundaries.length >= BOUNDARIES_MAX) return;
    seen.add(value);
    const node = index.producer(value);
    if (node === undefined) return;
    if (!MOVES.has(node.opType)) {
      boundaries.push({ value, node });
      return;
    }
    const inputs = ALL_INPUTS.has(node.opType) ? node.inputs : node.inputs.slice(0, 1);
    for (const input of inputs) if (constantOf(graph, index, input) === undefined) visit(input);
  };
  visit(output);
  return boundaries;
}

/** The kinds of operators at the end, each once: `Sigmoid, Mul`. */
export function lastOperators(tail: readonly Boundary[]): string {
  return [...new Set(tail.map(({ node }) => node.opType))].join(', ');
}

/** Whether a node is a convolution or a dense layer, its bias added or not: its numbers have any size. */
export function isLinear(graph: Graph, index: GraphIndex, node: Node): boolean {
  if (/^(?:QLinear)?(?:Conv|MatMul|Gemm)(?:Integer)?$|^QGemm$|^Fused(?:Conv|Gemm|MatMul)$/.test(node.opType))
    return true;
  if (node.opType === 'BatchNormalization') return isMadeByLinear(graph, index, node.inputs[0]!);
  if (node.opType !== 'Add') return false;
  const isConstant = (value: string): boolean => constantOf(graph, index, value) !== undefined;
  const [a = '', b = ''] = node.inputs;
  if (isConstant(b)) return isMadeByLinear(graph, index, a);
  return isConstant(a) && isMadeByLinear(graph, index, b);
}

function isMadeByLinear(graph: Graph, index: GraphIndex, value: string): boolean {
  const tail = tailOf(graph, index, value);
  return tail.length > 0 && tail.every(({ node }) => isLinear(graph, index, node));
}

/** What was done last to make probabilities: 'none' where nothing was. */
export function activationOf(tail: readonly Boundary[]): 'softmax' | 'sigmoid' | 'none' {
  if (tail.length === 0) return 'none';
  if (tail.every(({ node }) => node.opType === 'Sigmoid' || node.opType === 'QLinearSigmoid'))
    return 'sigmoid';
  if (tail.every(({ node }) => /^(?:QLinear)?Softmax$/.test(node.opType))) return 'softmax';
  return isSpelledSoftmax(tail) ? 'softmax' : 'none';
}

/** exp(x) / Σ exp(x), as old exports of Keras spell it: the last of it divides. */
function isSpelledSoftmax(tail: readonly Boundary[]): boolean {
  return tail.length === 1 && tail[0]!.node.opType === 'Div';
}

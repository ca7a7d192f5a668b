// What a graph must not have to be imported, found before anything is run. What ONNX Runtime itself cannot run it says in the
// trial. Pure.
import { VedetteError } from '../platform/errors.ts';
import { describe, inTopologicalOrder } from './graph.ts';
import { OPSET_MIN } from './graph-writer.ts';
import type { Node, OnnxModel } from './onnx.ts';

/** ONNX's own, and those that come with ONNX Runtime's CPU provider. */
const DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx.ml', 'com.microsoft', 'com.microsoft.nchwc']);
/** Operators whose inner graphs run never, once or many times. */
const CONTROL: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);
const HEAVY = /^(?:QLinear|Fused|Quant)?(?:Conv|MatMul|Gemm)/;
/** Of different names of one kind, in a message. */
const NAMED_MAX = 5;

/** Throws MODEL_UNSUPPORTED with every reason. */
export function checkImportable(model: OnnxModel): void {
  const problems: string[] = [];
  const { graph, opsets } = model;
  const opset = opsets.get('') ?? 0;
  if (opset < OPSET_MIN)
    problems.push(`operator set ${opset} (at least ${OPSET_MIN}): export it anew with a newer one`);
  const everything = [...nodesOf(graph.nodes)];
  const foreign = everything.filter(({ domain }) => !DOMAINS.has(domain));
  if (foreign.length > 0) {
    problems.push(
      `operators that ONNX Runtime does not have: ${named(foreign.map(({ domain, opType }) => `${domain}.${opType}`))}`,
    );
  }
  const controlled = everything.filter(
    ({ opType, attributes }) => CONTROL.has(opType) && hasHeavy(attributes),
  );
  if (controlled.length > 0) {
    problems.push(
      `layers within control flow: ${named(controlled.map(describe))}; export it with fixed sizes`,
    );
  }
  if (graph.outputs.length === 0) problems.push('no outputs');
  if (!everything.some(({ opType }) => HEAVY.test(opType)))
    problems.push('no convolution and no dense layer: it is no network');
  if (problems.length > 0)
    throw new VedetteError('MODEL_UNSUPPORTED', `the graph has ${problems.join('; ')}`, { problems });
  inTopologicalOrder(graph);
}

function* nodesOf(nodes: readonly Node[]): Iterable<Node> {
  for (const node of nodes) {
    yield node;
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'graph') yield* nodesOf(attribute.value.nodes);
  }
}

function hasHeavy(attributes: Node['attributes']): boolean {
  return [...attributes.values()].some(
    (attribute) =>
      attribute.kind === 'graph' &&
      [...nodesOf(attribute.value.nodes)].some(({ opType }) => HEAVY.test(opType)),
  );
}

function named(all: readonly string[]): string {
  const different = [...new Set(all)];
  return `${different.slice(0, NAMED_MAX).join(', ')}${different.length > NAMED_MAX ? ', …' : ''}`;
}

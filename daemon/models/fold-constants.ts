// What the graph knows before it runs: Constant nodes become constants, changes of form of constants are made once, nodes that pass
// their input on are left out, every node gets a name of its own. Numbers stay as they are. Pure.
import {
  constantOf,
  freshName,
  GraphIndex,
  intOf,
  intsOf,
  makeNode,
  removeDead,
  replaceUses,
} from './graph.ts';
import type { Attribute, Graph, Node } from './onnx.ts';
import { isReadable, makeTensor, sizeOf, type Tensor, tensorNumbers, tensorValues } from './tensor.ts';

/** Gives every node a name that no other has. */
export function nameNodes(graph: Graph): void {
  const taken = new Set<string>();
  for (const node of graph.nodes) {
    const wanted = node.name === '' ? `${node.opType}_${node.outputs[0] ?? ''}` : node.name;
    node.name = freshName(taken, wanted);
  }
}

/** Constant nodes and chains of Reshape, Transpose, Squeeze, Unsqueeze, Cast and Identity of constants become constants. */
export function foldConstants(graph: Graph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.nodes) {
    if (node.domain !== '' || node.outputs.length !== 1) continue;
    const output = node.outputs[0]!;
    const tensor = node.opType === 'Constant' ? valueOfConstant(node) : changed(node, graph, index);
    if (tensor !== undefined) graph.initializers.set(output, { ...tensor, name: output });
  }
  graph.nodes = graph.nodes.filter(({ outputs }) => !outputs.some((name) => graph.initializers.has(name)));
  // A graph's output must be made by a node.
  for (const { name } of graph.outputs) {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined) continue;
    graph.initializers.delete(name);
    const source = freshName(new Set(graph.initializers.keys()), `${name}_value`);
    replaceUses(graph, name, source);
    graph.initializers.set(source, { ...tensor, name: source });
    graph.nodes.push(makeNode('Identity', [source], [name]));
  }
}

function valueOfConstant({ attributes }: Node): Tensor | undefined {
  const [name, attribute] = [...attributes][0] ?? ['', undefined];
  if (attribute === undefined) return undefined;
  return attribute.kind === 'tensor' && name === 'value' ? attribute.value : tensorOfNumbers(attribute);
}

function tensorOfNumbers(attribute: Attribute): Tensor | undefined {
  const { kind } = attribute;
  if (kind === 'float') return makeTensor('', 'float32', [], [attribute.value]);
  if (kind === 'int') return makeTensor('', 'int64', [], [attribute.value]);
  if (kind === 'floats') return makeTensor('', 'float32', [attribute.value.length], attribute.value);
  if (kind === 'ints') return makeTensor('', 'int64', [attribute.value.length], attribute.value);
  return undefined;
}

/** What a node makes of a constant; undefined when its input is none or the node is another. */
function changed(node: Node, graph: Graph, index: GraphIndex): Tensor | undefined {
  const tensor = constantOf(graph, index, node.inputs[0] ?? '');
  if (tensor === undefined || !isReadable(tensor.type)) return undefined;
  const list = (position: number, attribute: string): number[] | undefined => {
    const given = constantOf(graph, index, node.inputs[position] ?? '');
    return given === undefined ? intsOf(node, attribute) : tensorNumbers(given);
  };
  switch (node.opType) {
    case 'Identity':
      return tensor;
    case 'Cast':
      return intOf(node, 'to', 0) === 1
        ? makeTensor('', 'float32', tensor.dims, tensorNumbers(tensor))
        : undefined;
    case 'Transpose':
      return turnedTensor(tensor, intsOf(node, 'perm'));
    case 'Reshape':
      return reshaped(tensor, list(1, 'shape'), intOf(node, 'allowzero', 0) === 1);
    case 'Squeeze':
      return squeezed(tensor, list(1, 'axes'));
    case 'Unsqueeze':
      return unsqueezed(tensor, list(1, 'axes'));
    default:
      return undefined;
  }
}

function reshaped(
  tensor: Tensor,
  shape: readonly number[] | undefined,
  isZeroKept: boolean,
): Tensor | undefined {
  if (shape === undefined) return undefined;
  const dims = shape.map((size, axis) => (size === 0 && !isZeroKept ? (tensor.dims[axis] ?? 0) : size));
  const open = dims.indexOf(-1);
  if (open >= 0) dims[open] = sizeOf(tensor.dims) / sizeOf(dims.filter((size) => size !== -1));
  return sizeOf(dims) === sizeOf(tensor.dims) ? { ...tensor, dims } : undefined;
}

function squeezed(tensor: Tensor, axes: readonly number[] | undefined): Tensor {
  const rank = tensor.dims.length;
  const gone = axes?.map((axis) => (axis < 0 ? axis + rank : axis));
  const stays = (size: number, axis: number): boolean =>
    gone === undefined ? size !== 1 : !gone.includes(axis);
  return { ...tensor, dims: tensor.dims.filter(stays) };
}

function unsqueezed(tensor: Tensor, axes: readonly number[] | undefined): Tensor | undefined {
  if (axes === undefined) return undefined;
  const rank = tensor.dims.length + axes.length;
  const dims = [...tensor.dims];
  for (const axis of axes.map((at) => (at < 0 ? at + rank : at)).sort((a, b) => a - b))
    dims.splice(axis, 0, 1);
  return { ...tensor, dims };
}

/** The constant with its axes in another order: axis i of the result is axis `perm[i]`; reversed when none is given. */
export function turnedTensor(tensor: Tensor, perm: readonly number[] | undefined): Tensor {
  const { dims } = tensor;
  const order = perm ?? dims.map((_, axis) => dims.length - 1 - axis);
  const strides = dims.map((_, axis) => sizeOf(dims.slice(axis + 1)));
  const outDims = order.map((axis) => dims[axis]!);
  const outStrides = order.map((axis) => strides[axis]!);
  const values = tensorValues(tensor);
  const result = values.slice();
  const at = outDims.map(() => 0);
  for (let index = 0, from = 0; index < result.length; index += 1) {
    result[index] = values[from]!;
    for (let axis = outDims.length - 1; axis >= 0; axis -= 1) {
      at[axis] = at[axis]! + 1;
      from += outStrides[axis]!;
      if (at[axis]! < outDims[axis]!) break;
      from -= outStrides[axis]! * outDims[axis]!;
      at[axis] = 0;
    }
  }
  return {
    ...tensor,
    dims: outDims,
    raw: new Uint8Array(result.buffer, result.byteOffset, result.byteLength),
  };
}

/** Nodes that give on what they get when a model runs. */
function passesOn(node: Node): boolean {
  return node.domain === '' && (node.opType === 'Identity' || node.opType === 'Dropout');
}

/** Leaves out Identity and Dropout; outputs of the graph keep their names. */
export function removePassing(graph: Graph): void {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes.filter(passesOn)) {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    if (!outputs.has(output)) {
      replaceUses(graph, output, input);
    } else {
      const producer = graph.nodes.find((other) => other.outputs.includes(input));
      if (producer === undefined || outputs.has(input)) continue;
      replaceUses(graph, input, output);
      producer.outputs = producer.outputs.map((name) => (name === input ? output : name));
    }
    graph.nodes = graph.nodes.filter((other) => other !== node);
  }
  removeDead(graph);
}

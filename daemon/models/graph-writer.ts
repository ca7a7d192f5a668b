// Appends nodes to a graph, in forms that every operator set from 7 on understands: sizes by Reshape, columns by Slice in the
// form of the set. What import adds to a model is written with it. Pure.
import { VedetteError } from '../platform/errors.ts';
import { freshName, makeNode, namesOf, removeDead, replaceUses } from './graph.ts';
import type { Attribute, Graph, Node, OnnxModel, ValueInfo } from './onnx.ts';
import { makeTensor, type ReadableType, type TensorType, typeNumber } from './tensor.ts';

/** ONNX Runtime warrants nothing for older ones, and operators did not broadcast yet. */
export const OPSET_MIN = 7;

/** An output of the finished graph. */
export interface NewOutput {
  /** The name wished for. */
  readonly name: string;
  readonly value: string;
  readonly type: TensorType;
  readonly dims: ValueInfo['dims'];
}

export class GraphWriter {
  readonly #graph: Graph;
  readonly #opset: number;
  readonly #taken: Set<string>;
  readonly #added: Node[] = [];

  constructor(model: OnnxModel) {
    this.#graph = model.graph;
    this.#opset = model.opsets.get('') ?? 0;
    if (this.#opset < OPSET_MIN) {
      throw new VedetteError(
        'MODEL_UNSUPPORTED',
        `the model uses operator set ${this.#opset} (at least ${OPSET_MIN}): export it anew with a newer one`,
      );
    }
    // Nodes are called as their values were: no two nodes may have one name either.
    this.#taken = new Set([...namesOf(model.graph), ...model.graph.nodes.map(({ name }) => name)]);
  }

  /** A node with one output; gives the name of its value. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    wanted = `import/${opType.toLowerCase()}`,
  ): string {
    const output = freshName(this.#taken, wanted);
    this.#added.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }

  floats(dims: readonly number[], values: readonly number[]): string {
    return this.#constant('float32', dims, values);
  }

  ints(values: readonly number[]): string {
    return this.#constant('int64', [values.length], values);
  }

  /** A number that broadcasts. */
  number(value: number): string {
    return this.#constant('float32', [], [value]);
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.add('Reshape', [value, this.ints(dims)]);
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.add('Transpose', [value], { perm: { kind: 'ints', value: [...perm] } });
  }

  cast(value: string, type: TensorType): string {
    return this.add('Cast', [value], { to: { kind: 'int', value: typeNumber(type) } });
  }

  concat(values: readonly string[], axis: number): string {
    if (values.length === 1) return values[0]!;
    return this.add('Concat', values, { axis: { kind: 'int', value: axis } });
  }

  /** Elements at `indices` along an axis. */
  gather(value: string, indices: readonly number[], axis: number): string {
    return this.add('Gather', [value, this.ints(indices)], { axis: { kind: 'int', value: axis } });
  }

  /** Elements `from` to before `to` along an axis. */
  slice(value: string, axis: number, from: number, to: number): string {
    if (this.#opset >= 10)
      return this.add('Slice', [value, this.ints([from]), this.ints([to]), this.ints([axis])]);
    return this.add('Slice', [value], {
      starts: { kind: 'ints', value: [from] },
      ends: { kind: 'ints', value: [to] },
      axes: { kind: 'ints', value: [axis] },
    });
  }

  /** Over the last axis, which must be named: before set 13 the operator took all from `axis` on as one. */
  softmax(value: string, axis: number): string {
    return this.add('Softmax', [value], { axis: { kind: 'int', value: axis } });
  }

  /** `value` and `number` element by element; nothing where it would change nothing. */
  scaled(value: string, by: number): string {
    return by === 1 ? value : this.add('Mul', [value, this.number(by)]);
  }

  /**
   * Puts the nodes added so far, which take the graph's input, before the others, which use `value` instead from now on; `info` is
   * the input as it is then, of the same name. For what comes between the picture and the model.
   */
  finishInput(value: string, info: ValueInfo): void {
    replaceUses(this.#graph, info.name, value);
    this.#graph.nodes.unshift(...this.#added.splice(0));
    this.#graph.inputs = [info];
  }

  /** Appends the nodes and makes these values the outputs, the only ones; gives their names. Removes what nobody needs then. */
  finishOutputs(outputs: readonly NewOutput[]): string[] {
    const names = outputs.map(({ name, value }) => {
      const made = this.#added.find((node) => node.outputs[0] === value);
      if (made === undefined) return value;
      const free = this.#freed(name);
      made.outputs[0] = free;
      this.#renameUses(this.#added, value, free);
      return free;
    });
    this.#graph.nodes.push(...this.#added.splice(0));
    this.#graph.outputs = outputs.map(({ type, dims }, at) => ({ name: names[at]!, type, dims }));
    removeDead(this.#graph);
    return names;
  }

  /** The name, for a new value: what a node inside has called so is called otherwise from now on. */
  #freed(name: string): string {
    const made = this.#graph.nodes.find(({ outputs }) => outputs.includes(name));
    if (made === undefined) return freshName(this.#taken, name);
    const other = freshName(this.#taken, `import/${name}`);
    made.outputs = made.outputs.map((output) => (output === name ? other : output));
    replaceUses(this.#graph, name, other);
    this.#renameUses(this.#added, name, other);
    for (const info of this.#graph.valueInfo) if (info.name === name) info.name = other;
    return name;
  }

  #renameUses(nodes: readonly Node[], from: string, to: string): void {
    for (const node of nodes) node.inputs = node.inputs.map((input) => (input === from ? to : input));
  }

  #constant(type: ReadableType, dims: readonly number[], values: readonly number[]): string {
    const name = freshName(this.#taken, 'import/constant');
    this.#graph.initializers.set(name, makeTensor(name, type, dims, values));
    return name;
  }
}

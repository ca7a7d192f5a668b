// What becomes an integer node and with which scale each value is held: the plan that qdq.ts carries out. Follows the selectors of
// ONNX Runtime (core/optimizer/qdq_transformer): a node is replaced by its integer kernel when all its float inputs come from
// DequantizeLinear and its output goes to QuantizeLinear alone. Changes nothing. Pure.
import { boundsOf } from './fold-forms.ts';
import { constantNumbers, GraphIndex, keptValues, stringOf } from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import type { Body } from './qdq-body.ts';
import { type ActivationParams, activationParams, type Range, reachOf, withZero } from './qdq-params.ts';
import { ScaleGroups } from './qdq-scales.ts';

/** How an operator is treated: which kernel takes it and whether its output keeps the scale of its input. */
export type Kind = 'linear' | 'binary' | 'unary' | 'concat' | 'same' | 'pad';

const KINDS = new Map<string, Kind>([
  ['Add', 'binary'],
  ['Mul', 'binary'],
  ['AveragePool', 'unary'],
  ['GlobalAveragePool', 'unary'],
  ['LeakyRelu', 'unary'],
  ['Sigmoid', 'unary'],
  ['Concat', 'concat'],
  ['MaxPool', 'same'],
  ['Resize', 'same'],
  ['Reshape', 'same'],
  ['Transpose', 'same'],
  ['Flatten', 'same'],
  ['Squeeze', 'same'],
  ['Unsqueeze', 'same'],
  ['Slice', 'same'],
  ['Split', 'same'],
  ['Pad', 'pad'],
]);

/** A value whose integers are those of another value, with a scale of its own. */
export interface Alias {
  readonly of: string;
  readonly factor: number;
}

export interface Plan {
  readonly kinds: ReadonlyMap<Node, Kind>;
  /** Clips that the range of the value before them already makes, by the node whose output they bound. */
  readonly clipOf: ReadonlyMap<Node, Node>;
  readonly aliases: ReadonlyMap<string, Alias>;
  /** Scale and zero point of every value that is held in integers. */
  readonly params: ReadonlyMap<string, ActivationParams>;
  readonly floatNodes: readonly { readonly name: string; readonly reason: string }[];
}

export interface PlanInput {
  readonly graph: Graph;
  readonly body: Body;
  readonly ranges: ReadonlyMap<string, Range>;
  readonly keepFloat: ReadonlySet<string>;
  /** Values that are integers from the beginning: the picture. */
  readonly given: ReadonlyMap<string, ActivationParams>;
}

export function planOf(input: PlanInput): Plan {
  return new Planner(input).plan();
}

/** Values that a node reads as numbers: the first input, both for a binary node, all for a concatenation. */
export function dataInputs(node: Node, kind: Kind): readonly string[] {
  return kind === 'concat' ? node.inputs : node.inputs.slice(0, kind === 'binary' ? 2 : 1);
}

class Planner {
  readonly #input: PlanInput;
  readonly #index: GraphIndex;
  readonly #kept: ReadonlySet<string>;
  readonly #kinds = new Map<Node, Kind>();
  readonly #clipOf = new Map<Node, Node>();
  readonly #aliases = new Map<string, Alias>();
  readonly #floatNodes: { name: string; reason: string }[] = [];

  constructor(input: PlanInput) {
    this.#input = input;
    this.#index = new GraphIndex(input.graph);
    this.#kept = keptValues(input.graph);
  }

  plan(): Plan {
    const { graph } = this.#input;
    for (const node of graph.nodes) this.#classify(node);
    for (const [node, kind] of this.#kinds) this.#fuseClip(node, kind);
    for (const node of graph.nodes) this.#explain(node);
    return {
      kinds: this.#kinds,
      clipOf: this.#clipOf,
      aliases: this.#aliases,
      params: this.#assign(),
      floatNodes: this.#floatNodes,
    };
  }

  #classify(node: Node): void {
    const { body, keepFloat } = this.#input;
    const isLinear = body.linear.has(node);
    const isBetween = body.before.has(node) && body.behind.has(node);
    if (node.domain !== '' || (!isLinear && !isBetween)) return;
    if (keepFloat.has(node.name)) return;
    const alias = isLinear ? undefined : this.#aliasOf(node);
    if (alias !== undefined) {
      this.#aliases.set(node.outputs[0]!, alias);
      return;
    }
    const kind = isLinear ? 'linear' : KINDS.get(node.opType);
    if (kind === undefined || !this.#isTaken(node, kind)) return;
    if (this.#missing(node, kind) === undefined) this.#kinds.set(node, kind);
  }

  /** A product with one positive number changes the scale and no integer. */
  #aliasOf(node: Node): Alias | undefined {
    if (node.opType !== 'Mul') return undefined;
    const position = node.inputs.findIndex((input) => this.#input.graph.initializers.has(input));
    const numbers = constantNumbers(this.#input.graph, this.#index, node.inputs[position] ?? '');
    const value = node.inputs[1 - position];
    const factor = numbers?.[0] ?? 0;
    if (value === undefined || numbers?.length !== 1 || factor <= 0 || !this.#isKnown(value))
      return undefined;
    if (this.#kept.has(node.outputs[0]!) || this.#aliases.has(value)) return undefined;
    const producer = this.#index.producer(value);
    const isInteger =
      producer !== undefined && (this.#kinds.has(producer) || this.#isClipOfInteger(producer));
    return isInteger ? { of: value, factor } : undefined;
  }

  #isClipOfInteger(node: Node): boolean {
    const before = this.#index.producer(node.inputs[0] ?? '');
    return this.#bounds(node) !== undefined && before !== undefined && this.#kinds.has(before);
  }

  #isTaken(node: Node, kind: Kind): boolean {
    const { graph } = this.#input;
    const isConstant = (name: string): boolean => graph.initializers.has(name);
    // A second output is none that an integer kernel makes.
    if (node.opType !== 'Split' && node.outputs.slice(1).some((name) => name !== '')) return false;
    if (kind === 'binary') {
      const constants = node.inputs.filter(isConstant);
      return (
        constants.length < 2 && constants.every((name) => graph.initializers.get(name)!.type === 'float32')
      );
    }
    if (kind === 'concat') return !node.inputs.some(isConstant);
    // Between pixels the kernel for uint8 rounds down, half a step too low on average, and takes three times as long as that for
    // float (ONNX Runtime 1.32, x64): only what copies pixels is better off with integers.
    if (node.opType === 'Resize') return (stringOf(node, 'mode') ?? 'nearest') === 'nearest';
    if (kind !== 'pad') return true;
    const fill = node.inputs[2] ?? '';
    const isZero = fill === '' || constantNumbers(graph, this.#index, fill)?.[0] === 0;
    return isZero && (stringOf(node, 'mode') ?? 'constant') === 'constant';
  }

  #isKnown(value: string): boolean {
    return this.#input.ranges.has(value) || this.#input.given.has(value);
  }

  /** The first value of a node whose range nobody measured. */
  #missing(node: Node, kind: Kind): string | undefined {
    const { graph, ranges } = this.#input;
    const inputs = dataInputs(node, kind).filter((name) => !graph.initializers.has(name));
    const missing = inputs.find((name) => !this.#isKnown(name));
    if (missing !== undefined) return missing;
    // These take the range of their input, and the product that nobody quantizes needs none.
    if (kind === 'same' || kind === 'pad' || kind === 'concat' || this.#isFloatOut(node)) return undefined;
    const output = node.outputs[0]!;
    return ranges.has(output) || this.#clipBehind(node) !== undefined ? undefined : output;
  }

  /** The last matrix product: its integer kernel gives float numbers. */
  #isFloatOut(node: Node): boolean {
    const { body } = this.#input;
    return body.linear.has(node) && node.opType !== 'Conv' && !body.before.has(node);
  }

  #bounds(node: Node): Range | undefined {
    return boundsOf(node, this.#input.graph, this.#index);
  }

  #fuseClip(node: Node, kind: Kind): void {
    if (kind === 'same' || kind === 'pad' || kind === 'concat' || this.#isFloatOut(node)) return;
    const clip = this.#clipBehind(node);
    if (clip !== undefined) this.#clipOf.set(node, clip);
  }

  /** The Clip or Relu after a node that the saturation of its integers makes needless. */
  #clipBehind(node: Node): Node | undefined {
    const { ranges, keepFloat } = this.#input;
    const value = node.outputs[0]!;
    const [clip, ...others] = this.#index.consumers(value);
    const bounds = clip === undefined ? undefined : this.#bounds(clip);
    if (clip === undefined || others.length > 0 || bounds === undefined || this.#kept.has(value))
      return undefined;
    const range = ranges.get(clip.outputs[0]!) ?? ranges.get(value);
    if (range === undefined || keepFloat.has(clip.name) || bounds.min > 0 || bounds.max < 0) return undefined;
    return fits(activationParams(within(range, bounds)), bounds) ? clip : undefined;
  }

  #rangeOf(...values: readonly string[]): Range {
    const found = values.map((value) => this.#input.ranges.get(value)).find((range) => range !== undefined);
    if (found === undefined) throw new RangeError(`no range of '${values[0]}'`);
    return found;
  }

  #explain(node: Node): void {
    const { body, keepFloat } = this.#input;
    const isBetween = body.before.has(node) && body.behind.has(node);
    if (this.#kinds.has(node) || (!body.linear.has(node) && !isBetween)) return;
    const before = this.#index.producer(node.inputs[0] ?? '');
    const isFused = before !== undefined && this.#clipOf.get(before) === node;
    // A bound goes with the node before it, into its integers or its float kernel.
    const isOfFloat = this.#bounds(node) !== undefined && (before === undefined || !this.#kinds.has(before));
    if (isFused || isOfFloat || this.#aliases.has(node.outputs[0]!)) return;
    const kind = body.linear.has(node) ? 'linear' : KINDS.get(node.opType);
    const missing = kind === undefined ? undefined : this.#missing(node, kind);
    const reason = keepFloat.has(node.name)
      ? 'kept'
      : kind === undefined || !this.#isTaken(node, kind)
        ? `no integer kernel for ${node.opType}`
        : `no range of '${missing}'`;
    this.#floatNodes.push({ name: node.name, reason });
  }

  /** The name of what a node makes, the bound after it included. */
  #madeBy(node: Node): string {
    return (this.#clipOf.get(node) ?? node).outputs[0]!;
  }

  #assign(): Map<string, ActivationParams> {
    const { graph, given } = this.#input;
    const groups = new ScaleGroups();
    for (const [value, params] of given) groups.fix(value, params);
    for (const [node, kind] of this.#kinds) {
      for (const value of dataInputs(node, kind)) {
        if (!graph.initializers.has(value)) this.#open(groups, value);
      }
      if (kind === 'same' || kind === 'pad')
        for (const output of node.outputs) groups.tie(node.inputs[0]!, output);
      else if (kind === 'concat') groups.share(node.inputs, node.outputs[0]!);
      else if (!this.#isFloatOut(node)) this.#openOutput(groups, node);
    }
    // Those that only float nodes read are made of integers all the same.
    for (const value of this.#aliases.keys()) if (!groups.has(value)) this.#open(groups, value);
    return groups.params();
  }

  #open(groups: ScaleGroups, value: string): void {
    const alias = this.#aliases.get(value);
    if (alias !== undefined) {
      this.#open(groups, alias.of);
      groups.scaled(value, alias.of, alias.factor);
    } else if (!groups.has(value)) groups.open(value, withZero(this.#rangeOf(value)));
  }

  #openOutput(groups: ScaleGroups, node: Node): void {
    const clip = this.#clipOf.get(node);
    const value = this.#madeBy(node);
    const bounds = clip === undefined ? undefined : this.#bounds(clip);
    const range = this.#rangeOf(value, node.outputs[0]!);
    groups.open(value, bounds === undefined ? withZero(range) : within(range, bounds), bounds);
  }
}

/** The part of a range that lies between bounds, and zero. */
function within(range: Range, bounds: Range): Range {
  const clip = (value: number): number => Math.min(bounds.max, Math.max(bounds.min, value));
  return withZero({ min: clip(range.min), max: clip(range.max) });
}

/** Whether saturation does what the bounds do, to half a step. */
function fits(params: ActivationParams, bounds: Range): boolean {
  const { min, max } = reachOf(params);
  return min >= bounds.min - params.scale / 2 && max <= bounds.max + params.scale / 2;
}

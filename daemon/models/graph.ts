// Questions to a graph and small changes of it, for the transforms of this room: who makes a value, who uses it, what a
// constant holds, what is dead. Pure.
import { VedetteError } from '../platform/errors.ts';
import type { Attribute, Graph, Node, OnnxModel } from './onnx.ts';
import { type Tensor, tensorNumbers } from './tensor.ts';

/** Who makes and who uses each value; true until the graph is changed. */
export class GraphIndex {
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Node[]>();

  constructor(graph: Graph) {
    for (const node of graph.nodes) {
      for (const output of node.outputs) if (output !== '') this.#producers.set(output, node);
      for (const input of new Set(usesOf(node))) {
        const users = this.#consumers.get(input);
        if (users === undefined) this.#consumers.set(input, [node]);
        else users.push(node);
      }
    }
  }

  /** The node that makes a value; undefined for inputs and constants. */
  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  /** Nodes that use a value, each once, those whose inner graphs use it included. */
  consumers(value: string): readonly Node[] {
    return this.#consumers.get(value) ?? [];
  }
}

/** Values that a node uses: its inputs, and what its inner graphs (If, Loop) take from outside. */
export function usesOf(node: Node): string[] {
  return [...node.inputs.filter((input) => input !== ''), ...innerUsesOf(node)];
}

function innerUsesOf({ attributes }: Node): string[] {
  return [...attributes.values()].flatMap((each) => (each.kind === 'graph' ? outerUsesOf(each.value) : []));
}

/** Values that must keep their names and types: outputs, and what inner graphs, which transforms do not look into, take from outside. */
export function keptValues(graph: Graph): Set<string> {
  return new Set([...graph.outputs.map(({ name }) => name), ...graph.nodes.flatMap(innerUsesOf)]);
}

function outerUsesOf(graph: Graph): string[] {
  const inner = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) for (const output of node.outputs) inner.add(output);
  const uses = [...graph.nodes.flatMap(usesOf), ...graph.outputs.map(({ name }) => name)];
  return uses.filter((value) => !inner.has(value));
}

/**
 * The nodes so that each comes after those whose values it uses; otherwise in the order they have. Throws MODEL_UNSUPPORTED for a
 * cycle or a value that nobody makes, and for one that two make.
 */
export function inTopologicalOrder(graph: Graph): Node[] {
  const made = new Set<string>(['', ...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producers.has(output) || made.has(output)) {
        throw new VedetteError('MODEL_UNSUPPORTED', `value '${output}' of the graph is made twice`);
      }
      producers.set(output, node);
    }
  }
  const waitsFor = new Map<Node, number>();
  const waiting = new Map<Node, Node[]>();
  for (const node of graph.nodes) {
    const needs = new Set<Node>();
    for (const use of usesOf(node)) {
      if (made.has(use)) continue;
      const producer = producers.get(use);
      if (producer === undefined) {
        throw new VedetteError(
          'MODEL_UNSUPPORTED',
          `${describe(node)} uses value '${use}', which nothing makes`,
        );
      }
      needs.add(producer);
    }
    waitsFor.set(node, needs.size);
    for (const need of needs) waiting.set(need, [...(waiting.get(need) ?? []), node]);
  }
  const ordered = graph.nodes.filter((node) => waitsFor.get(node) === 0);
  for (let at = 0; at < ordered.length; at += 1) {
    for (const node of waiting.get(ordered[at]!) ?? []) {
      const left = waitsFor.get(node)! - 1;
      waitsFor.set(node, left);
      if (left === 0) ordered.push(node);
    }
  }
  if (ordered.length === graph.nodes.length) return ordered;
  const stuck = graph.nodes.find((node) => waitsFor.get(node)! > 0)!;
  throw new VedetteError('MODEL_UNSUPPORTED', `the graph goes in a circle at ${describe(stuck)}`);
}

const NAME_CHARS_MAX = 200;

/** `Conv 'layer1/conv'`, for messages. */
export function describe({ opType, name, outputs }: Node): string {
  return `${opType} '${(name === '' ? (outputs[0] ?? '') : name).slice(0, NAME_CHARS_MAX)}'`;
}

/** Every name of a value in the graph, inner graphs excluded. */
export function namesOf(graph: Graph): Set<string> {
  const names = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) for (const output of node.outputs) names.add(output);
  return names;
}

/** `wanted`, or that with a number when it is taken; the name is added to `taken`. */
export function freshName(taken: Set<string>, wanted: string): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}_${number}`;
  taken.add(name);
  return name;
}

/** Lets every node and output of the graph that uses `from` use `to`. A graph's output keeps its name only if `to` is renamed to it. */
export function replaceUses(graph: Graph, from: string, to: string): void {
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((input) => (input === from ? to : input));
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') replaceUses(attribute.value, from, to);
    }
  }
}

/** A copy whose nodes, attributes and constants may be replaced without changing the original; the constants' bytes are shared. */
export function copyModel(model: OnnxModel): OnnxModel {
  return {
    ...model,
    opsets: new Map(model.opsets),
    metadata: new Map(model.metadata),
    graph: copyGraph(model.graph),
  };
}

function copyGraph(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: [...node.inputs],
      outputs: [...node.outputs],
      attributes: new Map(
        Array.from(node.attributes, ([name, attribute]) => [
          name,
          attribute.kind === 'graph' ? { kind: 'graph', value: copyGraph(attribute.value) } : attribute,
        ]),
      ),
    })),
    initializers: new Map(graph.initializers),
    inputs: [...graph.inputs],
    outputs: [...graph.outputs],
    valueInfo: [...graph.valueInfo],
  };
}

/** Removes nodes and constants that no output needs; gives the number of nodes removed. */
export function removeDead(graph: Graph): number {
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) producers.set(output, node);
  const alive = new Set<Node>();
  const used = new Set<string>();
  const queue = graph.outputs.map(({ name }) => name);
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    if (used.has(value)) continue;
    used.add(value);
    const node = producers.get(value);
    if (node === undefined || alive.has(node)) continue;
    alive.add(node);
    queue.push(...usesOf(node));
  }
  const before = graph.nodes.length;
  graph.nodes = graph.nodes.filter((node) => alive.has(node));
  for (const name of graph.initializers.keys()) if (!used.has(name)) graph.initializers.delete(name);
  graph.valueInfo = graph.valueInfo.filter(({ name }) => used.has(name));
  return before - graph.nodes.length;
}

/** The constant of that name: an initializer or the output of a Constant node with a tensor. */
export function constantOf(graph: Graph, index: GraphIndex, value: string): Tensor | undefined {
  const initializer = graph.initializers.get(value);
  if (initializer !== undefined) return initializer;
  const node = index.producer(value);
  if (node?.opType !== 'Constant' || node.domain !== '') return undefined;
  const attribute = node.attributes.get('value');
  return attribute?.kind === 'tensor' ? attribute.value : undefined;
}

/** The numbers of a constant; undefined when it is none. */
export function constantNumbers(graph: Graph, index: GraphIndex, value: string): number[] | undefined {
  const tensor = constantOf(graph, index, value);
  return tensor === undefined ? undefined : tensorNumbers(tensor);
}

export function intOf(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? attribute.value : otherwise;
}

export function floatOf(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'float' ? attribute.value : otherwise;
}

export function intsOf(node: Node, name: string): number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}

export function stringOf(node: Node, name: string): string | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? attribute.value : undefined;
}

/** A node without what is not given. */
export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  { name = outputs[0] ?? '', domain = '' }: { readonly name?: string; readonly domain?: string } = {},
): Node {
  return {
    name,
    opType,
    domain,
    inputs: [...inputs],
    outputs: [...outputs],
    attributes: new Map(Object.entries(attributes)),
    rest: [],
  };
}

// Writes QuantizeLinear and DequantizeLinear around the nodes of a plan, in the form that ONNX Runtime's integer kernels take the place
// of. Constants that are alike are written once. Of value `v` the node's own output is `v_f`, the integers are `v_q`, and the floats made
// of them `v_dq`: what measures layers finds them by these names. Pure.

import { freshName, keptValues, makeNode, namesOf } from './graph.ts';
import { biasOf, linearWeights } from './linear-weights.ts';
import type { Attribute, Graph, Node } from './onnx.ts';
import {
  type ActivationParams,
  activationParams,
  layoutOf,
  quantizeBias,
  quantizeValue,
  quantizeWeights,
} from './qdq-params.ts';
import { dataInputs, type Kind, type Plan } from './qdq-plan.ts';
import { makeTensor, type ReadableType, type Tensor, type TensorValues, tensorValues } from './tensor.ts';

export interface WriteOptions {
  /** Float convolutions whose weights are stored as int8 all the same; the others keep float32. */
  readonly storedSmall: ReadonlySet<string>;
  /** By the node's name: of weights that are rounded already. */
  readonly scales: ReadonlyMap<string, ArrayLike<number>>;
  /** Values that are uint8 without a QuantizeLinear: the picture. */
  readonly given: ReadonlySet<string>;
}

/** Replaces the nodes of `graph` by those of the plan. */
export function writePlan(graph: Graph, plan: Plan, options: WriteOptions): void {
  new QdqWriter(graph, plan, options).write();
}

class QdqWriter {
  readonly #graph: Graph;
  readonly #plan: Plan;
  readonly #options: WriteOptions;
  readonly #taken: Set<string>;
  readonly #nodes: Node[] = [];
  /** Outputs, and what inner graphs read: floats under their own names. */
  readonly #kept: ReadonlySet<string>;
  /** Values that only exist as integers and what is made of those: the float consumers read that too. */
  readonly #integers = new Set<string>();
  /** By value: its integers. */
  readonly #quantized = new Map<string, string>();
  /** By value: the floats made of its integers. */
  readonly #dequantized = new Map<string, string>();
  readonly #shared = new Map<string, string>();
  #weightsCount = 0;

  constructor(graph: Graph, plan: Plan, options: WriteOptions) {
    this.#graph = graph;
    this.#plan = plan;
    this.#options = options;
    this.#taken = namesOf(graph);
    this.#kept = keptValues(graph);
  }

  write(): void {
    const { clipOf, aliases } = this.#plan;
    const gone = new Set(clipOf.values());
    for (const value of this.#options.given) {
      this.#integers.add(value);
      this.#quantized.set(value, value);
    }
    for (const node of this.#graph.nodes) {
      const kind = this.#plan.kinds.get(node);
      if (kind !== undefined) this.#writeInteger(node, kind);
      else if (!gone.has(node) && !aliases.has(node.outputs[0]!)) this.#writeFloat(node);
    }
    this.#graph.nodes = this.#nodes;
  }

  #writeInteger(node: Node, kind: Kind): void {
    if (kind === 'pad') {
      this.#writePad(node);
      return;
    }
    const count = dataInputs(node, kind).length;
    const inputs = node.inputs.map((input, at) => (at < count ? this.#dequantize(input) : input));
    if (kind === 'linear') inputs.splice(1, 2, ...this.#linearInputs(node));
    const written: Node = {
      ...node,
      inputs,
      outputs: [...node.outputs],
      attributes: new Map(node.attributes),
    };
    if (node.opType === 'Gemm') {
      // The selector of ONNX Runtime reads these without asking whether they are there.
      for (const name of ['alpha', 'beta']) written.attributes.set(name, { kind: 'float', value: 1 });
    }
    const made = [...node.outputs];
    made[0] = (this.#plan.clipOf.get(node) ?? node).outputs[0]!;
    this.#nodes.push(written);
    made.forEach((value, at) => {
      if (value === '' || !this.#plan.params.has(value)) {
        written.outputs[at] = value;
        return;
      }
      written.outputs[at] = this.#name(`${value}_f`);
      this.#quantize(value, written.outputs[at]!);
      this.#integers.add(value);
      if (this.#kept.has(value)) this.#dequantizeAs(value, value);
    });
  }

  /** There is no integer kernel, but Pad takes uint8: zero is the zero point there. */
  #writePad(node: Node): void {
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    this.#dequantize(input);
    const quantized = this.#name(`${output}_q`);
    const { zeroPoint } = this.#plan.params.get(output)!;
    const inputs = [this.#quantized.get(input)!, node.inputs[1]!, this.#scalar('uint8', zeroPoint)];
    if ((node.inputs[3] ?? '') !== '') inputs.push(node.inputs[3]!);
    this.#nodes.push({ ...node, inputs, outputs: [quantized] });
    this.#quantized.set(output, quantized);
    this.#integers.add(output);
    if (this.#kept.has(output)) this.#dequantizeAs(output, output);
  }

  #writeFloat(node: Node): void {
    const { params, aliases } = this.#plan;
    const isInteger = (value: string): boolean => this.#integers.has(value) || aliases.has(value);
    const inputs = node.inputs.map((input) => (isInteger(input) ? this.#dequantize(input) : input));
    if (this.#options.storedSmall.has(node.name)) inputs[1] = this.#smallWeights(node) ?? inputs[1]!;
    this.#nodes.push({ ...node, inputs });
    for (const value of node.outputs) {
      if (params.has(value) && !this.#quantized.has(value)) this.#quantize(value, value);
    }
  }

  /** Puts the integers of a float value into the graph. */
  #quantize(value: string, from: string): void {
    const quantized = this.#name(`${value}_q`);
    this.#add('QuantizeLinear', [from, ...this.#paramInputs(value)], quantized);
    this.#quantized.set(value, quantized);
  }

  /** The name of the floats made of the integers of a value or a constant. */
  #dequantize(value: string): string {
    const known = this.#dequantized.get(value);
    if (known !== undefined) return known;
    const constant = this.#graph.initializers.get(value);
    if (constant !== undefined) return this.#dequantizeConstant(constant);
    return this.#dequantizeAs(value, this.#name(`${value}_dq`));
  }

  #dequantizeAs(value: string, output: string): string {
    const source = this.#plan.aliases.get(value)?.of ?? value;
    if (!this.#quantized.has(source)) this.#quantize(source, source);
    const inputs = [this.#quantized.get(source)!, ...this.#paramInputs(value)];
    this.#add('DequantizeLinear', inputs, output);
    this.#dequantized.set(value, output);
    return output;
  }

  #paramInputs(value: string): [string, string] {
    const params = this.#plan.params.get(value);
    if (params === undefined) throw new RangeError(`value '${value}' has no scale`);
    return this.#paramNames(params);
  }

  #paramNames({ scale, zeroPoint }: ActivationParams): [string, string] {
    return [this.#scalar('float32', scale), this.#scalar('uint8', zeroPoint)];
  }

  #dequantizeConstant(tensor: Tensor): string {
    const values = tensorValues(tensor, 'float32');
    const range = {
      min: values.reduce((a, b) => Math.min(a, b), 0),
      max: values.reduce((a, b) => Math.max(a, b), 0),
    };
    const params = activationParams(range);
    const integers = Uint8Array.from(values, (value) => quantizeValue(value, params));
    const name = this.#constant(`${tensor.name}_q`, 'uint8', tensor.dims, integers);
    const output = this.#name(`${tensor.name}_dq`);
    this.#add('DequantizeLinear', [name, ...this.#paramNames(params)], output);
    this.#dequantized.set(tensor.name, output);
    return output;
  }

  /** Weights and bias of a convolution or matrix product, as integers and what makes floats of them. */
  #linearInputs(node: Node): string[] {
    const { tensor, axis, channels, neighbours } = linearWeights(node, this.#graph)!;
    const inputScale = this.#plan.params.get(node.inputs[0]!)!.scale;
    const hasBias = (node.inputs[2] ?? '') !== '';
    const bias = biasOf(node, this.#graph, channels);
    const scales = this.#options.scales.get(node.name);
    const weights = quantizeWeights(tensorValues(tensor, 'float32'), layoutOf(tensor.dims, axis), {
      neighbours,
      bias: { values: bias, inputScale },
      ...(scales === undefined ? {} : { scales }),
    });
    const name = this.#weightsName();
    const stored = this.#constant(name, 'int8', tensor.dims, weights.values);
    const inputs = [this.#dequantizeInto(name, stored, 'int8', weights.scales, axis)];
    if (!hasBias) return inputs;
    const integers = quantizeBias(bias, inputScale, weights.scales);
    const biasName = this.#constant(`${name}_b`, 'int32', [channels], integers.values);
    inputs.push(this.#dequantizeInto(`${name}_b`, biasName, 'int32', integers.scales, 0));
    return inputs;
  }

  #dequantizeInto(
    wanted: string,
    stored: string,
    type: 'int8' | 'int32',
    scales: Float32Array<ArrayBuffer>,
    axis: number,
  ): string {
    const output = this.#name(`${wanted}_dq`);
    const scale = this.#constant(`${wanted}_s`, 'float32', [scales.length], scales);
    const zeros = this.#zeros(type, scales.length);
    this.#add('DequantizeLinear', [stored, scale, zeros], output, { axis: { kind: 'int', value: axis } });
    return output;
  }

  /** Weights as int8 that ONNX Runtime makes float once, when it loads the model: DequantizeLinear it would run every time. */
  #smallWeights(node: Node): string | undefined {
    const weights = linearWeights(node, this.#graph);
    if (weights === undefined) return undefined;
    const { tensor, axis, channels } = weights;
    const { values, scales } = quantizeWeights(tensorValues(tensor, 'float32'), layoutOf(tensor.dims, axis), {
      neighbours: 'none',
    });
    const name = this.#weightsName();
    const stored = this.#constant(name, 'int8', tensor.dims, values);
    const dims = tensor.dims.map((_, at) => (at === axis ? channels : 1));
    const scale = this.#constant(`${name}_s`, 'float32', dims, scales);
    const [cast, output] = [this.#name(`${name}_c`), this.#name(`${name}_f`)];
    this.#add('Cast', [stored], cast, { to: { kind: 'int', value: 1 } });
    this.#add('Mul', [cast, scale], output);
    return output;
  }

  /** A node without a name: exporters' names are long, and there are five such nodes for each of theirs. */
  #add(
    opType: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): void {
    this.#nodes.push(makeNode(opType, inputs, [output], attributes, { name: '' }));
  }

  /** Short for the same reason. */
  #weightsName(): string {
    this.#weightsCount += 1;
    return `w${this.#weightsCount}`;
  }

  #scalar(type: 'float32' | 'uint8', value: number): string {
    return this.#once(`${type} ${value}`, type === 'float32' ? 'scale' : 'zero', type, [], [value]);
  }

  #zeros(type: 'int8' | 'int32', count: number): string {
    return this.#once(
      `${type} zeros ${count}`,
      `zeros_${type}_${count}`,
      type,
      [count],
      new Array(count).fill(0),
    );
  }

  #once(key: string, wanted: string, type: ReadableType, dims: number[], values: number[]): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = this.#name(wanted);
    this.#graph.initializers.set(name, makeTensor(name, type, dims, values));
    this.#shared.set(key, name);
    return name;
  }

  #constant(wanted: string, type: ReadableType, dims: readonly number[], values: TensorValues): string {
    const name = this.#name(wanted);
    this.#graph.initializers.set(name, makeTensor(name, type, dims, values));
    return name;
  }

  #name(wanted: string): string {
    return freshName(this.#taken, wanted);
  }
}

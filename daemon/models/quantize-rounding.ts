// The rounded weights of all convolutions of a prepared model: measured and rounded once for each form of the graph, kept in the work
// folder, and put into the graph. Main thread of a command.
import { type MomentsJob, measureMoments, type Observed } from './calibrate-moments.ts';
import { convolutionForm } from './convolution-form.ts';
import { copyModel } from './graph.ts';
import { biasOf, linearWeights, setLinearWeights } from './linear-weights.ts';
import type { OnnxModel } from './onnx.ts';
import { headConvolutions } from './qdq-body.ts';
import { layoutOf } from './qdq-params.ts';
import { foldPixels } from './qdq-pixels.ts';
import { blockOf, type Rounded, roundWeights } from './round-weights.ts';
import { tensorValues } from './tensor.ts';

/** By the node's name; the arrays of `Rounded` in base64. */
export type KeptRounding = Readonly<Record<string, Readonly<Record<keyof Rounded, string>>>>;

/** Rounds what is rounded: all convolutions but the heads, which stay in float. */
export async function roundLayers(
  job: Omit<MomentsJob, 'convolutions' | 'onMoments'>,
): Promise<KeptRounding> {
  const { graph } = job.model;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const kept: Record<string, Record<keyof Rounded, string>> = {};
  await measureMoments({
    ...job,
    convolutions: convolutionsToRound(job.model),
    onMoments: (name, groups) => {
      const node = nodes.get(name)!;
      const { tensor, channels, neighbours } = linearWeights(node, graph)!;
      const { integers, scales, bias } = roundWeights({
        weights: tensorValues(tensor, 'float32'),
        layout: layoutOf(tensor.dims, 0),
        bias: biasOf(node, graph, channels),
        neighbours,
        groups: groups.map((moments) => moments.map(blockOf)),
      });
      kept[name] = { integers: textOf(integers), scales: textOf(scales), bias: textOf(bias) };
    },
  });
  return kept;
}

function convolutionsToRound(model: OnnxModel): Observed[] {
  const { graph } = model;
  const left = new Set([...headConvolutions(model), ...changedByPixels(model)]);
  return graph.nodes.flatMap((node) => {
    const form = left.has(node.name) ? undefined : convolutionForm(node, graph);
    return form === undefined ? [] : [{ name: node.name, input: node.inputs[0]!, form }];
  });
}

/** A weight is the same if it differs by no more than this part of it. */
const SAME = 1e-5;

/** Convolutions that get other weights when they read the pixels themselves (a picture normalised with another factor for each colour). */
function changedByPixels(model: OnnxModel): string[] {
  const { graph } = copyModel(model);
  foldPixels(graph);
  return graph.nodes.flatMap((node) => {
    const now = linearWeights(node, graph);
    const before = model.graph.nodes.find(({ name }) => name === node.name);
    const was = before === undefined ? undefined : linearWeights(before, model.graph);
    if (node.opType !== 'Conv' || now === undefined || was === undefined || now.tensor === was.tensor)
      return [];
    const old = tensorValues(was.tensor, 'float32');
    const isSame = tensorValues(now.tensor, 'float32').every(
      (value, at) => Math.abs(value - old[at]!) <= SAME * Math.abs(value),
    );
    return isSame ? [] : [node.name];
  });
}

/** A copy of the model with rounded weights in the convolutions that do not stay in float, and the scale of each of their channels. */
export function withRounding(
  model: OnnxModel,
  kept: KeptRounding,
  keepFloat: ReadonlySet<string>,
): { readonly model: OnnxModel; readonly scales: ReadonlyMap<string, Float32Array> } {
  const copy = copyModel(model);
  const { graph } = copy;
  const found = new Map<string, Float32Array>();
  for (const node of graph.nodes) {
    const rounded = kept[node.name];
    const weights = rounded === undefined ? undefined : linearWeights(node, graph);
    if (rounded === undefined || weights === undefined || keepFloat.has(node.name)) continue;
    const { dims } = weights.tensor;
    const integers = new Int8Array(bytesOf(rounded.integers));
    const scales = new Float32Array(bytesOf(rounded.scales));
    const { inner } = layoutOf(dims, 0);
    const values = Float32Array.from(integers, (integer, at) => integer * scales[Math.floor(at / inner)]!);
    const bias = new Float32Array(bytesOf(rounded.bias));
    setLinearWeights(node, { dims, values, bias }, graph, 'rounded');
    found.set(node.name, scales);
  }
  return { model: copy, scales: found };
}

function textOf({ buffer }: { readonly buffer: ArrayBuffer }): string {
  return Buffer.from(buffer).toString('base64');
}

function bytesOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64')).buffer;
}

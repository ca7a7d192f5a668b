// How many convolutions of a model really run on integers: read from the graph that ONNX Runtime writes after its optimizations
// (optimizedModelFilePath), where its integer kernels have names of their own. Pure.
import type { Graph, OnnxModel } from './onnx.ts';

/** QLinearConv of ONNX and of com.microsoft (pixel after pixel), and ConvInteger with its fusion. */
const INTEGER = new Set(['QLinearConv', 'NhwcQLinearConv', 'ConvInteger', 'DynamicQuantizeConv']);
/** Conv of ONNX and of com.microsoft.nchwc, with an activation and in float16. */
const FLOAT = new Set(['Conv', 'FusedConv', 'NhwcConv', 'NhwcFusedConv']);

export interface ConvolutionCount {
  readonly integer: number;
  readonly float: number;
  /** Names of the nodes that are float. */
  readonly floatNames: readonly string[];
}

export function countConvolutions({ graph }: Pick<OnnxModel, 'graph'>): ConvolutionCount {
  let integer = 0;
  const floatNames: string[] = [];
  const count = ({ nodes }: Graph): void => {
    for (const { opType, name, outputs, attributes } of nodes) {
      if (INTEGER.has(opType)) integer += 1;
      else if (FLOAT.has(opType)) floatNames.push(name === '' ? (outputs[0] ?? '') : name);
      for (const attribute of attributes.values()) if (attribute.kind === 'graph') count(attribute.value);
    }
  };
  count(graph);
  return { integer, float: floatNames.length, floatNames };
}

// Where a graph comes from: the framework and library that exported it, and which MobileNet it is, by producer, names and
// operators. What is found serves conventions (normalisation, order of boxes) and the card. Pure.
import type { Findings } from './findings.ts';
import { GraphIndex, intOf } from './graph.ts';
import type { Graph, Node, OnnxModel } from './onnx.ts';

export type Framework = 'pytorch' | 'tensorflow' | 'mxnet' | 'darknet' | 'unknown';

export interface Source {
  readonly framework: Framework;
  /** `timm`, `torchvision`, `ultralytics`, `yolox`, `keras`; undefined where nothing tells. */
  readonly library?: string;
  /** `MobileNet V2`; undefined where the operators are not those of one. */
  readonly architecture?: string;
}

/** Says what it finds. */
export function recogniseSource(model: OnnxModel, findings: Findings): Source {
  const { framework, library, why } = frameworkOf(model);
  if (framework !== 'unknown') {
    findings.say(`made by ${WORDS[framework]}${library === undefined ? '' : ` (${library})`}: ${why}`);
  }
  const architecture = architectureOf(model.graph);
  if (architecture !== undefined) findings.say(`network is ${architecture.name}: ${architecture.why}`);
  return {
    framework,
    ...(library === undefined ? {} : { library }),
    ...(architecture === undefined ? {} : { architecture: architecture.name }),
  };
}

const WORDS: Readonly<Record<Framework, string>> = {
  pytorch: 'PyTorch',
  tensorflow: 'TensorFlow',
  mxnet: 'MXNet',
  darknet: 'Darknet',
  unknown: 'an unknown framework',
};

interface Origin {
  readonly framework: Framework;
  readonly library?: string;
  readonly why: string;
}

function frameworkOf({ producer, producerVersion, graph, metadata }: OnnxModel): Origin {
  const names = [...graph.initializers.keys()];
  const values = graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]);
  const found = (pattern: RegExp): string | undefined =>
    [...names, ...values].find((name) => pattern.test(name));
  const made = `producer is '${producer}${producerVersion === '' ? '' : ` ${producerVersion}`}'`;
  if (metadata.get('author') === 'Ultralytics') {
    return { framework: 'pytorch', library: 'ultralytics', why: "its metadata names 'Ultralytics'" };
  }
  const weight = names.find((name) => /\.(?:weight|bias|running_mean)(?:_quantized|$)/.test(name));
  const layer = found(/^(?:onnx::)?(?:model\.)?(?:conv_stem|blocks\.\d|features\.\d|backbone\.)/);
  if (/^pytorch/i.test(producer) || weight !== undefined) {
    const library = torchLibrary(layer ?? '', found);
    const why = /^pytorch/i.test(producer) ? made : `constants are called like '${weight}'`;
    return { framework: 'pytorch', ...(library === undefined ? {} : { library }), why };
  }
  const slashed = found(/(?:^|\/)(?:Conv2D|depthwise|BiasAdd|FusedBatchNorm\w*|StatefulPartitionedCall)\b/);
  if (/tf2onnx|keras|tensorflow|tflite/i.test(producer) || slashed !== undefined) {
    const isKeras = /keras/i.test(producer) || found(/StatefulPartitionedCall|_relu|Conv1\/|expanded_conv/i);
    const why = /tf2onnx|keras|tensorflow|tflite/i.test(producer) ? made : `a value is called '${slashed}'`;
    return { framework: 'tensorflow', ...(isKeras ? { library: 'keras' } : {}), why };
  }
  const gluon = found(/^mobilenetv?\d?\d?_|_fwd$|hybridsequential\d/);
  if (/mxnet/i.test(producer) || gluon !== undefined) {
    return { framework: 'mxnet', why: gluon === undefined ? made : `a value is called '${gluon}'` };
  }
  if (/darknet/i.test(producer) || found(/^\d{3}_convolutional/) !== undefined) {
    return { framework: 'darknet', why: made };
  }
  return { framework: 'unknown', why: '' };
}

/** Names of layers: timm's conv_stem and blocks, torchvision's features and backbone. */
function torchLibrary(layer: string, found: (pattern: RegExp) => string | undefined): string | undefined {
  if (/conv_stem|blocks\./.test(layer)) return 'timm';
  if (found(/^head\.(?:stems|reg_preds|obj_preds)/) !== undefined) return 'yolox';
  if (/features\.|backbone\./.test(layer)) return 'torchvision';
  if (found(/(?:^|\/)conv_stem(?:\.|\/|$)/) !== undefined) return 'timm';
  if (found(/(?:^|\/)features(?:\.|\/)/) !== undefined) return 'torchvision';
  return undefined;
}

/** Convolutions that look at each channel alone. */
function isDepthwise(node: Node, graph: Graph): boolean {
  if (!/^(?:QLinear)?Conv(?:Integer)?$/.test(node.opType)) return false;
  const group = intOf(node, 'group', 1);
  if (group <= 1) return false;
  const dims = graph.initializers.get(node.inputs[1] ?? '')?.dims;
  return dims === undefined || dims[1] === 1;
}

/** Blocks of V3 by its two sizes (Howard et al. 2019, tables 1 and 2); a detector's head has depthwise convolutions of its own. */
const V3_SIZES: ReadonlyMap<number, string> = new Map([
  [11, 'small'],
  [15, 'large'],
]);

/** What a shortcut joins; the sums of a decoded head are of other things. */
const LAYERS = /Conv|^BatchNormalization$|Add$|^Relu$|^Clip$|^DequantizeLinear$/;

/**
 * By the blocks: V1 has depthwise convolutions and no shortcuts; V2 adds shortcuts with plain or cut-off ReLU; V3 adds hard swish and
 * squeeze-and-excite; V4 begins some blocks with a depthwise convolution.
 */
function architectureOf(graph: Graph): { readonly name: string; readonly why: string } | undefined {
  const depthwise = graph.nodes.filter((node) => isDepthwise(node, graph)).length;
  const convolutions = graph.nodes.filter(({ opType }) => /Conv/.test(opType)).length;
  if (depthwise < 5 || depthwise < convolutions / 5) return undefined;
  const index = new GraphIndex(graph);
  const hasHardSwish = graph.nodes.some(({ opType }) => opType === 'HardSwish' || opType === 'HardSigmoid');
  const shortcuts = graph.nodes.filter(
    ({ opType, inputs }) =>
      /^(?:QLinear)?Add$/.test(opType) &&
      inputs.slice(0, 2).every((input) => LAYERS.test(index.producer(input)?.opType ?? '')),
  ).length;
  const counted = `${depthwise} depthwise of ${convolutions} convolutions`;
  if (hasHardSwish || hasSpelledHardSwish(graph, index)) {
    const size = V3_SIZES.get(depthwise);
    return { name: `MobileNet V3${size === undefined ? '' : `-${size}`}`, why: `${counted}, hard swish` };
  }
  if (shortcuts === 0) return { name: 'MobileNet V1', why: `${counted}, no shortcuts` };
  if (hasLeadingDepthwise(graph, index)) {
    return { name: 'MobileNet V4', why: `${counted}, some of them right after a shortcut` };
  }
  return { name: 'MobileNet V2', why: `${counted}, ${shortcuts} shortcuts, no hard swish` };
}

/** x · clip(x + 3) / 6, as older exports spell it. */
function hasSpelledHardSwish(graph: Graph, index: GraphIndex): boolean {
  return graph.nodes.some(
    ({ opType, inputs }) =>
      opType === 'Mul' &&
      inputs.some((input) => {
        const before = index.producer(input);
        const clip =
          before?.opType === 'Div' || before?.opType === 'Mul' ? index.producer(before.inputs[0]!) : before;
        return clip?.opType === 'Clip' && index.producer(clip.inputs[0]!)?.opType === 'Add';
      }),
  );
}

/** A depthwise convolution of a shortcut's sum: in V1 to V3 a sum goes into a 1x1 convolution. */
function hasLeadingDepthwise(graph: Graph, index: GraphIndex): boolean {
  const past = new Set(['QuantizeLinear', 'DequantizeLinear', 'Identity']);
  return graph.nodes.some((node) => {
    if (!isDepthwise(node, graph)) return false;
    let before = index.producer(node.inputs[0]!);
    while (before !== undefined && past.has(before.opType)) before = index.producer(before.inputs[0]!);
    return before !== undefined && /^(?:QLinear)?Add$/.test(before.opType);
  });
}

// What must be done to the numbers of a picture before the model's input: nothing where the graph does it itself, else what a
// quantized input can hold, else what those do who export with that framework. Pure.
import type { Findings } from './findings.ts';
import {
  type ImportWishes,
  NORMALISATION_NAMES,
  NORMALISATIONS,
  type Normalisation,
  type NormalisationName,
} from './import-wishes.ts';
import type { InputChain, InputFacts } from './recognise-input.ts';
import type { Source } from './recognise-source.ts';
import type { Task } from './tasks.ts';

export interface NormalisationQuestion {
  readonly input: InputFacts;
  readonly source: Source;
  readonly task: Task;
  /** A detector of the YOLO family: those take 0..1. */
  readonly isYolo: boolean;
  /** A YOLO that takes pixels as they are (YOLOX). */
  readonly takesPixels: boolean;
}

/** Asks where it cannot know; then gives 0..255, for the time being. */
export function recogniseNormalisation(
  question: NormalisationQuestion,
  wishes: ImportWishes,
  findings: Findings,
): Normalisation {
  const wished = wishedOf(wishes, findings);
  if (wished !== undefined) return wished;
  const { input } = question;
  if (input.type === 'uint8' || input.type === 'int8') {
    findings.say(`pixels go in as they are, 0..255: the input is ${input.type}`);
    return NORMALISATIONS['0..255'];
  }
  const { steps } = input.chain;
  const isUntouched = steps.length === 0;
  const found =
    insideOf(input.chain) ?? quantizedOf(input.chain) ?? (isUntouched ? conventionOf(question) : undefined);
  if (found !== undefined) {
    findings.say(`pixels become ${WORDS[found.name]}: ${found.why}`);
    return NORMALISATIONS[found.name];
  }
  findings.ask(
    `--normalise <${NORMALISATION_NAMES.join(' | ')}>, or --mean and --scale`,
    `what the model takes for a pixel: ${isUntouched ? 'the graph does not scale its input and nothing tells who made it' : `the graph begins with ${steps.join(', ')}, which suits neither 0..1 nor 0..255`}`,
  );
  return NORMALISATIONS['0..255'];
}

const WORDS: Readonly<Record<NormalisationName, string>> = {
  imagenet: "(x / 255 - mean) / deviation with ImageNet's numbers",
  '-1..1': '-1..1',
  '0..1': '0..1',
  '0..255': 'floats of 0..255',
};

function wishedOf(wishes: ImportWishes, findings: Findings): Normalisation | undefined {
  const { mean, scale, normalise } = wishes;
  if (normalise !== undefined) findings.say(`pixels become ${WORDS[normalise]}: --normalise`);
  const named = normalise === undefined ? undefined : NORMALISATIONS[normalise];
  if (mean === undefined && scale === undefined) return named;
  const numbers = { mean: mean ?? named?.mean ?? [0, 0, 0], scale: scale ?? named?.scale ?? [1, 1, 1] };
  findings.say(`pixels become (x - [${numbers.mean}]) · [${numbers.scale}]: --mean, --scale`);
  return numbers;
}

interface Found {
  readonly name: NormalisationName;
  readonly why: string;
}

/** Normalised numbers of a picture lie this far apart, black and white: 1 for 0..1, 2 for -1..1, 4.5 with ImageNet's. */
const SPAN_MIN = 0.9;
const SPAN_MAX = 6;

/**
 * A graph that scales its input: what that makes of 0..1 and of 0..255 tells which it was made for. The span alone does not: a mean of
 * pixels subtracted, as for models of Caffe, leaves 0..1 as wide as it was, but far from zero.
 */
function insideOf({ gain, bias, steps }: InputChain): Found | undefined {
  if (steps.length === 0) return undefined;
  const span = Math.max(...gain.map(Math.abs));
  const done = `the graph begins with ${steps.join(', ')}`;
  const fits = (size: number): boolean => size >= SPAN_MIN && size <= SPAN_MAX;
  if (fits(span * 255)) return { name: '0..255', why: `${done}, which makes ${rounded(span * 255)} of 255` };
  const isNear = bias.every((each) => Math.abs(each) <= SPAN_MAX);
  if (fits(span) && isNear) return { name: '0..1', why: `${done}, which makes ${rounded(span)} of 1` };
  const isMean = gain.every((each) => each === 1) && bias.every((each) => each <= 0 && each >= -255);
  if (!isMean || isNear) return undefined;
  const mean = bias.map((each) => rounded(-each)).join(', ');
  return { name: '0..255', why: `${done}, which subtracts a mean of pixels (${mean})` };
}

/** The first QuantizeLinear was made for the numbers that really came: the normalisation that fills its range best. */
function quantizedOf({ range, gain, bias }: InputChain): Found | undefined {
  if (range === undefined) return undefined;
  const distances = NORMALISATION_NAMES.map((name) => {
    const { mean, scale } = NORMALISATIONS[name];
    const ends = [0, 255].flatMap((pixel) =>
      [0, 1, 2].map(
        (channel) => (pixel - mean[channel]!) * scale[channel]! * gain[channel]! + bias[channel]!,
      ),
    );
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const distance = (Math.abs(range[0] - low) + Math.abs(range[1] - high)) / (high - low);
    return { name, distance };
  });
  const [best] = distances.sort((a, b) => a.distance - b.distance);
  // Photos need not hold pure black and white in each channel.
  if (best === undefined || best.distance > 0.35) return undefined;
  return {
    name: best.name,
    why: `its first QuantizeLinear holds ${rounded(range[0])} to ${rounded(range[1])}`,
  };
}

/** What those do who export with a framework. */
function conventionOf({ source, task, isYolo, takesPixels }: NormalisationQuestion): Found | undefined {
  const none = 'the graph does not scale its input';
  const { framework, library, architecture } = source;
  if (takesPixels) return { name: '0..255', why: `${none}; YOLOX takes pixels` };
  if (isYolo) return { name: '0..1', why: `${none}; models of the YOLO family take 0..1` };
  if (framework === 'tensorflow') {
    return { name: '-1..1', why: `${none}; MobileNets of TensorFlow and Keras take -1..1` };
  }
  if (task === 'detect' && framework === 'pytorch') {
    return { name: '-1..1', why: `${none}; torchvision's SSDLite takes -1..1` };
  }
  if (framework === 'pytorch' && library === 'timm' && architecture === 'MobileNet V1') {
    return { name: '-1..1', why: `${none}; timm's MobileNet V1 takes -1..1` };
  }
  if (framework === 'pytorch' || framework === 'mxnet') {
    const who =
      framework === 'mxnet' ? "the zoo's MXNet models" : 'torchvision and, but for a few weights, timm';
    return { name: 'imagenet', why: `${none}; ${who} take that` };
  }
  return undefined;
}

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}

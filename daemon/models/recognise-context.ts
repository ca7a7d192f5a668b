// What the recognition of heads shares: what is known by then, values with their sizes, what their numbers tell. Pure.
import type { TensorData } from '../core/infer.ts';
import type { Findings } from './findings.ts';
import type { GraphIndex } from './graph.ts';
import type { Activation, HeadValue } from './head.ts';
import type { ImportWishes } from './import-wishes.ts';
import type { OnnxModel } from './onnx.ts';
import { type InputFacts, shown } from './recognise-input.ts';
import type { Source } from './recognise-source.ts';
import { activationOf, isLinear, lastOperators, tailOf } from './recognise-tail.ts';
import type { Task } from './tasks.ts';

/** What is known when the end of a model is looked at. */
export interface HeadContext {
  readonly model: OnnxModel;
  readonly index: GraphIndex;
  readonly input: InputFacts;
  readonly source: Source;
  readonly wishes: ImportWishes;
  readonly findings: Findings;
  /** Outputs of the graph and the values before them, of one run over a picture. */
  readonly values: ReadonlyMap<string, TensorData>;
}

/** Tells the task, with the reason. */
export type Says = (task: Task, why: string) => void;

/** A value of the run with its sizes. */
export function headValue({ values }: HeadContext, name: string): HeadValue {
  const data = values.get(name);
  if (data === undefined) throw new Error(`bug: '${name}' was not run`);
  return { name, type: data.type, dims: data.dims };
}

/** `'boxes' [1,1500,4] float32`. */
export function wordsOf({ name, type, dims }: HeadValue): string {
  return `'${name}' [${shown(dims)}] ${type}`;
}

/** Undefined where there is no number to tell by. */
export function reachesBeyondOne(data: ArrayLike<number | bigint> | undefined): boolean | undefined {
  if (data === undefined || data.length === 0) return undefined;
  let most = 0;
  for (let i = 0; i < data.length; i += 1) {
    const value = Math.abs(Number(data[i]));
    if (Number.isFinite(value) && value > most) most = value;
  }
  return most > 2;
}

/**
 * Where the channels of maps [1,…] of one head are: the two other sides are shaped as the picture is, those of small maps nearly so. A
 * map with as many channels as places in a row is told by the others.
 */
export function channelAxis(maps: readonly HeadValue[], { layout, size }: InputFacts): 1 | 3 {
  const ratio = size.width / size.height;
  const off = (height: number, width: number): number => Math.abs(Math.log(width / height / ratio));
  let [first, last] = [0, 0];
  for (const { dims } of maps) {
    const [x = 1, y = 1, z = 1] = dims.slice(-3);
    first += off(y, z);
    last += off(x, y);
  }
  if (first === last) return layout === 'nchw' ? 1 : 3;
  return first < last ? 1 : 3;
}

/** What is applied to the scores of a raw head, by the family of its default boxes. */
const APPLIED = {
  tensorflow: { activation: 'sigmoid', by: "TensorFlow's" },
  torchvision: { activation: 'softmax', by: "torchvision's" },
} as const;

/**
 * What is to be done to scores: nothing when the graph has done it, or when they lie in 0..1; else what the family does; without one
 * it is asked for.
 */
export function scoresLeft(
  { findings, wishes, model, index, values }: HeadContext,
  scores: HeadValue,
  family?: keyof typeof APPLIED,
): Activation {
  if (wishes.activation !== undefined) return wishes.activation;
  const tail = tailOf(model.graph, index, scores.name);
  const last = lastOperators(tail);
  if (activationOf(tail) !== 'none') {
    findings.say(`scores are probabilities: the graph ends with ${last}`);
    return 'none';
  }
  const isRaw = tail.every(({ node }) => isLinear(model.graph, index, node));
  if (!isRaw && liesIn01(values.get(scores.name)!.data as ArrayLike<number>)) {
    findings.say(`scores are probabilities: they lie in 0..1 and come from ${last}`);
    return 'none';
  }
  if (family === undefined) {
    findings.ask(
      '--activation <none | softmax | sigmoid>',
      `what makes probabilities of ${wordsOf(scores)}, which come from ${last}`,
    );
    return 'none';
  }
  const { activation, by } = APPLIED[family];
  findings.say(
    `scores are logits: they come from ${last}; ${activation} is what ${by} SSD applies (--activation)`,
  );
  return activation;
}

function liesIn01(data: ArrayLike<number>): boolean {
  for (let i = 0; i < data.length; i += 1) if (!(data[i]! >= 0 && data[i]! <= 1)) return false;
  return true;
}

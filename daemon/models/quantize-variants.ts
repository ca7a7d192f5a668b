// Variants of a quantized model and which of them loses least: how the ranges are found, channels equalised or not, sensitive layers
// with other ranges or in float, biases corrected or not. Each is built, run and judged; the work folder keeps every verdict. The
// same pictures give the same choice. Main thread of a command.
import { calibrate, rangesOf } from './calibrate.ts';
import type { Histogram } from './calibrate-histogram.ts';
import { channelPeaks } from './calibrate-peaks.ts';
import { type RangeRule, RULES } from './calibrate-range.ts';
import { equalise, valuesBetween } from './equalise.ts';
import { prepare } from './fold.ts';
import { GraphIndex } from './graph.ts';
import type { Node, OnnxModel } from './onnx.ts';
import { activationsToObserve, quantizeGraph } from './qdq.ts';
import { headConvolutions } from './qdq-body.ts';
import type { Range } from './qdq-params.ts';
import { type KeptRounding, roundLayers, withRounding } from './quantize-rounding.ts';
import type { QuantizeRun } from './quantize-run.ts';
import { Judge, type Layer, type LayerError, layerNoise } from './sensitivity.ts';

/** All that decides what a quantized model is, beside the pictures. */
export interface Choice {
  readonly rule: RangeRule;
  readonly equalised: boolean;
  /** Weights rounded together (round-weights.ts), not each to its nearest integer. */
  readonly together: boolean;
  /** Values with ranges by another rule. */
  readonly otherwise: Readonly<Record<string, RangeRule>>;
  /** Nodes in float: asked for, or found to be sensitive. */
  readonly keepFloat: readonly string[];
}

export interface Chosen {
  readonly choice: Choice;
  /** Of the outputs, see fidelity.ts. */
  readonly error: number;
  /** By layer: the share of the error that was gone with it in float. */
  readonly gains: Readonly<Record<string, number>>;
}

interface Judged {
  readonly choice: Choice;
  readonly error: number;
}

export interface Built {
  readonly model: OnnxModel;
  /** Nodes of the body in float, and why. */
  readonly floatNodes: { readonly name: string; readonly reason: string }[];
}

/** A layer in float must leave less than this part of the error. */
const BETTER = 0.95;
/** A layer stands out when the outputs would be so much better with it in float (share of the error). */
const STANDS_OUT = 0.25;
/** Layers that are tried in float: those that add most noise of their own. */
const TRIED_MAX = 12;
const SENSITIVE_MAX = 3;
/** Below this the outputs are as good as the same, and nothing is tried. */
const ERROR_MIN = 1e-4;
/** Why the last convolution of a head is left as it is. */
const HEAD = 'what it gives is the answer: 255 steps are too few';
/** Rules of ranges that are tried again with other forms of the graph: the best ones. */
const RULES_KEPT = 2;

/** The form of the graph that others must beat. */
const PLAIN = { equalised: false, together: false } as const;
/** Forms of which the first is taken that makes so much less error. */
const FORMS = [
  { equalised: true, together: true },
  { equalised: false, together: true },
] as const;
const WORTH = 0.9;

export class Variants {
  readonly #run: QuantizeRun;
  readonly #prepared = new Map<boolean, OnnxModel>();
  readonly #histograms = new Map<boolean, Map<string, Histogram>>();
  readonly #roundings = new Map<boolean, KeptRounding>();
  #judging: Promise<Judge> | undefined;

  constructor(run: QuantizeRun) {
    this.#run = run;
  }

  /** The float model that quantized ones are made of. */
  async prepared(equalised: boolean): Promise<OnnxModel> {
    const known = this.#prepared.get(equalised);
    if (known !== undefined) return known;
    const made = equalised ? await this.#equalised() : prepare(this.#run.model);
    this.#prepared.set(equalised, made);
    return made;
  }

  /** The values between convolutions whose channels can be equalised; and the ranges of all. */
  async #toEqualise(): Promise<{ readonly values: string[]; readonly ranges: Map<string, Range> }> {
    const ranges = rangesOf(await this.#calibrated(false), { method: 'min-max' });
    return { values: valuesBetween(await this.prepared(false), ranges), ranges };
  }

  async #equalised(): Promise<OnnxModel> {
    const { work, feeds, runtime, onProgress } = this.#run;
    const plain = await this.prepared(false);
    const { values, ranges } = await this.#toEqualise();
    const job = { ...runtime, model: plain, values, feeds: feeds.calibration };
    const peaks = await work.once('peaks', () =>
      channelPeaks(job, (done, of) => onProgress('measuring channels', done, of)),
    );
    return equalise(plain, { peaks: new Map(Object.entries(peaks)), ranges }).model;
  }

  /** The variant that loses least. */
  async choose(): Promise<Chosen> {
    const { method } = this.#run.options;
    const rules: readonly RangeRule[] = method === undefined ? RULES : [{ method }];
    const plain = await this.#best(PLAIN, rules);
    if (plain[0].error < ERROR_MIN) return { ...plain[0], gains: {} };
    const good = plain.slice(0, RULES_KEPT).map(({ choice }) => choice.rule);
    let [best] = plain;
    for (const form of FORMS) {
      if (form.equalised && (await this.#toEqualise()).values.length === 0) continue;
      const [found] = await this.#best(form, good);
      if (found.error >= best.error * WORTH) continue;
      best = found;
      break;
    }
    const gains = await this.#gains(best);
    return { ...(await this.#withSensitive(best, gains)), gains };
  }

  /** One form with each of the rules, the best first. */
  async #best(
    form: Pick<Choice, 'equalised' | 'together'>,
    rules: readonly RangeRule[],
  ): Promise<[Judged, ...Judged[]]> {
    const { keepFloat } = this.#run.options;
    const judged: Judged[] = [];
    for (const [at, rule] of rules.entries()) {
      judged.push(await this.#judge({ rule, ...form, otherwise: {}, keepFloat }));
      this.#run.onProgress('trying variants', at + 1, rules.length);
    }
    const [first, ...others] = judged.sort((a, b) => a.error - b.error);
    return [first!, ...others];
  }

  /** `fast`: the form for use, of the same integers; what measures layers needs the channels of the float model. */
  async build(choice: Choice, fast = false): Promise<Built> {
    const { rule, equalised, together, otherwise, keepFloat } = choice;
    const prepared = await this.prepared(equalised);
    const histograms = await this.#calibrated(equalised);
    const ranges = rangesOf(histograms, rule);
    for (const [value, other] of Object.entries(otherwise)) {
      ranges.set(value, this.#rangeBy(histograms, value, other));
    }
    const heads = headConvolutions(prepared);
    const kept = new Set([...heads, ...keepFloat]);
    const rounding = together ? await this.#rounding(prepared, equalised) : {};
    const { model: source, scales } = withRounding(prepared, rounding, kept);
    const { model, report } = quantizeGraph(source, { ranges, keepFloat: kept, scales, fast });
    const asked = this.#run.options.keepFloat;
    const floatNodes = report.floatNodes.map(({ name, reason }) => {
      if (heads.includes(name)) return { name, reason: HEAD };
      if (asked.includes(name)) return { name, reason: 'asked for' };
      return { name, reason: keepFloat.includes(name) ? 'the outputs are much better so' : reason };
    });
    return { model, floatNodes };
  }

  async #rounding(model: OnnxModel, equalised: boolean): Promise<KeptRounding> {
    const known = this.#roundings.get(equalised);
    if (known !== undefined) return known;
    const { work, feeds, runtime, onProgress } = this.#run;
    const found = await work.onceApart(`rounding-${equalised ? 'equalised' : 'plain'}`, () =>
      roundLayers({
        ...runtime,
        model,
        feeds: feeds.calibration,
        onProgress: (done, of) => onProgress('rounding weights', done, of),
      }),
    );
    this.#roundings.set(equalised, found);
    return found;
  }

  #rangeBy(histograms: ReadonlyMap<string, Histogram>, value: string, rule: RangeRule): Range {
    return rangesOf(new Map([[value, histograms.get(value)!]]), rule).get(value)!;
  }

  async #calibrated(equalised: boolean): Promise<Map<string, Histogram>> {
    const known = this.#histograms.get(equalised);
    if (known !== undefined) return known;
    const { work, feeds, runtime, onProgress } = this.#run;
    const model = await this.prepared(equalised);
    const stage = equalised ? 'calibrating again, channels equalised' : 'calibrating';
    const found = await calibrate({
      ...runtime,
      model,
      values: activationsToObserve(model),
      feeds: feeds.calibration,
      keeper: work.keeper(equalised ? 'equalised' : 'plain'),
      onProgress: (done, of) => onProgress(stage, done, of),
    });
    this.#histograms.set(equalised, found);
    return found;
  }

  /** Built, run and judged once in all runs. */
  async #judge(choice: Choice): Promise<Judged> {
    const error = await this.#run.work.once(`error of ${JSON.stringify(choice)}`, async () => {
      const { model } = await this.build(choice);
      return (await this.#judges()).errorOf(model);
    });
    return { choice, error };
  }

  #judges(): Promise<Judge> {
    const { manifest, feeds, runtime } = this.#run;
    const { decoder } = manifest;
    this.#judging ??= this.prepared(false).then((float) =>
      Judge.of({ ...runtime, float, decoder, feeds: feeds.calibration }),
    );
    return this.#judging;
  }

  /** What the layers that add most noise cost the outputs. */
  async #gains(best: Judged): Promise<Record<string, number>> {
    const { choice, error } = best;
    const noise = await this.layerErrors(choice);
    const tried = noisiest(noise, await this.prepared(choice.equalised)).slice(0, TRIED_MAX);
    const gains: Record<string, number> = {};
    for (const [at, layer] of tried.entries()) {
      const inFloat = await this.#judge({ ...choice, keepFloat: [...choice.keepFloat, layer] });
      this.#run.onProgress('looking for sensitive layers', at + 1, tried.length);
      gains[layer] = (error - inFloat.error) / error;
    }
    return gains;
  }

  /** Layers that stand out: other ranges where those do half as well, else float. */
  async #withSensitive(best: Judged, gains: Readonly<Record<string, number>>): Promise<Judged> {
    const sensitive = Object.entries(gains)
      .filter(([, gain]) => gain >= STANDS_OUT)
      .sort(([, a], [, b]) => b - a)
      // Of a small model all may stand out: the least of them stays.
      .slice(0, Math.min(SENSITIVE_MAX, Object.keys(gains).length - 1));
    let now = best;
    for (const [layer] of sensitive) {
      const inFloat = await this.#judge({ ...now.choice, keepFloat: [...now.choice.keepFloat, layer] });
      if (inFloat.error > now.error * BETTER) continue;
      let ranged = inFloat;
      for (const otherwise of await this.#otherRanges(layer, now.choice)) {
        const judged = await this.#judge({ ...now.choice, otherwise });
        if (now.error - judged.error >= (now.error - inFloat.error) / 2) ranged = judged;
      }
      now = ranged;
    }
    return now;
  }

  /** By each of the other rules: ranges of what goes into a layer and comes out of it. */
  async #otherRanges(layer: string, { equalised, rule, otherwise }: Choice): Promise<Choice['otherwise'][]> {
    const model = await this.prepared(equalised);
    const observed = new Set(activationsToObserve(model));
    const node = model.graph.nodes.find(({ name }) => name === layer)!;
    const after = new GraphIndex(model.graph).consumers(node.outputs[0]!).flatMap(({ outputs }) => outputs);
    const values = [node.inputs[0]!, node.outputs[0]!, ...after].filter((value) => observed.has(value));
    return RULES.filter((other) => other !== rule).map((other) => ({
      ...otherwise,
      ...Object.fromEntries(values.map((value) => [value, other])),
    }));
  }

  /** The noise in the output of every convolution of a variant. */
  async layerErrors(choice: Choice): Promise<LayerError[]> {
    const { work, feeds, runtime, onProgress } = this.#run;
    return work.once(`layers of ${JSON.stringify(choice)}`, async () => {
      const float = await this.prepared(choice.equalised);
      const { model: int8 } = await this.build(choice);
      return layerNoise({
        ...runtime,
        float,
        int8,
        layers: layersOf(float, int8),
        feeds: feeds.calibration,
        onProgress: (done, of) => onProgress('measuring layers', done, of),
      });
    });
  }
}

/** Convolutions and the value of each that both graphs have: its output, or what a bound makes of that. */
function layersOf(float: OnnxModel, int8: OnnxModel): Layer[] {
  const index = new GraphIndex(float.graph);
  const quantized = new GraphIndex(int8.graph);
  const isFloat = new Set(
    int8.graph.nodes
      .filter(({ opType, inputs }) => opType === 'Conv' && !isDequantized(quantized, inputs[1]))
      .map(({ name }) => name),
  );
  return float.graph.nodes
    .filter(({ opType }) => opType === 'Conv')
    .flatMap((node) => {
      const [output] = node.outputs;
      const bounded = index.consumers(output!)[0]?.outputs[0];
      for (const value of [output, bounded]) {
        const found = value === undefined ? undefined : sameValue(quantized, value);
        if (value !== undefined && found !== undefined) {
          return [{ name: node.name, floatValue: value, int8Value: found, isFloat: isFloat.has(node.name) }];
        }
      }
      return [];
    });
}

function isDequantized(index: GraphIndex, value: string | undefined): boolean {
  return value !== undefined && index.producer(value)?.opType === 'DequantizeLinear';
}

/** The value of a quantized graph that stands for one of the float graph. */
function sameValue(index: GraphIndex, value: string): string | undefined {
  // Names that qdq-write.ts gives.
  return [`${value}_dq`, `${value}_f`, value].find((name) => index.producer(name) !== undefined);
}

/** Layers by what they add to the noise of those before them, most first. */
function noisiest(errors: readonly LayerError[], { graph }: OnnxModel): string[] {
  const index = new GraphIndex(graph);
  const byName = new Map(errors.map((error) => [error.layer, error]));
  const added = errors
    .filter(({ isFloat, sqnrDb }) => !isFloat && sqnrDb !== null)
    .map(({ layer, sqnrDb }) => {
      const node = graph.nodes.find(({ name }) => name === layer)!;
      const before = convolutionsBefore(node, index).flatMap(({ name }) => byName.get(name)?.sqnrDb ?? []);
      return { layer, drop: Math.min(...before, NOISELESS_DB) - sqnrDb! };
    });
  return added.sort((a, b) => b.drop - a.drop).map(({ layer }) => layer);
}

/** What the picture itself has: half a step of 255. */
const NOISELESS_DB = 50;

/** The nearest convolutions on every way back. */
function convolutionsBefore(node: Node, index: GraphIndex): Node[] {
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const back = [node];
  for (let at = back.pop(); at !== undefined; at = back.pop()) {
    for (const input of at.inputs) {
      const producer = index.producer(input);
      if (producer === undefined || seen.has(producer)) continue;
      seen.add(producer);
      if (producer.opType === 'Conv') found.add(producer);
      else back.push(producer);
    }
  }
  return [...found];
}

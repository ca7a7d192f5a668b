// The recommendation in plain words: what was chosen and why, what the alternatives cost, and what MobileNet's two multipliers
// would make of the room that is left. Pure.
import {
  type BenchModel,
  type BenchRow,
  isMeasured,
  type MeasuredRow,
  sameLabels,
  sameSetting,
} from './benchmark.ts';
import {
  BUSY_MAX,
  brokenWords,
  busyShare,
  type Choice,
  choose,
  cpuCost,
  type Ground,
  percent,
  pixelsOf,
  type RecommendFacts,
  refusalOf,
} from './recommend.ts';

export interface Recommendation {
  readonly choice?: Choice;
  /** One sentence. */
  readonly headline: string;
  /** Why, and what the alternatives cost. */
  readonly reasons: readonly string[];
  /** Width and resolution multipliers, with this board's figures. */
  readonly multipliers: readonly string[];
}

export function recommend(facts: RecommendFacts): Recommendation {
  const choice = choose(facts);
  if (choice === undefined) {
    return {
      headline: 'nothing can be recommended: no model was measured that can be taken',
      reasons: facts.models.flatMap((model) => refusalSentence(model, facts)),
      multipliers: [],
    };
  }
  return {
    choice,
    headline: headlineOf(choice, facts),
    reasons: [
      groundSentence(choice),
      loadSentence(choice, facts),
      ...threadSentences(choice, facts),
      ...spinningSentences(choice, facts),
      ...providerSentences(choice, facts),
      ...otherModels(choice, facts),
    ],
    multipliers: [RULE, ...siblingSentences(facts), roomSentence(choice, facts)],
  };
}

function headlineOf({ row, keepsUp }: Choice, facts: RecommendFacts): string {
  const { framesPerS } = facts.need;
  const share = percent((cpuCost(row) * framesPerS) / 1000);
  const cost = `${ms(row.figures.p50Ms)} a frame (p50), ${share} of a core at ${number(framesPerS)} frames a second`;
  return `${wayOf(row)}: ${cost}${keepsUp ? '' : '; it does not keep up with the cameras'}`;
}

const GROUNDS: Readonly<Record<Ground, string>> = {
  evaluated: 'it has the highest AP at IoU 0.5 of those that keep up, or one as good for less CPU time',
  resolution:
    'of the models with its labels that keep up it has the largest input, and sees the most of what is small',
  current:
    'it is the model of the configuration, and nothing that was measured says that another one sees better (vedette models eval would)',
  twin: 'it is the network of the configuration in the form that costs less',
  cost: 'nothing that was measured says which of those that keep up sees better (vedette models eval would); it costs the least CPU time',
  only: 'no other model was measured that keeps up and can be taken',
  fastest: 'no model that was measured keeps up; this is the fastest',
};

function groundSentence({ model, ground }: Choice): string {
  const { evaluation } = model;
  const map50 = evaluation === undefined ? '' : `; AP50 ${evaluation.map50.toFixed(3)} on ${evaluation.set}`;
  return `${model.name}: ${GROUNDS[ground]}${map50}`;
}

function loadSentence({ row, keepsUp }: Choice, facts: RecommendFacts): string {
  const { cameras, framesPerS, runsPerS } = facts.need;
  const asked = `${cameras} ${cameras === 1 ? 'camera sends' : 'cameras send'} ${number(framesPerS)} frames a second, with closer looks at most ${number(runsPerS)} runs`;
  const hot = facts.hotFactor === undefined ? '' : `, ${facts.hotFactor.toFixed(2)} times that while hot`;
  const busy = `at ${ms(row.figures.p90Ms)} each (p90${hot}) the detector is busy for ${percent(busyShare(row, facts))} of the time`;
  if (keepsUp) return `${asked}: ${busy} then (limit ${percent(BUSY_MAX)})`;
  const share = BUSY_MAX / busyShare(row, facts);
  const fps = (framesPerS / cameras) * share;
  return `${asked}: ${busy} then (limit ${percent(BUSY_MAX)}); set detect.fps to ${fps.toFixed(1)}, or regions.perS lower, or have fewer cameras`;
}

/** The same model and provider with other numbers of threads. */
function threadSentences({ row }: Choice, { rows }: RecommendFacts): string[] {
  const others = rows.filter(isMeasured).filter((other) => isSame(other, row) && !other.spinning);
  return others
    .filter(({ threads }) => threads !== row.threads)
    .map((other) => `${threads(other.threads)}: ${comparison(other, row)}`);
}

function isSame(a: BenchRow, b: BenchRow): boolean {
  return a.model === b.model && a.provider === b.provider;
}

/** "1.3 times faster, and a frame takes 1.4 times the CPU time". */
function comparison(other: MeasuredRow, chosen: MeasuredRow): string {
  const faster = chosen.figures.p50Ms / other.figures.p50Ms;
  const speed =
    faster >= 1.05
      ? `${faster.toFixed(1)} times faster`
      : faster > 0.95
        ? 'no faster'
        : `${(1 / faster).toFixed(1)} times slower`;
  const cost = cpuCost(other) / cpuCost(chosen);
  const cpu = cost > 0.95 && cost < 1.05 ? 'about the same' : `${cost.toFixed(1)} times the`;
  return `${speed} (${ms(other.figures.p50Ms)}), and a frame takes ${cpu} CPU time`;
}

/** What spinning would do to the chosen row, or else to the model's row with the most threads. */
function spinningSentences({ row }: Choice, { rows }: RecommendFacts): string[] {
  const measured = rows.filter(isMeasured).filter((other) => isSame(other, row));
  const spun = measured
    .filter(({ spinning }) => spinning)
    .sort((a, b) => Math.abs(a.threads - row.threads) - Math.abs(b.threads - row.threads))[0];
  const still = measured.find(
    (other) => spun !== undefined && sameSetting(other, { ...spun, spinning: false }),
  );
  if (spun === undefined || still === undefined) return [];
  const pace = spun.figures.paced === undefined ? '' : ` at ${number(spun.figures.paced.perS)} a second`;
  const cost = `a frame${pace} takes ${(cpuCost(spun) / cpuCost(still)).toFixed(1)} times the CPU time (${ms(cpuCost(spun))} against ${ms(cpuCost(still))})`;
  return [`${threads(spun.threads)} that spin while they wait: ${cost}; the daemon never lets them`];
}

/** The chosen model on each other provider: its fastest row there, or why there is none. */
function providerSentences({ row }: Choice, { rows }: RecommendFacts): string[] {
  const own = rows.filter(({ model, spinning }) => model === row.model && !spinning);
  const others = new Set(own.map(({ provider }) => provider));
  others.delete(row.provider);
  return [...others].map((provider) => {
    const there = own.filter((other) => other.provider === provider);
    const reason = there.map((other) => other.reason ?? brokenWords(other, rows)).find(Boolean);
    if (reason !== undefined) return `${provider}: not used: ${reason}`;
    const [best] = there.filter(isMeasured).sort((a, b) => a.figures.p50Ms - b.figures.p50Ms);
    return `${provider}: ${comparison(best!, row)}`;
  });
}

/** Each other model, run in the same way, or why it cannot be taken. */
function otherModels({ row, model }: Choice, facts: RecommendFacts): string[] {
  return facts.models
    .filter(({ name }) => name !== model.name)
    .flatMap((other) => {
      const refusal = refusalSentence(other, facts);
      if (refusal.length > 0) return refusal;
      const measured = facts.rows.filter(isMeasured);
      const own = measured.find((one) => sameSetting(one, { ...row, model: other.name }));
      if (own === undefined) return [];
      const isLighter = sameLabels(other, model) && pixelsOf(other) < pixelsOf(model);
      const use = isLighter ? '; it can be detector.lighter (docs/ladder.md)' : '';
      return [`${other.name}: ${comparison(own, row)}${use}`];
    });
}

function refusalSentence(model: BenchModel, facts: RecommendFacts): string[] {
  const refusal = refusalOf(model, facts);
  return refusal === undefined ? [] : [`${model.name}: not considered: ${refusal}`];
}

/** Howard et al. 2017, MobileNets (arXiv 1704.04861), 3.3 and 3.4. */
const RULE =
  'a MobileNet is made cheaper in two ways: alpha times as many channels in every layer costs about alpha² of the time and of the file, a picture rho times as wide and high costs rho² of the time and none of the file; both see less';

/** Where the same network was measured with two pictures: the rule held against this board. */
function siblingSentences({ models, rows }: RecommendFacts): string[] {
  const measured = rows.filter(isMeasured).filter(({ spinning }) => !spinning);
  return models.flatMap((small) =>
    models.flatMap((large) => {
      if (!isSibling(small, large) || pixelsOf(small) >= pixelsOf(large)) return [];
      const ofSmall = measured.find(({ model }) => model === small.name);
      const ofLarge = measured.find((row) => ofSmall && sameSetting(row, { ...ofSmall, model: large.name }));
      if (ofSmall === undefined || ofLarge === undefined) return [];
      const share = pixelsOf(small) / pixelsOf(large);
      const time = ofSmall.figures.p50Ms / ofLarge.figures.p50Ms;
      return [
        `${small.name} is ${large.name} with rho ${Math.sqrt(share).toFixed(2)}: by the rule ${share.toFixed(2)} of the time, here ${time.toFixed(2)}`,
      ];
    }),
  );
}

/** Weights of the same number, labels and precision: one network; an int8 file may have some numbers more or less. */
function isSibling(a: BenchModel, b: BenchModel): boolean {
  const ratio = a.parameters / b.parameters;
  return a.name !== b.name && a.precision === b.precision && sameLabels(a, b) && ratio > 0.98 && ratio < 1.02;
}

/** Sides that networks with a stride of 32 take. */
const SIDE_STEP = 32;
/** More than this is no forecast any more. */
const ROOM_MAX = 16;

/** What the room that is left, or missing, is in multipliers. */
function roomSentence({ row, model }: Choice, facts: RecommendFacts): string {
  const room = BUSY_MAX / busyShare(row, facts);
  const factor = Math.min(room, ROOM_MAX);
  const multiplier = Math.sqrt(factor);
  const side = Math.max(SIDE_STEP, Math.floor((model.width * multiplier) / SIDE_STEP) * SIDE_STEP);
  const times = `${room > ROOM_MAX ? 'more than ' : ''}${number(factor)} times`;
  const ways = `alpha ${multiplier.toFixed(2)}, or an input ${side} pixels wide instead of ${model.width} (rho ${(side / model.width).toFixed(2)}), or a part of both (alpha² x rho² = ${number(factor)})`;
  return room >= 1
    ? `for these cameras the board has room for ${times} the work of ${model.name}: ${ways}`
    : `these cameras leave ${number(factor)} of the work of ${model.name}: ${ways}`;
}

function wayOf({ model, provider, threads: count }: MeasuredRow): string {
  return `${model} on ${provider} with ${threads(count)}`;
}

function threads(count: number): string {
  return `${count} ${count === 1 ? 'thread' : 'threads'}`;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Three digits that matter, no trailing zeros. */
function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

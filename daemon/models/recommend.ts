// Which model, provider and number of threads suit this board, by what was measured on it and what the cameras ask for. Pure.
// The words for it are in recommend-words.ts.
import {
  type BenchModel,
  type BenchRow,
  isMeasured,
  isTwin,
  type MeasuredRow,
  sameLabels,
} from './benchmark.ts';

/** What the cameras ask for. */
export interface Need {
  readonly cameras: number;
  /** Frames of all cameras. */
  readonly framesPerS: number;
  /** Runs of the model at most, closer looks at parts of frames included. */
  readonly runsPerS: number;
}

export interface RecommendFacts {
  readonly models: readonly BenchModel[];
  readonly rows: readonly BenchRow[];
  readonly need: Need;
  /** The model of the configuration; what is not known better stays. */
  readonly current: string;
  /** Models that cannot be taken, and why. */
  readonly unfit?: ReadonlyMap<string, string>;
  /** How many times longer a run takes on the hot board; default 1. */
  readonly hotFactor?: number;
}

/** What spoke for the model. */
export type Ground = 'evaluated' | 'resolution' | 'current' | 'twin' | 'cost' | 'only' | 'fastest';

export interface Choice {
  readonly row: MeasuredRow;
  readonly model: BenchModel;
  /** False where nothing that was measured does: this is then what comes nearest. */
  readonly keepsUp: boolean;
  readonly ground: Ground;
}

/** The detector is busy for this share of the time at most: the rest is for decoders, trackers and worse moments. */
export const BUSY_MAX = 0.7;
/** A row that finds less than this share of what the best one finds in the golden pictures is broken here. */
const GOLDEN_SHARE_MIN = 0.5;
/** CPU times closer than this are the same on a busy board. */
const SAME_COST = 1.05;
const CLEARLY_FASTER = 1.2;
/** As are APs. */
const SAME_MAP50 = 0.01;

/** CPU time that a frame costs (milliseconds): at the cameras' pace where that was measured. */
export function cpuCost({ figures }: MeasuredRow): number {
  return figures.paced?.cpuMs ?? figures.cpuMs;
}

/** Share of the time that the detector is busy at most, 1 being all of it. */
export function busyShare({ figures }: MeasuredRow, { need, hotFactor = 1 }: RecommendFacts): number {
  return (figures.p90Ms * hotFactor * need.runsPerS) / 1000;
}

export function keepsUp(row: MeasuredRow, facts: RecommendFacts): boolean {
  return busyShare(row, facts) <= BUSY_MAX;
}

/** Why a model cannot be recommended; undefined where it can. */
export function refusalOf(model: BenchModel, { unfit, rows }: RecommendFacts): string | undefined {
  const told = unfit?.get(model.name);
  if (told !== undefined) return told;
  if (model.task !== 'detect') return `its task is '${model.task}', the detector runs models that detect`;
  const own = rows.filter((row) => row.model === model.name && row.figures !== undefined);
  const broken = own.map((row) => brokenWords(row, rows));
  return broken.includes(undefined) ? undefined : broken[0];
}

/** Why a row is not to be trusted, by what others find in the same pictures; undefined where nothing speaks against it. */
export function brokenWords(row: BenchRow, rows: readonly BenchRow[]): string | undefined {
  const share = goldenShare(row);
  const best = Math.max(0, ...rows.map(goldenShare).filter((one) => one !== undefined));
  if (share === undefined || share >= best * GOLDEN_SHARE_MIN) return undefined;
  return `it finds ${percent(share)} of what the golden pictures show, another row ${percent(best)}: something is wrong with it here`;
}

function goldenShare({ golden }: BenchRow): number | undefined {
  return golden === undefined || golden.expected === 0 ? undefined : golden.found / golden.expected;
}

/** Whole per cent. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** The choice, or undefined where no model that could be taken was measured. The daemon never lets threads spin. */
export function choose(facts: RecommendFacts): Choice | undefined {
  const fit = facts.models.filter((model) => refusalOf(model, facts) === undefined);
  const rows = facts.rows
    .filter(isMeasured)
    .filter((row) => !row.spinning && brokenWords(row, facts.rows) === undefined);
  const of = ({ name }: BenchModel): MeasuredRow[] => rows.filter(({ model }) => model === name);
  const able = fit.filter((model) => of(model).some((row) => keepsUp(row, facts)));
  if (able.length > 0) {
    const { model, ground } = bestModel(able, facts, (one) => cheapest(of(one), facts)!);
    return { row: cheapest(of(model), facts)!, model, keepsUp: true, ground };
  }
  const fastest = fit.flatMap(of).sort((a, b) => a.figures.p90Ms - b.figures.p90Ms)[0];
  if (fastest === undefined) return undefined;
  const model = fit.find(({ name }) => name === fastest.model)!;
  return { row: fastest, model, keepsUp: false, ground: 'fastest' };
}

/**
 * Of the rows that keep up and cost about as little CPU time a frame as any the one with the fewest threads, or one that is clearly
 * faster: a second thread takes a core from decoders and trackers for a while.
 */
function cheapest(rows: readonly MeasuredRow[], facts: RecommendFacts): MeasuredRow | undefined {
  const able = rows.filter((row) => keepsUp(row, facts));
  const least = Math.min(...able.map(cpuCost));
  const [first, ...more] = able
    .filter((row) => cpuCost(row) <= least * SAME_COST)
    .sort((a, b) => a.threads - b.threads || a.figures.p50Ms - b.figures.p50Ms);
  return more.reduce(
    (best, row) => (row.figures.p50Ms * CLEARLY_FASTER <= best!.figures.p50Ms ? row : best),
    first,
  );
}

/**
 * By AP where all of them were evaluated on the same photos. Where not, nothing says that a strange model sees better: among
 * those with the labels of the current one, which are most likely its kin, the one with the largest picture; of the same
 * picture the current network, in the precision that costs less. Without any kin the one that costs least.
 */
function bestModel(
  able: readonly BenchModel[],
  facts: RecommendFacts,
  rowOf: (model: BenchModel) => MeasuredRow,
): { model: BenchModel; ground: Ground } {
  const byCost = (a: BenchModel, b: BenchModel): number => cpuCost(rowOf(a)) - cpuCost(rowOf(b));
  if (able.length === 1) return { model: able[0]!, ground: 'only' };
  const sets = new Set(able.map(({ evaluation }) => evaluation?.set));
  if (sets.size === 1 && !sets.has(undefined)) {
    const best = Math.max(...able.map(({ evaluation }) => evaluation!.map50));
    const near = able.filter(({ evaluation }) => evaluation!.map50 >= best - SAME_MAP50);
    return { model: near.sort(byCost)[0]!, ground: 'evaluated' };
  }
  const current = facts.models.find(({ name }) => name === facts.current);
  const kin = current === undefined ? [] : able.filter((model) => sameLabels(model, current));
  if (current === undefined || kin.length === 0) return { model: able.toSorted(byCost)[0]!, ground: 'cost' };
  const pixels = Math.max(...kin.map(pixelsOf));
  const largest = kin.filter((model) => pixelsOf(model) === pixels).sort(byCost);
  const own = largest.find((one) => one === current || isTwin(one, current));
  const model = own ?? largest[0]!;
  if (kin.some((one) => pixelsOf(one) < pixels)) return { model, ground: 'resolution' };
  return { model, ground: own === undefined ? 'cost' : own === current ? 'current' : 'twin' };
}

export function pixelsOf({ width, height }: BenchModel): number {
  return width * height;
}

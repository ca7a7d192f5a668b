// What a benchmark of models on this board consists of: the rows (model × provider × threads × spinning), the rounds in which
// they take turns, and one set of figures a row from its rounds. Pure: measures nothing, knows no process and no clock.
import { median, percentile } from '../platform/percentiles.ts';
import type { GoldenScore } from './golden-score.ts';
import type { Precision } from './graph-facts.ts';
import type { Task } from './tasks.ts';

/** A model as it is measured. */
export interface BenchModel {
  /** As detector.model names it. */
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly task: Task;
  readonly labels: readonly string[];
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly precision: Precision;
  /** Of the model that it was quantized from, where its manifest says so. */
  readonly floatSha256?: string;
  /** Weights and biases. */
  readonly parameters: number;
  /** AP at IoU 0.5 on labelled photos (`vedette models eval`), 0..1, and which. */
  readonly evaluation?: { readonly map50: number; readonly set: string };
}

/** One way to run a model. */
export interface BenchSetting {
  readonly model: string;
  readonly provider: string;
  readonly threads: number;
  /** Idle threads go on spinning. */
  readonly spinning: boolean;
}

/** Frames at a pace, as cameras send them: with pauses in which caches cool and clocks fall. */
export interface PacedRound {
  readonly perS: number;
  readonly runsMs: readonly number[];
  /** Of the process, the pauses included. */
  readonly cpuMs: number;
}

/** What came of one turn of a row. */
export interface BenchRound {
  readonly loadMs: number;
  /** One after the other, after warm-up. */
  readonly runsMs: readonly number[];
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly paced?: PacedRound;
  /** Hottest zone before and after; absent where the board has none. */
  readonly celsius?: readonly [before: number, after: number];
  /** Under-voltage and throttling seen. */
  readonly flags: readonly string[];
}

/** Medians of the rounds; `worstMs` is the worst run of all. */
export interface BenchFigures {
  readonly rounds: number;
  readonly runs: number;
  readonly loadMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** CPU time of the process for one frame, frames one after the other. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly paced?: { readonly perS: number; readonly p50Ms: number; readonly cpuMs: number };
  readonly celsius?: readonly [from: number, to: number];
  readonly flags: readonly string[];
}

/** A row of the table: figures, or why there are none. */
export interface BenchRow extends BenchSetting {
  readonly figures?: BenchFigures;
  readonly reason?: string;
  readonly golden?: GoldenScore;
  /** Measured then (milliseconds since 1970), not in this run. */
  readonly keptAtMs?: number;
}

/** A row with figures. */
export type MeasuredRow = BenchRow & { readonly figures: BenchFigures };

export function isMeasured(row: BenchRow): row is MeasuredRow {
  return row.figures !== undefined;
}

/** The figures of a row. Every round has at least one run. */
export function figuresOf(rounds: readonly BenchRound[]): BenchFigures {
  const overRounds = (pick: (round: BenchRound) => number): number => median(rounds.map(pick));
  const runsAt = (share: number): number => overRounds(({ runsMs }) => percentile(runsMs, share));
  const celsius = rounds.flatMap((round) => round.celsius ?? []);
  const paced = rounds.flatMap((round) => round.paced ?? []);
  return {
    rounds: rounds.length,
    runs: rounds.reduce((sum, { runsMs }) => sum + runsMs.length, 0),
    loadMs: overRounds(({ loadMs }) => loadMs),
    p50Ms: runsAt(0.5),
    p90Ms: runsAt(0.9),
    p99Ms: runsAt(0.99),
    worstMs: Math.max(...rounds.map(({ runsMs }) => Math.max(...runsMs))),
    cpuMs: overRounds(({ cpuMs, runsMs }) => cpuMs / runsMs.length),
    rssBytes: overRounds(({ rssBytes }) => rssBytes),
    ...(paced.length === 0 ? {} : { paced: pacedOf(paced) }),
    ...(celsius.length === 0 ? {} : { celsius: [Math.min(...celsius), Math.max(...celsius)] as const }),
    flags: [...new Set(rounds.flatMap(({ flags }) => flags))],
  };
}

function pacedOf(rounds: readonly PacedRound[]): NonNullable<BenchFigures['paced']> {
  return {
    perS: rounds[0]!.perS,
    p50Ms: median(rounds.map(({ runsMs }) => median(runsMs))),
    cpuMs: median(rounds.map(({ cpuMs, runsMs }) => cpuMs / runsMs.length)),
  };
}

export interface SettingWishes {
  readonly models: readonly string[];
  readonly providers: readonly string[];
  readonly threads: readonly number[];
  /** Rows with spinning threads beside those without. */
  readonly spinning: boolean;
}

/**
 * The rows that are worth measuring: one thread has nobody to wait for and nothing to spin, and the threads of an
 * accelerator's host do not do the work.
 */
export function settingsOf({ models, providers, threads, spinning }: SettingWishes): BenchSetting[] {
  return models.flatMap((model) =>
    providers.flatMap((provider) => {
      const counts = provider === 'cpu' ? threads : [Math.min(...threads)];
      return counts.flatMap((count) => {
        const plain = { model, provider, threads: count, spinning: false };
        return spinning && provider === 'cpu' && count > 1 ? [plain, { ...plain, spinning: true }] : [plain];
      });
    }),
  );
}

/** A turn: which row, in which round. */
export interface Turn<T> {
  readonly round: number;
  readonly row: T;
}

/**
 * Every row once a round, each round beginning with another row: a board that warms up or a neighbour that wakes up hits all
 * rows alike.
 */
export function turnsOf<T>(rows: readonly T[], rounds: number): Turn<T>[] {
  const shift = Math.max(1, Math.ceil(rows.length / rounds));
  return Array.from({ length: rounds }, (_, round) =>
    rows.map((__, at) => ({ round, row: rows[(at + round * shift) % rows.length]! })),
  ).flat();
}

/** Beside what is measured: a process is started, the model opened, warmed up (seconds a turn). */
const TURN_EXTRA_S = 1;
/** Runs of a turn at a pace, at least, however slow the pace is. */
export const PACED_RUNS_MIN = 3;

export interface Timing {
  readonly rounds: number;
  /** Of one row, all rounds together. */
  readonly seconds: number;
  /** Frames a second of the paced half; undefined: there is none. */
  readonly perS: number | undefined;
}

/** How long a turn goes on with runs one after the other, and with runs at a pace (milliseconds). */
export function turnMs({ rounds, seconds, perS }: Timing): {
  readonly plainMs: number;
  readonly pacedMs: number;
} {
  const wholeMs = (seconds * 1000) / rounds;
  if (perS === undefined) return { plainMs: wholeMs, pacedMs: 0 };
  return { plainMs: wholeMs / 2, pacedMs: Math.max(wholeMs / 2, (PACED_RUNS_MIN * 1000) / perS) };
}

/** About how long it takes (seconds). */
export function estimateS(rows: number, timing: Timing): number {
  const { plainMs, pacedMs } = turnMs(timing);
  return Math.ceil(rows * timing.rounds * ((plainMs + pacedMs) / 1000 + TURN_EXTRA_S));
}

/** Rows of one model and its twin in the other precision. */
export interface PrecisionPair {
  readonly int8: MeasuredRow;
  readonly float: MeasuredRow;
}

/** The name without what says how its numbers are stored: 'nano-int8' and 'nano-float' are both 'nano'. */
export function stemOf(name: string): string {
  const last = name.split('/').findLast((part) => part !== '') ?? name;
  return last.replace(/[-_.](?:int8|uint8|float|float32|fp32|fp16|quant|quantized|qdq)$/i, '');
}

/** Two precisions of one network: one was made from the other, or the names say so and picture and labels are the same. */
export function isTwin(a: BenchModel, b: BenchModel): boolean {
  if (a.precision === b.precision) return false;
  if (a.floatSha256 === b.sha256 || b.floatSha256 === a.sha256) return true;
  const sameInput = a.width === b.width && a.height === b.height;
  return sameInput && sameLabels(a, b) && stemOf(a.name) === stemOf(b.name);
}

export function sameLabels(a: BenchModel, b: BenchModel): boolean {
  return a.labels.length === b.labels.length && a.labels.every((label, at) => label === b.labels[at]);
}

/** Rows of twins that are run in the same way. */
export function precisionPairs(models: readonly BenchModel[], rows: readonly BenchRow[]): PrecisionPair[] {
  const measured = rows.filter(isMeasured);
  return models
    .filter(({ precision }) => precision === 'int8')
    .flatMap((one) => models.filter((other) => isTwin(one, other)).map((other) => [one, other] as const))
    .flatMap(([one, other]) =>
      measured
        .filter(({ model }) => model === one.name)
        .flatMap((int8) => {
          const float = measured.find((row) => row.model === other.name && sameWay(row, int8));
          return float === undefined ? [] : [{ int8, float }];
        }),
    );
}

function sameWay(a: BenchSetting, b: BenchSetting): boolean {
  return a.provider === b.provider && a.threads === b.threads && a.spinning === b.spinning;
}

export function sameSetting(a: BenchSetting, b: BenchSetting): boolean {
  return a.model === b.model && sameWay(a, b);
}

/** Slower by more than what two medians on a busy board may differ. */
const SLOWER = 1.03;

/** Instructions that multiply bytes in one step; without them int8 is often no gain (platform/cpu.ts). */
const BYTE_PRODUCTS = ['dotprod', 'i8mm', 'avx_vnni', 'avx512_vnni'];
const NO_BYTE_PRODUCTS =
  'this processor has no instructions for products of bytes (arm64: asimddp; x64: avx_vnni, avx512_vnni)';

/**
 * A warning per int8 model that is slower than its float twin here, and one for those that nothing was held against on a processor
 * where they may be.
 */
export function int8Warnings(
  models: readonly BenchModel[],
  rows: readonly BenchRow[],
  features: readonly string[],
): string[] {
  const pairs = precisionPairs(models, rows);
  const cpu = pairs.filter(({ int8 }) => int8.provider === 'cpu' && !int8.spinning);
  const isAble = features.some((name) => BYTE_PRODUCTS.includes(name));
  const worst = new Map<string, PrecisionPair>();
  for (const pair of cpu.filter((one) => ratioOf(one) > SLOWER)) {
    const before = worst.get(pair.int8.model);
    if (before === undefined || ratioOf(pair) > ratioOf(before)) worst.set(pair.int8.model, pair);
  }
  const cause = isAble
    ? 'although this processor has instructions for products of bytes: some of its layers may not run as integers (vedette models show)'
    : NO_BYTE_PRODUCTS;
  const slower = [...worst.values()].map(({ int8, float }) => {
    const times = `${int8.figures.p50Ms.toFixed(1)} ms against ${float.figures.p50Ms.toFixed(1)} ms of ${float.model}`;
    return `${int8.model} is slower than its float form: ${times} (${int8.threads} ${int8.threads === 1 ? 'thread' : 'threads'}); ${cause}`;
  });
  const alone = models.filter(
    ({ name, precision }) => precision === 'int8' && !cpu.some(({ int8 }) => int8.model === name),
  );
  if (isAble || alone.length === 0) return slower;
  const names = alone.map(({ name }) => name).join(', ');
  return [...slower, `${names}: int8, and ${NO_BYTE_PRODUCTS}: a float form may be faster; measure both`];
}

function ratioOf({ int8, float }: PrecisionPair): number {
  return int8.figures.p50Ms / float.figures.p50Ms;
}

// Measures the rows of `vedette bench`: each turn in a child process of its own, so that memory is that of this row and a provider
// that dies takes nothing with it; in rounds, so that what disturbs the board disturbs all rows. Watches the board meanwhile.
import type { TensorData } from '../core/infer.ts';
import type { ModelSpec } from '../core/types.ts';
import { type TrialLimits, Trials } from '../detector/trial.ts';
import type { TrialResult, TrialWish } from '../detector/trial-messages.ts';
import {
  type BenchModel,
  type BenchRound,
  type BenchRow,
  type BenchSetting,
  figuresOf,
  PACED_RUNS_MIN,
  type Timing,
  turnMs,
  turnsOf,
} from '../models/benchmark.ts';
import { type Heat, type HeatSlice, heatOf } from '../models/benchmark-heat.ts';
import type { GoldenScore } from '../models/golden-score.ts';
import { boardNow } from '../platform/board-now.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import { percentile } from '../platform/percentiles.ts';
import type { GoldenPictures } from './bench-golden.ts';
import type { BenchRuntime } from './bench-runtime.ts';

/** Runs before those that count: the first plans memory, and clocks rise. */
const WARMUPS = 5;
/** Beside the time that is measured: opening the model, on an accelerator building its engine. */
const OPEN_MS = 60_000;
const OPEN_ACCELERATOR_MS = 1_200_000;
const REASON_CHARS_MAX = 240;
const HEAT_SLICE_MS = 5000;
const HEAT_SLICES_MIN = 6;
const WATCH_MS = 500;

/** A model to be measured; `spec` where it detects. */
export interface BenchSubject {
  readonly model: BenchModel;
  readonly spec: ModelSpec | undefined;
}

export interface BenchPlan extends Timing {
  readonly settings: readonly BenchSetting[];
  readonly golden: GoldenPictures;
}

export interface BenchTools {
  readonly subjects: ReadonlyMap<string, BenchSubject>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly memoryMb: number;
  readonly runtime: BenchRuntime;
  /** Turns that are over, of all. */
  readonly onTurn?: (done: number, of: number) => void;
}

interface Gathering {
  readonly setting: BenchSetting;
  readonly rounds: BenchRound[];
  reason?: string;
  golden?: GoldenScore;
}

/** All rows that have figures or a reason; those that no turn came to, because the signal did, are left out. */
export async function measureRows(plan: BenchPlan, tools: BenchTools): Promise<BenchRow[]> {
  const rows = plan.settings.map((setting): Gathering => ({ setting, rounds: [] }));
  const turns = turnsOf(rows, plan.rounds);
  for (const [done, { row, round }] of turns.entries()) {
    tools.onTurn?.(done, turns.length);
    if (tools.signal.aborted) break;
    if (row.reason !== undefined) continue;
    try {
      const looks = round === 0 && isFirstOfItsKind(row, rows);
      await takeTurn(row, plan, tools, looks);
    } catch (error) {
      if (tools.signal.aborted) break;
      row.reason = failureOf(error, row.setting, tools);
    }
  }
  tools.onTurn?.(turns.length, turns.length);
  return rows.flatMap((row) => resultOf(row, rows));
}

/** The pictures are looked at once per model and provider: threads change nothing about them. */
function isFirstOfItsKind(row: Gathering, rows: readonly Gathering[]): boolean {
  return rows.find((other) => isSameKind(other, row)) === row;
}

function isSameKind(a: Gathering, b: Gathering): boolean {
  return a.setting.model === b.setting.model && a.setting.provider === b.setting.provider;
}

function resultOf(row: Gathering, rows: readonly Gathering[]): BenchRow[] {
  const { setting, rounds, reason } = row;
  if (reason !== undefined) return [{ ...setting, reason }];
  if (rounds.length === 0) return [];
  const golden = rows.find((other) => isSameKind(other, row) && other.golden !== undefined)?.golden;
  return [{ ...setting, figures: figuresOf(rounds), ...(golden === undefined ? {} : { golden }) }];
}

async function takeTurn(row: Gathering, plan: BenchPlan, tools: BenchTools, looks: boolean): Promise<void> {
  const { setting } = row;
  const { model, spec } = tools.subjects.get(setting.model)!;
  const feeds = spec === undefined ? undefined : plan.golden.first(spec.input);
  const series = spec !== undefined && looks ? { series: plan.golden.series(spec.input) } : {};
  const { plainMs, pacedMs } = turnMs(plan);
  await using trials = new Trials({ clock: tools.clock, env: tools.runtime.variables });
  const wish = wishOf(setting, feeds, tools);
  const limits = limitsOf(setting, plainMs + pacedMs, tools);
  const before = boardNow();
  const result = await trials.try(model.file, { ...wish, forMs: plainMs, ...series }, limits);
  const { perS } = plan;
  const paced =
    perS === undefined
      ? undefined
      : await trials.try(model.file, { ...wish, runs: PACED_RUNS_MIN, forMs: pacedMs, perS }, limits);
  const after = boardNow();
  if (spec !== undefined && result.seriesData !== undefined) {
    const golden = plan.golden.score(spec, result.seriesData);
    if (golden !== undefined) row.golden = golden;
  }
  row.rounds.push({
    ...roundOf(result),
    ...(paced === undefined ? {} : { paced: { perS: perS!, runsMs: paced.runsMs, cpuMs: paced.cpuMs } }),
    ...(before.celsius === undefined || after.celsius === undefined
      ? {}
      : { celsius: [before.celsius, after.celsius] as const }),
    flags: [...new Set([...before.flags, ...after.flags])],
  });
}

function roundOf({ loadMs, runsMs, cpuMs, rssBytes }: TrialResult): Omit<BenchRound, 'flags'> {
  return { loadMs, runsMs, cpuMs, rssBytes };
}

function wishOf(
  { provider, threads, spinning }: BenchSetting,
  feeds: Record<string, TensorData> | undefined,
  { runtime: { cacheDir } }: BenchTools,
): TrialWish {
  return {
    ...{ provider, threads, spinning, warmups: WARMUPS },
    ...(feeds === undefined ? {} : { feeds }),
    ...(cacheDir === undefined ? {} : { cacheDir }),
  };
}

function limitsOf({ provider }: BenchSetting, forMs: number, { signal, memoryMb }: BenchTools): TrialLimits {
  const deadlineMs = forMs * 2 + (provider === 'cpu' ? OPEN_MS : OPEN_ACCELERATOR_MS);
  return { deadlineMs, memoryMb, signal };
}

/** In one line, without the file that the row names already. */
function failureOf(
  error: unknown,
  { model, provider }: BenchSetting,
  { subjects, runtime }: BenchTools,
): string {
  const { file } = subjects.get(model)!.model;
  const said = reasonOf(error).replace(`${file}: `, '');
  const [line = ''] = runtime.reasonFor(provider, new Error(said)).split('\n');
  return line.length > REASON_CHARS_MAX ? `${line.slice(0, REASON_CHARS_MAX)}…` : line;
}

export interface HeatPlan {
  readonly setting: BenchSetting;
  readonly minutes: number;
}

/** Full load for minutes, in slices; fewer when the signal comes, undefined when not even one came to its end. */
export async function measureHeat(
  { setting, minutes }: HeatPlan,
  golden: GoldenPictures,
  tools: BenchTools,
): Promise<Heat | undefined> {
  const { clock, signal } = tools;
  const { model, spec } = tools.subjects.get(setting.model)!;
  const feeds = spec === undefined ? undefined : golden.first(spec.input);
  const totalMs = minutes * 60_000;
  const forMs = Math.min(HEAT_SLICE_MS, totalMs / HEAT_SLICES_MIN);
  await using trials = new Trials({ clock, env: tools.runtime.variables });
  const slices: HeatSlice[] = [];
  const beganMonoMs = clock.monoMs();
  while (clock.monoMs() - beganMonoMs < totalMs && !signal.aborted) {
    const watch = new BoardLog(clock);
    try {
      const { runsMs } = await trials.try(
        model.file,
        { ...wishOf(setting, feeds, tools), forMs },
        limitsOf(setting, forMs, tools),
      );
      const atS = (clock.monoMs() - beganMonoMs) / 1000;
      slices.push({ atS, p50Ms: percentile(runsMs, 0.5), ...watch.seen() });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      watch.stop();
    }
    tools.onTurn?.(Math.min(totalMs, clock.monoMs() - beganMonoMs), totalMs);
  }
  tools.onTurn?.(totalMs, totalMs);
  return slices.length === 0 ? undefined : heatOf(slices);
}

/** What the board tells during a slice: the hottest, the slowest, every flag. */
class BoardLog {
  readonly #timer: Timer;
  #seen = boardNow();
  #looks = 0;

  constructor(clock: Clock) {
    this.#timer = clock.every(WATCH_MS, () => this.#look());
  }

  #look(): void {
    this.#looks += 1;
    const now = boardNow();
    const celsius = [this.#seen.celsius, now.celsius].filter((one) => one !== undefined);
    // The first look was before the load: only what comes later says how fast the cores run under it.
    const { mhz } = now;
    this.#seen = {
      ...(celsius.length === 0 ? {} : { celsius: Math.max(...celsius) }),
      ...(mhz === undefined ? {} : { mhz }),
      flags: [...new Set([...this.#seen.flags, ...now.flags])],
    };
  }

  /** Under load: a look after it only where there was no time for one. */
  seen(): Omit<HeatSlice, 'atS' | 'p50Ms'> {
    if (this.#looks === 0) this.#look();
    return this.#seen;
  }

  stop(): void {
    this.#timer.stop();
  }
}

// What `vedette bench` does, step by step: sets up, says how long it will take, measures what is not known yet, keeps it,
// heats the board where that is asked for, recommends, changes the configuration where that is asked for.
import {
  type BenchRow,
  estimateS,
  int8Warnings,
  isMeasured,
  sameSetting,
  settingsOf,
} from '../models/benchmark.ts';
import {
  benchPath,
  boardKey,
  type KeptFile,
  type KeptRow,
  keptRow,
  mergeKept,
  readKept,
  writeKept,
} from '../models/benchmark-file.ts';
import type { Heat } from '../models/benchmark-heat.ts';
import type { RecommendFacts } from '../models/recommend.ts';
import { type Recommendation, recommend } from '../models/recommend-words.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { readHardware } from '../platform/hardware.ts';
import { type Applied, applySetting, requireChangeable } from './bench-apply.ts';
import { GoldenPictures } from './bench-golden.ts';
import { type BenchPlan, type BenchTools, measureHeat, measureRows } from './bench-run.ts';
import { type BenchFlags, type BenchSetup, setUpBench } from './bench-setup.ts';
import { adviceLines, heatLines, legendLines, tableLines } from './bench-table.ts';
import type { CommandContext } from './context.ts';
import { ProgressBar } from './progress.ts';

const ROUNDS = 3;
const SECONDS = 6;
const QUICK_ROUNDS = 2;
const QUICK_SECONDS = 1;
const TOTAL_S_MAX = 4 * 3600;

/** What came of it. */
interface Outcome {
  readonly rows: readonly BenchRow[];
  readonly heat: Heat | undefined;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  readonly recommendation: Recommendation;
  /** Rows that the signal left unmeasured. */
  readonly missing: number;
}

export async function runBench(flags: BenchFlags, context: CommandContext): Promise<void> {
  const setup = await setUpBench(flags, context.clock);
  using _ = setup.runtime;
  const { file, config } = setup;
  if (flags.apply) {
    const { model, threads = 1 } = config!.detector;
    requireChangeable(file!, { model, provider: 'cpu', threads, spinning: false });
  }
  const show = flags.json ? (): void => undefined : say;
  const outcome = await benchmark(flags, setup, context, show);
  const applied = flags.apply ? await apply(file!, outcome, flags, context) : undefined;
  if (flags.json) say(JSON.stringify(documentOf(setup, context, outcome, applied), null, 2));
  else if (applied !== undefined) for (const line of appliedLines(file!, applied)) say(line);
  context.signal.throwIfAborted();
  if (applied !== undefined && 'refusal' in applied) throw applied.refusal;
  if (outcome.rows.some(isMeasured)) return;
  const [failed] = outcome.rows;
  throw new VedetteError('BENCH_FAILED', `nothing was measured: ${failed?.reason}`);
}

type Show = (line: string) => void;

async function benchmark(
  flags: BenchFlags,
  setup: BenchSetup,
  context: CommandContext,
  show: Show,
): Promise<Outcome> {
  const notes = [...setup.notes];
  for (const note of notes) tell(`note: ${note}`);
  const plan = planOf(flags, setup);
  const path = benchPath(setup.dataDir);
  const kept = readKept(path);
  const board = boardKey(setup.cpu, setup.runtime.version);
  const known = flags.fresh ? [] : knownRows(plan, { kept, board, setup });
  const settings = plan.settings.filter((_, at) => known[at] === undefined);
  tellEstimate(settings.length, plan);
  const golden = new GoldenPictures();
  const tools = toolsOf(setup, context);
  const fresh = await measureRows({ ...plan, settings, golden }, tools.withBar());
  if (setup.daemonPid === undefined) {
    notes.push(...keep(path, kept, keptRowsOf(fresh, { plan, board, setup, atMs: context.clock.nowMs() })));
  }
  const rows = plan.settings.flatMap(
    (setting, at) => known[at] ?? fresh.find((row) => sameSetting(row, setting)) ?? [],
  );
  for (const line of tableText(setup, rows, plan.perS)) show(line);
  const facts: RecommendFacts = { ...setup, models: modelsOf(setup), rows };
  const heat = await heatFor(flags, facts, golden, tools);
  if (heat !== undefined) for (const line of ['', ...heatLines(heat)]) show(line);
  const recommendation = recommend(heat === undefined ? facts : { ...facts, hotFactor: heat.factor });
  const warnings = int8Warnings(facts.models, rows, setup.cpu.features);
  const missing = plan.settings.length - rows.length;
  if (context.signal.aborted) notes.push(stoppedNote(rows.length, plan.settings.length, flags));
  for (const note of notes.slice(setup.notes.length)) tell(`note: ${note}`);
  for (const line of ['', ...adviceLines(recommendation, warnings)]) show(line);
  return { rows, heat, notes, warnings, recommendation, missing };
}

function stoppedNote(measured: number, of: number, flags: BenchFlags): string {
  const unchanged = flags.apply ? '; the configuration is not changed' : '';
  return `stopped: ${measured} of ${of} rows are measured${unchanged}`;
}

type Plan = Omit<BenchPlan, 'golden'>;

/** Throws BENCH_FAILED for a plan of days. */
function planOf({ quick, seconds, paced }: BenchFlags, setup: BenchSetup): Plan {
  const { subjects, providers, threads, need } = setup;
  const plan = {
    settings: settingsOf({ models: [...subjects.keys()], providers, threads, spinning: !quick }),
    rounds: quick ? QUICK_ROUNDS : ROUNDS,
    seconds: seconds ?? (quick ? QUICK_SECONDS : SECONDS),
    perS: paced ?? (quick ? undefined : need.framesPerS),
  };
  const totalS = estimateS(plan.settings.length, plan);
  if (totalS <= TOTAL_S_MAX) return plan;
  throw new VedetteError(
    'BENCH_FAILED',
    `${plan.settings.length} rows would take ${timeOf(totalS)} (limit ${timeOf(TOTAL_S_MAX)}): fewer --models, --providers or --threads, or less --seconds`,
  );
}

interface Keeping {
  readonly kept: KeptFile;
  readonly board: string;
  readonly setup: BenchSetup;
}

/** In the order of the settings; undefined where a row has to be measured. */
function knownRows(
  { settings, seconds, perS }: Plan,
  { kept, board, setup }: Keeping,
): (BenchRow | undefined)[] {
  return settings.map((setting) => {
    const { sha256 } = setup.subjects.get(setting.model)!.model;
    return keptRow(kept.rows, setting, { board, sha256, seconds, perS });
  });
}

function keptRowsOf(
  rows: readonly BenchRow[],
  { plan, board, setup, atMs }: Omit<Keeping, 'kept'> & { plan: Plan; atMs: number },
): KeptRow[] {
  return rows.filter(isMeasured).map(({ model, provider, threads, spinning, figures, golden }) => ({
    board,
    sha256: setup.subjects.get(model)!.model.sha256,
    provider,
    threads,
    spinning,
    seconds: (plan.seconds * figures.rounds) / plan.rounds,
    atMs,
    figures,
    ...(golden === undefined ? {} : { golden }),
  }));
}

/** What could not be kept is no reason not to show it. */
function keep(path: string, kept: KeptFile, rows: readonly KeptRow[]): string[] {
  const problem = kept.problem === undefined ? [] : [kept.problem];
  if (rows.length === 0) return problem;
  try {
    writeKept(path, mergeKept(kept.rows, rows), kept);
    return problem;
  } catch (error) {
    return [`the results are not kept: ${reasonOf(error)}`];
  }
}

function toolsOf(
  setup: BenchSetup,
  { clock, signal }: CommandContext,
): BenchTools & { withBar(): BenchTools } {
  const { subjects, memoryMb, runtime } = setup;
  const plain = { subjects, memoryMb, runtime, clock, signal };
  return {
    ...plain,
    withBar: () => {
      const bar = new ProgressBar(clock);
      const onTurn = (done: number, of: number): void => (done === of ? bar.end() : bar.at(done, of));
      return { ...plain, onTurn };
    },
  };
}

async function heatFor(
  { hot }: BenchFlags,
  facts: RecommendFacts,
  golden: GoldenPictures,
  tools: BenchTools & { withBar(): BenchTools },
): Promise<Heat | undefined> {
  const choice = recommend(facts).choice;
  if (hot === undefined || choice === undefined || tools.signal.aborted) return undefined;
  const { model, provider, threads } = choice.row;
  tell(`full load for ${timeOf(hot * 60)}: ${model} on ${provider}, threads: ${threads}`);
  return measureHeat({ setting: choice.row, minutes: hot }, golden, tools.withBar());
}

function modelsOf({ subjects }: BenchSetup): RecommendFacts['models'] {
  return [...subjects.values()].map(({ model }) => model);
}

function tableText(setup: BenchSetup, rows: readonly BenchRow[], perS: number | undefined): string[] {
  const models = new Map([...setup.subjects].map(([name, { model }]) => [name, model]));
  const isKept = rows.some(({ keptAtMs }) => keptAtMs !== undefined);
  const { model } = readHardware();
  const title = boardKey(setup.cpu, setup.runtime.version);
  return [
    model === undefined ? title : `${model}: ${title}`,
    '',
    ...tableLines(rows, models),
    '',
    ...legendLines({ perS, isKept }),
  ];
}

/** What was measured is told in any case: a refusal comes after it. Nothing is changed once the signal has come. */
async function apply(
  file: string,
  { recommendation }: Outcome,
  { data }: BenchFlags,
  { clock, signal }: CommandContext,
): Promise<Applied | Refused | undefined> {
  const { choice, headline } = recommendation;
  if (signal.aborted) return undefined;
  try {
    if (choice !== undefined) return await applySetting(file, choice.row, { data, nowMs: clock.nowMs() });
    throw new VedetteError('BENCH_FAILED', `${file} is not changed: ${headline}`);
  } catch (error) {
    if (error instanceof VedetteError) return { refusal: error };
    throw error;
  }
}

interface Refused {
  readonly refusal: VedetteError;
}

function appliedLines(file: string, applied: Applied | Refused): string[] {
  if ('refusal' in applied) return [];
  const { diff, backup } = applied;
  if (backup === undefined) return ['', `${file} says it already`];
  return [
    '',
    `${file} is changed (before: ${backup}):`,
    ...diff,
    'The daemon takes it when it is told to reload (sudo systemctl reload vedette) or starts.',
  ];
}

function documentOf(
  setup: BenchSetup,
  { version }: CommandContext,
  outcome: Outcome,
  applied: Applied | Refused | undefined,
): object {
  const { cpu, runtime, file, dataDir, need, subjects } = setup;
  const { rows, heat, notes, warnings, recommendation, missing } = outcome;
  const { choice, ...words } = recommendation;
  const models = [...subjects.values()].map(({ model: { file: _, ...model } }) => model);
  const chosen =
    choice === undefined
      ? {}
      : {
          model: choice.row.model,
          provider: choice.row.provider,
          threads: choice.row.threads,
          keepsUp: choice.keepsUp,
        };
  return {
    v: 1,
    version,
    board: { model: readHardware().model, cpu, onnxruntime: runtime.version },
    data: dataDir,
    config: file ?? null,
    need,
    models,
    rows,
    missing,
    notes,
    warnings,
    recommendation: { ...chosen, ...words },
    ...(heat === undefined ? {} : { heat }),
    ...(applied === undefined || 'refusal' in applied ? {} : { applied }),
  };
}

function tellEstimate(count: number, plan: Plan): void {
  if (count === 0) return;
  const { rounds, seconds } = plan;
  tell(
    `${count} rows of ${seconds} s in ${rounds} rounds: about ${timeOf(estimateS(count, plan))}; Ctrl-C shows what is measured by then`,
  );
}

function timeOf(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Beside the result: what is under way. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

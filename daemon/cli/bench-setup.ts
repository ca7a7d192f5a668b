// What `vedette bench` knows before it measures: which models, providers and threads, what the cameras ask for, whether a daemon
// runs, what was measured before.
import { loadavg } from 'node:os';
import { detectorSchema } from '../config/detector-schema.ts';
import { defaultConfigPaths, findConfig, loadConfig } from '../config/load.ts';
import { showPath } from '../config/problems.ts';
import type { Config } from '../config/types.ts';
import { checkConfig, checkLabels } from '../core/checks.ts';
import { REGIONS_PER_FRAME } from '../core/effort.ts';
import { benchModel } from '../models/benchmark-model.ts';
import { loadModel } from '../models/manifest.ts';
import type { Need } from '../models/recommend.ts';
import { DEFAULT_MODEL, type FoundModel, ModelStore } from '../models/store.ts';
import type { Clock } from '../platform/clock.ts';
import { type CpuFacts, readCpu } from '../platform/cpu.ts';
import { VedetteError } from '../platform/errors.ts';
import { lockHolders } from '../platform/file-lock.ts';
import { dataFolder } from '../platform/folders.ts';
import { readHardware } from '../platform/hardware.ts';
import { showText } from '../platform/show.ts';
import { pathsIn } from '../store/paths.ts';
import type { BenchSubject } from './bench-run.ts';
import { BenchRuntime } from './bench-runtime.ts';

export interface BenchFlags {
  readonly config?: string;
  readonly data?: string;
  readonly models?: readonly string[];
  readonly providers?: readonly string[];
  readonly threads?: readonly number[];
  readonly seconds?: number;
  readonly hot?: number;
  readonly paced?: number;
  readonly quick?: true;
  readonly apply?: true;
  readonly fresh?: true;
  readonly besideDaemon?: true;
  readonly json?: true;
}

export interface BenchSetup {
  readonly dataDir: string;
  readonly daemonPid: number | undefined;
  readonly cpu: CpuFacts;
  /** To be disposed of. */
  readonly runtime: BenchRuntime;
  readonly memoryMb: number;
  readonly config: Config | undefined;
  readonly file: string | undefined;
  readonly need: Need;
  readonly subjects: ReadonlyMap<string, BenchSubject>;
  /** The model of the configuration, by the name that its rows have. */
  readonly current: string;
  readonly providers: readonly string[];
  readonly threads: readonly number[];
  /** Models that the configuration has no use for, and why. */
  readonly unfit: ReadonlyMap<string, string>;
  /** What the reader should know before the figures. */
  readonly notes: readonly string[];
}

/** Without a configuration. */
const DEFAULT_FPS = 5;
const THREADS_MAX = 3;
/** Cores that others keep busy; more disturbs. */
const BUSY_CORES_MAX = 0.5;
const MEMORY_MB_MIN = 1024;
/** Of what is available. */
const MEMORY_SHARE = 0.8;

/** Throws USAGE, CONFIG_NOT_FOUND, CONFIG_INVALID, MODEL_… or BENCH_FAILED. */
export async function setUpBench(flags: BenchFlags, clock: Clock): Promise<BenchSetup> {
  const notes: string[] = [];
  const providers = namedProviders(flags.providers);
  const { config, file } = configOf(flags, notes);
  const dataDir = dataFolder(flags.data, process.env);
  const daemonPid = lockHolders(pathsIn(dataDir).lock, 'WRITE')[0];
  const cpu = readCpu();
  noteDisturbance(flags, { dataDir, daemonPid, cores: cpu.cores }, notes);
  const store = new ModelStore({ dataDir, clock });
  const subjects = await subjectsOf(flags, store, notes);
  const current = config?.detector.model ?? DEFAULT_MODEL;
  const runtime = new BenchRuntime(config?.detector ?? {});
  if (runtime.problem !== undefined) notes.push(runtime.problem);
  const { availableMb = 0 } = readHardware();
  return {
    dataDir,
    daemonPid,
    cpu,
    runtime,
    memoryMb: Math.max(MEMORY_MB_MIN, Math.round(availableMb * MEMORY_SHARE)),
    config,
    file,
    need: needOf(config),
    subjects,
    current: await store.find(current).then(nameOf, () => current),
    providers: providers ?? runtime.providers,
    threads: flags.threads ?? defaultThreads(cpu.cores),
    unfit: config === undefined ? new Map() : unfitFor(config, subjects),
    notes,
  };
}

/** Throws USAGE for what detector.providers does not know, or that is no provider of its own. */
function namedProviders(names: readonly string[] | undefined): readonly string[] | undefined {
  const known: readonly string[] = detectorSchema.shape.providers
    .unwrap()
    .element.options.filter((name) => name !== 'auto');
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new VedetteError('USAGE', `--providers: must be of ${known.join(', ')} (got ${showText(unknown)})`, {
    unknown,
  });
}

/** A configuration that was named, or that is to be changed, must be right; one that just lies there need not. */
function configOf(flags: BenchFlags, notes: string[]): Pick<BenchSetup, 'config' | 'file'> {
  const isNeeded = flags.config !== undefined || flags.apply === true;
  try {
    const file = findConfig(flags.config === undefined ? defaultConfigPaths(process.env) : [flags.config]);
    return { file, config: loadConfig(file, { env: process.env, semanticChecks: checkConfig }).config };
  } catch (error) {
    if (isNeeded || !(error instanceof VedetteError)) throw error;
    const [first] = error.message.split('\n');
    const assumed = `one camera at ${DEFAULT_FPS} frames a second is assumed`;
    notes.push(
      error.code === 'CONFIG_NOT_FOUND'
        ? `no configuration: ${assumed}`
        : `the configuration is not used: ${first}; ${assumed}`,
    );
    return { config: undefined, file: undefined };
  }
}

function noteDisturbance(
  { besideDaemon }: BenchFlags,
  { dataDir, daemonPid, cores }: { dataDir: string; daemonPid: number | undefined; cores: number },
  notes: string[],
): void {
  if (daemonPid !== undefined) {
    const runs = `a daemon runs with ${dataDir} (process ${daemonPid})`;
    if (!besideDaemon) {
      throw new VedetteError(
        'BENCH_FAILED',
        `${runs}: it would disturb the figures and be disturbed; stop it (sudo systemctl stop vedette), or measure all the same with --beside-daemon`,
        { pid: daemonPid },
      );
    }
    notes.push(`${runs}: the figures are disturbed, and not kept`);
    return;
  }
  const busy = loadavg()[0]!;
  if (busy <= BUSY_CORES_MAX) return;
  notes.push(
    `other programs kept ${busy.toFixed(1)} of ${cores} cores busy in the last minute: the figures are noisy; CPU times are less so`,
  );
}

/** Models by the name that detector.model has for them; of all that are installed those that are whole. */
async function subjectsOf(
  { models }: BenchFlags,
  store: ModelStore,
  notes: string[],
): Promise<ReadonlyMap<string, BenchSubject>> {
  const names = models ?? (await store.list()).map(({ folder }) => folder);
  const subjects = new Map<string, BenchSubject>();
  for (const named of names) {
    try {
      const found = await store.find(named);
      const name = nameOf(found);
      const spec = found.manifest.task === 'detect' ? await loadModel(found.folder) : undefined;
      subjects.set(name, { model: await benchModel(name, found), spec });
    } catch (error) {
      if (models !== undefined || !(error instanceof VedetteError)) throw error;
      notes.push(`not measured: ${error.message}`);
    }
  }
  if (subjects.size > 0) return subjects;
  throw new VedetteError(
    'BENCH_FAILED',
    `there is no model to measure${notes.map((one) => `; ${one}`).join('')}`,
  );
}

function nameOf({ name, folder, where }: FoundModel): string {
  return where === 'elsewhere' ? folder : name;
}

/** One thread, and up to the number that the daemon takes by default. */
function defaultThreads(cores: number): number[] {
  const most = Math.min(THREADS_MAX, Math.max(1, cores - 1));
  // On two cores two threads are worth a look, though the daemon leaves one core to the rest.
  return Array.from({ length: cores === 2 ? 2 : most }, (_, at) => at + 1);
}

function needOf(config: Config | undefined): Need {
  const cameras = Object.values(config?.cameras ?? {}).filter(
    ({ enabled, detect }) => enabled && detect.enabled,
  );
  if (cameras.length === 0) {
    return { cameras: 1, framesPerS: DEFAULT_FPS, runsPerS: DEFAULT_FPS * REGIONS_PER_FRAME };
  }
  const sum = (of: (camera: (typeof cameras)[number]) => number): number =>
    cameras.reduce((total, camera) => total + of(camera), 0);
  return {
    cameras: cameras.length,
    framesPerS: sum(({ detect }) => detect.fps),
    runsPerS: sum(({ detect, regions }) =>
      regions.enabled ? (regions.perS ?? detect.fps * REGIONS_PER_FRAME) : detect.fps,
    ),
  };
}

function unfitFor(config: Config, subjects: ReadonlyMap<string, BenchSubject>): Map<string, string> {
  return new Map(
    [...subjects].flatMap(([name, { model, spec }]) => {
      const [fault] = spec === undefined ? [] : checkLabels(config, model.labels);
      return fault === undefined ? [] : [[name, `${showPath(fault.path)}: ${fault.message}`] as const];
    }),
  );
}

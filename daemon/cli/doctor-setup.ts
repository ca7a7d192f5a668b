// What `vedette doctor` knows before it checks: the configuration (or what is wrong with it), the files that hold
// secrets, the folders, whether a daemon runs.
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { defaultConfigPaths, findConfig, loadConfig } from '../config/load.ts';
import { type Problem, problemLine } from '../config/problems.ts';
import { configSchema } from '../config/schema.ts';
import { secretFilesOf } from '../config/secrets.ts';
import type { Config } from '../config/types.ts';
import { checkConfig, checkLabels } from '../core/checks.ts';
import { loadModel, modelFolders } from '../models/manifest.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { lockHolders } from '../platform/file-lock.ts';
import type { Finding } from '../platform/finding.ts';
import { dataFolder, makeRuntimeFolder } from '../platform/folders.ts';
import { deviceSlug } from '../publish/topics.ts';
import { pathsIn } from '../store/paths.ts';
import { withProviders } from './provider-flag.ts';
import { environmentFor } from './service-environment.ts';

export interface DoctorSetup {
  /** Undefined where there is none, or none that can be used: `configuration` says why. */
  readonly config: Config | undefined;
  readonly file: string | undefined;
  /** Findings of the check `configuration`. */
  readonly configuration: readonly Finding[];
  readonly device: string;
  readonly detector: Config['detector'];
  readonly reserveMb: number;
  readonly secretFiles: readonly string[];
  readonly dataDir: string;
  /** Of this process; undefined when it could not be made: `runtime` says why. */
  readonly runtimeDir: string | undefined;
  readonly runtime: Finding;
  /** Process of the daemon that has the data folder. */
  readonly daemonPid: number | undefined;
}

export async function setUp(flags: {
  readonly config?: string;
  readonly data?: string;
  readonly providers?: string;
}): Promise<DoctorSetup> {
  const dataDir = dataFolder(flags.data, process.env);
  const loaded = await load(flags.config, modelFolders(dataDir));
  const { config, file } = loaded;
  return {
    ...loaded,
    device: config?.device.name ?? deviceSlug(hostname()),
    detector: withProviders(
      config?.detector ?? configSchema.shape.detector.parse(undefined),
      flags.providers,
    ),
    reserveMb: (config?.snapshots ?? configSchema.shape.snapshots.parse(undefined)).reserveMb,
    secretFiles: file === undefined ? [] : secretFilesOf(file, environmentFor(file, process.env)),
    dataDir,
    ...runtimeFolder(),
    daemonPid: lockHolders(pathsIn(dataDir).lock, 'WRITE')[0],
  };
}

type Loaded = Pick<DoctorSetup, 'config' | 'file' | 'configuration'>;

async function load(named: string | undefined, folders: readonly string[]): Promise<Loaded> {
  const paths = named === undefined ? defaultConfigPaths(process.env) : [named];
  let file: string | undefined;
  try {
    file = findConfig(paths);
    const env = environmentFor(file, process.env);
    const { config } = loadConfig(file, { env, semanticChecks: checkConfig });
    const labels = await loadModel(config.detector.model, { folders }).then(
      (model) => model.labels,
      () => undefined,
    );
    const faults = labels === undefined ? [] : checkLabels(config, labels);
    // A second load, because only it knows the lines and columns.
    if (faults.length > 0) loadConfig(file, { env, semanticChecks: () => faults });
    const counts = { cameras: Object.keys(config.cameras).length, rules: Object.keys(config.rules).length };
    const message = `${file}: cameras: ${counts.cameras}, rules: ${counts.rules}`;
    return { config, file, configuration: [{ level: 'ok', message, facts: { file, ...counts } }] };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { config: undefined, file, configuration: configFindings(error, named) };
  }
}

function configFindings(error: VedetteError, named: string | undefined): Finding[] {
  if (error.code === 'CONFIG_NOT_FOUND') {
    const advice = 'copy config/vedette.example.yaml to one of these places and name your cameras';
    // One that was asked for and is not there is a mistake; none at all is a board being looked at before its first day.
    const level = named === undefined ? 'warning' : 'fault';
    return [{ level, message: error.message, advice, facts: { code: error.code } }];
  }
  const { problems = [] } = error.data as { problems?: readonly Problem[] };
  const advice = 'all keys are explained in docs/config.md';
  return problems.map((problem): Finding => {
    return { level: 'fault', message: problemLine(problem), advice, facts: { code: error.code, ...problem } };
  });
}

function runtimeFolder(): Pick<DoctorSetup, 'runtimeDir' | 'runtime'> {
  const subject = 'runtime folder';
  try {
    const runtimeDir = makeRuntimeFolder(process.env);
    return { runtimeDir, runtime: { level: 'ok', subject, message: `${dirname(runtimeDir)} is writable` } };
  } catch (error) {
    const advice =
      'sockets and frames go there: set RUNTIME_DIRECTORY to a folder on tmpfs that this user may write';
    return { runtimeDir: undefined, runtime: { level: 'fault', subject, message: reasonOf(error), advice } };
  }
}

// `vedette check`: everything that can be known about a configuration without running the daemon: the file itself, what
// its keys say about each other, the model and its labels, the programs, devices and files of the cameras.
// Starts nothing.
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import type { Problem } from '../config/problems.ts';
import type { Config } from '../config/types.ts';
import { systemClock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { Findings } from './check-sources.ts';
import type { CommandContext } from './context.ts';
import { configOption, dataOption } from './options.ts';
import { plural } from './words.ts';

interface CheckFlags {
  readonly config?: string;
  readonly data?: string;
  readonly json?: true;
  readonly print?: true;
}

/** The command. Ends with CONFIG_NOT_FOUND or CONFIG_INVALID (exit 78) if anything is wrong. */
export function checkCommand({ version }: CommandContext): Command {
  return new Command('check')
    .description('check a configuration, its model and its videos, and say everything that is wrong with it')
    .addOption(configOption())
    .addOption(dataOption())
    .option('--json', 'print one JSON object: {ok, file, version, checks, problems, config with --print}')
    .option('--print', 'print the whole configuration as YAML, defaults filled in, secrets hidden')
    .action(async (flags: CheckFlags) => {
      const [
        { defaultConfigPaths, findConfig, loadConfig },
        { checkConfig },
        { redactConfig },
        { checkSources },
        { checkClips },
        { describePlaces },
        { describeSchedules },
        { environmentFor },
      ] = await Promise.all([
        import('../config/load.ts'),
        import('../core/checks.ts'),
        import('../config/redact.ts'),
        import('./check-sources.ts'),
        import('./check-clips.ts'),
        import('./check-places.ts'),
        import('./check-schedules.ts'),
        import('./service-environment.ts'),
      ]);
      const report: { file?: string } = {};
      try {
        const file = findConfig(
          flags.config === undefined ? defaultConfigPaths(process.env) : [flags.config],
        );
        report.file = file;
        const env = environmentFor(file, process.env);
        const load = (options: Omit<LoadOptions, 'env'> = {}): Config =>
          loadConfig(file, { env, ...options }).config;
        // First the schema alone, because the semantic problems and those found below are said at once. If it
        // refuses, again with the semantic checks, so that its problems do not hide theirs.
        const config = attempt(load) ?? load({ semanticChecks: checkConfig });
        const found = [
          await checkModel(config, dataFolder(flags.data, env)),
          await checkSources(config),
          checkClips(config),
        ];
        const faults = [...checkConfig(config), ...found.flatMap((one) => one.faults)];
        // A second load, because only it knows the lines and columns.
        if (faults.length > 0) load({ semanticChecks: () => faults });
        const checks = [
          `${file}: ${summary(config)}`,
          ...found.flatMap(({ good }) => good),
          ...describePlaces(config),
          ...describeSchedules(config, systemClock.nowMs()),
        ];
        if (flags.json) {
          const printed = flags.print ? { config: redactConfig(config) } : {};
          writeJson({ ok: true, file, version, checks, problems: [], ...printed });
          return;
        }
        // With --print, standard output holds the YAML and nothing else.
        const lines = checks.map((line) => `ok  ${line}\n`).join('');
        (flags.print ? process.stderr : process.stdout).write(lines);
        if (flags.print) process.stdout.write(await yamlOf(redactConfig(config)));
      } catch (error) {
        if (flags.json && error instanceof VedetteError) {
          writeJson({ ok: false, ...report, version, checks: [], problems: problemsOf(error) });
        }
        throw error;
      }
    });
}

/** The configuration, or undefined if it is refused. */
function attempt(load: () => Config): Config | undefined {
  try {
    return load();
  } catch (error) {
    if (error instanceof VedetteError && error.code === 'CONFIG_INVALID') return undefined;
    throw error;
  }
}

function summary({ cameras, rules }: Config): string {
  const disabled = Object.values(cameras).filter(({ enabled }) => !enabled).length;
  const counted = `${plural(Object.keys(cameras).length, 'camera')}, ${plural(Object.keys(rules).length, 'rule')}`;
  return disabled === 0 ? counted : `${counted} (${plural(disabled, 'camera')} disabled)`;
}

/** The model's files, and the labels that the configuration wants of it. */
export async function checkModel(config: Config, dataDir: string): Promise<Findings> {
  const [{ loadModel, modelFolders }, { checkLabels }] = await Promise.all([
    import('../models/manifest.ts'),
    import('../core/checks.ts'),
  ]);
  const folders = modelFolders(dataDir);
  try {
    const { name, file, labels } = await loadModel(config.detector.model, { folders });
    const shown = labels.length > 5 ? `${plural(labels.length, 'label')}` : `labels ${labels.join(', ')}`;
    const lighter = await checkLighter(config.detector.lighter, labels, folders);
    return {
      good: [`model '${name}': ${file} is whole; ${shown}`, ...lighter.good],
      faults: [...checkLabels(config, labels), ...lighter.faults],
    };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { good: [], faults: [{ path: ['detector', 'model'], message: error.message }] };
  }
}

/** The model of the last rung of the ladder. */
async function checkLighter(
  model: string | undefined,
  labels: readonly string[],
  folders: readonly string[],
): Promise<Findings> {
  if (model === undefined) return { good: [], faults: [] };
  const path = ['detector', 'lighter'];
  const { loadModel } = await import('../models/manifest.ts');
  try {
    const lighter = await loadModel(model, { folders });
    const isSame = isDeepStrictEqual(lighter.labels, labels);
    const faults = isSame ? [] : [{ path, message: 'its labels are not those of detector.model' }];
    return { good: [`model '${lighter.name}': ${lighter.file} is whole`], faults };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { good: [], faults: [{ path, message: error.message }] };
  }
}

/** The problems of CONFIG_INVALID with their places; other errors as one problem without a place. */
function problemsOf(error: VedetteError): readonly (Problem | { readonly message: string })[] {
  const { problems } = error.data as { problems?: readonly Problem[] };
  return problems ?? [{ message: error.message }];
}

async function yamlOf(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { lineWidth: 110 });
}

function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

// `vedette backtest`: other rules, zones or thresholds on what was seen in the last days, against the alerts that fired.
// Read-only; the daemon may run meanwhile. docs/backtest.md.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Config } from '../config/types.ts';
import { known } from '../core/config-fault.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { codeOf } from '../store/failures.ts';
import type { RunningConfig } from './backtest-notes.ts';
import type { BacktestReport } from './backtest-report.ts';
import type { CommandContext } from './context.ts';
import { collect, configOption, dataOption, moment } from './options.ts';
import { StandardOutput } from './output.ts';
import { ProgressBar } from './progress.ts';

interface BacktestFlags {
  readonly config?: string;
  readonly running?: string;
  readonly stdin?: true;
  readonly data?: string;
  readonly since?: number;
  readonly until?: number;
  readonly camera?: readonly string[];
  readonly rule?: readonly string[];
  readonly list?: true;
  readonly json?: true;
}

const AFTER = `
Reads what the daemon has kept (store.historyKeepDays) and writes nothing. Exit code 0 when the same alerts would have
fired, 1 when others would, 2 when it could not be found out, 64 and 78 as every command. Times as for vedette events.

Examples:
  vedette backtest --config new.yaml --since 7d
  vedette backtest --config new.yaml --since 2026-06-01 --until 2026-06-02 --camera porch --list`;

const DEFAULT_SINCE = '7d';
/** Alerts of each kind in an answer over MQTT. */
const ANSWER_LISTED_MAX = 100;

/** The command. Ends with BACKTEST_DIFFERS (exit 1) when other alerts would have fired. */
export function backtestCommand({ signal, clock, version }: CommandContext): Command {
  const nowMs = clock.nowMs();
  return new Command('backtest')
    .description('try rules on what was seen in the last days: which alerts are added, removed and kept')
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(
      new Option('--since <time>', `from this time on (default: ${DEFAULT_SINCE})`).argParser(moment(nowMs)),
    )
    .addOption(new Option('--until <time>', 'before this time (default: now)').argParser(moment(nowMs)))
    .addOption(new Option('--camera <name>', 'only alerts of this camera').argParser(collect))
    .addOption(new Option('--rule <name>', 'only alerts of this rule').argParser(collect))
    .option('--list', 'every alert, also those that are kept')
    .option('--json', 'print one JSON document, docs/backtest.md')
    .option(
      '--running <file>',
      'what the daemon runs with, to tell which changes cannot be tried (default: where vedette run looks)',
    )
    .addOption(new Option('--stdin', 'the daemon asks: parts of the configuration from it').hideHelp())
    .addHelpText('after', AFTER)
    .action(async (flags: BacktestFlags) => {
      const [{ runBacktest }, { backtestNotes }, { reportJson, reportText, differs, summaryOf }] =
        await Promise.all([
          import('./backtest-run.ts'),
          import('./backtest-notes.ts'),
          import('./backtest-report.ts'),
        ]);
      const sinceMs = flags.since ?? moment(nowMs)(DEFAULT_SINCE);
      const untilMs = flags.until ?? nowMs;
      checkTimes(sinceMs, untilMs);
      const { config, file, running } = await configs(flags);
      const dataDir = dataFolder(flags.data, process.env);
      const bar = new ProgressBar(clock);
      const report = await runBacktest({
        config,
        dataDir,
        sinceMs,
        untilMs,
        cameras: flags.camera,
        rules: flags.rule,
        clock,
        signal,
        onProgress: (done, of) => bar.at(done, of),
      })
        .catch((error: unknown) => {
          throw asTrouble(error);
        })
        .finally(() => bar.end());
      checkNames(flags, config, report);
      const notes = backtestNotes(report, config, running);
      const sources = { config: file, data: dataDir, version, notes, list: flags.list === true };
      // A pipe takes 64 KiB at once: the process must not end before its reader has the rest.
      await new StandardOutput().write(
        flags.json
          ? jsonText(reportJson(report, sources, flags.stdin ? ANSWER_LISTED_MAX : undefined), flags)
          : reportText(report, sources),
      );
      if (differs(report))
        throw new VedetteError('BACKTEST_DIFFERS', `other alerts would have fired: ${summaryOf(report)}`);
    });
}

/** In an answer there is no room for the looks of it. */
function jsonText(document: object, { stdin }: BacktestFlags): string {
  return stdin ? JSON.stringify(document) : `${JSON.stringify(document, null, 2)}\n`;
}

/** The configuration to be tried, and that of the daemon where it is another one that can be read. */
async function configs(
  flags: BacktestFlags,
): Promise<{ config: Config; file: string; running: RunningConfig | undefined }> {
  if (flags.stdin) {
    const { configFromStdin } = await import('./backtest-stdin.ts');
    return { config: await configFromStdin(process.stdin), file: 'request', running: undefined };
  }
  const [{ checkConfig }, { defaultConfigPaths, findConfig, loadConfig }] = await Promise.all([
    import('../core/checks.ts'),
    import('../config/load.ts'),
  ]);
  const usual = defaultConfigPaths(process.env);
  const file = findConfig(flags.config === undefined ? usual : [flags.config]);
  const { config } = loadConfig(file, { env: process.env, semanticChecks: checkConfig });
  try {
    const other = findConfig(flags.running === undefined ? usual : [flags.running]);
    if (resolve(other) === resolve(file)) return { config, file, running: undefined };
    return { config, file, running: { file: other, config: loadConfig(other, { env: process.env }).config } };
  } catch (error) {
    // Only one that was asked for must be there.
    if (flags.running !== undefined) throw error;
    return { config, file, running: undefined };
  }
}

function checkTimes(sinceMs: number, untilMs: number): void {
  if (sinceMs >= untilMs) throw new VedetteError('USAGE', '--since must be before --until');
}

/** A rule or camera that neither the configuration nor the history knows is a slip, not "no difference". */
function checkNames({ rule = [], camera = [] }: BacktestFlags, config: Config, report: BacktestReport): void {
  const rules = [...Object.keys(config.rules), ...report.rules.map((one) => one.rule)];
  const cameras = [...Object.keys(config.cameras), ...report.camerasSeen];
  const noRule = rule.find((name) => !rules.includes(name));
  if (noRule !== undefined)
    throw new VedetteError('USAGE', `--rule: there is no rule '${noRule}' (${known(rules, 'there are')})`);
  const noCamera = camera.find((name) => !cameras.includes(name));
  if (noCamera !== undefined)
    throw new VedetteError(
      'USAGE',
      `--camera: there is no camera '${noCamera}' (${known(cameras, 'there are')})`,
    );
}

/** 1 says that there is a difference: whatever else went wrong must say something else. */
function asTrouble(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof VedetteError)
    return error.code === 'STORE_DAMAGED'
      ? new VedetteError('BACKTEST_FAILED', error.message, {}, error)
      : error;
  const isSqlite = codeOf(error).startsWith('SQLITE_');
  const words = isSqlite
    ? `the database cannot be read (${error.message}): vedette verify says more`
    : (error.stack ?? error.message);
  return new VedetteError('BACKTEST_FAILED', words, {}, error);
}

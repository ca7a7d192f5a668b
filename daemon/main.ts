#!/usr/bin/env node
// Process entry: command line, signals, exit code. The only caller of process.exit. Commands are in cli/, one per file;
// each loads the rest of the daemon only when it runs, so that `vedette scene` (a camera program) starts quickly.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { backtestCommand } from './cli/backtest.ts';
import { benchCommand } from './cli/bench.ts';
import { checkCommand } from './cli/check.ts';
import type { CommandContext } from './cli/context.ts';
import { demoCommand } from './cli/demo.ts';
import { doctorCommand } from './cli/doctor.ts';
import { eventsCommand } from './cli/events.ts';
import { modelsCommand } from './cli/models.ts';
import { StandardStreams } from './cli/output.ts';
import { replayCommand } from './cli/replay.ts';
import { runCommand } from './cli/run.ts';
import { sceneCommand } from './cli/scene.ts';
import { verifyCommand } from './cli/verify.ts';
import { whyCommand } from './cli/why.ts';
import { systemClock } from './platform/clock.ts';
import { keepCompiledCode } from './platform/compile-cache.ts';
import { type ErrorCode, VedetteError } from './platform/errors.ts';

/** What systemd must not restart (RestartPreventExitStatus=78; sysexits.h, EX_CONFIG). */
const EXIT_CONFIG = 78;
const EXIT_USAGE = 64;
const EXIT_FAILURE = 1;
/** Of a backtest that did not come to its end: 1 says that there is a difference, as that of diff(1). */
const EXIT_TROUBLE = 2;
/** 128 and the number of SIGINT, as shells say it: a command that was told to stop, or the second signal. */
const EXIT_INTERRUPTED = 130;

const CONFIG_CODES: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'CONFIG_NOT_FOUND',
  'DATA_DIR_UNUSABLE',
  'MQTT_EMBEDDED_UNPROTECTED',
  'STORE_NEWER',
]);

/** Of every command but a camera program, which writes its pictures in a way of its own. */
let streams: StandardStreams | undefined;

async function main(): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort();
  };
  let hangup = interrupt;
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  process.on('SIGHUP', () => hangup());
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const context: CommandContext = {
    signal: stop.signal,
    onHangup: (listener) => {
      hangup = listener;
    },
    clock: systemClock,
    version,
  };
  const program = new Command('vedette')
    .description('Camera sentry: detects objects on the board, applies rules, publishes alerts over MQTT')
    .version(version)
    .exitOverride()
    .addCommand(demoCommand(context))
    .addCommand(runCommand(context))
    .addCommand(checkCommand(context))
    .addCommand(doctorCommand(context))
    .addCommand(modelsCommand(context))
    .addCommand(benchCommand(context))
    .addCommand(eventsCommand(context))
    .addCommand(whyCommand(context))
    .addCommand(verifyCommand(context))
    .addCommand(replayCommand(context))
    .addCommand(backtestCommand(context))
    .addCommand(sceneCommand(context))
    .hook('preAction', (_, command) => {
      if (command.name() !== 'scene') streams = new StandardStreams();
    });
  // Sub-commands inherit nothing: a usage error shall come back here from each.
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) command.exitOverride();
  try {
    await program.parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (stop.signal.aborted && error === stop.signal.reason) {
      process.stderr.write('vedette: interrupted\n');
      return EXIT_INTERRUPTED;
    }
    if (!(error instanceof VedetteError)) throw error;
    // Problems of a configuration are lines of the form file:line:column, which editors take; nothing goes before them.
    process.stderr.write(`${error.code === 'CONFIG_INVALID' ? '' : 'vedette: '}${error.message}\n`);
    if (CONFIG_CODES.has(error.code)) return EXIT_CONFIG;
    if (error.code === 'BACKTEST_FAILED') return EXIT_TROUBLE;
    return error.code === 'USAGE' ? EXIT_USAGE : EXIT_FAILURE;
  }
}

keepCompiledCode(process.env);
const code = await main();
const unwritten = await streams?.drained();
if (unwritten !== undefined) process.stderr.write(`vedette: ${unwritten}\n`);
process.exit(code === 0 && unwritten !== undefined ? EXIT_FAILURE : code);

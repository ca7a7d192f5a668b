// `vedette bench`: how fast each installed model runs on this board, with which provider and threads, at what cost; which of them
// suits the cameras, in words; and, where it is asked for, that choice written into the configuration. docs/bench.md.
import { Command, InvalidArgumentError } from 'commander';
import type { BenchFlags } from './bench-setup.ts';
import type { CommandContext } from './context.ts';
import { configOption, dataOption, wholeNumber } from './options.ts';

const THREADS_MAX = 16;
const SECONDS_MAX = 600;
const MINUTES_MAX = 120;
const PER_S_MAX = 240;
const NAMES_MAX = 50;

const AFTER = `
Each row is measured in a process of its own, in rounds that take turns, so that what disturbs the board disturbs all rows. Stop the
daemon first. Ctrl-C shows what was measured by then. As the service sees it:
  sudo -u vedette vedette bench --data /var/lib/vedette`;

/** The command. Ends with BENCH_FAILED (exit 1) when there was nothing to measure, to recommend or to apply. */
export function benchCommand(context: CommandContext): Command {
  return new Command('bench')
    .description('measure the models on this board, and say which one, on which provider, suits the cameras')
    .addOption(configOption())
    .addOption(dataOption())
    .option('--models <names>', 'only these, with commas: names or paths (default: all installed)', listOf)
    .option('--providers <names>', 'execution providers, with commas (default: those of the runtime)', listOf)
    .option(
      '--threads <counts>',
      'numbers of threads, with commas (default: 1 to one less than the cores, at most 3; on two cores 1 and 2)',
      threadsOf,
    )
    .option('--seconds <seconds>', 'measuring time of one row (default: 6)', numberIn(0.2, SECONDS_MAX))
    .option(
      '--hot <minutes>',
      'then full load with the recommended row: how it heats up and slows down',
      numberIn(0.01, MINUTES_MAX),
    )
    .option(
      '--paced <rate>',
      'frames a second at which CPU time is measured too (default: those of all cameras)',
      numberIn(0.1, PER_S_MAX),
    )
    .option('--quick', 'a first look: two rounds of half a second, nothing paced, no spinning threads')
    .option('--fresh', 'measure anew what was measured before')
    .option('--beside-daemon', 'measure though a daemon runs with the data folder')
    .option('--apply', 'write the recommended model, provider and threads into the configuration')
    .option('--json', 'print one JSON document: {v, version, board, need, rows, warnings, recommendation, …}')
    .addHelpText('after', AFTER)
    .action(async (flags: BenchFlags) => {
      const { runBench } = await import('./bench-command.ts');
      await runBench(flags, context);
    });
}

function listOf(text: string): readonly string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  if (names.includes(''))
    throw new InvalidArgumentError(`must be names with commas between them (got '${text}')`);
  if (names.length > NAMES_MAX) throw new InvalidArgumentError(`names ${names.length} (limit ${NAMES_MAX})`);
  return names;
}

function threadsOf(text: string): readonly number[] {
  const whole = wholeNumber(1, THREADS_MAX);
  return [...new Set(text.split(',').map(whole))].sort((a, b) => a - b);
}

function numberIn(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) {
      throw new InvalidArgumentError(`must be a number from ${min} to ${max} (got '${text}')`);
    }
    return value;
  };
}

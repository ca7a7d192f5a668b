// `vedette why`: why a rule fired, or did not, in plain sentences with the numbers: for an event, an alert, or all that was seen
// in a time. Reads vedette.db and history.db, while the daemon runs or not. docs/why.md.
import { Command, Option } from 'commander';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { WhyAnswer } from '../store/why-messages.ts';
import type { CommandContext } from './context.ts';
import { dataOption, moment, wholeNumber } from './options.ts';

interface WhyFlags {
  readonly data?: string;
  readonly camera?: string;
  readonly label?: string;
  readonly rule?: string;
  readonly since?: number;
  readonly until?: number;
  readonly limit: number;
  readonly json?: true;
}

const AFTER = `
An id is that of an event or alert (vedette events, or a message); its first characters are enough where no other begins
so. Without an id: everything that was seen, whether it became an event or not, newest first. Times are as in vedette events:
a duration before now (90s, 15m, 2h, 7d, 1w) or a time (2026-06-01, 2026-06-01T18:30). What happens now is told within some
seconds of an alert, and of an object's end; of one that stays, every minute.

Examples:
  vedette why 01kb2m3q
  vedette why --camera porch --since 10m
  vedette why --rule door --since 2026-06-01T22:00 --until 2026-06-01T23:00 --json`;

const TOLD_MAX = 20;

/** The command. Ends with WHY_UNKNOWN, DATA_DIR_UNUSABLE, STORE_DAMAGED or STORE_NEWER. */
export function whyCommand({ clock }: CommandContext): Command {
  return new Command('why')
    .description('why a rule fired on something, or did not; the daemon may run meanwhile')
    .argument('[id]', 'event or alert, or the beginning of its id')
    .addOption(dataOption())
    .addOption(new Option('--camera <name>', 'only what this camera saw'))
    .addOption(new Option('--label <label>', 'only objects of this label'))
    .addOption(new Option('--rule <name>', 'only what this rule says'))
    .addOption(new Option('--since <time>', 'from this time on').argParser(moment(clock.nowMs())))
    .addOption(new Option('--until <time>', 'before this time').argParser(moment(clock.nowMs())))
    .addOption(
      new Option('-n, --limit <count>', 'only the newest so many')
        .argParser(wholeNumber(1, 10_000))
        .default(TOLD_MAX),
    )
    .option('--json', 'one JSON object, as request/why answers')
    .addHelpText('after', AFTER)
    .action(async (id: string | undefined, flags: WhyFlags) => {
      checkFlags(id, flags);
      const { answerWhy } = await import('../store/why.ts');
      const { data, since: sinceMs, until: untilMs, camera, label, rule, limit, json } = flags;
      const query = { id, camera, label, rule, sinceMs, untilMs, limit };
      const answer = answerWhy(dataFolder(data, process.env), query);
      process.stdout.write(json ? `${JSON.stringify(answer)}\n` : textOf(answer, id === undefined));
    });
}

function checkFlags(id: string | undefined, { camera, label, rule, since, until }: WhyFlags): void {
  if (id === undefined) {
    if ([camera, label, rule, since, until].every((one) => one === undefined)) {
      throw new VedetteError(
        'USAGE',
        'why what? name an event or alert (vedette events lists them), or a camera or time: --camera porch --since 10m',
      );
    }
    if (since !== undefined && until !== undefined && since >= until) {
      throw new VedetteError('USAGE', '--since must be before --until');
    }
  } else if ([camera, label, since, until].some((one) => one !== undefined)) {
    throw new VedetteError(
      'USAGE',
      'an id names one event or alert: leave out --camera, --label, --since, --until',
    );
  }
}

function textOf({ alerts, tracks, notes, more }: WhyAnswer, isRange: boolean): string {
  const told = [...alerts, ...tracks].map(({ why: [head = '', ...rest] }) =>
    [head, ...rest.map((line) => `  ${line}`)].join('\n'),
  );
  const nothing =
    told.length === 0 && isRange ? ['nothing was seen, and no rule fired without an object'] : [];
  const hint = more ? ['there is more: a shorter time, or a larger --limit'] : [];
  return [...told, ...nothing, ...notes, ...hint].map((paragraph) => `${paragraph}\n`).join('\n');
}

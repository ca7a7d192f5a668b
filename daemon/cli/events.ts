// `vedette events`: lists, follows and exports what vedette.db knows of events and alerts, while the daemon runs or not.
// Read-only. docs/events.md.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { Follower } from '../store/follow.ts';
import type { ListedOf, ListFilter, ListKind } from '../store/listing.ts';
import type { CommandContext } from './context.ts';
import { FORMATS, type Format, type Formatter, formatterOf } from './events-format.ts';
import { collect, dataOption, moment, wholeNumber } from './options.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';

interface EventsFlags {
  readonly data?: string;
  readonly alerts?: true;
  readonly camera?: readonly string[];
  readonly label?: readonly string[];
  readonly rule?: readonly string[];
  readonly zone?: readonly string[];
  readonly severity?: readonly string[];
  readonly id?: readonly string[];
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly follow?: true;
  readonly format?: Format;
  readonly output?: string;
}

const AFTER = `
Filters: all that are given must hold; one given several times, any of its values. Times are those when an event began
or an alert fired: a duration before now (90s, 15m, 2h, 7d, 1w) or a time (2026-06-01, 2026-06-01T18:30, local
unless it ends in Z or +02:00). --until is not included: the first of June is --since 2026-06-01 --until 2026-06-02.

Examples:
  vedette events --since 24h --camera porch
  vedette events --alerts --severity critical --follow
  vedette events --since 7d --output week.csv`;

/** Rows of a table when no --limit is given. */
const TABLE_ROWS = 50;
const FOLLOW_MS = 1000;
/** Between two looks for signals. */
const PAGES_AT_A_TIME = 8;

/** The command. Ends with DATA_DIR_UNUSABLE, STORE_DAMAGED or STORE_NEWER when the database cannot be read. */
export function eventsCommand({ signal, clock }: CommandContext): Command {
  return new Command('events')
    .description('list, follow or export events and alerts; the daemon may run meanwhile')
    .addOption(dataOption())
    .option('--alerts', 'alerts instead of events')
    .addOption(new Option('--camera <name>', 'only this camera').argParser(collect))
    .addOption(new Option('--label <label>', 'only this label').argParser(collect))
    .addOption(
      new Option('--rule <name>', 'only alerts of this rule, or events that fired it').argParser(collect),
    )
    .addOption(
      new Option('--zone <name>', 'only alerts of this zone, or events that entered it').argParser(collect),
    )
    .addOption(severityOption())
    .addOption(new Option('--id <id>', 'only the event or alert with this id').argParser(collect))
    .addOption(new Option('--since <time>', 'from this time on').argParser(moment(clock.nowMs())))
    .addOption(new Option('--until <time>', 'before this time').argParser(moment(clock.nowMs())))
    .addOption(
      new Option(
        '-n, --limit <count>',
        `only the newest so many, 0 for all (default: ${TABLE_ROWS} in a table, else all)`,
      ).argParser(wholeNumber(0, 1e9)),
    )
    .option('-f, --follow', 'go on with what comes until Ctrl-C')
    .addOption(
      new Option('--format <format>', 'default: by the ending of --output, else table').choices(FORMATS),
    )
    .option('-o, --output <file>', 'write to this file, which is there whole or not at all')
    .addHelpText('after', AFTER)
    .action(async (flags: EventsFlags) => {
      const format = formatOf(flags);
      checkFlags(flags, format);
      const [{ Follower }, { StandardOutput, FileOutput }] = await Promise.all([
        import('../store/follow.ts'),
        import('./output.ts'),
      ]);
      const kind: ListKind = flags.alerts ? 'alerts' : 'events';
      const path = join(dataFolder(flags.data, process.env), 'vedette.db');
      const source = new Follower(path, kind, filterOf(flags));
      let output: Output | undefined;
      try {
        output = flags.output === undefined ? new StandardOutput() : new FileOutput(flags.output);
        await new Run({ source, output, format, kind, flags, clock, signal }).all();
      } finally {
        output?.abandon();
        source.close();
      }
    });
}

function severityOption(): Option {
  const levels = ['info', 'warning', 'critical'];
  const parse = (text: string, before: readonly string[] | undefined): readonly string[] => {
    if (levels.includes(text)) return collect(text, before);
    throw new VedetteError('USAGE', `--severity: must be ${levels.join(', ')} (got '${text}')`);
  };
  return new Option(
    '--severity <level>',
    `only alerts of this severity (${levels.join(', ')}), or events with one`,
  ).argParser(parse);
}

function formatOf({ format, output }: EventsFlags): Format {
  if (format !== undefined) return format;
  if (output === undefined) return 'table';
  const ending = /\.([a-z]+)$/i.exec(output)?.[1]?.toLowerCase() ?? '';
  const known = FORMATS.find((one) => one === ending && one !== 'table');
  if (known !== undefined) return known;
  throw new VedetteError(
    'USAGE',
    `--output ${output}: say --format (${FORMATS.join(', ')}), its ending does not`,
  );
}

function checkFlags({ since, until, follow, output }: EventsFlags, format: Format): void {
  if (since !== undefined && until !== undefined && since >= until) {
    throw new VedetteError('USAGE', '--since must be before --until');
  }
  if (!follow) return;
  if (until !== undefined) {
    throw new VedetteError(
      'USAGE',
      '--follow goes on with what comes, --until ends before that: leave one out',
    );
  }
  if (output !== undefined)
    throw new VedetteError('USAGE', '--follow never ends, so --output would never be written: use > file');
  if (format === 'json')
    throw new VedetteError('USAGE', '--follow never ends, a JSON array must: use --format jsonl');
}

function filterOf(flags: EventsFlags): ListFilter {
  return {
    cameras: flags.camera,
    labels: flags.label,
    rules: flags.rule,
    severities: flags.severity,
    zones: flags.zone,
    ids: flags.id,
    sinceMs: flags.since,
    untilMs: flags.until,
  };
}

interface RunOptions<K extends ListKind> {
  readonly source: Follower<K>;
  readonly output: Output;
  readonly format: Format;
  readonly kind: K;
  readonly flags: EventsFlags;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One run of the command: what there is, then, if wanted, what comes. */
class Run<K extends ListKind> {
  readonly #options: RunOptions<K>;
  readonly #formatter: Formatter<ListedOf[K]>;
  readonly #progress: Progress;
  #count = 0;

  constructor(options: RunOptions<K>) {
    this.#options = options;
    this.#formatter = formatterOf(options.format, options.kind);
    const toFile = options.flags.output !== undefined;
    this.#progress = new Progress({ what: options.kind, always: toFile, clock: options.clock });
  }

  async all(): Promise<void> {
    const { output, flags, kind } = this.#options;
    if (!(await this.#list())) return;
    if (flags.follow) {
      await this.#follow();
      return;
    }
    await output.write(this.#formatter.tail());
    output.finish();
    if (flags.output !== undefined) this.#progress.end(`${this.#count} ${kind} written to ${flags.output}`);
    else if (this.#count === 0) this.#progress.end(`no ${kind}`);
  }

  /** False when nobody reads any more. */
  async #list(): Promise<boolean> {
    const { source, output, clock, signal } = this.#options;
    await output.write(this.#formatter.head());
    let pages = 0;
    for (const rows of source.listing.pages(this.#limit)) {
      if (!(await output.write(this.#formatter.rows(rows)))) return false;
      source.shown(rows);
      this.#count += rows.length;
      this.#progress.at(this.#count);
      pages += 1;
      // Reading and writing are synchronous for the most part: without a pause no signal would be seen.
      if (pages % PAGES_AT_A_TIME === 0) await clock.sleep(0);
      if (signal.aborted && !this.#options.flags.follow) {
        throw new VedetteError(
          'EXPORT_FAILED',
          `stopped after ${this.#count} ${this.#options.kind}: not everything was written`,
        );
      }
    }
    return true;
  }

  get #limit(): number | undefined {
    const { flags, format } = this.#options;
    const limit = flags.limit ?? (format === 'table' && flags.output === undefined ? TABLE_ROWS : 0);
    return limit === 0 ? undefined : limit;
  }

  async #follow(): Promise<void> {
    const { source, output, clock, signal } = this.#options;
    while (!signal.aborted) {
      const { rows, more, replaced } = source.look();
      if (replaced)
        this.#progress.end(
          'the daemon has replaced its database, which was damaged: going on with the new one',
        );
      if (!(await output.write(this.#formatter.rows(rows)))) return;
      if (more) continue;
      // Rejects when the signal comes: that is how it ends.
      await clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
    }
  }
}

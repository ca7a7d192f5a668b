// What a backtest has found, and how it is written: text for people, one JSON document for programs (docs/backtest.md). Pure:
// text out.
import type { FiredAlert, Kept, RuleCount } from '../core/alert-comparison.ts';
import type { Silence, WouldAlert } from '../core/backtest.ts';
import { localTime } from '../platform/local-time.ts';
import { plain } from './events-format.ts';
import { textTable } from './text-table.ts';
import { plural } from './words.ts';

export interface AddedAlert extends WouldAlert {
  /** The event that its object made. */
  readonly eventId?: string;
  readonly reason?: string;
}

export interface RemovedAlert extends FiredAlert {
  readonly reason?: string;
}

export interface BacktestReport {
  /** Wall clock; from the beginning of the history where more was asked for. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly askedSinceMs: number;
  /** Of the oldest observation; undefined without any. */
  readonly historyFromMs: number | undefined;
  readonly observations: number;
  /** Of those: from before it was kept what was armed and online. */
  readonly withoutFacts: number;
  readonly damage: { readonly count: number; readonly examples: readonly string[] };
  readonly silences: readonly Silence[];
  readonly camerasSeen: readonly string[];
  /** Alerts left out, for nothing was kept of their time. */
  readonly unkept: number;
  readonly rules: readonly RuleCount[];
  readonly kept: readonly Kept[];
  readonly added: readonly AddedAlert[];
  readonly removed: readonly RemovedAlert[];
}

export interface ReportSources {
  /** As named by the caller. */
  readonly config: string;
  readonly data: string;
  readonly version: string;
  /** What cannot be known, in sentences. */
  readonly notes: readonly string[];
  /** Alerts that are kept are listed as well, and of the others all. */
  readonly list: boolean;
}

/** Of the JSON document. */
const REPORT_VERSION = 1;
/** Lines of each kind without `--list`. */
const LISTED_MAX = 20;
const SILENCES_MAX = 10;

/** True when the configuration would have made other alerts. */
export function differs({ added, removed }: BacktestReport): boolean {
  return added.length + removed.length > 0;
}

/** `2 added, 1 removed, 12 kept`. */
export function summaryOf({ added, removed, kept }: BacktestReport): string {
  return `${added.length} added, ${removed.length} removed, ${kept.length} kept`;
}

export function reportText(report: BacktestReport, { config, notes, list }: ReportSources): string {
  const { sinceMs, untilMs, observations, rules, added, removed, kept } = report;
  const lines = [
    `${config}: ${plural(observations, 'observation')} from ${localTime(sinceMs)} to ${localTime(untilMs)}`,
    '',
    ...ruleTable(rules),
    ...alertLines(
      'added',
      added,
      list,
      ({ eventId }) => eventId ?? '-',
      ({ reason }) => reason,
    ),
    ...alertLines(
      'removed',
      removed,
      list,
      ({ eventId, id }) => eventId ?? id,
      ({ reason }) => reason,
    ),
  ];
  if (list) {
    const same = kept.map(({ fired, would }) => ({ ...fired, apartS: (would.atMs - fired.atMs) / 1000 }));
    lines.push(
      ...alertLines(
        'kept',
        same,
        list,
        ({ eventId, id }) => eventId ?? id,
        ({ apartS }) => apartWords(apartS),
      ),
    );
  }
  const silent = silenceLines(report.silences, list);
  if (silent.length > 0) lines.push('', ...silent);
  if (notes.length > 0) lines.push('', ...notes.map((note) => `note: ${note}`));
  lines.push('', differs(report) ? summaryOf(report) : `no difference: ${summaryOf(report)}`);
  return `${lines.join('\n')}\n`;
}

const COLUMNS = ['RULE', 'FIRED', 'WOULD FIRE', 'KEPT', 'ADDED', 'REMOVED'];
/** Of the columns. */
const NUMBERS = [1, 2, 3, 4, 5];

function ruleTable(rules: readonly RuleCount[]): string[] {
  if (rules.length === 0) return ['no rules'];
  const rows = rules.map(({ rule, fired, wouldFire, kept, added, removed }) =>
    [rule, fired, wouldFire, kept, added, removed].map(String),
  );
  return textTable([COLUMNS, ...rows], NUMBERS)
    .trimEnd()
    .split('\n');
}

type Listed = Pick<WouldAlert, 'atMs' | 'rule' | 'message'>;

function alertLines<T extends Listed>(
  kind: string,
  alerts: readonly T[],
  list: boolean,
  idOf: (alert: T) => string,
  moreOf: (alert: T) => string | undefined = () => undefined,
): string[] {
  if (alerts.length === 0) return [];
  const shown = list ? alerts : alerts.slice(0, LISTED_MAX);
  const lines = shown.map((alert) => {
    const more = moreOf(alert);
    const words = `${localTime(alert.atMs)}  ${alert.rule}: ${plain(alert.message)}  ${idOf(alert)}`;
    return `  ${words}${more === undefined ? '' : `\n      ${plain(more)}`}`;
  });
  const rest = alerts.length - shown.length;
  if (rest > 0) lines.push(`  … and ${rest} more (--list)`);
  return ['', `${kind}:`, ...lines];
}

function apartWords(seconds: number): string | undefined {
  if (Math.abs(seconds) < 0.05) return undefined;
  return `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'later' : 'earlier'}`;
}

function silenceLines(silences: readonly Silence[], list: boolean): string[] {
  const longest = [...silences].sort((a, b) => b.untilMs - b.fromMs - (a.untilMs - a.fromMs));
  const shown = list ? longest : longest.slice(0, SILENCES_MAX);
  const lines = shown
    .sort((a, b) => a.fromMs - b.fromMs)
    .map(
      (silence) =>
        `${silenceWords(silence)} from ${localTime(silence.fromMs)} to ${localTime(silence.untilMs)}`,
    );
  const rest = silences.length - shown.length;
  return rest > 0 ? [...lines, `… and ${rest} shorter times (--list)`] : lines;
}

function silenceWords({ why, camera }: Silence): string {
  if (why === 'stopped') return 'the daemon did not run';
  return why === 'offline'
    ? `camera '${camera}' did not see (offline, frozen or blind)`
    : `nothing was kept of camera '${camera}'`;
}

/** The document of `--json` and of `request/backtest`. Lists are cut to `listedMax` of each kind, newest first. */
export function reportJson(
  report: BacktestReport,
  { config, data, version, notes, list }: ReportSources,
  listedMax = Number.POSITIVE_INFINITY,
): object {
  const { sinceMs, untilMs, historyFromMs, observations, damage, silences, rules, added, removed, kept } =
    report;
  const cut = <T>(alerts: readonly T[]): readonly T[] =>
    alerts.length <= listedMax ? alerts : alerts.slice(-listedMax);
  const isCut = [added, removed, silences, ...(list ? [kept] : [])].some(({ length }) => length > listedMax);
  return {
    v: REPORT_VERSION,
    version,
    config,
    data,
    since: isoOf(sinceMs),
    until: isoOf(untilMs),
    historyFrom: historyFromMs === undefined ? null : isoOf(historyFromMs),
    observations,
    damaged: damage.count,
    leftOut: report.unkept,
    differs: differs(report),
    totals: { kept: kept.length, added: added.length, removed: removed.length },
    rules,
    added: cut(added).map(({ subject: _subject, ...alert }) => timed(alert)),
    removed: cut(removed).map(({ subject: _subject, ...alert }) => timed(alert)),
    ...(list && {
      kept: cut(kept).map(({ fired: { subject: _subject, ...alert }, would }) => ({
        ...timed(alert),
        wouldAt: isoOf(would.atMs),
      })),
    }),
    silences: cut(silences).map(({ fromMs, untilMs: toMs, ...silence }) => ({
      ...silence,
      from: isoOf(fromMs),
      until: isoOf(toMs),
    })),
    notes,
    cut: isCut,
  };
}

function timed<T extends { readonly atMs: number }>({ atMs, ...alert }: T): object {
  return { at: isoOf(atMs), ...alert };
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

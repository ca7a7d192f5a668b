// The table and the words of `vedette bench`. Pure: text from results.
import type { BenchModel, BenchRow } from '../models/benchmark.ts';
import { type Heat, heatSentence } from '../models/benchmark-heat.ts';
import type { Recommendation } from '../models/recommend-words.ts';

interface Column {
  readonly title: string;
  readonly left?: true;
  readonly cell: (row: BenchRow, model: BenchModel) => string;
}

const ms = (value: number | undefined): string =>
  value === undefined ? '-' : value.toFixed(value < 100 ? 1 : 0);

const COLUMNS: readonly Column[] = [
  { title: 'model', left: true, cell: ({ model }) => model },
  { title: 'form', left: true, cell: (_, { precision }) => precision },
  { title: 'input', cell: (_, { width, height }) => (width === height ? `${width}` : `${width}x${height}`) },
  { title: 'provider', left: true, cell: ({ provider }) => provider },
  { title: 'threads', cell: ({ threads }) => String(threads) },
  { title: 'spin', left: true, cell: ({ spinning }) => (spinning ? 'yes' : 'no') },
  { title: 'p50', cell: ({ figures }) => ms(figures?.p50Ms) },
  { title: 'p90', cell: ({ figures }) => ms(figures?.p90Ms) },
  { title: 'p99', cell: ({ figures }) => ms(figures?.p99Ms) },
  { title: 'worst', cell: ({ figures }) => ms(figures?.worstMs) },
  { title: 'CPU', cell: ({ figures }) => ms(figures?.cpuMs) },
  { title: 'CPU paced', cell: ({ figures }) => ms(figures?.paced?.cpuMs) },
  { title: 'MB', cell: ({ figures }) => (figures === undefined ? '-' : (figures.rssBytes / 1e6).toFixed(0)) },
  { title: 'golden', cell: ({ golden }) => goldenCell(golden) },
  { title: 'AP50', cell: (_, { evaluation }) => evaluation?.map50.toFixed(3) ?? '-' },
];
/** Up to here a row that failed is like any other. */
const SETTING_COLUMNS = 6;

function goldenCell(golden: BenchRow['golden']): string {
  if (golden === undefined) return '-';
  const { found, expected } = golden;
  return `${found}/${expected}${golden.false === 0 ? '' : ` +${golden.false}`}`;
}

/** A line of titles and one a row; a row without figures ends with its reason. */
export function tableLines(rows: readonly BenchRow[], models: ReadonlyMap<string, BenchModel>): string[] {
  const cells = rows.map((row) => COLUMNS.map(({ cell }) => cell(row, models.get(row.model)!)));
  const widths = COLUMNS.map(({ title }, at) =>
    Math.max(
      title.length,
      ...cells.filter((_, row) => fills(rows[row]!, at)).map((line) => line[at]!.length),
    ),
  );
  const aligned = (texts: readonly string[]): string[] =>
    texts.map((text, at) => (COLUMNS[at]!.left ? text.padEnd(widths[at]!) : text.padStart(widths[at]!)));
  const title = aligned(COLUMNS.map((column) => column.title)).join('  ');
  const lines = cells.map((line, at) => {
    const { reason, keptAtMs } = rows[at]!;
    const whole = aligned(line);
    if (reason !== undefined) return [...whole.slice(0, SETTING_COLUMNS), reason].join('  ');
    const kept = keptAtMs === undefined ? '' : `  (${new Date(keptAtMs).toISOString().slice(0, 10)})`;
    return whole.join('  ') + kept;
  });
  return [title, ...lines].map((text) => text.trimEnd());
}

function fills({ reason }: BenchRow, column: number): boolean {
  return reason === undefined || column < SETTING_COLUMNS;
}

export interface LegendFacts {
  readonly perS: number | undefined;
  readonly isKept: boolean;
}

/** What the columns mean. */
export function legendLines({ perS, isKept }: LegendFacts): string[] {
  const paced =
    perS === undefined ? '' : ` "CPU paced": the same at ${Number(perS.toPrecision(3))} frames a second.`;
  return [
    `Milliseconds: medians of the rounds, "worst" the worst run of all. "CPU": CPU time of the process for one frame.${paced}`,
    `"MB": resident memory of the measuring process. "golden": found of what a dozen drawn pictures show, + what is not there: a check that a model works here, no measure of how well it sees (vedette models eval).${isKept ? ' A date: measured then; --fresh measures anew.' : ''}`,
  ];
}

/** Warnings, the recommendation, the multipliers. */
export function adviceLines(recommendation: Recommendation, warnings: readonly string[]): string[] {
  const { headline, reasons, multipliers } = recommendation;
  return [
    ...warnings.map((one) => `warning: ${one}`),
    ...(warnings.length === 0 ? [] : ['']),
    `Recommended: ${headline}`,
    ...reasons.map((one) => `  - ${one}`),
    ...(multipliers.length === 0 ? [] : ['', 'Width and resolution:']),
    ...multipliers.map((one) => `  - ${one}`),
  ];
}

/** Lines of the course of heat at most. */
const HEAT_LINES_MAX = 12;

export function heatLines(heat: Heat): string[] {
  const { slices } = heat;
  const step = Math.max(1, Math.ceil(slices.length / HEAT_LINES_MAX));
  const shown = slices.filter((_, at) => at % step === 0 || at === slices.length - 1);
  return [
    heatSentence(heat),
    ...shown.map(({ atS, p50Ms, celsius, mhz, flags }) => {
      const warmth = celsius === undefined ? '' : `  ${celsius.toFixed(1)} °C`;
      const clock = mhz === undefined ? '' : `  ${mhz} MHz`;
      const told = flags.length === 0 ? '' : `  ${flags.join(', ')}`;
      return `  ${String(Math.round(atS)).padStart(5)} s  ${p50Ms.toFixed(1).padStart(6)} ms${warmth}${clock}${told}`;
    }),
  ];
}

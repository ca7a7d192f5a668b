// What `vedette models eval` prints: the figures of one model as a table with sizes and thresholds, of several side by side; or
// one JSON document. Pure.
import type { EvalResult } from '../models/eval.ts';
import { differenceOf, type Interval } from '../models/eval-figures.ts';
import { type EvalDocument, rounded } from '../models/eval-record.ts';
import { textTable } from './text-table.ts';
import { plural } from './words.ts';

/** One model, evaluated. */
export interface ReportedModel {
  readonly result: EvalResult;
  readonly document: EvalDocument;
  /** Why the figures are not in its manifest. */
  readonly notStored: string | undefined;
}

/** Fewer objects than this and a figure is mostly chance. */
const FEW = 30;

/** The document of the first model; those it is compared with, and how far they are from it, under `compared`. */
export function evalJson([first, ...others]: readonly ReportedModel[]): object {
  return {
    ...first!.document,
    ...storedOf(first!),
    ...(others.length === 0 ? {} : { compared: others.map((one) => comparedJson(one, first!)) }),
  };
}

function comparedJson(one: ReportedModel, first: ReportedModel): object {
  return { ...one.document, ...storedOf(one), difference: rounded(differenceOf(one.result, first.result)) };
}

function storedOf({ notStored }: ReportedModel): object {
  return notStored === undefined ? { stored: true } : { stored: false, notStored };
}

export function evalText(models: readonly ReportedModel[]): string {
  const [first, ...others] = models;
  const parts = models.map(oneModel);
  if (others.length > 0) parts.push(sideBySide(first!, others));
  return parts.join('\n');
}

function oneModel({ document, notStored }: ReportedModel): string {
  const { model, sha256, sets, photos, objects, notEvaluated, otherNames } = document;
  const names = sets.map(({ name, photos: count }) => `${name} (${count})`).join(', ');
  const others = Object.entries(otherNames).map(([label, own]) => `${own} counts as ${label}`);
  const without = Object.entries(notEvaluated);
  return [
    `${model} (${sha256.slice(0, 12)}) on ${names}: ${plural(photos, 'photo')}, ${plural(objects, 'object')}`,
    '',
    table(classRows(document)),
    '',
    table(sizeRows(document)),
    '',
    `Detections at the model's thresholds: ${percent(document.recallAtThreshold)} % of the objects found, ${percent(document.precisionAtThreshold)} % of the detections right.`,
    ...(others.length === 0 ? [] : [`Other names: ${others.join(', ')}.`]),
    ...(without.length === 0 ? [] : [`Without a figure: ${listed(without)}.`]),
    notStored === undefined ? `Kept in the manifest of ${model}.` : `Not kept in the manifest: ${notStored}.`,
    '',
  ].join('\n');
}

/** By reason; at most a dozen of each, and how many more. */
function listed(entries: readonly (readonly [string, string])[]): string {
  return [...new Set(entries.map(([, why]) => why))]
    .map((reason) => {
      const labels = entries.filter(([, why]) => why === reason).map(([label]) => label);
      const more = labels.length > 12 ? ` and ${labels.length - 12} more` : '';
      return `${labels.slice(0, 12).join(', ')}${more} (${reason})`;
    })
    .join('; ');
}

function classRows({ perClass, suggestedThresholds, settings, ...overall }: EvalDocument): string[][] {
  const target = `${percent(settings.precisionTarget, 0)} % right`;
  const rows = Object.entries(perClass).map(([label, one]) => {
    const { forPrecision, bestF1 } = suggestedThresholds[label]!;
    return [
      `${label}${one.objects < FEW ? ' *' : ''}`,
      String(one.objects),
      withInterval(one.ap50, one.interval50),
      percent(one.ap50to95),
      `${one.threshold}`,
      percent(one.recallAtThreshold),
      percent(one.precisionAtThreshold),
      forPrecision === null ? 'none' : `${forPrecision.threshold} (${percent(forPrecision.recall)})`,
      bestF1 === null
        ? 'none'
        : `${bestF1.threshold} (${percent(bestF1.recall)}, ${percent(bestF1.precision)})`,
    ];
  });
  const few = Object.values(perClass).some(({ objects }) => objects < FEW);
  const mean = withInterval(overall.map50, overall.interval50);
  return [
    [
      'label',
      'objects',
      'AP50',
      'AP50-95',
      'threshold',
      'found',
      'right',
      `${target} from (found)`,
      'best F1 from (found, right)',
    ],
    ...rows,
    ['mean', String(overall.objects), mean, percent(overall.map50to95), '', '', '', '', ''],
    ...(few ? [[`* fewer than ${FEW} objects: mostly chance`]] : []),
  ];
}

function sizeRows({ bySize }: EvalDocument): string[][] {
  const rows = Object.entries(bySize).map(([size, { objects, map50, map50to95 }]) => {
    return [size, String(objects), percent(map50), percent(map50to95)];
  });
  return [['size', 'objects', 'AP50', 'AP50-95'], ...rows];
}

/** AP50 of every class: the first model, then each other one and how far it is from it. */
function sideBySide(first: ReportedModel, others: readonly ReportedModel[]): string {
  const all = [first, ...others];
  const labels = [...new Set(all.flatMap(({ document }) => Object.keys(document.perClass)))];
  const rows = labels.map((label) => [
    label,
    ...all.map(({ document }) => percent(document.perClass[label]?.ap50 ?? null)),
  ]);
  const differences = others.map(({ result, document }) => {
    const { labels: shared, map50, interval50 } = differenceOf(result, first.result);
    if (map50 === null) return `${document.model}: no label in common with ${first.document.model}`;
    const points = `${map50 >= 0 ? '+' : ''}${withInterval(map50, interval50)} points`;
    return `${document.model}: ${points} from ${first.document.model}, mean of ${plural(shared.length, 'label')}`;
  });
  return [
    table([
      ['AP50', ...all.map(({ document }) => document.model)],
      ...rows,
      ['mean', ...all.map(({ document }) => percent(document.map50))],
      ['mean AP50-95', ...all.map(({ document }) => percent(document.map50to95))],
    ]),
    '',
    ...differences,
    '',
  ].join('\n');
}

function percent(value: number | null, digits = 1): string {
  return value === null ? '-' : (value * 100).toFixed(digits);
}

/** `43.0 [38.1, 47.5]`. */
function withInterval(value: number, interval: Interval | undefined): string {
  if (interval === undefined) return percent(value);
  return `${percent(value)} [${percent(interval[0])}, ${percent(interval[1])}]`;
}

/** Labels to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): string {
  return textTable(
    rows,
    rows[0]!.map((_, column) => column).filter((column) => column > 0),
  ).trimEnd();
}

// From what was found in labelled photos to the figures of an evaluation: precision by class and by size, what the thresholds let
// through, thresholds that would do better, and how far chance in the choice of photos goes. No I/O, any thread.
import type { Box } from '../core/types.ts';
import { type Counts, matchPhoto, Ranking, type ScoredBox, SIZES } from './average-precision.ts';
import { SeededRandom } from './seeded-random.ts';

/** One class in one photo that labels it; boxes in pixels. */
export interface PhotoEvidence {
  /** Number of the photo in the whole evaluation. */
  readonly photo: number;
  readonly objects: readonly Box[];
  readonly detections: readonly ScoredBox[];
}

export interface ClassEvidence {
  readonly label: string;
  /** The model's own threshold for it. */
  readonly threshold: number;
  readonly photos: readonly PhotoEvidence[];
}

export interface FigureOptions {
  /** Share of right detections that a suggested threshold shall reach. */
  readonly precisionTarget: number;
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  /** How many photos each set has; they are numbered one set after the other. A resample draws within each. */
  readonly setSizes: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** Lower and upper end of the middle 95 per cent of the resamples. */
export type Interval = readonly [number, number];

export interface Passing {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

export interface SuggestedThresholds {
  /** The lowest threshold that reaches the precision; null when none does. */
  readonly forPrecision: Passing | null;
  /** Where the harmonic mean of precision and recall is best; null when nothing is found at all. */
  readonly bestF1: (Passing & { readonly f1: number }) | null;
}

export interface ClassFigures {
  readonly objects: number;
  readonly photos: number;
  readonly ap50: number;
  readonly ap50to95: number;
  readonly interval50?: Interval;
  readonly interval50to95?: Interval;
  readonly threshold: number;
  readonly recallAtThreshold: number;
  /** Null when nothing reaches the threshold. */
  readonly precisionAtThreshold: number | null;
}

export interface SizeFigures {
  readonly objects: number;
  /** Means over the classes that have objects of this size; null where none has. */
  readonly map50: number | null;
  readonly map50to95: number | null;
}

export interface Figures {
  readonly map50: number;
  readonly map50to95: number;
  readonly interval50?: Interval;
  readonly interval50to95?: Interval;
  /** Of all objects of all classes together, each class at its threshold. */
  readonly recallAtThreshold: number;
  readonly precisionAtThreshold: number | null;
  readonly bySize: Readonly<Record<'small' | 'medium' | 'large', SizeFigures>>;
  readonly perClass: Readonly<Record<string, ClassFigures>>;
  readonly suggestedThresholds: Readonly<Record<string, SuggestedThresholds>>;
}

/** Figures, and AP50 of each label in each resample: of two models over the same photos they can be compared one by one. */
export interface FiguresWithResamples {
  readonly figures: Figures;
  /** Undefined for a resample that has no object of the label. */
  readonly resampled50: ReadonlyMap<string, readonly (number | undefined)[]>;
}

/** How far a model is from another over the same photos. */
export interface Difference {
  /** Labels that both have figures for. */
  readonly labels: readonly string[];
  /** Mean over them; null when there are none. */
  readonly map50: number | null;
  readonly interval50?: Interval;
}

/** Thresholds that can be suggested: hundredths. */
const STEPS = Array.from({ length: 95 }, (_, index) => (index + 5) / 100);

/** Every class must have objects. Rejects with the signal's reason. */
export async function figuresOf(
  classes: readonly ClassEvidence[],
  options: FigureOptions,
): Promise<FiguresWithResamples> {
  const rankings = classes.map(({ photos }) => rankingOf(photos, 'all'));
  const ap50 = rankings.map((ranking) => ranking.averagePrecision(0) ?? 0);
  const ap50to95 = rankings.map((ranking) => ranking.meanOverOverlaps() ?? 0);
  const counts = classes.map(({ threshold }, index) => rankings[index]!.countsFrom(threshold));
  const resamples = await resample(rankings, options);
  const perClass = classes.map(({ label, threshold, photos }, index): [string, ClassFigures] => {
    const { precision, recall } = ratesOf(counts[index]!);
    const interval50 = intervalOf(resamples.map((one) => one.ap50[index]));
    const interval50to95 = intervalOf(resamples.map((one) => one.ap50to95[index]));
    return [
      label,
      {
        objects: counts[index]!.objects,
        photos: photos.length,
        ap50: ap50[index]!,
        ap50to95: ap50to95[index]!,
        ...(interval50 === undefined ? {} : { interval50 }),
        ...(interval50to95 === undefined ? {} : { interval50to95 }),
        threshold,
        recallAtThreshold: recall,
        precisionAtThreshold: precision,
      },
    ];
  });
  const overall = ratesOf({
    right: sum(counts.map(({ right }) => right)),
    wrong: sum(counts.map(({ wrong }) => wrong)),
    objects: sum(counts.map(({ objects }) => objects)),
  });
  const interval50 = intervalOf(resamples.map((one) => meanOf(one.ap50)));
  const interval50to95 = intervalOf(resamples.map((one) => meanOf(one.ap50to95)));
  const figures: Figures = {
    map50: meanOf(ap50) ?? 0,
    map50to95: meanOf(ap50to95) ?? 0,
    ...(interval50 === undefined ? {} : { interval50 }),
    ...(interval50to95 === undefined ? {} : { interval50to95 }),
    recallAtThreshold: overall.recall,
    precisionAtThreshold: overall.precision,
    bySize: {
      small: bySize(classes, 'small'),
      medium: bySize(classes, 'medium'),
      large: bySize(classes, 'large'),
    },
    perClass: Object.fromEntries(perClass),
    suggestedThresholds: Object.fromEntries(
      classes.map(({ label }, index) => [label, suggest(rankings[index]!, options.precisionTarget)]),
    ),
  };
  const resampled50 = new Map(
    classes.map(({ label }, index) => [label, resamples.map((one) => one.ap50[index])] as const),
  );
  return { figures, resampled50 };
}

/** The mean of the differences of each label that both know, and the interval of what the resamples make of it. */
export function differenceOf(model: FiguresWithResamples, base: FiguresWithResamples): Difference {
  const labels = Object.keys(model.figures.perClass).filter((label) => label in base.figures.perClass);
  const map50 = meanOf(
    labels.map((label) => model.figures.perClass[label]!.ap50 - base.figures.perClass[label]!.ap50),
  );
  const count = labels.length === 0 ? 0 : model.resampled50.get(labels[0]!)!.length;
  const resampled = Array.from({ length: count }, (_, index) =>
    meanOf(
      labels.map((label) => {
        const [mine, its] = [model, base].map(({ resampled50 }) => resampled50.get(label)![index]);
        return mine === undefined || its === undefined ? undefined : mine - its;
      }),
    ),
  );
  const interval50 = intervalOf(resampled);
  return { labels, map50: map50 ?? null, ...(interval50 === undefined ? {} : { interval50 }) };
}

function rankingOf(photos: readonly PhotoEvidence[], size: keyof typeof SIZES): Ranking {
  return new Ranking(
    photos.map(({ photo, objects, detections }) => ({
      photo,
      matched: matchPhoto(objects, detections, SIZES[size]),
    })),
  );
}

function bySize(classes: readonly ClassEvidence[], size: 'small' | 'medium' | 'large'): SizeFigures {
  const rankings = classes.map(({ photos }) => rankingOf(photos, size));
  return {
    objects: sum(rankings.map((ranking) => ranking.objects())),
    map50: meanOf(rankings.map((ranking) => ranking.averagePrecision(0))) ?? null,
    map50to95: meanOf(rankings.map((ranking) => ranking.meanOverOverlaps())) ?? null,
  };
}

function ratesOf({ right, wrong, objects }: Counts): { precision: number | null; recall: number } {
  return { precision: right + wrong === 0 ? null : right / (right + wrong), recall: right / objects };
}

function suggest(ranking: Ranking, precisionTarget: number): SuggestedThresholds {
  let forPrecision: Passing | null = null;
  let bestF1: SuggestedThresholds['bestF1'] = null;
  for (const threshold of STEPS) {
    const { precision, recall } = ratesOf(ranking.countsFrom(threshold));
    if (precision === null || recall === 0) continue;
    if (forPrecision === null && precision >= precisionTarget)
      forPrecision = { threshold, precision, recall };
    const f1 = (2 * precision * recall) / (precision + recall);
    if (bestF1 === null || f1 > bestF1.f1) bestF1 = { threshold, precision, recall, f1 };
  }
  return { forPrecision, bestF1 };
}

interface Resample {
  /** Per class; undefined where the resample has no objects of it. */
  readonly ap50: readonly (number | undefined)[];
  readonly ap50to95: readonly (number | undefined)[];
}

/** The bootstrap (Efron and Tibshirani, 1993): as many photos as there are, drawn with replacement within each set. */
async function resample(
  rankings: readonly Ranking[],
  { bootstrap, setSizes, signal }: FigureOptions,
): Promise<Resample[]> {
  const random = new SeededRandom(bootstrap.seed);
  const weights = new Uint32Array(sum(setSizes));
  const resamples: Resample[] = [];
  while (resamples.length < bootstrap.resamples) {
    // Thousands of them take minutes on a small board: signals come in between.
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    weights.fill(0);
    let first = 0;
    for (const size of setSizes) {
      for (let drawn = 0; drawn < size; drawn += 1) weights[first + random.index(size)]! += 1;
      first += size;
    }
    resamples.push({
      ap50: rankings.map((ranking) => ranking.averagePrecision(0, weights)),
      ap50to95: rankings.map((ranking) => ranking.meanOverOverlaps(weights)),
    });
  }
  return resamples;
}

function intervalOf(values: readonly (number | undefined)[]): Interval | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return [at(0.025), at(0.975)];
}

function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : sum(known) / known.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

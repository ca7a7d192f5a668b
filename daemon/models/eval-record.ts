// What is kept of an evaluation: one document, printed as JSON, and its short form in the model's manifest. Reads and writes no
// file. docs/evaluate.md has every key. Pure.
import { DETECTIONS_MAX, IOU_THRESHOLDS, SIZES } from './average-precision.ts';
import {
  type EvalResult,
  type EvalWishes,
  LONG_SIDE,
  PRECISION_TARGET,
  RESAMPLE_SEED,
  RESAMPLES,
  SCORE_LOW,
} from './eval.ts';
import type { Manifest } from './manifest-schema.ts';

/** The newest so many are kept in a manifest. */
const KEPT_MAX = 20;
const VERSION = 1;

export interface EvalFacts {
  readonly manifest: Manifest;
  readonly wishes: EvalWishes;
  readonly provider: string;
  readonly threads: number;
  readonly nowMs: number;
}

export type EvalDocument = ReturnType<typeof evalDocument>;

/** The document of one model: figures are fractions, 0..1. */
export function evalDocument(result: EvalResult, facts: EvalFacts) {
  const { manifest, nowMs } = facts;
  const { figures, photos, objects, sets, otherNames, notEvaluated } = result;
  return {
    v: VERSION,
    model: manifest.name,
    version: manifest.version,
    sha256: manifest.sha256,
    date: new Date(nowMs).toISOString(),
    photos,
    objects,
    ...rounded(figures),
    sets,
    otherNames,
    notEvaluated,
    settings: settingsOf(facts),
  };
}

/** How the figures came about: what must be equal for two of them to be compared. */
function settingsOf({ manifest, wishes, provider, threads }: EvalFacts) {
  return {
    iou: IOU_THRESHOLDS.map((value) => Number(value.toFixed(2))),
    detectionsMax: DETECTIONS_MAX,
    scoreLow: SCORE_LOW,
    nmsIou: manifest.decoder.type === 'boxes-scores' ? manifest.decoder.nmsIou : null,
    sizes: { longSide: LONG_SIDE, smallMax: SIZES.small.max, mediumMax: SIZES.medium.max },
    precisionTarget: wishes.precisionTarget ?? PRECISION_TARGET,
    resamples: wishes.resamples ?? RESAMPLES,
    resampleSeed: RESAMPLE_SEED,
    limit: wishes.limit ?? null,
    seed: wishes.seed ?? null,
    provider,
    threads,
  };
}

/** Six decimals: what is beyond them is arithmetic, not accuracy. */
export function rounded<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'number' ? Math.round(item * 1e6) / 1e6 : item,
  ) as T;
}

/** The manifest with the short form of an evaluation, in place of an older one of the same file, photos and settings. */
export function withEvaluation(manifest: Manifest, document: EvalDocument): Manifest {
  const entry = shortOf(document);
  const others = (manifest.evaluations ?? []).filter((one) => keyOf(one) !== keyOf(entry));
  return { ...manifest, evaluations: [...others, entry].slice(-KEPT_MAX) };
}

type Kept = NonNullable<Manifest['evaluations']>[number];

function shortOf(document: EvalDocument): Kept {
  const { date, sha256, photos, objects, map50, map50to95, perClass, suggestedThresholds, settings } =
    document;
  const { recallAtThreshold, precisionAtThreshold } = document;
  return {
    date,
    sha256,
    sets: document.sets.map(({ name, photos: count }) => ({ name, photos: count })),
    photos,
    objects,
    map50,
    map50to95,
    recallAtThreshold,
    precisionAtThreshold,
    perClass: Object.fromEntries(
      Object.entries(perClass).map(([label, one]) => {
        return [label, { objects: one.objects, ap50: one.ap50, ap50to95: one.ap50to95 }];
      }),
    ),
    suggestedThresholds: Object.fromEntries(
      Object.entries(suggestedThresholds).map(([label, { forPrecision, bestF1 }]) => {
        return [label, { forPrecision: forPrecision?.threshold ?? null, bestF1: bestF1?.threshold ?? null }];
      }),
    ),
    settings: {
      precisionTarget: settings.precisionTarget,
      limit: settings.limit,
      seed: settings.seed,
      provider: settings.provider,
    },
  };
}

/** Same file, photos and settings: the same question. */
function keyOf({ sha256, sets, settings }: Kept): string {
  return JSON.stringify([sha256, sets, settings]);
}

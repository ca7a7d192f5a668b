// Average precision as COCO measures it (cocodataset.org, "Detection evaluate"; Lin et al., "Microsoft COCO", 2014): detections of
// one class are given to the objects of a photo best first, then ranked over all photos; precision is made monotone and read at
// 101 recalls. Held against pycocotools in a test. Pure: no I/O, any thread.
import type { Box } from '../core/types.ts';

/** 0.50 to 0.95 in ten steps, in the arithmetic of numpy's linspace: an overlap that is exact must count on both sides. */
export const IOU_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, index) =>
  index === 9 ? 0.95 : 0.5 + index * ((0.95 - 0.5) / 9),
);
/** Where precision is read: recalls 0, 0.01 … 1. */
const RECALLS = 101;
/** The best so many of one class in one photo count. */
export const DETECTIONS_MAX = 100;

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Areas of boxes, in square pixels; both ends belong to a range, as in COCO. */
export const SIZES = {
  all: { min: 0, max: 1e10 },
  small: { min: 0, max: 32 ** 2 },
  medium: { min: 32 ** 2, max: 96 ** 2 },
  large: { min: 96 ** 2, max: 1e10 },
} as const satisfies Record<string, Range>;

export type Size = keyof typeof SIZES;

export interface ScoredBox {
  readonly box: Box;
  readonly score: number;
}

/** What became of a detection. */
const FALSE = 0;
const TRUE = 1;
/** Of an object, or as an error, of another size than is asked for: neither right nor wrong. */
const IGNORED = 2;

/** Detections of one class in one photo, best first, and what became of each. */
export interface Matched {
  /** Objects within the range of sizes. */
  readonly objects: number;
  readonly scores: readonly number[];
  /** Per threshold of overlap, per detection: FALSE, TRUE or IGNORED. */
  readonly outcomes: readonly Uint8Array[];
}

/**
 * Gives the detections of one class in one photo to its objects: best score first, each to the free object that it overlaps most,
 * one of the asked size before any other. Boxes in pixels. Among equal overlaps the later object is taken, as pycocotools does.
 */
export function matchPhoto(
  objects: readonly Box[],
  detections: readonly ScoredBox[],
  sizes: Range = SIZES.all,
): Matched {
  const isOutside = (box: Box): boolean => {
    const area = box.width * box.height;
    return area < sizes.min || area > sizes.max;
  };
  const best = [...detections].sort((a, b) => b.score - a.score).slice(0, DETECTIONS_MAX);
  // Those that count come first.
  const inside = objects.filter((box) => !isOutside(box));
  const ordered = [...inside, ...objects.filter(isOutside)];
  const overlaps = best.map(({ box }) => ordered.map((object) => overlapOf(box, object)));
  const outcomes = IOU_THRESHOLDS.map((threshold) => {
    const outcome = new Uint8Array(best.length);
    const taken = new Uint8Array(ordered.length);
    for (const [index, { box }] of best.entries()) {
      const match = bestFree(overlaps[index]!, { taken, inside: inside.length, threshold });
      if (match !== undefined) taken[match] = 1;
      const ignored = match === undefined ? isOutside(box) : match >= inside.length;
      outcome[index] = ignored ? IGNORED : match === undefined ? FALSE : TRUE;
    }
    return outcome;
  });
  return { objects: inside.length, scores: best.map(({ score }) => score), outcomes };
}

/** The free object of the largest overlap; the first `inside` ones before all others. */
function bestFree(
  overlaps: readonly number[],
  {
    taken,
    inside,
    threshold,
  }: { readonly taken: Uint8Array; readonly inside: number; readonly threshold: number },
): number | undefined {
  let least = Math.min(threshold, 1 - 1e-10);
  let match: number | undefined;
  for (const [index, overlap] of overlaps.entries()) {
    if (index === inside && match !== undefined) break;
    if (taken[index] === 1 || overlap < least) continue;
    least = overlap;
    match = index;
  }
  return match;
}

/** In the order of operations of pycocotools' bbIou, so that results are equal to the last bit. */
function overlapOf(a: Box, b: Box): number {
  const width = Math.min(a.width + a.x, b.width + b.x) - Math.max(a.x, b.x);
  const height = Math.min(a.height + a.y, b.height + b.y) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/** How often each photo counts: 1, or as often as a resample has drawn it. */
export type Weights = ArrayLike<number>;

/** Right and wrong detections down to a score, of so many objects. */
export interface Counts {
  readonly right: number;
  readonly wrong: number;
  readonly objects: number;
}

/** One class in one range of sizes over many photos: the ranked list of its detections. */
export class Ranking {
  /** Photos by the numbers that their matches were given with. */
  readonly #objects: readonly { readonly photo: number; readonly count: number }[];
  readonly #scores: Float64Array;
  readonly #photos: Int32Array;
  readonly #outcomes: readonly Uint8Array[];
  /** Scratch of `averagePrecision`: hits and precision after each detection that counts. */
  readonly #hits: Float64Array;
  readonly #precisions: Float64Array;

  /** Equal scores keep the order of the photos. */
  constructor(matches: readonly { readonly photo: number; readonly matched: Matched }[]) {
    this.#objects = matches.map(({ photo, matched }) => ({ photo, count: matched.objects }));
    const entries = matches.flatMap(({ photo, matched }) =>
      matched.scores.map((score, index) => ({ photo, score, matched, index })),
    );
    entries.sort((a, b) => b.score - a.score);
    this.#scores = Float64Array.from(entries, ({ score }) => score);
    this.#photos = Int32Array.from(entries, ({ photo }) => photo);
    this.#outcomes = IOU_THRESHOLDS.map((_, threshold) =>
      Uint8Array.from(entries, ({ matched, index }) => matched.outcomes[threshold]![index]!),
    );
    this.#hits = new Float64Array(entries.length);
    this.#precisions = new Float64Array(entries.length);
  }

  /** Objects that there are to find. */
  objects(weights?: Weights): number {
    return this.#objects.reduce((sum, { photo, count }) => sum + count * (weights?.[photo] ?? 1), 0);
  }

  /** At one of IOU_THRESHOLDS, 0..1; undefined where there are no objects. */
  averagePrecision(threshold: number, weights?: Weights): number | undefined {
    const objects = this.objects(weights);
    if (objects === 0) return undefined;
    const hits = this.#hits;
    const precisions = this.#precisions;
    const outcomes = this.#outcomes[threshold]!;
    const photos = this.#photos;
    let right = 0;
    let wrong = 0;
    let count = 0;
    for (let index = 0; index < outcomes.length; index += 1) {
      const weight = weights === undefined ? 1 : weights[photos[index]!]!;
      if (outcomes[index] === IGNORED || weight === 0) continue;
      if (outcomes[index] === TRUE) right += weight;
      else wrong += weight;
      hits[count] = right;
      precisions[count] = right / (right + wrong);
      count += 1;
    }
    return interpolated(hits, precisions, { count, objects });
  }

  /** The mean over all of IOU_THRESHOLDS. */
  meanOverOverlaps(weights?: Weights): number | undefined {
    let sum = 0;
    for (let threshold = 0; threshold < IOU_THRESHOLDS.length; threshold += 1) {
      const value = this.averagePrecision(threshold, weights);
      if (value === undefined) return undefined;
      sum += value;
    }
    return sum / IOU_THRESHOLDS.length;
  }

  /**
   * What a threshold of scores lets through, at an overlap of 0.5. That is the match of the whole list, cut: which object a
   * detection gets depends on better ones only.
   */
  countsFrom(score: number): Counts {
    const outcomes = this.#outcomes[0]!;
    let right = 0;
    let wrong = 0;
    for (let index = 0; index < outcomes.length && this.#scores[index]! >= score; index += 1) {
      if (outcomes[index] === TRUE) right += 1;
      else if (outcomes[index] === FALSE) wrong += 1;
    }
    return { right, wrong, objects: this.objects() };
  }
}

/** Mean of the best precision at each of 101 recalls or above. `precisions` is made monotone in place. */
function interpolated(
  hits: Float64Array,
  precisions: Float64Array,
  { count, objects }: { readonly count: number; readonly objects: number },
): number {
  for (let index = count - 2; index >= 0; index -= 1) {
    if (precisions[index]! < precisions[index + 1]!) precisions[index] = precisions[index + 1]!;
  }
  let sum = 0;
  let index = 0;
  for (let step = 0; step < RECALLS; step += 1) {
    // 100 steps of 0.01 in doubles, as numpy's linspace makes them.
    const recall = step * 0.01;
    while (index < count && hits[index]! / objects < recall) index += 1;
    if (index === count) break;
    sum += precisions[index]!;
  }
  return sum / RECALLS;
}

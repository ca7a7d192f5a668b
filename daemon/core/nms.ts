// Non-maximum suppression: of several boxes on one object, the best one stays. Two forms of the same greedy rule: on
// detections (the camera joins its crops with it) and on flat arrays (the detector's hot path, which allocates nothing).
// Pure: no I/O, any thread.
import { iou } from './geometry.ts';
import type { Detection } from './types.ts';

/** Boxes in fixed arrays: x1, y1, x2, y2 per entry; entries from `count` on are stale. */
export interface FlatDetections {
  count: number;
  readonly classes: Uint32Array;
  readonly scores: Float32Array;
  readonly boxes: Float32Array;
}

/** Detections of one frame, best first, without those that overlap a better one of their label by more than `iouMax`. */
export function nms<T extends Detection>(detections: readonly T[], iouMax: number): T[] {
  const kept: T[] = [];
  // The sort is stable: among equal scores the earlier one wins.
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    const covered = kept.some(
      (better) => better.label === candidate.label && iou(better.box, candidate.box) > iouMax,
    );
    if (!covered) kept.push(candidate);
  }
  return kept;
}

/**
 * The same on flat arrays, per class: moves the best of `candidates` to `into`, best first, until none is left or
 * `countMax` are found. `candidates` is used up. An `iouMax` of 1 only sorts. Takes countMax passes over the candidates
 * at most: no sort, no allocation.
 */
export function takeBest(
  candidates: FlatDetections,
  into: FlatDetections,
  limits: { readonly iouMax: number; readonly countMax: number },
): void {
  const { iouMax, countMax } = limits;
  const { classes, scores, boxes } = candidates;
  into.count = 0;
  while (candidates.count > 0 && into.count < countMax) {
    let best = 0;
    for (let i = 1; i < candidates.count; i += 1) if (scores[i]! > scores[best]!) best = i;
    copyEntry(candidates, best, into, into.count);
    const winner = into.count;
    into.count += 1;
    let left = 0;
    for (let i = 0; i < candidates.count; i += 1) {
      if (i === best) continue;
      if (classes[i] === into.classes[winner] && iouOfCorners(into.boxes, winner, boxes, i) > iouMax)
        continue;
      if (left !== i) copyEntry(candidates, i, candidates, left);
      left += 1;
    }
    candidates.count = left;
  }
}

function copyEntry(from: FlatDetections, at: number, to: FlatDetections, place: number): void {
  to.classes[place] = from.classes[at]!;
  to.scores[place] = from.scores[at]!;
  for (let k = 0; k < 4; k += 1) to.boxes[place * 4 + k] = from.boxes[at * 4 + k]!;
}

/** Intersection over union of entry `i` of `a` and entry `j` of `b`, both x1, y1, x2, y2. */
function iouOfCorners(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const ax1 = a[i * 4]!;
  const ay1 = a[i * 4 + 1]!;
  const ax2 = a[i * 4 + 2]!;
  const ay2 = a[i * 4 + 3]!;
  const bx1 = b[j * 4]!;
  const by1 = b[j * 4 + 1]!;
  const bx2 = b[j * 4 + 2]!;
  const by2 = b[j * 4 + 3]!;
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared);
}

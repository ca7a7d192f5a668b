// Non-maximum suppression: of several boxes on one object, the best one stays. For one run of the model; what several crops
// of a frame found is joined in core/crops.ts. Runs in the detector process for every request and allocates nothing. Pure.
import type { WireDetections } from './wire.ts';

/**
 * Moves the best of `candidates` to `into`, best first, until none is left or `countMax` are found; without those that
 * overlap a better one of their class by more than `iouMax` (1 only sorts). Among equal scores the earlier one wins.
 * `candidates` is used up. Takes countMax passes over the candidates at most: no sort, no allocation.
 */
export function takeBest(
  candidates: WireDetections,
  into: WireDetections,
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

function copyEntry(from: WireDetections, at: number, to: WireDetections, place: number): void {
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

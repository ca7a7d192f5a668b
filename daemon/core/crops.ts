// Joins what several crops of one frame found into the detections of that frame. An object is found in each crop that shows
// it, and in some only a part of it shows: that part is no object of its own. Pure.
import { iou, shareWithin } from './geometry.ts';
import { areKin } from './label-kin.ts';
import type { Detection } from './types.ts';

/** What one crop found. */
export interface CropDetection extends Detection {
  /** The box ends where the crop does, though the picture goes on there: more of the object may be outside. */
  readonly cut: boolean;
}

/** Two boxes of a label that overlap by more than this are one object. */
const SAME_IOU = 0.45;
/** So much of a cut box within another of its label: it is a part of that one. */
const PART_OF = 0.6;

/**
 * Best first, whole boxes before cut ones. Of several boxes on one object the first stays; a cut box that stays alone keeps a
 * score just below `scoreMin`: enough to go on following an object, not to begin one whose size is not known.
 */
export function joinCrops(found: readonly CropDetection[], scoreMin: number): Detection[] {
  const kept: Detection[] = [];
  const order = [...found].sort((a, b) => Number(a.cut) - Number(b.cut) || b.score - a.score);
  for (const { label, score, box, cut } of order) {
    const isKnown = kept.some(
      (better) =>
        areKin(better.label, label) &&
        ((better.label === label && iou(better.box, box) > SAME_IOU) ||
          (cut && shareWithin(box, better.box) > PART_OF)),
    );
    if (!isKnown) kept.push({ label, box, score: cut ? Math.min(score, 0.99 * scoreMin) : score });
  }
  return kept;
}

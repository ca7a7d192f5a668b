// Whether a model still finds what it must find in a few drawn pictures: a check that its file, its provider and its decoder
// work, not a measure of how well it sees (that is `vedette models eval`). Pure.
import { iou } from '../core/geometry.ts';
import type { Box, Detection } from '../core/types.ts';

/** Something in a picture. */
export interface GoldenObject {
  readonly label: string;
  /** Whole, and what is seen of it. */
  readonly boxes: readonly Box[];
  /** Plain enough to be asked for; what is not may be found or not. */
  readonly expected: boolean;
}

export interface GoldenScore {
  /** Of what was expected and the model has a label for. */
  readonly found: number;
  readonly expected: number;
  /** Detections of labels that pictures are drawn with, where nothing is. */
  readonly false: number;
}

/** A detection counts from here on. */
export const GOLDEN_SCORE_MIN = 0.4;
/** It is the object when they overlap so much, and something else only when they overlap less than the second. */
const IOU_FOUND = 0.4;
const IOU_FALSE = 0.3;

/** Undefined where the model has no label in common with the pictures: nothing can be said. */
export function goldenScore(
  pictures: readonly { readonly objects: readonly GoldenObject[]; readonly found: readonly Detection[] }[],
  labels: readonly string[],
): GoldenScore | undefined {
  const known = new Set(labels.map(plain));
  const drawn = new Set(pictures.flatMap(({ objects }) => objects.map(({ label }) => plain(label))));
  const common = drawn.intersection(known);
  if (common.size === 0) return undefined;
  const score = { found: 0, expected: 0, false: 0 };
  for (const { objects, found } of pictures) {
    const sure = found.filter(({ score: sureness }) => sureness >= GOLDEN_SCORE_MIN);
    for (const { label, boxes, expected } of objects) {
      if (!expected || !common.has(plain(label))) continue;
      score.expected += 1;
      const hit = sure.some((one) => plain(one.label) === plain(label) && overlap(one, boxes) >= IOU_FOUND);
      if (hit) score.found += 1;
    }
    score.false += sure.filter(
      (one) => common.has(plain(one.label)) && objects.every(({ boxes }) => overlap(one, boxes) < IOU_FALSE),
    ).length;
  }
  return score;
}

function overlap({ box }: Detection, boxes: readonly Box[]): number {
  return Math.max(0, ...boxes.map((one) => iou(box, one)));
}

function plain(label: string): string {
  return label.trim().toLowerCase();
}

// How good a picture of an object is, as one number: documented in docs/snapshots.md, so that an owner can see why this
// one was kept. Pure; camera worker thread.
import type { Box, Size, TrackView } from '../core/types.ts';

/** An object that fills this share of the frame has half of the points for size. */
const AREA_HALF = 0.02;
/** Mean absolute Laplacian (of 0..255) that has half of the points for sharpness: a blurred object is below, a crisp one above. */
const SHARPNESS_HALF = 8;
/** Nearer than this to the frame's border (fraction of the frame), an object may be cut off. */
const BORDER = 0.02;
/** Left of the points for an object that touches the border. */
const AT_BORDER = 0.4;
/** Looked at per object, at most, so many down and across. */
const SAMPLES_A_SIDE = 32;

/**
 * Quality 0..1 of the picture of one track in this frame (I420, stride = width): score × size × distance from the border
 * × sharpness, each 0..1. Returns 0 when it cannot reach `least`, without looking at the pixels.
 */
export function qualityOf(
  frame: Uint8Array,
  { width, height }: Size,
  { score, box }: Pick<TrackView, 'score' | 'box'>,
  least: number,
): number {
  const area = box.width * box.height;
  const bound = score * (area / (area + AREA_HALF)) * borderFactor(box);
  if (bound < least) return 0;
  const sharpness = sharpnessOf(frame, { width, height }, box);
  return bound * (sharpness / (sharpness + SHARPNESS_HALF));
}

function borderFactor(box: Box): number {
  const distance = Math.min(box.x, box.y, 1 - box.x - box.width, 1 - box.y - box.height);
  return AT_BORDER + (1 - AT_BORDER) * Math.min(1, Math.max(0, distance) / BORDER);
}

/**
 * Mean absolute Laplacian of the luma within the box, on a grid of at most SAMPLES_A_SIDE² pixels: blur takes away second
 * derivatives first (S. Nayar, Y. Nakagawa, "Shape from Focus", 1994), and a mean is not carried off by one hard edge, such
 * as that of a privacy mask. 0 for a box without pixels.
 */
export function sharpnessOf(frame: Uint8Array, { width, height }: Size, box: Box): number {
  const left = Math.max(1, Math.floor(box.x * width));
  const top = Math.max(1, Math.floor(box.y * height));
  const right = Math.min(width - 1, Math.ceil((box.x + box.width) * width));
  const bottom = Math.min(height - 1, Math.ceil((box.y + box.height) * height));
  const stepX = Math.max(1, Math.ceil((right - left) / SAMPLES_A_SIDE));
  const stepY = Math.max(1, Math.ceil((bottom - top) / SAMPLES_A_SIDE));
  let sum = 0;
  let count = 0;
  for (let y = top; y < bottom; y += stepY) {
    for (let x = left; x < right; x += stepX) {
      const at = y * width + x;
      const around = frame[at - 1]! + frame[at + 1]! + frame[at - width]! + frame[at + width]!;
      sum += Math.abs(4 * frame[at]! - around);
      count += 1;
    }
  }
  return count === 0 ? 0 : sum / count;
}

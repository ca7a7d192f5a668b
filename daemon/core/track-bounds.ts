// Which detections can be what they are called: boxes that are none, and those that the owner's bounds of size and shape rule
// out. Pure.
import type { Detection, TrackBounds, TrackOptions } from './types.ts';

/** A box reaches no further beyond the frame than this (fractions of it). */
const BEYOND = 1;
/** A box this near to the border is cut off by it: its shape says nothing. */
const BORDER = 0.005;
/** The least side of a box, fractions of the frame. */
const SIDE_MIN = 1e-5;

export function isPlausible({ label, score, box }: Detection, options: TrackOptions): boolean {
  const { x, y, width, height } = box;
  // Written so that NaN is refused.
  if (!(score >= 0 && score <= 1 && width >= SIDE_MIN && height >= SIDE_MIN)) return false;
  if (!(x >= -BEYOND && y >= -BEYOND && x + width <= 1 + BEYOND && y + height <= 1 + BEYOND)) return false;
  const bounds = options.bounds[label];
  return bounds === undefined || isWithin(box, bounds, options.frameAspect);
}

function isWithin(
  { x, y, width, height }: Detection['box'],
  bounds: TrackBounds,
  frameAspect: number,
): boolean {
  const { widthMin = 0, widthMax = 2, heightMin = 0, heightMax = 2 } = bounds;
  if (width < widthMin || width > widthMax || height < heightMin || height > heightMax) return false;
  if (x <= BORDER || y <= BORDER || x + width >= 1 - BORDER || y + height >= 1 - BORDER) return true;
  const aspect = (width * frameAspect) / height;
  const { aspectMin = 0, aspectMax = Number.POSITIVE_INFINITY } = bounds;
  return aspect >= aspectMin && aspect <= aspectMax;
}

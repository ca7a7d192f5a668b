// Plane geometry on boxes and polygons in fractions of the frame. Pure.
import type { Zone } from './rule-types.ts';
import type { Box, Point } from './types.ts';

/** Intersection over union (Jaccard index) of two boxes, 0..1; 0 when both are empty. */
export function iou(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  const union = a.width * a.height + b.width * b.height - shared;
  return union <= 0 ? 0 : shared / union;
}

/** Where an object stands: the middle of the lower edge of its box. Zone tests use this point. */
export function bottomCentre(box: Box): Point {
  return [box.x + box.width / 2, box.y + box.height];
}

/**
 * True when the point is inside the polygon, by the even-odd rule (ray casting; W. R. Franklin, PNPOLY, 1970).
 * A point exactly on an edge belongs to one side only, so neighbouring zones do not both claim it.
 */
export function insidePolygon([px, py]: Point, polygon: readonly Point[]): boolean {
  let inside = false;
  let previous = polygon.at(-1);
  for (const corner of polygon) {
    if (previous !== undefined && corner[1] > py !== previous[1] > py) {
      const slope = (previous[0] - corner[0]) / (previous[1] - corner[1]);
      if (px < corner[0] + (py - corner[1]) * slope) inside = !inside;
    }
    previous = corner;
  }
  return inside;
}

/** Names of the zones in which an object with this box stands, sorted. */
export function zonesUnder(box: Box, zones: readonly Zone[]): string[] {
  const foot = bottomCentre(box);
  return zones
    .filter((zone) => insidePolygon(foot, zone.points))
    .map((zone) => zone.name)
    .sort();
}

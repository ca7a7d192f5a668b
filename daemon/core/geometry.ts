// Plane geometry on boxes and polygons in fractions of the frame. Pure. Lines with two sides: polyline.ts.
import type { Anchor } from './rule-types.ts';
import type { Box, Point } from './types.ts';

/** Intersection over union (Jaccard index) of two boxes, 0..1; 0 when both are empty. */
export function iou(a: Box, b: Box): number {
  const shared = sharedArea(a, b);
  const union = a.width * a.height + b.width * b.height - shared;
  return union <= 0 ? 0 : shared / union;
}

/** Share of a box that lies in another, 0..1; 0 for an empty one. */
export function shareWithin(box: Box, other: Box): number {
  const area = box.width * box.height;
  return area <= 0 ? 0 : sharedArea(box, other) / area;
}

function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

/**
 * The last point before the right and the lower border. A point on an edge belongs to one side only, and of a zone drawn to
 * the border that would be the outside: whoever is cut off by the border stands on it exactly.
 */
const BORDER = 1 - 1e-6;

/** How far from the left a box has its anchor, the same for all of them; within the picture. */
export function anchorX({ x, width }: Box): number {
  return within(x + width / 2);
}

/** How far from the top a box has its anchor; within the picture. */
export function anchorY({ y, height }: Box, anchor: Anchor): number {
  if (anchor === 'bottom') return within(y + height);
  return within(anchor === 'top' ? y : y + height / 2);
}

function within(value: number): number {
  return Math.min(BORDER, Math.max(0, value));
}

/** The point of a box that stands for the object. */
export function anchorOf(box: Box, anchor: Anchor): Point {
  return [anchorX(box), anchorY(box, anchor)];
}

/** Area of a polygon that does not cross itself, in fractions of the frame. */
export function polygonArea(points: readonly Point[]): number {
  return Math.abs(signedArea(points));
}

/** The same, above 0 when the corners run clockwise on the picture, else below (shoelace formula). */
export function signedArea(points: readonly Point[]): number {
  let doubled = 0;
  let previous = points.at(-1);
  for (const corner of points) {
    if (previous !== undefined) doubled += previous[0] * corner[1] - corner[0] * previous[1];
    previous = corner;
  }
  return doubled / 2;
}

/** Points as one run of numbers, x before y: what the functions below take, so that a look costs no allocation. */
export function flatten(points: readonly Point[]): Float64Array {
  return Float64Array.from(points.flat());
}

/**
 * True when the point is inside the polygon, by the even-odd rule (ray casting; W. R. Franklin, PNPOLY, 1970).
 * A point exactly on an edge belongs to one side only, so neighbouring zones do not both claim it.
 */
export function insidePolygon(x: number, y: number, corners: Float64Array): boolean {
  let inside = false;
  let fromX = corners[corners.length - 2]!;
  let fromY = corners[corners.length - 1]!;
  for (let i = 0; i < corners.length; i += 2) {
    const toX = corners[i]!;
    const toY = corners[i + 1]!;
    if (toY > y !== fromY > y && x < toX + ((y - toY) * (fromX - toX)) / (fromY - toY)) inside = !inside;
    fromX = toX;
    fromY = toY;
  }
  return inside;
}

/** Squared distance of the point from the nearest edge of the polygon, whether it is inside or outside. */
export function squaredDistanceToEdge(x: number, y: number, corners: Float64Array): number {
  let nearest = Number.POSITIVE_INFINITY;
  let fromX = corners[corners.length - 2]!;
  let fromY = corners[corners.length - 1]!;
  for (let i = 0; i < corners.length; i += 2) {
    const toX = corners[i]!;
    const toY = corners[i + 1]!;
    nearest = Math.min(nearest, squaredDistanceToSegment(x - fromX, y - fromY, toX - fromX, toY - fromY));
    fromX = toX;
    fromY = toY;
  }
  return nearest;
}

/** From the point (x, y) to the segment from the origin to (dx, dy): the nearest point of it by projection, kept within. */
function squaredDistanceToSegment(x: number, y: number, dx: number, dy: number): number {
  const squaredLength = dx * dx + dy * dy;
  const along = squaredLength === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / squaredLength));
  const offX = x - along * dx;
  const offY = y - along * dy;
  return offX * offX + offY * offY;
}

// A line of straight pieces as a thing with two sides: on which side a point lies, how far away, and whether a step goes
// through. Sides are those of somebody who walks from the first point to the last, seen as in the picture (y grows
// downwards). Pure; nothing here allocates after the construction.
import { flatten } from './geometry.ts';
import type { Point } from './types.ts';

export const LEFT = -1;
export const RIGHT = 1;

export class Polyline {
  /** x and y of every point. */
  readonly #points: Float64Array;
  /** Of every piece, then of every point: a vector that points to the right. */
  readonly #pieceNormals: Float64Array;
  readonly #pointNormals: Float64Array;
  /** Squared distance from the point last asked about. */
  #squaredDistance = 0;

  /** At least two points, none the same as the one before. */
  constructor(points: readonly Point[]) {
    this.#points = flatten(points);
    this.#pieceNormals = normalsOf(this.#points);
    this.#pointNormals = pointNormalsOf(this.#pieceNormals, isClosed(this.#points));
  }

  /** Squared distance of the point that `sideOf` was last asked about: from the line itself, not from its extension. */
  get squaredDistance(): number {
    return this.#squaredDistance;
  }

  /**
   * LEFT or RIGHT, also beyond the ends, where the first and the last piece are thought to go on; a line that ends where it
   * begins has no ends, its sides are inside and outside. Decided at the nearest
   * point of the line, by the normal of its piece or, where that is a corner, by the sum of the normals of both pieces:
   * the normal of one piece alone gives the wrong side behind a sharp corner (J. A. Bærentzen and H. Aanæs, "Signed
   * distance computation using the angle weighted pseudonormal", IEEE TVCG 11(3), 2005; in the plane both weigh the same).
   */
  sideOf(x: number, y: number): typeof LEFT | typeof RIGHT {
    const points = this.#points;
    let best = Number.POSITIVE_INFINITY;
    let side = 0;
    for (let i = 0; i + 2 < points.length; i += 2) {
      const dx = points[i + 2]! - points[i]!;
      const dy = points[i + 3]! - points[i + 1]!;
      const fromX = x - points[i]!;
      const fromY = y - points[i + 1]!;
      const along = (fromX * dx + fromY * dy) / (dx * dx + dy * dy);
      const t = Math.min(1, Math.max(0, along));
      const offX = fromX - t * dx;
      const offY = fromY - t * dy;
      const squared = offX * offX + offY * offY;
      if (squared >= best) continue;
      best = squared;
      const normals = along > 0 && along < 1 ? this.#pieceNormals : this.#pointNormals;
      const at = along >= 1 ? i + 2 : i;
      side = offX * normals[at]! + offY * normals[at + 1]!;
    }
    this.#squaredDistance = best;
    return side > 0 ? RIGHT : LEFT;
  }

  /**
   * True when a straight step goes through the line an odd number of times: through the line itself, not its extension.
   * Two segments cross when each has its ends on both sides of the other; an end exactly on it belongs to one side, so a
   * step to the line and one from it count once together, and so does a step through a corner (the orientation test of
   * Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", 3rd edition, 33.1, with half-open ends).
   */
  isCrossedBy(fromX: number, fromY: number, toX: number, toY: number): boolean {
    const points = this.#points;
    let isCrossed = false;
    let ax = points[0]!;
    let ay = points[1]!;
    let isRight = turn(fromX, fromY, toX, toY, ax, ay) > 0;
    for (let i = 2; i < points.length; i += 2) {
      const bx = points[i]!;
      const by = points[i + 1]!;
      const wasRight = isRight;
      isRight = turn(fromX, fromY, toX, toY, bx, by) > 0;
      if (isRight !== wasRight) {
        const startsRight = turn(ax, ay, bx, by, fromX, fromY) > 0;
        if (turn(ax, ay, bx, by, toX, toY) > 0 !== startsRight) isCrossed = !isCrossed;
      }
      ax = bx;
      ay = by;
    }
    return isCrossed;
  }
}

/** Above 0 when p lies to the right of the way from a to b, as seen in the picture (cross product). */
function turn(ax: number, ay: number, bx: number, by: number, px: number, py: number): number {
  return (bx - ax) * (py - ay) - (by - ay) * (px - ax);
}

/** To the right of every piece, of length 1. */
function normalsOf(points: Float64Array): Float64Array {
  const normals = new Float64Array(points.length - 2);
  for (let i = 0; i < normals.length; i += 2) {
    const dx = points[i + 2]! - points[i]!;
    const dy = points[i + 3]! - points[i + 1]!;
    const length = Math.hypot(dx, dy);
    normals[i] = -dy / length;
    normals[i + 1] = dx / length;
  }
  return normals;
}

/** True when it ends where it begins. */
function isClosed(points: Float64Array): boolean {
  return points[0] === points.at(-2) && points[1] === points.at(-1);
}

/** At every point: the sum of the normals of the pieces that meet there; the first and the last of a closed line meet. */
function pointNormalsOf(normals: Float64Array, closed: boolean): Float64Array {
  const sums = new Float64Array(normals.length + 2);
  for (let i = 0; i < normals.length; i += 1) {
    sums[i]! += normals[i]!;
    sums[i + 2]! += normals[i]!;
  }
  if (!closed) return sums;
  for (const axis of [0, 1]) {
    const joined = sums[axis]! + sums[normals.length + axis]!;
    sums[axis] = joined;
    sums[normals.length + axis] = joined;
  }
  return sums;
}

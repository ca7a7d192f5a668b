// What `vedette check` says about zones and lines that are right: how much of the picture a zone has, and which side of a
// line is where, so that a swapped pair of names is seen before it matters. Pure.
import type { CameraConfig, Config } from '../config/types.ts';
import { polygonArea, signedArea } from '../core/geometry.ts';

/** One line per zone and per line. */
export function describePlaces({ cameras }: Config): string[] {
  return Object.entries(cameras).flatMap(([camera, { zones, lines }]) => [
    ...Object.entries(zones).map(([name, { points }]) => {
      const percent = (polygonArea(points) * 100).toPrecision(2);
      return `camera '${camera}': zone '${name}' is ${Number(percent)} % of the picture`;
    }),
    ...Object.entries(lines).map(([name, line]) => `camera '${camera}': line '${name}', ${sidesOf(line)}`),
  ]);
}

/** Where on the picture the sides lie, of a line from its first point to its last. */
function sidesOf({ points, sides: [left, right] }: CameraConfig['lines'][string]): string {
  const [fromX, fromY] = points[0]!;
  const [toX, toY] = points.at(-1)!;
  // What points to the right of the way.
  const normal = { x: fromY - toY, y: toX - fromX };
  if (normal.x === 0 && normal.y === 0) {
    const isRightInside = signedArea(points) > 0;
    return `'${isRightInside ? right : left}' inside it and '${isRightInside ? left : right}' outside`;
  }
  // It nearly comes back to where it began: above and below would say little.
  if (Math.hypot(normal.x, normal.y) < lengthOf(points) / 2) {
    return `'${left}' to the left of its way and '${right}' to the right`;
  }
  const isUpright = Math.abs(normal.x) > Math.abs(normal.y);
  const [before, after] = isUpright ? ['left of', 'right of'] : ['above', 'below'];
  const isAfter = (isUpright ? normal.x : normal.y) > 0;
  return `'${left}' ${isAfter ? before : after} it and '${right}' ${isAfter ? after : before} it`;
}

function lengthOf(points: CameraConfig['lines'][string]['points']): number {
  let length = 0;
  for (const [i, [x, y]] of points.entries()) {
    const next = points[i + 1];
    if (next !== undefined) length += Math.hypot(next[0] - x, next[1] - y);
  }
  return length;
}

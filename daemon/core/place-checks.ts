// What is wrong with a zone, a mask or a line: corners that make no polygon, points that make no line, sides that cannot be
// told apart. Pure; knows only the shape it needs, not the configuration room.
import type { ConfigFault } from './config-fault.ts';
import { polygonArea } from './geometry.ts';
import type { Point } from './types.ts';

/** What is marked on the picture of a camera. */
export interface CheckedPlaces {
  readonly zones: Readonly<Record<string, CheckedPolygon>>;
  readonly lines: Readonly<Record<string, CheckedLine>>;
  /** Privacy masks. */
  readonly masks: Readonly<Record<string, CheckedPolygon>>;
}

interface CheckedPolygon {
  readonly points: readonly Point[];
}

interface CheckedLine {
  readonly points: readonly Point[];
  readonly sides: readonly [left: string, right: string];
  readonly margin: number;
}

/** Smaller than a square of 3 x 3 pixels in 1280 x 720: nobody's feet are ever seen in it. */
const AREA_MIN = 1e-5;

/** Everything about zones, masks and lines that their schema cannot say. */
export function placeFaults({
  cameras,
}: {
  readonly cameras: Readonly<Record<string, CheckedPlaces>>;
}): ConfigFault[] {
  return Object.entries(cameras).flatMap(([camera, { zones, lines, masks }]) => [
    ...polygonFaults(['cameras', camera, 'zones'], zones),
    ...Object.entries(lines).flatMap(([name, line]) => lineFaults(['cameras', camera, 'lines', name], line)),
    ...polygonFaults(['cameras', camera, 'masks'], masks),
  ]);
}

function polygonFaults(
  path: ConfigFault['path'],
  polygons: Readonly<Record<string, CheckedPolygon>>,
): ConfigFault[] {
  return Object.entries(polygons).flatMap(([name, { points }]) => {
    const message = polygonFault(points);
    return message === undefined ? [] : [{ path: [...path, name, 'points'], message }];
  });
}

/** Why corners are no polygon that an object can stand in, or undefined. */
function polygonFault(points: readonly Point[]): string | undefined {
  const crossed = crossedEdges(points, points.length);
  if (crossed !== undefined) {
    const [i, j] = crossed;
    return `the edges from corner ${i + 1} and from corner ${j + 1} cross; give the corners in order around the zone`;
  }
  if (polygonArea(points) < AREA_MIN) return 'it has no area (its corners lie on a line or in one point)';
  return undefined;
}

function lineFaults(path: ConfigFault['path'], { points, sides, margin }: CheckedLine): ConfigFault[] {
  const message = pathFault(points, margin);
  const faults: ConfigFault[] = message === undefined ? [] : [{ path: [...path, 'points'], message }];
  if (sides[0] === sides[1]) {
    const same = `both sides are called '${sides[0]}'; give them different names, or nobody can tell which way it was crossed`;
    faults.push({ path: [...path, 'sides', 1], message: same });
  }
  return faults;
}

/** Why points are no line that an object can cross, or undefined. */
function pathFault(points: readonly Point[], margin: number): string | undefined {
  let length = 0;
  for (const [i, [x, y]] of points.entries()) {
    const next = points[i + 1];
    if (next === undefined) break;
    const step = Math.hypot(next[0] - x, next[1] - y);
    if (step === 0) return `points ${i + 1} and ${i + 2} are the same; leave one out`;
    if (goesBack(points[i - 1], points[i]!, next)) {
      return `the line goes back on itself at point ${i + 1}; a line with two sides cannot`;
    }
    length += step;
  }
  const crossed = crossedEdges(points, points.length - 1);
  if (crossed !== undefined) {
    const [i, j] = crossed;
    return `the pieces from point ${i + 1} and from point ${j + 1} cross; a line with two sides cannot cross itself`;
  }
  if (length >= margin) return undefined;
  return `the line is ${length.toFixed(3)} long, shorter than its margin of ${margin}: nobody could be across it`;
}

/** The first two of so many edges that cross, by the points they begin at; a polygon has one more than a line. */
function crossedEdges(points: readonly Point[], edges: number): readonly [number, number] | undefined {
  for (let i = 0; i < edges; i += 1) {
    for (let j = i + 1; j < edges; j += 1) if (edgesCross(points, i, j)) return [i, j];
  }
  return undefined;
}

/** True when the edges that begin at points i < j cross inside both. Neighbours share a point, which is no crossing. */
function edgesCross(points: readonly Point[], i: number, j: number): boolean {
  const [a, b] = [points[i]!, points[(i + 1) % points.length]!];
  const [c, d] = [points[j]!, points[(j + 1) % points.length]!];
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/** True when the way from b to c is the way from a to b backwards. */
function goesBack(a: Point | undefined, b: Point, c: Point): boolean {
  if (a === undefined || side(a, b, c) !== 0) return false;
  return (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0;
}

/** On which side of the line from a to b the point lies: sign of the cross product. */
function side(a: Point, b: Point, point: Point): number {
  return Math.sign((b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]));
}

// The street of the built-in scene as boxes: who walks on its ground, what hides them, seen through its camera. The truth of
// any moment without a pixel, and boxes that tremble as a detector's do. Seeded by its callers.
import { shareWithin } from '../../daemon/core/geometry.ts';
import type { Box } from '../../daemon/core/types.ts';
import type { Random } from '../../daemon/scene/random.ts';
import type { Route } from '../../daemon/scene/route.ts';
import { View } from '../../daemon/scene/view.ts';
import type { Seen } from './mot-metrics.ts';

const VIEW = new View(1280, 720);
/** Width of the picture over its height. */
export const STREET_ASPECT = VIEW.width / VIEW.height;
/** Metres. */
const SIZES = {
  person: { width: 0.6, height: 1.75 },
  dog: { width: 0.9, height: 0.65 },
  cat: { width: 0.5, height: 0.3 },
  bicycle: { width: 1.7, height: 1.05 },
  car: { width: 4.3, height: 1.5 },
} as const;
/** Who shows less than this is not found; who shows less than HALF_SEEN is found with a low score. */
export const SEEN_MIN = 0.35;
export const HALF_SEEN = 0.65;

export interface Actor {
  readonly label: keyof typeof SIZES;
  readonly route: Route;
  readonly startS?: number;
}

/** What stands there: from x0 to x1 at the distance z, this high (metres). */
export interface Screen {
  readonly x0: number;
  readonly x1: number;
  readonly z: number;
  readonly height: number;
}

export interface Shown extends Seen<string> {
  readonly label: Actor['label'];
  /** Share of its box that nothing hides. */
  readonly visible: number;
}

export function trembling({ x, y, width, height }: Box, jitter: number, random: Random): Box {
  const shift = (length: number): number => gauss(random) * jitter * length;
  const [x1, x2] = [x + shift(width), x + width + shift(width)];
  const [y1, y2] = [y + shift(height), y + height + shift(height)];
  return { x: x1, y: y1, width: Math.max(0.001, x2 - x1), height: Math.max(0.001, y2 - y1) };
}

/** Box and Muller 1958. */
function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Who is in the picture, as boxes cut at its border, and what share of each is not hidden. */
export function showing(
  { actors, screens = [] }: { readonly actors: readonly Actor[]; readonly screens?: readonly Screen[] },
  s: number,
): Shown[] {
  const boxes: (Shown & { readonly z: number })[] = [];
  for (const [index, { label, route, startS = 0 }] of actors.entries()) {
    if (s < startS || s > startS + route.durationS) continue;
    route.at(s - startS);
    const { width, height } = SIZES[label];
    const box = boxAt(route.x - width / 2, route.x + width / 2, route.z, height);
    if (box !== undefined) boxes.push({ id: `${label}-${index}`, label, box, visible: 1, z: route.z });
  }
  const nearer = [...boxes, ...screens.map((at) => ({ box: boxAt(at.x0, at.x1, at.z, at.height), z: at.z }))];
  return boxes.map(({ id, label, box, z }) => {
    let visible = 1;
    for (const other of nearer) {
      if (other.z < z && other.box !== undefined) visible -= shareWithin(box, other.box);
    }
    return { id, label, box, visible };
  });
}

/** Undefined where less than a third of it is in the picture. */
function boxAt(x0: number, x1: number, z: number, height: number): Box | undefined {
  VIEW.project(x0, 0, z);
  const [left, bottom] = [VIEW.sx / VIEW.width, VIEW.sy / VIEW.height];
  VIEW.project(x1, height, z);
  const [right, top] = [VIEW.sx / VIEW.width, VIEW.sy / VIEW.height];
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const box = { x, y, width: Math.min(1, right) - x, height: Math.min(1, bottom) - y };
  const whole = (right - left) * (bottom - top);
  return box.width > 0 && box.height > 0 && box.width * box.height > whole / 3 ? box : undefined;
}

// What one look at a frame consists of: the regions that the model is to be run on, and what they were chosen for. Filled by the
// planner (regions.ts), kept until the answers are there: two looks may be under way, so each has its own. Buffers made once.
import { shareWithin } from '../core/geometry.ts';
import type { Looked } from '../core/tracker.ts';
import type { Box, Detection, Size } from '../core/types.ts';
import type { Region } from './preprocess.ts';

/** Regions of one look at most, the whole frame among them. */
export const REGIONS_MAX = 4;
/** Motion boxes that one look answers for at most. */
export const WATCHED_MAX = 16;
/** So much of an object's box has to lie in a region for the object to be found there. */
const INSIDE = 0.75;
/** Pixels of the model's input that the longer side of an object takes, where the model would find it. */
export const SEEN_PIXELS_MIN = 48;
/** A box this near to the side of its region (pixels of the model's input) ends there. */
const EDGE_PIXELS = 2;

export class LookPlan implements Looked {
  /** Of `regions`, those that count; 0: the frame needs no look. */
  count = 0;
  readonly regions: readonly { -readonly [Key in keyof Region]: Region[Key] }[];
  /** Motion boxes that this look answers for, and the cell of each in the planner's grid. */
  watchedCount = 0;
  readonly watched: readonly { -readonly [Key in keyof Box]: Box[Key] }[];
  readonly cells = new Int16Array(WATCHED_MAX);
  readonly #frame: Size;
  readonly #input: Size;
  /** No closer look than this is ever taken: what is small in it was looked at as well as can be. */
  #closest = 0;

  constructor(frame: Size, input: Size) {
    this.#frame = frame;
    this.#input = input;
    this.regions = Array.from({ length: REGIONS_MAX }, () => ({ x: 0, y: 0, width: 0, height: 0 }));
    this.watched = Array.from({ length: WATCHED_MAX }, () => ({ x: 0, y: 0, width: 0, height: 0 }));
  }

  /** Empties it; `closest` is the width of the smallest region that the planner would choose (pixels). */
  begin(closest: number): void {
    this.count = 0;
    this.watchedCount = 0;
    this.#closest = closest;
  }

  /** The whole frame and nothing else. */
  get isWhole(): boolean {
    const [{ width, height }] = [this.regions[0]!];
    return this.count === 1 && width === this.#frame.width && height === this.#frame.height;
  }

  /** At most REGIONS_MAX. */
  add(x: number, y: number, width: number, height: number): void {
    const region = this.regions[this.count]!;
    region.x = x;
    region.y = y;
    region.width = width;
    region.height = height;
    this.count += 1;
  }

  /** This look will tell whether there is an object where something moves; more than WATCHED_MAX are left out. */
  watch(cell: number, x: number, y: number, width: number, height: number): void {
    const box = this.watched[this.watchedCount];
    if (box === undefined) return;
    box.x = x;
    box.y = y;
    box.width = width;
    box.height = height;
    this.cells[this.watchedCount] = cell;
    this.watchedCount += 1;
  }

  /** Whether an object of this box would have been found: it lies in a region in which it is not too small. */
  covers(box: Box): boolean {
    for (let i = 0; i < this.count; i += 1) if (this.#covers(this.regions[i]!, box)) return true;
    return false;
  }

  /** A box that ends at the side of a region, where the picture goes on, may be a part of something. */
  cuts(region: Region, box: Box): boolean {
    const { width, height } = this.#frame;
    const reachX = (EDGE_PIXELS * region.width) / this.#input.width;
    const reachY = (EDGE_PIXELS * region.height) / this.#input.height;
    return (
      (region.x > 0 && box.x * width < region.x + reachX) ||
      (region.y > 0 && box.y * height < region.y + reachY) ||
      (region.x + region.width < width && (box.x + box.width) * width > region.x + region.width - reachX) ||
      (region.y + region.height < height && (box.y + box.height) * height > region.y + region.height - reachY)
    );
  }

  /** Whether something was found at a watched motion box. */
  isFruitful(index: number, detections: readonly Detection[]): boolean {
    const motion = this.watched[index]!;
    return detections.some(({ box }) => shareWithin(box, motion) > 0);
  }

  #covers(region: Region, box: Box): boolean {
    const { width, height } = this.#frame;
    const area = box.width * box.height;
    const sharedX = overlap(box.x * width, box.width * width, region.x, region.width) / width;
    const sharedY = overlap(box.y * height, box.height * height, region.y, region.height) / height;
    // What has no area is nowhere, and what is outside the picture cannot be found in it.
    const visible =
      area <= 0 ? 0 : (sharedX * sharedY) / (visibleSide(box.x, box.width) * visibleSide(box.y, box.height));
    if (visible < INSIDE) return false;
    if (region.width <= this.#closest) return true;
    const pixels = Math.max(
      (box.width * width * this.#input.width) / region.width,
      (box.height * height * this.#input.height) / region.height,
    );
    return pixels >= SEEN_PIXELS_MIN;
  }
}

function overlap(start: number, length: number, otherStart: number, otherLength: number): number {
  return Math.max(0, Math.min(start + length, otherStart + otherLength) - Math.max(start, otherStart));
}

/** How much of a side lies in the picture (fractions of it). */
function visibleSide(start: number, length: number): number {
  return Math.max(1e-6, Math.min(1, start + length) - Math.max(0, start));
}

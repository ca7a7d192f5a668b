// Decides for each frame whether it needs a look, and where: the model is run on crops around what moves and where tracks should
// be, joined where one crop shows several, on the whole frame from time to time, and within a budget of inferences a second.
// docs/regions.md says how and why. Pure but for its state; nothing is allocated per frame. Camera worker thread.
import type { Track } from '../core/track.ts';
import type { Box, Detection, ModelInput, Size } from '../core/types.ts';
import { type LookPlan, REGIONS_MAX, SEEN_PIXELS_MIN } from './look-plan.ts';

/** Where something moves; the motion detector. Boxes in 0..1 of the frame, four numbers each. */
export interface MotionSight {
  readonly state: 'calibrating' | 'still' | 'moving';
  readonly boxes: Float32Array;
  readonly count: number;
}

export interface RegionPlannerOptions {
  readonly frame: Size;
  readonly input: Pick<ModelInput, 'width' | 'height'>;
  /** Off: the whole frame where a region would be looked at. */
  readonly regions: boolean;
  /** At most, over time. */
  readonly inferencesPerS: number;
  /** A look at the whole frame after so many seconds in which nothing else asked for one. */
  readonly fullLookS: number;
}

/** A look at the whole frame so often while something goes on: it finds what is large, and what motion does not show. */
const FULL_LOOK_ACTIVE_MS = 2000;
/** What has come to rest is looked at so often; sooner where something moves before it. */
const REST_LOOK_MS = 5000;
/** and at least so many times before it would be given up. */
const REST_LOOKS_MIN = 4;
const REST_LOOK_MOVING_MS = 500;
/** A region is so much larger than what it is for: the model needs some of the surroundings, and nothing is cut. */
const MARGIN = 1.5;
/**
 * Widths of regions in widths of the model's input: few, so that the resizers can be kept. Below 1 they are made larger: people of 50
 * pixels were found in 89 % of crops of half the width, in 42 % of those of the full (wide scene by day, bundled model, pixels repeated).
 */
const SCALES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4, 5, 6, 7, 8];
/** Frames less than this many times as large as the model's input gain nothing from regions. */
export const ZOOM_MIN = 1.4;
/** A target is looked at in a region so many times wider than it asks for, rather than in one of its own. */
const COARSER = 1.6;
/** Motion where so many looks found nothing is a tree or a flag: looked at only so often from then on, and ever more rarely. */
const FRUITLESS = 8;
const FRUITLESS_LOOK_MS = 1000;
const FRUITLESS_LOOK_MS_MAX = 3000;
/** After so long half of it is forgotten. */
const FORGET_MS = 60_000;
/** Motion counts as unlooked at for no longer than this, so that tracks have their turn. */
const WAITED_MS_MAX = 1000;
/** Motion this near to a tracked box is that object's (in sides of the box). */
const BESIDE = 0.2;
const COLUMNS = 12;
const ROWS = 8;
const TARGETS_MAX = 96;

/** Something that a look is wanted at; pixels. */
interface Target {
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** Since it was last looked at. */
  waitedMs: number;
  /** Of the grid, for motion; -1: a track. */
  cell: number;
  /** It has had its turn in this look. */
  done: boolean;
}

export class RegionPlanner {
  /** While a region may be looked at; the whole frame only, else. */
  regionsAllowed = true;
  readonly #options: RegionPlannerOptions;
  readonly #widths: readonly number[];
  /** Height of a region to its width. */
  readonly #aspect: number;
  readonly #targets: readonly Target[];
  #targetCount = 0;
  /** Something goes on: a track that does not rest, or motion that may be one. */
  #isActive = false;
  #isFullDue = true;
  #seesMotion = false;
  /** What the regions of the plan are for: the box around the targets of each. */
  readonly #unions: readonly Target[];
  #unionCount = 0;
  readonly #both = makeTarget();
  readonly #lookedMonoMs = new Float64Array(COLUMNS * ROWS).fill(Number.NEGATIVE_INFINITY);
  readonly #fruitless = new Float32Array(COLUMNS * ROWS);
  #forgotMonoMs = Number.NEGATIVE_INFINITY;
  #fullMonoMs = Number.NEGATIVE_INFINITY;
  #tokens: number;
  #filledMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: RegionPlannerOptions) {
    this.#options = options;
    const { frame, input } = options;
    this.#aspect = input.height / input.width;
    const fits = Math.min(frame.width, frame.height / this.#aspect);
    const zooms = options.regions && frame.width >= ZOOM_MIN * input.width;
    this.#widths = zooms
      ? SCALES.map((scale) => 8 * Math.round((scale * input.width) / 8)).filter((w) => w <= fits)
      : [];
    this.#targets = Array.from({ length: TARGETS_MAX }, makeTarget);
    this.#unions = Array.from({ length: REGIONS_MAX }, makeTarget);
    this.#tokens = REGIONS_MAX;
  }

  /**
   * Whether a frame needs a look. `motion` undefined: nobody watches for it, and every frame is
   * looked at as a whole.
   */
  needsLook(monoMs: number, tracks: readonly Track[], motion: MotionSight | undefined): boolean {
    this.#earn(monoMs);
    this.#targetCount = 0;
    const isBlank = motion === undefined || motion.state === 'calibrating';
    this.#seesMotion = motion !== undefined;
    this.#isActive = false;
    if (!isBlank) {
      this.#forget(monoMs);
      this.#wantTracks(monoMs, tracks, motion);
      this.#wantMotion(monoMs, tracks, motion);
    }
    const fullMs = this.#isActive ? Math.min(FULL_LOOK_ACTIVE_MS, this.#fullLookMs) : this.#fullLookMs;
    this.#isFullDue = isBlank || monoMs - this.#fullMonoMs >= fullMs;
    return this.#isFullDue || this.#targetCount > 0;
  }

  /** Whether there may be a look now. */
  get hasBudget(): boolean {
    return this.#tokens >= 1;
  }

  /** Fills the plan for the frame that `needsLook` was asked about last, and pays for it. */
  fill(plan: LookPlan, monoMs: number): void {
    plan.begin(this.#closest);
    if (this.#isFullDue) this.#whole(plan, monoMs);
    if (this.#targetCount > 0) this.#serve(plan, monoMs);
  }

  /** What a look has found: motion that is never more than motion is looked at more rarely. */
  learn(plan: LookPlan, detections: readonly Detection[]): void {
    for (let i = 0; i < plan.watchedCount; i += 1) {
      const cell = plan.cells[i]!;
      if (plan.isFruitful(i, detections)) this.#fruitless[cell] = 0;
      else this.#fruitless[cell] = this.#fruitless[cell]! + 1;
    }
  }

  get #fullLookMs(): number {
    return this.#options.fullLookS * 1000;
  }

  /** Width of the closest look there is (pixels). */
  get #closest(): number {
    const closest = this.regionsAllowed && this.#seesMotion ? this.#widths[0] : undefined;
    return closest ?? this.#options.frame.width;
  }

  #earn(monoMs: number): void {
    const seconds = Math.max(0, monoMs - this.#filledMonoMs) / 1000;
    this.#filledMonoMs = monoMs;
    this.#tokens = Math.min(REGIONS_MAX, this.#tokens + seconds * this.#options.inferencesPerS);
  }

  /** Halves what is known of fruitless motion every minute. */
  #forget(monoMs: number): void {
    if (monoMs - this.#forgotMonoMs < FORGET_MS) return;
    this.#forgotMonoMs = monoMs;
    for (let cell = 0; cell < this.#fruitless.length; cell += 1)
      this.#fruitless[cell] = this.#fruitless[cell]! / 2;
  }

  /** The whole frame, if the budget has room. */
  #whole(plan: LookPlan, monoMs: number): void {
    if (this.#tokens < 1) return;
    const { width, height } = this.#options.frame;
    this.#tokens -= 1;
    this.#fullMonoMs = monoMs;
    plan.add(0, 0, width, height);
  }

  #wantTracks(monoMs: number, tracks: readonly Track[], motion: MotionSight): void {
    for (const track of tracks) {
      const waitedMs = monoMs - track.lookedMonoMs;
      const box = track.expected(monoMs);
      if (track.stationary) {
        const restMs = Math.min(REST_LOOK_MS, track.patienceMs / REST_LOOKS_MIN);
        if (waitedMs < (movesAt(box, motion) ? REST_LOOK_MOVING_MS : restMs)) continue;
      } else this.#isActive = true;
      this.#want(box.x, box.y, box.width, box.height, waitedMs, -1);
    }
  }

  #wantMotion(monoMs: number, tracks: readonly Track[], { boxes, count }: MotionSight): void {
    for (let i = 0; i < count; i += 1) {
      const at = i * 4;
      const [x, y] = [boxes[at]!, boxes[at + 1]!];
      const [width, height] = [boxes[at + 2]!, boxes[at + 3]!];
      if (isTracked(x + width / 2, y + height / 2, tracks)) continue;
      const cell = cellOf(x + width / 2, y + height / 2);
      const waitedMs = monoMs - this.#lookedMonoMs[cell]!;
      const restMs = this.#restMs(cell);
      if (waitedMs < restMs) continue;
      if (restMs === 0) this.#isActive = true;
      this.#want(x, y, width, height, Math.min(WAITED_MS_MAX, waitedMs), cell);
    }
  }

  /** How long motion in this cell waits for its next look. */
  #restMs(cell: number): number {
    const times = this.#fruitless[cell]! / FRUITLESS;
    return times < 1 ? 0 : Math.min(FRUITLESS_LOOK_MS_MAX, times * FRUITLESS_LOOK_MS);
  }

  /** A box in 0..1 of the frame, cut at its edges. */
  #want(x: number, y: number, width: number, height: number, waitedMs: number, cell: number): void {
    const target = this.#targets[this.#targetCount];
    if (target === undefined) return;
    const { frame } = this.#options;
    target.left = Math.max(0, x) * frame.width;
    target.top = Math.max(0, y) * frame.height;
    target.right = Math.min(1, x + width) * frame.width;
    target.bottom = Math.min(1, y + height) * frame.height;
    if (target.right <= target.left || target.bottom <= target.top) return;
    target.waitedMs = waitedMs;
    target.cell = cell;
    target.done = false;
    this.#targetCount += 1;
  }

  /** Gives each target a region, those that waited longest first, as far as the budget goes. */
  #serve(plan: LookPlan, monoMs: number): void {
    this.#unionCount = 0;
    for (let target = this.#nextTarget(); target !== undefined; target = this.#nextTarget()) {
      target.done = true;
      if (!this.#serveOne(plan, target, monoMs) || target.cell < 0) continue;
      const { width, height } = this.#options.frame;
      const { left, top, right, bottom, cell } = target;
      this.#lookedMonoMs[cell] = monoMs;
      plan.watch(cell, left / width, top / height, (right - left) / width, (bottom - top) / height);
    }
    for (let i = 0; i < this.#unionCount; i += 1) this.#place(plan, this.#unions[i]!);
  }

  /** False where there is no room for it in this look. */
  #serveOne(plan: LookPlan, target: Target, monoMs: number): boolean {
    const width = this.#widthFor(target);
    const hasRoom = plan.count + this.#unionCount < REGIONS_MAX && this.#tokens >= 1;
    // One look at the whole frame shows all that are large enough for it; and leaves that fill a crop may be a person there.
    if (width === undefined || this.#pixelsOf(target) >= SEEN_PIXELS_MIN) {
      if (plan.count === 0 && hasRoom) this.#whole(plan, monoMs);
      return plan.count > 0;
    }
    if (this.#join(target, width, COARSER)) return true;
    if (!hasRoom) return false;
    this.#tokens -= 1;
    copyTo(this.#unions[this.#unionCount]!, target);
    this.#unionCount += 1;
    return true;
  }

  #nextTarget(): Target | undefined {
    let next: Target | undefined;
    for (let i = 0; i < this.#targetCount; i += 1) {
      const target = this.#targets[i]!;
      if (!target.done && (next === undefined || target.waitedMs > next.waitedMs)) next = target;
    }
    return next;
  }

  /** Takes the target into a region of this look, if that makes neither's objects smaller than `coarser` allows. */
  #join(target: Target, width: number, coarser: number): boolean {
    for (let i = 0; i < this.#unionCount; i += 1) {
      const union = this.#unions[i]!;
      const both = this.#both;
      both.left = Math.min(union.left, target.left);
      both.top = Math.min(union.top, target.top);
      both.right = Math.max(union.right, target.right);
      both.bottom = Math.max(union.bottom, target.bottom);
      const [alone, together] = [this.#widthFor(union), this.#widthFor(both)];
      if (alone === undefined || together === undefined) continue;
      if (together > coarser * Math.min(alone, width)) continue;
      copyTo(union, both);
      return true;
    }
    return false;
  }

  /** Of the smallest region with room for it and what is around it; undefined: only the whole frame has. */
  #widthFor({ left, top, right, bottom }: Target): number | undefined {
    if (!this.regionsAllowed) return undefined;
    const least = MARGIN * Math.max(right - left, (bottom - top) / this.#aspect);
    for (const width of this.#widths) if (width >= least) return width;
    return undefined;
  }

  /** Of the model's input, on its longer side, in a look at the whole frame. */
  #pixelsOf({ left, top, right, bottom }: Target): number {
    const { frame, input } = this.#options;
    const across = ((right - left) * input.width) / frame.width;
    const down = ((bottom - top) * input.height) / frame.height;
    return Math.max(across, down);
  }

  /** The region around what it is for, in the frame, where its planes can be read by the word. */
  #place(plan: LookPlan, union: Target): void {
    const { frame } = this.#options;
    const width = this.#widthFor(union) ?? this.#widths.at(-1)!;
    const height = 2 * Math.round((width * this.#aspect) / 2);
    const x = (union.left + union.right - width) / 2;
    const y = (union.top + union.bottom - height) / 2;
    plan.add(
      8 * Math.round(within(x, frame.width - width) / 8),
      2 * Math.round(within(y, frame.height - height) / 2),
      width,
      height,
    );
  }
}

function makeTarget(): Target {
  return { left: 0, top: 0, right: 0, bottom: 0, waitedMs: 0, cell: -1, done: false };
}

function copyTo(target: Target, { left, top, right, bottom }: Target): void {
  target.left = left;
  target.top = top;
  target.right = right;
  target.bottom = bottom;
}

function within(value: number, max: number): number {
  return Math.min(max, Math.max(0, value));
}

function cellOf(x: number, y: number): number {
  const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor(x * COLUMNS)));
  const row = Math.min(ROWS - 1, Math.max(0, Math.floor(y * ROWS)));
  return row * COLUMNS + column;
}

/** Something moves at this box. */
function movesAt(box: Box, { boxes, count }: MotionSight): boolean {
  for (let i = 0; i < count; i += 1) {
    const at = i * 4;
    if (isWithin(boxes[at]! + boxes[at + 2]! / 2, boxes[at + 1]! + boxes[at + 3]! / 2, box)) return true;
  }
  return false;
}

/** What moves here is an object that is followed already, or stands before it. */
function isTracked(x: number, y: number, tracks: readonly Track[]): boolean {
  for (const { box } of tracks) if (isWithin(x, y, box)) return true;
  return false;
}

/** Within the box, or beside it. */
function isWithin(x: number, y: number, box: Box): boolean {
  const [reachX, reachY] = [BESIDE * box.width, BESIDE * box.height];
  return (
    x > box.x - reachX &&
    x < box.x + box.width + reachX &&
    y > box.y - reachY &&
    y < box.y + box.height + reachY
  );
}

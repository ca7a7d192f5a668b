// The exact truth about a frame, as it is written to file descriptor 3: one JSON object per line and frame. Types and
// their text form. Pure, any thread.
import type { Box } from '../core/types.ts';
import type { SceneTime } from './options.ts';

/** Version of the truth line. */
export const TRUTH_VERSION = 1;

/**
 * When a detector may fairly be asked for an object: this share of it is seen, and its box is this high (fraction of
 * the frame). A person "becomes scoreable" in the first frame in which both hold.
 */
export const SCOREABLE_VISIBLE_MIN = 0.6;
export const SCOREABLE_HEIGHT_MIN = 0.12;

/** One object that is at least partly inside the frame, hidden or not. */
export interface TruthObject {
  /** Unique per appearance: `person-7`, `dog-1`, `car-3`, `car-parked`. */
  readonly id: string;
  readonly label: 'person' | 'dog' | 'car';
  /** Tight around the drawn object, hidden parts included, shadow not; cut at the edges of the frame. */
  readonly box: Box;
  /** Tight around what is seen of it; absent when nothing is. */
  readonly boxSeen?: Box;
  /** Pixels seen over all pixels of the object, those outside the frame included: 0..1. */
  readonly visible: number;
  readonly scoreable: boolean;
}

export interface TruthFrame {
  readonly v: typeof TRUTH_VERSION;
  /** Counts from 0. */
  readonly frame: number;
  /** Time of the scene, milliseconds since its start. */
  readonly tMs: number;
  readonly time: SceneTime;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly TruthObject[];
}

/** The line for a frame, newline included; fractions with five digits. */
export function truthLine(truth: TruthFrame): string {
  const text = JSON.stringify(truth, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 1e5) / 1e5 : value,
  );
  return `${text}\n`;
}

/** Whether an object with this box height and visible share is scoreable. */
export function isScoreable(height: number, visible: number): boolean {
  return visible >= SCOREABLE_VISIBLE_MIN && height >= SCOREABLE_HEIGHT_MIN;
}

// How much work one camera may make. The ladder (ladder.ts) sets it, the camera's pipeline keeps to it. Pure.

export interface Effort {
  /** Share of `detect.fps` that is looked at, above 0 to 1. Frames beyond it are let go, not lost. */
  readonly rate: number;
  /** False: only the whole frame is looked at, no regions of it. */
  readonly regions: boolean;
}

/** Runs of the model that a camera may have for each of its frames, on average, where `regions.perS` does not say. */
export const REGIONS_PER_FRAME = 2;

export const FULL_EFFORT: Effort = { rate: 1, regions: true };

export function isSameEffort(one: Effort, other: Effort): boolean {
  return one.rate === other.rate && one.regions === other.regions;
}

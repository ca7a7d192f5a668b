// Whether two views are of one track. Pure, any thread.
import type { TrackView } from './types.ts';

/** History keeps the start as whole milliseconds before each row, so two rows may differ by one. */
const START_TOLERANCE_MS = 2;

/**
 * True when a view with the number of a known track is of that track. A camera worker that was started again counts its
 * tracks from 1: then it is another one.
 */
export function isSameTrack(
  known: Pick<TrackView, 'startedMonoMs'>,
  view: Pick<TrackView, 'startedMonoMs'>,
): boolean {
  return Math.abs(known.startedMonoMs - view.startedMonoMs) < START_TOLERANCE_MS;
}

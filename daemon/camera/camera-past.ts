// How far a camera has come since the daemon's start: the numbers of its frames and tracks, and its counters, which do not begin
// again when its worker does. Main thread.
import type { Observation } from '../core/types.ts';
import type { CameraCounters, CameraPast } from './messages.ts';

/** Of a camera that has not been there before. */
export function noPast(): CameraPast {
  const counters = {
    framesTotal: 0,
    framesDropped: 0,
    framesOvertaken: 0,
    framesProcessed: 0,
    framesStill: 0,
    inferences: 0,
    restarts: 0,
    snapshotsWritten: 0,
    snapshotsDropped: 0,
  };
  return { frame: 0, track: 0, counters };
}

/** Its worker told this. */
export function passObservation(past: CameraPast, { stamp, tracks }: Observation): void {
  past.frame = Math.max(past.frame, stamp.frame);
  for (const { id } of tracks) past.track = Math.max(past.track, id);
}

/** Its worker has counted so far: also frames that it did not tell of. */
export function passCounters(past: CameraPast, counters: CameraCounters): void {
  past.frame = Math.max(past.frame, counters.framesTotal);
  past.counters = counters;
}

// Instants on both clocks. Pure.
import type { Moment } from './types.ts';

/** The instant at which the monotonic clock showed this, as `now` relates the two clocks: wall clock in whole milliseconds. */
export function momentAt(monoMs: number, now: Moment): Moment {
  return { atMs: Math.round(now.atMs - (now.monoMs - monoMs)), monoMs };
}

// What every command gets from the process entry. Types only.
import type { Clock } from '../platform/clock.ts';

export interface CommandContext {
  /** Aborts on SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Version of the daemon. */
  readonly version: string;
}

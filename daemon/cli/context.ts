// What every command gets from the process entry. Types only.
import type { Clock } from '../platform/clock.ts';

export interface CommandContext {
  /** Aborts on SIGINT and SIGTERM, and on SIGHUP unless `onHangup` has taken that over. */
  readonly signal: AbortSignal;
  /** From now on SIGHUP calls this instead of ending the command. */
  readonly onHangup: (listener: () => void) => void;
  readonly clock: Clock;
  /** Version of the daemon. */
  readonly version: string;
}

// What the daemon is started with, and what whoever started it may see and do. Types only.
import type { Config } from './config/types.ts';
import type { Alert, OutboxRow } from './core/types.ts';
import type { DetectorState } from './detector/wire.ts';
import type { Clock } from './platform/clock.ts';
import type { Logger } from './platform/logger.ts';
import type { ServiceNotifier } from './platform/notify.ts';
import type { SystemRoots } from './platform/system-files.ts';

export interface AppOptions {
  readonly config: Config;
  /** Name of this board in topics where the configuration gives none. */
  readonly deviceDefault: string;
  readonly version: string;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The embedded broker may take the next free port (the demo). */
  readonly nextFreePort?: boolean;
  /** The service manager that waits for news of this daemon. */
  readonly service?: ServiceLink;
  readonly observer?: AppObserver;
  /** Where the kernel's files are, for a board that is not this one. */
  readonly roots?: SystemRoots;
}

export interface ServiceLink {
  readonly notifier: ServiceNotifier;
  /** Milliseconds between two pings of the watchdog; undefined where none are wanted. */
  readonly pingMs: number | undefined;
  /** Added to the status; undefined when there is nothing to add. */
  readonly note: () => string | undefined;
}

/** What a command may do with a daemon that has started. */
export interface RunningApp {
  /** Where messages go. */
  readonly brokerUrl: string;
  /**
   * Takes up another configuration, already checked: exchanges the parts it touches, leaves the others alone, and resolves
   * with what has changed, in words. One at a time.
   */
  reload(config: Config): Promise<readonly string[]>;
}

/** What a command may show of a running daemon. */
export interface AppObserver {
  /** All parts have started. */
  onStarted?(app: RunningApp): void;
  onDetector?(state: DetectorState): void;
  /** An alert was committed. */
  onAlert?(alert: Alert, row: OutboxRow): void;
}

// What the store is given, and what it takes where it is given nothing. Pure.
import type { Config } from '../config/types.ts';
import type { OutboxRow } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { StoreLimits, StoreState } from './messages.ts';

export interface StoreOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /**
   * New outbox rows, just committed, in order of delivery; never the same row twice. Rows that were in the file when it
   * was opened are not announced: `readOutbox` gives them.
   */
  onOutbox(rows: readonly OutboxRow[]): void;
  /** A problem came, changed or went, or the file was (re)opened. */
  onState?(state: StoreState): void;
  readonly limits: StoreLimits;
  /** Outbox rows the publisher has in hand, sent or about to be: these never give way to the quota. */
  inHand?(): readonly number[];
  /** Batches that may wait for a slow disk before pictures, then `update` changes are dropped. */
  readonly queueBatchesMax?: number;
  /** `stop` waits this long for a disk that refuses, then gives up and says what is lost. */
  readonly drainMs?: number;
  /** The worker's program; a test gives one that dies on purpose. */
  readonly workerUrl?: URL;
}

export const QUEUE_BATCHES_MAX = 2000;
export const DRAIN_MS = 5000;
/** For the whole stop: after the drain the thread is ended, which a disk that hangs can prevent. */
export const STOP_DEADLINE_MS = DRAIN_MS + 1000;
/** While stopping the disk is asked so often. */
export const DRAIN_RETRY_MS = 500;
export const MEGABYTE = 1_000_000;
/** At start these need the owner; everything else is retried. */
export const FATAL_AT_START: readonly ErrorCode[] = ['DATA_DIR_UNUSABLE', 'STORE_LOCKED', 'STORE_NEWER'];

/** The limits of a configuration. */
export function storeLimits({ snapshots, store }: Pick<Config, 'snapshots' | 'store'>): StoreLimits {
  const { keepDays, keepMb } = snapshots;
  return { pictures: { keepDays, keepMb }, ...store };
}

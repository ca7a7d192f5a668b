// Keeps the write-ahead log small. SQLite copies it into the database by itself, but starts it anew only when no reader
// needs it, and never makes it shorter than its largest transaction: this does, and says who stands in the way. Worker
// thread.
import type Database from 'better-sqlite3';
import type { Clock, Timer } from '../platform/clock.ts';
import { lockHolders } from '../platform/file-lock.ts';
import { BUSY_TIMEOUT_MS } from './database.ts';

export interface CheckpointOptions {
  readonly db: Database.Database;
  /** Of the shared memory file, on which readers hold their locks. */
  readonly shm: string;
  /** Of the write-ahead log. */
  walBytes(): number;
  readonly clock: Clock;
  onChange(): void;
}

/** Beyond this it is emptied at the next chance. With one more transaction it stays below 16 MB. */
const WAL_BYTES_MAX = 8_000_000;
/** What an owner is told of: a log this large, and nobody could empty it for so long. */
const TOLD_BYTES = 16_000_000;
const HELD_MS_MAX = 10_000;
/** Tries while a reader stands in the way: each takes the database's lock for a moment. */
const RETRY_MS = 1000;
/** Bytes of the shared memory file on which transactions of readers hold their locks (sqlite.org/walformat.html, 2.3.1). */
const READ_LOCKS: [number, number] = [123, 127];

export class Checkpointer {
  readonly #options: CheckpointOptions;
  #timer: Timer | undefined;
  #heldSinceMonoMs: number | undefined;
  #held: string | undefined;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** Who keeps the log from being emptied, in words; undefined when nobody does. */
  get held(): string | undefined {
    return this.#held;
  }

  /** After a transaction. Costs a look at the size of a file, mostly. */
  wrote(): void {
    if (this.#timer === undefined && this.#options.walBytes() > WAL_BYTES_MAX) this.#empty();
  }

  stop(): void {
    this.#timer?.stop();
  }

  #empty(): void {
    const { clock, walBytes, onChange } = this.#options;
    this.#timer = undefined;
    if (this.#truncate()) {
      this.#heldSinceMonoMs = undefined;
    } else {
      this.#heldSinceMonoMs ??= clock.monoMs();
      this.#timer = clock.after(RETRY_MS, () => this.#empty());
    }
    const heldMs = this.#heldSinceMonoMs === undefined ? 0 : clock.monoMs() - this.#heldSinceMonoMs;
    const tell = walBytes() > TOLD_BYTES || heldMs >= HELD_MS_MAX;
    const held = this.#heldSinceMonoMs !== undefined && tell ? this.#words() : undefined;
    if (held === this.#held) return;
    this.#held = held;
    onChange();
  }

  /** False while a reader needs what is in the log. Does not wait for it: commits would. */
  #truncate(): boolean {
    const { db } = this.#options;
    db.pragma('busy_timeout = 0');
    try {
      const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      return result?.busy === 0;
    } catch {
      // A full disk, or a reader that has just begun: the log stays as it is.
      return false;
    } finally {
      db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  #words(): string {
    const holders = lockHolders(this.#options.shm, 'READ', READ_LOCKS).filter((pid) => pid !== process.pid);
    const who = holders.length === 0 ? 'a program' : `process ${holders.join(', ')}`;
    return `${who} has been reading vedette.db in one transaction for long: the write-ahead log cannot be emptied and grows until it ends`;
  }
}

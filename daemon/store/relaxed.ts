// A transaction that does not wait for the disk. Worker thread.
import type Database from 'better-sqlite3';

/**
 * Runs `work` in a transaction that is whole or not at all after a power cut, but perhaps not at all
 * (sqlite.org/pragma.html#pragma_synchronous): for what is found and done again then. The commit of an alert that comes
 * meanwhile waits for no flush but its own.
 */
export function relaxed<T>(db: Database.Database, work: () => T): T {
  db.pragma('synchronous = NORMAL');
  try {
    return db.transaction(work).immediate();
  } finally {
    db.pragma('synchronous = FULL');
  }
}

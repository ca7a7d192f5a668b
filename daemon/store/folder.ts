// The data folder: made, proven writable, and locked for one daemon. The lock is on a file of its own, so that vedette.db
// stays readable for tools. Nothing here may open vedette.db or vedette.lock with node:fs: closing such a descriptor would
// drop SQLite's POSIX locks (sqlite.org/howtocorrupt.html, 2.2). Worker thread.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { VedetteError } from '../platform/errors.ts';
import { type FileLock, isLocked, lockFile, lockHolders } from '../platform/file-lock.ts';
import { isDamage, unusable } from './failures.ts';
import type { Paths } from './paths.ts';

/** Makes the folder (0700) when it is missing; throws what node:fs throws when it or a file in it is not writable. */
export function prepareFolder(paths: Paths): void {
  mkdirSync(paths.dataDir, { recursive: true, mode: 0o700 });
  // access(2) also tells root of a read-only file system, where permission bits would not.
  accessSync(paths.dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const path of [paths.database, paths.wal, paths.shm, paths.lock]) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (!stats.isFile()) throw unusable(paths.dataDir, `'${path}' is not a file`);
    accessSync(path, constants.R_OK | constants.W_OK);
  }
}

/** Takes the folder for this process until the connection is closed or the process ends; throws STORE_LOCKED. */
export function lockFolder(paths: Paths): FileLock {
  try {
    return lockFile(paths.lock);
  } catch (error) {
    if (isLocked(error)) throw lockedError(paths, error);
    if (isDamage(error))
      throw unusable(paths.dataDir, `'${paths.lock}' should be empty and is not, remove it`);
    throw error;
  }
}

function lockedError(paths: Paths, cause: unknown): VedetteError {
  const [pid] = lockHolders(paths.lock, 'WRITE');
  const who = pid === undefined ? 'another vedette' : `another vedette (process ${pid})`;
  return new VedetteError(
    'STORE_LOCKED',
    `data folder '${paths.dataDir}' is in use by ${who}: stop it or choose another folder with --data`,
    { dataDir: paths.dataDir, pid },
    cause,
  );
}

// The data folder: made, proven writable, and locked for one daemon. The lock is a transaction held open on an empty
// SQLite file of its own: the kernel drops it with the process, and vedette.db stays readable for tools. Nothing here
// may open vedette.db or vedette.lock with node:fs: closing such a descriptor would drop SQLite's POSIX locks
// (sqlite.org/howtocorrupt.html, 2.2). Worker thread.
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { VedetteError } from '../platform/errors.ts';
import { codeOf, isDamage, unusable } from './failures.ts';
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

/** Creates an empty file readable by its owner only; leaves an existing one alone. SQLite gives -wal and -shm its mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Takes the folder for this process until the connection is closed or the process ends; throws STORE_LOCKED. */
export function lockFolder(paths: Paths): Database.Database {
  createPrivate(paths.lock);
  const lock = new Database(paths.lock, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) throw lockedError(paths, error);
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

/** Processes holding a lock on the file that begins at one of these bytes, as the kernel tells it; none in a container that cannot see them. */
export function lockHolders(
  path: string,
  wanted: 'READ' | 'WRITE',
  bytes: [from: number, to: number] = [0, Infinity],
): number[] {
  const pids = new Set<number>();
  try {
    const inode = statSync(path).ino;
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // "1: POSIX  ADVISORY  WRITE 7199 fe:00:2146426 1073741824 1073742335", proc_locks(5)
      const [, , , mode, pid, place, start] = line.trim().split(/\s+/);
      if (mode !== wanted || place?.endsWith(`:${inode}`) !== true) continue;
      if (Number(start) >= bytes[0] && Number(start) <= bytes[1] && Number(pid) > 0) pids.add(Number(pid));
    }
  } catch {
    // Only for messages: without them they are shorter.
  }
  return [...pids];
}

// Locks between processes, on a file of their own: a transaction held open on an empty SQLite file, which the kernel drops with
// the process, however it ends. Nothing may open such a file with node:fs while it is held: closing that descriptor would drop the
// lock (sqlite.org/howtocorrupt.html, 2.2). Any thread.
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';

/** Held until it is closed or the process ends. */
export interface FileLock {
  close(): void;
}

/** Creates an empty file readable by its owner only; leaves an existing one alone. SQLite gives -wal and -shm its mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Takes the lock or throws at once: SQLITE_BUSY when somebody has it, else what node:fs or SQLite say of the file. */
export function lockFile(path: string): FileLock {
  createPrivate(path);
  const lock = new Database(path, { timeout: 0 });
  try {
    // A journal on the disk would need room there, and a full disk is a time at which locks are wanted too.
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Whether `lockFile` threw because somebody else has the lock. */
export function isLocked(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY');
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

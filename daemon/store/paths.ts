// Where the store's files are. Pure, and apart from folder.ts so that the main thread need not load SQLite for a name.
import { join } from 'node:path';

/** Paths below the data folder. */
export interface Paths {
  readonly dataDir: string;
  readonly database: string;
  readonly wal: string;
  readonly shm: string;
  /** A replacement for a damaged database while it is being made. */
  readonly replacement: string;
  readonly lock: string;
}

/** media/<camera>/<day>/<file>, names of letters, digits, '.', '_' and '-', none of them hidden or '..'. */
const MEDIA_PATH = /^media(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}){3}$/;

/** True for the path of a picture below the data folder; nothing else is ever stored or deleted as one. */
export function isMediaPath(path: string): boolean {
  return MEDIA_PATH.test(path) && !path.includes('..');
}

export function pathsIn(dataDir: string): Paths {
  const database = join(dataDir, 'vedette.db');
  return {
    dataDir,
    database,
    wal: `${database}-wal`,
    shm: `${database}-shm`,
    replacement: `${database}.new`,
    lock: join(dataDir, 'vedette.lock'),
  };
}

// Opens vedette.db: checks it, sets a damaged one aside (never deletes it), brings it to our version. Holds the lock of
// the folder as long as the database is open. Worker thread.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { createPrivate } from '../platform/file-lock.ts';
import { newEpoch } from '../platform/ids.ts';
import { isDamage, unusable } from './failures.ts';
import { lockFolder, prepareFolder } from './folder.ts';
import type { DamageReport } from './messages.ts';
import { isBlank, migrate, refuseNewer } from './migrations.ts';
import { Outbox } from './outbox.ts';
import { type Paths, pathsIn } from './paths.ts';
import { makeReplacement, salvageFrom, setLastRow } from './salvage.ts';
import { APPLICATION_ID } from './schema.ts';
import { flawOf } from './soundness.ts';

export interface OpenOptions {
  readonly dataDir: string;
  readonly nowMs: () => number;
  /** As in messages.ts, OpenTask. */
  readonly damages: number;
  readonly lastRow: number | undefined;
}

export interface OpenDatabase {
  readonly db: Database.Database;
  readonly epoch: string;
  readonly damage: DamageReport | undefined;
  /** Database and write-ahead log together. */
  bytes(): number;
  /** Of the write-ahead log alone. */
  walBytes(): number;
  /** Empties the write-ahead log into the database, closes both and gives the folder back. */
  close(): void;
}

/** Readers (sqlite3, `vedette events`) may hold the file for a moment; the writer waits this long. */
export const BUSY_TIMEOUT_MS = 5000;
/** After a burst the write-ahead log shrinks to this; what it keeps is room on a disk that fills up. */
const WAL_BYTES_MAX = 4 * 1024 * 1024;
/** Pages of the file in our memory (KiB). */
const CACHE_KIB = 4096;

/** Throws what `openingError` (failures.ts) turns into words. */
export function openDatabase(options: OpenOptions): OpenDatabase {
  const paths = pathsIn(options.dataDir);
  prepareFolder(paths);
  const lock = lockFolder(paths);
  try {
    finishReplacement(paths, options.nowMs());
    const reason = damageOf(paths, options);
    const damage = reason === undefined ? undefined : replaceDamaged(paths, reason, options);
    const db = openHealthy(paths, options);
    return {
      db,
      epoch: db.prepare('SELECT epoch FROM meta').pluck().get() as string,
      damage,
      bytes: () => sizeOf(paths.database) + sizeOf(paths.wal),
      walBytes: () => sizeOf(paths.wal),
      close: () => {
        try {
          db.pragma('wal_checkpoint(TRUNCATE)');
        } catch {
          // No room or no luck: the log stays beside the database, and the next start reads it from there.
        } finally {
          db.close();
          lock.close();
        }
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function openHealthy(paths: Paths, { nowMs, lastRow = 0 }: OpenOptions): Database.Database {
  createPrivate(paths.database);
  const db = new Database(paths.database, { timeout: BUSY_TIMEOUT_MS });
  try {
    const mode = db.pragma('journal_mode = WAL', { simple: true });
    if (mode !== 'wal') {
      throw unusable(paths.dataDir, `its file system cannot keep a write-ahead log (journal mode '${mode}')`);
    }
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    // better-sqlite3 is built with 16 MB, which a day's outbox fills; the kernel keeps pages too.
    db.pragma(`cache_size = -${CACHE_KIB}`);
    db.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`);
    migrate(db, { epoch: newEpoch(), nowMs: nowMs() });
    // Another file may have come in the place of the one that the publisher knows: no number of a row is used again.
    if (new Outbox(db).lastRow() < lastRow) setLastRow(db, lastRow);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * What is wrong with the file, undefined when nothing is. Reads through a read-only connection: closing a writing one
 * would move the write-ahead log into a file that must stay as it is. Throws STORE_NEWER and DATA_DIR_UNUSABLE for
 * files that are not ours to set aside.
 */
function damageOf(paths: Paths, { damages, lastRow }: OpenOptions): string | undefined {
  if (sizeOf(paths.database) === 0) {
    const orphan = sizeOf(paths.wal) > 0;
    return orphan ? 'the database is empty or missing, its write-ahead log is not' : lossOf(paths, lastRow);
  }
  if (damages > 1) return 'it was found damaged again right after a full check';
  let db: Database.Database | undefined;
  try {
    db = new Database(paths.database, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    refuseForeign(db, paths);
    refuseNewer(db);
    if (isBlank(db)) return lossOf(paths, lastRow);
    const check = damages === 0 ? 'quick_check(1)' : 'integrity_check(1)';
    const verdict = db.pragma(check, { simple: true });
    if (verdict !== 'ok') return String(verdict).replaceAll('\n', ' ');
    return flawOf(db, { full: damages > 0 });
  } catch (error) {
    if (isDamage(error)) return reasonOf(error);
    throw error;
  } finally {
    db?.close();
  }
}

/** Why there should be more than nothing; undefined at a first start. */
function lossOf(paths: Paths, lastRow: number | undefined): string | undefined {
  if (lastRow !== undefined) return 'the database is gone';
  if (sizeOf(paths.history) === 0) return undefined;
  return 'the database is empty or missing, though history.db is there';
}

/** Someone else's SQLite file under our name is neither damaged nor ours. */
function refuseForeign(db: Database.Database, paths: Paths): void {
  const applicationId = db.pragma('application_id', { simple: true });
  if (applicationId === APPLICATION_ID) return;
  if (isBlank(db)) return;
  throw new VedetteError(
    'DATA_DIR_UNUSABLE',
    `'${paths.database}' is not a vedette database (application id ${String(applicationId)}): move it away or choose another folder with --data`,
    { dataDir: paths.dataDir, applicationId },
  );
}

/**
 * The new file is complete and durable before the old one is moved, so that a power cut at any point leaves either the
 * old one to be found damaged again or the new one to be put in place (finishReplacement).
 */
function replaceDamaged(paths: Paths, reason: string, options: OpenOptions): DamageReport {
  const nowMs = options.nowMs();
  const isThere = sizeOf(paths.database) + sizeOf(paths.wal) > 0;
  const setAside = isThere ? asideName(paths, nowMs) : undefined;
  createPrivate(paths.database);
  const salvage = salvageFrom(paths.database);
  const carried = makeReplacement({
    path: paths.replacement,
    salvage,
    lastRow: options.lastRow ?? 0,
    nowMs,
    reason: setAside === undefined ? reason : `${reason}; the damaged file is kept as '${setAside}'`,
  });
  // An empty one gives way to the new one.
  if (setAside !== undefined) moveAside(paths, setAside);
  renameSync(paths.replacement, paths.database);
  syncFolder(paths.dataDir);
  return { reason, setAside, ...carried };
}

/** After a power cut in the middle of replaceDamaged: the old file is moved already, the new one is waiting. */
function finishReplacement(paths: Paths, nowMs: number): void {
  if (existsSync(paths.database)) {
    // Made half way when the power went: never to be taken for a whole one.
    rmSync(paths.replacement, { force: true });
    return;
  }
  if (!existsSync(paths.replacement)) return;
  moveAside(paths, asideName(paths, nowMs));
  renameSync(paths.replacement, paths.database);
  syncFolder(paths.dataDir);
}

/** Renames a database and what belongs to it. The database goes first: without it its log means nothing, without its log it could pass for whole. */
export function moveAside(
  paths: Pick<Paths, 'dataDir' | 'database' | 'wal' | 'shm'>,
  setAside: string,
): void {
  for (const [from, to] of [
    [paths.database, setAside],
    [paths.wal, `${setAside}-wal`],
    [paths.shm, `${setAside}-shm`],
  ] as const) {
    if (existsSync(from)) renameSync(from, to);
  }
  syncFolder(paths.dataDir);
}

/** vedette.db.damaged-20260601T120000Z, with a number where that exists. */
export function asideName(paths: Pick<Paths, 'database'>, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const base = `${paths.database}.damaged-${time}`;
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? base : `${base}.${count}`;
    if (!existsSync(name) && !existsSync(`${name}-wal`)) return name;
  }
}

/** Renames are durable only with their folder. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

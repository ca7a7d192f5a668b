// What an error from the file system or from SQLite means for the store: damage, a folder that cannot be used, a
// record that does not fit, or trouble worth another try. Pure. Both threads.
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { DamageReport, Refusal } from './messages.ts';

/** `code` of a Node or SQLite error, '' when it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/**
 * The file's content cannot be believed or read. A bad sector (IOERR_READ) counts: it stays bad, and a daemon that only
 * waited would never store again. Nothing is deleted on this verdict.
 */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  // What we store as JSON was valid when it was written.
  if (code === 'SQLITE_ERROR') return reasonOf(error).includes('malformed JSON');
  return /^(STORE_DAMAGED|SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR_READ|IOERR_SHORT_READ|IOERR_CORRUPTFS))/.test(
    code,
  );
}

/** The record itself is at fault (a bug of ours): no other try will help. */
export function isMisfit(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true;
  return /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(codeOf(error));
}

const FOLDER_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'it is a file, not a folder',
  EISDIR: 'a folder is in the way',
  ELOOP: 'its symbolic links run in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'it does not exist and cannot be created',
  ENOTDIR: 'part of its path is a file, not a folder',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  SQLITE_CANTOPEN: 'the database cannot be opened',
  SQLITE_PERM: 'permission denied',
  SQLITE_READONLY: 'the database is not writable',
};

/**
 * What `start` reports. DATA_DIR_UNUSABLE needs the owner; anything else (a full disk, an I/O error) is STORE_COMMIT
 * and worth another try.
 */
export function openingError(error: unknown, dataDir: string): VedetteError {
  if (error instanceof VedetteError) return error;
  const code = codeOf(error);
  const reason = FOLDER_REASONS[code] ?? FOLDER_REASONS[code.replace(/^(SQLITE_[A-Z]+)_.*$/, '$1')];
  const data = { dataDir, reason: code };
  if (reason !== undefined) return unusable(dataDir, `${reason} (${code})`, data, error);
  return new VedetteError(
    'STORE_COMMIT',
    `database in '${dataDir}' cannot be opened: ${reasonOf(error)}${code === '' ? '' : ` (${code})`}; trying again`,
    data,
    error,
  );
}

/** DATA_DIR_UNUSABLE with its path, its reason and the next step. */
export function unusable(
  dataDir: string,
  reason: string,
  data: Readonly<Record<string, unknown>> = { dataDir },
  cause?: unknown,
): VedetteError {
  return new VedetteError(
    'DATA_DIR_UNUSABLE',
    `data folder '${dataDir}' cannot be used: ${reason}; make it writable or choose another with --data`,
    data,
    cause,
  );
}

/** STORE_COMMIT for a transaction that the disk refused. */
export function commitError(code: string, reason: string, dataDir: string): VedetteError {
  const why = code === 'SQLITE_FULL' ? 'no space left on its disk' : reason;
  return new VedetteError(
    'STORE_COMMIT',
    `database in '${dataDir}' takes no changes: ${why} (${code}); they wait in memory and are tried again`,
    { dataDir, reason: code },
  );
}

/** False when a record does not fit, names of columns and JSON included (SQLITE_ERROR); throws what is not its fault. */
export function tryRecord(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isMisfit(error) || codeOf(error) === 'SQLITE_ERROR') return false;
    throw error;
  }
}

/** What the owner reads of a file that was replaced. */
export function damageMessage({ reason, setAside, salvaged, outboxRows }: DamageReport): string {
  const told = {
    all: `${outboxRows} unsent messages were carried over`,
    some: `a new epoch begins, ${outboxRows} unsent messages were carried over, others may be lost`,
    none: 'a new epoch begins, unsent messages are lost',
  };
  const what =
    setAside === undefined
      ? `database was lost (${reason})`
      : `database was damaged (${reason}) and is kept as '${setAside}'`;
  return `${what}; ${told[salvaged]}`;
}

/** A record that does not fit is a bug; what came of it. */
export function refusalMessage({ reason, ...what }: Refusal): string {
  return what.counter === 'snapshot'
    ? `snapshot '${what.path}' is not kept (${reason})`
    : `${what.counter} ${what.id} does not fit the database (${reason}): a gap message takes its place`;
}

/** For whoever asks a stopped store. */
export function closedError(): VedetteError {
  return new VedetteError('INTERNAL', 'store is closed: its outbox cannot be read any more');
}

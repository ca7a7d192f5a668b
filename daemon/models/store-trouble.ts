// Why the store of models cannot be written, in words. Pure.
import { reasonOf, VedetteError } from '../platform/errors.ts';

const NOT_ALLOWED = 'this user may not write there (as the service: sudo -u vedette vedette models …)';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on its disk; free some room and try again',
  EDQUOT: 'the quota of this user is used up',
  EROFS: 'its file system is read-only',
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  SQLITE_CANTOPEN: NOT_ALLOWED,
  SQLITE_READONLY: NOT_ALLOWED,
  ENOTDIR: 'part of its path is a file, not a folder',
};

/** MODEL_STORE with the path and the reason; what is a VedetteError already stays as it is. */
export function storeTrouble(path: string, error: unknown): VedetteError {
  if (error instanceof VedetteError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const reason = REASONS[code] ?? reasonOf(error);
  return new VedetteError(
    'MODEL_STORE',
    `${path} cannot be written: ${reason}${code && ` (${code})`}`,
    { path, code },
    error,
  );
}

// Files that are there whole or as they were before: written beside their place, synced, renamed. Any thread.
import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf, VedetteError } from './errors.ts';

/** Where something is written that is to be there whole. */
export interface WholePlace {
  /** Behind symbolic links: they stay. */
  readonly path: string;
  /** Beside it; undefined for what is no file but a device or a pipe, which has no wholeness. */
  readonly temporary: string | undefined;
}

export function wholePlace(path: string): WholePlace {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) return { path, temporary: undefined };
  const real = found === undefined ? path : realpathSync(path);
  return { path: real, temporary: join(dirname(real), `.${basename(real)}.${process.pid}.tmp`) };
}

/** Throws EXPORT_FAILED, naming the file and the reason; nothing is left behind then. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  let temporary: string | undefined;
  try {
    const place = wholePlace(path);
    temporary = place.temporary;
    const fd = openSync(temporary ?? path, 'w', 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      if (temporary !== undefined) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (temporary !== undefined) renameSync(temporary, place.path);
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw new VedetteError(
      'EXPORT_FAILED',
      `${path}: cannot be written (${reasonOf(error)})`,
      { path },
      error,
    );
  }
}

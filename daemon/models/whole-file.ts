// Files that are there whole or as they were before: written beside their place, synced, renamed. Any thread.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf, VedetteError } from '../platform/errors.ts';

/** Throws EXPORT_FAILED, naming the file and the reason; nothing is left behind then. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const fd = openSync(temporary, 'w', 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new VedetteError(
      'EXPORT_FAILED',
      `${path}: cannot be written (${reasonOf(error)})`,
      { path },
      error,
    );
  }
}

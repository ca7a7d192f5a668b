// `vedette bench --apply`: the chosen model, provider and threads into the owner's configuration. The new text is loaded as the
// daemon would load it before it takes the place of the old one, of which a copy is kept.
import {
  accessSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type EditValue, editSection } from '../config/edit.ts';
import { type ParseOptions, parseConfig } from '../config/load.ts';
import { checkConfig } from '../core/checks.ts';
import type { BenchSetting } from '../models/benchmark.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { checkModel } from './check.ts';
import { environmentFor } from './service-environment.ts';
import { diffLines } from './text-diff.ts';

const SECTION = 'detector';

export interface Applied {
  /** Nothing: the configuration says it already. */
  readonly diff: readonly string[];
  /** Of the configuration as it was; absent where nothing was changed. */
  readonly backup?: string;
}

/** Throws what would keep the configuration from being changed later, before minutes are spent on measuring. */
export function requireChangeable(file: string, current: BenchSetting): void {
  const path = realpathSync(file);
  editSection(readFileSync(path, 'utf8'), SECTION, valuesOf(current));
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw notWritten(path, error);
  }
}

/**
 * Throws CONFIG_INVALID when the new text would not load or the text cannot be changed in place, EXPORT_FAILED when it cannot be
 * written: the configuration is the old one then.
 */
export async function applySetting(
  file: string,
  setting: BenchSetting,
  { data, nowMs }: { readonly data: string | undefined; readonly nowMs: number },
): Promise<Applied> {
  const path = realpathSync(file);
  const before = readFileSync(path, 'utf8');
  const after = editSection(before, SECTION, valuesOf(setting));
  const diff = diffLines(before, after);
  if (diff.length === 0) return { diff };
  await requireLoadable(after, file, data);
  const backup = `${path}.${stampOf(nowMs)}.bak`;
  try {
    copyFileSync(path, backup, constants.COPYFILE_EXCL);
    replaceFile(path, after);
  } catch (error) {
    throw notWritten(path, error);
  }
  return { diff, backup };
}

/** The CPU is the last resort of every list; to say so is for the reader. */
function valuesOf({ model, provider, threads }: BenchSetting): Readonly<Record<string, EditValue>> {
  return { model, providers: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'], threads };
}

async function requireLoadable(text: string, file: string, data: string | undefined): Promise<void> {
  const env = environmentFor(file, process.env);
  const options: ParseOptions = {
    fileName: basename(file),
    folder: dirname(resolve(file)),
    env,
    semanticChecks: checkConfig,
  };
  const { config } = parseConfig(text, options);
  const { faults } = await checkModel(config, dataFolder(data, env));
  // Again, because only the loader knows lines and columns.
  if (faults.length > 0) parseConfig(text, { ...options, semanticChecks: () => faults });
}

/** Beside its place, with its owner and mode, then in its place: a daemon that reads it meanwhile sees one or the other. */
function replaceFile(path: string, text: string): void {
  const { mode, uid, gid } = statSync(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fchmodSync(fd, mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (process.getuid?.() === 0) chownSync(temporary, uid, gid);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function stampOf(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

function notWritten(path: string, cause: unknown): VedetteError {
  const message = `${path} cannot be changed: ${reasonOf(cause)}; it is as it was`;
  return new VedetteError('EXPORT_FAILED', message, { path }, cause);
}

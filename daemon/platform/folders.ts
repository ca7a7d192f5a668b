// Where the daemon keeps things: the data folder (survives), the runtime folder (sockets, slots, FIFOs: on tmpfs,
// gone with the process). Main thread.
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { VedetteError } from './errors.ts';

/** `--data`, else systemd's state directory, else `.vedette` here. Absolute. Throws USAGE for an empty option. */
export function dataFolder(option: string | undefined, env: NodeJS.ProcessEnv): string {
  if (option === '') throw new VedetteError('USAGE', "--data: must name a folder (got '')");
  return resolve(option ?? (firstOf(env['STATE_DIRECTORY']) || '.vedette'));
}

/** For what can be made again: below systemd's CacheDirectory=, else where the XDG base directory specification puts caches. */
export function cacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const { CACHE_DIRECTORY: own, XDG_CACHE_HOME: caches, HOME: home } = env;
  const folder = firstOf(own) || (caches && join(caches, 'vedette'));
  return folder || (home && join(home, '.cache', 'vedette')) || undefined;
}

/** Of the folders that systemd names with `:` between them. A variable that is empty is as good as none. */
function firstOf(folders: string | undefined): string | undefined {
  return folders?.split(':')[0];
}

const PREFIX = 'vedette-';

/**
 * Makes a private folder (0700) for this process: below systemd's runtime directory, else /dev/shm, else the system's
 * temporary folder. Removes what killed daemons of this user left behind. The caller removes it with `removeFolder`.
 */
export function makeRuntimeFolder(env: NodeJS.ProcessEnv): string {
  const parent = firstOf(env['RUNTIME_DIRECTORY']) || (isWritable('/dev/shm') ? '/dev/shm' : tmpdir());
  const mine = `${PREFIX}${process.getuid?.() ?? 0}-`;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(mine)) continue;
    const pid = Number(name.slice(mine.length));
    if (Number.isInteger(pid) && !existsSync(`/proc/${pid}`)) removeFolder(join(parent, name));
  }
  const path = join(parent, `${mine}${process.pid}`);
  removeFolder(path);
  mkdirSync(path, { mode: 0o700 });
  return path;
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

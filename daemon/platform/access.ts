// What this user may do: device files of cameras and decoders with the groups that open them, files with secrets that
// others could read. Any thread.
import { accessSync, constants, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { namesIn, readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

/** The device files that cameras (video, media, the DMA heap of libcamera) and decoders (dri) are reached by. */
const DEVICES = [
  ['', /^(?:video|media)\d+$/],
  ['dri', /^renderD\d+$/],
  ['dma_heap', /./],
] as const;

/** Name of the user, or the number where there is no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

interface Closed {
  readonly path: string;
  readonly group: string;
}

/** Device files that this user cannot open, by the group that may: one finding per group. */
export function deviceFindings(
  roots: SystemRoots = SYSTEM_ROOTS,
  mayUse: (path: string) => boolean = readableAndWritable,
): Finding[] {
  const all = DEVICES.flatMap(([folder, pattern]) =>
    namesIn(join(roots.dev, folder), pattern).map((name) => join(roots.dev, folder, name)),
  );
  const subject = 'devices';
  const user = userName();
  if (all.length === 0) return [{ level: 'ok', subject, message: 'no camera or graphics device is here' }];
  const closed = all
    .filter((path) => !mayUse(path))
    .map((path): Closed => ({ path, group: groupOf(path, roots) }));
  if (closed.length === 0) {
    return [
      { level: 'ok', subject, message: `${user} may use all ${all.length} camera and graphics devices` },
    ];
  }
  return [...Map.groupBy(closed, ({ group }) => group)].map(([group, members]): Finding => {
    const paths = members.map(({ path }) => path);
    return {
      level: 'warning',
      subject,
      message: `${user} may not use ${paths.join(', ')} (group ${group})`,
      advice: `sudo usermod -aG ${group} ${user}, then log in again (or restart the service)`,
      facts: { group, paths },
    };
  });
}

function readableAndWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function groupOf(path: string, roots: SystemRoots): string {
  const gid = String(statSync(path, { throwIfNoEntry: false })?.gid ?? 'unknown');
  for (const line of (readText(join(roots.etc, 'group')) ?? '').split('\n')) {
    const [name, , number] = line.split(':');
    if (number === gid && name !== undefined) return name;
  }
  return gid;
}

const OTHERS_READ = 0o004;

/** Files with secrets that every user of the board can read; files that are not there are left to others to tell. */
export function secretFindings(paths: readonly string[]): Finding[] {
  const subject = 'secrets';
  const open = paths.filter((path) => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_READ);
  const good = `${paths.length} ${paths.length === 1 ? 'file' : 'files'} with secrets, closed to other users`;
  if (open.length === 0) return paths.length === 0 ? [] : [{ level: 'ok', subject, message: good }];
  return open.map((path) => ({
    level: 'warning',
    subject,
    message: `${path} holds a secret and every user can read it`,
    advice: `chmod o-r ${path}`,
  }));
}

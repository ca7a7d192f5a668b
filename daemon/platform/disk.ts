// The file system of a folder: room, kind, medium, and whether it can be written, tried with a real write and fsync.
// Asynchronous throughout: a network disk that hangs must not hold the thread. Main thread.
import { access, constants, mkdtemp, open, realpath, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from './clock.ts';
import { reasonOf } from './errors.ts';
import type { Finding } from './finding.ts';
import { readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

/** The folder, or where it does not exist yet the nearest one above it that does. */
export async function nearestFolder(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return await realpath(path);
  } catch {
    // Not there (or not for us): what is above it decides.
  }
  const parent = dirname(path);
  return parent === path ? path : nearestFolder(parent);
}

export interface Mount {
  readonly point: string;
  readonly type: string;
  /** A device, or what the file system has instead. */
  readonly source: string;
  readonly readOnly: boolean;
}

/** The mount that holds an absolute path, of the lines of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function mountOf(path: string, mountinfo: string): Mount | undefined {
  let best: Mount | undefined;
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , , point, options = ''] = left.split(' ');
    const [type = '', source = '', superOptions = ''] = right.split(' ');
    if (point === undefined || type === '') continue;
    const readOnly = [options, superOptions].some((text) => text.split(',').includes('ro'));
    const mount = { point: plainText(point), type, source: plainText(source), readOnly };
    const inside = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`);
    // A later mount on the same point hides the earlier one.
    if (inside && mount.point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
}

/** Spaces and the like stand as octal numbers in mountinfo. */
function plainText(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

export interface DiskFacts {
  readonly folder: string;
  readonly mount: Mount | undefined;
  /** 'SD' card, 'MMC' (soldered eMMC), undefined for anything else. */
  readonly card: string | undefined;
  readonly freeMb: number;
  readonly totalMb: number;
  /** 0..1; undefined where the file system has no fixed number of inodes. */
  readonly freeInodes: number | undefined;
}

export async function readDisk(folder: string, roots: SystemRoots = SYSTEM_ROOTS): Promise<DiskFacts> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(folder);
  const mount = mountOf(folder, readText(join(roots.proc, 'self/mountinfo')) ?? '');
  const block = /^\/dev\/(mmcblk\d+)/.exec(mount?.source ?? '')?.[1];
  const megabytes = (count: number): number => Math.floor((count * bsize) / 1e6);
  return {
    folder,
    mount,
    card: block === undefined ? undefined : readText(join(roots.sys, 'block', block, 'device/type')),
    freeMb: megabytes(bavail),
    totalMb: megabytes(blocks),
    freeInodes: files === 0 ? undefined : ffree / files,
  };
}

/** Gone with the power, or without the shared memory and locks that SQLite's WAL needs (sqlite.org/wal.html). */
const UNSUITED: Readonly<Record<string, string>> = {
  tmpfs: 'it is lost with every restart of the board',
  ramfs: 'it is lost with every restart of the board',
  vfat: 'it has no journal and breaks at a power cut',
  exfat: 'it has no journal and breaks at a power cut',
  nfs: 'SQLite with a write-ahead log does not work over a network',
  nfs4: 'SQLite with a write-ahead log does not work over a network',
  cifs: 'SQLite with a write-ahead log does not work over a network',
  smb3: 'SQLite with a write-ahead log does not work over a network',
  '9p': 'SQLite with a write-ahead log does not work over a network',
};
const INODES_MIN = 0.02;

/** Room against `snapshots.reserveMb`, kind and state of the file system. */
export function diskFindings(disk: DiskFacts, reserveMb: number): Finding[] {
  const { folder, mount, card, freeMb, totalMb, freeInodes } = disk;
  const type = mount?.type ?? 'unknown file system';
  const medium = card === 'SD' ? ', SD card' : card === 'MMC' ? ', eMMC' : '';
  const room = `${freeMb} of ${totalMb} MB free on ${mount?.point ?? folder} (${type}${medium})`;
  const facts = { ...disk };
  const findings: Finding[] = [roomFinding(room, freeMb, reserveMb, facts)];
  if (mount?.readOnly) {
    const message = `${mount.point} is mounted read-only: no event can be kept`;
    const advice = `look for disk errors (dmesg), then: sudo mount -o remount,rw ${mount.point}`;
    findings.push({ level: 'fault', subject: 'read-only', message, advice });
  }
  const unsuited = UNSUITED[type];
  if (unsuited !== undefined) {
    const advice = 'choose a folder on a local disk (ext4) with --data';
    findings.push({ level: 'warning', subject: 'file system', message: `${type}: ${unsuited}`, advice });
  }
  if (freeInodes !== undefined && freeInodes < INODES_MIN) {
    const message = `${(freeInodes * 100).toFixed(1)} % of the inodes are free (limit ${INODES_MIN * 100} %)`;
    findings.push({
      level: 'warning',
      subject: 'inodes',
      message,
      advice: 'delete small files nobody needs',
    });
  }
  return findings;
}

function roomFinding(
  room: string,
  freeMb: number,
  reserveMb: number,
  facts: Finding['facts'] & object,
): Finding {
  const advice = 'free some room, or lower snapshots.keepMb and snapshots.keepDays';
  if (freeMb < reserveMb) {
    const message = `${room}: less than snapshots.reserveMb, ${reserveMb}: no picture is written`;
    return { level: 'fault', message, advice, facts };
  }
  if (freeMb < 2 * reserveMb) {
    const message = `${room}: near snapshots.reserveMb, ${reserveMb}`;
    return { level: 'warning', message, advice, facts };
  }
  return { level: 'ok', message: room, facts };
}

const PROBE_BYTES = 65_536;
/** An SD card takes tens to hundreds of milliseconds; beyond this every alert waits noticeably for its commit. */
const FSYNC_SLOW_MS = 1000;

/** Writes and syncs a file of 64 KiB of its own in the data folder (which is not made when it is missing). */
export async function writeFindings(dataDir: string, clock: Clock): Promise<Finding[]> {
  const subject = 'data folder';
  try {
    if (!(await exists(dataDir))) {
      const above = await nearestFolder(dataDir);
      await access(above, constants.W_OK | constants.X_OK);
      return [{ level: 'ok', subject, message: `${dataDir} does not exist yet; it can be made in ${above}` }];
    }
    const syncMs = await timedSync(dataDir, clock);
    const message = `${dataDir}: 64 KiB written and synced in ${syncMs.toFixed(1)} ms`;
    const facts = { folder: dataDir, syncMs };
    if (syncMs < FSYNC_SLOW_MS) return [{ level: 'ok', subject, message, facts }];
    const advice = 'a failing or very slow card: try another (A2, endurance) or a USB disk';
    return [
      { level: 'warning', subject, message: `${message} (slow over ${FSYNC_SLOW_MS} ms)`, advice, facts },
    ];
  } catch (error) {
    const advice =
      'the user who runs the daemon must own it: sudo chown -R <user> <folder>, or choose another with --data';
    return [{ level: 'fault', subject, message: `${dataDir} cannot be written: ${reasonOf(error)}`, advice }];
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}

async function timedSync(folder: string, clock: Clock): Promise<number> {
  const own = await mkdtemp(join(folder, '.doctor-'));
  try {
    const startMonoMs = clock.monoMs();
    const file = await open(join(own, basename(own)), 'wx', 0o600);
    try {
      await file.writeFile(Buffer.alloc(PROBE_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
    return clock.monoMs() - startMonoMs;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

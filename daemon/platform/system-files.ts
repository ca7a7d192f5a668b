// Reading what the kernel shows as files (/proc, /sys). A file that is not there is `undefined`, never an error: boards
// differ. The roots are parameters, so that tests show the files of other boards. Any thread.
import { readdirSync, readFileSync } from 'node:fs';

/** Where the kernel's files are. */
export interface SystemRoots {
  readonly proc: string;
  readonly sys: string;
  readonly dev: string;
  readonly run: string;
  readonly etc: string;
}

export const SYSTEM_ROOTS: SystemRoots = {
  proc: '/proc',
  sys: '/sys',
  dev: '/dev',
  run: '/run',
  etc: '/etc',
};

/** The text without white space (and the NUL of device tree strings) around it, or undefined. */
export function readText(path: string): string | undefined {
  try {
    // Sensors that are switched off answer a read with an error of their own (EAGAIN, ENODATA).
    return readFileSync(path, 'utf8').replaceAll('\0', '').trim();
  } catch {
    return undefined;
  }
}

/** The whole number in a file, or undefined. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Names in a folder that match, numbers in them in order (video2 before video10); none where there is no such folder. */
export function namesIn(path: string, pattern: RegExp): string[] {
  try {
    const names = readdirSync(path).filter((name) => pattern.test(name));
    return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

// How much memory another process takes. From its status file, which counts in kB: statm counts in pages, and those are 16 kB on
// some kernels (Raspberry Pi 5). Any thread.
import { readText } from './system-files.ts';

/** Resident memory; undefined for a process that is gone. */
export function residentBytes(pid: number | undefined, proc = '/proc'): number | undefined {
  return pid === undefined ? undefined : residentBytesIn(readText(`${proc}/${pid}/status`) ?? '');
}

/** From the text of /proc/<pid>/status; undefined where it has none, as that of a process that ended and is not waited for yet. */
export function residentBytesIn(status: string): number | undefined {
  const kilobytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

// A wall clock that a test sets for a program: libfaketime, where Debian puts it. The monotonic clock stays the real one.
import { existsSync, renameSync, writeFileSync } from 'node:fs';

const PATHS = ['x86_64', 'aarch64'].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`,
);

/** libfaketime for programs with threads; undefined where it is not installed. */
export function fakeTimePath(): string | undefined {
  return PATHS.find((path) => existsSync(path));
}

/** Environment of a program whose wall clock is as far off as a file says (setOffset), from one look to the next. */
export function fakeTimeEnvironment(library: string, offsetPath: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: offsetPath,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
    NO_FAKE_STAT: '1',
  };
}

/** How far the clock is ahead of the real one, from now on. Put in place whole: the program may read at any moment. */
export function setOffset(offsetPath: string, offsetS: number): void {
  writeFileSync(`${offsetPath}.new`, `${offsetS >= 0 ? '+' : ''}${offsetS}\n`);
  renameSync(`${offsetPath}.new`, offsetPath);
}

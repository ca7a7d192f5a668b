// The resident memory of a process, as the kernel tells it.
import { expect, test } from 'vitest';
import { residentBytes, residentBytesIn } from '../../daemon/platform/process-memory.ts';

/** Of a kernel with pages of 16 kB, shortened. */
const STATUS = `Name:\tnode
State:\tS (sleeping)
VmPeak:\t 1203456 kB
VmHWM:\t  223456 kB
VmRSS:\t  131072 kB
RssAnon:\t  90112 kB
Threads:\t11`;

test('resident memory is read in kB, whatever the size of a page', () => {
  expect(residentBytesIn(STATUS)).toBe(131_072 * 1024);
});

test('a process that has ended, or is not there, takes none', () => {
  expect(residentBytesIn('Name:\tnode\nState:\tZ (zombie)\nThreads:\t1')).toBeUndefined();
  expect(residentBytes(2 ** 30)).toBeUndefined();
  expect(residentBytes(undefined)).toBeUndefined();
});

test('of a process that runs it is about what that process says itself', () => {
  const own = process.memoryUsage.rss();
  const told = residentBytes(process.pid);
  expect(told).toBeGreaterThan(own / 2);
  expect(told).toBeLessThan(own * 2);
});

// When a detector process is too large to be kept.
import { expect, test } from 'vitest';
import { memoryLimitBytes } from '../../daemon/detector/memory.ts';

test('the limit is the configured one while a fresh process fits well below it', () => {
  expect(memoryLimitBytes(512, 130e6)).toBe(512e6);
});

test('a process may always grow by a quarter, or a low limit would have it replaced for ever', () => {
  expect(memoryLimitBytes(512, 500e6)).toBe(625e6);
  expect(memoryLimitBytes(1, 100e6)).toBe(125e6);
});

test('a limit of 0 is none', () => {
  expect(memoryLimitBytes(0, 130e6)).toBe(Number.POSITIVE_INFINITY);
});

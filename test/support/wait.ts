// Waiting for events with a deadline. Integration tests never sleep a fixed time.
import { systemClock } from '../../daemon/platform/clock.ts';

/** Polls `check` until it returns something other than undefined or false; throws after `timeoutMs`, naming `what`. */
export async function waitFor<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const endMs = systemClock.monoMs() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (systemClock.monoMs() > endMs) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await systemClock.sleep(20);
  }
}

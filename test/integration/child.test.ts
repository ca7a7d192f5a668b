// Child programs that cannot be started at all.
import { expect, test } from 'vitest';
import { askProgram } from '../../daemon/platform/ask-program.ts';
import { Child } from '../../daemon/platform/child.ts';
import { systemClock } from '../../daemon/platform/clock.ts';

/** More than execve(2) takes: `spawn` throws, where it tells of a missing program by an event. */
const TOO_LONG = 'x'.repeat(4_000_000);

test.each([
  ['a program that is not there', 'vedette-no-such-program', [], 'ENOENT'],
  ['arguments that are too long', '/bin/true', [TOO_LONG], 'E2BIG'],
])('%s is an end like any other', async (_, command, args, code) => {
  const child = new Child({ command, args, stdio: 'pipe', clock: systemClock });
  const exit = await child.exited;
  await child.closed;
  expect(child.running).toBe(false);
  expect(exit).not.toMatchObject({ code: 0 });
  expect(child.describe(exit)).toMatch(new RegExp(`${command}|could not be started.*${code}`));
  child.kill('SIGKILL');
  const answer = await askProgram({ command, args, timeoutMs: 10_000 });
  expect(answer).toMatchObject({ ok: false, stdout: '' });
});

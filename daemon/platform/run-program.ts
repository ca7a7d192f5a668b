// Runs a small program to its end and hands back what it wrote: for questions to the tools of a board (vcgencmd,
// v4l2-ctl, timedatectl). Output and time are bounded. Any thread.
import { Child } from './child.ts';
import type { Clock } from './clock.ts';

export interface ProgramRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  /** Exit code 0 within the time. */
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** How it ended, in words. */
  readonly ending: string;
}

const STDOUT_BYTES_MAX = 262_144;

/** Never rejects: a program that is missing or hangs is a result with `ok: false`. */
export async function runProgram(run: ProgramRun): Promise<ProgramResult> {
  const { command, args, timeoutMs, clock, env, signal } = run;
  const child = new Child({
    command,
    args,
    stdio: ['ignore', 'pipe', 'pipe'],
    clock,
    ...(env === undefined ? {} : { env }),
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.process.stdout?.on('data', (chunk: Buffer) => {
    if (bytes < STDOUT_BYTES_MAX) chunks.push(chunk);
    bytes += chunk.length;
  });
  // 'exit' may come before the last words. A grandchild may hold the pipes open for ever: 'close' has the same deadline.
  const closed = new Promise<void>((resolve) => child.process.once('close', () => resolve()));
  let late = false;
  // Not TERM: what the program started may ignore it and would outlive its leader.
  const stop = (): void => child.kill('SIGKILL');
  const expired = Promise.withResolvers<void>();
  const timer = clock.after(timeoutMs, () => {
    late = true;
    stop();
    expired.resolve();
  });
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const exit = await child.exited;
  if (child.pid !== undefined) await Promise.race([closed, expired.promise]);
  timer.stop();
  signal?.removeEventListener('abort', stop);
  const stdout = Buffer.concat(chunks).subarray(0, STDOUT_BYTES_MAX).toString('utf8');
  const ending = late ? `${command} did not end within ${timeoutMs} ms` : child.describe(exit);
  return { ok: exit.code === 0 && !late, stdout, stderr: child.stderr, ending };
}

// Asks a program one question and waits a bounded time for the answer: `ffmpeg -hwaccels`, `vcgencmd get_throttled`. It
// gets no more of the daemon's environment than a camera program. Any thread.
import { Child } from './child.ts';
import { childEnvironment } from './child-environment.ts';
import { type Clock, systemClock } from './clock.ts';

export interface Question {
  readonly command: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** Written to its standard input, for what must not stand in an argument. */
  readonly input?: string;
  /** Environment beside the few variables that every child program gets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** False when it could not be started, ended with an error or was too slow; what it said stands all the same. */
  readonly ok: boolean;
  /** Of its exit; null when it was killed, too slow or never started. */
  readonly code: number | null;
  readonly stdout: string;
  /** The end of it. */
  readonly stderr: string;
  /** How it ended, in words. */
  readonly ending: string;
}

/** More of its output is thrown away. */
const ANSWER_BYTES_MAX = 1_048_576;

/** Never rejects. */
export async function askProgram(question: Question): Promise<Answer> {
  const { command, args, timeoutMs, input = '', env, clock = systemClock, signal } = question;
  const child = new Child({ command, args, stdio: 'pipe', env: childEnvironment(env), clock });
  const { stdin, stdout } = child.process;
  const chunks: Buffer[] = [];
  let bytes = 0;
  stdout?.on('data', (chunk: Buffer) => {
    if (bytes < ANSWER_BYTES_MAX) chunks.push(chunk);
    bytes += chunk.length;
  });
  // It may end without reading (EPIPE).
  stdin?.on('error', () => undefined);
  stdin?.end(input);
  let late = false;
  const expired = Promise.withResolvers<void>();
  const stop = (): void => {
    // With all that it started, which may ignore a polite word and hold the pipes open.
    child.kill('SIGKILL');
    expired.resolve();
  };
  const timer = clock.after(timeoutMs, () => {
    late = true;
    stop();
  });
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const exit = await child.exited;
  await Promise.race([child.closed, expired.promise]);
  child.closePipes();
  timer.stop();
  signal?.removeEventListener('abort', stop);
  return {
    ok: exit.code === 0 && !late,
    code: late ? null : exit.code,
    stdout: Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString('utf8'),
    stderr: child.stderr,
    ending: late ? `${command} did not end within ${timeoutMs} ms` : child.describe(exit),
  };
}

// Asks a program one question and waits a bounded time for the answer, e.g. `ffmpeg -hwaccels`. Camera worker thread.
import { execFile } from 'node:child_process';
import { childEnvironment } from '../platform/child-environment.ts';

export interface Answer {
  /** False when it could not be started, ended with an error or was too slow; what it said stands all the same. */
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Question {
  readonly command: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** Written to its standard input, for what must not stand in an argument. */
  readonly input?: string;
}

const ANSWER_BYTES_MAX = 1_048_576;

/** Never rejects. */
export function askProgram({ command, args, timeoutMs, input = '' }: Question): Promise<Answer> {
  const env = childEnvironment();
  const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX, env } as const;
  return new Promise((resolve) => {
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr });
    });
    // It may end without reading (EPIPE).
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

// The daemon as a child process, as an owner runs it: `node daemon/main.ts …` from the repository's root.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT } from './needs.ts';
import { waitFor } from './wait.ts';

export interface RunningDaemon {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Everything written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the exit code, or null after a signal. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

export interface DaemonOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts `vedette <args>`; it is killed when the test ends. */
export function startDaemon(
  args: readonly string[],
  { env = {}, cwd = ROOT }: DaemonOptions = {},
): RunningDaemon {
  const child = spawn(process.execPath, [join(ROOT, 'daemon/main.ts'), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    process: child,
    pid: child.pid!,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs `vedette <args>` to its end. */
export async function runToEnd(
  args: readonly string[],
  options: DaemonOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const daemon = startDaemon(args, options);
  const code = await daemon.exited;
  return { code, stdout: daemon.stdout(), stderr: daemon.stderr() };
}

export interface LiveProcess {
  readonly pid: number;
  readonly command: string;
}

/** Live processes (no zombies: a child of a worker may stay one) whose command line contains every word. */
export function processesWith(...words: readonly string[]): LiveProcess[] {
  const found: LiveProcess[] = [];
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      if (state !== 'Z' && words.every((word) => command.includes(word))) found.push({ pid, command });
    } catch {
      // Gone while we looked.
    }
  }
  return found;
}

/** Live processes started by `pid`, directly. */
export function childrenOf(pid: number): LiveProcess[] {
  return processesWith('').filter((candidate) => {
    try {
      const stat = readFileSync(`/proc/${candidate.pid}/stat`, 'utf8');
      return Number(/\) \S (\d+)/.exec(stat)?.[1]) === pid;
    } catch {
      return false;
    }
  });
}

/** The daemon's detector process and camera programs. */
export async function waitForChildren(pid: number, count: number): Promise<LiveProcess[]> {
  return waitFor(`${count} children of ${pid}`, () => {
    const children = childrenOf(pid);
    return children.length >= count && children;
  });
}

// Child programs (camera programs, the detector) that never outlive the daemon. Each runs in its own session, so that
// Ctrl-C on the terminal reaches only the daemon, and under `setpriv --pdeathsig KILL` (prctl(2), PR_SET_PDEATHSIG), so
// that the kernel kills it with the thread that spawned it, whatever ended that thread. What a child started dies with
// it, unless it made itself a session of its own. Any thread.
import {
  ChildProcess,
  type SerializationType,
  type SpawnOptions,
  type StdioOptions,
  spawn,
} from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Clock } from './clock.ts';
import { reasonOf, VedetteError } from './errors.ts';
import { hideCredentials } from './redact.ts';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** As for node:child_process; stderr must be 'pipe' to be kept. */
  readonly stdio: StdioOptions;
  readonly env?: NodeJS.ProcessEnv;
  /** Of messages, where `stdio` has an 'ipc' channel: 'advanced' carries typed arrays. */
  readonly serialization?: SerializationType;
  readonly clock: Clock;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Characters of standard error kept per child. */
const STDERR_CHARS_MAX = 8192;

/** Half of what a pipe holds (pipe(7)); after so much at once its standard error is not read for `STDERR_REST_MS`. */
const STDERR_FULL_CHARS = 32_768;
const STDERR_REST_MS = 50;

/** Of some errors of fork(2) and execve(2) `spawn` tells by an event, others (no memory, E2BIG) it throws: here all are events. */
function spawned(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(command, args, options);
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).syscall?.startsWith('spawn')) throw error;
    const unborn = new ChildProcess();
    Object.assign(unborn, { stdin: null, stdout: null, stderr: null, stdio: [null, null, null, null, null] });
    process.nextTick(() => unborn.emit('error', error));
    return unborn;
  }
}

/** A running child. `exited` resolves once, when the process is gone (also when it could not be started). */
export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<ChildExit>;
  /** Resolves after `exited`, when its pipes are read to the end too: then `stderr` has its last words. */
  readonly closed: Promise<void>;
  readonly #clock: Clock;
  readonly #command: string;
  #stderr = '';
  #running = true;
  #spawnError: Error | undefined;

  constructor(options: ChildOptions) {
    this.#clock = options.clock;
    this.#command = options.command;
    const { command, args } = withDeathSignal(options.command, options.args);
    this.process = spawned(command, args, {
      stdio: options.stdio,
      detached: true,
      ...(options.env ? { env: options.env } : {}),
      ...(options.serialization ? { serialization: options.serialization } : {}),
    });
    this.exited = new Promise((resolve) => {
      const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#running = false;
        this.#killRest();
        resolve({ code, signal });
      };
      this.process.once('exit', settle);
      this.process.once('error', (error) => {
        this.#spawnError = error;
        if (this.process.pid === undefined) settle(null, null);
      });
    });
    this.closed = new Promise((resolve) => {
      this.process.once('close', () => resolve());
      if (this.process.pid === undefined) void this.exited.then(() => resolve());
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The end of what it wrote to standard error, without the credentials in URLs. */
  get stderr(): string {
    return hideCredentials(this.#stderr.trim());
  }

  /** `exited` in words: "ffmpeg exited with code 1: last line of stderr". */
  describe(exit: ChildExit): string {
    if (this.#spawnError) return `${this.#command} could not be started: ${reasonOf(this.#spawnError)}`;
    const how = exit.signal ? `was killed by ${exit.signal}` : `exited with code ${exit.code}`;
    const last = this.stderr.split('\n').at(-1) ?? '';
    return `${this.#command} ${how}${last === '' ? '' : `: ${last}`}`;
  }

  /** Sends a signal to the child and everything it started. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#running || this.process.pid === undefined) return;
    try {
      process.kill(-this.process.pid, signal);
    } catch {
      // Gone between the check and the call, or not yet a group leader: the plain kill covers both.
      this.process.kill(signal);
    }
  }

  /** A program that has more to say than a pipe holds has to wait: reading all of it would cost a core. */
  #hear(text: string): void {
    this.#stderr = lastWords(this.#stderr + text);
    if (text.length < STDERR_FULL_CHARS) return;
    this.process.stderr?.pause();
    this.#clock.after(STDERR_REST_MS, () => this.process.stderr?.resume());
  }

  /** What the program started and left behind. While one of them lives, no other group has its number. */
  #killRest(): void {
    if (this.process.pid === undefined) return;
    try {
      process.kill(-this.process.pid, 'SIGKILL');
    } catch {
      // Nothing is left.
    }
  }

  /** Lets go of its standard streams, which something that it started may still hold open. */
  closePipes(): void {
    // Without descriptors for them Node makes no streams at all, whatever its types say.
    const streams: ChildProcess['stdio'] | undefined = this.process.stdio;
    for (const stream of streams ?? []) stream?.destroy();
  }

  /** TERM, then KILL after `graceMs`; resolves when it is gone. */
  async stop(graceMs: number): Promise<ChildExit> {
    this.kill('SIGTERM');
    const timer = this.#clock.after(graceMs, () => this.kill('SIGKILL'));
    const exit = await this.exited;
    timer.stop();
    return exit;
  }
}

/** Descriptors that a spawn with three pipes takes for a moment, and some more. */
const SPAWN_DESCRIPTORS = 12;

/**
 * Throws EMFILE where there are too few descriptors to start a child. Without this a spawn may fail half way, and Node then
 * never closes the pipes it has made (seen with 24.21).
 */
export function requireDescriptors(): void {
  const taken: number[] = [];
  try {
    while (taken.length < SPAWN_DESCRIPTORS) taken.push(openSync('/dev/null', 'r'));
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

/** The end of a text, from the beginning of a word: a URL cut in two would no longer be seen to hold a password. */
function lastWords(text: string): string {
  if (text.length <= STDERR_CHARS_MAX) return text;
  const end = text.slice(-STDERR_CHARS_MAX);
  return end.slice(end.search(/\s|$/)).trimStart();
}

/** Absolute path of a program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

/** Like findProgram; throws CAMERA_PROGRAM_MISSING naming the Debian package to install. */
export function requireProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new VedetteError(
      'CAMERA_PROGRAM_MISSING',
      `${name} not found on PATH: install it (apt install ${debianPackage})`,
      { program: name, package: debianPackage },
    );
  }
  return path;
}

let setpriv: string | undefined | null = null;

function withDeathSignal(command: string, args: readonly string[]): { command: string; args: string[] } {
  if (setpriv === null) setpriv = findProgram('setpriv');
  if (setpriv === undefined) return { command, args: [...args] };
  return { command: setpriv, args: ['--pdeathsig', 'KILL', '--', command, ...args] };
}

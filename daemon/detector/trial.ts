// Tries model files in a child process: what the native runtime makes of a file that nobody has run yet must not be able to harm
// whoever asks. Measures there too, away from everything else that this process does. Main thread of a command.
import { fileURLToPath } from 'node:url';
import { Child, type ChildExit } from '../platform/child.ts';
import { childEnvironment } from '../platform/child-environment.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { residentBytes } from '../platform/process-memory.ts';
import type { TrialAnswer, TrialRequest, TrialResult, TrialWish } from './trial-messages.ts';

const PROCESS_FILE = fileURLToPath(new URL('trial-process.ts', import.meta.url));
const WATCH_MS = 20;
const STOP_MS = 1000;
const WORDS_MAX = 300;

export interface TrialLimits {
  /** Of one trial, from the question to the answer (milliseconds); default 60 s. */
  readonly deadlineMs?: number;
  /** Resident memory of the process (megabytes); default 1024. */
  readonly memoryMb?: number;
  /** Ends the trial and its process; `try` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface TrialsOptions extends TrialLimits {
  readonly clock: Clock;
  /** Variables for the process beside what every child gets. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Asked {
  readonly id: number;
  readonly resolve: (result: TrialResult) => void;
  readonly refuse: (reason: string) => void;
}

/** One process for many trials, one after the other; a new one after each that died of a trial. `close` ends it. */
export class Trials implements AsyncDisposable {
  readonly #options: TrialsOptions;
  #child: Child | undefined;
  #asked: Asked | undefined;
  #ids = 0;
  #started = 0;

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Processes that were started so far: one more than those that died of a trial. */
  get started(): number {
    return this.#started;
  }

  /**
   * Opens a file and runs it. Rejects with MODEL_UNSUPPORTED, naming the file and the reason: what the runtime says, or that the
   * process died, took too long or too much memory. One at a time.
   */
  async try(file: string, wish: TrialWish = {}, limits: TrialLimits = {}): Promise<TrialResult> {
    if (this.#asked !== undefined) throw new Error('bug: a trial while another runs');
    const { deadlineMs = 60_000, memoryMb = 1024, signal } = { ...this.#options, ...limits };
    signal?.throwIfAborted();
    const child = this.#running();
    const id = ++this.#ids;
    const { promise, resolve, reject } = Promise.withResolvers<TrialResult>();
    const refuse = (reason: string): void =>
      reject(new VedetteError('MODEL_UNSUPPORTED', `${file}: ${reason.slice(0, WORDS_MAX)}`, { file }));
    this.#asked = { id, resolve, refuse };
    const beganMonoMs = this.#options.clock.monoMs();
    const watch = this.#options.clock.every(WATCH_MS, () => {
      if (this.#options.clock.monoMs() - beganMonoMs > deadlineMs) {
        refuse(`no answer within ${deadlineMs} ms`);
      } else if ((residentBytes(child.pid) ?? 0) > memoryMb * 1e6) {
        refuse(`it takes more than ${memoryMb} MB of memory`);
      } else return;
      this.#end(child);
    });
    const abort = (): void => {
      reject(signal?.reason);
      this.#end(child);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const request: TrialRequest = { id, file, wish };
      child.process.send(request);
      return await promise;
    } finally {
      watch.stop();
      signal?.removeEventListener('abort', abort);
      this.#asked = undefined;
    }
  }

  /** A trial that still runs is refused. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#asked?.refuse('it was stopped');
    await child?.stop(STOP_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(child: Child): void {
    this.#child = undefined;
    child.kill('SIGKILL');
  }

  #running(): Child {
    if (this.#child?.running && this.#child.process.connected) return this.#child;
    const { clock, env } = this.#options;
    const child = new Child({
      command: process.execPath,
      args: [PROCESS_FILE],
      env: childEnvironment(env),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      clock,
    });
    child.process.on('message', (message) => this.#onAnswer(message as TrialAnswer));
    // A process that dies with a request on its way: its exit says why.
    child.process.on('error', () => undefined);
    void child.closed.then(async () => {
      const words = wordsOf(child, await child.exited);
      if (this.#child === child) this.#asked?.refuse(`onnx runtime died of it (${words})`);
    });
    this.#child = child;
    this.#started += 1;
    return child;
  }

  #onAnswer(answer: TrialAnswer): void {
    const asked = this.#asked;
    if (asked === undefined || asked.id !== answer.id) return;
    if ('result' in answer) asked.resolve(answer.result);
    else asked.refuse(answer.reason);
  }
}

/** How it ended, without what the runtime prints for its developers. */
function wordsOf(child: Child, { code, signal }: ChildExit): string {
  const last = child.stderr.split('\n').at(-1) ?? '';
  return `${signal ?? `exit code ${code}`}${last === '' ? '' : `: ${last.slice(0, WORDS_MAX)}`}`;
}

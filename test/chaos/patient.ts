// The daemon that is ill-treated: `node daemon/main.ts run`, one life after the other, on one data folder. In some lives
// a preload lets the store's worker be ended inside a transaction (test/fixtures/chaos/mortal-store.ts); the program is
// the same. Its wall clock is libfaketime's and jumps when told; its monotonic clock is the real one.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type ChildExit } from '../../daemon/platform/child.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { childrenOf } from '../support/daemon.ts';
import { fakeTimeEnvironment, setOffset } from '../support/fake-time.ts';
import { processesWithVariable } from '../support/marked-processes.ts';
import { ROOT } from '../support/needs.ts';

const PRELOAD = join(ROOT, 'test/fixtures/chaos/mortal-store.ts');
const MAIN = join(ROOT, 'daemon/main.ts');

const ORDER_MS_MAX = 2000;
const ORDER_LOOK_MS = 20;

export interface PatientOptions {
  /** For its log, its clock and the orders to its store. */
  readonly folder: string;
  readonly dataDir: string;
  readonly config: string;
  /** Path of libfaketimeMT.so.1. */
  readonly fakeTime: string;
}

export class Patient {
  readonly #options: PatientOptions;
  readonly #offset: string;
  readonly #logPath: string;
  readonly #log: number;
  /** Where this life begins in it. */
  #logBegin = 0;
  #child: Child | undefined;
  #mortal = false;
  lives = 0;
  /** What it must never do: end by itself. */
  readonly unexpected: string[] = [];

  constructor(options: PatientOptions) {
    this.#options = options;
    this.#offset = join(options.folder, 'clock-offset');
    this.#logPath = join(options.folder, 'daemon.log');
    this.#log = openSync(this.#logPath, 'a');
    this.setClock(0);
  }

  get running(): boolean {
    return this.#child?.running === true;
  }

  /** Its store can be ordered to die in this life. */
  get mortal(): boolean {
    return this.#mortal && this.running;
  }

  /** Begins a life; `expectedToEnd` when it is started into something that ends it (exit 78). */
  start({ mortal, config = this.#options.config }: { mortal: boolean; config?: string }): Promise<ChildExit> {
    const { dataDir, folder, fakeTime } = this.#options;
    this.lives += 1;
    this.#logBegin = fstatSync(this.#log).size;
    this.#mortal = mortal;
    const child = new Child({
      command: process.execPath,
      args: [...(mortal ? ['--import', PRELOAD] : []), MAIN, 'run', '--config', config, '--data', dataDir],
      stdio: ['ignore', this.#log, this.#log],
      env: {
        PATH: process.env['PATH'],
        // The only variable of ours that its children inherit (platform/child-environment.ts): the mark of `leftovers`.
        HOME: folder,
        CHAOS_ORDERS: folder,
        ...fakeTimeEnvironment(fakeTime, this.#offset),
      },
      clock: systemClock,
    });
    this.#child = child;
    return child.exited;
  }

  /** All parts of this life have started: it says so in its log. */
  get started(): boolean {
    return this.running && readFileSync(this.#logPath).subarray(this.#logBegin).includes('"msg":"started"');
  }

  /** SIGKILL at this very moment; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    child?.kill('SIGKILL');
    await child?.exited;
  }

  /** SIGTERM; resolves with its exit. */
  async stop(): Promise<ChildExit | undefined> {
    const child = this.#child;
    child?.kill('SIGTERM');
    return child?.exited;
  }

  /** A signal to one of its children; false when there is no such child now. */
  signalChild(word: string, signal: NodeJS.Signals): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined || !this.running) return false;
    // Not while it is still setpriv: stopped before it has asked to die with its parent, it would stay for ever.
    const child = childrenOf(pid).find(
      ({ command }) => command.includes(word) && !command.includes('setpriv'),
    );
    if (child === undefined) return false;
    try {
      process.kill(child.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** The store's worker ends within its next transaction that makes a message; false when none came soon. */
  async orderStoreDeath(): Promise<boolean> {
    const order = join(this.#options.folder, 'die');
    writeFileSync(order, '');
    for (let waitedMs = 0; waitedMs < ORDER_MS_MAX; waitedMs += ORDER_LOOK_MS) {
      await systemClock.sleep(ORDER_LOOK_MS);
      if (!existsSync(order)) return true;
    }
    rmSync(order, { force: true });
    return false;
  }

  /** Its wall clock is this much ahead from now on, for all its lives. */
  setClock(offsetS: number): void {
    setOffset(this.#offset, offsetS);
  }

  /** Processes of its lives that still run. */
  leftovers(): number[] {
    return processesWithVariable('HOME', this.#options.folder);
  }

  close(): void {
    closeSync(this.#log);
  }
}

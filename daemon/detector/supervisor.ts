// The detector process as a part of the daemon: starts it, watches it, kills it when it hangs, starts it again. Owns the
// runtime files (socket, slots) and the process; never touches a tensor. A model that is missing or broken is a state
// that is shown and retried, never a failed start. Main thread.

import type { Socket } from 'node:net';
import type { DetectorConfig } from '../config/types.ts';
import type { ModelSpec } from '../core/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Child, ChildExit } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { type ControlMessage, ControlReader, type ProcessOptions } from './control.ts';
import { causeOfDeath, type Failure } from './last-words.ts';
import { launchDetector } from './launch.ts';
import { MemoryLimit } from './memory.ts';
import type { Provider } from './providers.ts';
import { type ReadyMessage, tellReady } from './ready-log.ts';
import { type RemoteHealth, RemoteWatch } from './remote-watch.ts';
import { type ChosenRuntime, RuntimeChoice } from './runtime-choice.ts';
import {
  createSlotsFile,
  type RuntimeFiles,
  removeRuntimeFiles,
  removeStale,
  runtimeFiles,
} from './runtime-files.ts';
import { type Starting, StartWatch } from './start-watch.ts';
import { defaultThreads } from './threads.ts';
import { type DetectorState, SLOT_COUNT, tensorBytes } from './wire.ts';

const BACKOFF = { minMs: 1000, maxMs: 60_000 } as const;
/** A process that was ready for this long dies without a grudge: its successor starts at once. */
const STABLE_MS = 60_000;
const STOP_GRACE_MS = 500;
/** A process that a KILL has not ended by then hangs in the kernel (a driver, a disk): only a new start can help. */
const KILL_MS_MAX = 30_000;

export interface SupervisorOptions {
  readonly config: DetectorConfig;
  /** Detections below this are dropped in the detector process, 0..1. */
  readonly scoreLow: number;
  /** Reads and verifies the model; called again for every start. */
  readonly loadModel: () => Promise<ModelSpec>;
  /** A folder on tmpfs that only this user may enter. */
  readonly runtimeDir: string;
  /** For what can be made again; default: engines of accelerators are not kept. */
  readonly cacheDir?: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called on every change of state, with plain data that may be posted to a worker. */
  readonly onState: (state: DetectorState) => void;
}

/** The state with the numbers for health. */
export interface DetectorHealth extends DetectorState {
  /** Processes started beyond the first. */
  readonly restarts: number;
  /** Of these, those that took over from a process grown beyond detector.memoryMb. */
  readonly recycled: number;
  /** Why the last process or attempt ended; kept when it is ready again. */
  readonly lastReason?: string;
  readonly pid?: number;
  /** Of the running process, at most 5 s old. */
  readonly runs: number;
  readonly rssBytes: number;
  /** While a process starts. */
  readonly starting?: Starting;
  /** Only with detector.remote. */
  readonly remote?: RemoteHealth;
}

/** One process from its start to its end. */
interface Generation {
  readonly child: Child;
  readonly model: ModelSpec;
  readonly files: RuntimeFiles;
  readonly runtime: ChosenRuntime;
  readonly start: StartWatch;
  /** Why we killed it, or what it reported before it ended. */
  failure?: Failure;
  readyMonoMs?: number;
  /** That it was ready with. */
  provider?: Provider;
  /** Ended by us to make room for its successor. */
  replaced?: boolean;
  /** When we sent it the signal that ends it. */
  endedMonoMs?: number;
}

export class DetectorSupervisor implements Part {
  readonly name = 'detector';
  #options: SupervisorOptions;
  readonly #logger: Logger;
  readonly #remote: RemoteWatch;
  readonly #choice: RuntimeChoice;
  readonly #memory: MemoryLimit;
  readonly #backoff = new Backoff(BACKOFF);
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #state: DetectorState = { state: 'starting', generation: 0 };
  #generations = 0;
  #current: Generation | undefined;
  #lastReason: string | undefined;
  #lastLogged = '';
  #runs = 0;
  #rssBytes = 0;
  #recycled = 0;
  /** Cuts the wait before the next attempt short. */
  #wake = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'detector' });
    this.#remote = new RemoteWatch(this.#logger);
    this.#memory = new MemoryLimit(this.#logger);
    this.#choice = new RuntimeChoice({ ...options, logger: this.#logger });
  }

  /** Begins; whether and when the detector is ready is told by `onState`. */
  async start(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#stopping.signal.aborted || this.#loop !== undefined) return;
    removeStale(this.#options.runtimeDir);
    this.#options.onState(this.#state);
    this.#loop = this.#run(this.#stopping.signal);
  }

  /** TERM, then KILL after 500 ms; removes the socket and the slots file. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current?.child.stop(STOP_GRACE_MS);
    await this.#loop;
  }

  /** Goes on with other settings: the process that runs is replaced by one that has them. */
  reconfigure(config: DetectorConfig, scoreLow: number): void {
    this.#choice.reconfigured(this.#options.config, config);
    this.#options = { ...this.#options, config, scoreLow };
    this.#backoff.reset();
    this.#wake.abort();
    this.#replace('the configuration changed');
  }

  /** For health: the state, restarts, the last reason, runs and resident memory of the process. */
  state(): DetectorHealth {
    const pid = this.#current?.child.pid;
    const remote = this.#remote.health();
    // One that is on its way out starts nothing any more.
    const starting = this.#current?.endedMonoMs === undefined ? this.#current?.start.starting() : undefined;
    return {
      ...this.#state,
      ...(starting === undefined ? {} : { starting }),
      ...(remote === undefined ? {} : { remote }),
      ...(pid === undefined ? {} : { pid }),
      restarts: Math.max(0, this.#generations - 1),
      recycled: this.#recycled,
      runs: this.#runs,
      rssBytes: this.#rssBytes,
      ...(this.#lastReason === undefined ? {} : { lastReason: this.#lastReason }),
    };
  }

  /** For the watchdog: a process that cannot be killed. Down, starting again or late is not stuck: that mends itself. */
  stuck(): string | undefined {
    const endedMonoMs = this.#current?.endedMonoMs;
    if (endedMonoMs === undefined) return undefined;
    const ageMs = this.#options.clock.monoMs() - endedMonoMs;
    if (ageMs <= KILL_MS_MAX) return undefined;
    const pid = this.#current?.child.pid;
    return `detector: process ${pid} still there ${Math.round(ageMs / 1000)} s after it was killed (limit ${KILL_MS_MAX / 1000} s)`;
  }

  /** A camera waited longer than `deadlineMs` for an answer of `generation`: kills that process if it is still the one. */
  late({ generation, ageMs }: { generation: number; ageMs: number }): void {
    const current = this.#current;
    if (current === undefined || generation !== this.#generations || current.failure) return;
    const { deadlineMs } = this.#options.config;
    this.#condemn(current, {
      code: 'DETECTOR_DEADLINE',
      reason: `detector: no answer for ${Math.round(ageMs)} ms (limit ${deadlineMs}); killing and restarting it`,
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const failure = await this.#runOnce(signal);
      if (signal.aborted) break;
      if (failure === undefined) continue;
      this.#down(failure);
      const delayMs = this.#delayMs();
      this.#logger.debug({ delayMs }, 'detector: next attempt');
      // Rejects only when stopped or woken.
      const woken = AbortSignal.any([signal, this.#wake.signal]);
      await this.#options.clock.sleep(delayMs, woken).catch(() => undefined);
    }
    this.#current = undefined;
    this.#state = { state: 'down', generation: this.#generations, reason: 'detector: stopped' };
  }

  /** From the model file to the end of one process; says why it ended, undefined when it was replaced. Never throws. */
  async #runOnce(signal: AbortSignal): Promise<Failure | undefined> {
    try {
      const model = await this.#options.loadModel();
      if (signal.aborted) return { code: 'DETECTOR_EXITED', reason: 'detector: stopped' };
      // Other settings came while the file was read: they may name another model.
      if (this.#wake.signal.aborted) return undefined;
      const runtime = await this.#choice.choose(this.#options.config, model.file, signal);
      if (signal.aborted || this.#wake.signal.aborted) return undefined;
      return await this.#runProcess(model, runtime);
    } catch (error) {
      const code = error instanceof VedetteError ? error.code : 'DETECTOR_START_FAILED';
      return { code, reason: reasonOf(error) };
    }
  }

  async #runProcess(model: ModelSpec, runtime: ChosenRuntime): Promise<Failure | undefined> {
    const { clock, runtimeDir, config } = this.#options;
    const number = this.#generations + 1;
    const files = runtimeFiles(runtimeDir, number);
    createSlotsFile(files.slotsPath, SLOT_COUNT * tensorBytes(model.input));
    this.#remote.begin(config.remote);
    const { variables } = runtime;
    const launch = { remote: config.remote, variables, clock };
    const child = launchDetector(this.#processOptions(model, files, number), launch);
    const onLate = (late: string): void =>
      this.#condemn(generation, {
        code: 'DETECTOR_START_FAILED',
        reason: `detector: ${late}; killing and restarting it`,
      });
    const start = new StartWatch({ config, clock, onLate });
    const generation: Generation = { child, model, files, runtime, start };
    this.#generations = number;
    this.#current = generation;
    this.#runs = 0;
    this.#rssBytes = 0;
    this.#change({ state: 'starting', generation: number });
    this.#listen(generation);
    const exit = await child.exited;
    // Its last words may come after its exit.
    await child.closed;
    removeRuntimeFiles(files);
    const replaced = generation.replaced && generation.failure === undefined;
    const failure = replaced ? undefined : this.#autopsy(generation, exit);
    start.stop();
    return failure;
  }

  #processOptions(model: ModelSpec, files: RuntimeFiles, generation: number): ProcessOptions {
    const { config, scoreLow, cacheDir } = this.#options;
    return {
      ...files,
      model,
      providers: config.providers,
      outages: this.#choice.outages,
      ...(cacheDir === undefined ? {} : { cacheDir }),
      threads: config.threads ?? defaultThreads(),
      scoreLow,
      generation,
      deadlineMs: config.deadlineMs,
    };
  }

  #listen(generation: Generation): void {
    const reader = new ControlReader((message) => this.#onMessage(generation, message));
    const control = generation.child.process.stdio[3] as Socket | null | undefined;
    control?.setEncoding('utf8');
    control?.on('data', (text: string) => reader.push(text));
    // Broken with the process: its exit says why.
    control?.on('error', () => undefined);
  }

  #onMessage(generation: Generation, message: ControlMessage): void {
    if (message.type === 'failed') {
      const failure = { code: message.code, reason: message.message };
      // One that was ready does not end by itself.
      if (generation.provider === undefined) generation.failure ??= failure;
      else this.#condemn(generation, failure);
      return;
    }
    if (message.type === 'remote') {
      this.#remote.take(message);
      return;
    }
    if (message.type === 'opening') {
      generation.start.opening(message.provider);
      return;
    }
    this.#rssBytes = message.rssBytes;
    if (message.type === 'stats') {
      this.#runs = message.runs;
      this.#checkMemory(generation, message.rssBytes);
      return;
    }
    this.#onReady(generation, message);
  }

  #onReady(generation: Generation, message: ReadyMessage): void {
    if (generation.failure || this.#stopping.signal.aborted) return;
    generation.start.stop();
    generation.readyMonoMs = this.#options.clock.monoMs();
    generation.provider = message.provider;
    this.#memory.fresh(this.#options.config.memoryMb, message.rssBytes);
    const { provider, fallbacks, skipped, exact, threads, warmupMs, library } = message;
    const { model, files, runtime } = generation;
    const { problem } = runtime;
    this.#change({
      state: 'ready',
      generation: this.#generations,
      ready: {
        ...{ ...files, slotBytes: tensorBytes(model.input), model, provider, fallbacks, skipped },
        ...{ exact, threads, warmupMs },
        runtime: { ...library, ...(problem === undefined ? {} : { problem }) },
      },
    });
    this.#lastLogged = '';
    tellReady(this.#logger, { generation: this.#generations, model: model.name, message });
  }

  #checkMemory(generation: Generation, rssBytes: number): void {
    const reason = this.#memory.excess(rssBytes);
    if (reason === undefined || generation.failure || generation.replaced) return;
    this.#recycled += 1;
    this.#replace(reason);
  }

  /** Ends a process that is well, between two requests; the next one starts at once. */
  #replace(reason: string): void {
    const current = this.#current;
    if (current === undefined || current.failure || current.replaced) return;
    current.replaced = true;
    current.endedMonoMs ??= this.#options.clock.monoMs();
    this.#logger.info({ generation: this.#generations }, `detector: replacing the process: ${reason}`);
    void current.child.stop(STOP_GRACE_MS);
  }

  /** Kills a process for a reason, once. SIGKILL also ends one that was stopped or hangs in native code. */
  #condemn(generation: Generation, failure: Failure): void {
    generation.failure ??= failure;
    generation.endedMonoMs ??= this.#options.clock.monoMs();
    generation.child.kill('SIGKILL');
  }

  /** Why a process is gone: the reason it was killed for, what it said, or how it ended. */
  #autopsy(generation: Generation, exit: ChildExit): Failure {
    const { readyMonoMs } = generation;
    const lived = readyMonoMs === undefined ? 0 : this.#options.clock.monoMs() - readyMonoMs;
    if (lived >= STABLE_MS) this.#backoff.reset();
    const failure = generation.failure ?? causeOfDeath(generation, exit, this.#logger);
    if (!this.#stopping.signal.aborted) this.#blame(generation, failure);
    return failure;
  }

  /**
   * Of a process that never was ready: what it died of is left out by the next one. What it reported itself is no death. Of one
   * that was: an accelerator with which it could not run.
   */
  #blame({ start, failure, endedMonoMs, provider }: Generation, { code, reason }: Failure): void {
    const crashed = failure === undefined;
    if (provider !== undefined) {
      if (code === 'DETECTOR_RUN_FAILED' && provider !== 'cpu') this.#choice.blame(provider, reason);
    } else if (start.accelerator !== undefined) {
      if (crashed || endedMonoMs !== undefined) this.#choice.blame(start.accelerator, reason);
    } else if (crashed) this.#choice.blameLibrary(reason);
  }

  /** No wait before the first restart of a process that had been ready; else the back-off. */
  #delayMs(): number {
    const wasReady = this.#current?.readyMonoMs !== undefined;
    const delayMs = wasReady && this.#backoff.attempts === 0 ? 0 : undefined;
    this.#current = undefined;
    const nextMs = this.#backoff.nextMs();
    return delayMs ?? nextMs;
  }

  /** Shows a failure; logs it once however often it is repeated until the detector is ready again. */
  #down(failure: Failure): void {
    const { code, reason } = failure;
    this.#lastReason = reason;
    this.#rssBytes = 0;
    const line = `${code} ${reason}`;
    if (line !== this.#lastLogged) {
      this.#lastLogged = line;
      this.#logger.error({ code, generation: this.#generations }, reason);
    }
    this.#change({ state: 'down', generation: this.#generations, code, reason });
  }

  #change(state: DetectorState): void {
    const { state: was, generation, code, reason } = this.#state;
    this.#state = state;
    const same =
      state.state === was &&
      state.generation === generation &&
      state.code === code &&
      state.reason === reason;
    if (!same && !this.#stopping.signal.aborted) this.#options.onState(state);
  }
}

// The detector of the daemon: its supervisor and, while an accelerator is being opened for long (TensorRT builds an engine, minutes),
// a second one that serves on the CPU, so that nobody waits unseen. It ends when the first one is ready. Main thread.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DetectorConfig } from '../config/types.ts';
import type { Timer } from '../platform/clock.ts';
import type { Part } from '../platform/part.ts';
import { type DetectorHealth, DetectorSupervisor, type SupervisorOptions } from './supervisor.ts';
import type { DetectorState } from './wire.ts';

/** Most accelerators are open by then: a second process would only be in their way. */
const AFTER_MS = 5000;
const LOOK_MS = 250;
const FOLDER = 'standby';

export class Detector implements Part {
  readonly name = 'detector';
  readonly #afterMs: number;
  readonly #main: DetectorSupervisor;
  #options: SupervisorOptions;
  #standby: DetectorSupervisor | undefined;
  /** Generations of the standbys before this one. */
  #before = 0;
  /** Its endings that are under way. */
  readonly #ending = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: SupervisorOptions, afterMs = AFTER_MS) {
    this.#options = options;
    this.#afterMs = afterMs;
    this.#main = new DetectorSupervisor({ ...options, onState: (state) => this.#mainIs(state) });
  }

  async start(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#stopped) return;
    this.#timer = this.#options.clock.every(LOOK_MS, () => this.#look(signal));
    await this.#main.start(signal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    this.#endStandby();
    await Promise.all([this.#main.stop(), ...this.#ending]);
  }

  reconfigure(config: DetectorConfig, scoreLow: number): void {
    this.#options = { ...this.#options, config, scoreLow };
    this.#endStandby();
    this.#main.reconfigure(config, scoreLow);
  }

  /** While the standby serves, it is what is shown, with what the other one is opening. */
  state(): DetectorHealth {
    const main = this.#main.state();
    const standby = this.#standby?.state();
    if (standby?.ready === undefined) return main;
    const { ready, runs, rssBytes, generation } = standby;
    return { ...main, state: 'ready', ready, runs, rssBytes, generation: this.#named(generation) };
  }

  stuck(): string | undefined {
    return this.#main.stuck() ?? this.#standby?.stuck();
  }

  late({ generation, ageMs }: { generation: number; ageMs: number }): void {
    if (generation < 0) this.#standby?.late({ generation: -generation - this.#before, ageMs });
    else this.#main.late({ generation, ageMs });
  }

  #mainIs(state: DetectorState): void {
    if (state.state === 'ready') this.#endStandby();
    // What it does while the standby serves is nobody's trouble.
    else if (this.#standby?.state().ready !== undefined) return;
    this.#options.onState(state);
  }

  #standbyIs(state: DetectorState): void {
    if (state.state === 'ready')
      this.#options.onState({ ...state, generation: this.#named(state.generation) });
    else if (state.state === 'down') this.#options.onState(this.#main.state());
  }

  /** Generations are names: those of standbys are negative and go on from one to the next. */
  #named(generation: number): number {
    return -(this.#before + generation);
  }

  #look(signal: AbortSignal): void {
    const { starting } = this.#main.state();
    const { provider = 'cpu', forS = 0 } = starting ?? {};
    const wanted = provider !== 'cpu' && forS * 1000 >= this.#afterMs;
    if (!wanted || this.#standby !== undefined || this.#stopped) return;
    const { config, runtimeDir, logger } = this.#options;
    const folder = join(runtimeDir, FOLDER);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { remote: _, ...local } = config;
    const standby: DetectorSupervisor = new DetectorSupervisor({
      ...this.#options,
      config: { ...local, providers: ['cpu'] },
      runtimeDir: folder,
      onState: (state) => {
        if (this.#standby === standby) this.#standbyIs(state);
      },
    });
    this.#standby = standby;
    logger.info({ part: 'detector', provider }, `detector: the cpu serves until ${provider} is open`);
    void standby.start(signal);
  }

  #endStandby(): void {
    const standby = this.#standby;
    if (standby === undefined) return;
    this.#standby = undefined;
    this.#before += standby.state().generation;
    const ending = standby.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

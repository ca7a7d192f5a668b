// What is broken in the daemon itself, as facts for `fault` rules: the detector does not run, the disk takes nothing. Tells
// changes only; how long a fault must stand is the rules' business. Pure: times are given. Main thread.
import type { Fact } from './types.ts';

/**
 * A detector that dies again sooner than this after it was ready is not well while it is ready either: its outage goes on until
 * it has lived so long. Else one that dies every few seconds would never be broken for long.
 */
const STEADY_MS = 10_000;

/** The store, as far as it says whether what happens can be kept. */
export interface KeepingState {
  /** Why nothing can be written. */
  readonly problem: unknown;
  /** `given up`: the disk is full, and what is written is written into the room held for alerts. */
  readonly disk: { readonly reserve: string };
}

export class FaultWatch {
  readonly #tell: (fact: Fact) => void;
  readonly #broken = { detector: false, disk: false };
  /** Undefined while it is not ready. */
  #readyMonoMs: number | undefined;
  /** How long it must have been ready for the outage to be over. */
  #steadyMs = 0;

  constructor(tell: (fact: Fact) => void) {
    this.#tell = tell;
  }

  /** A detector that starts is neither well nor broken: one that makes room for its successor never was `down`. */
  detectorIs(state: 'starting' | 'ready' | 'down', monoMs: number): void {
    if (state === 'starting') return;
    if (state === 'ready') this.#readyMonoMs ??= monoMs;
    else {
      if (this.#readyMonoMs !== undefined && monoMs - this.#readyMonoMs < STEADY_MS)
        this.#steadyMs = STEADY_MS;
      this.#readyMonoMs = undefined;
      this.#is('detector', true);
    }
    this.#look(monoMs);
  }

  /** Call it several times a second. */
  advance({ problem, disk }: KeepingState, monoMs: number): void {
    this.#is('disk', problem !== undefined || disk.reserve === 'given up');
    this.#look(monoMs);
  }

  #look(monoMs: number): void {
    if (this.#readyMonoMs === undefined || monoMs - this.#readyMonoMs < this.#steadyMs) return;
    this.#steadyMs = 0;
    this.#is('detector', false);
  }

  #is(fault: 'detector' | 'disk', active: boolean): void {
    if (this.#broken[fault] === active) return;
    this.#broken[fault] = active;
    this.#tell({ kind: 'fault', fault, active });
  }
}

// Facts about the board and this process for health: temperature, memory, delay of the event loop. Main thread.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Part } from './part.ts';

/** Degrees Celsius of the first thermal zone (sysfs, thermal/sysfs-api.txt), or undefined where there is none. */
export function boardTemperatureC(): number | undefined {
  try {
    const milli = Number(readFileSync('/sys/class/thermal/thermal_zone0/temp', 'utf8'));
    return Number.isFinite(milli) ? milli / 1000 : undefined;
  } catch {
    return undefined;
  }
}

export interface LoopDelay {
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

/** Each is a wake of the processor: with 10 ms they were most of what this thread cost while nothing happened. */
const RESOLUTION_MS = 100;

/** Watches how late the event loop's timers fire: a blocked main thread shows here. */
export class LoopWatch implements Part {
  readonly name = 'loop watch';
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  async start(): Promise<void> {
    this.#histogram.enable();
  }

  async stop(): Promise<void> {
    this.#histogram.disable();
  }

  /** Since the last call with `reset`. The histogram counts the timer's own interval too, which is taken off. */
  read(reset: boolean): LoopDelay {
    const lateMs = (nanoseconds: number): number => {
      const ms = Number.isFinite(nanoseconds) ? nanoseconds / 1e6 - RESOLUTION_MS : 0;
      return Math.max(0, Math.round(ms * 100) / 100);
    };
    const delay = {
      delayP50Ms: lateMs(this.#histogram.percentile(50)),
      delayP99Ms: lateMs(this.#histogram.percentile(99)),
      delayMaxMs: lateMs(this.#histogram.max),
    };
    if (reset) this.#histogram.reset();
    return delay;
  }
}

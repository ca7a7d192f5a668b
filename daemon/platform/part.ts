// A part of the daemon: something with a start and a stop. `runParts` is the one way they are put together: started
// in order, stopped in reverse, also when a start fails half way.
import { once } from 'node:events';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { reasonOf } from './errors.ts';

export interface Part {
  readonly name: string;
  /** Does the work; a constructor has no effects. Throws a VedetteError when the daemon cannot run without it. */
  start(signal: AbortSignal): Promise<void>;
  /** Safe to call after a failed start and more than once. */
  stop(): Promise<void>;
  /** How long its stop may take, where that is not what the others get (milliseconds). */
  readonly stopDeadlineMs?: number;
}

export interface RunOptions {
  readonly parts: readonly Part[];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Each stop gets this long, unless the part says otherwise; then the next part is stopped all the same (milliseconds). */
  readonly stopDeadlineMs: number;
  /** Called once all parts have started. */
  readonly onReady?: () => void;
}

/** Starts the parts in order, waits for the signal, stops them in reverse. Rejects with the error of a failed start. */
export async function runParts(options: RunOptions): Promise<void> {
  const { parts, signal, onReady } = options;
  await using stack = new AsyncDisposableStack();
  for (const part of parts) {
    if (signal.aborted) return;
    stack.defer(() => stopWithin(part, options));
    try {
      await part.start(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
  onReady?.();
  if (!signal.aborted) await once(signal, 'abort');
}

/** A part whose place another may take while the daemon runs, because the configuration changed. */
export class Replaceable<T extends Part | undefined> implements Part {
  readonly name: string;
  #current: T;
  #signal: AbortSignal | undefined;
  /** Ends when the last change of place is over: a stop waits for it. */
  #changing: Promise<void> = Promise.resolve();

  constructor(name: string, first: T) {
    this.name = name;
    this.#current = first;
  }

  get current(): T {
    return this.#current;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#current?.start(signal);
  }

  async stop(): Promise<void> {
    await this.#changing.catch(() => undefined);
    await this.#current?.stop();
  }

  /** Stops the present one, then starts `next`; not called twice at a time. */
  async replace(next: T): Promise<void> {
    this.#changing = this.#replace(next);
    await this.#changing;
  }

  async #replace(next: T): Promise<void> {
    await this.#current?.stop();
    this.#current = next;
    if (this.#signal !== undefined && !this.#signal.aborted) await next?.start(this.#signal);
  }
}

async function stopWithin(part: Part, { clock, logger, ...options }: RunOptions): Promise<void> {
  const stopDeadlineMs = part.stopDeadlineMs ?? options.stopDeadlineMs;
  const timer = new AbortController();
  const stopped = part.stop().then(
    () => true,
    (error: unknown) => {
      logger.error({ part: part.name, err: error }, `stopping ${part.name}: ${reasonOf(error)}`);
      return true;
    },
  );
  const late = clock.sleep(stopDeadlineMs, timer.signal).then(
    () => false,
    () => true,
  );
  if (!(await Promise.race([stopped, late]))) {
    logger.error(
      { part: part.name, stopDeadlineMs },
      `${part.name} did not stop within ${stopDeadlineMs} ms, going on`,
    );
  }
  timer.abort();
}

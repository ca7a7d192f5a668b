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
}

export interface RunOptions {
  readonly parts: readonly Part[];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Each stop gets this long; then the next part is stopped all the same (milliseconds). */
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

/** Several parts that do not depend on each other as one: started and stopped at the same time. */
export function together(name: string, parts: readonly Part[]): Part {
  return {
    name,
    start: async (signal) => {
      await Promise.all(parts.map((part) => part.start(signal)));
    },
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop()));
    },
  };
}

async function stopWithin(part: Part, { clock, logger, stopDeadlineMs }: RunOptions): Promise<void> {
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

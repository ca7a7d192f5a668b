// When a detector process has grown too large to be kept: the runtime's arenas grow with what they are given and give
// nothing back (microsoft/onnxruntime#25325). Main thread.
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';

/** What a process may take beyond what it took when it was fresh, however low the limit: else it would be replaced for ever. */
const GROWTH_MIN = 1.25;

/** Resident bytes above which a process is replaced that took `freshBytes` when it was warm; a limit of 0 is none. */
export function memoryLimitBytes(limitMb: number, freshBytes: number): number {
  return limitMb === 0 ? Number.POSITIVE_INFINITY : Math.max(limitMb * 1e6, freshBytes * GROWTH_MIN);
}

/** The limit of one process after the other. */
export class MemoryLimit {
  readonly #logger: Logger;
  #limitBytes = Number.POSITIVE_INFINITY;
  /** The limit that was told to be too low. */
  #toldMb: number | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A process is ready. Tells, once per configuration, when the limit leaves a fresh process too little room. */
  fresh(memoryMb: number, freshBytes: number): void {
    this.#limitBytes = memoryLimitBytes(memoryMb, freshBytes);
    if (memoryMb === 0 || this.#limitBytes === memoryMb * 1e6 || this.#toldMb === memoryMb) return;
    this.#toldMb = memoryMb;
    const code: ErrorCode = 'CONFIG_INVALID';
    this.#logger.warn(
      { code },
      `detector.memoryMb: ${memoryMb} leaves too little room for a process that takes ${megabytes(freshBytes)} MB when it is fresh; replacing it above ${megabytes(this.#limitBytes)} MB`,
    );
  }

  /** Why a process must be replaced, or undefined. */
  excess(rssBytes: number): string | undefined {
    if (rssBytes <= this.#limitBytes) return undefined;
    return `it takes ${megabytes(rssBytes)} MB (limit ${megabytes(this.#limitBytes)}, detector.memoryMb)`;
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

// How many threads a detector takes where nobody says. Pure but for the count of cores.
import { availableParallelism } from 'node:os';

const THREADS_MAX_DEFAULT = 3;

/** Threads of one inference: one core is left to the cameras and the main thread, and more than three gain little. */
export function defaultThreads(cores = availableParallelism()): number {
  return Math.min(THREADS_MAX_DEFAULT, Math.max(1, cores - 1));
}

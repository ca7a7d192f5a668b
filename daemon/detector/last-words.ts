// How a detector process ended that was not killed for a reason of ours: its exit and the last line it wrote. Main thread.
import type { Child, ChildExit } from '../platform/child.ts';
import type { Logger } from '../platform/logger.ts';

/** Why there is no detector, in words and as a code. */
export interface Failure {
  readonly code: string;
  readonly reason: string;
}

export interface Ended {
  readonly child: Child;
  /** Absent when it never was ready. */
  readonly readyMonoMs?: number;
}

export function causeOfDeath({ child, readyMonoMs }: Ended, exit: ChildExit, logger: Logger): Failure {
  const how = exit.signal ? `was killed by ${exit.signal}` : `exited with code ${exit.code}`;
  const { stderr } = child;
  if (stderr !== '') logger.warn({ stderr }, 'detector: last words of the process');
  const last = stderr.split('\n').at(-1) ?? '';
  const what = exit.code === null && exit.signal === null ? child.describe(exit) : `the process ${how}`;
  return {
    code: readyMonoMs === undefined ? 'DETECTOR_START_FAILED' : 'DETECTOR_EXITED',
    reason: `detector: ${what}${last === '' ? '' : `: ${last}`}; restarting it`,
  };
}

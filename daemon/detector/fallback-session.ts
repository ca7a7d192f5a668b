// The session of a detector with a remote server: every run is answered, by the server where it does so in time, else by
// the local model within the deadline of the same frame. Runs in the detector process.
import type { Clock } from '../platform/clock.ts';
import type { OutputData } from './decode.ts';
import type { RemoteSession } from './remote-session.ts';
import type { DetectorSession, RunDue } from './session.ts';

/** Of the deadline, kept for the way to the camera and back. */
const MARGIN = 0.1;
/** A run of the local model may take so much longer than when it was warmed up: the cameras work as well. */
const LOCAL_SLACK = 1.25;
/** With less time than this times its median the server is not asked: it would be blamed for our haste. */
const REMOTE_SLACK = 3;
const REMOTE_MS_MIN = 20;

export interface FallbackOptions {
  readonly local: DetectorSession;
  readonly remote: RemoteSession;
  /** Of a request, from its arrival: detector.deadlineMs. */
  readonly deadlineMs: number;
  /** The longest wait for the server: detector.remote.timeoutMs. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Looks like the local session; its memory is the local session's. */
export function fallbackSession({
  local,
  remote,
  deadlineMs,
  timeoutMs,
  clock,
}: FallbackOptions): DetectorSession {
  const run = async (due?: RunDue): Promise<OutputData> => {
    if (remote.good) {
      const roomMs = Math.min(timeoutMs, remoteRoomMs(due, { local, deadlineMs, nowMonoMs: clock.monoMs() }));
      const enoughMs = Math.min(timeoutMs, Math.max(REMOTE_MS_MIN, REMOTE_SLACK * remote.medianMs));
      const outputs = roomMs < enoughMs ? undefined : await remote.run(local.input, roomMs);
      if (outputs !== undefined) return outputs;
    }
    remote.countFallback();
    return local.run();
  };
  return { ...local, run };
}

interface RoomOptions {
  readonly local: Pick<DetectorSession, 'warmupMs'>;
  readonly deadlineMs: number;
  readonly nowMonoMs: number;
}

/**
 * How long the server may be waited for so that, if it never answers, the local model still answers every request that
 * waits now before the oldest of them has waited for `deadlineMs`.
 */
export function remoteRoomMs(due: RunDue | undefined, { local, deadlineMs, nowMonoMs }: RoomOptions): number {
  const { oldestMonoMs = nowMonoMs, waiting = 1 } = due ?? {};
  const localMs = Math.max(1, waiting) * local.warmupMs * LOCAL_SLACK;
  return oldestMonoMs + deadlineMs * (1 - MARGIN) - localMs - nowMonoMs;
}

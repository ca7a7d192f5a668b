// What the words for the state of a camera mean to those who go by them. Pure.
import type { FaultKind } from './rule-types.ts';
import type { CameraStatus } from './types.ts';

/** Frames come, but something is wrong with what they show; the first that is so counts. */
export const SIGHT_FAULTS = ['frozen', 'blind', 'moved'] as const;
export type SightFault = (typeof SIGHT_FAULTS)[number];

/** What can be wrong with one camera, as against the whole daemon. */
export const CAMERA_FAULTS = ['offline', ...SIGHT_FAULTS] as const satisfies readonly CameraStatus[];
export type CameraFault = (typeof CAMERA_FAULTS)[number];

export function isCameraFault(fault: FaultKind): fault is CameraFault {
  return (CAMERA_FAULTS as readonly FaultKind[]).includes(fault);
}

/** Frames come. */
export function hasFrames(status: CameraStatus): boolean {
  return status !== 'disabled' && status !== 'offline';
}

/** They show what is there: who is not seen is not there. A camera that was pushed aside sees, only elsewhere. */
export function sees(status: CameraStatus): boolean {
  return status === 'online' || status === 'moved';
}

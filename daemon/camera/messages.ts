// What crosses between the main thread and a camera worker. Types only. Frames never do.
import type { CameraConfig, LogConfig, SnapshotsConfig, TrackConfig } from '../config/types.ts';
import type { SightFault } from '../core/camera-status.ts';
import type { ClipOrder } from '../core/clips.ts';
import type { Effort } from '../core/effort.ts';
import type { CameraSwitches } from '../core/switches.ts';
import type { Observation, Snapshot } from '../core/types.ts';
import type { DetectorState } from '../detector/wire.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { DecoderState } from './decoder-choice.ts';

/** Handed to the worker when it starts. */
export interface CameraWorkerData {
  readonly camera: string;
  /** Place among the cameras; decides the slots in the detector's file. */
  readonly index: number;
  readonly config: CameraConfig;
  /** As they are when the worker starts; what the file says of them is not asked any more. */
  readonly switches: CameraSwitches;
  readonly track: TrackConfig;
  readonly deadlineMs: number;
  readonly log: LogConfig;
  readonly snapshots: SnapshotsConfig;
  /** How many of its last seconds are remembered for clips; absent: none. */
  readonly clipS?: number;
  /** Data folder; pictures go below `media/` in it. */
  readonly dataDir: string;
  /** Folder on tmpfs for the FIFO. */
  readonly runtimeDir: string;
  readonly past: CameraPast;
}

/** How far a camera has come since the daemon's start, over all its workers: the next one goes on from there. */
export interface CameraPast {
  /** Number of its last frame. */
  frame: number;
  /** Highest number of a track that was told of. */
  track: number;
  counters: CameraCounters;
}

/** Frames of one camera since the daemon's start. */
export interface CameraCounters {
  /** Complete frames that arrived. */
  framesTotal: number;
  /**
   * Replaced by a newer one before the detector could take them, in its hands when it died, or passed over because the board
   * cannot give more.
   */
  framesDropped: number;
  /** Those of them that were replaced by a newer one: the detector had no time. */
  framesOvertaken: number;
  /** Frames that were looked at, or that showed nothing which needed a look. */
  framesProcessed: number;
  /** Those of them that needed no look. */
  framesStill: number;
  /** Runs of the model: one for each region that was looked at. */
  inferences: number;
  /** Times the camera program was started again. */
  restarts: number;
  /** Pictures whose files are durable. */
  snapshotsWritten: number;
  /** Pictures worth keeping that were not: too many at once, no room on the disk, or it failed. */
  snapshotsDropped: number;
}

/** Why a camera is offline. */
export interface CameraProblem {
  readonly code: ErrorCode;
  readonly reason: string;
  /** What the camera program wrote to standard error before it died, if that is more than the reason says. */
  readonly stderr?: string;
}

/** What is wrong with what a camera shows. */
export interface SightProblem {
  readonly fault: SightFault;
  /** With its numbers. */
  readonly reason: string;
}

/** A picture just encoded, for the snapshot topics. Its bytes are transferred, not copied. */
export interface EncodedPicture {
  readonly label: string;
  /** JPEG of the whole frame. */
  readonly jpeg: Uint8Array<ArrayBuffer>;
}

/** The newest frame, because somebody asked for it. Its bytes are transferred, not copied. */
export interface AskedPicture {
  /** JPEG of the whole frame, without boxes. */
  readonly jpeg: Uint8Array<ArrayBuffer>;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** When the frame was taken. */
  readonly atMs: number;
}

export type ToCameraWorker =
  | { readonly type: 'switches'; readonly switches: CameraSwitches }
  /** The next frame is wanted as a picture. */
  | { readonly type: 'picture-wanted' }
  /** As `clipS`, from now on; 0: none. */
  | { readonly type: 'clip-seconds'; readonly seconds: number }
  | { readonly type: 'clip'; readonly order: ClipOrder }
  | { readonly type: 'effort'; readonly effort: Effort }
  | { readonly type: 'detector'; readonly state: DetectorState }
  | { readonly type: 'stop' };

export type FromCameraWorker =
  /** Its code is loaded: the first word. */
  | { readonly type: 'started' }
  | { readonly type: 'observation'; readonly observation: Observation }
  /** Posted before the observation that names the picture. */
  | { readonly type: 'picture'; readonly picture: EncodedPicture }
  | { readonly type: 'asked-picture'; readonly picture: AskedPicture }
  /** The files of a picture, or of a clip, are durable. */
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'online'; readonly decoder?: DecoderState }
  | ({ readonly type: 'offline' } & CameraProblem)
  /** What is wrong with the picture, or that nothing is any more; counts while frames come. */
  | { readonly type: 'sight'; readonly problem?: SightProblem }
  /** A finite source is over, and all its frames have been looked at. */
  | { readonly type: 'ended' }
  | { readonly type: 'counters'; readonly counters: CameraCounters }
  | { readonly type: 'detector-late'; readonly generation: number; readonly ageMs: number }
  | { readonly type: 'stopped' };

// The words every room speaks: boxes, detections, tracks, observations, events, alerts. Types only, no code.
// Boxes are fractions of the full frame (0..1), origin top left. `atMs` is wall clock (milliseconds since 1970, for
// storage and people), `monoMs` is CLOCK_MONOTONIC (milliseconds, comparable between threads and processes of one
// boot, for durations, tracker and rules). The two are never mixed.
import type { FaultKind, Severity, TriggerType } from './rule-types.ts';
import type { Condition } from './trace-types.ts';

/** Axis-aligned box in fractions of the full frame: `x`, `y` is the top left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Of a picture or a part of it, pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A point in fractions of the full frame. */
export type Point = readonly [x: number, y: number];

/** One object found by the model in one frame. `score` is 0..1. */
export interface Detection {
  readonly label: string;
  readonly score: number;
  readonly box: Box;
}

/** Which frame, and when its last byte arrived. `frame` counts from 1 per camera since the daemon's start. */
export interface FrameStamp {
  readonly frame: number;
  readonly atMs: number;
  readonly monoMs: number;
}

/** A picture on disk: its whole-frame JPEG, below the data folder, with '/' between folders. */
export interface SnapshotRef {
  readonly path: string;
  /** Of the file, 64 hexadecimal digits. The file is whole and has this hash, or it is not there. */
  readonly sha256: string;
}

/** A video of some seconds on disk, below the data folder. Written after what names it; absent where that went wrong. */
export interface ClipRef {
  readonly path: string;
}

/** A picture that has been written and is durable: becomes a row of the store, which later deletes the files. */
export interface Snapshot extends SnapshotRef {
  /** `clip`: a video, kept and deleted as a picture is; its object is that of the alert, if it has one. */
  readonly kind?: 'picture' | 'clip';
  readonly camera: string;
  readonly track: number;
  readonly label: string;
  /** Of the object in this picture. */
  readonly score: number;
  readonly box: Box;
  /** When the frame was taken. */
  readonly atMs: number;
  /** Second file with the object alone, if there is one. */
  readonly cropPath?: string;
  /** Of all its files. */
  readonly bytes: number;
  /** The event it belongs to; absent if that is not known any more. */
  readonly eventId?: string;
}

/** An instant on both clocks. */
export interface Moment {
  readonly atMs: number;
  readonly monoMs: number;
}

/** An object followed over frames, as seen in one observation. */
export interface TrackView {
  /** Per camera, counts from 1 since the daemon's start. */
  readonly id: number;
  readonly label: string;
  /** Score of the detection matched in this frame; 0 when the track was not seen in it. */
  readonly score: number;
  /** Not seen because in this frame nobody looked at where it should be: no miss. */
  readonly unlooked?: true;
  /** Median of the score history (the number compared with the label's threshold). */
  readonly scoreMedian: number;
  readonly box: Box;
  readonly confirmed: boolean;
  /** The median score that confirms it. */
  readonly threshold: number;
  /** It has not moved for `track.stationaryS`. */
  readonly stationary: boolean;
  /** Fractions of the frame per second, of the box centre. */
  readonly velocity: Point;
  /** When the track was first seen. */
  readonly startedAtMs: number;
  readonly startedMonoMs: number;
  /** Best picture so far; absent while there is none. */
  readonly snapshot?: SnapshotRef;
}

/** Milliseconds spent in each stage on the way of a frame, in order. */
export interface StageTimes {
  /** Frame complete → tensor written (waiting for a free tensor slot included). */
  readonly prepareMs: number;
  /** Tensor written → the detector began to run it (waiting its turn and transport). */
  readonly waitMs: number;
  /** `session.run` itself. */
  readonly inferMs: number;
  /** Run finished → observation handed over (decoding, transport, tracking). */
  readonly trackMs: number;
}

/** The stages behind an alert when it is made. */
export interface AlertStages extends StageTimes {
  /** Observation handed over → rules applied; absent where that is not measured (a replay). */
  readonly decideMs?: number;
}

/** What one camera saw in one processed frame. The only thing that crosses from a camera worker to the rules. */
export interface Observation {
  readonly camera: string;
  readonly stamp: FrameStamp;
  readonly tracks: readonly TrackView[];
  /** Ids of tracks that ended with this observation; they are not in `tracks`. */
  readonly ended: readonly number[];
  readonly stages: StageTimes;
  /**
   * Its tracks ended because no frame came (camera or detector away, detection off, stream over), not because frames showed
   * them gone: rules do not take it for leaving. `stamp` has the number of the last frame and the time of now (in a video with
   * a time of its own that of the last frame).
   */
  readonly frameless?: true;
  /** Something moves in the picture, whatever it is; absent where nobody watches for that (`motion.enabled`). */
  readonly motion?: boolean;
  /** When the frame was complete, where `stamp` does not say so: a video that is played fast has a time of its own. */
  readonly completeMonoMs?: number;
}

export type EventType = 'new' | 'update' | 'end';

/** A step in the life of a confirmed object. The same `id` carries `new`, then `update`s, then `end`. */
export interface EventChange {
  readonly id: string;
  readonly type: EventType;
  readonly camera: string;
  readonly label: string;
  /** Best score so far. */
  readonly score: number;
  readonly box: Box;
  /** It has stopped moving: a parked car. When it moves off, that is an update. */
  readonly stationary: boolean;
  /** Names of the zones the object is in now, sorted. */
  readonly zones: readonly string[];
  /** Names of all zones it has been in, in the order in which it first came into them. */
  readonly zonesEntered: readonly string[];
  readonly track: number;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly monoMs: number;
  readonly endedAtMs?: number;
  /** Best picture so far. */
  readonly snapshot?: SnapshotRef;
}

/** A rule fired. Its own record, pointing at its event. */
export interface Alert {
  readonly id: string;
  /** Absent where no single object made the rule fire: nobody is there, or something is broken. */
  readonly eventId?: string;
  /** Of a group: the events of all its objects, `eventId` first. */
  readonly eventIds?: readonly string[];
  /** Objects that this alert stands for: more than one for a group or a count. */
  readonly count: number;
  readonly rule: string;
  readonly trigger: TriggerType;
  readonly severity: Severity;
  /** Absent where the whole daemon is meant (a full disk). */
  readonly camera?: string;
  readonly label?: string;
  readonly zone?: string;
  readonly line?: string;
  /** Sides of the line, or first and last zone of a sequence. */
  readonly from?: string;
  readonly to?: string;
  /** What is broken. */
  readonly fault?: FaultKind;
  readonly score?: number;
  readonly message: string;
  readonly atMs: number;
  readonly monoMs: number;
  /** Stage times of the frame that made the rule fire; absent where time alone did. */
  readonly stages?: AlertStages;
  /** Best picture of the object when the rule fired. */
  readonly snapshot?: SnapshotRef;
  /** Video of that moment. */
  readonly clip?: ClipRef;
  /** Levels below `vedette/<device>/` where it is published once more. */
  readonly topic?: string;
  /** Every condition of the rule, with the numbers on which it was decided. */
  readonly because: readonly Condition[];
}

/** Bounds of the boxes of one label: fractions of the frame; the aspect is width over height as they look (in pixels). */
export interface TrackBounds {
  readonly widthMin?: number | undefined;
  readonly widthMax?: number | undefined;
  readonly heightMin?: number | undefined;
  readonly heightMax?: number | undefined;
  readonly aspectMin?: number | undefined;
  readonly aspectMax?: number | undefined;
}

/** Limits of the track filter; see docs/tracking.md and docs/config.md, `track`. */
export interface TrackOptions {
  /** A detection below this never starts or feeds a track with its score: it counts as a miss, but keeps it alive. */
  readonly scoreMin: number;
  /** Per label: the median score that confirms a track. */
  readonly threshold: (label: string) => number;
  /** Overlap (intersection over union) of a predicted box and a detection that always makes them a possible pair. */
  readonly iouMin: number;
  /** A track not seen for this long ends. */
  readonly lostMs: number;
  /** The same before it is confirmed; no longer than `lostMs`. */
  readonly unconfirmedLostMs: number;
  /** The same for one that stands still; no shorter than `lostMs`. */
  readonly stationaryLostMs: number;
  /** A track that has not moved for this long stands still. */
  readonly stationaryS: number;
  /** By label. */
  readonly bounds: Readonly<Record<string, TrackBounds>>;
  /** Width of the frame over its height, in pixels. */
  readonly frameAspect: number;
}

/** What the rules have to know beside what cameras see. Told at the start and at every change. */
export type Fact =
  /** Whether rules may fire on this camera: house and camera are armed. */
  | { readonly kind: 'armed'; readonly camera: string; readonly armed: boolean }
  | { readonly kind: 'status'; readonly camera: string; readonly status: CameraStatus }
  /** Of the whole daemon. */
  | { readonly kind: 'fault'; readonly fault: Exclude<FaultKind, CameraStatus>; readonly active: boolean };

/** Retained camera state, in order of precedence (docs/mqtt.md). */
export type CameraStatus = 'disabled' | 'offline' | 'frozen' | 'blind' | 'moved' | 'online';

/** Kinds of message that go through the outbox. */
export type OutboxKind = 'event' | 'alert' | 'gap' | 'self-test';

/** Body of an outbox row of kind `gap`: numbers of a counter that no subscriber will ever see, and why. */
export interface Gap {
  readonly counter: 'event' | 'alert';
  /**
   * `damaged`: a new file began and unsent rows may be lost. `refused`: a record did not fit the tables (a bug).
   * `quota`: too much was waiting for delivery. `late`: updates that were late and are not wanted then (`mqtt.late`).
   */
  readonly reason: 'damaged' | 'refused' | 'quota' | 'late';
  readonly atMs: number;
  /** First and last seq lost in the row's own epoch; absent where they belong to the file before. */
  readonly first?: number;
  readonly last?: number;
  /** Messages lost; absent when unknown. */
  readonly count?: number;
  /** `quota` and `late`: exactly which, as [first, last] pairs in ascending order; what lies between them was not lost. */
  readonly ranges?: readonly (readonly [number, number])[];
  /** Epoch and last seq of the file before, where they could be read. */
  readonly epochBefore?: string;
  readonly lastBefore?: number;
  readonly detail: string;
}

/** One outbox row: the record as committed, with its place in the sequence of its kind. */
export interface OutboxRow {
  /** Order of delivery over all kinds; 0 for a row that was asked for again and is not in the outbox. */
  readonly row: number;
  /** Name of the database file it comes from: `seq` counts within it. */
  readonly epoch: string;
  readonly kind: OutboxKind;
  readonly seq: number;
  readonly atMs: number;
  /** JSON of the EventChange, Alert or Gap. */
  readonly body: string;
}

/** What a model takes: one image tensor. Filled from the model's manifest. */
export interface ModelInput {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly type: 'uint8' | 'float32';
  readonly layout: 'nhwc' | 'nchw';
  readonly colour: 'rgb' | 'bgr';
  /** float32 only: value = (pixel − mean) · scale, per channel in the order of `colour`; pixels are 0..255. */
  readonly mean: readonly [number, number, number];
  readonly scale: readonly [number, number, number];
  /** `stretch` ignores the aspect ratio; `letterbox` keeps it and pads with grey 114 right/bottom and left/top evenly. */
  readonly resize: 'stretch' | 'letterbox';
}

/** How the outputs of a detection model are read. */
export type ModelDecoder =
  | {
      /** boxes [1,N,4] as x1,y1,x2,y2 in 0..1 and scores [1,N,C] after sigmoid; NMS per class at `nmsIou`. */
      readonly type: 'boxes-scores';
      readonly boxes: string;
      readonly scores: string;
      readonly nmsIou: number;
    }
  | {
      /** TensorFlow TFLite_Detection_PostProcess: boxes [1,N,4] as y1,x1,y2,x2 in 0..1, classes, scores [1,N], count [1]. */
      readonly type: 'tf-ssd';
      readonly boxes: string;
      readonly classes: string;
      readonly scores: string;
      readonly count: string;
      /** Subtracted from the class number to index `labels`. */
      readonly classOffset: number;
    };

/** Everything the daemon needs to know of a detection model. */
export interface ModelSpec {
  readonly name: string;
  readonly task: 'detect';
  /** Absolute path of the ONNX file, already verified against the manifest's sha256. */
  readonly file: string;
  readonly input: ModelInput;
  readonly decoder: ModelDecoder;
  readonly labels: readonly string[];
  /** Median score that confirms a track, per label. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** Its integer weights are such that no processor cuts off sums of products (docs/int8.md); false where nobody has said so. */
  readonly saturationFree: boolean;
}

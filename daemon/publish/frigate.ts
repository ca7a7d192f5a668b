// Topics and payloads in the shape of Frigate 0.16 (docs/frigate.md has the sources and what differs). Owns the wire shape
// only; frigate-channel.ts knows when something is sent. Pure, main thread. Times are seconds since 1970, boxes are pixels
// of the camera's `detect` size, as there.
import type { Movement } from '../core/presence.ts';
import type { Box, EventChange, Size } from '../core/types.ts';
import { roundScore } from './payloads.ts';

type Pixels = readonly [left: number, top: number, right: number, bottom: number];

/** What was so when the best picture was made. */
interface FrigateSnapshot {
  readonly frame_time: number;
  readonly box: Pixels;
  readonly area: number;
  readonly region: Pixels;
  readonly score: number;
  readonly attributes: readonly never[];
}

/** `before` and `after` of `frigate/events`: a tracked object. */
export interface FrigateObject {
  readonly id: string;
  readonly camera: string;
  readonly frame_time: number;
  readonly snapshot: FrigateSnapshot | null;
  readonly label: string;
  readonly sub_label: null;
  readonly top_score: number;
  readonly false_positive: boolean;
  readonly start_time: number;
  readonly end_time: number | null;
  readonly score: number;
  readonly box: Pixels;
  readonly area: number;
  readonly ratio: number;
  readonly region: Pixels;
  readonly active: boolean;
  readonly stationary: boolean;
  readonly motionless_count: number;
  readonly position_changes: number;
  readonly current_zones: readonly string[];
  readonly entered_zones: readonly string[];
  readonly has_clip: false;
  readonly has_snapshot: boolean;
  readonly attributes: Readonly<Record<string, never>>;
  readonly current_attributes: readonly never[];
  readonly pending_loitering: false;
  readonly max_severity: 'alert' | 'detection';
  readonly current_estimated_speed: 0;
  readonly average_estimated_speed: 0;
  readonly velocity_angle: 0;
  readonly path_data: readonly never[];
  readonly thumbnail: null;
  /** Not Frigate's: the id of `event` and `alert`. */
  readonly vedette_id: string;
}

/** What else has to be known of the object of an event. */
export interface ObjectContext {
  readonly size: Size;
  /** The same object as it was told last. */
  readonly before: FrigateObject | undefined;
  /** Undefined when it has left. */
  readonly movement: Movement | undefined;
  /** A rule has fired for it. */
  readonly alerted: boolean;
  /** Its best picture is the one that `before` was told with. */
  readonly samePicture: boolean;
}

/** The object of an event as of this change. */
export function frigateObject(event: EventChange, context: ObjectContext): FrigateObject {
  const { size, before, movement, alerted } = context;
  const box = pixelsOf(event.box, size);
  const [left, top, right, bottom] = box;
  const active = movement?.active ?? before?.active ?? true;
  const score = movement?.score ?? before?.score ?? event.score;
  return {
    id: frigateId(event),
    camera: event.camera,
    frame_time: event.atMs / 1000,
    snapshot: snapshotOf(event, context, box),
    label: event.label,
    sub_label: null,
    top_score: roundScore(event.score),
    false_positive: false,
    start_time: event.startedAtMs / 1000,
    end_time: event.endedAtMs === undefined ? null : event.endedAtMs / 1000,
    score: roundScore(score),
    box,
    area: areaOf(box),
    ratio: Math.round(((right - left) / Math.max(1, bottom - top)) * 1e4) / 1e4,
    region: wholeFrame(size),
    active,
    stationary: !active,
    motionless_count: movement?.still ?? before?.motionless_count ?? 0,
    position_changes: movement?.starts ?? before?.position_changes ?? 0,
    current_zones: event.zones,
    entered_zones: event.zonesEntered,
    has_clip: false,
    has_snapshot: event.snapshot !== undefined,
    attributes: {},
    current_attributes: [],
    pending_loitering: false,
    max_severity: alerted ? 'alert' : 'detection',
    current_estimated_speed: 0,
    average_estimated_speed: 0,
    velocity_angle: 0,
    path_data: [],
    thumbnail: null,
    vedette_id: event.id,
  };
}

/** JSON of `events`. Of a new object `before` is itself, not yet believed, as there. */
export function frigateEventPayload(
  type: EventChange['type'],
  after: FrigateObject,
  before: FrigateObject | undefined,
): string {
  return JSON.stringify({
    type,
    before: before ?? { ...after, false_positive: true },
    after,
  });
}

/** `<time>-<letters>`, the same for all changes of an event; starts with when it began, like Frigate's. */
function frigateId({ id, startedAtMs }: EventChange): string {
  return `${(startedAtMs / 1000).toFixed(6)}-${id.replace(/[^A-Za-z0-9]/g, '').slice(-6)}`;
}

/** What is known of the best picture is what was so when it was first named. */
function snapshotOf(
  event: EventChange,
  { before, samePicture, size }: ObjectContext,
  box: Pixels,
): FrigateSnapshot | null {
  if (event.snapshot === undefined) return null;
  if (samePicture && before?.snapshot) return before.snapshot;
  return {
    frame_time: event.atMs / 1000,
    box,
    area: areaOf(box),
    region: wholeFrame(size),
    score: roundScore(event.score),
    attributes: [],
  };
}

function pixelsOf({ x, y, width, height }: Box, size: Size): Pixels {
  const across = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * size.width);
  const down = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * size.height);
  return [across(x), down(y), across(x + width), down(y + height)];
}

function areaOf([left, top, right, bottom]: Pixels): number {
  return (right - left) * (bottom - top);
}

function wholeFrame({ width, height }: Size): Pixels {
  return [0, 0, width, height];
}

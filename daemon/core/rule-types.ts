// What an owner configures in the words of the domain: places on a camera's picture, rules, schedules. Types only, no code.
// Names are those of the configuration, which is the manual of each field (docs/config.md).
import type { Point } from './types.ts';

/** Which point of a box stands for the object: the middle of its lower edge, its centre, the middle of its upper edge. */
export type Anchor = 'bottom' | 'centre' | 'top';

/** When an object counts as being on the other side of an edge; a box trembles by some pixels from look to look. */
export interface Steadiness {
  readonly anchor: Anchor;
  /** Looks in a row that must agree before a change counts, 1 for none. */
  readonly inertia: number;
  /** How far beyond the edge the anchor must be before a change back counts, in fractions of the frame. */
  readonly margin: number;
}

/** A polygon on one camera, at least three points. */
export interface Zone extends Steadiness {
  readonly name: string;
  readonly points: readonly Point[];
}

/**
 * A tripwire: two points or more. `sides` are the names of what lies to the left and to the right of somebody who walks
 * from the first point to the last, seen as in the picture.
 */
export interface Line extends Steadiness {
  readonly name: string;
  readonly points: readonly Point[];
  readonly sides: readonly [left: string, right: string];
}

/** What is marked on the picture of one camera. */
export interface Places {
  readonly zones: readonly Zone[];
  readonly lines: readonly Line[];
}

/** What a `fault` rule can be told of: a camera that is offline, the detector that does not run, a disk without room. */
export type FaultKind = 'offline' | 'frozen' | 'blind' | 'moved' | 'detector' | 'disk';

export type Trigger =
  | { readonly type: 'enter'; readonly zone: string }
  | { readonly type: 'exit'; readonly zone: string }
  | { readonly type: 'dwell'; readonly zone: string; readonly forS: number }
  /** `to`: the side it arrives at; either when absent. */
  | { readonly type: 'cross'; readonly line: string; readonly to?: string | undefined }
  /** One of `atLeast` and `atMost`, without a break for `forS`; without a zone the whole picture. */
  | {
      readonly type: 'count';
      readonly zone?: string | undefined;
      readonly atLeast?: number | undefined;
      readonly atMost?: number | undefined;
      readonly forS: number;
    }
  /** Nothing that the rule looks for was there for so long. */
  | { readonly type: 'absence'; readonly zone?: string | undefined; readonly forS: number }
  | { readonly type: 'appear' }
  /** The same object in each of the zones, in this order, from the first to the last within so long. */
  | { readonly type: 'sequence'; readonly zones: readonly string[]; readonly withinS: number }
  /** It has not moved for so long. */
  | { readonly type: 'stationary'; readonly zone?: string | undefined; readonly forS: number }
  /** What had not moved for so long is gone, or has moved away. */
  | { readonly type: 'removed'; readonly zone?: string | undefined; readonly forS: number }
  | { readonly type: 'fault'; readonly of: readonly FaultKind[]; readonly forS: number };

export type TriggerType = Trigger['type'];

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** One window of a schedule. Absent `days`: every day; absent `from` and `to`: the whole day. */
export interface ScheduleWindow {
  /** Days on which the window begins. */
  readonly days?: readonly Day[] | undefined;
  /** 'HH:MM', 'sunrise', 'sunset', either with an offset: 'sunset-00:30'. Inclusive. */
  readonly from?: string | undefined;
  /** The same, exclusive; earlier than `from`: of the next day. */
  readonly to?: string | undefined;
}

/** Where the board is: for schedules. */
export interface Location {
  /** IANA name, e.g. Europe/Berlin. */
  readonly timeZone: string;
  /** Degrees, north and east positive; absent: no window names the sun. */
  readonly latitude?: number | undefined;
  readonly longitude?: number | undefined;
}

/** As it is configured: where no time zone is given the system's is filled in, outside core. */
export type ConfiguredLocation = { readonly [Key in keyof Location]?: Location[Key] | undefined };

/** Bounds of a box, fractions of the frame, inclusive; absent ones do not bound. */
export interface SizeBounds {
  readonly widthMin?: number | undefined;
  readonly widthMax?: number | undefined;
  readonly heightMin?: number | undefined;
  readonly heightMax?: number | undefined;
}

export type Severity = 'info' | 'warning' | 'critical';
/** Whether the house and the camera must be armed for a rule to fire. */
export type ArmedState = 'armed' | 'disarmed' | 'always';
/** What a cooldown is counted for. */
export type CooldownPer = 'rule' | 'camera' | 'zone' | 'track';

/** A video from so long before an alert until so long after it. */
export interface ClipSpan {
  readonly beforeS: number;
  readonly afterS: number;
}

/** One rule as the engine takes it; `cameras` and `labels` undefined mean any. */
export interface Rule {
  readonly name: string;
  readonly trigger: Trigger;
  readonly cameras?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly scoreMin: number;
  readonly size?: SizeBounds | undefined;
  /** In force in any of these windows; undefined: always. */
  readonly schedule?: readonly ScheduleWindow[] | undefined;
  readonly while: ArmedState;
  readonly cooldownS: number;
  readonly cooldownPer: CooldownPer;
  /** What fires within so long after the first becomes one alert with a count; 0: each its own alert, at once. */
  readonly groupS: number;
  readonly severity: Severity;
  /** Alerts carry the best picture. */
  readonly snapshot: boolean;
  /** Levels below `vedette/<device>/` where its alerts are published once more. */
  readonly topic?: string | undefined;
  /** Its alerts come with a video; undefined: they do not. */
  readonly clip?: ClipSpan | undefined;
  /** Undefined: the default text of its trigger. */
  readonly message?: string | undefined;
}

// The recorded form of a scenario: one JSON object a line, in the order in which the daemon's main thread would learn of it.
// Compact and readable: seconds, fractions with four digits, what is false or has its usual value left out. Pure.
import type { Observation, TrackView } from '../../../daemon/core/types.ts';
import { NO_STAGES } from '../tracks.ts';
import type { Happening } from './scenario.ts';

/** Of second 0. */
export const MONO_MS = 10_000;
const THRESHOLD = 0.7;

export interface RecordedTrack {
  readonly id: number;
  readonly is: string;
  readonly box: readonly [x: number, y: number, width: number, height: number];
  /** Absent: not seen in this look. */
  readonly score?: number;
  readonly median: number;
  /** Second of its first look. */
  readonly since: number;
  readonly confirmed?: true;
  readonly stationary?: true;
}

export interface RecordedLook {
  /** When it was told. */
  readonly s: number;
  readonly see: string;
  readonly frame: number;
  /** When it was taken, where that was another second: a video played fast, a slow detector. */
  readonly taken?: number;
  readonly tracks?: readonly RecordedTrack[];
  readonly ended?: readonly number[];
  readonly frameless?: true;
}

export type Line = RecordedLook | Happening | { readonly s: number; readonly end: true };

export function textOf(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

export function linesOf(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

export function recordTrack(track: TrackView): RecordedTrack {
  const { id, label, box, score, scoreMedian, startedMonoMs, confirmed, stationary } = track;
  return {
    id,
    is: label,
    box: [digits(box.x, 4), digits(box.y, 4), digits(box.width, 4), digits(box.height, 4)],
    ...(score === 0 ? {} : { score: digits(score, 2) }),
    median: digits(scoreMedian, 2),
    since: seconds(startedMonoMs - MONO_MS),
    ...(confirmed ? { confirmed } : {}),
    ...(stationary ? { stationary } : {}),
  };
}

function digits(value: number, count: number): number {
  return Number(value.toFixed(count));
}

/** The observation of a line. `wallMs` is the wall clock of second 0 as it is now. */
export function observationOf(look: RecordedLook, wallMs: number): Observation {
  const { s, see, frame, taken = s, tracks = [], ended = [], frameless } = look;
  return {
    camera: see,
    stamp: { frame, atMs: wallMs + taken * 1000, monoMs: MONO_MS + taken * 1000 },
    tracks: tracks.map((track) => viewOf(track, wallMs)),
    ended,
    stages: NO_STAGES,
    ...(frameless === undefined ? {} : { frameless }),
  };
}

function viewOf(track: RecordedTrack, wallMs: number): TrackView {
  const { id, is, box, score = 0, median, since, confirmed = false, stationary = false } = track;
  const [x, y, width, height] = box;
  return {
    ...{ id, label: is, score, scoreMedian: median, box: { x, y, width, height }, confirmed, stationary },
    ...{ threshold: THRESHOLD, velocity: [0, 0] },
    ...{ startedAtMs: wallMs + since * 1000, startedMonoMs: MONO_MS + since * 1000 },
  };
}

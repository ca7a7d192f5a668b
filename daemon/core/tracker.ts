// Joins the detections of one camera over frames into tracks: greedy matching by overlap, and a median filter that
// confirms an object. Pure; runs in the camera worker. Not for: zones, rules, events.
import { iou } from './geometry.ts';
import type { Box, Detection, FrameStamp, TrackOptions, TrackView } from './types.ts';

/** Scores that enter the median, at most. */
const HISTORY_LENGTH = 10;
/** The history is padded with zeros to this length, so that one lucky frame confirms nothing. */
const HISTORY_LENGTH_MIN = 3;
/** Tracks alive at once, at most; a detection beyond it starts none. */
export const TRACKS_MAX = 64;
/** Weight of the newest step in the velocity (exponential smoothing). */
const VELOCITY_GAIN = 0.4;

interface Track {
  readonly id: number;
  readonly label: string;
  box: Box;
  score: number;
  scoreMedian: number;
  confirmed: boolean;
  velocityX: number;
  velocityY: number;
  readonly startedAtMs: number;
  readonly startedMonoMs: number;
  seenMonoMs: number;
  readonly history: number[];
}

export interface TrackStep {
  readonly tracks: readonly TrackView[];
  readonly ended: readonly number[];
}

interface Pair {
  readonly track: Track;
  readonly detection: Detection;
  readonly overlap: number;
}

/** The tracks of one camera. */
export class Tracker {
  readonly #options: TrackOptions;
  #tracks: Track[] = [];
  #nextId = 1;
  #lookedMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: TrackOptions) {
    this.#options = options;
  }

  /**
   * Takes the detections of one frame (any order; scores from scoreLow up) and returns all live tracks and the ids of
   * those that ended. A track not seen in this frame keeps its last box and has score 0.
   */
  step(found: readonly Detection[], stamp: FrameStamp): TrackStep {
    this.#lookedMonoMs = stamp.monoMs;
    const detections = [...found].sort(byScore);
    const unmatched = new Set(detections);
    const unseen = new Set(this.#tracks);
    for (const { track, detection } of this.#pairs(detections)) {
      if (!unseen.has(track) || !unmatched.has(detection)) continue;
      unseen.delete(track);
      unmatched.delete(detection);
      this.#follow(track, detection, stamp);
    }
    for (const track of unseen) {
      track.score = 0;
      this.#remember(track, 0);
    }
    const ended = this.#end(stamp.monoMs - this.#options.lostMs);
    for (const detection of unmatched) {
      if (detection.score >= this.#options.scoreMin && this.#tracks.length < TRACKS_MAX)
        this.#begin(detection, stamp);
    }
    return { tracks: this.#views(), ended };
  }

  /** Ends what has not been seen for `lostMs`, when no frame arrives that would do it: while frames come, they do. */
  expire(monoMs: number): TrackStep {
    if (monoMs - this.#lookedMonoMs <= this.#options.lostMs) return { tracks: this.#views(), ended: [] };
    const ended = this.#end(monoMs - this.#options.lostMs);
    return { tracks: this.#views(), ended };
  }

  /** Ends everything: the stream is over. */
  finish(): TrackStep {
    return { tracks: [], ended: this.#end(Number.POSITIVE_INFINITY) };
  }

  /** Possible matches of one label each, best overlap first; of equal ones the older track and better score. */
  #pairs(detections: readonly Detection[]): Pair[] {
    const pairs: Pair[] = [];
    for (const track of this.#tracks) {
      for (const detection of detections) {
        if (detection.label !== track.label) continue;
        const overlap = iou(track.box, detection.box);
        if (overlap >= this.#options.iouMin) pairs.push({ track, detection, overlap });
      }
    }
    return pairs.sort((a, b) => b.overlap - a.overlap);
  }

  #begin(detection: Detection, stamp: FrameStamp): void {
    const track: Track = {
      id: this.#nextId,
      label: detection.label,
      box: detection.box,
      score: detection.score,
      scoreMedian: 0,
      confirmed: false,
      velocityX: 0,
      velocityY: 0,
      startedAtMs: stamp.atMs,
      startedMonoMs: stamp.monoMs,
      seenMonoMs: stamp.monoMs,
      history: [],
    };
    this.#nextId += 1;
    this.#remember(track, detection.score);
    this.#tracks.push(track);
  }

  #follow(track: Track, detection: Detection, stamp: FrameStamp): void {
    const seconds = (stamp.monoMs - track.seenMonoMs) / 1000;
    if (seconds > 0) {
      const before = track.box;
      const after = detection.box;
      const stepX = after.x + after.width / 2 - before.x - before.width / 2;
      const stepY = after.y + after.height / 2 - before.y - before.height / 2;
      track.velocityX += VELOCITY_GAIN * (stepX / seconds - track.velocityX);
      track.velocityY += VELOCITY_GAIN * (stepY / seconds - track.velocityY);
    }
    track.box = detection.box;
    track.score = detection.score;
    track.seenMonoMs = stamp.monoMs;
    this.#remember(track, detection.score >= this.#options.scoreMin ? detection.score : 0);
  }

  #remember(track: Track, score: number): void {
    track.history.push(score);
    if (track.history.length > HISTORY_LENGTH) track.history.shift();
    track.scoreMedian = medianOf(track.history);
    if (track.scoreMedian >= this.#options.threshold(track.label)) track.confirmed = true;
  }

  #views(): TrackView[] {
    return this.#tracks.map((track) => viewOf(track, this.#options.threshold(track.label)));
  }

  #end(seenBeforeMs: number): number[] {
    const ended = this.#tracks.filter((track) => track.seenMonoMs < seenBeforeMs).map((track) => track.id);
    if (ended.length > 0) this.#tracks = this.#tracks.filter((track) => track.seenMonoMs >= seenBeforeMs);
    return ended;
  }
}

/** Best first, and one order for any order of arrival, so that ids do not depend on it. */
function byScore(a: Detection, b: Detection): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.label !== b.label) return a.label < b.label ? -1 : 1;
  return a.box.x - b.box.x || a.box.y - b.box.y || a.box.width - b.box.width || a.box.height - b.box.height;
}

function viewOf(track: Track, threshold: number): TrackView {
  return {
    id: track.id,
    label: track.label,
    score: track.score,
    scoreMedian: track.scoreMedian,
    box: track.box,
    confirmed: track.confirmed,
    threshold,
    stationary: false,
    velocity: [track.velocityX, track.velocityY],
    startedAtMs: track.startedAtMs,
    startedMonoMs: track.startedMonoMs,
  };
}

/** Median of the scores padded with zeros to HISTORY_LENGTH_MIN. */
function medianOf(scores: readonly number[]): number {
  const sorted = [...scores];
  while (sorted.length < HISTORY_LENGTH_MIN) sorted.push(0);
  sorted.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

// Joins the detections of one camera over looks into tracks: who is who (association.ts), where it is going (box-motion.ts),
// whether it is an object at all (score-history.ts), whether it stands (stillness.ts). docs/tracking.md says how and why.
// Pure; runs in the camera worker; a look allocates its views and nothing else. Not for: zones, rules, events.
import { Association } from './association.ts';
import { iou } from './geometry.ts';
import { areKin } from './label-kin.ts';
import { Track } from './track.ts';
import { isPlausible } from './track-bounds.ts';
import type { Box, Detection, FrameStamp, TrackOptions, TrackView } from './types.ts';

/** Tracks alive at once, at most; a detection beyond it starts none. */
export const TRACKS_MAX = 64;
/** Detections of one look that are looked at: the best. */
const FOUND_MAX = 100;
/** What ends in a running picture was missed in so many looks, however far apart they are. */
const MISSED_MIN = 2;
/** A track is never taken up again after so many times its patience: nobody looked for that long. */
const STALE = 5;
/** A camera that is looked at less often than this has no rhythm (milliseconds). */
const RHYTHM_MS_MAX = 30_000;
/** Nobody is gone before so many looks could have shown them. */
const RHYTHMS = 2;
/** A second box with a look-alike's label over one that was found is the same object. */
const SAME_IOU = 0.6;

/** What of the picture was looked at. */
export interface Looked {
  /** Whether an object of this box, were it there, would have been found. */
  covers(box: Box): boolean;
}

export interface TrackStep {
  readonly tracks: readonly TrackView[];
  readonly ended: readonly number[];
}

/** The tracks of one camera. */
export class Tracker {
  readonly #options: TrackOptions;
  readonly #association: Association;
  readonly #tracks: Track[] = [];
  /** Detections of this look, best first. */
  readonly #found: Detection[] = [];
  #nextId: number;
  #lookedMonoMs = Number.NEGATIVE_INFINITY;
  /** From the look before the last one to the last, and from the one before that. */
  #gapMs = 0;
  #gapBeforeMs = 0;

  /** `lastId`: the highest number that a tracker before this one gave. */
  constructor(options: TrackOptions, lastId = 0) {
    this.#options = options;
    this.#nextId = lastId + 1;
    this.#association = new Association(options, TRACKS_MAX, FOUND_MAX);
  }

  /**
   * Takes the detections of one frame (any order; scores from scoreLow up) and returns all live tracks and the ids of
   * those that ended. A track not found in this frame keeps its last box and has score 0. Boxes that are none (not finite, no
   * area, far outside) and those that `bounds` rules out are passed over. Where only a part of the picture was looked at
   * (`looked`), a track elsewhere was not missed.
   */
  step(detections: readonly Detection[], stamp: FrameStamp, looked?: Looked): TrackStep {
    const { monoMs } = stamp;
    this.#frameCame(monoMs);
    const ended = this.#end(monoMs, MISSED_MIN);
    this.#take(detections);
    const [tracks, found, { detectionOf }] = [this.#tracks, this.#found, this.#association];
    this.#association.match(tracks, found, monoMs);
    for (let i = 0; i < tracks.length; i += 1) {
      const detection = found[detectionOf[i]!];
      const track = tracks[i]!;
      if (detection !== undefined) track.found(detection, monoMs);
      else if (wasLookedFor(track.expected(monoMs), looked)) track.notFound(monoMs);
      else track.notLookedAt();
    }
    this.#begin(stamp);
    return { tracks: this.#views(), ended };
  }

  /** A frame in which nothing needed a look: its tracks are where they were, and frames come. */
  pass(monoMs: number): TrackStep {
    this.#frameCame(monoMs);
    for (const track of this.#tracks) track.notLookedAt();
    return { tracks: this.#views(), ended: [] };
  }

  /** Those that live, to be read only. */
  get tracks(): readonly Track[] {
    return this.#tracks;
  }

  /**
   * Ends what has not been seen for too long, when no frame arrives that would do it: while frames come, they do. The others
   * are told of with it, and nobody has seen them.
   */
  expire(monoMs: number): TrackStep {
    const isSilent = monoMs - this.#lookedMonoMs > Math.max(this.#options.lostMs, RHYTHMS * this.#rhythmMs);
    const ended = isSilent ? this.#end(monoMs, 0) : [];
    if (ended.length > 0) for (const track of this.#tracks) track.notLookedAt();
    return { tracks: this.#views(), ended };
  }

  /** Ends everything: the stream is over. */
  finish(): TrackStep {
    return { tracks: [], ended: this.#end(Number.POSITIVE_INFINITY, 0) };
  }

  #frameCame(monoMs: number): void {
    this.#gapBeforeMs = this.#gapMs;
    this.#gapMs = monoMs - this.#lookedMonoMs;
    this.#lookedMonoMs = monoMs;
  }

  /** How far looks are apart: the shorter of two gaps, for a pause alone makes nobody slow. */
  get #rhythmMs(): number {
    return Math.min(this.#gapMs, this.#gapBeforeMs, RHYTHM_MS_MAX);
  }

  /** Sorts by insertion: a detector tells the best first, and there are few. */
  #take(detections: readonly Detection[]): void {
    const found = this.#found;
    found.length = 0;
    for (const detection of detections) {
      if (!isPlausible(detection, this.#options)) continue;
      let at = found.length;
      while (at > 0 && byScore(detection, found[at - 1]!) < 0) at -= 1;
      if (at >= FOUND_MAX) continue;
      if (found.length < FOUND_MAX) found.push(detection);
      for (let i = found.length - 1; i > at; i -= 1) found[i] = found[i - 1]!;
      found[at] = detection;
    }
  }

  /** Tracks for what is nobody's, of the scores that may begin one. */
  #begin(stamp: FrameStamp): void {
    const [tracks, found, { trackOf }] = [this.#tracks, this.#found, this.#association];
    for (let i = 0; i < found.length && tracks.length < TRACKS_MAX; i += 1) {
      const detection = found[i]!;
      if (detection.score < this.#options.scoreMin) return;
      if (trackOf[i]! >= 0 || this.#isSecondName(detection)) continue;
      tracks.push(new Track(this.#nextId, detection, stamp, this.#options));
      this.#nextId += 1;
    }
  }

  /** Whether an object that was found in this look has this as a look-alike's box: a cat that is a dog as well. */
  #isSecondName({ label, box }: Detection): boolean {
    for (const track of this.#tracks) {
      if (track.score === 0 || track.label === label || !areKin(track.label, label)) continue;
      if (iou(track.box, box) >= SAME_IOU) return true;
    }
    return false;
  }

  #views(): TrackView[] {
    return this.#tracks.map((track) => track.view());
  }

  /** Takes out those whose patience is over after `missedMin` looks, or long ago; the others keep their order. */
  #end(monoMs: number, missedMin: number): number[] {
    const tracks = this.#tracks;
    const ended: number[] = [];
    const staleMs = RHYTHMS * this.#rhythmMs;
    let kept = 0;
    for (const track of tracks) {
      const unseenMs = monoMs - track.seenMonoMs;
      const isLost = unseenMs > track.patienceMs && track.missed >= missedMin;
      if (isLost || unseenMs > Math.max(track.patienceMs * STALE, staleMs)) ended.push(track.id);
      else tracks[kept++] = track;
    }
    tracks.length = kept;
    return ended;
  }
}

/** Wherever one looks, who has left the picture is not in it. */
function wasLookedFor(expected: Box, looked: Looked | undefined): boolean {
  return looked === undefined || isOutside(expected) || looked.covers(expected);
}

function isOutside({ x, y, width, height }: Box): boolean {
  return x >= 1 || y >= 1 || x + width <= 0 || y + height <= 0;
}

/** Best first, and one order for any order of arrival, so that ids do not depend on it. */
function byScore(a: Detection, b: Detection): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.label !== b.label) return a.label < b.label ? -1 : 1;
  return a.box.x - b.box.x || a.box.y - b.box.y || a.box.width - b.box.width || a.box.height - b.box.height;
}

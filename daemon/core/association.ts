// Which detection of a look is which track: in three stages, each the cheapest assignment altogether. First the high scores
// against where tracks should be, then the low ones against what is still missing (ByteTrack, Zhang et al. 2022), then what is
// left against where tracks were last (OC-SORT, Cao et al. 2023). Pure; buffers made once, nothing allocated per look.
import { Assignment } from './assignment.ts';
import { iou } from './geometry.ts';
import { areKin } from './label-kin.ts';
import type { Track } from './track.ts';
import type { Detection, TrackOptions } from './types.ts';

/** The cost of staying alone. Boxes that agree cost nothing, those that touch 1 and more. */
const ALONE = 1.7;
/** Extra cost of standing elsewhere or being of another height: people who cross keep their distance from the camera. */
const HEIGHT_COST = 1.5;
/** More than any pair may cost. */
const NEVER = 1e6;
/** Squared deviations between prediction and detection, at most: 99 % of two-dimensional normal ones (chi-square). */
const DEVIATIONS = 9.21;
/** Where a box does not overlap the prediction: it is no further away (in sizes of the object) and about as large. */
const DISTANCE_MAX = 2.5;
const AREA_RATIO_MIN = 0.4;
/** Extra cost of a look-alike's label, and of a track that is not confirmed: the others choose first. */
const KIN_COST = 0.25;
const NEWCOMER_COST = 0.2;
/** A track takes low scores when it was missed in no more looks than this. */
const MISSED_MAX = 2;
/** Who stood still and is not found where that was has gone somewhere when it was seen within so many seconds. */
const SET_OUT_S = 1;
/** Overlap with the last box that brings back a track that did not move on as expected. */
const BACK_IOU = 0.4;

export class Association {
  /** Result of `match`: for each track the index of its detection, or -1. */
  readonly detectionOf: Int16Array;
  /** The reverse. */
  readonly trackOf: Int16Array;
  readonly #options: TrackOptions;
  readonly #assignment: Assignment;
  readonly #rows: Int16Array;
  readonly #columns: Int16Array;
  /** Of the look that is matched. */
  #monoMs = 0;

  constructor(options: TrackOptions, tracksMax: number, detectionsMax: number) {
    this.#options = options;
    this.#assignment = new Assignment(tracksMax, detectionsMax);
    this.detectionOf = new Int16Array(tracksMax);
    this.trackOf = new Int16Array(detectionsMax);
    this.#rows = new Int16Array(tracksMax);
    this.#columns = new Int16Array(detectionsMax);
  }

  /** `detections` best first, those below `scoreMin` last; at most as many of both as buffers were made for. */
  match(tracks: readonly Track[], detections: readonly Detection[], monoMs: number): void {
    this.detectionOf.fill(-1, 0, tracks.length);
    this.trackOf.fill(-1, 0, detections.length);
    this.#monoMs = monoMs;
    for (const track of tracks) track.motion.predict(this.#secondsAhead(track));
    const { scoreMin } = this.#options;
    let high = 0;
    while (high < detections.length && detections[high]!.score >= scoreMin) high += 1;
    this.#stage(tracks, detections, 0, high, this.#costAhead);
    this.#stage(tracks, detections, high, detections.length, this.#costLow);
    this.#stage(tracks, detections, 0, high, this.#costBack);
  }

  /** Assigns what is left of the detections from `first` to before `end`. */
  #stage(
    tracks: readonly Track[],
    detections: readonly Detection[],
    first: number,
    end: number,
    costOf: (track: Track, detection: Detection) => number,
  ): void {
    const [rows, columns, assignment] = [this.#rows, this.#columns, this.#assignment];
    let rowCount = 0;
    let columnCount = 0;
    for (let i = first; i < end; i += 1) if (this.trackOf[i]! < 0) columns[columnCount++] = i;
    if (columnCount === 0) return;
    for (let i = 0; i < tracks.length; i += 1) if (this.detectionOf[i]! < 0) rows[rowCount++] = i;
    if (rowCount === 0) return;
    const width = assignment.begin(rowCount, columnCount);
    let possible = false;
    for (let row = 0; row < rowCount; row += 1) {
      const track = tracks[rows[row]!]!;
      for (let column = 0; column < columnCount; column += 1) {
        const cost = costOf(track, detections[columns[column]!]!);
        if (cost < ALONE) possible = true;
        assignment.costs[row * width + column] = cost;
      }
    }
    if (!possible) return;
    assignment.solve(ALONE);
    for (let column = 0; column < columnCount; column += 1) {
      const row = assignment.rowOf[column]!;
      if (row < 0) continue;
      this.detectionOf[rows[row]!] = columns[column]!;
      this.trackOf[columns[column]!] = rows[row]!;
    }
  }

  /** A detection where the track should be by now. */
  readonly #costAhead = (track: Track, detection: Detection): number => {
    if (!areKin(track.label, detection.label)) return NEVER;
    const { motion } = track;
    // Who was walking out of the picture is not who comes in there.
    if (track.missed > 0 && motion.isOutside) return NEVER;
    // What stands still and is hidden comes back where it was; who was seen a moment ago may have set out.
    if (track.stationary && this.#isHidden(track) && iou(track.box, detection.box) < this.#options.iouMin)
      return NEVER;
    const { box } = detection;
    const aspect = this.#options.frameAspect;
    const width = box.width * aspect;
    const dx = (box.x + box.width / 2) * aspect - motion.x;
    const dy = box.y + box.height / 2 - motion.y;
    const squared = dx * dx + dy * dy;
    // Overlap, and how far apart the middles are for the box that holds both: distance-IoU (Zheng et al. 2020).
    const sharedWidth = Math.min((width + motion.width) / 2 - Math.abs(dx), width, motion.width);
    const sharedHeight = Math.min((box.height + motion.height) / 2 - Math.abs(dy), box.height, motion.height);
    const [area, areaAhead] = [width * box.height, motion.width * motion.height];
    const shared = sharedWidth > 0 && sharedHeight > 0 ? sharedWidth * sharedHeight : 0;
    const overlap = shared / (area + areaAhead - shared);
    if (overlap < this.#options.iouMin) {
      if (squared > DEVIATIONS * motion.variance || squared > (DISTANCE_MAX * motion.size) ** 2) return NEVER;
      if (Math.min(area, areaAhead) < AREA_RATIO_MIN * Math.max(area, areaAhead)) return NEVER;
    }
    const holdWidth = width + motion.width - sharedWidth;
    const holdHeight = box.height + motion.height - sharedHeight;
    const apart = squared / (holdWidth * holdWidth + holdHeight * holdHeight);
    // Overlap of the heights alone, as in Hybrid-SORT (Yang et al. 2024).
    const upright = Math.max(0, sharedHeight) / holdHeight;
    return 1 - overlap + apart + HEIGHT_COST * (1 - upright) + this.#extraCost(track, detection);
  };

  /** A weak detection of a track that was there a moment ago. */
  readonly #costLow = (track: Track, detection: Detection): number => {
    if (track.missed > MISSED_MAX || iou(track.box, detection.box) < this.#options.iouMin) return NEVER;
    return this.#costAhead(track, detection);
  };

  /** A detection where the track was last: it stood still, or turned, while it was not seen. */
  readonly #costBack = (track: Track, detection: Detection): number => {
    if (!areKin(track.label, detection.label)) return NEVER;
    if (track.motion.isOutside) return NEVER;
    const overlap = iou(track.box, detection.box);
    if (overlap < Math.max(BACK_IOU, this.#options.iouMin)) return NEVER;
    return 1 - overlap + this.#extraCost(track, detection);
  };

  /** What stands and is hidden is where it was: the speed of its box, which trembled or was cut, is not its own. */
  #secondsAhead(track: Track): number {
    return track.stationary && this.#isHidden(track) ? 0 : track.secondsUnseen(this.#monoMs);
  }

  #isHidden(track: Track): boolean {
    return track.secondsUnseen(this.#monoMs) > SET_OUT_S;
  }

  #extraCost(track: Track, detection: Detection): number {
    return (track.confirmed ? 0 : NEWCOMER_COST) + (track.label === detection.label ? 0 : KIN_COST);
  }
}

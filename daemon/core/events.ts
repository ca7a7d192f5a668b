// The life of an event: `new` when a track is confirmed, `update` when something worth telling changes, `end` when the
// track is gone. Every `new` has exactly one `end`, whatever observations come. Updates of one event have a distance; what
// waits for it is told when it is over, with the state it has by then, or by the end. Pure; ids are passed in. Main thread.
import { momentAt } from './moments.ts';
import { isSameTrack } from './track-identity.ts';
import type { Box, EventChange, Moment, Observation, SnapshotRef } from './types.ts';
import type { Sighting } from './whereabouts.ts';

/** Updates of one event come at most this often. */
export const UPDATE_INTERVAL_MS_MIN = 1000;
/** A better score is told when it is better by this much. */
const SCORE_STEP = 0.05;
/** Events per camera whose id is still known when they have ended: their last picture may be on its way to the disk. */
const ENDED_MAX = 64;

interface OpenEvent {
  readonly id: string;
  readonly camera: string;
  readonly track: number;
  readonly label: string;
  readonly startedAtMs: number;
  readonly startedMonoMs: number;
  score: number;
  box: Box;
  stationary: boolean;
  zones: readonly string[];
  readonly zonesEntered: string[];
  snapshot: SnapshotRef | undefined;
  told: EventChange | undefined;
  /** When what has changed since is told; infinite while nothing has. */
  dueMonoMs: number;
  /** Number of the observation that had its track last. */
  look: number;
}

/** One camera. */
interface Chapter {
  /** By track. */
  readonly open: Map<number, OpenEvent>;
  /** Ids of the last events that ended, by track; oldest first. */
  readonly ended: Map<number, string>;
  looks: number;
}

export interface EventBookOptions {
  readonly newId: () => string;
}

const NONE: readonly EventChange[] = [];

/** The open events of all cameras. */
export class EventBook {
  readonly #options: EventBookOptions;
  /** By camera name. */
  readonly #chapters = new Map<string, Chapter>();
  /** Of the call that is under way. */
  readonly #changes: EventChange[] = [];

  constructor(options: EventBookOptions) {
    this.#options = options;
  }

  /** The id of the event of a track, if it has one or had one until lately. */
  eventIdOf(camera: string, track: number): string | undefined {
    const chapter = this.#chapters.get(camera);
    return chapter?.open.get(track)?.id ?? chapter?.ended.get(track);
  }

  /**
   * Takes one observation; returns the changes in order, every `new` before its `end`. An event ends when its track is not
   * among those observed, whether that is said or not, and when its number now is of another track.
   */
  observe({ camera, stamp }: Observation, sightings: readonly Sighting[]): readonly EventChange[] {
    const chapter = this.#chapterOf(camera);
    const { open } = chapter;
    chapter.looks += 1;
    this.#tellDue(chapter, stamp);
    for (const sighting of sightings) {
      const { track } = sighting;
      let event = open.get(track.id);
      if (event !== undefined && !isSameTrack(event, track)) {
        this.#changes.push(close(chapter, event, stamp));
        event = undefined;
      }
      if (event !== undefined) {
        if (refresh(event, sighting, stamp)) this.#changes.push(tell(event, 'update', stamp));
      } else if (track.confirmed) {
        event = this.#begin(camera, sighting);
        open.set(track.id, event);
        this.#changes.push(tell(event, 'new', stamp));
      }
      if (event !== undefined) event.look = chapter.looks;
    }
    for (const event of open.values()) {
      if (event.look !== chapter.looks) this.#changes.push(close(chapter, event, stamp));
    }
    return this.#taken();
  }

  /** Time passes while nothing is seen: tells what waits, as if it had been told when it was due. */
  advance(moment: Moment): readonly EventChange[] {
    for (const chapter of this.#chapters.values()) this.#tellDue(chapter, moment);
    return this.#taken();
  }

  /** Tells what waits at the moment for which it waited; `now` relates the two clocks. */
  #tellDue({ open }: Chapter, now: Moment): void {
    for (const event of open.values()) {
      const { dueMonoMs: monoMs } = event;
      if (monoMs >= now.monoMs) continue;
      this.#changes.push(tell(event, 'update', momentAt(monoMs, now)));
    }
  }

  #taken(): readonly EventChange[] {
    return this.#changes.length === 0 ? NONE : this.#changes.splice(0);
  }

  #chapterOf(camera: string): Chapter {
    let chapter = this.#chapters.get(camera);
    if (chapter === undefined) {
      chapter = { open: new Map(), ended: new Map(), looks: 0 };
      this.#chapters.set(camera, chapter);
    }
    return chapter;
  }

  #begin(camera: string, { track, zones }: Sighting): OpenEvent {
    return {
      id: this.#options.newId(),
      camera,
      track: track.id,
      label: track.label,
      startedAtMs: track.startedAtMs,
      startedMonoMs: track.startedMonoMs,
      score: Math.max(track.score, track.scoreMedian),
      box: track.box,
      stationary: track.stationary,
      zones,
      zonesEntered: [...zones],
      snapshot: track.snapshot,
      told: undefined,
      dueMonoMs: Number.POSITIVE_INFINITY,
      look: 0,
    };
  }
}

/** Brings the event up to date; true when the change is worth telling and the last telling is old enough. */
function refresh(event: OpenEvent, { track, zones }: Sighting, { monoMs }: Moment): boolean {
  event.snapshot = track.snapshot ?? event.snapshot;
  event.stationary = track.stationary;
  if (track.score !== 0) {
    event.box = track.box;
    event.score = Math.max(event.score, track.score);
  }
  if (event.zones !== zones) {
    event.zones = zones;
    for (const zone of zones) if (!event.zonesEntered.includes(zone)) event.zonesEntered.push(zone);
  }
  if (!hasNews(event)) {
    event.dueMonoMs = Number.POSITIVE_INFINITY;
    return false;
  }
  event.dueMonoMs = (event.told?.monoMs ?? monoMs) + UPDATE_INTERVAL_MS_MIN;
  return event.dueMonoMs <= monoMs;
}

/** True when what was told is not so any more, or not all of it. */
function hasNews({ told, stationary, zones, zonesEntered, score, snapshot }: OpenEvent): boolean {
  return (
    told === undefined ||
    stationary !== told.stationary ||
    !isSameList(zones, told.zones) ||
    zonesEntered.length !== told.zonesEntered.length ||
    score >= told.score + SCORE_STEP ||
    snapshot?.path !== told.snapshot?.path
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}

function close({ open, ended }: Chapter, event: OpenEvent, { atMs, monoMs }: Moment): EventChange {
  const { id, track } = event;
  open.delete(track);
  // The newer one of a number is the last of the list.
  ended.delete(track);
  ended.set(track, id);
  const oldest = ended.keys().next();
  if (ended.size > ENDED_MAX && !oldest.done) ended.delete(oldest.value);
  return { ...tell(event, 'end', { atMs, monoMs }), endedAtMs: atMs };
}

function tell(event: OpenEvent, type: EventChange['type'], { atMs, monoMs }: Moment): EventChange {
  const { id, camera, label, score, box, stationary, zones, track, startedAtMs, snapshot } = event;
  const change: EventChange = {
    ...{ id, type, camera, label, score, box, stationary, zones },
    zonesEntered: [...event.zonesEntered],
    ...{ track, startedAtMs, atMs, monoMs },
    ...(snapshot === undefined ? {} : { snapshot }),
  };
  event.told = change;
  event.dueMonoMs = Number.POSITIVE_INFINITY;
  return change;
}

// The life of an event: `new` when a track is confirmed, `update` when something worth telling changes, `end` when the
// track is gone. Pure; ids are passed in. Main thread.
import type { Box, EventChange, Observation, SnapshotRef } from './types.ts';
import type { Sighting } from './whereabouts.ts';

/** Updates of one event come at most this often. */
export const UPDATE_INTERVAL_MS_MIN = 1000;
/** A better score is told when it is better by this much. */
const SCORE_STEP = 0.05;
/** Events per camera whose id is still known when they have ended: their last picture may be on its way to the disk. */
const ENDED_MAX = 64;

interface OpenEvent {
  readonly id: string;
  readonly track: number;
  readonly label: string;
  readonly startedAtMs: number;
  score: number;
  box: Box;
  zones: readonly string[];
  readonly zonesEntered: Set<string>;
  snapshot: SnapshotRef | undefined;
  toldMonoMs: number;
  toldScore: number;
  toldZones: string;
  toldSnapshot: SnapshotRef | undefined;
}

export interface EventBookOptions {
  readonly newId: () => string;
}

/** The open events of all cameras. */
export class EventBook {
  readonly #options: EventBookOptions;
  /** Keyed by camera, then track. */
  readonly #open = new Map<string, Map<number, OpenEvent>>();
  /** Ids of the last events that ended, keyed the same; oldest first. */
  readonly #ended = new Map<string, Map<number, string>>();

  constructor(options: EventBookOptions) {
    this.#options = options;
  }

  /** The id of the event of a track, if it has one or had one until lately. */
  eventIdOf(camera: string, track: number): string | undefined {
    return this.#open.get(camera)?.get(track)?.id ?? this.#ended.get(camera)?.get(track);
  }

  /** Takes one observation; returns the changes in order, every `new` before its `end`. */
  observe(observation: Observation, sightings: readonly Sighting[]): EventChange[] {
    const events = tracksOf(this.#open, observation.camera);
    const changes: EventChange[] = [];
    for (const sighting of sightings) {
      const { track } = sighting;
      if (!track.confirmed) continue;
      const event = events.get(track.id);
      if (event === undefined) changes.push(this.#begin(observation, sighting, events));
      else if (refresh(event, observation, sighting)) changes.push(tell(event, 'update', observation));
    }
    for (const id of observation.ended) {
      const event = events.get(id);
      if (event === undefined) continue;
      events.delete(id);
      this.#remember(observation.camera, event);
      changes.push({ ...tell(event, 'end', observation), endedAtMs: observation.stamp.atMs });
    }
    return changes;
  }

  #remember(camera: string, { track, id }: OpenEvent): void {
    const ended = tracksOf(this.#ended, camera);
    // A camera worker that was started again counts its tracks from 1: the newer one of a number is the last of the list.
    ended.delete(track);
    ended.set(track, id);
    const oldest = ended.keys().next();
    if (ended.size > ENDED_MAX && !oldest.done) ended.delete(oldest.value);
  }

  #begin(observation: Observation, { track, zones }: Sighting, events: Map<number, OpenEvent>): EventChange {
    const event: OpenEvent = {
      id: this.#options.newId(),
      track: track.id,
      label: track.label,
      startedAtMs: track.startedAtMs,
      score: Math.max(track.score, track.scoreMedian),
      box: track.box,
      zones,
      zonesEntered: new Set(zones),
      snapshot: track.snapshot,
      toldMonoMs: 0,
      toldScore: 0,
      toldZones: '',
      toldSnapshot: undefined,
    };
    events.set(track.id, event);
    return tell(event, 'new', observation);
  }
}

/** Brings the event up to date; true when the change is worth telling and the last telling is old enough. */
function refresh(event: OpenEvent, { stamp }: Observation, { track, zones }: Sighting): boolean {
  event.snapshot = track.snapshot ?? event.snapshot;
  if (track.score === 0) return false;
  event.box = track.box;
  event.score = Math.max(event.score, track.score);
  event.zones = zones;
  for (const zone of zones) event.zonesEntered.add(zone);
  if (stamp.monoMs - event.toldMonoMs < UPDATE_INTERVAL_MS_MIN) return false;
  return (
    event.zones.join() !== event.toldZones ||
    event.score >= event.toldScore + SCORE_STEP ||
    event.snapshot?.path !== event.toldSnapshot?.path
  );
}

/** The map of one camera's tracks, made when it is missing. */
function tracksOf<T>(cameras: Map<string, Map<number, T>>, camera: string): Map<number, T> {
  let tracks = cameras.get(camera);
  if (tracks === undefined) {
    tracks = new Map();
    cameras.set(camera, tracks);
  }
  return tracks;
}

function tell(event: OpenEvent, type: EventChange['type'], { camera, stamp }: Observation): EventChange {
  event.toldMonoMs = stamp.monoMs;
  event.toldScore = event.score;
  event.toldZones = event.zones.join();
  event.toldSnapshot = event.snapshot;
  return {
    id: event.id,
    type,
    camera,
    label: event.label,
    score: event.score,
    box: event.box,
    zones: [...event.zones],
    zonesEntered: [...event.zonesEntered].sort(),
    track: event.track,
    startedAtMs: event.startedAtMs,
    atMs: stamp.atMs,
    monoMs: stamp.monoMs,
    ...(event.snapshot === undefined ? {} : { snapshot: event.snapshot }),
  };
}

// Where every object of a camera is: in which zones, and which lines it has just crossed. The one place that decides it:
// rules, events and counts all go by what is said here. Runs for every row of a backtest: a look at which nothing changes
// allocates nothing. Pure. Main thread.
import { LineWatch, type Passage, type Stay, ZoneWatch } from './place-watch.ts';
import { LEFT } from './polyline.ts';
import type { Line, Places, Zone } from './rule-types.ts';
import { isSameTrack } from './track-identity.ts';
import type { Box, Observation, TrackView } from './types.ts';

/** A line crossed, and the sides it went from and to. */
export interface Crossing {
  readonly line: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A track in one observation, confirmed or not, with where it is. The object is the same for every look at a track; its
 * lists are not: one that is kept stays as it is.
 */
export interface Sighting {
  readonly track: TrackView;
  /** Names of the zones it is in, sorted. */
  readonly zones: readonly string[];
  /** Lines crossed with this look. */
  readonly crossings: readonly Crossing[];
}

/** What is remembered of a track. */
interface Followed {
  readonly sighting: { -readonly [Key in keyof Sighting]: Sighting[Key] };
  /** By zone, by line. */
  stays: readonly Stay[];
  passages: readonly Passage[];
  /** Where it was seen last. */
  box: Box;
  /** Number of the observation that had it last. */
  look: number;
}

/** One camera. */
interface Ground {
  /** Sorted by name. */
  zones: readonly ZoneWatch[];
  lines: readonly LineWatch[];
  readonly followed: Map<number, Followed>;
  readonly sightings: Sighting[];
  looks: number;
}

const NOWHERE: Places = { zones: [], lines: [] };
const NO_CROSSINGS: readonly Crossing[] = [];
const NO_ZONES: readonly string[] = [];

export class Whereabouts {
  /** By camera name. */
  readonly #grounds = new Map<string, Ground>();

  constructor(places: ReadonlyMap<string, Places>) {
    this.rearrange(places);
  }

  /**
   * Goes on with other zones and lines; a camera that is not among them is forgotten. What has not changed goes on as it is;
   * for what has, every object is where its last look says, at once.
   */
  rearrange(places: ReadonlyMap<string, Places>): void {
    for (const camera of this.#grounds.keys()) if (!places.has(camera)) this.#grounds.delete(camera);
    for (const [camera, here] of places) {
      const ground = this.#grounds.get(camera);
      if (ground === undefined) this.#groundOf(camera, here);
      else lay(ground, here);
    }
  }

  /**
   * Takes the observations of all cameras in the order they were made; a sighting for each of its tracks, in order. They
   * are valid until the next observation of that camera.
   */
  observe({ camera, tracks }: Observation): readonly Sighting[] {
    const ground = this.#grounds.get(camera) ?? this.#groundOf(camera, NOWHERE);
    const { followed, sightings } = ground;
    ground.looks += 1;
    sightings.length = 0;
    for (const track of tracks) sightings.push(see(ground, track));
    // An observation has each live track once: more are followed than it has only when some have gone.
    if (followed.size > tracks.length) {
      for (const [id, { look }] of followed) if (look !== ground.looks) followed.delete(id);
    }
    return sightings;
  }

  #groundOf(camera: string, places: Places): Ground {
    const ground: Ground = { zones: [], lines: [], followed: new Map(), sightings: [], looks: 0 };
    lay(ground, places);
    this.#grounds.set(camera, ground);
    return ground;
  }
}

/** Takes one look at one track. */
function see(ground: Ground, track: TrackView): Sighting {
  const known = ground.followed.get(track.id);
  if (known === undefined || !isSameTrack(known.sighting.track, track)) return begin(ground, track);
  const { sighting } = known;
  known.look = ground.looks;
  sighting.track = track;
  sighting.crossings = NO_CROSSINGS;
  // Not seen: where it may be now is a guess, and a guess enters no zone.
  if (track.score === 0) return sighting;
  let hasMoved = false;
  for (let i = 0; i < ground.zones.length; i += 1) {
    if (ground.zones[i]!.look(known.stays[i]!, track.box)) hasMoved = true;
  }
  if (hasMoved) sighting.zones = zonesOf(ground, known.stays);
  for (let i = 0; i < ground.lines.length; i += 1) {
    const watch = ground.lines[i]!;
    const passage = known.passages[i]!;
    if (watch.look(passage, known.box, track.box)) {
      sighting.crossings = [...sighting.crossings, crossingOf(watch.line, passage)];
    }
  }
  known.box = track.box;
  return sighting;
}

function begin(ground: Ground, track: TrackView): Sighting {
  const { box } = track;
  const stays = ground.zones.map((zone) => zone.begin(box));
  const passages = ground.lines.map((line) => line.begin(box));
  const sighting = { track, zones: zonesOf(ground, stays), crossings: NO_CROSSINGS };
  ground.followed.set(track.id, { sighting, stays, passages, box, look: ground.looks });
  return sighting;
}

function zonesOf({ zones }: Ground, stays: readonly Stay[]): readonly string[] {
  const inside = zones.filter((_, i) => stays[i]!.inside);
  return inside.length === 0 ? NO_ZONES : inside.map(({ zone }) => zone.name);
}

function crossingOf({ name, sides: [left, right] }: Line, { side }: Passage): Crossing {
  return side === LEFT ? { line: name, from: right, to: left } : { line: name, from: left, to: right };
}

/** Marks the ground anew, and finds everybody's place on it. */
function lay(ground: Ground, places: Places): void {
  const zones = [...places.zones].sort(byName);
  const { lines } = places;
  const { zones: zonesBefore, lines: linesBefore } = ground;
  const zonesKept = zones.map((zone) => zonesBefore.findIndex((watch) => isSamePlace(watch.zone, zone)));
  const linesKept = lines.map((line) => linesBefore.findIndex((watch) => isSamePlace(watch.line, line)));
  ground.zones = zones.map((zone, i) => zonesBefore[zonesKept[i]!] ?? new ZoneWatch(zone));
  ground.lines = lines.map((line, i) => linesBefore[linesKept[i]!] ?? new LineWatch(line));
  for (const known of ground.followed.values()) {
    const { stays, passages, box } = known;
    known.stays = ground.zones.map((zone, i) => stays[zonesKept[i]!] ?? zone.begin(box));
    known.passages = ground.lines.map((line, i) => passages[linesKept[i]!] ?? line.begin(box));
    known.sighting.zones = zonesOf(ground, known.stays);
  }
}

function byName(a: Zone, b: Zone): number {
  return a.name < b.name ? -1 : 1;
}

function isSamePlace(a: Zone | Line, b: Zone | Line): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

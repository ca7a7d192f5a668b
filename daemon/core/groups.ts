// What fires together becomes one alert: collects the firings of a rule on a camera until its time is over. Pure. Held in
// memory only: a power cut loses a group that is open, its events are kept.
import type { Firing } from './firing.ts';
import { momentAt } from './moments.ts';
import type { Moment, TrackView } from './types.ts';

/** Objects named in one alert; more are counted. */
export const GROUP_NAMED_MAX = 32;

/** A group that is complete: one firing, with the events of all its objects. */
export interface Grouped {
  readonly firing: Firing;
  readonly eventIds: readonly string[];
  /** Of the firings in it. */
  readonly notes: readonly NonNullable<Firing['notes']>[];
}

interface Group {
  readonly first: Firing;
  readonly tracks: TrackView[];
  readonly eventIds: string[];
  /** All that are counted, also those that are not named. */
  readonly counted: Set<string>;
  readonly notes: NonNullable<Firing['notes']>[];
  count: number;
}

export class Groups {
  /** By rule and camera. */
  readonly #open = new Map<string, Group>();

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Joins the group that is open, or opens one. An object that comes again is counted once. */
  add(firing: Firing, eventIds: readonly string[]): void {
    const key = `${firing.rule.name}/${firing.camera ?? ''}`;
    let group = this.#open.get(key);
    if (group === undefined) {
      group = { first: firing, tracks: [], eventIds: [], counted: new Set(), notes: [], count: 0 };
      this.#open.set(key, group);
    }
    if (firing.notes !== undefined) group.notes.push(firing.notes);
    for (const [index, track] of firing.tracks.entries()) {
      const eventId = eventIds[index];
      if (eventId !== undefined && group.counted.has(eventId)) continue;
      if (eventId !== undefined) group.counted.add(eventId);
      group.count += 1;
      if (group.tracks.length >= GROUP_NAMED_MAX) continue;
      group.tracks.push(track);
      if (eventId !== undefined) group.eventIds.push(eventId);
    }
  }

  /** Groups of a camera whose time is over at this moment, each with the moment when it was. */
  due(camera: string, now: Moment): Grouped[] {
    if (this.#open.size === 0) return [];
    return [...this.#open].flatMap(([key, group]) => {
      const { first } = group;
      const monoMs = first.monoMs + first.rule.groupS * 1000;
      if (first.camera !== camera || monoMs > now.monoMs) return [];
      this.#open.delete(key);
      return [closed(group, momentAt(monoMs, now))];
    });
  }

  /** All of them as they are: no more is waited for. */
  flush(): Grouped[] {
    const groups = [...this.#open.values()];
    this.#open.clear();
    return groups.map((group) => closed(group, group.first));
  }
}

function closed({ first, tracks, eventIds, notes, count }: Group, { atMs, monoMs }: Moment): Grouped {
  return { firing: { ...first, tracks, count, atMs, monoMs, byFrame: false }, eventIds, notes };
}

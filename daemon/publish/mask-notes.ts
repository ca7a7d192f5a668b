// Which privacy masks the pictures were made with that a broker may hold: notes over restarts of the daemon, kept beside the
// topics. A note is made before the first such picture is sent, and goes when no broker holds one for certain. It is spelled
// like a topic of ours, and never published: a version that knows no notes takes it for a topic, clears it, and forgets it.
// Main thread.
import { createHash } from 'node:crypto';
import type { CameraConfig } from '../config/types.ts';
import { sanitise } from '../core/names.ts';
import type { TopicMemory } from './retained.ts';
import { cameraPath, pathOf, topicOf } from './topics.ts';

export type Masks = CameraConfig['masks'];

interface Note {
  readonly camera: string;
  readonly digest: string;
}

/** Pictures of a version that kept no notes. */
const UNKNOWN = 'unknown';
const UNMASKED = digestOf({});

/** To others it is the memory of the topics alone. */
export class MaskNotes implements TopicMemory {
  readonly #memory: TopicMemory;
  /** By topic; undefined until earlier lives can be asked for. */
  #notes: Map<string, Note> | undefined;
  /** Digests of the masks there are now, by camera; undefined likewise. */
  #now: ReadonlyMap<string, string> | undefined;

  constructor(memory: TopicMemory) {
    this.#memory = memory;
  }

  known(): readonly string[] | undefined {
    return this.#memory.known()?.filter((topic) => noteOf(topic) === undefined);
  }

  change(topics: Parameters<TopicMemory['change']>[0]): void {
    this.#memory.change(topics);
  }

  /**
   * Notes the masks that pictures are made with from now on. Returns the cameras that a broker may hold pictures of that were
   * made with others; each is returned once, until its masks change again.
   */
  take(device: string, cameras: Readonly<Record<string, { readonly masks: Masks }>>): readonly string[] {
    const notes = this.#recalled();
    if (notes === undefined) return [];
    const before = this.#now;
    const now = new Map(
      Object.entries(cameras).map(([name, { masks }]) => [sanitise(name), digestOf(masks)]),
    );
    this.#now = now;
    this.#add(
      [...now].flatMap(([camera, digest]) => missing(device, { camera, digest }, [...notes.values()])),
    );
    const stale = [...notes.values()].filter(({ camera, digest }) => now.get(camera) !== digest);
    const isNews = (camera: string): boolean =>
      before === undefined || before.get(camera) !== now.get(camera);
    return [...new Set(stale.map(({ camera }) => camera))].filter(isNews);
  }

  /** No broker holds a picture of this camera any more that was made with other masks than it has now. */
  settled(camera: string): void {
    const notes = this.#recalled() ?? [];
    const removed = [...notes].flatMap(([topic, note]) =>
      note.camera === camera && note.digest !== this.#now?.get(camera) ? [topic] : [],
    );
    for (const topic of removed) this.#notes?.delete(topic);
    if (removed.length > 0) this.#memory.change({ added: [], removed });
  }

  #recalled(): Map<string, Note> | undefined {
    const topics = this.#notes === undefined ? this.#memory.known() : undefined;
    if (topics !== undefined) {
      const entries = topics.map((topic) => [topic, noteOf(topic)] as const);
      this.#notes = new Map(entries.flatMap(([topic, note]) => (note === undefined ? [] : [[topic, note]])));
    }
    return this.#notes;
  }

  #add(added: readonly string[]): void {
    if (added.length === 0) return;
    for (const topic of added) this.#notes?.set(topic, noteOf(topic)!);
    this.#memory.change({ added, removed: [] });
  }
}

/** The notes that have to be made for masks. Where there is none at all, older pictures may be of any masks. */
function missing(device: string, { camera, digest }: Note, notes: readonly Note[]): string[] {
  const noted = notes.filter((note) => note.camera === camera).map((note) => note.digest);
  if (noted.includes(digest)) return [];
  const digests = noted.length === 0 && digest !== UNMASKED ? [digest, UNKNOWN] : [digest];
  return digests.map((one) => topicOf(device, `${cameraPath(camera)}masks/${one}`));
}

function noteOf(topic: string): Note | undefined {
  const [, camera, digest] = /^camera\/([^/]+)\/masks\/(\w+)$/.exec(pathOf(topic) ?? '') ?? [];
  return camera === undefined || digest === undefined ? undefined : { camera, digest };
}

/** Of the polygons: neither their names nor their order change what is painted. */
function digestOf(masks: Masks): string {
  const polygons = Object.values(masks).map(({ points }) => JSON.stringify(points));
  return createHash('sha256').update(polygons.sort().join()).digest('hex').slice(0, 16);
}

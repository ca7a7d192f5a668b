// Which privacy masks the pictures were made with that a broker may hold: notes over restarts of the daemon, kept beside the
// topics (memory-notes.ts). A note is made before the first such picture is sent, and goes when no broker holds one for certain.
// Main thread.
import { createHash } from 'node:crypto';
import type { CameraConfig } from '../config/types.ts';
import { sanitise } from '../core/names.ts';
import type { MemoryNotes, Note } from './memory-notes.ts';

export type Masks = CameraConfig['masks'];

/** Pictures of a version that kept no notes. */
const UNKNOWN = 'unknown';
const UNMASKED = digestOf({});

export class MaskNotes {
  readonly #notes: MemoryNotes;
  /** Digests of the masks there are now, by camera; undefined until earlier lives can be asked for. */
  #now: ReadonlyMap<string, string> | undefined;

  constructor(notes: MemoryNotes) {
    this.#notes = notes;
  }

  /**
   * Notes the masks that pictures are made with from now on. Returns the cameras that a broker may hold pictures of that were
   * made with others; each is returned once, until its masks change again.
   */
  take(device: string, cameras: Readonly<Record<string, { readonly masks: Masks }>>): readonly string[] {
    const noted = this.#notes.of('masks');
    if (noted === undefined) return [];
    const before = this.#now;
    const now = new Map(
      Object.entries(cameras).map(([name, { masks }]) => [sanitise(name), digestOf(masks)]),
    );
    this.#now = now;
    const added = [...now].flatMap(([camera, digest]) => missing(camera, digest, noted));
    this.#notes.add(device, added);
    const stale = [...noted, ...added].filter(({ camera, word }) => now.get(camera!) !== word);
    const isNews = (camera: string): boolean =>
      before === undefined || before.get(camera) !== now.get(camera);
    return [...new Set(stale.map(({ camera }) => camera!))].filter(isNews);
  }

  /** No broker holds a picture of this camera any more that was made with other masks than it has now. */
  settled(settled: string): void {
    const now = this.#now?.get(settled);
    this.#notes.remove(({ kind, camera, word }) => kind === 'masks' && camera === settled && word !== now);
  }
}

/** The notes that have to be made for masks. Where there is none at all, older pictures may be of any masks. */
function missing(camera: string, digest: string, notes: readonly Note[]): Note[] {
  const noted = notes.filter((note) => note.camera === camera).map(({ word }) => word);
  if (noted.includes(digest)) return [];
  const digests = noted.length === 0 && digest !== UNMASKED ? [digest, UNKNOWN] : [digest];
  return digests.map((word) => ({ kind: 'masks', camera, word }));
}

/** Of the polygons: neither their names nor their order change what is painted. */
function digestOf(masks: Masks): string {
  const polygons = Object.values(masks).map(({ points }) => JSON.stringify(points));
  return createHash('sha256').update(polygons.sort().join()).digest('hex').slice(0, 16);
}

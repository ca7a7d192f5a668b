// Notes beside the remembered topics: what a later life of the daemon has to know of them. A note is a path, and kept spelled
// like a topic of ours, but never published: a version that knows no notes takes it for a topic, clears it, and forgets it.
// Main thread.
import type { TopicMemory } from './retained.ts';
import { pathOf, topicOf } from './topics.ts';

/** `masks`, `seen`: of a camera; `machine`: of the whole board. */
export type NoteKind = 'machine' | 'masks' | 'seen';

export interface Note {
  readonly kind: NoteKind;
  /** Its name for topics; undefined where the whole board is meant. */
  readonly camera: string | undefined;
  /** What is noted: letters of which names for topics are made. */
  readonly word: string;
}

const PATH = /^(?:(machine)|camera\/([^/]+)\/(masks|seen))\/([^/]+)$/;

export class MemoryNotes {
  readonly #memory: TopicMemory;
  /** Whole topics by path: the device may have had another name. Undefined until earlier lives can be asked for. */
  #topics: Map<string, string> | undefined;

  constructor(memory: TopicMemory) {
    this.#memory = memory;
  }

  /** Undefined until earlier lives can be asked for. */
  of(kind: NoteKind): Note[] | undefined {
    const topics = this.#recalled();
    return topics && [...topics.keys()].map((path) => readNote(path)!).filter((note) => note.kind === kind);
  }

  has(note: Note): boolean {
    return this.#recalled()?.has(notePath(note)) === true;
  }

  /** Those that are not there yet; none until earlier lives can be asked for. */
  add(device: string, notes: readonly Note[]): void {
    const topics = this.#recalled();
    if (topics === undefined) return;
    const paths = notes.map(notePath).filter((path) => !topics.has(path));
    for (const path of paths) topics.set(path, topicOf(device, path));
    if (paths.length > 0) this.#memory.change({ added: paths.map((path) => topics.get(path)!), removed: [] });
  }

  remove(fits: (note: Note) => boolean): void {
    const gone = [...(this.#recalled() ?? [])].filter(([path]) => fits(readNote(path)!));
    for (const [path] of gone) this.#topics?.delete(path);
    if (gone.length > 0) this.#memory.change({ added: [], removed: gone.map(([, topic]) => topic) });
  }

  #recalled(): Map<string, string> | undefined {
    const topics = this.#topics === undefined ? this.#memory.known() : undefined;
    if (topics !== undefined) {
      this.#topics = new Map(topics.filter(isNote).map((topic) => [pathOf(topic)!, topic]));
    }
    return this.#topics;
  }
}

/** Whether what is remembered is a note, and no topic. */
export function isNote(topic: string): boolean {
  return readNote(pathOf(topic) ?? '') !== undefined;
}

function notePath({ kind, camera, word }: Note): string {
  return camera === undefined ? `${kind}/${word}` : `camera/${camera}/${kind}/${word}`;
}

function readNote(path: string): Note | undefined {
  const [, ofBoard, camera, ofCamera, word] = PATH.exec(path) ?? [];
  const kind = ofBoard ?? ofCamera;
  return word === undefined ? undefined : { kind: kind as NoteKind, camera, word };
}

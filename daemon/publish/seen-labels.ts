// Labels that a camera has seen, over restarts of the daemon, noted beside the topics: what was shown once is shown again
// from the start, whether a rule names it or not. Main thread.

import { sanitise } from '../core/names.ts';
import { LABELS_MAX } from '../core/presence.ts';
import type { MemoryNotes, Note } from './memory-notes.ts';

export interface SeenLabelsOptions {
  readonly notes: MemoryNotes;
  /** First level below `vedette/`. */
  readonly device: () => string;
}

/** Cameras and labels by their names for topics. */
export class SeenLabels {
  readonly #options: SeenLabelsOptions;

  constructor(options: SeenLabelsOptions) {
    this.#options = options;
  }

  /** In this life and those before; none until these can be asked for. */
  of(camera: string): string[] {
    return this.#notesOf(camera).map(({ word }) => word);
  }

  /** A label is there: cheap where it has been before. */
  see(camera: string, label: string): void {
    const { notes, device } = this.#options;
    const note: Note = { kind: 'seen', camera: sanitise(camera), word: label };
    if (notes.has(note) || this.#notesOf(camera).length >= LABELS_MAX) return;
    notes.add(device(), [note]);
  }

  /** Of cameras that are gone. */
  forgetOthers(cameras: readonly string[]): void {
    const names = new Set(cameras.map(sanitise));
    this.#options.notes.remove(({ kind, camera = '' }) => kind === 'seen' && !names.has(camera));
  }

  /** Labels that the model cannot see. */
  forgetUnknown(modelLabels: readonly string[]): void {
    const known = new Set(modelLabels.map(sanitise));
    this.#options.notes.remove(({ kind, word }) => kind === 'seen' && !known.has(word));
  }

  #notesOf(camera: string): Note[] {
    const name = sanitise(camera);
    return (this.#options.notes.of('seen') ?? []).filter((note) => note.camera === name);
  }
}

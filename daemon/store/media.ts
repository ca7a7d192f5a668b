// The files of pictures below media/ in the data folder: looks at them and deletes them, and nothing outside, whatever
// a row or a symbolic link says. Knows no rows. Worker thread.
import {
  type Dirent,
  lstatSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from './failures.ts';
import { isMediaPath } from './paths.ts';

export class Media {
  readonly #dataDir: string;

  /** Absolute path of the data folder, which exists. */
  constructor(dataDir: string) {
    this.#dataDir = realpathSync(dataDir);
  }

  /** True when deleting a picture makes room for the database. */
  sharesDisk(): boolean {
    const media = statSync(join(this.#dataDir, 'media'), { throwIfNoEntry: false });
    return media?.dev === statSync(this.#dataDir).dev;
  }

  /** Throws what node:fs throws, and RangeError for a path outside, as the others do. */
  exists(path: string): boolean {
    return this.#look(path) !== undefined;
  }

  /** True when the file is there and was last changed before this (wall clock). */
  isOlder(path: string, beforeMs: number): boolean {
    return (this.#look(path)?.mtimeMs ?? Infinity) < beforeMs;
  }

  /** Deletes the file; returns its size, 0 when it was gone already. */
  remove(path: string): number {
    const file = this.#resolve(path);
    if (file === undefined) return 0;
    try {
      const { size } = lstatSync(file);
      unlinkSync(file);
      return size;
    } catch (error) {
      if (isAbsence(error)) return 0;
      throw error;
    }
  }

  /** Folders media/<camera>/<day>, oldest name first in each camera. Links to folders are not followed. */
  dayFolders(): string[] {
    return this.#foldersIn('media').flatMap((camera) => this.#foldersIn(camera));
  }

  /** Paths of everything in a folder that can be the file of a picture. */
  filesIn(folder: string): string[] {
    const entries = this.#entriesOf(folder).filter((entry) => !entry.isDirectory());
    return entries.map(({ name }) => `${folder}/${name}`).filter(isMediaPath);
  }

  /** Removes the folder unless there is something in it, or was lately: a camera may be about to write there. */
  removeIfEmpty(folder: string, beforeMs: number): void {
    const path = join(this.#dataDir, folder);
    try {
      if (statSync(path).mtimeMs < beforeMs) rmdirSync(path);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) throw error;
    }
  }

  #foldersIn(folder: string): string[] {
    const names = this.#entriesOf(folder)
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    return names.sort().map((name) => `${folder}/${name}`);
  }

  #entriesOf(folder: string): Dirent[] {
    try {
      if (realpathSync(join(this.#dataDir, folder)) !== join(this.#dataDir, folder)) return [];
      return readdirSync(join(this.#dataDir, folder), { withFileTypes: true });
    } catch (error) {
      if (isAbsence(error)) return [];
      throw error;
    }
  }

  #look(path: string): Stats | undefined {
    const file = this.#resolve(path);
    return file === undefined ? undefined : lstatSync(file, { throwIfNoEntry: false });
  }

  /** Absolute path of a file that may not exist; undefined when its folder does not. The last name is never followed. */
  #resolve(path: string): string | undefined {
    if (!isMediaPath(path)) throw new RangeError(`'${path}' is not the path of a picture`);
    const file = join(this.#dataDir, path);
    try {
      if (realpathSync(dirname(file)) !== dirname(file)) {
        throw new RangeError(`'${dirname(path)}' is a symbolic link or lies behind one`);
      }
      return file;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }
}

function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}

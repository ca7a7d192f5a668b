// The files of pictures below media/ in the data folder: looks at them and deletes them, and nothing outside, whatever
// a row or a symbolic link says. Knows no rows. Worker thread.
import { createHash } from 'node:crypto';
import {
  type Dirent,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf } from './failures.ts';
import { isDayFolder, isMediaPath } from './paths.ts';

export interface MediaFile {
  readonly bytes: number;
  /** Wall clock of its last change. */
  readonly changedMs: number;
}

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

  /** Undefined when there is no such file. Throws what node:fs throws, and RangeError for a path outside, as all here. */
  look(path: string): MediaFile | undefined {
    const file = this.#resolve(path);
    const stats = file === undefined ? undefined : lstatSync(file, { throwIfNoEntry: false });
    return stats === undefined ? undefined : { bytes: stats.size, changedMs: stats.mtimeMs };
  }

  /** Reads the whole file: some milliseconds. 64 hexadecimal digits. */
  sha256(path: string): string {
    const file = this.#resolve(path);
    if (file === undefined) throw new RangeError(`'${path}' is gone`);
    return createHash('sha256').update(readFileSync(file)).digest('hex');
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

  /** Folders media/<camera>/<day>, in order of their names. Links to folders are not followed. */
  dayFolders(): string[] {
    return this.#foldersIn('media').flatMap((camera) => this.#foldersIn(camera).filter(isDayFolder));
  }

  /** Paths of everything in a folder that can be the file of a picture, in order of their names. */
  filesIn(folder: string): string[] {
    const files = this.#entriesOf(folder).filter((entry) => entry.isFile());
    return files
      .map(({ name }) => `${folder}/${name}`)
      .filter(isMediaPath)
      .sort();
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

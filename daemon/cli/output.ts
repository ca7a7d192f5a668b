// Where a command's long output goes: standard output, which may be closed by its reader at any moment, or a file that is
// there whole or not at all.

import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { type WholePlace, wholePlace } from '../platform/whole-file.ts';

export interface Output {
  /** False once nobody reads any more. Throws EXPORT_FAILED when it cannot be written. */
  write(text: string): Promise<boolean>;
  /** Everything has been written. */
  finish(): void;
  /** Not everything could be written: leaves no half file. Harmless after `finish`. */
  abandon(): void;
}

/** Standard output. A reader that leaves (`… | head`) is no error. */
export class StandardOutput implements Output {
  readonly #stream = process.stdout;
  #error: NodeJS.ErrnoException | undefined;

  constructor() {
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error;
    });
  }

  async write(text: string): Promise<boolean> {
    if (text !== '' && this.#error === undefined && !this.#stream.write(text)) {
      await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]).catch(() => undefined);
    }
    if (this.#error !== undefined && this.#error.code !== 'EPIPE') {
      throw failed('standard output', this.#error);
    }
    return this.#error === undefined;
  }

  finish(): void {}

  abandon(): void {}
}

/**
 * What commands write with `process.stdout.write`: a reader that leaves (`… | head`) is no error, and all that was written leaves before
 * the process does.
 */
export class StandardStreams {
  readonly #streams = [process.stdout, process.stderr];
  #error: NodeJS.ErrnoException | undefined;

  constructor() {
    for (const stream of this.#streams) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') this.#error ??= error;
      });
    }
  }

  /** Waits for the last byte; why some of it could not be written, if so. */
  async drained(): Promise<string | undefined> {
    const drain = (stream: NodeJS.WriteStream): Promise<void> =>
      new Promise((resolve) => stream.write('', () => resolve()));
    await Promise.all(this.#streams.map(drain));
    return this.#error === undefined ? undefined : failed('standard output', this.#error).message;
  }
}

/**
 * A file: written beside its place and renamed when it is complete and on the disk. What is no file (a device, a pipe) is written
 * as it comes; a symbolic link stays one.
 */
export class FileOutput implements Output {
  readonly #named: string;
  readonly #place: WholePlace;
  #fd: number | undefined;

  /** Throws EXPORT_FAILED when nothing can be written there. */
  constructor(path: string) {
    this.#named = path;
    try {
      this.#place = wholePlace(path);
      const { temporary } = this.#place;
      this.#fd = temporary === undefined ? openSync(path, 'w') : openSync(temporary, 'wx', 0o666);
    } catch (error) {
      throw failed(`'${path}'`, error);
    }
  }

  async write(text: string): Promise<boolean> {
    const data = Buffer.from(text);
    try {
      for (let from = 0; from < data.length; ) from += writeSync(this.#fd!, data, from);
    } catch (error) {
      throw failed(`'${this.#named}'`, error);
    }
    return true;
  }

  finish(): void {
    const { path, temporary } = this.#place;
    try {
      if (temporary !== undefined) fsyncSync(this.#fd!);
      this.#close();
      if (temporary !== undefined) renameSync(temporary, path);
    } catch (error) {
      this.abandon();
      throw failed(`'${this.#named}'`, error);
    }
  }

  abandon(): void {
    this.#close();
    const { temporary } = this.#place;
    if (temporary !== undefined) rmSync(temporary, { force: true });
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function failed(where: string, error: unknown): VedetteError {
  return new VedetteError('EXPORT_FAILED', `${where} cannot be written: ${reasonOf(error)}`, {}, error);
}

// Where a command's long output goes: standard output, which may be closed by its reader at any moment, or a file that is
// there whole or not at all.

import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf, VedetteError } from '../platform/errors.ts';

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

/** A file: written beside its place and renamed when it is complete and on the disk. */
export class FileOutput implements Output {
  readonly #path: string;
  readonly #temporary: string;
  #fd: number | undefined;
  #bytes = 0;

  /** Throws EXPORT_FAILED when nothing can be written there. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    try {
      this.#fd = openSync(this.#temporary, 'wx', 0o666);
    } catch (error) {
      throw failed(`'${path}'`, error);
    }
  }

  /** Written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async write(text: string): Promise<boolean> {
    const data = Buffer.from(text);
    try {
      for (let from = 0; from < data.length; ) from += writeSync(this.#fd!, data, from);
    } catch (error) {
      throw failed(`'${this.#path}'`, error);
    }
    this.#bytes += data.length;
    return true;
  }

  finish(): void {
    try {
      fsyncSync(this.#fd!);
      this.#close();
      renameSync(this.#temporary, this.#path);
    } catch (error) {
      this.abandon();
      throw failed(`'${this.#path}'`, error);
    }
  }

  abandon(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function failed(where: string, error: unknown): VedetteError {
  return new VedetteError('EXPORT_FAILED', `${where} cannot be written: ${reasonOf(error)}`, {}, error);
}

// The data folder as a disk of its own: a tmpfs that can be filled, freed and made read-only. Needs root.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(65_536);

export class Disk {
  readonly path: string;
  readonly #filler: string;

  constructor(path: string, sizeMb: number) {
    this.path = path;
    this.#filler = join(path, 'filler');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m,mode=0700`, 'tmpfs', path]);
  }

  /** Leaves hardly a free block. */
  fill(): void {
    for (const chunk of [CHUNK, CHUNK.subarray(0, 4096)]) {
      while (statfsSync(this.path).bavail > 0) {
        try {
          appendFileSync(this.#filler, chunk);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          break;
        }
      }
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Only while nothing has a file of it open for writing (mount(2), EBUSY): between two lives of the daemon. */
  makeReadOnly(): void {
    execFileSync('mount', ['-o', 'remount,ro', this.path]);
  }

  makeWritable(): void {
    execFileSync('mount', ['-o', 'remount,rw', this.path]);
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path]);
  }
}

// Pictures on their way to the disk: written whole, made durable, and only then given their name, so that a path that has
// been told leads to the file with the hash that was told, or to nothing. Watches the room on the disk: alerts need it
// more. Never waited for by a frame. Camera worker thread.
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sanitise } from '../core/names.ts';
import type { Snapshot } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { freeMb, makeFolder, syncPath, writeDurably } from '../platform/durable-files.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import { newId } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';

/** Folder below the data folder. */
const MEDIA = 'media';
/** Below the camera's folder: files without their name yet. Emptied at start; a power cut may leave some. */
const UNFINISHED = '.unfinished';
/** Pictures waiting for the disk, at most; each holds a few hundred kilobytes. */
const WAITING_MAX = 8;
const CHECK_INTERVAL_MS = 5000;
const LABEL_LENGTH_MAX = 32;

export interface PictureFilesOptions {
  readonly camera: string;
  readonly dataDir: string;
  /** Nothing is written while the disk has less room than this (megabytes). */
  readonly reserveMb: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The files are durable. */
  readonly onDurable: (snapshot: Snapshot) => void;
  /** They are not there and will not come. */
  readonly onLost: (snapshot: Snapshot) => void;
}

/** What is written at a path below the data folder. */
export interface PictureFile {
  readonly path: string;
  readonly jpeg: Uint8Array;
}

/** A picture with its files; the one with the path of the snapshot comes last. */
export interface PictureOnDisk {
  readonly snapshot: Snapshot;
  readonly files: readonly PictureFile[];
}

export class PictureFiles {
  readonly #options: PictureFilesOptions;
  readonly #folder: string;
  readonly #waiting: PictureOnDisk[] = [];
  #writing: Promise<void> | undefined;
  #checking: Promise<void> | undefined;
  #swept = false;
  #open = false;
  /** Told and not mended. */
  #problem = false;
  #timer: Timer | undefined;

  constructor(options: PictureFilesOptions) {
    this.#options = options;
    this.#folder = join(options.dataDir, MEDIA, options.camera);
  }

  /** Room for one more: it will be written, unless the disk fails. */
  get open(): boolean {
    return this.#open && this.#waiting.length < WAITING_MAX;
  }

  /** Returns at once; pictures are taken as soon as the first look at the disk is over. */
  start(): void {
    this.#check();
    this.#timer = this.#options.clock.every(CHECK_INTERVAL_MS, () => this.#check());
  }

  /**
   * A path for a picture, without its ending: `media/<camera>/<day>/<time>-<label>-<track>-<random>`, in UTC, so that names
   * sort by time through a change of the clocks. The track counts from 1 at each start: the random part keeps names apart.
   */
  newPath({ label, track, atMs }: { label: string; track: number; atMs: number }): string {
    const [day, time] = new Date(atMs).toISOString().split('T') as [string, string];
    const word = sanitise(label).slice(0, LABEL_LENGTH_MAX);
    const name = `${time.slice(0, 8).replaceAll(':', '')}-${word}-${track}-${newId().slice(-8)}`;
    return `${MEDIA}/${this.#options.camera}/${day}/${name}`;
  }

  /** Only while `open`. Ends in `onDurable` or `onLost`. */
  write(picture: PictureOnDisk): void {
    this.#waiting.push(picture);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything that waits has been written or lost. */
  async close(): Promise<void> {
    this.#open = false;
    this.#timer?.stop();
    await this.#checking;
    // That look may have found room.
    this.#open = false;
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        await this.#writeOne(next);
        this.#mended();
        this.#options.onDurable(next.snapshot);
      } catch (error) {
        this.#failed(reasonOf(error));
        for (const { path } of next.files) await this.#remove(path);
        this.#options.onLost(next.snapshot);
      }
      this.#waiting.shift();
    }
    this.#writing = undefined;
  }

  async #writeOne({ snapshot, files }: PictureOnDisk): Promise<void> {
    const folder = dirname(this.#absolute(snapshot.path));
    await makeFolder(folder);
    for (const { path, jpeg } of files) await writeDurably(this.#unfinished(path), jpeg);
    for (const { path } of files) await rename(this.#unfinished(path), this.#absolute(path));
    await syncPath(folder);
  }

  async #remove(path: string): Promise<void> {
    for (const place of [this.#unfinished(path), this.#absolute(path)]) {
      await rm(place, { force: true }).catch(() => undefined);
    }
  }

  #absolute(path: string): string {
    return join(this.#options.dataDir, path);
  }

  #unfinished(path: string): string {
    return join(this.#folder, UNFINISHED, path.slice(path.lastIndexOf('/') + 1));
  }

  /** One look at the disk at a time: a disk that hangs is not asked again and again. */
  #check(): void {
    this.#checking ??= this.#look()
      .catch((error: unknown) => this.#failed(reasonOf(error)))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #look(): Promise<void> {
    const unfinished = join(this.#folder, UNFINISHED);
    if (!this.#swept) await rm(unfinished, { recursive: true, force: true });
    this.#swept = true;
    // At every look: an owner may make room by removing the whole folder.
    await makeFolder(unfinished);
    const lack = await lackOfRoom(this.#folder, this.#options.reserveMb);
    if (lack !== undefined) {
      this.#failed(lack);
      return;
    }
    // After a failed write the next picture finds out.
    this.#open = true;
  }

  /** One line per change of state. */
  #failed(reason: string): void {
    this.#open = false;
    if (this.#problem) return;
    this.#problem = true;
    const code: ErrorCode = 'SNAPSHOT_NOT_WRITTEN';
    const { camera, logger } = this.#options;
    logger.warn({ code }, `pictures of camera '${camera}' are not written: ${reason}; trying again`);
  }

  #mended(): void {
    if (!this.#problem) return;
    this.#problem = false;
    this.#options.logger.info(`pictures of camera '${this.#options.camera}' are written again`);
  }
}

/** Why there is no room for pictures and clips: alerts need it more. */
export async function lackOfRoom(folder: string, reserveMb: number): Promise<string | undefined> {
  const free = await freeMb(folder);
  return free < reserveMb ? `${free} MB are free (limit ${reserveMb}, snapshots.reserveMb)` : undefined;
}

// Clips on their way to the disk: pictures through ffmpeg, one video at a time and with low priority, whole and durable before
// it gets its name. A clip that cannot be written is lost, and the log says so once. Camera worker thread.
import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ClipOrder } from '../core/clips.ts';
import type { Snapshot } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import { makeFolder, nameDurably } from '../platform/durable-files.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { lackOfRoom } from './picture-files.ts';
import { VideoWriter } from './video-writer.ts';

/** Below the camera's folder: videos without their name yet. Emptied at start. */
const UNFINISHED = '.clips';
/** Pictures of clips that wait for ffmpeg, at most; some are counted twice, for clips overlap. */
const WAITING_BYTES_MAX = 16_000_000;
const WRITE_MS_MAX = 60_000;
const NICENESS = 10;

export interface ClipFilesOptions {
  readonly camera: string;
  readonly dataDir: string;
  readonly reserveMb: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onClip: (clip: Snapshot) => void;
}

export interface ClipToWrite {
  readonly order: ClipOrder;
  /** JPEGs, one a tick. */
  readonly pictures: readonly Uint8Array[];
  readonly fps: number;
}

export class ClipFiles {
  readonly #options: ClipFilesOptions;
  readonly #folder: string;
  readonly #waiting: ClipToWrite[] = [];
  #writing: Promise<void> | undefined;
  #writer: VideoWriter | undefined;
  #swept = false;
  #closed = false;
  /** Told and not mended. */
  #problem = false;

  constructor(options: ClipFilesOptions) {
    this.#options = options;
    this.#folder = join(options.dataDir, 'media', options.camera, UNFINISHED);
  }

  /** Returns at once. */
  write(clip: ClipToWrite): void {
    const bytes = [...this.#waiting, clip].reduce((sum, { pictures }) => sum + bytesOf(pictures), 0);
    if (bytes > WAITING_BYTES_MAX && this.#waiting.length > 0)
      return this.lose('ffmpeg is too slow for them');
    this.#waiting.push(clip);
    this.#writing ??= this.#writeAll();
  }

  /** One line per change of state. */
  lose(reason: string): void {
    if (this.#problem || this.#closed) return;
    this.#problem = true;
    const code: ErrorCode = 'CLIP_NOT_WRITTEN';
    const { camera, logger } = this.#options;
    logger.warn({ code }, `clips of camera '${camera}' are not written: ${reason}; the next is tried again`);
  }

  /** Ends the program; what it has not finished is lost. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    await this.#writer?.abandon();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        const clip = await this.#writeOne(next);
        if (this.#problem) this.#options.logger.info(`clips of camera '${clip.camera}' are written again`);
        this.#problem = false;
        this.#options.onClip(clip);
      } catch (error) {
        this.lose(reasonOf(error));
      }
      this.#waiting.shift();
    }
    this.#writing = undefined;
  }

  async #writeOne({ order, pictures, fps }: ClipToWrite): Promise<Snapshot> {
    const { dataDir } = this.#options;
    await this.#requireRoom();
    const unfinished = join(this.#folder, basename(order.path));
    await this.#encode(pictures, fps, unfinished);
    const sha256 = createHash('sha256')
      .update(await readFile(unfinished))
      .digest('hex');
    const { size } = await stat(unfinished);
    await nameDurably(unfinished, join(dataDir, order.path));
    const { camera, path, label = '', score = 0, atMs, eventId } = order;
    return {
      ...{ kind: 'clip', camera, path, sha256, track: 0, label, score, atMs, bytes: size },
      // Of the frame that all of it is about.
      box: { x: 0, y: 0, width: 1, height: 1 },
      ...(eventId === undefined ? {} : { eventId }),
    };
  }

  async #encode(pictures: readonly Uint8Array[], fps: number, output: string): Promise<void> {
    const { clock } = this.#options;
    const input = ['-f', 'image2pipe', '-c:v', 'mjpeg', '-framerate', String(fps)];
    const writer = await VideoWriter.start({ input, output, clock, niceness: NICENESS });
    this.#writer = writer;
    const deadline = clock.after(WRITE_MS_MAX, () => void writer.abandon());
    try {
      for (const picture of this.#closed ? [] : pictures) await writer.write(picture);
      await writer.finish();
    } finally {
      deadline.stop();
      this.#writer = undefined;
      await writer.abandon();
    }
  }

  async #requireRoom(): Promise<void> {
    if (!this.#swept) await rm(this.#folder, { recursive: true, force: true });
    this.#swept = true;
    await makeFolder(this.#folder);
    const lack = await lackOfRoom(this.#folder, this.#options.reserveMb);
    if (lack !== undefined) throw new Error(lack);
  }
}

function bytesOf(pictures: readonly Uint8Array[]): number {
  return pictures.reduce((sum, { length }) => sum + length, 0);
}

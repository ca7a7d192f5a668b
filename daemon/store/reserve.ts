// A file that holds room on the disk for alerts: really written, given up when the database finds no room, made again when
// there is room for it twice over. Written in turns of some milliseconds, so that no commit waits for it. Worker thread.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../platform/clock.ts';
import { codeOf, isDamage } from './failures.ts';
import type { ReserveState } from './messages.ts';
import { MEGABYTE } from './options.ts';

export interface ReserveOptions {
  readonly path: string;
  /** Megabytes (1,000,000 bytes); 0 for none. */
  readonly reserveMb: number;
  readonly clock: Clock;
  onChange(): void;
}

const TURN_BYTES = 256 * 1024;
const PAUSE_MS = 20;
/** How often it is looked for room while the reserve is not whole. */
const LOOK_MS = 5000;
/** A disk with less room than this is full. */
const FULL_BYTES = 256 * 1024;

export class Reserve {
  readonly #options: ReserveOptions;
  /** Not zeros: a file system that compresses would keep no room for them. */
  readonly #filling = randomBytes(TURN_BYTES);
  #bytesMax: number;
  #state: ReserveState = 'missing';
  #timer: Timer | undefined;
  #running = false;

  constructor(options: ReserveOptions) {
    this.#options = options;
    this.#bytesMax = options.reserveMb * MEGABYTE;
  }

  get state(): ReserveState {
    return this.#state;
  }

  start(): void {
    this.#running = true;
    this.#after(PAUSE_MS);
  }

  stop(): void {
    this.#running = false;
    this.#timer?.stop();
  }

  setSize(reserveMb: number): void {
    if (reserveMb * MEGABYTE === this.#bytesMax) return;
    this.#bytesMax = reserveMb * MEGABYTE;
    if (this.#running) this.#after(PAUSE_MS);
  }

  /** Gives the room to whoever needs it; false when there was none to give. */
  giveUp(): boolean {
    const { path, onChange } = this.#options;
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes === 0) return false;
    rmSync(path, { force: true });
    if (this.#running) this.#after(LOOK_MS);
    this.#state = 'given up';
    onChange();
    return true;
  }

  /**
   * True when an error comes of a full disk. SQLite has no one code for that: growing the shared memory of its log fails
   * with an I/O error, making a file with "cannot open".
   */
  blames(error: unknown): boolean {
    const code = codeOf(error);
    if (code === 'ENOSPC' || code === 'SQLITE_FULL') return true;
    return /^SQLITE_(IOERR|CANTOPEN)/.test(code) && !isDamage(error) && this.#free() < FULL_BYTES;
  }

  #after(ms: number): void {
    this.#timer?.stop();
    this.#timer = this.#options.clock.after(ms, () => this.#turn());
  }

  #turn(): void {
    let nextMs: number | undefined;
    let state: ReserveState = this.#state === 'given up' ? 'given up' : 'missing';
    try {
      if (this.#bytesMax === 0) rmSync(this.#options.path, { force: true });
      const missing = this.#bytesMax === 0 ? 0 : this.#fill();
      if (missing > 0) nextMs = PAUSE_MS;
      else if (missing < 0) nextMs = LOOK_MS;
      else state = this.#bytesMax === 0 ? 'off' : 'kept';
    } catch {
      // The disk is full after all, or refuses: what there is stays, and it is tried again.
      nextMs = LOOK_MS;
    }
    if (nextMs !== undefined) this.#after(nextMs);
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange();
  }

  /** Writes a piece. Bytes still missing: 0 when the file is whole and durable, -1 while there is no room. */
  #fill(): number {
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    const fd = openSync(this.#options.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    try {
      const { size } = fstatSync(fd);
      const missing = this.#bytesMax - size;
      if (missing < 0) rmSync(this.#options.path, { force: true });
      if (missing < 0) return this.#bytesMax;
      if (missing === 0) return 0;
      if (this.#free() < missing + this.#bytesMax) return -1;
      const written = writeSync(fd, this.#filling, 0, Math.min(missing, TURN_BYTES));
      if (written === missing) fsyncSync(fd);
      return missing - written;
    } finally {
      closeSync(fd);
    }
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#options.path));
    return bavail * bsize;
  }
}

// Observations on their way to the store's thread: packed into one buffer as they come, handed over when nothing else
// waits. Bounded: what the buffer cannot take while the disk is slow is dropped and counted, for an observation is worth
// less than anything else the store writes. Main thread; a frame costs it some field writes and no allocation.
import type { Observation } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { HistoryBatch, HistoryState, HistoryStatus } from './messages.ts';
import { bodyBytes, encodeBody } from './observation-codec.ts';

export interface HistoryFeedOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Something is to be taken. */
  onDue(): void;
}

/** Handed over when the first of these is reached. */
const DUE_MS = 2000;
const DUE_ROWS = 256;
/** 256 frames with ten objects each, half as much again. */
const BUFFER_BYTES = 128 * 1024;
const NAMES_MAX = 65_536;
/** Before each body: its length, the camera, wall clock, monotonic clock. */
export const ROW_HEAD_BYTES = 24;

export class HistoryFeed {
  readonly #options: HistoryFeedOptions;
  readonly #view = new DataView(new ArrayBuffer(BUFFER_BYTES));
  /** Cameras and labels by number; grows with the configuration and the model, not with time. */
  readonly #names = new Map<string, number>();
  readonly #nameOf = (name: string): number => this.#numberOf(name);
  #bytes = 0;
  #rows = 0;
  #due = false;
  #inFlight = false;
  #timer: Timer | undefined;
  #dropped = 0;
  #written = 0;
  #fileBytes = 0;
  #problem = '';

  constructor(options: HistoryFeedOptions) {
    this.#options = options;
  }

  /** Takes a frame in which something was, or stopped being. */
  observed(observation: Observation): void {
    if (observation.tracks.length + observation.ended.length === 0) return;
    const bytes = ROW_HEAD_BYTES + bodyBytes(observation);
    if (this.#bytes + bytes > BUFFER_BYTES || this.#names.size >= NAMES_MAX) {
      this.#dropped += 1;
      return;
    }
    const [view, at] = [this.#view, this.#bytes];
    view.setUint32(at, bytes - ROW_HEAD_BYTES, true);
    view.setUint32(at + 4, this.#numberOf(observation.camera), true);
    view.setFloat64(at + 8, observation.stamp.atMs, true);
    view.setFloat64(at + 16, observation.stamp.monoMs, true);
    encodeBody(view, at + ROW_HEAD_BYTES, observation, this.#nameOf);
    this.#bytes += bytes;
    this.#rows += 1;
    this.#timer ??= this.#options.clock.after(DUE_MS, () => this.#isDue());
    if (this.#rows >= DUE_ROWS || this.#bytes > BUFFER_BYTES / 2) this.#isDue();
  }

  /** What is due, for the thread; undefined while nothing is, or the last has not been answered. */
  take(): HistoryBatch | undefined {
    return this.#due && !this.#inFlight ? this.takeAll() : undefined;
  }

  /** What there is, due or not: the daemon stops. */
  takeAll(): HistoryBatch | undefined {
    if (this.#rows === 0) return undefined;
    const rows = this.#view.buffer.slice(0, this.#bytes);
    this.#bytes = 0;
    this.#rows = 0;
    this.#due = false;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#inFlight = true;
    return { type: 'history', rows, names: [...this.#names.keys()] };
  }

  /** The thread has written what it was given, or says why it did not. */
  heard({ written, dropped, bytes, problem, damage }: HistoryStatus): void {
    this.#inFlight = false;
    const { logger } = this.#options;
    if (damage !== undefined) logger.error({ event: 'history-damaged', code: 'STORE_DAMAGED' }, damage);
    this.#written += written;
    this.#dropped += dropped;
    this.#fileBytes = bytes;
    if (this.#due) this.#options.onDue();
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === '') logger.info({ event: 'history-recovered' }, 'observations are kept again');
    else logger.warn({ event: 'history-problem' }, `observations are not kept: ${problem}`);
  }

  /** The thread is gone with what it had been given: a few seconds of observations, perhaps written, perhaps not. */
  threadEnded(): void {
    this.#inFlight = false;
  }

  get state(): HistoryState {
    return {
      written: this.#written,
      dropped: this.#dropped,
      bytes: this.#fileBytes,
      problem: this.#problem === '' ? undefined : this.#problem,
    };
  }

  #isDue(): void {
    this.#due = true;
    if (!this.#inFlight) this.#options.onDue();
  }

  #numberOf(name: string): number {
    let number = this.#names.get(name);
    if (number === undefined) {
      number = this.#names.size;
      this.#names.set(name, number);
    }
    return number;
  }
}

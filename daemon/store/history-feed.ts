// Observations on their way to the store's thread: packed into one buffer as they come, handed over when nothing else
// waits, with the facts and traces of the same time (history-notes.ts). Bounded: what the buffer cannot take while the disk
// is slow is dropped and counted, for an observation is worth less than anything else the store writes. Main thread; a
// frame costs it some field writes and no allocation.
import type { TrackTrace } from '../core/trace-types.ts';
import type { Fact, Moment, Observation } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { HistoryBatch, HistoryState, HistoryStatus } from './history-messages.ts';
import { HistoryNotes } from './history-notes.ts';
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
/** A frame without anything is kept when the last one kept of its camera is this old: proof that somebody looked. */
const HEARTBEAT_MS = 30_000;
/** Before each body: its length, the camera, wall clock, monotonic clock. */
export const ROW_HEAD_BYTES = 24;

export class HistoryFeed {
  readonly #options: HistoryFeedOptions;
  readonly #view = new DataView(new ArrayBuffer(BUFFER_BYTES));
  /** Cameras and labels by number; grows with the configuration and the model, not with time. */
  readonly #names = new Map<string, number>();
  readonly #nameOf = (name: string): number => this.#numberOf(name);
  readonly #notes = new HistoryNotes();
  /** By camera: when the last frame kept of it was taken. An object each, for a number in a map would be made anew. */
  readonly #kept = new Map<string, { monoMs: number }>();
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

  /** Takes a frame in which something was, or stopped being; that nobody looks any more; now and then one without anything. */
  observed(observation: Observation): void {
    const { monoMs } = observation.stamp;
    const kept = this.#keptOf(observation.camera);
    const isEmpty = observation.tracks.length + observation.ended.length === 0;
    if (isEmpty && observation.frameless !== true && monoMs - kept.monoMs < HEARTBEAT_MS) return;
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
    // After a time without frames the first of them says that somebody looks again.
    kept.monoMs = observation.frameless === true ? Number.NEGATIVE_INFINITY : monoMs;
    this.#bytes += bytes;
    this.#rows += 1;
    this.#dueSoon();
    if (this.#rows >= DUE_ROWS || this.#bytes > BUFFER_BYTES / 2) this.#isDue();
  }

  /** Takes what the rules were told. */
  learned(fact: Fact, moment: Moment): void {
    this.#notes.learned(fact, moment);
    this.#dueSoon();
  }

  /** Takes what became of tracks. */
  traced(traces: readonly TrackTrace[]): void {
    if (traces.length === 0) return;
    this.#notes.traced(traces);
    this.#dueSoon();
  }

  /** What is due, for the thread; undefined while nothing is, or the last has not been answered. */
  take(): HistoryBatch | undefined {
    return this.#due && !this.#inFlight ? this.takeAll() : undefined;
  }

  /** What there is, due or not: the daemon stops. */
  takeAll(): HistoryBatch | undefined {
    if (this.#rows === 0 && this.#notes.empty) return undefined;
    const rows = this.#view.buffer.slice(0, this.#bytes);
    this.#bytes = 0;
    this.#rows = 0;
    this.#due = false;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#inFlight = true;
    return { type: 'history', rows, names: [...this.#names.keys()], ...this.#notes.take() };
  }

  /** The thread has written what it was given, or says why it did not. */
  heard(status: HistoryStatus): void {
    const { written, dropped, bytes, problem, damage } = status;
    this.#inFlight = false;
    this.#notes.heard(status);
    if (!this.#notes.empty) this.#dueSoon();
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
    if (this.#inFlight) this.#notes.lost();
    this.#inFlight = false;
  }

  get state(): HistoryState {
    return {
      written: this.#written,
      dropped: this.#dropped,
      ...this.#notes.dropped,
      bytes: this.#fileBytes,
      problem: this.#problem === '' ? undefined : this.#problem,
    };
  }

  #dueSoon(): void {
    this.#timer ??= this.#options.clock.after(DUE_MS, () => this.#isDue());
  }

  #keptOf(camera: string): { monoMs: number } {
    let kept = this.#kept.get(camera);
    if (kept === undefined) {
      kept = { monoMs: Number.NEGATIVE_INFINITY };
      this.#kept.set(camera, kept);
    }
    return kept;
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

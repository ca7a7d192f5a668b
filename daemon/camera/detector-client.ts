// One camera's end of the detector: writes tensors into its two slots, sends requests, matches answers, notices when an
// answer is overdue. A request lost with its detector is not tried again. Camera worker thread.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { CameraConfig } from '../config/types.ts';
import {
  createRequest,
  type DetectorEndpoint,
  type DetectorResponse,
  encodeRequest,
  REQUEST_BYTES,
  ResponseParser,
  SLOTS_PER_CAMERA,
  slotOf,
  slotOffset,
  tensorDims,
} from '../detector/wire.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';

/** What a tensor was made of; comes back with its answer. */
export interface Ticket {
  /** When its frame was taken. */
  readonly monoMs: number;
}

interface Slot<T> {
  readonly which: number;
  /** Of the tensor that is in the slot until its answer; undefined: the slot is free. */
  ticket: T | undefined;
  requestId: number;
  /** When the tensor was written and the request sent. */
  preparedMonoMs: number;
  /** Since then, as far as this thread was there to read the answer (milliseconds). */
  waitedMs: number;
}

export interface DetectorClientOptions<T extends Ticket> {
  readonly cameraIndex: number;
  readonly priority: CameraConfig['priority'];
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A connection is up: requests are taken. */
  readonly onReady: () => void;
  /** When its tensor was written (monotonic). The response is valid only during the call. */
  readonly onAnswer: (ticket: T, preparedMonoMs: number, response: DetectorResponse) => void;
  /** Its answer will not come: the detector is gone. */
  readonly onLost: (ticket: T) => void;
  /** Instead of an answer came a reason why there is none. */
  readonly onRefused: (ticket: T) => void;
  readonly onLate: (generation: number, ageMs: number) => void;
}

/** Turns at the detector while it is busy, in relation to each other. */
const WEIGHTS = { low: 1, normal: 2, high: 4 } as const;
const RECONNECT = { minMs: 50, maxMs: 2000 };
const DEADLINE_CHECKS = 4;

export class DetectorClient<T extends Ticket> {
  readonly #options: DetectorClientOptions<T>;
  readonly #backoff = new Backoff(RECONNECT);
  readonly #slots: Slot<T>[] = [];
  readonly #request = createRequest();
  readonly #requestBuffer = Buffer.alloc(REQUEST_BYTES * SLOTS_PER_CAMERA);
  #endpoint: DetectorEndpoint | undefined;
  #generation = 0;
  #slotsFd: number | undefined;
  #socket: Socket | undefined;
  #connected = false;
  #nextId = 1;
  /** The last request was refused: told once. */
  #refused = false;
  #retry: Timer | undefined;
  #watch: Timer | undefined;
  #checkedMonoMs = 0;

  constructor(options: DetectorClientOptions<T>) {
    this.#options = options;
    for (let which = 0; which < SLOTS_PER_CAMERA; which += 1) {
      this.#slots.push({ which, ticket: undefined, requestId: 0, preparedMonoMs: 0, waitedMs: 0 });
    }
    this.#request.camera = options.cameraIndex;
    this.#request.weight = WEIGHTS[options.priority];
  }

  /** True when a tensor can be handed in now. */
  get hasFreeSlot(): boolean {
    return this.#connected && this.#slots.some((slot) => slot.ticket === undefined);
  }

  /** Takes up a generation of the detector, or (undefined) learns that there is none. */
  use(generation: number, endpoint: DetectorEndpoint | undefined): void {
    this.close();
    this.#generation = generation;
    this.#endpoint = endpoint;
    if (endpoint === undefined) return;
    const dims = tensorDims(endpoint.model.input);
    for (const [index, length] of dims.entries()) this.#request.dims[index] = length;
    try {
      this.#slotsFd = openSync(endpoint.slotsPath, constants.O_RDWR);
    } catch (error) {
      // It died, and its files went, while the news of it was on the way here: the next generation will be announced.
      this.#options.logger.debug({ generation, reason: reasonOf(error) }, 'detector is gone already');
      return;
    }
    this.#checkedMonoMs = this.#options.clock.monoMs();
    this.#watch = this.#options.clock.every(this.#options.deadlineMs / DEADLINE_CHECKS, () =>
      this.#checkDeadline(),
    );
    this.#connect(endpoint);
  }

  /** Writes a tensor into a free slot and asks for its detections. Only while `hasFreeSlot`. */
  submit(tensor: Uint8Array, ticket: T): void {
    const slot = this.#slots.find((candidate) => candidate.ticket === undefined);
    if (slot === undefined || this.#endpoint === undefined || this.#slotsFd === undefined) {
      throw new Error('no free detector slot');
    }
    const number = slotOf(this.#options.cameraIndex, slot.which);
    writeSync(this.#slotsFd, tensor, 0, tensor.length, slotOffset(number, this.#endpoint.slotBytes));
    slot.ticket = ticket;
    slot.requestId = this.#nextId;
    this.#nextId = (this.#nextId + 1) >>> 0;
    slot.preparedMonoMs = this.#options.clock.monoMs();
    slot.waitedMs = 0;
    this.#request.requestId = slot.requestId;
    this.#request.slot = number;
    this.#request.captureMonoMs = ticket.monoMs;
    this.#send(slot.which);
  }

  /** Leaves the detector; what it had in hand is lost. */
  close(): void {
    this.#retry?.stop();
    this.#watch?.stop();
    this.#endpoint = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#connected = false;
    this.#loseAll();
    if (this.#slotsFd !== undefined) closeSync(this.#slotsFd);
    this.#slotsFd = undefined;
  }

  /** Each slot has its own bytes in the buffer: the socket may still hold the other one's. */
  #send(which: number): void {
    const start = which * REQUEST_BYTES;
    const bytes = this.#requestBuffer.subarray(start, start + REQUEST_BYTES);
    encodeRequest(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), this.#request);
    this.#socket?.write(bytes);
  }

  #connect(endpoint: DetectorEndpoint): void {
    const parser = new ResponseParser((response) => this.#answer(response));
    const buffer = Buffer.alloc(65536);
    const socket = connect({
      path: endpoint.socketPath,
      onread: {
        buffer,
        callback: (count: number) => {
          try {
            parser.push(buffer.subarray(0, count));
          } catch (error) {
            socket.destroy(error as Error);
          }
          return true;
        },
      },
    });
    this.#socket = socket;
    let reason = 'closed by the detector';
    socket.once('connect', () => {
      this.#connected = true;
      this.#backoff.reset();
      this.#options.onReady();
    });
    socket.on('error', (error) => {
      reason = reasonOf(error);
    });
    socket.once('close', () => this.#lost(socket, endpoint, reason));
  }

  #lost(socket: Socket, endpoint: DetectorEndpoint, reason: string): void {
    if (this.#socket !== socket) return;
    this.#connected = false;
    this.#loseAll();
    this.#options.logger.debug({ reason }, 'detector connection lost, trying again');
    this.#retry = this.#options.clock.after(this.#backoff.nextMs(), () => this.#connect(endpoint));
  }

  #answer(response: DetectorResponse): void {
    const slot = this.#slots.find((candidate) => candidate.requestId === response.requestId);
    const ticket = slot?.ticket;
    if (slot === undefined || ticket === undefined) return;
    slot.ticket = undefined;
    const wasRefused = this.#refused;
    this.#refused = response.type !== 'answer';
    if (response.type === 'answer') {
      this.#options.onAnswer(ticket, slot.preparedMonoMs, response);
      return;
    }
    const { logger, onRefused } = this.#options;
    if (!wasRefused) logger.warn({ reason: response.message }, 'detector refused a crop');
    onRefused(ticket);
  }

  #loseAll(): void {
    for (const slot of this.#slots) {
      const { ticket } = slot;
      slot.ticket = undefined;
      if (ticket !== undefined) this.#options.onLost(ticket);
    }
  }

  /** Time in which this thread stood still (a stopped daemon, a disk that hangs) is not the detector's: its answer waits to be read. */
  #checkDeadline(): void {
    const { clock, deadlineMs, onLate } = this.#options;
    const nowMs = clock.monoMs();
    const passedMs = Math.min(nowMs - this.#checkedMonoMs, (2 * deadlineMs) / DEADLINE_CHECKS);
    this.#checkedMonoMs = nowMs;
    for (const slot of this.#slots) {
      if (slot.ticket === undefined) continue;
      slot.waitedMs += Math.min(passedMs, nowMs - slot.preparedMonoMs);
      if (slot.waitedMs > deadlineMs) return onLate(this.#generation, slot.waitedMs);
    }
  }
}

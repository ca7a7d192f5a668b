// The detector's socket: takes requests from every camera, runs them one at a time in turn, answers. Owns the socket and
// the buffers of its connections; uses the session, never opens one. Runs in the detector process.
import { readSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Decoder } from './decode.ts';
import type { DetectorSession } from './session.ts';
import { type Turn, Turns } from './turns.ts';
import {
  CAMERAS_MAX,
  createDetections,
  createRequest,
  type DetectorRequest,
  encodeAnswer,
  encodeError,
  REQUESTS_PER_CONNECTION_MAX,
  RESPONSE_BYTES_MAX,
  RequestParser,
  type ResponseStamp,
  slotOffset,
} from './wire.ts';

/** After so many runs in a row that failed the session is not worth keeping. */
const FAILED_RUNS_MAX = 5;
/** While a camera worker restarts, its old connection may still be there. */
const CONNECTIONS_MAX = 2 * CAMERAS_MAX;

export interface ServerOptions {
  readonly session: DetectorSession;
  readonly decoder: Decoder;
  /** Open for reading; SLOT_COUNT slots of the size of the session's input. */
  readonly slotsFd: number;
  /** Shape of the model's input tensor. */
  readonly dims: readonly number[];
  readonly clock: Clock;
  /** One line for the owner, e.g. to stderr. */
  readonly log: (line: string) => void;
  /** Runs fail one after the other, whoever asks for them. Called once. */
  readonly onFailing?: (reason: string) => void;
}

/** Serves connections in weighted turns, one run at a time. A request that cannot be served is answered with its reason. */
export class DetectorServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #turns = new Turns<Connection>();
  readonly #detections = createDetections();
  readonly #stamp: ResponseStamp = { requestId: 0, camera: 0, runStartMonoMs: 0, runEndMonoMs: 0 };
  /** Filled in anew for every run. */
  readonly #due = { oldestMonoMs: 0, waiting: 0 };
  #runs = 0;
  /** In a row, the latest included. */
  #failedRuns = 0;
  #closed = false;
  #serving: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Runs since the start, failed ones included, warm-up not. */
  get runs(): number {
    return this.#runs;
  }

  /** Listens on a Unix socket that only this user may connect to. */
  async listen(path: string): Promise<void> {
    const listening = Promise.withResolvers<void>();
    this.#server.once('listening', listening.resolve);
    this.#server.once('error', listening.reject);
    // The socket must never exist with wider rights, not even for a moment.
    const before = process.umask(0o177);
    this.#server.listen(path);
    process.umask(before);
    await listening.promise;
  }

  /** Waits for the run in progress, lets its answer leave and closes every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#server.close();
    await this.#serving;
    for (const { socket } of this.#connections) socket.destroySoon();
  }

  #accept(socket: Socket): void {
    const { clock } = this.#options;
    const connection: Connection = new Connection(socket, clock, (weight) => {
      this.#turns.ask(turn, weight);
      this.#wake();
    });
    const turn: Turn<Connection> = this.#turns.join(connection);
    this.#connections.add(connection);
    socket.on('data', (chunk: Buffer) => {
      try {
        connection.parser.push(chunk);
      } catch (error) {
        this.#options.log(reasonOf(error));
        socket.destroy();
      }
    });
    // A peer that is gone is no news: its camera worker reconnects or has ended.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#turns.leave(turn);
      this.#connections.delete(connection);
    });
  }

  #wake(): void {
    this.#serving ??= this.#serveAll().finally(() => {
      this.#serving = undefined;
    });
  }

  async #serveAll(): Promise<void> {
    while (!this.#closed) {
      // A run blocks the event loop: what was asked meanwhile is read before it is decided whose turn it is.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const connection = this.#turns.next();
      if (connection === undefined) return;
      await this.#serve(connection);
    }
  }

  async #serve(connection: Connection): Promise<void> {
    const request = connection.head;
    const view = connection.responseView;
    const stamp = this.#stamp;
    stamp.requestId = request.requestId;
    stamp.camera = request.camera;
    stamp.runStartMonoMs = 0;
    stamp.runEndMonoMs = 0;
    let bytes: number;
    try {
      this.#readTensor(request);
      await this.#run(stamp, connection.headMonoMs);
      bytes = encodeAnswer(view, stamp, this.#detections);
    } catch (error) {
      const reason = reasonOf(error);
      this.#options.log(`request ${request.requestId} of camera index ${request.camera}: ${reason}`);
      bytes = encodeError(view, stamp, reason);
    }
    connection.answer(bytes);
  }

  /** Slot → input tensor, in one pread. */
  #readTensor(request: DetectorRequest): void {
    const { session, slotsFd, dims } = this.#options;
    for (let i = 0; i < dims.length; i += 1) {
      if (request.dims[i] === dims[i]) continue;
      throw new Error(`tensor shape [${request.dims.join(',')}] is not the model's [${dims.join(',')}]`);
    }
    const bytes = session.input.length;
    const read = readSync(slotsFd, session.input, 0, bytes, slotOffset(request.slot, bytes));
    if (read !== bytes) throw new Error(`slot ${request.slot} holds ${read} of ${bytes} bytes`);
  }

  /** A run that fails may be its picture's fault; when all do, it is the session's: an accelerator that is gone, no memory. */
  async #run(stamp: ResponseStamp, cameMonoMs: number): Promise<void> {
    try {
      await this.#runOnce(stamp, cameMonoMs);
      this.#failedRuns = 0;
    } catch (error) {
      this.#failedRuns += 1;
      if (this.#failedRuns === FAILED_RUNS_MAX) {
        this.#options.onFailing?.(`detector: ${FAILED_RUNS_MAX} runs in a row failed: ${reasonOf(error)}`);
      }
      throw error;
    }
  }

  async #runOnce(stamp: ResponseStamp, cameMonoMs: number): Promise<void> {
    const { session, decoder, clock } = this.#options;
    this.#runs += 1;
    stamp.runStartMonoMs = clock.monoMs();
    const due = this.#due;
    due.oldestMonoMs = cameMonoMs;
    due.waiting = 0;
    for (const connection of this.#connections) {
      due.waiting += connection.waiting;
      if (connection.waiting > 0) due.oldestMonoMs = Math.min(due.oldestMonoMs, connection.headMonoMs);
    }
    const outputs = await session.run(due);
    stamp.runEndMonoMs = clock.monoMs();
    decoder.decode(outputs, this.#detections);
  }
}

/** One camera's connection: its waiting requests and a response buffer for each. */
class Connection {
  readonly socket: Socket;
  readonly parser: RequestParser;
  readonly #clock: Clock;
  readonly #onRequest: (weight: number) => void;
  /** A ring: the head waits longest. A place is free again when its answer has left the process. */
  readonly #places = Array.from({ length: REQUESTS_PER_CONNECTION_MAX }, () => new Place());
  #head = 0;
  #waiting = 0;
  #unsent = 0;

  constructor(socket: Socket, clock: Clock, onRequest: (weight: number) => void) {
    this.socket = socket;
    this.#clock = clock;
    this.#onRequest = onRequest;
    this.parser = new RequestParser((request) => this.#queue(request));
  }

  get head(): DetectorRequest {
    return this.#places[this.#head]!.request;
  }

  /** When `head` came. */
  get headMonoMs(): number {
    return this.#places[this.#head]!.cameMonoMs;
  }

  /** Requests that have no answer yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Where the answer to `head` is to be encoded. */
  get responseView(): DataView {
    return this.#places[this.#head]!.view;
  }

  /** Sends the first `bytes` of `responseView` and moves on to the next request. */
  answer(bytes: number): void {
    const place = this.#places[this.#head]!;
    this.#head = (this.#head + 1) % this.#places.length;
    this.#waiting -= 1;
    this.#unsent += 1;
    if (this.socket.destroyed) return;
    this.socket.write(place.bytes.subarray(0, bytes), () => {
      this.#unsent -= 1;
    });
  }

  #queue(request: DetectorRequest): void {
    if (this.#waiting + this.#unsent >= this.#places.length) {
      throw new Error(
        `camera index ${request.camera} sent a third request before it took an answer (limit ${this.#places.length}); its connection is closed`,
      );
    }
    const place = this.#places[(this.#head + this.#waiting) % this.#places.length]!;
    const { request: copy } = place;
    place.cameMonoMs = this.#clock.monoMs();
    copy.requestId = request.requestId;
    copy.camera = request.camera;
    copy.slot = request.slot;
    copy.captureMonoMs = request.captureMonoMs;
    copy.dims.set(request.dims);
    this.#waiting += 1;
    this.#onRequest(request.weight);
  }
}

class Place {
  cameMonoMs = 0;
  readonly request = createRequest();
  readonly bytes = new Uint8Array(RESPONSE_BYTES_MAX);
  readonly view = new DataView(this.bytes.buffer);
}

// The detector's socket: takes requests from every camera, runs them one at a time in turn, answers. Owns the socket and
// the buffers of its connections; uses the session, never opens one. Runs in the detector process.
import { readSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Decoder } from './decode.ts';
import type { DetectorSession } from './session.ts';
import {
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

/** Twice the cameras a configuration may have: while a camera worker restarts, its old connection may still be there. */
const CONNECTIONS_MAX = 64;

export interface ServerOptions {
  readonly session: DetectorSession;
  readonly decoder: Decoder;
  /** Open for reading; `slotCount` slots of the size of the session's input. */
  readonly slotsFd: number;
  readonly slotCount: number;
  /** Shape of the model's input tensor. */
  readonly dims: readonly number[];
  readonly clock: Clock;
  /** One line for the owner, e.g. to stderr. */
  readonly log: (line: string) => void;
}

/** Serves connections round-robin, one run at a time. A request that cannot be served is answered with its reason. */
export class DetectorServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #connections: Connection[] = [];
  readonly #detections = createDetections();
  readonly #stamp: ResponseStamp = { requestId: 0, camera: 0, runStartMonoMs: 0, runEndMonoMs: 0 };
  /** Index of the connection that is asked first next time. */
  #turn = 0;
  #runs = 0;
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

  /** Closes every connection and waits for the run in progress. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#server.close();
    for (const connection of [...this.#connections]) connection.socket.destroy();
    await this.#serving;
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, () => this.#wake());
    this.#connections.push(connection);
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
    socket.on('close', () => this.#forget(connection));
  }

  #forget(connection: Connection): void {
    const index = this.#connections.indexOf(connection);
    if (index < 0) return;
    this.#connections.splice(index, 1);
    if (index < this.#turn) this.#turn -= 1;
  }

  #wake(): void {
    this.#serving ??= this.#serveAll().finally(() => {
      this.#serving = undefined;
    });
  }

  async #serveAll(): Promise<void> {
    for (let next = this.#next(); next !== undefined && !this.#closed; next = this.#next()) {
      await this.#serve(next);
    }
  }

  /** The next connection in turn that waits for an answer. */
  #next(): Connection | undefined {
    const count = this.#connections.length;
    for (let step = 0; step < count; step += 1) {
      const index = (this.#turn + step) % count;
      const connection = this.#connections[index]!;
      if (connection.waiting === 0) continue;
      this.#turn = index + 1;
      return connection;
    }
    return undefined;
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
      await this.#run(stamp);
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
    const { session, slotsFd, slotCount, dims } = this.#options;
    for (let i = 0; i < dims.length; i += 1) {
      if (request.dims[i] === dims[i]) continue;
      throw new Error(`tensor shape [${request.dims.join(',')}] is not the model's [${dims.join(',')}]`);
    }
    if (request.slot >= slotCount) throw new Error(`slot ${request.slot} of ${slotCount}`);
    const bytes = session.input.length;
    const read = readSync(slotsFd, session.input, 0, bytes, slotOffset(request.slot, bytes));
    if (read !== bytes) throw new Error(`slot ${request.slot} holds ${read} of ${bytes} bytes`);
  }

  async #run(stamp: ResponseStamp): Promise<void> {
    const { session, decoder, clock } = this.#options;
    this.#runs += 1;
    stamp.runStartMonoMs = clock.monoMs();
    const outputs = await session.run();
    stamp.runEndMonoMs = clock.monoMs();
    decoder.decode(outputs, this.#detections);
  }
}

/** One camera's connection: its waiting requests and a response buffer for each. */
class Connection {
  readonly socket: Socket;
  readonly parser: RequestParser;
  readonly #onRequest: () => void;
  /** A ring: the head waits longest. A place is free again when its answer has left the process. */
  readonly #places = Array.from({ length: REQUESTS_PER_CONNECTION_MAX }, () => new Place());
  #head = 0;
  #waiting = 0;
  #unsent = 0;

  constructor(socket: Socket, onRequest: () => void) {
    this.socket = socket;
    this.#onRequest = onRequest;
    this.parser = new RequestParser((request) => this.#queue(request));
  }

  /** Requests not yet answered. */
  get waiting(): number {
    return this.#waiting;
  }

  get head(): DetectorRequest {
    return this.#places[this.#head]!.request;
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
    const { request: copy } = this.#places[(this.#head + this.#waiting) % this.#places.length]!;
    copy.requestId = request.requestId;
    copy.camera = request.camera;
    copy.slot = request.slot;
    copy.captureMonoMs = request.captureMonoMs;
    copy.dims.set(request.dims);
    this.#waiting += 1;
    this.#onRequest();
  }
}

class Place {
  readonly request = createRequest();
  readonly bytes = new Uint8Array(RESPONSE_BYTES_MAX);
  readonly view = new DataView(this.bytes.buffer);
}

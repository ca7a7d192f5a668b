// A small MQTT 3.1.1 broker inside the daemon (aedes), for the demo and for houses without a broker. Owns its TCP
// server and sockets; keeps retained messages in memory and no sessions, so that an absent subscriber costs no memory.
// Must not be open to a network without a password. A busy port is a state that is retried, not an error. Main thread.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from 'aedes';
import { isLoopback } from '../core/loopback.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { embeddedUrl } from './broker-address.ts';
import { PacketMeter } from './packet-meter.ts';

const CLIENTS_MAX = 100;
/** A snapshot of a 1280x720 picture fits several times. MQTT 3.1.1 cannot tell a client of it. */
export const PACKET_BYTES_MAX = 1024 * 1024;
const RETAINED_TOPICS_MAX = 10_000;
/** Ports tried beyond the first with `nextFreePort`. */
const NEXT_PORTS_MAX = 20;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * A subscriber that does not read holds up who publishes for so long, then it is dropped. Less than the shortest keep-alive, or
 * the publisher loses its connection in the meantime.
 */
const DRAIN_TIMEOUT_MS = 4000;
const STOP_MS = 800;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** CONNACK return code 4, bad user name or password (MQTT 3.1.1, table 3.1). */
const BAD_PASSWORD = 4;

export interface EmbeddedBrokerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** A busy port is passed over for the next one, up to twenty further. */
  readonly nextFreePort: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class EmbeddedBroker implements Part {
  readonly name = 'embedded broker';
  readonly #options: EmbeddedBrokerOptions;
  readonly #logger: Logger;
  readonly #backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS });
  readonly #sockets = new Set<Socket>();
  readonly #retained = new Set<string>();
  #broker: Aedes | undefined;
  #server: Server | undefined;
  #retryTimer: Timer | undefined;
  #port: number;
  #problemTold = false;
  #stopped = false;

  constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: this.name });
    this.#port = options.port;
  }

  /** The port it listens on; before that the configured one. */
  get port(): number {
    return this.#port;
  }

  get listening(): boolean {
    return this.#server !== undefined;
  }

  /** For a client on this machine. */
  get url(): string {
    return embeddedUrl(this.#options.host, this.#port);
  }

  /** Listens, or goes on trying in the background. Throws MQTT_EMBEDDED_UNPROTECTED. */
  async start(): Promise<void> {
    const { host, user, password } = this.#options;
    if (!isLoopback(host) && (user === undefined || password === undefined)) {
      throw new VedetteError(
        'MQTT_EMBEDDED_UNPROTECTED',
        `mqtt.embedded.host: ${host} can be reached from elsewhere, set mqtt.embedded.user and password or use 127.0.0.1`,
        { host },
      );
    }
    this.#broker = await this.#createBroker();
    await this.#listen();
  }

  /** Closes every connection; takes at most about a second. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retryTimer?.stop();
    const server = this.#server;
    const broker = this.#broker;
    this.#server = undefined;
    this.#broker = undefined;
    const serverClosed =
      server === undefined ? undefined : new Promise<void>((resolve) => server.close(() => resolve()));
    if (broker !== undefined) {
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      const timer = this.#options.clock.after(STOP_MS, resolve);
      broker.close(() => resolve());
      await closed;
      timer.stop();
    }
    for (const socket of this.#sockets) socket.destroy();
    await serverClosed;
  }

  async #createBroker(): Promise<Aedes> {
    const broker = await Aedes.createBroker({
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      preConnect: (_client, packet, callback) => {
        // Messages for an absent client of a persistent session would pile up in memory without a limit.
        packet.clean = true;
        callback(null, true);
      },
      authenticate: (_client, user, password, callback) => {
        if (this.#mayEnter(user, password)) return callback(null, true);
        const refusal: AuthenticateError = Object.assign(new Error('bad user name or password'), {
          returnCode: BAD_PASSWORD,
        });
        callback(refusal, false);
      },
      // Each in a turn of its own: aedes numbers packets as they come, stores retained ones first, and what it tells out of order it
      // takes for told already.
      authorizePublish: (_client, packet, callback) => setImmediate(() => callback(this.#refusalOf(packet))),
    });
    broker.on('clientError', (client: Client, error: Error) => {
      this.#logger.debug({ client: client.id }, `client dropped: ${reasonOf(error)}`);
    });
    broker.on('connectionError', (_client: Client, error: Error) => {
      this.#logger.debug(`connection dropped: ${reasonOf(error)}`);
    });
    return broker;
  }

  #mayEnter(user: string | undefined, password: Buffer | undefined): boolean {
    const { user: expectedUser, password: expectedPassword } = this.#options;
    if (expectedUser === undefined && expectedPassword === undefined) return true;
    const userMatches = equalSecrets(user ?? '', expectedUser ?? '');
    const passwordMatches = equalSecrets(password ?? '', expectedPassword ?? '');
    return userMatches && passwordMatches;
  }

  #refusalOf(packet: PublishPacket): Error | null {
    if (packet.topic.startsWith('$SYS/')) return new Error('$SYS/ topic is reserved');
    if (!packet.retain) return null;
    if (packet.payload.length === 0) {
      this.#retained.delete(packet.topic);
      return null;
    }
    if (this.#retained.size >= RETAINED_TOPICS_MAX && !this.#retained.has(packet.topic)) {
      return new Error(`more than ${RETAINED_TOPICS_MAX} retained topics`);
    }
    this.#retained.add(packet.topic);
    return null;
  }

  /** Tries every port once; when none is free, tells it once and comes back later. */
  async #listen(): Promise<void> {
    const { host, port, nextFreePort, clock } = this.#options;
    const last = nextFreePort && port !== 0 ? Math.min(port + NEXT_PORTS_MAX, 65_535) : port;
    let problem: unknown;
    for (let candidate = port; candidate <= last && !this.#stopped; candidate += 1) {
      const server = this.#createServer();
      try {
        await listening(server, host, candidate);
      } catch (error) {
        problem = error;
        continue;
      }
      if (this.#stopped) return void server.close();
      this.#adopt(server);
      return;
    }
    if (this.#stopped) return;
    this.#tellProblem(problem, last);
    this.#retryTimer = clock.after(this.#backoff.nextMs(), () => void this.#listen());
  }

  #adopt(server: Server): void {
    server.on('error', (error) => this.#logger.warn(`accepting a connection: ${reasonOf(error)}`));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#backoff.reset();
    this.#problemTold = false;
    this.#logger.info(`listening on ${this.#options.host} port ${this.#port}`);
  }

  #tellProblem(problem: unknown, last: number): void {
    if (this.#problemTold) return;
    this.#problemTold = true;
    const { host, port } = this.#options;
    const ports = last === port ? `port ${port}` : `ports ${port} to ${last}`;
    this.#logger.warn(
      { code: 'MQTT_EMBEDDED_PORT', host, port },
      `cannot listen on ${host} ${ports}: ${reasonOf(problem)}; trying again, at most ${RETRY_MAX_MS / 1000} s apart`,
    );
  }

  #createServer(): Server {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    server.maxConnections = CLIENTS_MAX;
    return server;
  }

  #accept(socket: Socket): void {
    const broker = this.#broker;
    if (broker === undefined) return void socket.destroy();
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    limitPackets(socket);
    broker.handle(socket);
  }
}

/** Cuts the connection at the first packet above the limit. `push` is where every chunk enters a socket's buffer. */
function limitPackets(socket: Socket): void {
  const meter = new PacketMeter(PACKET_BYTES_MAX);
  const push = socket.push.bind(socket);
  socket.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    if (chunk === null || meter.accept(chunk)) return push(chunk, encoding);
    socket.destroy(new Error(`packet above ${PACKET_BYTES_MAX} bytes`));
    return false;
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Takes as long for a wrong first byte as for a wrong last one, and for any length. */
function equalSecrets(given: string | Buffer, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}

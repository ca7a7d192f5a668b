// The link to the broker: attempts, one after the other, until one is a connection; then that connection until it is lost;
// and so on. Owns back-off, the version of MQTT, the files of TLS and what the log says of all this, each thing once.
// Knows nothing of what is sent over it. A missing broker or certificate is a state, not an error. Main thread.
import type { MqttConfig } from '../config/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { limitsWarning } from './broker-limits.ts';
import { Connection, type ConnectionEnd, type ConnectionOptions } from './connection.ts';
import type { MqttHealth } from './health-message.ts';
import { ProtocolChoice, protocolName } from './protocol.ts';
import {
  adviceOn,
  mayBlameMessage,
  QOS_NOT_SUPPORTED,
  RETAIN_NOT_SUPPORTED,
  SESSION_TAKEN_OVER,
} from './reasons.ts';
import { closedProblem, isTlsUrl, readTls, type TlsOptions, tlsProblem } from './tls.ts';

/** Shortest wait between two attempts to connect. */
const RETRY_MIN_MS = 500;
/** A connection that was up for this long counts as a good one: the next attempts begin with short waits again. */
const STEADY_MS = 10_000;
/** A connection that is ended to try the other version is given this long to close. */
const GOODBYE_MS = 1000;
/** So many connections in a row that were not, and the log says what mostly is behind it. */
const SHORT_LIVES_MAX = 3;

export interface LinkOptions {
  /** With the passwords already read from their files. */
  readonly config: MqttConfig;
  readonly clientId: string;
  readonly will: ConnectionOptions['will'];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Asked at every attempt; undefined while there is nothing to connect to. */
  readonly url: () => string | undefined;
  readonly packetBytesMax?: ConnectionOptions['packetBytesMax'];
  readonly onUp: (connection: Connection) => void;
  /**
   * The connection that was up is gone; `byBroker` when the other side closed it, and what was sent to it may be why. Not
   * called for an attempt.
   */
  readonly onLost: (loss: { readonly byBroker: boolean }) => void;
}

export type LinkState = Pick<MqttHealth, 'connected' | 'reconnects' | 'protocol' | 'tls'> & {
  /** Why there is no connection. */
  readonly reason?: string;
};

export class Link {
  readonly #options: LinkOptions;
  readonly #backoff: Backoff;
  readonly #protocol: ProtocolChoice;
  /** Where the present attempt or connection goes; undefined while there is nothing to connect to. */
  #url: string | undefined;
  #connection: Connection | undefined;
  #connected = false;
  #connects = 0;
  #upMonoMs = 0;
  #shortLives = 0;
  #reason: string | undefined;
  /** What has been logged since the last connection was up: each reason once, also when two of them take turns. */
  readonly #told = new Set<string>();
  /** A lesser last will, for a broker that refused a better one. */
  #will: Pick<ConnectionOptions, 'willQos' | 'willRetain'> = {};
  /** What the broker does not do, as told last. */
  #limitsTold: string | undefined;
  #retryTimer: Timer | undefined;
  #stopped = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: options.config.retryMaxS * 1000 });
    this.#protocol = new ProtocolChoice(options.config.protocol);
  }

  /** Begins to connect and returns. */
  start(): void {
    if (this.#options.config.tls.insecure) {
      this.#options.logger.warn(
        { code: 'MQTT_TLS' },
        'mqtt.tls.insecure: the certificate of the broker is not checked, whoever sits on the way can read everything',
      );
    }
    this.#attempt();
  }

  /** No more attempts. A connection that is up stays until the goodbye; `onLost` may still be called for it. */
  stop(): void {
    this.#stopped = true;
    this.#retryTimer?.stop();
    if (!this.#connected) this.#connection?.abandon();
  }

  /** After `stop`: ends the connection that is up, so that the broker drops the last will. Takes at most `limitMs`. */
  async goodbye(limitMs: number): Promise<void> {
    if (!this.#connected) return;
    this.#connected = false;
    await this.#connection?.disconnect(this.#options.clock, limitMs);
  }

  state(): LinkState {
    return {
      connected: this.#connected,
      reconnects: Math.max(0, this.#connects - 1),
      protocol: protocolName(this.#protocol.version),
      tls: isTlsUrl(this.#url ?? ''),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  #attempt(): void {
    const { config, clock } = this.#options;
    const url = this.#options.url();
    this.#url = url;
    if (url === undefined) {
      this.#down({ kind: 'unreachable', reason: 'the broker does not listen yet', closed: false });
      return;
    }
    if (!isTlsUrl(url)) return this.#connect(url, undefined);
    readTls(config.tls, clock.nowMs()).then(
      (tls) => this.#connect(url, tls),
      (error: unknown) => this.#down({ kind: 'unreachable', reason: '', closed: false, error }),
    );
  }

  #connect(url: string, tls: TlsOptions | undefined): void {
    if (this.#stopped) return;
    const { config, clientId, packetBytesMax, will, logger } = this.#options;
    const connection = new Connection({
      url,
      version: this.#protocol.version,
      tls,
      clientId,
      user: config.user,
      password: config.password,
      keepaliveS: config.keepaliveS,
      connectTimeoutS: config.connectTimeoutS,
      packetBytesMax,
      will,
      ...this.#will,
      onUp: () => this.#up(url, connection),
      onEnd: (end) => this.#down(end),
      onTooLarge: (topic, refusal) =>
        logger.warn({ code: 'MQTT_CONNECT', topic }, `${topic} not published: ${refusal}`),
    });
    this.#connection = connection;
    connection.open();
  }

  #up(url: string, connection: Connection): void {
    const { clock, logger, onUp } = this.#options;
    if (this.#protocol.accepted()) {
      void connection.disconnect(clock, GOODBYE_MS).then(() => this.#attempt());
      return;
    }
    this.#connected = true;
    this.#connects += 1;
    this.#upMonoMs = clock.monoMs();
    this.#reason = undefined;
    this.#told.clear();
    logger.info(`connected to ${url} with MQTT ${protocolName(this.#protocol.version)}`);
    const warning = limitsWarning(connection.limits);
    if (warning !== undefined && warning !== this.#limitsTold) logger.warn({ code: 'MQTT_CONNECT' }, warning);
    this.#limitsTold = warning;
    onUp(connection);
  }

  #down(end: ConnectionEnd): void {
    const { clock, config, onLost } = this.#options;
    const problem = this.#tlsProblem(end);
    this.#reason = problem ?? end.reason;
    this.#connection = undefined;
    if (this.#connected) {
      this.#connected = false;
      this.#lived(clock.monoMs() - this.#upMonoMs);
      onLost({ byBroker: end.closed && mayBlameMessage(end.code) });
    }
    if (this.#stopped) return;
    let waitMs = this.#backoff.nextMs();
    if (end.kind !== 'lost' && (this.#protocol.failed(end) || this.#easeWill(end.code))) waitMs = 0;
    else this.#tellDown(end, problem !== undefined);
    // Two boards of one name would push each other out at every attempt.
    if (end.code === SESSION_TAKEN_OVER) waitMs = config.retryMaxS * 1000;
    this.#retryTimer = clock.after(waitMs, () => this.#attempt());
  }

  /** A broker that cannot take the last will as it is refuses the connection (MQTT 5, 3.2.2.3.4 and 3.2.2.3.5). */
  #easeWill(code: number | undefined): boolean {
    const { willQos = 1, willRetain = true } = this.#will;
    if (code === QOS_NOT_SUPPORTED && willQos === 1) this.#will = { ...this.#will, willQos: 0 };
    else if (code === RETAIN_NOT_SUPPORTED && willRetain) this.#will = { ...this.#will, willRetain: false };
    else return false;
    return true;
  }

  #tlsProblem({ kind, error, closed, reason }: ConnectionEnd): string | undefined {
    const { tls } = this.#options.config;
    if (error instanceof VedetteError) return error.message;
    if (kind === 'unreachable' && closed && isTlsUrl(this.#url ?? '')) return closedProblem(reason, tls);
    return tlsProblem(error, tls);
  }

  /** A broker that accepts and then closes at once must not be hammered: only a steady connection ends the back-off. */
  #lived(lifeMs: number): void {
    this.#shortLives = lifeMs < STEADY_MS ? this.#shortLives + 1 : 0;
    if (lifeMs >= STEADY_MS) this.#backoff.reset();
    this.#protocol.lost();
  }

  #tellDown({ kind, code }: ConnectionEnd, isTls: boolean): void {
    const { config, clientId, logger } = this.#options;
    const state = kind === 'refused' || isTls ? `${kind} ${this.#reason}` : 'down';
    if (this.#told.has(state)) return;
    this.#told.add(state);
    const what = { refused: '', lost: 'connection lost: ', unreachable: 'no connection: ' }[kind];
    const advice =
      code === undefined ? '' : `: ${adviceOn(code, { clientId, hasUser: config.user !== undefined })}`;
    const often =
      this.#shortLives >= SHORT_LIVES_MAX && code === undefined
        ? ` soon after a connect, ${this.#shortLives} times in a row (another client with the name ${clientId}?)`
        : '';
    logger.warn(
      { code: isTls ? 'MQTT_TLS' : 'MQTT_CONNECT', ...(code === undefined ? {} : { reasonCode: code }) },
      `${this.#url ?? 'embedded broker'}: ${what}${this.#reason}${advice}${often}; events and alerts wait, ` +
        `trying again, at most ${config.retryMaxS} s apart`,
    );
  }
}

// One attempt to connect to the broker and, when it succeeds, the one connection that follows. Owns one MQTT.js client,
// which is never used again: MQTT.js keeps unacknowledged messages across its own reconnects, and here the outbox alone
// resends. Keeps to the limits that a broker of MQTT 5 names in its CONNACK. Reports its end exactly once; nothing is
// reported after it. Main thread.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import { matchesFilter, type Subscription } from './channel.ts';
import type { ProtocolVersion } from './protocol.ts';
import { codeWords } from './reasons.ts';
import type { TlsOptions } from './tls.ts';

export interface ConnectionEnd {
  /** `refused`: the broker answered with a refusal; `lost`: it had been up; `unreachable`: everything else. */
  readonly kind: 'refused' | 'lost' | 'unreachable';
  readonly reason: string;
  /** Of the CONNACK when refused; of the DISCONNECT when a broker of MQTT 5 ended the connection (reasons.ts). */
  readonly code?: number;
  /** Unreachable, but something had been there: it closed before it answered. */
  readonly closed: boolean;
  /** What failed, where it was an error. */
  readonly error?: unknown;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly version: ProtocolVersion;
  /** For `mqtts:` and `wss:`. */
  readonly tls?: TlsOptions | undefined;
  readonly clientId: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly keepaliveS: number;
  readonly connectTimeoutS: number;
  readonly will: { readonly topic: string; readonly payload: string };
  readonly onUp: () => void;
  readonly onEnd: (end: ConnectionEnd) => void;
  /** A message of QoS 0 was larger than the broker takes and is not sent; told once. */
  readonly onTooLarge: (topic: string, refusal: string) => void;
}

/** Fixed header with the longest length, topic length, packet id, length of no properties (MQTT 5, 3.3). */
const OVERHEAD_BYTES_MAX = 10;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };
/** What a socket reports when the other side has gone. */
const CLOSED_CODES: readonly unknown[] = ['ECONNRESET', 'EPIPE'];

/** What a stream says of a chunk that is no string. */
const BUFFER = 'buffer' as BufferEncoding;

type Payload = string | Buffer;
type WsOptions = NonNullable<IClientOptions['wsOptions']>;

export class Connection {
  readonly #options: ConnectionOptions;
  #client: MqttClient | undefined;
  #up = false;
  #over = false;
  /** Messages of QoS 1 that the broker takes before it has acknowledged one. */
  #receiveMax = 65_535;
  #packetBytesMax = Number.POSITIVE_INFINITY;
  #unacknowledged = 0;
  /** QoS 1 beyond `#receiveMax`: at most the retained topics and the window of the outbox. */
  readonly #waiting: (() => void)[] = [];
  #tooLargeTold = false;
  /** Why the broker closes (MQTT 5, 3.14). */
  #disconnect: { readonly code: number; readonly text: string | undefined } | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Starts the attempt; `onEnd` may be called before this returns. */
  open(): void {
    const client = this.#create();
    if (client === undefined) return;
    this.#client = client;
    // Alerts and the perception feed are single small packets: Nagle's algorithm would hold each until the one before
    // is acknowledged, up to 40 ms with delayed acknowledgements (RFC 896, RFC 1122 4.2.3.2). Of a WebSocket `ws` does it.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    client.on('connect', (connack) => {
      if (this.#over) return;
      this.#up = true;
      this.#keepTo(connack);
      this.#options.onUp();
    });
    client.on('disconnect', ({ reasonCode, properties }) => {
      this.#disconnect = { code: reasonCode ?? 0, text: properties?.reasonString };
      this.#end(undefined);
    });
    // Not every error of MQTT.js closes its socket (a malformed packet does not): any error ends this connection.
    client.on('error', (error) => this.#end(error));
    // MQTT.js passes on only those errors of the stream that have a code; an answer of a web server has none.
    client.stream.on('error', (error) => this.#end(error));
    client.on('close', () => this.#end(undefined));
  }

  /** QoS 1. `settled` gets undefined on PUBACK, else the reason; it is not called once the connection has ended. */
  publish(
    topic: string,
    payload: string,
    retain: boolean,
    settled: (refusal: string | undefined) => void,
  ): void {
    const refusal = this.#sizeRefusal(topic, payload);
    if (refusal !== undefined) return settled(refusal);
    const send = (): void => {
      this.#unacknowledged += 1;
      this.#client?.publish(topic, payload, { qos: 1, retain }, (error) => {
        if (this.#over) return;
        this.#unacknowledged -= 1;
        settled(error ? describe(error) : undefined);
        if (this.#unacknowledged < this.#receiveMax) this.#waiting.shift()?.();
      });
    };
    if (this.#unacknowledged < this.#receiveMax) send();
    else this.#waiting.push(send);
  }

  /** QoS 0: written now or lost. False when the message is larger than the broker takes. */
  publishOnce(topic: string, payload: Payload, retain: boolean): boolean {
    const refusal = this.#sizeRefusal(topic, payload);
    if (refusal === undefined) {
      this.#client?.publish(topic, payload, { qos: 0, retain });
      return true;
    }
    if (!this.#tooLargeTold) {
      this.#tooLargeTold = true;
      this.#options.onTooLarge(topic, refusal);
    }
    return false;
  }

  /** `settled` gets undefined once the subscription holds, else the reason. */
  subscribe({ filter, qos, onMessage }: Subscription, settled: (refusal: string | undefined) => void): void {
    this.#client?.on('message', (topic, payload, { retain }) => {
      if (!this.#over && matchesFilter(filter, topic)) onMessage({ topic, payload, retain });
    });
    this.#client?.subscribe(filter, { qos }, (error) => {
      if (!this.#over) settled(error ? describe(error) : undefined);
    });
  }

  /** Bytes written and not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.#client?.stream.writableLength ?? 0;
  }

  /** Cuts the connection without a word: the broker sends the last will. */
  abandon(): void {
    this.#over = true;
    this.#client?.end(true);
  }

  /** Sends DISCONNECT, so that the broker drops the last will, and waits for the socket to close, at most `limitMs`. */
  async disconnect(clock: Clock, limitMs: number): Promise<void> {
    this.#over = true;
    const client = this.#client;
    if (client === undefined) return;
    // end() waits for every acknowledgement, without a limit; what is still open here belongs to the outbox.
    for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(limitMs, resolve);
    client.end(false, () => resolve());
    await closed;
    timer.stop();
    client.stream.destroy();
  }

  #create(): MqttClient | undefined {
    try {
      return connect(this.#clientOptions());
    } catch (error) {
      this.#end(error);
      return undefined;
    }
  }

  #clientOptions(): IClientOptions {
    const { version, clientId, user, password, keepaliveS, connectTimeoutS, will } = this.#options;
    return {
      ...this.#wayThere(),
      protocolVersion: version,
      clientId,
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
      clean: true,
      keepalive: keepaliveS,
      connectTimeout: connectTimeoutS * 1000,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    };
  }

  #wayThere(): IClientOptions {
    const { url, tls = {} } = this.#options;
    const { protocol, hostname, port, pathname } = new URL(url);
    const scheme = protocol.slice(0, -1) as 'mqtt' | 'mqtts' | 'ws' | 'wss';
    const there = { protocol: scheme, port: port === '' ? DEFAULT_PORTS[scheme]! : Number(port) };
    // Only in the url of a WebSocket an IPv6 address keeps its brackets.
    if (scheme === 'mqtt') return { ...there, host: withoutBrackets(hostname) };
    if (scheme === 'mqtts') return { ...there, host: withoutBrackets(hostname), ...tls };
    // Compression would cost a window of memory and time for messages that are small or already JPEG.
    const wsOptions = { ...tls, perMessageDeflate: false, writev: writeWhole };
    return { ...there, hostname, path: pathname, wsOptions: wsOptions as WsOptions };
  }

  #keepTo({ properties }: IConnackPacket): void {
    // Zero is a protocol error for both (MQTT 5, 3.2.2.3): not a reason to send nothing.
    this.#receiveMax = properties?.receiveMaximum || this.#receiveMax;
    this.#packetBytesMax = properties?.maximumPacketSize || this.#packetBytesMax;
  }

  #sizeRefusal(topic: string, payload: Payload): string | undefined {
    if (this.#packetBytesMax === Number.POSITIVE_INFINITY) return undefined;
    const bytes = Buffer.byteLength(payload) + Buffer.byteLength(topic) + OVERHEAD_BYTES_MAX;
    if (bytes <= this.#packetBytesMax) return undefined;
    return `${bytes} bytes are more than the broker takes (${this.#packetBytesMax})`;
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#client?.end(true);
    this.#options.onEnd(this.#endOf(error));
  }

  #endOf(error: unknown): ConnectionEnd {
    if (this.#disconnect !== undefined) {
      const { code, text } = this.#disconnect;
      return { kind: 'lost', reason: `the broker ended it: ${codeWords(code, text)}`, code, closed: false };
    }
    const reason = error === undefined ? 'the broker closed the connection' : describe(error);
    const code = (error as { code?: unknown } | undefined)?.code;
    if (this.#up) return { kind: 'lost', reason, closed: false, error };
    // MQTT.js puts the code of a refusing CONNACK into `code`; system errors have a string there.
    if (typeof code === 'number') {
      return { kind: 'refused', reason: `connection refused: ${codeWords(code)}`, code, closed: false };
    }
    const closed = error === undefined || CLOSED_CODES.includes(code);
    return { kind: 'unreachable', reason, closed, error };
  }
}

/**
 * `_writev` of the stream that `ws` makes: MQTT.js writes a packet in up to seven pieces, and each would become a WebSocket
 * message and a system call of its own.
 */
function writeWhole(
  this: Duplex,
  chunks: readonly { readonly chunk: Buffer }[],
  written: (error?: Error | null) => void,
): void {
  this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), BUFFER, written);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

/** A code of MQTT 5 in its words; an AggregateError of several addresses tried (localhost) has a code but no message. */
function describe(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number') return codeWords(code);
  const text = reasonOf(error);
  return text === '' ? String(code ?? 'unknown error') : text;
}

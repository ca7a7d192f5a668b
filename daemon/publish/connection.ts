// One attempt to connect to the broker and, when it succeeds, the one connection that follows. Owns one MQTT.js client,
// which is never used again: MQTT.js keeps unacknowledged messages across its own reconnects, and here the outbox alone
// resends. Keeps to the limits that a broker of MQTT 5 names in its CONNACK. Reports its end exactly once; nothing is
// reported after it. Main thread.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type IClientOptions, type IClientPublishOptions, type MqttClient, type Packet } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import { hostOf, portOf } from './broker-address.ts';
import { type BrokerLimits, limitsOf, NO_LIMITS } from './broker-limits.ts';
import { matchesFilter, type Subscription } from './channel.ts';
import { PingReceipts } from './ping-receipts.ts';
import { type Extras, PROPERTIES_BYTES_MAX, propertiesOf, TopicAliases } from './properties.ts';
import type { ProtocolVersion } from './protocol.ts';
import { codeWords } from './reasons.ts';
import type { TlsOptions } from './tls.ts';

export interface ConnectionEnd {
  /** `refused`: the broker answered with a refusal; `lost`: it had been up; `unreachable`: everything else. */
  readonly kind: 'refused' | 'lost' | 'unreachable';
  readonly reason: string;
  /** Of the CONNACK when refused; of the DISCONNECT when a broker of MQTT 5 ended the connection (reasons.ts). */
  readonly code?: number;
  /** The other side closed: there had been something, whatever else it did. */
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
  /** What the broker takes, where that is known without its word. */
  readonly packetBytesMax?: number | undefined;
  readonly will: { readonly topic: string; readonly payload: string };
  /** Of the last will, for a broker that refused a better one. */
  readonly willQos?: 0 | 1;
  readonly willRetain?: boolean;
  readonly onUp: () => void;
  readonly onEnd: (end: ConnectionEnd) => void;
  /** A message of QoS 0 was larger than the broker takes and is not sent; told once. */
  readonly onTooLarge: (topic: string, refusal: string) => void;
}

/** Fixed header with the longest length, topic length, packet id, and properties of MQTT 5 (3.3; properties.ts). */
const OVERHEAD_BYTES_MAX = 10 + PROPERTIES_BYTES_MAX;
/** PUBACK (MQTT 5, 3.4.2.1). */
const NO_MATCHING_SUBSCRIBERS = 16;
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
  #limits: BrokerLimits = NO_LIMITS;
  #aliases = new TopicAliases(0);
  readonly #receipts = new PingReceipts(() => this.#client?.sendPing());
  /** Packet ids that were acknowledged with "no matching subscribers" (MQTT 5, 3.4.2.1); MQTT.js does not pass that on. */
  readonly #unheardIds = new Set<number>();
  #unacknowledged = 0;
  /** QoS 1 beyond `receiveMax`, in order: at most the retained topics and the window of the outbox. */
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
      this.#limits = limitsOf(connack, this.#options.packetBytesMax);
      this.#aliases = new TopicAliases(this.#limits.aliasesMax);
      this.#options.onUp();
    });
    client.on('packetreceive', (packet) => this.#received(packet));
    client.on('packetsend', ({ cmd }) => {
      if (cmd === 'pingreq') this.#receipts.sent();
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

  /** What the broker takes; valid once it is up. */
  get limits(): BrokerLimits {
    return this.#limits;
  }

  /** The broker may say that nobody subscribes to a message. */
  get tellsUnheard(): boolean {
    return this.#isMqtt5 && this.#limits.qosMax === 1;
  }

  /**
   * QoS 1. `settled` gets undefined on PUBACK, else the reason, and whether anybody subscribes to it as far as the broker
   * says; it is not called once the connection has ended.
   */
  publish(
    topic: string,
    payload: string,
    retain: boolean,
    settled: (refusal: string | undefined, heard: boolean) => void,
    extras?: Extras,
  ): void {
    const refusal = this.#sizeRefusal(topic, payload);
    if (refusal !== undefined || this.#clearsNothing(payload, retain)) return settled(refusal, true);
    if (this.#limits.qosMax === 0) return this.#publishForReceipt(topic, payload, retain, settled, extras);
    const send = (): void => {
      this.#unacknowledged += 1;
      const options = { qos: 1, retain: retain && this.#limits.retains } as const;
      this.#client?.publish(topic, payload, this.#with(options, topic, payload, extras), (error, packet) => {
        if (this.#over) return;
        this.#unacknowledged -= 1;
        const heard = !this.#unheardIds.delete(packet?.messageId ?? 0);
        settled(error ? describe(error) : undefined, heard);
        this.#sendWaiting();
      });
    };
    // Also one that `settled` has made goes behind those that wait: none overtakes, and none waits for all that follow.
    this.#waiting.push(send);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#unacknowledged < this.#limits.receiveMax) {
      const send = this.#waiting.shift();
      if (send === undefined) return;
      send();
    }
  }

  /** QoS 0: written now or lost. False when the message is larger than the broker takes. */
  publishOnce(topic: string, payload: Payload, retain: boolean, extras?: Extras): boolean {
    const refusal = this.#sizeRefusal(topic, payload);
    if (refusal === undefined) {
      if (!this.#clearsNothing(payload, retain)) this.#write(topic, payload, retain, extras);
      return true;
    }
    if (!this.#tooLargeTold) {
      this.#tooLargeTold = true;
      this.#options.onTooLarge(topic, refusal);
    }
    return false;
  }

  /** `settled` gets undefined once the subscription holds, else the reason. */
  subscribe(subscription: Subscription, settled: (refusal: string | undefined) => void): void {
    const { filter, qos, retainAsPublished: rap = false, onMessage } = subscription;
    this.#client?.on('message', (topic, payload, { retain }) => {
      if (!this.#over && matchesFilter(filter, topic)) onMessage({ topic, payload, retain });
    });
    this.#client?.subscribe(filter, { qos, rap }, (error) => {
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
    const { version, clientId, user, password, keepaliveS, connectTimeoutS } = this.#options;
    const { will, willQos = 1, willRetain = true } = this.#options;
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
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: willQos, retain: willRetain },
    };
  }

  #wayThere(): IClientOptions {
    const { url, tls = {} } = this.#options;
    const there = new URL(url);
    const scheme = there.protocol.slice(0, -1) as 'mqtt' | 'mqtts' | 'ws' | 'wss';
    const port = portOf(there);
    // Only in the url of a WebSocket an IPv6 address keeps its brackets.
    if (scheme === 'mqtt') return { protocol: scheme, port, host: hostOf(there) };
    if (scheme === 'mqtts') return { protocol: scheme, port, host: hostOf(there), ...tls };
    // Compression would cost a window of memory and time for messages that are small or already JPEG.
    const wsOptions = { ...tls, perMessageDeflate: false, writev: writeWhole };
    const { hostname, pathname } = there;
    return { protocol: scheme, port, hostname, path: pathname, wsOptions: wsOptions as WsOptions };
  }

  get #isMqtt5(): boolean {
    return this.#options.version === 5;
  }

  #received(packet: Packet): void {
    if (packet.cmd === 'pingresp') this.#receipts.answered();
    if (packet.cmd === 'puback' && packet.reasonCode === NO_MATCHING_SUBSCRIBERS) {
      this.#unheardIds.add(packet.messageId ?? 0);
    }
  }

  /** Where nothing is retained nothing is taken away: an empty message would only be an empty message. */
  #clearsNothing(payload: Payload, retain: boolean): boolean {
    return retain && payload.length === 0 && !this.#limits.retains;
  }

  #publishForReceipt(
    topic: string,
    payload: string,
    retain: boolean,
    settled: (refusal: string | undefined, heard: boolean) => void,
    extras: Extras | undefined,
  ): void {
    this.#write(topic, payload, retain, extras);
    this.#receipts.add(() => {
      if (!this.#over) settled(undefined, true);
    });
  }

  #write(topic: string, payload: Payload, retain: boolean, extras: Extras | undefined): void {
    const options = { qos: 0, retain: retain && this.#limits.retains } as const;
    const { topic: name, alias } = extras?.frequent ? this.#aliases.for(topic) : { topic };
    this.#client?.publish(name, payload, this.#with(options, topic, payload, extras, alias));
  }

  #with(
    options: IClientPublishOptions,
    topic: string,
    payload: Payload,
    extras: Extras | undefined,
    topicAlias?: number,
  ): IClientPublishOptions {
    if (!this.#isMqtt5) return options;
    const properties = propertiesOf(topic, payload, extras);
    return { ...options, properties: topicAlias === undefined ? properties : { ...properties, topicAlias } };
  }

  #sizeRefusal(topic: string, payload: Payload): string | undefined {
    const { packetBytesMax } = this.#limits;
    if (packetBytesMax === Number.POSITIVE_INFINITY) return undefined;
    const bytes = Buffer.byteLength(payload) + Buffer.byteLength(topic) + OVERHEAD_BYTES_MAX;
    if (bytes <= packetBytesMax) return undefined;
    return `${bytes} bytes are more than the broker takes (${packetBytesMax})`;
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
      return { kind: 'lost', reason: `the broker ended it: ${codeWords(code, text)}`, code, closed: true };
    }
    const reason = error === undefined ? 'the broker closed the connection' : describe(error);
    const code = (error as { code?: unknown } | undefined)?.code;
    const closed = error === undefined || CLOSED_CODES.includes(code);
    if (this.#up) return { kind: 'lost', reason, closed, error };
    // MQTT.js puts the code of a refusing CONNACK into `code`; system errors have a string there.
    if (typeof code === 'number') {
      return { kind: 'refused', reason: `connection refused: ${codeWords(code)}`, code, closed: false };
    }
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

/** A code of MQTT 5 in its words; an AggregateError of several addresses tried (localhost) has a code but no message. */
function describe(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number') return codeWords(code);
  const text = reasonOf(error);
  return text === '' ? String(code ?? 'unknown error') : text;
}

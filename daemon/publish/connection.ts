// One attempt to connect to the broker and, when it succeeds, the one connection that follows. Owns one MQTT.js client,
// which is never used again: MQTT.js keeps unacknowledged messages across its own reconnects, and here the outbox alone
// resends. Reports its end exactly once; nothing is reported after it. Main thread.
import { Socket } from 'node:net';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';

export interface ConnectionEnd {
  /** `refused`: the broker answered with a refusal; `lost`: it had been up; `unreachable`: everything else. */
  readonly kind: 'refused' | 'lost' | 'unreachable';
  readonly reason: string;
  /** Return code of the CONNACK when refused (MQTT 3.1.1, table 3.1). */
  readonly returnCode?: number;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly clientId: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly keepaliveS: number;
  readonly connectTimeoutS: number;
  readonly will: { readonly topic: string; readonly payload: string };
  readonly onUp: () => void;
  readonly onEnd: (end: ConnectionEnd) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #client: MqttClient | undefined;
  #up = false;
  #over = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Starts the attempt; `onEnd` may be called before this returns. */
  open(): void {
    const client = this.#create();
    if (client === undefined) return;
    this.#client = client;
    // Alerts and the perception feed are single small packets: Nagle's algorithm would hold each until the one before
    // is acknowledged, up to 40 ms with delayed acknowledgements (RFC 896, RFC 1122 4.2.3.2).
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    client.on('connect', () => {
      if (this.#over) return;
      this.#up = true;
      this.#options.onUp();
    });
    // Not every error of MQTT.js closes its socket (a malformed packet does not): any error ends this connection.
    client.on('error', (error) => this.#end(error));
    client.on('close', () => this.#end(undefined));
  }

  /** QoS 1. `settled` gets undefined on PUBACK, else the reason; it is not called once the connection has ended. */
  publish(
    topic: string,
    payload: string,
    retain: boolean,
    settled: (refusal: string | undefined) => void,
  ): void {
    this.#client?.publish(topic, payload, { qos: 1, retain }, (error) => {
      if (!this.#over) settled(error ? describe(error) : undefined);
    });
  }

  /** QoS 0: written now or lost. */
  publishOnce(topic: string, payload: string, retain: boolean): void {
    this.#client?.publish(topic, payload, { qos: 0, retain });
  }

  /** QoS 0. `settled` gets undefined once the subscription holds, else the reason; `onMessage` the payload as text. */
  subscribe(
    topic: string,
    onMessage: (payload: string) => void,
    settled: (refusal: string | undefined) => void,
  ): void {
    this.#client?.on('message', (at, payload) => {
      if (at === topic && !this.#over) onMessage(payload.toString('utf8'));
    });
    this.#client?.subscribe(topic, { qos: 0 }, (error) => {
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
    const { url, clientId, user, password, keepaliveS, connectTimeoutS, will } = this.#options;
    const { hostname, port } = new URL(url);
    return {
      protocol: 'mqtt',
      protocolVersion: 4,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 1883 : Number(port),
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

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#client?.end(true);
    this.#options.onEnd(this.#endOf(error));
  }

  #endOf(error: unknown): ConnectionEnd {
    const reason = error === undefined ? 'the broker closed the connection' : describe(error);
    if (this.#up) return { kind: 'lost', reason };
    // MQTT.js puts the return code of a refusing CONNACK into `code`; system errors have a string there.
    const code = (error as { code?: unknown } | undefined)?.code;
    if (typeof code === 'number') return { kind: 'refused', reason, returnCode: code };
    return { kind: 'unreachable', reason };
  }
}

/** An AggregateError of several addresses tried (localhost) has a code but no message. */
function describe(error: unknown): string {
  const text = reasonOf(error);
  return text === '' ? String((error as { code?: unknown }).code ?? 'unknown error') : text;
}

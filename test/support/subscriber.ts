// A plain MQTT client that records what it receives, as any subscriber of an owner would. It connects again by itself
// and then subscribes again; with a persistent session the broker keeps its messages meanwhile. Ends with the test, which
// fails when a message was not as docs/asyncapi.yaml says.
import { connect, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import { holdToContract } from './contract.ts';
import { waitFor } from './wait.ts';

export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  /** Set on a message that the broker had kept before the subscription; as it was sent with `retainAsPublished`. */
  readonly retain: boolean;
}

export interface SubscriberOptions {
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Default: everything below `vedette`. */
  readonly filters?: readonly string[];
  /** A session that the broker keeps while this client is away. */
  readonly persistent?: boolean;
  /** Of its subscriptions, 1 by default. At 0 the broker passes everything on in order: nothing waits for acknowledgements. */
  readonly qos?: 0 | 1;
  /** Speaks MQTT 5 and sees the retain flag as the publisher set it: the contract is then held to the letter. */
  readonly retainAsPublished?: boolean;
  /** Messages are not held against the contract, because the test itself publishes what is not in it: why. */
  readonly notByContract?: string | undefined;
}

let count = 0;

export class Subscriber {
  /** Everything received, in order. */
  readonly messages: ReceivedMessage[] = [];
  /** The bytes received last, by topic. */
  readonly newest = new Map<string, Buffer>();
  readonly #client: MqttClient;
  #subscriptions = 0;
  #error: Error | undefined;

  private constructor(options: SubscriberOptions) {
    const {
      url,
      user,
      password,
      filters = ['vedette/#'],
      persistent = false,
      qos = 1,
      retainAsPublished = false,
      notByContract,
    } = options;
    count += 1;
    this.#client = connect(url, {
      clientId: `subscriber-${process.pid}-${count}`,
      clean: !persistent,
      protocolVersion: retainAsPublished ? 5 : 4,
      reconnectPeriod: 50,
      resubscribe: false,
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
    });
    this.#client.on('error', (error) => {
      this.#error = error;
    });
    this.#client.on('message', (topic, payload, { qos: received, retain }) => {
      this.newest.set(topic, payload);
      this.messages.push({ topic, payload: payload.toString('utf8'), qos: received, retain });
    });
    if (notByContract === undefined) holdToContract(this.#client, { qos, retainAsPublished });
    this.#client.on('connect', () => {
      const flags = retainAsPublished ? { rap: true } : {};
      this.#client.subscribe([...filters], { qos, ...flags }, (error) => {
        if (!error) this.#subscriptions += 1;
      });
    });
    onTestFinished(() => this.close());
  }

  /** Subscribed when this resolves. */
  static async connect(options: SubscriberOptions): Promise<Subscriber> {
    const subscriber = new Subscriber(options);
    await subscriber.subscribed(1);
    return subscriber;
  }

  /** How often it has subscribed: 1, and one more for each reconnect. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Resolves when it has subscribed `times` times. */
  async subscribed(times: number): Promise<void> {
    await waitFor(`subscription ${times} (last error: ${this.#error?.message ?? 'none'})`, () => {
      return this.#subscriptions >= times;
    });
  }

  /** Messages whose topic ends with `suffix`, in order. */
  on(suffix: string): ReceivedMessage[] {
    return this.messages.filter(({ topic }) => topic.endsWith(suffix));
  }

  /** The JSON payloads of these messages. */
  jsonOn(suffix: string): Record<string, unknown>[] {
    return this.on(suffix).map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
  }

  /** Resolves with the first message that fits, past or future. */
  waitFor(what: string, fits: (message: ReceivedMessage) => boolean): Promise<ReceivedMessage> {
    return waitFor(`${what}; received ${this.messages.map(({ topic }) => topic).join(', ')}`, () =>
      this.messages.find(fits),
    );
  }

  /** Resolves when `count` messages have come on topics that end with `suffix`. */
  async waitForCount(suffix: string, wanted: number): Promise<ReceivedMessage[]> {
    await waitFor(`${wanted} messages on …${suffix}`, () => this.on(suffix).length >= wanted);
    return this.on(suffix);
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

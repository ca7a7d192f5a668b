// The MQTT side of the daemon: delivers the outbox, sends the perception feed and tells all channels of the connection. Owns
// when something is sent; link.ts owns the connection, outbox-sender.ts the outbox, retained.ts the retained topics,
// payloads.ts what is sent, the store what is kept. Never waits for the broker: without one, state stays in
// memory and events stay in the outbox. Main thread.
import type { MqttConfig } from '../config/types.ts';
import type { Observation, OutboxRow } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { LatencyLedger } from '../platform/latency.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import type { Channel, Subscription } from './channel.ts';
import type { Connection } from './connection.ts';
import { PerceptionFeed } from './feed.ts';
import { type HealthReport, healthPayload, type MqttHealth } from './health-message.ts';
import { Link } from './link.ts';
import { OutboxSender, type OutboxSource } from './outbox-sender.ts';
import type { DaemonStatus } from './payloads.ts';
import type { PictureTopics } from './picture-topics.ts';
import type { RetainedTree } from './retained.ts';
import { HEALTH_PATH, labelSnapshotPath, STATUS_PATH, topicOf } from './topics.ts';

/** A broker takes a connection for dead after one and a half times its keep-alive (MQTT 5, 3.1.2.10), or somewhat later. */
const DEAD_AFTER_KEEPALIVES = 2;
/** A stop waits this long for acknowledgements, then as long again for the broker to close. */
const STOP_STAGE_MS = 1000;

export interface PublisherOptions {
  /** With the passwords already read from their files. */
  readonly config: MqttConfig;
  /** The truth of all retained topics; outlives this publisher. */
  readonly retained: RetainedTree;
  /** The newest picture per camera and label; undefined where they are not published. */
  readonly pictures?: PictureTopics | undefined;
  /** What else shares the connection. */
  readonly channels?: readonly Channel[];
  /** First level of every topic. */
  readonly device: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly outbox: OutboxSource;
  readonly health: () => HealthReport;
  /** Told of every alert that is sent and acknowledged. */
  readonly latency?: Pick<LatencyLedger, 'sent' | 'acknowledged'>;
  /**
   * Instead of `config.url`; a function is asked at every attempt (the embedded broker's port is known late) and answers
   * undefined while there is nothing to connect to.
   */
  readonly brokerUrl?: string | (() => string | undefined);
  /** What the broker takes, where that is known without its word. */
  readonly packetBytesMax?: number | undefined;
}

export interface PublisherState extends MqttHealth {
  /** Why there is no connection. */
  readonly reason?: string;
}

export class Publisher implements Part {
  readonly name = 'publisher';
  readonly #options: PublisherOptions;
  readonly #logger: Logger;
  readonly #link: Link;
  readonly #sender: OutboxSender;
  readonly #channels: readonly Channel[];
  readonly #feed: PerceptionFeed;
  /** The connection that is up. */
  #connection: Connection | undefined;
  #healthTimer: Timer | undefined;
  #formerTimer: Timer | undefined;
  #stopping: Promise<void> | undefined;
  /** Set while a stop waits for acknowledgements. */
  #onProgress: (() => void) | undefined;

  constructor(options: PublisherOptions) {
    const { device, retained, pictures, channels = [], clock, config, outbox } = options;
    this.#options = options;
    this.#logger = options.logger.child({ part: this.name });
    this.#link = new Link({
      config,
      // One name per device: a broker that still holds a dead connection of ours ends it, and sends its last will,
      // before it accepts the new one. With a random name that `offline` would come later and overwrite `online`.
      clientId: `vedette-${device}`,
      will: { topic: topicOf(device, STATUS_PATH), payload: 'offline' satisfies DaemonStatus },
      logger: this.#logger,
      clock,
      url: () => brokerUrl(options),
      packetBytesMax: options.packetBytesMax,
      onUp: (connection) => this.#up(connection),
      onLost: ({ byBroker }) => this.#lost(byBroker),
    });
    const snapshotTopic =
      pictures && ((camera: string, label: string) => topicOf(device, labelSnapshotPath(camera, label)));
    this.#sender = new OutboxSender({
      config,
      logger: this.#logger,
      clock,
      outbox,
      snapshotTopic,
      latency: options.latency,
      onProgress: () => this.#onProgress?.(),
    });
    // With the retained topics, so that it is said at every connect, in no promised order.
    retained.set(STATUS_PATH, 'online' satisfies DaemonStatus);
    this.#feed = new PerceptionFeed(config, clock);
    this.#channels = [retained, ...(pictures === undefined ? [] : [pictures]), this.#feed, ...channels];
  }

  /** Begins to connect and returns; a missing broker is not an error. */
  async start(): Promise<void> {
    const { clock, config } = this.#options;
    this.#healthTimer = clock.every(config.healthS * 1000, () => this.#setHealth());
    this.#link.start();
  }

  /** Publishes `stopped`, waits a moment for acknowledgements and says goodbye. Unacknowledged rows stay in the outbox. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  state(): PublisherState {
    return {
      ...this.#link.state(),
      ...this.#sender.state(),
      feedDropped: this.#feed.dropped,
      picturesDropped: this.#options.pictures?.dropped ?? 0,
    };
  }

  /** Outbox rows sent or about to be. */
  get inHand(): readonly number[] {
    return this.#sender.inHand;
  }

  /** Rows the store has committed, in order, each told once. */
  outboxGrew(rows: readonly OutboxRow[]): void {
    this.#sender.grew(rows);
  }

  /** The perception feed: sent at once or not at all. */
  detections(observation: Observation): void {
    this.#feed.observe(observation);
  }

  /** First the retained tree, then a pause in which others can subscribe again, then the outbox. */
  #up(connection: Connection): void {
    const { device, retained, clock, config } = this.#options;
    this.#connection = connection;
    this.#setHealth();
    const deadMs = DEAD_AFTER_KEEPALIVES * config.keepaliveS * 1000;
    this.#formerTimer = clock.after(deadMs, () => retained.clearFormer());
    for (const channel of this.#channels) {
      channel.opened({ connection, device });
      for (const subscription of channel.subscriptions?.(device) ?? [])
        this.#subscribe(connection, subscription);
    }
    this.#sender.opened({ connection, device });
  }

  #lost(byBroker: boolean): void {
    this.#connection = undefined;
    this.#closeChannels();
    this.#sender.closed(byBroker);
    this.#onProgress?.();
  }

  #closeChannels(): void {
    this.#formerTimer?.stop();
    for (const channel of this.#channels) channel.closed();
  }

  #subscribe(connection: Connection, subscription: Subscription): void {
    connection.subscribe(subscription, (refusal) => {
      if (refusal === undefined) return;
      this.#logger.warn(
        { code: 'MQTT_CONNECT', filter: subscription.filter },
        `${subscription.filter} cannot be subscribed to: ${refusal}; allow it in the access list of the broker`,
      );
    });
  }

  #setHealth(): void {
    const { retained, health } = this.#options;
    retained.set(HEALTH_PATH, healthPayload(health()), 0);
  }

  /** A row as it is published now. Throws where its body cannot be read. */
  payloadOf(row: OutboxRow): string {
    return this.#sender.payloadOf(row);
  }

  async #stop(): Promise<void> {
    this.#healthTimer?.stop();
    this.#link.stop();
    this.#sender.hold();
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const channel of this.#channels) channel.leaving?.();
    await this.#drain();
    this.#connection = undefined;
    this.#closeChannels();
    this.#sender.closed(false);
    await this.#link.goodbye(STOP_STAGE_MS);
  }

  /** Resolves when `stopped` and everything in flight is acknowledged, the connection is gone, or time is up. */
  async #drain(): Promise<void> {
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_STAGE_MS, resolve);
    let stoppedAcknowledged = false;
    this.#onProgress = () => {
      if (this.#connection === undefined || (stoppedAcknowledged && this.#sender.state().inFlight === 0))
        resolve();
    };
    this.#options.retained.set(STATUS_PATH, 'stopped' satisfies DaemonStatus, 1, () => {
      stoppedAcknowledged = true;
      this.#onProgress?.();
    });
    await drained;
    timer.stop();
  }
}

function brokerUrl({ brokerUrl: given, config }: PublisherOptions): string | undefined {
  if (given === undefined) return config.url;
  return typeof given === 'string' ? given : given();
}

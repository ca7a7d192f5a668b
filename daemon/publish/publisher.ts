// The MQTT side of the daemon: delivers the outbox, sends the perception feed and tells all channels of the connection. Owns
// when something is sent; link.ts owns the connection, delivery.ts the order of the outbox, retained.ts the retained
// topics, payloads.ts what is sent, the store what is kept. Never waits for the broker: without one, state stays in
// memory and events stay in the outbox. Main thread.
import type { MqttConfig } from '../config/types.ts';
import type { Observation, OutboxRow } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { LatencyLedger } from '../platform/latency.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import type { Channel, Subscription } from './channel.ts';
import type { Connection } from './connection.ts';
import { Delivery } from './delivery.ts';
import { Link } from './link.ts';
import {
  type DaemonStatus,
  detectionsPayload,
  type HealthReport,
  healthPayload,
  type MqttHealth,
  type RowContext,
  rowPayload,
} from './payloads.ts';
import type { PictureTopics } from './picture-topics.ts';
import type { RetainedTree } from './retained.ts';
import {
  detectionsPath,
  HEALTH_PATH,
  labelSnapshotPath,
  outboxTopic,
  STATUS_PATH,
  topicOf,
} from './topics.ts';

/** A connection with more unsent bytes than this is too slow for the perception feed. */
const FEED_BUFFER_BYTES_MAX = 256 * 1024;
/** Wait after a failed read of the outbox. */
const READ_RETRY_MS = 1000;
/** A row that the broker refused is offered again after this: its access list or its limits may have changed. */
const REFUSED_RETRY_MS = 5 * 60_000;
/** A stop waits this long for acknowledgements, then as long again for the broker to close. */
const STOP_STAGE_MS = 1000;

/** What the publisher needs of the store. */
export interface OutboxSource {
  /** Rows with `row` > `afterRow`, ascending, at most `limit`. */
  read(range: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]>;
  /** Deletes rows, soon. */
  delivered(rows: readonly number[]): void;
}

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
  readonly #delivery: Delivery;
  readonly #channels: readonly Channel[];
  readonly #snapshotTopic: RowContext['snapshotTopic'];
  readonly #feedTopics = new Map<string, string>();
  /** The connection that is up. */
  #connection: Connection | undefined;
  #feedDropped = 0;
  #refusalTold = false;
  #readProblemTold = false;
  #drainTimer: Timer | undefined;
  #healthTimer: Timer | undefined;
  #readTimer: Timer | undefined;
  #refusedTimer: Timer | undefined;
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
      onUp: (connection) => this.#up(connection),
      onLost: () => this.#lost(),
    });
    this.#delivery = new Delivery({
      windowMax: config.windowMax,
      read: async (range) => {
        const rows = await outbox.read(range);
        this.#readProblemTold = false;
        return rows;
      },
      send: (row, settled) => this.#sendRow(row, settled),
      delivered: (rows) => outbox.delivered(rows),
      readFailed: (error) => this.#readFailed(error),
    });
    this.#snapshotTopic = pictures && ((camera, label) => topicOf(device, labelSnapshotPath(camera, label)));
    // First of all topics, and so the first at every connect.
    retained.set(STATUS_PATH, 'online' satisfies DaemonStatus);
    this.#channels = [retained, ...(pictures === undefined ? [] : [pictures]), ...channels];
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
      inFlight: this.#delivery.inFlight,
      feedDropped: this.#feedDropped,
      picturesDropped: this.#options.pictures?.dropped ?? 0,
    };
  }

  /** Rows the store has committed, in order, each told once. */
  outboxGrew(rows: readonly OutboxRow[]): void {
    this.#delivery.grew(rows);
  }

  /** The perception feed: sent at once or not at all. */
  detections(observation: Observation): void {
    const connection = this.#connection;
    const { config, clock } = this.#options;
    if (!config.detections || connection === undefined) return;
    if (connection.bufferedBytes > FEED_BUFFER_BYTES_MAX) {
      this.#feedDropped += 1;
      return;
    }
    const payload = detectionsPayload(observation, clock.monoMs());
    if (!connection.publishOnce(this.#feedTopic(observation.camera), payload, false)) this.#feedDropped += 1;
  }

  #feedTopic(camera: string): string {
    let topic = this.#feedTopics.get(camera);
    if (topic === undefined) {
      topic = topicOf(this.#options.device, detectionsPath(camera));
      this.#feedTopics.set(camera, topic);
    }
    return topic;
  }

  /** First the retained tree, then a pause in which others can subscribe again, then the outbox. */
  #up(connection: Connection): void {
    const { clock, config, device } = this.#options;
    this.#connection = connection;
    this.#refusalTold = false;
    this.#setHealth();
    for (const channel of this.#channels) {
      channel.opened({ connection, device });
      for (const subscription of channel.subscriptions?.(device) ?? [])
        this.#subscribe(connection, subscription);
    }
    this.#drainTimer = clock.after(config.drainDelayS * 1000, () => this.#delivery.open());
  }

  #lost(): void {
    this.#connection = undefined;
    this.#drainTimer?.stop();
    this.#readTimer?.stop();
    this.#forgetRefused();
    this.#closeChannels();
    this.#delivery.close();
    this.#onProgress?.();
  }

  #closeChannels(): void {
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

  #sendRow(row: OutboxRow, settled: (acknowledged: boolean) => void): void {
    const { device, clock, config, latency } = this.#options;
    const connection = this.#connection;
    // Delivery is closed before the connection is let go.
    if (connection === undefined) return;
    let payload: string;
    try {
      payload = rowPayload(row, {
        nowMs: clock.nowMs(),
        lateMs: config.lateS * 1000,
        stages: latency?.sent(row.row),
        snapshotTopic: this.#snapshotTopic,
      });
    } catch (error) {
      this.#keep(row, `its body cannot be read: ${reasonOf(error)}`, 'INTERNAL');
      settled(false);
      return;
    }
    connection.publish(outboxTopic(device, row.kind), payload, false, (refusal) => {
      if (refusal !== undefined) this.#keep(row, refusal, 'MQTT_CONNECT');
      else latency?.acknowledged(row.row);
      settled(refusal === undefined);
      this.#onProgress?.();
    });
  }

  #keep(row: OutboxRow, reason: string, code: 'MQTT_CONNECT' | 'INTERNAL'): void {
    this.#refusedTimer ??= this.#options.clock.after(REFUSED_RETRY_MS, () => this.#offerAgain());
    if (this.#refusalTold) return;
    this.#refusalTold = true;
    this.#logger.warn(
      { code, row: row.row, kind: row.kind },
      `${row.kind} ${row.seq} not delivered: ${reason}; kept in the outbox, tried again every ${REFUSED_RETRY_MS / 60_000} minutes`,
    );
  }

  #offerAgain(): void {
    const { clock } = this.#options;
    this.#refusedTimer = this.#delivery.again()
      ? undefined
      : clock.after(READ_RETRY_MS, () => this.#offerAgain());
  }

  #forgetRefused(): void {
    this.#refusedTimer?.stop();
    this.#refusedTimer = undefined;
  }

  #readFailed(error: unknown): void {
    if (!this.#readProblemTold) {
      this.#readProblemTold = true;
      this.#logger.error(
        { code: 'INTERNAL' },
        `the outbox cannot be read: ${reasonOf(error)}; trying again every ${READ_RETRY_MS} ms`,
      );
    }
    this.#readTimer?.stop();
    this.#readTimer = this.#options.clock.after(READ_RETRY_MS, () => this.#delivery.retryRead());
  }

  async #stop(): Promise<void> {
    for (const timer of [this.#drainTimer, this.#healthTimer, this.#readTimer]) timer?.stop();
    this.#forgetRefused();
    this.#link.stop();
    this.#delivery.hold();
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const channel of this.#channels) channel.leaving?.();
    await this.#drain();
    this.#connection = undefined;
    this.#closeChannels();
    this.#delivery.close();
    await this.#link.goodbye(STOP_STAGE_MS);
  }

  /** Resolves when `stopped` and everything in flight is acknowledged, the connection is gone, or time is up. */
  async #drain(): Promise<void> {
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_STAGE_MS, resolve);
    let stoppedAcknowledged = false;
    this.#onProgress = () => {
      if (this.#connection === undefined || (stoppedAcknowledged && this.#delivery.inFlight === 0)) resolve();
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

// The MQTT side of the daemon: keeps a connection to the broker, keeps the retained topics true, delivers the outbox
// and sends the perception feed. Owns when something is sent; delivery.ts owns the order of the outbox, payloads.ts
// what is sent, the store what is kept. Never waits for the broker: without one, state stays in memory and events stay
// in the outbox. Main thread.
import type { MqttConfig } from '../config/types.ts';
import type { CameraStatus, Observation, OutboxRow } from '../core/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { Delivery } from './delivery.ts';
import {
  type DaemonStatus,
  detectionsPayload,
  type HealthReport,
  healthPayload,
  type MqttHealth,
  rowPayload,
} from './payloads.ts';
import { cameraStatusTopic, detectionsTopic, healthTopic, outboxTopic, statusTopic } from './topics.ts';

/** Shortest wait between two attempts to connect. */
const RETRY_MIN_MS = 500;
/** A connection with more unsent bytes than this is too slow for the perception feed. */
const FEED_BUFFER_BYTES_MAX = 256 * 1024;
/** Wait after a failed read of the outbox. */
const READ_RETRY_MS = 1000;
/** A stop waits this long for acknowledgements, then as long again for the broker to close. */
const STOP_STAGE_MS = 1000;

/** What the publisher needs of the store. */
export interface OutboxSource {
  /** Epoch of the database the rows come from. */
  epoch(): string;
  /** Rows with `row` > `afterRow`, ascending, at most `limit`. */
  read(range: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]>;
  /** Deletes rows, soon. */
  delivered(rows: readonly number[]): void;
}

export interface PublisherOptions {
  /** With the password already read from its file. */
  readonly config: MqttConfig;
  /** First level of every topic. */
  readonly device: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly outbox: OutboxSource;
  readonly health: () => HealthReport;
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
  readonly #backoff: Backoff;
  readonly #delivery: Delivery;
  readonly #cameras = new Map<string, CameraStatus>();
  /** Cameras that have gone: what is retained of them is cleared at every connect, the broker may hold it still. */
  readonly #gone = new Set<string>();
  readonly #feedTopics = new Map<string, string>();
  #connection: Connection | undefined;
  #connected = false;
  #connects = 0;
  #feedDropped = 0;
  #reason: string | undefined;
  /** The state last logged: one line per change. */
  #told = '';
  #refusalTold = false;
  #readProblemTold = false;
  #retryTimer: Timer | undefined;
  #drainTimer: Timer | undefined;
  #healthTimer: Timer | undefined;
  #readTimer: Timer | undefined;
  #stopping: Promise<void> | undefined;
  /** Set while a stop waits for acknowledgements. */
  #onProgress: (() => void) | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: this.name });
    this.#backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: options.config.retryMaxS * 1000 });
    this.#delivery = new Delivery({
      windowMax: options.config.windowMax,
      read: async (range) => {
        const rows = await options.outbox.read(range);
        this.#readProblemTold = false;
        return rows;
      },
      send: (row, settled) => this.#sendRow(row, settled),
      delivered: (rows) => options.outbox.delivered(rows),
      readFailed: (error) => this.#readFailed(error),
    });
  }

  /** Begins to connect and returns; a missing broker is not an error. */
  async start(): Promise<void> {
    const { clock, config } = this.#options;
    this.#healthTimer = clock.every(config.healthS * 1000, () => this.#publishHealth());
    this.#attempt();
  }

  /** Publishes `stopped`, waits a moment for acknowledgements and says goodbye. Unacknowledged rows stay in the outbox. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  state(): PublisherState {
    return {
      connected: this.#connected,
      reconnects: Math.max(0, this.#connects - 1),
      inFlight: this.#delivery.inFlight,
      feedDropped: this.#feedDropped,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Rows the store has committed, in order, each told once. */
  outboxGrew(rows: readonly OutboxRow[]): void {
    this.#delivery.grew(rows);
  }

  /** Retained; published now and after every reconnect. */
  cameraStatus(camera: string, status: CameraStatus): void {
    if (this.#cameras.get(camera) === status) return;
    this.#cameras.set(camera, status);
    this.#gone.delete(camera);
    if (this.#connected) this.#publishCameraStatus(camera, status);
  }

  /** The camera is no longer in the configuration: its retained topics are cleared. */
  forgetCamera(camera: string): void {
    this.#cameras.delete(camera);
    this.#feedTopics.delete(camera);
    this.#gone.add(camera);
    if (this.#connected) this.#clearCamera(camera);
  }

  /** The perception feed: sent at once or not at all. */
  detections(observation: Observation): void {
    const connection = this.#connection;
    const { config, clock } = this.#options;
    if (!config.detections || !this.#connected || connection === undefined) return;
    if (connection.bufferedBytes > FEED_BUFFER_BYTES_MAX) {
      this.#feedDropped += 1;
      return;
    }
    const payload = detectionsPayload(observation, clock.monoMs());
    connection.publishOnce(this.#feedTopic(observation.camera), payload, false);
  }

  #feedTopic(camera: string): string {
    let topic = this.#feedTopics.get(camera);
    if (topic === undefined) {
      topic = detectionsTopic(this.#options.device, camera);
      this.#feedTopics.set(camera, topic);
    }
    return topic;
  }

  #attempt(): void {
    const { config, device } = this.#options;
    const url = this.#url();
    if (url === undefined) {
      this.#down({ kind: 'unreachable', reason: 'the broker does not listen yet' });
      return;
    }
    const connection = new Connection({
      url,
      // One name per device: a broker that still holds a dead connection of ours ends it, and sends its last will,
      // before it accepts the new one. With a random name that `offline` would come later and overwrite `online`.
      clientId: `vedette-${device}`,
      user: config.user,
      password: config.password,
      keepaliveS: config.keepaliveS,
      connectTimeoutS: config.connectTimeoutS,
      will: { topic: statusTopic(device), payload: 'offline' satisfies DaemonStatus },
      onUp: () => this.#up(connection),
      onEnd: (end) => this.#down(end),
    });
    this.#connection = connection;
    connection.open();
  }

  #url(): string | undefined {
    const { brokerUrl, config } = this.#options;
    if (brokerUrl === undefined) return config.url;
    return typeof brokerUrl === 'string' ? brokerUrl : brokerUrl();
  }

  /** First the retained tree, then a pause in which others can subscribe again, then the outbox. */
  #up(connection: Connection): void {
    const { clock, config } = this.#options;
    this.#connected = true;
    this.#connects += 1;
    this.#reason = undefined;
    this.#refusalTold = false;
    if (this.#tell('up')) this.#logger.info(`connected to ${this.#url()}`);
    this.#publishStatus(connection, 'online', () => {
      // Not on CONNACK alone: a broker that accepts and then closes at once would be hammered.
      this.#backoff.reset();
    });
    for (const camera of this.#gone) this.#clearCamera(camera);
    for (const [camera, status] of this.#cameras) this.#publishCameraStatus(camera, status);
    this.#publishHealth();
    this.#drainTimer = clock.after(config.drainDelayS * 1000, () => this.#delivery.open());
  }

  #down(end: ConnectionEnd): void {
    this.#connected = false;
    this.#connection = undefined;
    this.#reason = end.reason;
    this.#drainTimer?.stop();
    this.#readTimer?.stop();
    this.#delivery.close();
    this.#onProgress?.();
    if (this.#stopping !== undefined) return;
    this.#tellDown(end);
    this.#retryTimer = this.#options.clock.after(this.#backoff.nextMs(), () => this.#attempt());
  }

  #tellDown({ kind, reason, returnCode }: ConnectionEnd): void {
    const fields = { code: 'MQTT_CONNECT' };
    const again = `trying again, at most ${this.#options.config.retryMaxS} s apart`;
    if (kind === 'refused') {
      if (!this.#tell(`refused ${returnCode}`)) return;
      const advice = adviceOn(returnCode, this.#options.config.user !== undefined);
      this.#logger.warn({ ...fields, returnCode }, `${this.#url()}: ${reason}: ${advice}; ${again}`);
      return;
    }
    if (!this.#tell('down')) return;
    const what = kind === 'lost' ? 'connection lost' : 'no connection';
    this.#logger.warn(
      fields,
      `${this.#url() ?? 'embedded broker'}: ${what}: ${reason}; events and alerts wait, ${again}`,
    );
  }

  /** True when this is a change. */
  #tell(state: string): boolean {
    if (this.#told === state) return false;
    this.#told = state;
    return true;
  }

  #publishStatus(connection: Connection, status: DaemonStatus, acknowledged: () => void): void {
    connection.publish(statusTopic(this.#options.device), status, true, (refusal) => {
      if (refusal === undefined) acknowledged();
    });
  }

  /** An empty retained message takes the retained one away (MQTT 3.1.1, 3.3.1.3). */
  #clearCamera(camera: string): void {
    this.#connection?.publish(cameraStatusTopic(this.#options.device, camera), '', true, () => {});
  }

  #publishCameraStatus(camera: string, status: CameraStatus): void {
    // No answer is awaited: every connection begins with the whole retained tree.
    this.#connection?.publish(cameraStatusTopic(this.#options.device, camera), status, true, () => {});
  }

  #publishHealth(): void {
    if (!this.#connected) return;
    const { device, health } = this.#options;
    this.#connection?.publishOnce(healthTopic(device), healthPayload(health()), true);
  }

  #sendRow(row: OutboxRow, settled: (acknowledged: boolean) => void): void {
    const { device, outbox, clock, config } = this.#options;
    const connection = this.#connection;
    // Delivery is closed before the connection is let go.
    if (connection === undefined) return;
    let payload: string;
    try {
      payload = rowPayload(row, {
        epoch: outbox.epoch(),
        nowMs: clock.nowMs(),
        lateMs: config.lateS * 1000,
      });
    } catch (error) {
      this.#keep(row, `its body cannot be read: ${reasonOf(error)}`, 'INTERNAL');
      settled(false);
      return;
    }
    connection.publish(outboxTopic(device, row.kind), payload, false, (refusal) => {
      if (refusal !== undefined) this.#keep(row, refusal, 'MQTT_CONNECT');
      settled(refusal === undefined);
      this.#onProgress?.();
    });
  }

  #keep(row: OutboxRow, reason: string, code: 'MQTT_CONNECT' | 'INTERNAL'): void {
    if (this.#refusalTold) return;
    this.#refusalTold = true;
    this.#logger.warn(
      { code, row: row.row, kind: row.kind },
      `${row.kind} ${row.seq} not delivered: ${reason}; kept in the outbox until the next connection`,
    );
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
    const { clock } = this.#options;
    for (const timer of [this.#retryTimer, this.#drainTimer, this.#healthTimer, this.#readTimer])
      timer?.stop();
    this.#delivery.hold();
    const connection = this.#connection;
    if (connection === undefined) return;
    if (!this.#connected) {
      connection.abandon();
      return;
    }
    await this.#drain(connection);
    this.#connected = false;
    this.#delivery.close();
    await connection.disconnect(clock, STOP_STAGE_MS);
  }

  /** Resolves when `stopped` and everything in flight is acknowledged, the connection is gone, or time is up. */
  async #drain(connection: Connection): Promise<void> {
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(STOP_STAGE_MS, resolve);
    let stoppedAcknowledged = false;
    this.#onProgress = () => {
      if (!this.#connected || (stoppedAcknowledged && this.#delivery.inFlight === 0)) resolve();
    };
    this.#publishStatus(connection, 'stopped', () => {
      stoppedAcknowledged = true;
      this.#onProgress?.();
    });
    await drained;
    timer.stop();
  }
}

/** What an owner can do about a refusing CONNACK (return codes of MQTT 3.1.1, table 3.1). */
function adviceOn(returnCode: number | undefined, hasUser: boolean): string {
  switch (returnCode) {
    case 1:
      return 'the broker does not speak MQTT 3.1.1';
    case 2:
      return 'the broker does not accept the client name, give device.name another value';
    case 3:
      return 'the broker is not ready';
    default:
      return hasUser
        ? "check mqtt.user and mqtt.password, and the broker's access list"
        : 'the broker wants a user and a password, set mqtt.user and mqtt.password';
  }
}

// The way out: all of MQTT that belongs to one daemon, joined. What stands (retained topics), what comes in (commands), the
// self-test and the embedded broker live as long as the daemon; the publisher is made anew for other settings. What is
// told here goes to whoever has to know of it. Main thread.
import type { MqttConfig } from '../config/types.ts';
import type { CameraSwitches, FileSwitches } from '../core/switches.ts';
import type { CameraStatus, Observation, OutboxRow } from '../core/types.ts';
import type { Sighting } from '../core/whereabouts.ts';
import type { Clock } from '../platform/clock.ts';
import type { LatencyLedger } from '../platform/latency.ts';
import type { Logger } from '../platform/logger.ts';
import { type Part, Replaceable } from '../platform/part.ts';
import { EmbeddedBroker, PACKET_BYTES_MAX } from './embedded-broker.ts';
import type { HealthReport } from './health-message.ts';
import type { OutboxSource } from './outbox-sender.ts';
import type { Picture } from './picture-topics.ts';
import { Publisher, type PublisherState } from './publisher.ts';
import type { RequestSources } from './requests.ts';
import type { TopicMemory } from './retained.ts';
import { SelfTest, type SelfTestOptions, type SelfTestReport } from './self-test.ts';
import { type StandingScene, StandingTopics } from './standing-topics.ts';
import { Switchboard, type SwitchMemory } from './switchboard.ts';

/** The configuration as far as it is about messages. */
export interface OutletSettings {
  /** First level of every topic below `vedette/`. */
  readonly device: string;
  readonly mqtt: MqttConfig;
  readonly scene: StandingScene;
  readonly switches: FileSwitches;
}

export interface OutletOptions {
  readonly settings: OutletSettings;
  /** The embedded broker may take the next free port. */
  readonly nextFreePort: boolean;
  /** Of the daemon. */
  readonly version: string;
  readonly outbox: OutboxSource;
  readonly memory: TopicMemory;
  readonly switches: SwitchMemory;
  /** Switches of this camera have other values now. */
  readonly onTurn: (camera: string, switches: CameraSwitches) => void;
  /** Rules may fire on this camera, or not: told of each at the start, and of changes. */
  readonly onArmed: (camera: string, armed: boolean) => void;
  readonly requests: Pick<RequestSources, 'messages' | 'picture' | 'why' | 'backtest'>;
  readonly selfTest: Pick<SelfTestOptions, 'judge' | 'commit' | 'withdraw' | 'waiting'>;
  readonly latency: LatencyLedger;
  readonly health: () => HealthReport;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Outlet {
  readonly switchboard: Switchboard;
  readonly #options: OutletOptions;
  readonly #topics: StandingTopics;
  readonly #selfTest: SelfTest;
  readonly #broker: Replaceable<EmbeddedBroker | undefined>;
  readonly #publisher: Replaceable<Publisher>;
  #settings: OutletSettings;

  constructor(options: OutletOptions) {
    const { settings, memory, version, clock, logger } = options;
    this.#options = options;
    this.#settings = settings;
    this.#topics = new StandingTopics({ scene: settings.scene, memory, version, clock, logger });
    this.switchboard = this.#makeSwitchboard();
    const everyMinutes = settings.mqtt.selfTestMinutes;
    this.#selfTest = new SelfTest({ ...options.selfTest, everyMinutes, clock, logger });
    this.#broker = new Replaceable('embedded broker', this.#makeBroker());
    this.#publisher = new Replaceable('publisher', this.#makePublisher());
  }

  /** In the order of their start. */
  get parts(): readonly Part[] {
    return [this.#broker, this.#publisher, this.#topics, this.#selfTest];
  }

  /** Where messages go. */
  get brokerUrl(): string {
    return this.#broker.current?.url ?? this.#settings.mqtt.url;
  }

  /** Rows of the outbox that may be on their way. */
  get inHand(): readonly number[] {
    return this.#publisher.current.inHand;
  }

  get selfTest(): SelfTestReport | undefined {
    return this.#selfTest.report;
  }

  state(): PublisherState {
    return this.#publisher.current.state();
  }

  /** Takes up what stands by other settings; `masked`: cameras with other masks than before. */
  arrange(settings: OutletSettings, masked: readonly string[]): void {
    this.#settings = settings;
    this.#topics.arrange(settings.scene, masked);
    this.switchboard.reload(settings.switches);
    this.#selfTest.repeatEvery(settings.mqtt.selfTestMinutes);
  }

  /** The old publisher leaves first, so that it never offers its password to the broker of the new one. */
  async reconnect({ embedded }: { readonly embedded: boolean }): Promise<void> {
    await this.#publisher.current.stop();
    if (embedded) await this.#broker.replace(this.#makeBroker());
    await this.#publisher.replace(this.#makePublisher());
  }

  /** The perception feed: sent at once or not at all. */
  detections(observation: Observation): void {
    this.#publisher.current.detections(observation);
  }

  /** What stands follows what was seen. */
  observe(observation: Observation, sightings: readonly Sighting[]): void {
    this.#topics.observe(observation, sightings);
  }

  /** Rows of the outbox, just committed, in order. */
  committed(rows: readonly OutboxRow[]): void {
    for (const row of rows) if (row.kind === 'self-test') this.#selfTest.committed(row);
    this.#publisher.current.outboxGrew(rows);
    this.#topics.committed(rows);
  }

  /** Labels of the model that is ready. */
  takeModel(labels: readonly string[]): void {
    this.#topics.takeModel(labels);
  }

  cameraStatus(camera: string, status: CameraStatus): void {
    this.#topics.cameraStatus(camera, status);
  }

  picture(camera: string, picture: Picture): void {
    this.#topics.picture(camera, picture);
  }

  #makeSwitchboard(): Switchboard {
    const { switches, requests, onTurn, onArmed, clock, logger } = this.#options;
    return new Switchboard({
      file: this.#settings.switches,
      memory: switches,
      retained: this.#topics.retained,
      requests: { ...requests, payloadOf: (row) => this.#publisher.current.payloadOf(row) },
      onTurn,
      onArmed,
      clock,
      logger,
    });
  }

  #makeBroker(): EmbeddedBroker | undefined {
    const { nextFreePort, logger, clock } = this.#options;
    const { enabled, ...settings } = this.#settings.mqtt.embedded;
    return enabled ? new EmbeddedBroker({ ...settings, nextFreePort, logger, clock }) : undefined;
  }

  #makePublisher(): Publisher {
    const { outbox, health, latency, logger, clock } = this.#options;
    const { device, mqtt, scene } = this.#settings;
    const { enabled, user, password } = mqtt.embedded;
    const broker = this.#broker.current;
    return new Publisher({
      // aedes speaks 3.1.1 only.
      config: enabled ? { ...mqtt, user, password, protocol: '3.1.1' } : mqtt,
      retained: this.#topics.retained,
      pictures: scene.pictures ? this.#topics.pictures : undefined,
      channels: [...this.#topics.channels, this.switchboard.commands, this.#selfTest],
      device,
      logger,
      clock,
      // Whatever else may sit on the port of a broker of ours that does not listen must not get our messages.
      brokerUrl: () => (broker?.listening === false ? undefined : (broker?.url ?? mqtt.url)),
      packetBytesMax: broker === undefined ? undefined : PACKET_BYTES_MAX,
      outbox,
      health,
      latency: {
        sent: (row) => latency.sent(row),
        acknowledged: (row) => {
          latency.acknowledged(row);
          this.#selfTest.acknowledged(row);
        },
      },
    });
  }
}

// All topics that stand: what is so, as opposed to what happened. They outlive connections, publishers and device names:
// status, counts and motion of the cameras, their newest pictures, the same in the shape of Frigate, and what Home Assistant is
// told of all that. Joins them with the
// one retained tree; each is a file of its own. Main thread.
import type { Config } from '../config/types.ts';
import { decisionScene } from '../core/configured.ts';
import type { Places, Rule } from '../core/rule-types.ts';
import type { CameraStatus, Observation, OutboxRow, Size } from '../core/types.ts';
import type { Sighting } from '../core/whereabouts.ts';
import { boardTemperatureC } from '../platform/board.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { machineHash } from '../platform/machine-id.ts';
import type { Part } from '../platform/part.ts';
import type { Channel, Session } from './channel.ts';
import { FrigateChannel, type FrigateSettings } from './frigate-channel.ts';
import { HomeAssistantChannel, type HomeAssistantSettings, type Housing } from './home-assistant-channel.ts';
import { MaskNotes, type Masks } from './mask-notes.ts';
import { MemoryNotes } from './memory-notes.ts';
import { OwnTopics } from './own-topics.ts';
import { PictureTopics } from './picture-topics.ts';
import { RetainedTree, type TopicMemory } from './retained.ts';
import { SeenLabels } from './seen-labels.ts';
import { StateTopics } from './state.ts';
import { cameraPath, isSnapshotPathOf, pathOf } from './topics.ts';
import { WipeWatch } from './wipe-watch.ts';

/** The configuration in the words of these topics. */
export interface StandingScene {
  readonly cameras: Readonly<Record<string, { readonly detect: Size; readonly masks: Masks }>>;
  readonly rules: readonly Rule[];
  /** By camera name. */
  readonly places: ReadonlyMap<string, Places>;
  /** Pictures are published. */
  readonly pictures: boolean;
  readonly frigate: FrigateSettings;
  readonly homeassistant: HomeAssistantSettings;
  /** First level of the topics below `vedette/`. */
  readonly device: string;
  /** Seconds between two messages of health. */
  readonly healthS: number;
}

export interface StandingTopicsOptions {
  readonly scene: StandingScene;
  readonly memory: TopicMemory;
  /** Of the daemon. */
  readonly version: string;
  /** Names this machine for a purpose; a test names others. */
  readonly machine?: (purpose: string, fallback?: string) => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class StandingTopics implements Part {
  readonly name = 'standing topics';
  readonly retained: RetainedTree;
  readonly pictures: PictureTopics;
  readonly #masks: MaskNotes;
  readonly #state: StateTopics;
  readonly #frigate: FrigateChannel;
  readonly #homeAssistant: HomeAssistantChannel;
  readonly #watch: WipeWatch;
  readonly #version: string;
  #scene: StandingScene;

  constructor({ scene, memory, version, machine = machineName, clock, logger }: StandingTopicsOptions) {
    this.#scene = scene;
    this.#version = version;
    const notes = new MemoryNotes(memory);
    const device = () => this.#scene.device;
    this.#masks = new MaskNotes(notes);
    // Without anything that tells machines apart: a container has another host name with every start.
    const own = new OwnTopics({ memory, notes, device, machine: machine('retained topics', '') });
    const retained = new RetainedTree({
      memory: own,
      keeps: (path) => this.#isPicture(path),
      onRecalled: (paths) => {
        this.#purgePictures();
        this.#state.recall(paths, { seenNoted: own.noted });
      },
    });
    this.retained = retained;
    this.#frigate = new FrigateChannel({
      settings: scene.frigate,
      retained,
      sizeOf: (camera) => this.#scene.cameras[camera]?.detect,
      movementOf: (camera, track) => this.#state.movementOf(camera, track),
    });
    const secondTopic = (camera: string, label: string) => this.#frigate.pictureTopic(camera, label);
    this.pictures = new PictureTopics({ retained, secondTopic, clock, logger });
    this.#homeAssistant = new HomeAssistantChannel({
      id: `vedette_${machine('home assistant')}`,
      settings: scene.homeassistant,
      housing: this.#housing(scene),
      retained,
      onWiped: (topic) => this.#watch.wiped(topic),
      clock,
      logger,
    });
    this.#watch = new WipeWatch({ publishAgain: (session) => this.#publishAgain(session), clock, logger });
    const onChanges: FrigateChannel['changed'] = (changes) => {
      this.#frigate.changed(changes);
      this.#homeAssistant.changed(changes);
    };
    this.#state = new StateTopics({ retained, seen: new SeenLabels({ notes, device }), onChanges, clock });
    this.#state.arrange(scene);
  }

  /** What has to be told of every connection, beside the tree and the pictures. */
  get channels(): readonly Channel[] {
    return [this.#frigate, this.#homeAssistant, this.#watch];
  }

  start(): Promise<void> {
    return this.#state.start();
  }

  stop(): Promise<void> {
    return this.#state.stop();
  }

  /**
   * Takes up another configuration. What it has no place for is cleared, and the pictures of cameras with other masks
   * (`masked`), which may show what these are to hide.
   */
  arrange(scene: StandingScene, masked: readonly string[]): void {
    const removed = Object.keys(this.#scene.cameras).filter(
      (camera) => !Object.hasOwn(scene.cameras, camera),
    );
    const unseen = scene.pictures ? masked : Object.keys(scene.cameras);
    for (const camera of [...removed, ...unseen]) this.pictures.forget(camera);
    for (const camera of removed) this.retained.clearBelow(cameraPath(camera));
    this.#scene = scene;
    this.#purgePictures();
    this.#state.arrange(scene);
    this.#frigate.configure(scene.frigate);
    this.#homeAssistant.configure(scene.homeassistant, this.#housing(scene));
  }

  /** Labels of the model that is ready. */
  takeModel(labels: readonly string[]): void {
    this.#state.takeModel(labels);
  }

  observe(observation: Observation, sightings: readonly Sighting[]): void {
    this.#state.observe(observation, sightings);
  }

  cameraStatus(camera: string, status: CameraStatus): void {
    this.#state.cameraStatus(camera, status);
  }

  /** The newest picture of a camera, JPEG. */
  picture(camera: string, picture: Parameters<PictureTopics['add']>[1]): void {
    if (this.#scene.pictures) this.pictures.add(camera, picture);
  }

  /** Rows of the outbox as they are committed. */
  committed(rows: readonly OutboxRow[]): void {
    this.#frigate.committed(rows);
  }

  #publishAgain(session: Session): void {
    this.retained.again();
    if (this.#scene.pictures) this.pictures.opened(session);
    this.#homeAssistant.again();
  }

  /** Takes away the pictures that may show what the masks of their camera are to hide, in whichever life they were sent. */
  #purgePictures(): void {
    const { device, cameras } = this.#scene;
    for (const camera of this.#masks.take(device, cameras)) {
      const isPicture = (topic: string): boolean =>
        isSnapshotPathOf([camera], pathOf(topic) ?? '') || this.#frigate.isPictureOf(camera, topic);
      this.retained.purge(camera, isPicture, () => this.#masks.settled(camera));
    }
  }

  #housing({ device, healthS, cameras, pictures }: StandingScene): Housing {
    const thermometer = boardTemperatureC() !== undefined;
    return { device, version: this.#version, healthS, thermometer, cameras: Object.keys(cameras), pictures };
  }

  /** The picture of a camera from before a restart may stay until there is a newer one. */
  #isPicture(path: string): boolean {
    return this.#scene.pictures && isSnapshotPathOf(Object.keys(this.#scene.cameras), path);
  }
}

function machineName(purpose: string, fallback?: string): string {
  return machineHash(purpose, undefined, fallback);
}

/** The configuration in the words of these topics. */
export function standingScene(
  config: Config,
  { deviceDefault, pictures }: { readonly deviceDefault: string; readonly pictures: boolean },
): StandingScene {
  const { cameras, frigate, homeassistant, device, mqtt } = config;
  const board = { device: device.name ?? deviceDefault, healthS: mqtt.healthS };
  return { cameras, frigate, homeassistant, ...board, pictures, ...decisionScene(config) };
}

// The retained topics of the cameras: their status and their newest pictures. Kept in memory, so that after every connect
// the broker's tree equals the truth, whatever it had forgotten. Pictures give way: they are written only while the
// connection has room, and a newer one takes the place of one still waiting. Main thread; holds JPEG bytes, no pixels.
import { sanitise } from '../core/names.ts';
import type { CameraStatus } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Connection } from './connection.ts';
import { cameraStatusTopic, labelSnapshotTopic, snapshotTopic } from './topics.ts';

/** Newest pictures kept for one camera: of so many labels, and so many bytes together. */
export const CAMERA_LABELS_MAX = 16;
export const CAMERA_PICTURE_BYTES_MAX = 4 * 1024 * 1024;
/** With more unsent bytes than this a connection has no room for a picture. */
const BUFFER_BYTES_MAX = 256 * 1024;
/** A connection without room is looked at again after this. */
const ROOM_RETRY_MS = 50;
/** A connection lost this soon after a picture may have been closed for it, */
const BLAME_MS = 2000;
/** and when that happens so often in a row, pictures wait. */
const BLAMES_MAX = 3;
const PAUSE_MS = 10 * 60_000;

/** A JPEG of the whole frame, with what it was kept for. */
export interface Picture {
  readonly label: string;
  readonly jpeg: Uint8Array;
}

export interface RetainedTreeOptions {
  readonly device: string;
  /** False: pictures are not published, and what another publisher has left of them is cleared. */
  readonly pictures: boolean;
  readonly clock: Clock;
  /** Brokers without a word about their limit close on a packet that is too large: pictures wait, `minutes` long. */
  readonly onPicturesPaused: (minutes: number) => void;
}

interface CameraTree {
  status: CameraStatus | undefined;
  /** By label, newest last: that one is the picture of the camera. */
  readonly pictures: Map<string, Buffer>;
}

export class RetainedTree {
  readonly #options: RetainedTreeOptions;
  readonly #cameras = new Map<string, CameraTree>();
  /** Topics that have gone: cleared at every connect, the broker may hold them still. */
  readonly #gone = new Set<string>();
  /** Pictures not yet sent on this connection, by the topic of their label, oldest first. */
  readonly #pending = new Map<string, { readonly camera: string; readonly jpeg: Buffer }>();
  #connection: Connection | undefined;
  #dropped = 0;
  #roomTimer: Timer | undefined;
  #sentMonoMs: number | undefined;
  #blames = 0;
  #pausedUntilMonoMs = 0;

  constructor(options: RetainedTreeOptions) {
    this.#options = options;
  }

  /** Pictures replaced before they could be sent, or larger than may be sent. */
  get picturesDropped(): number {
    return this.#dropped;
  }

  /** Published now and after every reconnect. */
  cameraStatus(camera: string, status: CameraStatus): void {
    const tree = this.#treeOf(camera);
    if (tree.status === status) return;
    tree.status = status;
    const topic = cameraStatusTopic(this.#options.device, camera);
    this.#gone.delete(topic);
    // No answer is awaited: every connection begins with the whole tree.
    this.#connection?.publish(topic, status, true, () => {});
  }

  /** The newest picture of a camera and of one label. */
  picture(camera: string, { label, jpeg }: Picture): void {
    if (!this.#options.pictures) return;
    if (jpeg.length > CAMERA_PICTURE_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    const name = sanitise(label);
    const picture = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.length);
    const { pictures } = this.#treeOf(camera);
    pictures.delete(name);
    pictures.set(name, picture);
    this.#evict(camera, pictures);
    const topic = labelSnapshotTopic(this.#options.device, camera, name);
    this.#gone.delete(topic);
    this.#gone.delete(snapshotTopic(this.#options.device, camera));
    if (this.#connection === undefined) return;
    // To the end of the line: a camera that sees much must not keep the others waiting.
    if (this.#pending.delete(topic)) this.#dropped += 1;
    this.#pending.set(topic, { camera, jpeg: picture });
    this.#pump();
  }

  /** The camera is no longer in the configuration: all that is retained of it is cleared. */
  forgetCamera(camera: string): void {
    for (const topic of this.#topicsOf(camera)) this.#clear(topic);
    this.#cameras.delete(camera);
  }

  /** The pictures alone; the camera goes on. */
  forgetPictures(camera: string): void {
    for (const topic of this.#pictureTopics(camera)) this.#clear(topic);
    this.#cameras.get(camera)?.pictures.clear();
  }

  /** Clears everything at the broker and publishes nothing more; what is in memory stays for whoever `adopt`s it. */
  leave(): void {
    for (const camera of this.#cameras.keys()) {
      for (const topic of this.#topicsOf(camera)) clearTopic(this.#connection, topic);
    }
    this.stop();
  }

  /** Takes over the pictures of the tree before; what it has left at the broker and is not ours is cleared. */
  adopt(previous: RetainedTree): void {
    const sameDevice = previous.#options.device === this.#options.device;
    for (const topic of sameDevice ? previous.#gone : []) this.#gone.add(topic);
    for (const [camera, { pictures }] of previous.#cameras) {
      if (this.#options.pictures) {
        for (const [label, jpeg] of pictures) this.#treeOf(camera).pictures.set(label, jpeg);
      } else if (sameDevice) {
        for (const topic of previous.#pictureTopics(camera)) this.#gone.add(topic);
      }
    }
  }

  /** A connection is up: publishes everything. */
  opened(connection: Connection): void {
    this.#connection = connection;
    for (const topic of this.#gone) clearTopic(connection, topic);
    const { device } = this.#options;
    for (const [camera, { status, pictures }] of this.#cameras) {
      if (status !== undefined) connection.publish(cameraStatusTopic(device, camera), status, true, () => {});
      for (const [label, jpeg] of pictures) {
        this.#pending.set(labelSnapshotTopic(device, camera, label), { camera, jpeg });
      }
    }
    this.#pump();
  }

  /** The connection has been lost. */
  closed(): void {
    const { clock, onPicturesPaused } = this.#options;
    const sentMonoMs = this.#sentMonoMs ?? Number.NEGATIVE_INFINITY;
    this.stop();
    if (clock.monoMs() - sentMonoMs > BLAME_MS) {
      this.#blames = 0;
      return;
    }
    this.#blames += 1;
    if (this.#blames < BLAMES_MAX) return;
    // One more loss after the pause is enough to begin another.
    this.#blames = BLAMES_MAX - 1;
    this.#pausedUntilMonoMs = clock.monoMs() + PAUSE_MS;
    onPicturesPaused(PAUSE_MS / 60_000);
  }

  /** Publishes nothing more. */
  stop(): void {
    this.#connection = undefined;
    this.#sentMonoMs = undefined;
    this.#pending.clear();
    this.#roomTimer?.stop();
    this.#roomTimer = undefined;
  }

  #treeOf(camera: string): CameraTree {
    let tree = this.#cameras.get(camera);
    if (tree === undefined) {
      tree = { status: undefined, pictures: new Map() };
      this.#cameras.set(camera, tree);
    }
    return tree;
  }

  #topicsOf(camera: string): string[] {
    return [cameraStatusTopic(this.#options.device, camera), ...this.#pictureTopics(camera)];
  }

  #pictureTopics(camera: string): string[] {
    const { device } = this.#options;
    const labels = [...(this.#cameras.get(camera)?.pictures.keys() ?? [])];
    if (labels.length === 0) return [];
    return [
      snapshotTopic(device, camera),
      ...labels.map((label) => labelSnapshotTopic(device, camera, label)),
    ];
  }

  /** Keeps to the limits; the newest picture always fits. */
  #evict(camera: string, pictures: Map<string, Buffer>): void {
    let bytes = 0;
    for (const { length } of pictures.values()) bytes += length;
    for (const [label, { length }] of pictures) {
      if (pictures.size <= CAMERA_LABELS_MAX && bytes <= CAMERA_PICTURE_BYTES_MAX) return;
      pictures.delete(label);
      bytes -= length;
      this.#clear(labelSnapshotTopic(this.#options.device, camera, label));
    }
  }

  #clear(topic: string): void {
    this.#gone.add(topic);
    this.#pending.delete(topic);
    clearTopic(this.#connection, topic);
  }

  #pump(): void {
    const { clock } = this.#options;
    const connection = this.#connection;
    if (connection === undefined || this.#pending.size === 0) return;
    const pausedMs = this.#pausedUntilMonoMs - clock.monoMs();
    if (pausedMs > 0) return this.#pumpAfter(pausedMs);
    for (const [topic, { camera, jpeg }] of this.#pending) {
      if (connection.bufferedBytes > BUFFER_BYTES_MAX) return this.#pumpAfter(ROOM_RETRY_MS);
      this.#pending.delete(topic);
      if (!connection.publishOnce(topic, jpeg, true)) {
        this.#dropped += 1;
        continue;
      }
      const newest = [...this.#treeOf(camera).pictures.values()].at(-1);
      if (jpeg === newest) connection.publishOnce(snapshotTopic(this.#options.device, camera), jpeg, true);
      this.#sentMonoMs = clock.monoMs();
    }
  }

  #pumpAfter(ms: number): void {
    this.#roomTimer ??= this.#options.clock.after(ms, () => {
      this.#roomTimer = undefined;
      this.#pump();
    });
  }
}

/**
 * An empty retained message takes the retained one away (MQTT 3.1.1, 3.3.1.3). It has the quality of what it clears: one of
 * QoS 1 may have to wait, and a newer picture of QoS 0 would be sent before it and then cleared.
 */
function clearTopic(connection: Connection | undefined, topic: string): void {
  if (topic.endsWith('/snapshot')) connection?.publishOnce(topic, '', true);
  else connection?.publish(topic, '', true, () => {});
}

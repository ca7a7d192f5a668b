// The newest pictures of the cameras, as retained topics: which are kept in memory, and when one is sent. Pictures give way:
// they are written only while the connection has room, and a newer one takes the place of one still waiting. That the topics
// are true at all is known by the retained tree. Main thread; holds JPEG bytes, no pixels.
import { sanitise } from '../core/names.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { type Channel, isSlow, type Session } from './channel.ts';
import type { RetainedTree } from './retained.ts';
import { isSnapshotPathOf, labelSnapshotPath, snapshotPath, topicOf } from './topics.ts';

/** Newest pictures kept for one camera: of so many labels, and so many bytes together. */
export const CAMERA_LABELS_MAX = 16;
export const CAMERA_PICTURE_BYTES_MAX = 4 * 1024 * 1024;
/** A connection that is too slow for a picture is looked at again after this. */
const ROOM_RETRY_MS = 50;
/** A connection lost this soon after a picture may have been closed for it, unless it has carried all of them for longer, */
const BLAME_MS = 2000;
/** and when that happens so often in a row, pictures wait. */
const BLAMES_MAX = 3;
const PAUSE_MS = 10 * 60_000;

interface Pending {
  readonly camera: string;
  readonly label: string;
  readonly jpeg: Buffer;
}

/** A JPEG of the whole frame, with what it was kept for. */
export interface Picture {
  readonly label: string;
  readonly jpeg: Uint8Array;
}

export interface PictureTopicsOptions {
  readonly retained: RetainedTree;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whole topic that shows the newest picture of a label a second time. */
  readonly secondTopic?: (camera: string, label: string) => string | undefined;
}

export class PictureTopics implements Channel {
  readonly #options: PictureTopicsOptions;
  /** By camera, then by label; newest last: that one is the picture of the camera. */
  readonly #cameras = new Map<string, Map<string, Buffer>>();
  /** Not yet sent on this connection, by the path of their label, oldest first. */
  readonly #pending = new Map<string, Pending>();
  #session: Session | undefined;
  #dropped = 0;
  #roomTimer: Timer | undefined;
  #sentMonoMs: number | undefined;
  /** When all there were had been sent on this connection, for the first time. */
  #caughtUpMonoMs: number | undefined;
  #blames = 0;
  #pausedUntilMonoMs = 0;

  constructor(options: PictureTopicsOptions) {
    this.#options = options;
  }

  /** Pictures replaced before they could be sent, or larger than may be sent. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The newest picture of a camera and of one label. */
  add(camera: string, { label, jpeg }: Picture): void {
    if (jpeg.length > CAMERA_PICTURE_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    const name = sanitise(label);
    const picture = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.length);
    const pictures = this.#picturesOf(camera);
    pictures.delete(name);
    pictures.set(name, picture);
    this.#evict(camera, pictures);
    const path = labelSnapshotPath(camera, name);
    this.#options.retained.hold(path);
    this.#options.retained.hold(snapshotPath(camera));
    if (this.#session === undefined) return;
    // To the end of the line: a camera that sees much must not keep the others waiting.
    if (this.#pending.delete(path)) this.#dropped += 1;
    this.#pending.set(path, { camera, label: name, jpeg: picture });
    this.#pump();
  }

  /** The pictures of this camera are not to be shown any more, nor those from before the daemon's start. */
  forget(camera: string): void {
    for (const label of this.#cameras.get(camera)?.keys() ?? []) {
      this.#pending.delete(labelSnapshotPath(camera, label));
      this.#clearSecond(camera, label);
    }
    this.#options.retained.clearWhere((path) => isSnapshotPathOf([camera], path));
    this.#cameras.delete(camera);
  }

  opened(session: Session): void {
    this.#session = session;
    this.#caughtUpMonoMs = undefined;
    for (const [camera, pictures] of this.#cameras) {
      for (const [label, jpeg] of pictures) {
        this.#pending.set(labelSnapshotPath(camera, label), { camera, label, jpeg });
      }
    }
    this.#pump();
  }

  /** Nobody is to blame for a goodbye of ours. */
  leaving(): void {
    this.#sentMonoMs = undefined;
  }

  closed(): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monoMs();
    const sentMonoMs = this.#sentMonoMs ?? Number.NEGATIVE_INFINITY;
    const carriedMs = nowMs - (this.#caughtUpMonoMs ?? nowMs);
    this.#session = undefined;
    this.#sentMonoMs = undefined;
    this.#pending.clear();
    this.#roomTimer?.stop();
    this.#roomTimer = undefined;
    if (nowMs - sentMonoMs > BLAME_MS || carriedMs > BLAME_MS) {
      this.#blames = 0;
      return;
    }
    this.#blames += 1;
    if (this.#blames < BLAMES_MAX) return;
    // One more loss after the pause is enough to begin another.
    this.#blames = BLAMES_MAX - 1;
    this.#pausedUntilMonoMs = nowMs + PAUSE_MS;
    // Brokers without a word about their limit close on a packet that is too large.
    logger.warn(
      { part: 'publisher', code: 'MQTT_CONNECT' },
      `the connection was lost right after a picture, several times: no pictures for ${PAUSE_MS / 60_000} minutes; raise the packet size limit of the broker`,
    );
  }

  #picturesOf(camera: string): Map<string, Buffer> {
    let pictures = this.#cameras.get(camera);
    if (pictures === undefined) {
      pictures = new Map();
      this.#cameras.set(camera, pictures);
    }
    return pictures;
  }

  /** Keeps to the limits; the newest picture always fits. */
  #evict(camera: string, pictures: Map<string, Buffer>): void {
    let bytes = 0;
    for (const { length } of pictures.values()) bytes += length;
    for (const [label, { length }] of pictures) {
      if (pictures.size <= CAMERA_LABELS_MAX && bytes <= CAMERA_PICTURE_BYTES_MAX) return;
      pictures.delete(label);
      bytes -= length;
      const path = labelSnapshotPath(camera, label);
      this.#pending.delete(path);
      this.#options.retained.clear(path);
      this.#clearSecond(camera, label);
    }
  }

  #clearSecond(camera: string, label: string): void {
    const { retained, secondTopic } = this.#options;
    const topic = secondTopic?.(camera, label);
    if (topic !== undefined) retained.clearTopic(topic);
  }

  #pump(): void {
    const { clock } = this.#options;
    const session = this.#session;
    if (session === undefined || this.#pending.size === 0) return;
    const pausedMs = this.#pausedUntilMonoMs - clock.monoMs();
    if (pausedMs > 0) return this.#pumpAfter(pausedMs);
    for (const [path, { camera, label, jpeg }] of this.#pending) {
      if (isSlow(session)) return this.#pumpAfter(ROOM_RETRY_MS);
      this.#pending.delete(path);
      if (!this.#send(session, path, jpeg)) {
        this.#dropped += 1;
        continue;
      }
      const newest = [...this.#picturesOf(camera).values()].at(-1);
      if (jpeg === newest) this.#send(session, snapshotPath(camera), jpeg);
      this.#sendSecond(session, camera, label, jpeg);
      this.#sentMonoMs = clock.monoMs();
    }
    this.#caughtUpMonoMs ??= clock.monoMs();
  }

  #send({ connection, device }: Session, path: string, jpeg: Buffer): boolean {
    return connection.publishOnce(topicOf(device, path), jpeg, true);
  }

  #sendSecond({ connection }: Session, camera: string, label: string, jpeg: Buffer): void {
    const { retained, secondTopic } = this.#options;
    const topic = secondTopic?.(camera, label);
    if (topic === undefined) return;
    retained.holdTopic(topic);
    connection.publishOnce(topic, jpeg, true);
  }

  #pumpAfter(ms: number): void {
    this.#roomTimer ??= this.#options.clock.after(ms, () => {
      this.#roomTimer = undefined;
      this.#pump();
    });
  }
}

// Publishes what happens once more in the shape of Frigate, when the owner wants it: events as soon as they are committed,
// counts and motion as they change, whether the daemon is there. Events are sent at once or not at all (QoS 0): what must
// not be lost is in `event` and `alert`, from the outbox. One for the daemon's life. Main thread.
import { alertOf, eventIdsOf } from '../core/alert-body.ts';
import type { Movement, PresenceChange } from '../core/presence.ts';
import type { EventChange, OutboxRow, Size } from '../core/types.ts';
import { type Channel, isSlow, type Session } from './channel.ts';
import { type FrigateObject, frigateEventPayload, frigateObject } from './frigate.ts';
import type { RetainedTree } from './retained.ts';

/** Objects followed at once; beyond it the oldest is forgotten, and its next change is told as `new`. */
const OBJECTS_MAX = 4096;

export interface FrigateSettings {
  readonly enabled: boolean;
  /** First levels of the topics. */
  readonly prefix: string;
}

export interface FrigateChannelOptions {
  readonly settings: FrigateSettings;
  readonly retained: RetainedTree;
  /** Size of the frames of a camera; undefined when there is no such camera any more. */
  readonly sizeOf: (camera: string) => Size | undefined;
  readonly movementOf: (camera: string, track: number) => Movement | undefined;
}

interface Followed {
  alerted: boolean;
  /** As told last; undefined until then. */
  told: FrigateObject | undefined;
  /** Path of the picture it was told with. */
  picture: string | undefined;
}

interface Tally {
  readonly count: number;
  readonly active: number;
}

export class FrigateChannel implements Channel {
  readonly #options: FrigateChannelOptions;
  #settings: FrigateSettings;
  #session: Session | undefined;
  /** By event. */
  readonly #objects = new Map<string, Followed>();
  /** By camera or zone, then label, then camera: a zone of that name may be on several. */
  readonly #tallies = new Map<string, Map<string, Map<string, Tally>>>();
  readonly #motion = new Map<string, boolean>();

  constructor(options: FrigateChannelOptions) {
    this.#options = options;
    this.#settings = options.settings;
    // Of an earlier life it is not to be cleared before it is told anew.
    this.#setAvailable('online');
  }

  /** Other settings: what was published under the old ones is cleared. */
  configure(settings: FrigateSettings): void {
    const { enabled, prefix } = this.#settings;
    if (enabled === settings.enabled && prefix === settings.prefix) return;
    if (enabled) this.#options.retained.clearTopicsBelow(`${prefix}/`);
    this.#settings = settings;
    // Nobody has heard of them under the new prefix.
    this.#objects.clear();
    if (!settings.enabled) return;
    for (const [place, labels] of this.#tallies) this.#setCounts(place, labels.keys());
    for (const [camera, moves] of this.#motion) this.#setMotion(camera, moves);
    this.#setAvailable('online');
  }

  opened(session: Session): void {
    this.#session = session;
    this.#setAvailable('online');
  }

  /** A second last will there cannot be: this is told only when the daemon is stopped. */
  leaving(): void {
    this.#setAvailable('offline');
  }

  closed(): void {
    this.#session = undefined;
  }

  /** Where the picture of a label is shown a second time. */
  pictureTopic(camera: string, label: string): string | undefined {
    return this.#settings.enabled ? this.#topic(camera, label, 'snapshot') : undefined;
  }

  /** Whether that is this topic, of whatever label. */
  isPictureOf(camera: string, topic: string): boolean {
    return topic.startsWith(`${this.#topic(camera)}/`) && topic.endsWith('/snapshot');
  }

  /** Rows of the outbox as they are committed, in order, each once. */
  committed(rows: readonly OutboxRow[]): void {
    if (!this.#settings.enabled) return;
    // An alert that is committed with the beginning of its event makes that an alert at once.
    for (const { kind, body } of rows) {
      if (kind !== 'alert') continue;
      for (const eventId of eventIdsOf(alertOf(body))) this.#follow(eventId).alerted = true;
    }
    for (const { kind, body } of rows) if (kind === 'event') this.#tell(JSON.parse(body) as EventChange);
  }

  /** Counts and motion. */
  changed(changes: readonly PresenceChange[]): void {
    const touched = new Map<string, Set<string>>();
    for (const change of changes) {
      if (change.kind === 'motion') {
        this.#setMotion(change.camera, change.state);
        continue;
      }
      const { camera, zone = camera, label, state } = change;
      this.#note(zone, label, camera, state);
      const labels = touched.get(zone) ?? new Set();
      touched.set(zone, labels.add(label));
    }
    for (const [place, labels] of touched) this.#setCounts(place, labels);
  }

  #tell(event: EventChange): void {
    const { sizeOf, movementOf } = this.#options;
    const size = sizeOf(event.camera);
    const followed = this.#follow(event.id);
    if (event.type === 'end') this.#objects.delete(event.id);
    if (size === undefined) return;
    const { told: before, alerted } = followed;
    const movement = movementOf(event.camera, event.track);
    const samePicture = followed.picture === event.snapshot?.path;
    const after = frigateObject(event, { size, before, movement, alerted, samePicture });
    const session = this.#session;
    // Whoever comes to hear of an object late hears of it as new, once.
    if (session === undefined || isSlow(session)) return;
    followed.told = after;
    followed.picture = event.snapshot?.path;
    const type = event.type === 'update' && before === undefined ? 'new' : event.type;
    session.connection.publishOnce(this.#topic('events'), frigateEventPayload(type, after, before), false);
  }

  #follow(eventId: string): Followed {
    let followed = this.#objects.get(eventId);
    if (followed === undefined) {
      followed = { alerted: false, told: undefined, picture: undefined };
      this.#objects.set(eventId, followed);
      const oldest = this.#objects.keys().next();
      if (this.#objects.size > OBJECTS_MAX && !oldest.done) this.#objects.delete(oldest.value);
    }
    return followed;
  }

  #note(place: string, label: string, camera: string, tally: Tally | undefined): void {
    const labels = this.#tallies.get(place) ?? new Map<string, Map<string, Tally>>();
    const cameras = labels.get(label) ?? new Map<string, Tally>();
    if (tally === undefined) cameras.delete(camera);
    else cameras.set(camera, tally);
    labels.set(label, cameras);
    this.#tallies.set(place, labels);
  }

  /** Counts of these labels in a camera or zone, and the sums over all labels there. */
  #setCounts(place: string, labels: Iterable<string>): void {
    const there = this.#tallies.get(place);
    for (const label of [...labels]) {
      const tallies = [...(there?.get(label)?.values() ?? [])];
      if (tallies.length === 0) there?.delete(label);
      this.#setCount(place, label, tallies);
    }
    const all = [...(there?.values() ?? [])].flatMap((cameras) => [...cameras.values()]);
    if (all.length === 0) this.#tallies.delete(place);
    this.#setCount(place, 'all', all);
  }

  #setCount(place: string, label: string, tallies: readonly Tally[]): void {
    const sumOf = (pick: (tally: Tally) => number): string | undefined =>
      tallies.length === 0 ? undefined : String(tallies.reduce((sum, tally) => sum + pick(tally), 0));
    this.#set(
      this.#topic(place, label),
      sumOf(({ count }) => count),
    );
    this.#set(
      this.#topic(place, label, 'active'),
      sumOf(({ active }) => active),
    );
  }

  #setMotion(camera: string, moves: boolean | undefined): void {
    if (moves === undefined) this.#motion.delete(camera);
    else this.#motion.set(camera, moves);
    this.#set(this.#topic(camera, 'motion'), moves === undefined ? undefined : moves ? 'ON' : 'OFF');
  }

  #setAvailable(word: 'online' | 'offline'): void {
    this.#set(this.#topic('available'), word, 1);
  }

  #set(topic: string, payload: string | undefined, qos: 0 | 1 = 0): void {
    if (!this.#settings.enabled) return;
    if (payload === undefined) this.#options.retained.clearTopic(topic);
    else this.#options.retained.setTopic(topic, payload, qos);
  }

  #topic(...levels: readonly string[]): string {
    return [this.#settings.prefix, ...levels].join('/');
  }
}

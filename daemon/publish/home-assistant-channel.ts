// Tells Home Assistant what there is: publishes the discovery message when a connection is up, when something comes or goes,
// and again when Home Assistant says that it has started. Entities that have gone are named until Home Assistant has had the
// time to take them away; what it may know is read back from the broker at every connect, so that this outlives the daemon.
// One for the daemon's life. Main thread.
import type { PresenceChange } from '../core/presence.ts';
import { jitterMs } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Channel, IncomingMessage, Session, Subscription } from './channel.ts';
import {
  birthTopics,
  discoveryOf,
  discoveryTopic,
  PAYLOAD_BYTES_MAX,
  readDiscovery,
} from './home-assistant.ts';
import type { Household, Place, Platform } from './home-assistant-words.ts';
import type { RetainedTree } from './retained.ts';

/** The message that the broker has kept comes at once or not at all. */
export const READ_BACK_MS = 2000;
/** Cameras, zones and labels that come and go together are one message, */
export const GATHER_MS = 300;
/**
 * and two messages are so far apart: of one that comes while Home Assistant (2026.2, mqtt/discovery.py) is still busy with the
 * same entities it takes only the first that it is busy with.
 */
export const APART_MS = 5000;
/**
 * After its birth message the whole house answers Home Assistant: "adding some random delay in sending the discovery payload
 * is recommended" (mqtt, Birth and last will messages).
 */
export const BIRTH_DELAY_MS_MIN = 1000;
export const BIRTH_DELAY_MS_MAX = 10_000;
/** Home Assistant has taken up a message for certain after this. */
export const SETTLE_MS = 60_000;

export interface HomeAssistantSettings {
  readonly enabled: boolean;
  /** First level of Home Assistant's topics (its discovery prefix). */
  readonly prefix: string;
}

/** The household without the places, which are learnt from what is published. */
export type Housing = Omit<Household, 'places'>;

export interface HomeAssistantChannelOptions {
  /** Stands for this board in Home Assistant, for ever. */
  readonly id: string;
  readonly settings: HomeAssistantSettings;
  readonly housing: Housing;
  readonly retained: Pick<RetainedTree, 'holdTopic' | 'clearTopic'>;
  /** Told when the discovery message is taken away while we are connected, and not by us. */
  readonly onWiped?: (topic: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in 0..1; a test passes its own. */
  readonly random?: () => number;
}

export class HomeAssistantChannel implements Channel {
  readonly #options: HomeAssistantChannelOptions;
  #settings: HomeAssistantSettings;
  #housing: Housing;
  readonly #places = new Map<string, Place>();
  #session: Session | undefined;
  /** Everything Home Assistant may know of us, by id. */
  #told = new Map<string, Platform>();
  /** As published last on this connection. */
  #payload: string | undefined;
  #publishedMonoMs = Number.NEGATIVE_INFINITY;
  /** As it was when Home Assistant went away; undefined while it is there, or may be. */
  #remembered: Household | undefined;
  #leftOut = 0;
  #reading: Timer | undefined;
  #gathering: Timer | undefined;
  #resending: Timer | undefined;
  #settling: Timer | undefined;

  constructor(options: HomeAssistantChannelOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#housing = options.housing;
    if (this.#settings.enabled) this.#hold();
  }

  /** Takes up another household, or other settings: these need another connection, which begins with reading back. */
  configure(settings: HomeAssistantSettings, housing: Housing): void {
    const before = this.#settings;
    const same = settings.enabled === before.enabled && settings.prefix === before.prefix;
    if (before.enabled && !same) {
      // "A configuration update with an empty payload will cause a previously discovered device to be deleted."
      this.#options.retained.clearTopic(this.#topic);
      this.#told.clear();
    }
    // Nothing more on this one: what is kept at the new topic has not been read.
    if (!same) this.closed();
    this.#settings = settings;
    this.#housing = housing;
    if (same) this.#gather();
    else if (settings.enabled) this.#hold();
  }

  /** Counts that begin to be told, or are not told any more, are entities that come and go. */
  changed(changes: readonly PresenceChange[]): void {
    let differs = false;
    for (const change of changes) {
      if (change.kind !== 'count') continue;
      const { camera, zone, label, title = label, state } = change;
      const key = `${camera}/${zone ?? ''}/${label}`;
      // A label is shown as people read it; of an earlier life that may come to be known later.
      const shown = state === undefined ? undefined : title;
      if (this.#places.get(key)?.label === shown) continue;
      differs = true;
      const place = { camera, label: title };
      if (state === undefined) this.#places.delete(key);
      else this.#places.set(key, zone === undefined ? place : { ...place, zone });
    }
    if (differs) this.#gather();
  }

  subscriptions(): readonly Subscription[] {
    if (!this.#settings.enabled) return [];
    const births = birthTopics(this.#settings.prefix).map(
      (filter): Subscription => ({ filter, qos: 1, onMessage: (message) => this.#heard(message) }),
    );
    return [...births, { filter: this.#topic, qos: 1, onMessage: (message) => this.#ownHeard(message) }];
  }

  opened(session: Session): void {
    this.#session = session;
    this.#payload = undefined;
    // Home Assistant may have come and gone while we were not there to hear it.
    this.#remembered = undefined;
    if (!this.#settings.enabled) return;
    this.#reading = this.#options.clock.after(READ_BACK_MS, () => {
      this.#reading = undefined;
      this.#publish();
    });
  }

  closed(): void {
    this.#session = undefined;
    this.#stopTimers();
  }

  /** Says it once more, soon: it has been taken away. */
  again(): void {
    this.#payload = undefined;
    this.#gather();
  }

  get #topic(): string {
    return discoveryTopic(this.#settings.prefix, this.#options.id);
  }

  get #household(): Household {
    return { ...this.#housing, places: [...this.#places.values()] };
  }

  /** The tree must not take the message for one of an earlier life: it holds what we have to read first. */
  #hold(): void {
    this.#options.retained.holdTopic(this.#topic, 1);
  }

  #stopTimers(): void {
    for (const timer of [this.#reading, this.#gathering, this.#resending, this.#settling]) timer?.stop();
    this.#reading = undefined;
    this.#gathering = undefined;
    this.#resending = undefined;
    this.#settling = undefined;
  }

  #ownHeard({ topic, retain, payload }: IncomingMessage): void {
    if (retain) return this.#readBack(payload);
    const isOurs = this.#session !== undefined && topic === this.#topic && this.#payload !== undefined;
    if (isOurs && payload.length === 0) this.#options.onWiped?.(topic);
  }

  /** What the broker had kept for Home Assistant: an earlier life of ours, or one of another version. */
  #readBack(payload: Buffer): void {
    for (const [id, platform] of readDiscovery(payload) ?? []) {
      if (!this.#told.has(id)) this.#told.set(id, platform);
    }
    this.#reading?.stop();
    this.#reading = undefined;
    this.#publish();
  }

  /** A retained word is of the past: Home Assistant finds the message at the broker by itself. */
  #heard({ retain, payload }: IncomingMessage): void {
    if (retain) return;
    const word = payload.subarray(0, 16).toString('utf8');
    if (word === 'offline') {
      this.#remembered ??= this.#household;
    } else if (word === 'online') {
      const { clock, random } = this.#options;
      this.#resending ??= clock.after(jitterMs(BIRTH_DELAY_MS_MIN, BIRTH_DELAY_MS_MAX, random), () => {
        this.#resending = undefined;
        this.#introduce();
      });
    }
  }

  /**
   * Everything once more, to one who has just started. It removes only what it has seen since its start: what has gone while it
   * was away is shown to it first.
   */
  #introduce(): void {
    const { clock } = this.#options;
    const before = this.#remembered;
    this.#remembered = undefined;
    this.#settling?.stop();
    if (before !== undefined && this.#isGone(before)) {
      this.#publish({ household: together(before, this.#household), again: true });
      this.#settling = clock.after(SETTLE_MS, () => this.#settle());
      return;
    }
    this.#publish({ again: true });
    this.#settling = clock.after(SETTLE_MS, () => this.#forget());
  }

  #settle(): void {
    this.#publish();
    this.#settling = this.#options.clock.after(SETTLE_MS, () => this.#forget());
  }

  /** "After removing a component, you should send another update with the removed component omitted." */
  #forget(): void {
    this.#settling = undefined;
    this.#told.clear();
    this.#publish();
  }

  #isGone(before: Household): boolean {
    const { components } = discoveryOf(this.#household, this.#options.id);
    return [...discoveryOf(before, this.#options.id).components.keys()].some((id) => !components.has(id));
  }

  #gather(): void {
    if (this.#session === undefined || this.#reading !== undefined || !this.#settings.enabled) return;
    const { clock } = this.#options;
    const delayMs = Math.max(GATHER_MS, this.#publishedMonoMs + APART_MS - clock.monoMs());
    this.#gathering ??= clock.after(delayMs, () => {
      this.#gathering = undefined;
      this.#publish();
    });
  }

  #publish({ household = this.#household, again = false } = {}): void {
    const { id, clock, logger } = this.#options;
    const { payload, components, leftOut } = discoveryOf(household, id, this.#told);
    for (const [component, platform] of components) this.#told.set(component, platform);
    if (leftOut !== this.#leftOut && leftOut > 0) {
      logger.warn(
        { leftOut },
        `Home Assistant is not told of ${leftOut} entities: its message has ${PAYLOAD_BYTES_MAX / 1024} KiB at most; name the labels you want in the rules`,
      );
    }
    this.#leftOut = leftOut;
    if (this.#session === undefined || (payload === this.#payload && !again)) return;
    this.#payload = payload;
    this.#publishedMonoMs = clock.monoMs();
    const topic = this.#topic;
    this.#session.connection.publish(topic, payload, true, (refusal) => {
      if (refusal === undefined) return;
      logger.warn({ code: 'MQTT_CONNECT', topic }, `${topic} not published: ${refusal}`);
    });
  }
}

/** All that either has. */
function together(before: Household, now: Household): Household {
  return {
    ...now,
    cameras: [...new Set([...now.cameras, ...before.cameras])],
    places: [...now.places, ...before.places],
    pictures: now.pictures || before.pictures,
    thermometer: now.thermometer || before.thermometer,
  };
}

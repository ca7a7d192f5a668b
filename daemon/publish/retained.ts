// The retained topics: what every one of them says now, kept in memory, so that after every connect the broker's tree equals
// the truth, whatever it had forgotten. Remembers over restarts which topics a broker may hold of us, and clears those that
// are not true any more. One for the daemon's life, whatever connections and device names come and go. Main thread.
import type { Session } from './channel.ts';
import type { Connection } from './connection.ts';
import { pathOf, STATUS_PATH, topicOf } from './topics.ts';

/** Topics that a broker may hold, over restarts of the daemon. */
export interface TopicMemory {
  /** Whole topics; undefined while they cannot be read. */
  known(): readonly string[] | undefined;
  change(topics: { readonly added: readonly string[]; readonly removed: readonly string[] }): void;
}

export interface RetainedTreeOptions {
  readonly memory: TopicMemory;
  /** Of a path that is remembered and not set: it stays at the broker as it is (a picture from before a restart). */
  readonly keeps?: (path: string) => boolean;
  /** Told once, before anything is cleared: the paths that earlier lives have left. */
  readonly onRecalled?: (paths: readonly string[]) => void;
}

type Quality = 0 | 1;

/** `payload` undefined: somebody else publishes it (`hold`). */
interface Leaf {
  readonly payload: string | undefined;
  readonly qos: Quality;
}

/** One of many, perhaps, of a topic that was set in between. */
interface Clearing {
  readonly topic: string;
  readonly number: number;
}

/** Topics that are taken away until a broker has that for certain. */
interface Purge {
  readonly fits: (topic: string) => boolean;
  readonly settled: () => void;
}

/** Topics that are cleared again at every connect. */
const GONE_MAX = 1000;

/** Marks a topic that is below the device, whatever the device is called. */
const BELOW_DEVICE = '~/';

export class RetainedTree {
  readonly #options: RetainedTreeOptions;
  /** By topic or `~/` and path, in the order of their first setting: that of publication at a connect. */
  readonly #leaves = new Map<string, Leaf>();
  /** Whole topics that the broker may hold. */
  readonly #known = new Set<string>();
  /** Those of earlier lives are among them. */
  #recalled = false;
  /**
   * Cleared, but not for certain at the broker, and not set again: cleared at the next connect even if `keeps` would keep them.
   * By topic, with the number of its newest clearing; what was cleared without a connection by `~/` and path as well.
   */
  readonly #condemned = new Map<string, number>();
  /** Counts what is cleared. */
  #clearings = 0;
  /**
   * Cleared in this life, oldest first. A broker that was killed may come back with what it had on disk, half an hour old:
   * they are cleared again at every connect.
   */
  readonly #gone = new Set<string>();
  /**
   * `status` of other names of ours, cleared and not forgotten yet: a broker that takes a dead connection of such a name for
   * alive will publish its last will.
   */
  readonly #former = new Set<string>();
  /** By name. All that were sent on this connection came before what is sent now. */
  readonly #purges = new Map<string, Purge>();
  #session: Session | undefined;
  /** How many messages of QoS 1 are not acknowledged, by topic, */
  readonly #inFlight = new Map<string, number>();
  /** and the keys of those that say something else since: a slow broker gets the newest, not all there was between. */
  readonly #overtaken = new Set<string>();
  /** Cleared with QoS 0: certain once something of QoS 1 that was sent later is acknowledged. */
  #uncertain: Clearing[] = [];

  constructor(options: RetainedTreeOptions) {
    this.#options = options;
  }

  /**
   * What a path below the device says from now on. Published at once when there is a connection and it says something new, and
   * at every connect. `settled` is told when the broker has it (QoS 1); not when there is no connection.
   */
  set(path: string, payload: string, qos: Quality = 1, settled?: () => void): void {
    this.#set(BELOW_DEVICE + path, { payload, qos }, settled);
  }

  /** The same for a whole topic that is not below the device. */
  setTopic(topic: string, payload: string, qos: Quality = 1): void {
    this.#set(topic, { payload, qos });
  }

  /** The path is true, but its owner publishes it, with QoS 0. */
  hold(path: string): void {
    this.#hold(BELOW_DEVICE + path, 0);
  }

  /** The same for a whole topic that is not below the device; `qos` is that of its owner. */
  holdTopic(topic: string, qos: Quality = 0): void {
    this.#hold(topic, qos);
  }

  /** Takes a path away, at the broker too. */
  clear(path: string): void {
    this.#clear(BELOW_DEVICE + path);
  }

  clearTopic(topic: string): void {
    this.#clear(topic);
  }

  /** All whole topics that are set below a prefix, which ends with a slash. */
  clearTopicsBelow(prefix: string): void {
    for (const key of [...this.#leaves.keys()]) if (key.startsWith(prefix)) this.#clear(key);
  }

  /** All that is set or remembered below a path, which ends with a slash. */
  clearBelow(path: string): void {
    this.clearWhere((candidate) => candidate.startsWith(path));
  }

  /** All paths, set or remembered, that fit; what is remembered is not kept for later either. */
  clearWhere(fits: (path: string) => boolean): void {
    this.#recall();
    for (const key of [...this.#leaves.keys()]) {
      if (key.startsWith(BELOW_DEVICE) && fits(key.slice(BELOW_DEVICE.length))) this.#clear(key);
    }
    const session = this.#session;
    for (const topic of this.#known) {
      const path = pathOf(topic);
      if (path === undefined || !fits(path)) continue;
      if (session === undefined) this.#condemn(topic);
      else if (!this.#condemned.has(topic)) this.#clearAtBroker(topic, 0);
    }
  }

  /**
   * Takes away what a broker may hold of these whole topics, although they are held: whoever publishes them does so again after
   * each connect. At every connect anew, until a broker has acknowledged something that came after; `settled` is told then. A
   * later one of the same name takes its place.
   */
  purge(name: string, fits: Purge['fits'], settled: Purge['settled']): void {
    this.#purges.set(name, { fits, settled });
    if (this.#session === undefined) return;
    for (const topic of this.#known) {
      if (fits(topic) && !this.#condemned.has(topic)) this.#clearAtBroker(topic, 0);
    }
  }

  /** Publishes everything once more: somebody else has taken it away at the broker. */
  again(): void {
    const session = this.#session;
    if (session === undefined) return;
    for (const [key, leaf] of this.#leaves) this.#publish(key, leaf, session);
  }

  /** No broker takes a connection of an earlier life for alive any more: what it has said of former names is cleared, for good. */
  clearFormer(): void {
    if (this.#session === undefined) return;
    const topics = [...this.#former];
    this.#former.clear();
    for (const topic of topics) this.#clearAtBroker(topic, 1);
  }

  /** A connection is up: takes away what is not true any more, then publishes everything. */
  opened(session: Session): void {
    // Before there is a session: what this sets is published below, once.
    this.#recall();
    this.#session = session;
    this.#uncertain = [];
    const held = new Set([...this.#leaves.keys()].map((key) => this.#topicOf(key, session)));
    const isUntrue = (topic: string): boolean => !held.has(topic) && !this.#isKept(topic, session);
    const untrue = [...this.#known].filter((topic) => isUntrue(topic) || this.#isPurged(topic));
    this.#condemned.clear();
    this.#former.clear();
    for (const topic of untrue) {
      if (pathOf(topic) === STATUS_PATH) this.#former.add(topic);
      this.#clearAtBroker(topic, 0);
    }
    for (const topic of this.#gone) if (!held.has(topic)) session.connection.publishOnce(topic, '', true);
    for (const [key, leaf] of this.#leaves) this.#publish(key, leaf, session);
  }

  closed(): void {
    this.#session = undefined;
    this.#uncertain = [];
    this.#inFlight.clear();
    this.#overtaken.clear();
  }

  #hold(key: string, qos: Quality): void {
    this.#leaves.set(key, { payload: undefined, qos });
    if (this.#session !== undefined) this.#remember(this.#topicOf(key, this.#session));
  }

  #set(key: string, leaf: Leaf, settled?: () => void): void {
    const before = this.#leaves.get(key);
    this.#leaves.set(key, leaf);
    if (this.#session === undefined) return;
    if (before?.payload === leaf.payload && settled === undefined) return;
    if (leaf.qos === 1 && settled === undefined && this.#inFlight.has(this.#topicOf(key, this.#session))) {
      this.#overtaken.add(key);
      return;
    }
    this.#publish(key, leaf, this.#session, settled);
  }

  #publish(key: string, { payload, qos }: Leaf, session: Session, settled?: () => void): void {
    const topic = this.#topicOf(key, session);
    this.#remember(topic);
    if (payload === undefined) return;
    if (qos === 0) session.connection.publishOnce(topic, payload, true);
    else this.#publishAcknowledged(session.connection, topic, payload, settled);
  }

  #publishAcknowledged(
    connection: Connection,
    topic: string,
    payload: string,
    settled: (() => void) | undefined,
  ): void {
    const cleared = this.#uncertain;
    this.#uncertain = [];
    const purges = [...this.#purges];
    this.#inFlight.set(topic, (this.#inFlight.get(topic) ?? 0) + 1);
    connection.publish(topic, payload, true, (refusal) => {
      const left = (this.#inFlight.get(topic) ?? 1) - 1;
      if (left === 0) this.#inFlight.delete(topic);
      else this.#inFlight.set(topic, left);
      // The broker has taken what came before it, too (MQTT 5, 4.6); of one that was refused unsent that is not known.
      if (refusal === undefined) this.#forget(cleared);
      else this.#uncertain.push(...cleared);
      if (refusal === undefined) this.#purged(purges);
      if (refusal === undefined) settled?.();
      // What waits for its turn must not be overtaken by what says something newer.
      if (left === 0) this.#catchUp(topic);
    });
  }

  #catchUp(topic: string): void {
    const session = this.#session;
    if (session === undefined || this.#overtaken.size === 0) return;
    for (const key of this.#overtaken) {
      if (this.#topicOf(key, session) !== topic) continue;
      this.#overtaken.delete(key);
      const leaf = this.#leaves.get(key);
      if (leaf !== undefined) this.#publish(key, leaf, session);
      return;
    }
  }

  #clear(key: string): void {
    const leaf = this.#leaves.get(key);
    this.#leaves.delete(key);
    if (this.#session === undefined) {
      this.#condemn(key);
      return;
    }
    const topic = this.#topicOf(key, this.#session);
    const isCleared = leaf === undefined && this.#condemned.has(topic);
    if (this.#known.has(topic) && !isCleared) this.#clearAtBroker(topic, leaf?.qos ?? 0);
  }

  /**
   * An empty retained message takes the retained one away (MQTT 3.1.1, 3.3.1.3). It has the quality of what it clears: one of
   * QoS 1 may have to wait, and a newer one of QoS 0 would be sent before it and then cleared.
   */
  #clearAtBroker(topic: string, qos: Quality): void {
    const connection = this.#session?.connection;
    if (connection === undefined) return;
    const clearing = this.#condemn(topic);
    if (qos === 1) {
      this.#publishAcknowledged(connection, topic, '', () => this.#forget([clearing]));
      return;
    }
    connection.publishOnce(topic, '', true);
    this.#uncertain.push(clearing);
  }

  #condemn(topic: string): Clearing {
    this.#clearings += 1;
    this.#condemned.set(topic, this.#clearings);
    return { topic, number: this.#clearings };
  }

  #topicOf(key: string, { device }: Session): string {
    return key.startsWith(BELOW_DEVICE) ? topicOf(device, key.slice(BELOW_DEVICE.length)) : key;
  }

  #isKept(topic: string, { device }: Session): boolean {
    const path = pathOf(topic);
    if (path === undefined || topicOf(device, path) !== topic) return false;
    if (this.#condemned.has(topic) || this.#condemned.has(BELOW_DEVICE + path)) return false;
    return this.#options.keeps?.(path) === true;
  }

  #isPurged(topic: string): boolean {
    return [...this.#purges.values()].some(({ fits }) => fits(topic));
  }

  #purged(purges: readonly (readonly [string, Purge])[]): void {
    for (const [name, purge] of purges) {
      if (this.#purges.get(name) !== purge) continue;
      this.#purges.delete(name);
      purge.settled();
    }
  }

  #recall(): void {
    if (this.#recalled) return;
    const topics = this.#options.memory.known();
    this.#recalled = topics !== undefined;
    if (topics === undefined) return;
    for (const topic of topics) this.#known.add(topic);
    this.#options.onRecalled?.(topics.map(pathOf).filter((path) => path !== undefined));
  }

  #remember(topic: string): void {
    this.#condemned.delete(topic);
    this.#former.delete(topic);
    if (this.#known.has(topic)) return;
    this.#known.add(topic);
    this.#options.memory.change({ added: [topic], removed: [] });
  }

  /** Unless it has been set again meanwhile, though it be cleared once more. */
  #forget(clearings: readonly Clearing[]): void {
    if (clearings.length === 0) return;
    const session = this.#session;
    const held = new Set(
      session === undefined ? [] : [...this.#leaves.keys()].map((key) => this.#topicOf(key, session)),
    );
    const removed = clearings
      .filter(({ topic, number }) => !held.has(topic) && this.#condemned.get(topic) === number)
      .filter(({ topic }) => !this.#former.has(topic))
      .flatMap(({ topic }) => (this.#known.delete(topic) ? [topic] : []));
    for (const topic of removed) {
      this.#condemned.delete(topic);
      this.#gone.add(topic);
    }
    for (const topic of this.#gone) {
      if (this.#gone.size <= GONE_MAX) break;
      this.#gone.delete(topic);
    }
    if (removed.length > 0) this.#options.memory.change({ added: [], removed });
  }
}

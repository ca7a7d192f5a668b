// What shares the connection to the broker: everything that subscribes or publishes beside the outbox is a channel of its
// own. Types, the matching of topic filters, and when the connection is too slow; knows no channel. Main thread.
import type { Connection } from './connection.ts';

/** One connection, from the moment it is up. */
export interface Session {
  readonly connection: Connection;
  /** First level of every topic of ours below `vedette/`. */
  readonly device: string;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** Kept by the broker from before the subscription; with `retainAsPublished`, to be kept by it at all. */
  readonly retain: boolean;
}

export interface Subscription {
  /** Whole topic, with the wildcards of MQTT. */
  readonly filter: string;
  readonly qos: 0 | 1;
  /** Messages that come while subscribed show whether they were sent as retained (MQTT 5 alone can tell). */
  readonly retainAsPublished?: boolean;
  readonly onMessage: (message: IncomingMessage) => void;
}

/** Told of every connection, the first and all others alike. */
export interface Channel {
  /** Made anew at every connect. */
  subscriptions?(device: string): readonly Subscription[];
  /** After status and the retained tree, before the outbox. */
  opened(session: Session): void;
  /** The daemon is about to say goodbye: the time for last words. */
  leaving?(): void;
  /** The connection is gone; nothing may be published until the next `opened`. */
  closed(): void;
}

/** With more unsent bytes than this a connection has no room for what may give way. */
const SLOW_BYTES = 256 * 1024;

/** Whether pictures, the perception feed and events for Frigate give way now. */
export function isSlow({ connection }: Session): boolean {
  return connection.bufferedBytes > SLOW_BYTES;
}

/** Whether a topic fits a filter (MQTT 5, 4.7.1). Topics that begin with `$` fit no wildcard in first place. */
export function matchesFilter(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

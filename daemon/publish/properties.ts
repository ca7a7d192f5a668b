// The properties that MQTT 5 adds to a message: what it is, how long it is worth something, and topics as numbers where they
// come often. Never used with 3.1.1. Pure, main thread; one TopicAliases per connection.
import type { IClientPublishOptions } from 'mqtt';

export type Properties = NonNullable<IClientPublishOptions['properties']>;

/** What the sender of a message adds to it. */
export interface Extras {
  /** The broker throws it away if it could not pass it on for so long (seconds). */
  readonly expiryS?: number;
  /** Many more on this topic follow. */
  readonly frequent?: boolean;
  /** Short. */
  readonly user?: Readonly<Record<string, string>>;
}

/** Of all properties of one message, the user's at most 60 of them. */
export const PROPERTIES_BYTES_MAX = 100;
const JPEG_START = 0xffd8;

/** Of a message with this payload. An empty one clears a retained topic and is nothing. */
export function propertiesOf(topic: string, payload: string | Buffer, extras: Extras = {}): Properties {
  const contentType = contentTypeOf(topic, payload);
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(typeof payload === 'string' && payload !== '' ? { payloadFormatIndicator: true } : {}),
    ...(extras.expiryS === undefined ? {} : { messageExpiryInterval: extras.expiryS }),
    ...(extras.user === undefined ? {} : { userProperties: { ...extras.user } }),
  };
}

function contentTypeOf(topic: string, payload: string | Buffer): string | undefined {
  if (payload.length === 0) return undefined;
  if (typeof payload === 'string') return payload.startsWith('{') ? 'application/json' : 'text/plain';
  if (payload.length > 2 && payload.readUInt16BE(0) === JPEG_START) return 'image/jpeg';
  return topic.endsWith('/cbor') ? 'application/cbor' : undefined;
}

/**
 * Numbers for topics (MQTT 5, 3.3.2.3.4): the first topics that come get one, as many as the broker takes. No other takes
 * their place: with more topics than numbers, taking turns would send each name again and again.
 */
export class TopicAliases {
  readonly #max: number;
  readonly #aliases = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The topic as it is sent: by name the first time, then by number alone. */
  for(topic: string): { readonly topic: string; readonly alias?: number } {
    const known = this.#aliases.get(topic);
    if (known !== undefined) return { topic: '', alias: known };
    if (this.#aliases.size >= this.#max) return { topic };
    const alias = this.#aliases.size + 1;
    this.#aliases.set(topic, alias);
    return { topic, alias };
  }
}

// Holds what a test receives against the documented contract, docs/asyncapi.yaml: no topic of ours that is not in there, no
// payload that its schema does not allow, no other quality of service, nothing retained that is not said to be.
import { decode } from 'cbor2';
import { asyncApiDocument, type DocumentedChannel, documentedChannels, withAnyId } from './asyncapi.ts';

export interface PublishedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
}

export interface Reception {
  /** Of the subscription: a broker passes on at most this quality (MQTT 5, 3.8.4). */
  readonly qos: number;
  /** The retain flag is the publisher's (MQTT 5, Retain As Published), not the broker's. */
  readonly retainAsPublished?: boolean;
}

/** First levels of the topics that are ours. */
const ROOTS: readonly string[] = ['vedette', 'homeassistant', 'frigate'];
const JPEG_BYTES_MAX = 4 * 1024 * 1024;

let all: readonly DocumentedChannel[] | undefined;
let idsMadeUp = false;
const known = new Map<string, DocumentedChannel | undefined>();

/**
 * For tests with a stand-in of the store: ids are the names by which the test tells its messages apart. Everything else is
 * held to the letter, and so are ids wherever they come from a daemon.
 */
export function allowMadeUpIds(): void {
  if (!idsMadeUp) all = undefined;
  idsMadeUp = true;
}

/** The documented channel of a topic. */
export function channelOf(topic: string): DocumentedChannel | undefined {
  if (all === undefined) {
    all = documentedChannels(idsMadeUp ? withAnyId(asyncApiDocument()) : undefined);
    known.clear();
  }
  if (!known.has(topic))
    known.set(
      topic,
      all.find(({ pattern }) => pattern.test(topic)),
    );
  return known.get(topic);
}

/** What is wrong with a message that a subscription brought; undefined when it is as documented, or not ours. */
export function checkMessage(
  { topic, payload, qos, retain }: PublishedMessage,
  reception: Reception = { qos: 1 },
): string | undefined {
  if (!ROOTS.includes(topic.split('/')[0]!)) return undefined;
  const channel = channelOf(topic);
  if (channel === undefined) return `${topic}: not in docs/asyncapi.yaml`;
  // What others send to us may be anything; what becomes of it is told by the answer.
  if (channel.action === 'receive') return undefined;
  if (retain && !channel.retain) return `${topic}: retained, and ${channel.name} is not documented so`;
  // An empty payload takes a retained message away (MQTT 5, 3.3.1.3).
  if (payload.length === 0 && channel.retain) return undefined;
  if (reception.retainAsPublished === true && !retain && channel.retain)
    return `${topic}: not retained, and ${channel.name} is documented so`;
  if (qos !== Math.min(channel.qos, reception.qos))
    return `${topic}: QoS ${qos} of a subscription of ${reception.qos}, and ${channel.name} has ${channel.qos}`;
  const problems: string[] = [];
  // The messages of one channel are all of one content type.
  const decoded = decodedAs(channel.messages[0]!.contentType, payload);
  for (const { problemOf } of channel.messages) {
    const problem = 'problem' in decoded ? decoded.problem : problemOf(decoded.value);
    if (problem === undefined) return undefined;
    problems.push(problem);
  }
  return `${topic}: ${problems.join('; ')}: ${payload.toString('utf8').slice(0, 1000)}`;
}

type Decoded = { readonly value: unknown } | { readonly problem: string };

function decodedAs(contentType: string, payload: Buffer): Decoded {
  switch (contentType) {
    case 'text/plain':
      return { value: payload.toString('utf8') };
    case 'image/jpeg':
      return jpeg(payload);
    case 'application/json':
    case 'application/cbor':
      try {
        return {
          value: contentType === 'application/json' ? JSON.parse(payload.toString('utf8')) : decode(payload),
        };
      } catch (error) {
        return { problem: `no ${contentType}: ${String(error)}` };
      }
    default:
      return { problem: `content type ${contentType} is unknown to these tests` };
  }
}

/** Start and end marker (ISO/IEC 10918-1, B.1.1.3) and the documented size. */
function jpeg(payload: Buffer): Decoded {
  const whole =
    payload.length >= 4 &&
    payload.readUInt16BE(0) === 0xffd8 &&
    payload.readUInt16BE(payload.length - 2) === 0xffd9;
  if (!whole) return { problem: 'no whole JPEG' };
  return payload.length > JPEG_BYTES_MAX ? { problem: `${payload.length} bytes of JPEG` } : { value: '' };
}

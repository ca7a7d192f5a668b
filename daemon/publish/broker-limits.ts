// What a broker of MQTT 5 says in its CONNACK that it takes, and so what it is given. A broker of 3.1.1 says nothing: only
// of our own it is known what it takes. Pure, main thread.
import type { IConnackPacket } from 'mqtt';

export interface BrokerLimits {
  /** Messages of QoS 1 that it takes before it has acknowledged one. */
  readonly receiveMax: number;
  readonly packetBytesMax: number;
  /** Topics that may be sent as a number. */
  readonly aliasesMax: number;
  readonly qosMax: 0 | 1;
  /** It keeps retained messages. */
  readonly retains: boolean;
}

export const NO_LIMITS: BrokerLimits = {
  receiveMax: 65_535,
  packetBytesMax: Number.POSITIVE_INFINITY,
  aliasesMax: 0,
  qosMax: 1,
  retains: true,
};

/**
 * MQTT 5, 3.2.2.3. Zero is a protocol error for the first two: not a reason to send nothing. `packetBytesMax` is what is known
 * of a broker that does not say it.
 */
export function limitsOf(
  { properties }: Pick<IConnackPacket, 'properties'>,
  packetBytesMax = NO_LIMITS.packetBytesMax,
): BrokerLimits {
  return {
    receiveMax: properties?.receiveMaximum || NO_LIMITS.receiveMax,
    packetBytesMax: properties?.maximumPacketSize || packetBytesMax,
    aliasesMax: properties?.topicAliasMaximum ?? NO_LIMITS.aliasesMax,
    qosMax: properties?.maximumQoS === 0 ? 0 : 1,
    retains: properties?.retainAvailable ?? NO_LIMITS.retains,
  };
}

/** What an owner should know of it; undefined for a broker that takes all we have. */
export function limitsWarning({ qosMax, retains }: BrokerLimits): string | undefined {
  const what = [
    ...(retains
      ? []
      : ['keeps no retained messages: who subscribes later does not see the state until it changes']),
    ...(qosMax === 1
      ? []
      : [
          'takes QoS 0 only: a message counts as delivered when the broker has answered a ping sent after it',
        ]),
  ];
  return what.length === 0 ? undefined : `the broker ${what.join(', and ')}`;
}

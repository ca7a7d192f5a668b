// What a broker holds for whoever subscribes now, once all that a retained tree has set so far has come to it.
import type { RetainedTree } from '../../daemon/publish/retained.ts';
import type { Mosquitto } from './mosquitto.ts';
import { Subscriber } from './subscriber.ts';

const MARKER = 'marker';
let asked = 0;

/** Payloads by topic. The marker is the last thing sent, and to a subscriber of QoS 0 everything is passed on in order. */
export async function heldAt(
  broker: Mosquitto,
  retained: RetainedTree,
  filter = 'vedette/#',
): Promise<Map<string, Buffer>> {
  const subscriber = await Subscriber.connect({ url: broker.url, filters: [filter, MARKER], qos: 0 });
  asked += 1;
  const mark = String(asked);
  retained.setTopic(MARKER, mark);
  await subscriber.waitFor('the marker', ({ topic, payload }) => topic === MARKER && payload === mark);
  await subscriber.close();
  return new Map([...subscriber.newest].filter(([topic, { length }]) => topic !== MARKER && length > 0));
}

// The perception feed through a real broker: which form goes where, and that nothing of it waits for a connection.
import { decode } from 'cbor2';
import { describe, expect } from 'vitest';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { observationOf, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const JSON_TOPIC = 'vedette/pi/camera/porch/detections';
const CBOR_TOPIC = `${JSON_TOPIC}/cbor`;

describe('the perception feed', () => {
  for (const [detectionsFormat, topics] of [
    ['json', [JSON_TOPIC]],
    ['cbor', [CBOR_TOPIC]],
    ['both', [JSON_TOPIC, CBOR_TOPIC]],
  ] as const) {
    testMosquitto(
      `as ${detectionsFormat} comes on ${topics.length} topic(s), one message a frame`,
      async () => {
        const broker = await Mosquitto.start();
        const subscriber = await Subscriber.connect({ url: broker.url });
        const { publisher, cameraStatus } = testPublisher({ url: broker.url, config: { detectionsFormat } });
        publisher.detections(observationOf('porch', 1));
        await publisher.start();
        await waitFor('the connection', () => publisher.state().connected);
        const tracks = [trackView({ id: 7, box: { x: 0.4, y: 0.2, width: 0.1, height: 0.3 } })];
        for (const frame of [2, 3]) publisher.detections({ ...observationOf('porch', frame), tracks });
        cameraStatus('marker', 'online');
        await subscriber.waitForCount('marker/status', 1);
        const feed = subscriber.messages.filter(({ topic }) => topic.includes('/detections'));
        expect(feed.map(({ topic }) => topic)).toEqual([...topics, ...topics]);
        const newest = topics.map((topic) => {
          const bytes = subscriber.newest.get(topic)!;
          return topic === CBOR_TOPIC ? decode(bytes) : JSON.parse(bytes.toString('utf8'));
        });
        for (const message of newest) {
          expect(message).toMatchObject({
            header: { frame_id: 'porch', seq: 3 },
            detections: [{ id: '7', bbox: { size_x: expect.closeTo(0.1, 5) } }],
            ageMs: expect.any(Number),
          });
        }
        expect(publisher.state().feedDropped).toBe(0);
      },
    );
  }
});

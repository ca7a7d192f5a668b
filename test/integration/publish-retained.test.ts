// The retained tree against a real broker: what it remembers over restarts of the daemon, and what it takes away.
import { describe, expect } from 'vitest';
import { isSnapshotPathOf } from '../../daemon/publish/topics.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

/** Topics that a broker holds, without those of the daemon itself. */
async function heldAt(broker: Mosquitto, { retained }: TestPublisher): Promise<string[]> {
  const subscriber = await Subscriber.connect({ url: broker.url, filters: ['vedette/#', 'other/#'] });
  retained.set('camera/marker/status', 'online');
  await subscriber.waitForCount('marker/status', 1);
  const held = [...subscriber.newest].flatMap(([topic, { length }]) => (length > 0 ? [topic] : []));
  return held.filter((topic) => !/\/(?:health|pi\/status|new\/status|marker\/status)$/.test(topic)).sort();
}

async function connected(world: TestPublisher): Promise<TestPublisher> {
  await world.publisher.start();
  await waitFor('the connection', () => world.publisher.state().connected);
  return world;
}

describe('a daemon that starts again', () => {
  testMosquitto('clears what it had set in its last life and does not say any more', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await connected(testPublisher({ url: broker.url, memory }));
    first.cameraStatus('gone', 'online');
    first.cameraStatus('porch', 'online');
    first.retained.setTopic('other/config', '{}');
    await first.publisher.stop();
    const second = testPublisher({ url: broker.url, memory });
    second.cameraStatus('porch', 'online');
    await connected(second);
    expect(await heldAt(broker, second)).toEqual(['vedette/pi/camera/porch/status']);
    await waitFor('the memory to follow', () => !memory.topics?.some((topic) => /gone|other/.test(topic)));
    expect(memory.topics).toContain('vedette/pi/camera/porch/status');
  });

  testMosquitto('keeps the pictures of its cameras until there are newer ones', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const keeps = (path: string): boolean => isSnapshotPathOf(['porch'], path);
    const first = await connected(testPublisher({ url: broker.url, memory, keeps }));
    first.picture('porch', { label: 'person', jpeg: new Uint8Array(100) });
    first.picture('gone', { label: 'person', jpeg: new Uint8Array(100) });
    await first.publisher.stop();
    const second = await connected(testPublisher({ url: broker.url, memory, keeps }));
    expect(await heldAt(broker, second)).toEqual([
      'vedette/pi/camera/porch/label/person/snapshot',
      'vedette/pi/camera/porch/snapshot',
    ]);
    second.pictures.forget('porch');
    second.retained.clear('camera/marker/status');
    expect(await heldAt(broker, second)).toEqual([]);
  });

  testMosquitto('pictures forgotten while the broker is away are cleared when it is back', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const keeps = (path: string): boolean => isSnapshotPathOf(['porch'], path);
    const first = await connected(testPublisher({ url: broker.url, memory, keeps }));
    first.picture('porch', { label: 'person', jpeg: new Uint8Array(100) });
    await first.publisher.stop();
    await broker.stop();
    const second = testPublisher({ url: broker.url, memory, keeps });
    second.pictures.forget('porch');
    await second.publisher.start();
    await broker.restart();
    await waitFor('the connection', () => second.publisher.state().connected);
    expect(await heldAt(broker, second)).toEqual([]);
  });

  testMosquitto(
    'under another name, with the broker away at that moment, leaves nothing behind',
    async () => {
      const broker = await Mosquitto.start({ persistent: true });
      const memory = new TopicNotes();
      const first = await connected(testPublisher({ url: broker.url, memory, device: 'old' }));
      first.cameraStatus('porch', 'online');
      await waitFor('all to be remembered', () => memory.topics?.length === 3);
      await broker.stop();
      await first.publisher.stop();
      const second = testPublisher({ url: broker.url, memory, device: 'new' });
      second.cameraStatus('porch', 'online');
      await second.publisher.start();
      await broker.restart();
      await waitFor('the connection', () => second.publisher.state().connected);
      const subscriber = await Subscriber.connect({ url: broker.url });
      second.retained.set('camera/marker/status', 'online');
      await subscriber.waitForCount('marker/status', 1);
      const old = [...subscriber.newest].filter(([topic, { length }]) => /\/old\//.test(topic) && length > 0);
      expect(old.map(([topic]) => topic)).toEqual([]);
    },
  );

  testMosquitto('whose database opens late clears at the next connect', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await connected(testPublisher({ url: broker.url, memory }));
    first.cameraStatus('gone', 'online');
    await first.publisher.stop();
    const { topics } = memory;
    memory.topics = undefined;
    const second = await connected(testPublisher({ url: broker.url, memory }));
    expect(await heldAt(broker, second)).toEqual(['vedette/pi/camera/gone/status']);
    memory.topics = topics;
    await broker.restart();
    await waitFor('the second connection', () => second.publisher.state().reconnects === 1);
    expect(await heldAt(broker, second)).toEqual([]);
  });
});
